"""The display of what speaks for and against a class."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
from classifiers import quick
from conftest import make_stripes
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline

from sparsecnn import CurveImageTransformer
from sparsecnn.datasets import make_shaky_drawings
from sparsecnn.inspection import AttributionDisplay, integrated_gradients


@pytest.fixture(scope="module")
def data():
    return make_stripes(60, random_state=0)


@pytest.fixture(scope="module")
def classifier(data):
    return quick(max_iter=4, finetune_iter=2, batch_size=20).fit(*data)


def test_display_draws_images_and_attributions_of_the_predicted_class(classifier, data):
    X, y = data
    display = AttributionDisplay.from_estimator(classifier, X, y, n_images=6)
    predicted = classifier.predict(X[:6])
    assert len(set(predicted)) == 2
    assert display.axes_.shape == (2, 6)
    for i in range(6):
        np.testing.assert_array_equal(display.axes_[0, i].images[0].get_array(), X[i] / 255)
        drawn = display.attribution_images_[i].get_array()
        expected = integrated_gradients(classifier, X[i : i + 1], target=predicted[i])[0]
        np.testing.assert_allclose(drawn, expected, atol=1e-5)
        top = classifier.predict_proba(X[i : i + 1]).max()
        assert display.axes_[0, i].get_title() == f"{predicted[i]} ({top:.0%})\ntrue: {y[i]}"
    low, high = display.attribution_images_[0].get_clim()
    assert low == -high


def test_attributions_of_a_given_class(classifier, data):
    X, _ = data
    display = AttributionDisplay.from_estimator(classifier, X, target="down", n_images=3)
    expected = integrated_gradients(classifier, X[:3], target="down")
    np.testing.assert_allclose(display.attributions, expected, atol=1e-5)
    assert "true" not in display.axes_[0, 0].get_title()


def test_classes_of_integers_and_flat_images(data):
    X, y = data
    flat, numbers = X.reshape(len(X), -1), (y == "down").astype(int)
    classifier = quick(max_iter=2, finetune_iter=1, batch_size=20).fit(flat, numbers)
    display = AttributionDisplay.from_estimator(classifier, flat, numbers, n_images=2)
    assert display.images.shape == (2, 16, 16)


def test_pages_of_a_pipeline_are_drawn_as_it_transforms_them():
    drawings = make_shaky_drawings(12, random_state=0)
    pages = [255 - page for page in drawings.images]
    classifier = quick(max_iter=1, finetune_iter=1, batch_size=6)
    pipeline = make_pipeline(CurveImageTransformer((16, 16)), classifier)
    search = GridSearchCV(pipeline, {}, cv=2).fit(pages, drawings.target)
    images = search.best_estimator_[0].transform(pages[:2])
    for estimator in (search, search.best_estimator_, make_pipeline(search)):
        if not hasattr(estimator, "classes_"):
            estimator.fit(pages, drawings.target)
        display = AttributionDisplay.from_estimator(estimator, pages, drawings.target, n_images=2)
        np.testing.assert_allclose(
            display.images.reshape(2, -1), images / np.float64(images.max() or 1), atol=1
        )
        assert display.axes_.shape == (2, 2)


def test_display_shows_all_images_where_there_are_few(classifier, data):
    display = AttributionDisplay.from_estimator(classifier, data[0][:1])
    assert display.axes_.shape == (2, 1)
    assert display.axes_[0, 0].get_title()


def test_curves_in_one_row_are_drawn():
    X = np.random.default_rng(0).normal(size=(40, 1, 64))
    fitted = quick(max_iter=1, finetune_iter=1, batch_size=20).fit(X, [0, 1] * 20)
    display = AttributionDisplay.from_estimator(fitted, X, n_images=2)
    assert display.attributions.shape == (2, 1, 64)
    assert display.axes_[1, 0].get_aspect() == "auto"
    display.figure_.canvas.draw()


def test_images_without_attribution_are_drawn():
    display = AttributionDisplay(np.zeros((2, 4, 4)), np.zeros((2, 4, 4))).plot()
    assert display.attribution_images_[0].get_clim() == (-1, 1)
    display.figure_.canvas.draw()


def test_display_draws_into_given_axes_and_passes_options(classifier, data):
    figure, axes = plt.subplots(2, 2)
    display = AttributionDisplay.from_estimator(classifier, data[0], n_images=2, ax=axes, vmax=0.5)
    assert display.axes_.tolist() == axes.tolist()
    assert display.figure_ is figure
    assert display.attribution_images_[1].get_clim()[1] == 0.5


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"n_images": 0}, ValueError, "n_images == 0"),
        ({"n_images": "all"}, TypeError, "n_images"),
        ({"target": "up"}, ValueError, "target must be one of the 2 classes"),
        ({"target": ["down"]}, ValueError, "target must be one of the 2 classes"),
        ({"y": ["down"]}, ValueError, "inconsistent numbers of samples"),
    ],
)
def test_display_refuses_bad_arguments(classifier, data, options, error, message):
    with pytest.raises(error, match=message):
        AttributionDisplay.from_estimator(classifier, data[0], **options)


def test_display_needs_a_fitted_classifier(data):
    with pytest.raises(NotFittedError, match="not fitted yet"):
        AttributionDisplay.from_estimator(quick(), data[0])
    other = LogisticRegression().fit([[0.0], [1.0]], [0, 1])
    with pytest.raises(TypeError, match="got a fitted LogisticRegression"):
        AttributionDisplay.from_estimator(other, data[0])
