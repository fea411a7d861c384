"""The picture of the README: drawings by persons that the ready reader has never seen, and its answers.

Its training knew the generated persons 0 to 1,999; ``train_readers.py`` measures how often it is right.
"""

from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np

from sparsecnn.datasets import make_shaky_drawings
from sparsecnn.pretrained import load_reader

PICTURE = Path(__file__).parent.parent / "docs" / "_static" / "answers.png"
KINDS = "spiral", "meander", "loops", "word", "wave"
PAGE = (176, 224)
PERSONS = range(2_600, 2_640)
COLOURS = {"regular": "#0072b2", "shaky": "#d55e00"}


def first_of_each_class(kind):
    """Return a drawing without and one with a tremor, as pages of dark ink."""
    drawings = make_shaky_drawings(
        40, drawings=kind, image_shape=PAGE, persons=PERSONS, severity=(0.6, 1.0), random_state=0
    )
    return [255 - drawings.images[np.flatnonzero(drawings.target == label)[0]] for label in (0, 1)]


def main():
    reader = load_reader("drawings")
    figure, axes = plt.subplots(2, len(KINDS), figsize=(10, 3.9), layout="constrained", facecolor="white")
    for column, kind in zip(axes.T, KINDS, strict=True):
        pages = first_of_each_class(kind)
        probabilities = reader.predict_proba(pages)
        for ax, drawing, proba, truth in zip(column, pages, probabilities, COLOURS, strict=True):
            answer = reader.classes_[proba.argmax()]
            ax.imshow(drawing, cmap="gray")
            ax.set_title(f"{answer}, {proba.max():.1%}", color=COLOURS[answer], fontsize=12)
            ax.set_axis_off()
            print(f"{kind} of a {truth} hand: {answer}, {proba.max():.1%}")
    figure.savefig(PICTURE, dpi=110)
    print(f"Saved {PICTURE.name}.")


if __name__ == "__main__":
    main()
