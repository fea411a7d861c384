"""Detect tremor in drawings of unseen persons, and draw where the evidence lies.

Thirty persons, half of them with a tremor, draw four waves each. The transformer makes lines bright where
they deviate from their own smoothed course. Each drawing is predicted by a network trained without that
person, and the intervals of the accuracy are over persons.
"""

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
from sklearn.metrics import accuracy_score
from sklearn.model_selection import StratifiedGroupKFold, cross_val_predict
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.utils import Bunch

from sparsecnn import CurveAugmentation, CurveImageTransformer, SparseCurveCNNClassifier
from sparsecnn.datasets import make_shaky_drawings
from sparsecnn.inspection import integrated_gradients
from sparsecnn.model_selection import average_by_group, bootstrap_interval

PAGE = (96, 256)
IMAGE = (24, 64)
PICTURE = "drawings.png"


def make_reader() -> Pipeline:
    """Return the transformer and the classifier in a pipeline."""
    network = SparseCurveCNNClassifier(
        channels=(16, 32, 32),
        augment=CurveAugmentation(flip=True),
        max_iter=36,
        finetune_iter=12,
        random_state=0,
    )
    return make_pipeline(CurveImageTransformer(IMAGE, unsteadiness=0.8), network)


def draw(reader: Pipeline, drawings: Bunch, probability: np.ndarray, chosen: np.ndarray) -> None:
    """Save a picture of the chosen drawings and of their evidence for (red) and against (blue) a tremor."""
    evidence = integrated_gradients(reader[-1], reader[:-1].transform(drawings.images[chosen]))
    figure, axes = plt.subplots(2, len(chosen), figsize=(3.2 * len(chosen), 3.2), layout="constrained")
    for column, index, found in zip(axes.T, chosen, evidence, strict=True):
        largest = np.abs(found).max()
        column[0].imshow(255 - drawings.images[index], cmap="gray")
        column[0].set_title(f"severity {drawings.severity[index]:.2f}, predicted {probability[index]:.2f}")
        column[1].imshow(found, cmap="RdBu_r", vmin=-largest, vmax=largest)
        for ax in column:
            ax.set(xticks=[], yticks=[])
    figure.savefig(PICTURE, dpi=110)


def main() -> None:
    drawings = make_shaky_drawings(
        120, drawings="wave", image_shape=PAGE, persons=30, severity=(0.3, 1.0), random_state=0
    )
    pages, y, persons = drawings.images, drawings.target, drawings.groups
    folds = StratifiedGroupKFold(5)
    probability = cross_val_predict(
        make_reader(), pages, y, groups=persons, cv=folds, method="predict_proba"
    )[:, 1]

    def accuracy(y: np.ndarray, probability: np.ndarray) -> float:
        return accuracy_score(y, probability > 0.5)

    images = bootstrap_interval(accuracy, y, probability, groups=persons, random_state=0)
    means = average_by_group(probability, persons, y)
    by_person = bootstrap_interval(accuracy, means.target, means.proba, groups=means.groups, random_state=0)
    for name, found in (("drawings", images), ("persons", by_person)):
        print(f"{name} right: {found.value:.1%}, 95 % interval {found.low:.1%} to {found.high:.1%}")

    reader = make_reader().fit(pages, y)
    print(f"zeros among the fully connected weights: {reader[-1].sparsity_:.1%}")
    order = np.argsort(probability)
    draw(reader, drawings, probability, order[[0, len(order) // 2, -1]])


if __name__ == "__main__":
    main()
