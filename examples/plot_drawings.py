"""Reading tremor from drawings: judge persons never seen, and see where the evidence lies.

A small study, as clinics have them: thirty persons draw four waves each, half of them with a tremor. The
transformer makes lines bright where they depart from their own smoothed course. Every person is judged by a
network that saw no drawing of that person, and the interval of the accuracy is one over persons.
"""

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
from sklearn.metrics import accuracy_score
from sklearn.model_selection import StratifiedGroupKFold, cross_val_predict
from sklearn.pipeline import make_pipeline

from sparsecnn import CurveImageTransformer, SparseCurveCNNClassifier
from sparsecnn.datasets import make_shaky_drawings
from sparsecnn.inspection import evidence_map
from sparsecnn.model_selection import average_by_group, bootstrap_groups

PAGE = (96, 256)
IMAGE = (24, 64)
PICTURE = "drawings.png"


def make_reader():
    network = SparseCurveCNNClassifier(
        channels=(16, 32, 32), image_shape=IMAGE, augment="flip", max_iter=36, refine_iter=12, random_state=0
    )
    return make_pipeline(CurveImageTransformer(IMAGE, unsteadiness=0.8), network)


def draw(reader, drawings, probability, chosen):
    """Save the chosen drawings with what speaks for (red) and against (blue) a tremor."""
    evidence = evidence_map(reader[-1], reader[:-1].transform(drawings.images[chosen]))
    figure, axes = plt.subplots(2, len(chosen), figsize=(3.2 * len(chosen), 3.2), layout="constrained")
    for column, index, found in zip(axes.T, chosen, evidence, strict=True):
        largest = np.abs(found).max()
        column[0].imshow(255 - drawings.images[index], cmap="gray")
        column[0].set_title(f"severity {drawings.severity[index]:.2f}, read as {probability[index]:.2f}")
        column[1].imshow(found, cmap="RdBu_r", vmin=-largest, vmax=largest)
        for ax in column:
            ax.set(xticks=[], yticks=[])
    figure.savefig(PICTURE, dpi=110)


def main():
    drawings = make_shaky_drawings(
        120, kinds="wave", image_shape=PAGE, persons=30, severity=(0.3, 1.0), random_state=0
    )
    pages, y, persons = drawings.images, drawings.target, drawings.groups
    folds = StratifiedGroupKFold(5)
    probability = cross_val_predict(
        make_reader(), pages, y, groups=persons, cv=folds, method="predict_proba"
    )[:, 1]

    def accuracy(y, probability):
        return accuracy_score(y, probability > 0.5)

    images = bootstrap_groups(accuracy, y, probability, persons, random_state=0)
    judged = average_by_group(probability, persons, y)
    by_person = bootstrap_groups(accuracy, judged.target, judged.proba, judged.groups, random_state=0)
    for name, found in (("drawings", images), ("persons", by_person)):
        print(f"{name} right: {found.value:.1%}, 95 % interval {found.low:.1%} to {found.high:.1%}")

    reader = make_reader().fit(pages, y)
    print(f"zeros among the fully connected weights: {reader[-1].sparsity_:.1%}")
    order = np.argsort(probability)
    draw(reader, drawings, probability, order[[0, len(order) // 2, -1]])


if __name__ == "__main__":
    main()
