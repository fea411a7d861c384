"""What benchmarks of drawings share: views of a page, networks, and histograms of gradients."""

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from sparsecnn import (
    CurveAugmentation,
    CurveImageTransformer,
    SparseCurveCNNClassifier,
    SparseCurveEnsemble,
)

# The ink, and its unsteadiness at four scales. The first is the finest that a scan of 256 pixels shows; each
# is twice the previous one.
VIEWS = "ink", 1 / 76, 1 / 38, 1 / 19, 1 / 9.5


def name_of_view(view):
    """Return how a view is called in tables."""
    return view if view == "ink" else f"1/{1 / view:g}"


def draw_views(image_shape, ink="all"):
    """Return a transformer that draws each page in every view."""
    return CurveImageTransformer(image_shape, ink=ink, unsteadiness=0.8, views=VIEWS, dtype="uint8")


def make_network(image_shape, seed, precision="auto", **params):
    """Return the network of all recipes, with fewer filters than by default, for a hundred drawings."""
    return SparseCurveCNNClassifier(
        channels=(16, 32, 32),
        image_shape=image_shape,
        augment=CurveAugmentation(flip=True),
        batch_size=64,
        class_weight="balanced",
        precision=precision,
        random_state=seed,
        **{"solver": "adam", "max_iter": 24, "finetune_iter": 8} | params,
    )


def make_recipe(seed, precision="auto"):
    """Return an ensemble whose members see the views that cross-validation chooses."""
    ensemble = SparseCurveEnsemble(random_state=seed)
    return ensemble.set_params(estimator__precision=precision)


def hog(images):
    """Return the histograms of oriented gradients of images."""
    from skimage.feature import hog as hog_of_image

    return np.array([hog_of_image(image, pixels_per_cell=(16, 16)) for image in images])


def hog_of_files(transformer):
    """Return a transformer of files to the histograms of the images that `transformer` makes of them."""
    shape = transformer.image_shape
    return make_pipeline(transformer, FunctionTransformer(lambda X: hog(X.reshape(-1, *shape))))


def logistic_regression():
    """Return a logistic regression of features on one scale."""
    return make_pipeline(StandardScaler(), LogisticRegression(max_iter=5000))
