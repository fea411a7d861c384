"""
Words, spirals and drawings of the generators
=============================================

The package draws its own images: words in real fonts, spirals, and the drawings that tests of tremor use.
Each comes regular and shaky, and with the font or the person it is of. All pictures here are generated, from
seed 0.
"""

# %%
# Words
# -----
#
# Word, font, slant, weight, ink, blur and paper are drawn from the same distributions for both classes. Shaky
# words have a tremor in addition: its strength and frequency are parameters.
import matplotlib.pyplot as plt
import numpy as np

from sparsecnn import CurveImageTransformer
from sparsecnn.datasets import (
    DRAWING_KINDS,
    make_shaky_drawings,
    make_shaky_spirals,
    make_shaky_words,
)


def show(axes, sample, chosen):
    """Draw the chosen images, dark on bright, with their classes."""
    for ax, i in zip(axes, chosen, strict=True):
        ax.imshow(255 - sample.images[i], cmap="gray", vmin=0, vmax=255)
        ax.set(
            title=sample.target_names[sample.target[i]], xticks=[], yticks=[]
        )


words = make_shaky_words(
    40, image_shape=(48, 96), words=["amber", "river", "sound"], random_state=0
)
figure, axes = plt.subplots(2, 5, figsize=(10, 2.8), layout="constrained")
for row, label in zip(axes, (0, 1), strict=True):
    show(row, words, np.flatnonzero(words.target == label)[:5])

# %%
# The same three octaves of tremor from slow to fast: ``frequency`` is in cycles per letter.
figure, axes = plt.subplots(1, 4, figsize=(10, 1.6), layout="constrained")
for ax, frequency in zip(axes, (1, 2, 4, 8), strict=True):
    slow_to_fast = make_shaky_words(
        8,
        image_shape=(48, 96),
        words=["river"],
        fonts=words.groups[:1],
        frequency=frequency,
        random_state=0,
    )
    show([ax], slow_to_fast, np.flatnonzero(slow_to_fast.target == 1)[:1])
    ax.set_title(f"frequency={frequency}")

# %%
# Spirals
# -------
#
# A person's number is the same person in every call, with a hand of their own. Each column is one person, who
# drew twice.
spirals = make_shaky_spirals(12, persons=6, random_state=0)
figure, axes = plt.subplots(2, 6, figsize=(10, 3.7), layout="constrained")
for column, person in zip(axes.T, range(6), strict=True):
    show(column, spirals, np.flatnonzero(spirals.groups == person)[:2])
    column[0].set_title(f"person {person}, {column[0].get_title()}")
    column[1].set_title("")

# %%
# Drawings
# --------
#
# Five kinds of drawing are the default, with pen or pencil, on smooth or rough paper: above by regular, below
# by shaky persons.
figure, axes = plt.subplots(
    2, len(DRAWING_KINDS), figsize=(11, 4.9), layout="constrained"
)
for column, kind in zip(axes.T, DRAWING_KINDS, strict=True):
    drawings = make_shaky_drawings(
        8, drawings=kind, persons=4, severity=(0.4, 1.0), random_state=0
    )
    show(
        column,
        drawings,
        [np.flatnonzero(drawings.target == label)[0] for label in (0, 1)],
    )
    column[0].set_title(f"{kind}, {column[0].get_title()}")

# %%
# Hands and sheets
# ----------------
#
# With ``hands="recorded"``, size, slant, corners and speed of a person are measured on the pen paths of real
# people; ``"characters"`` are their characters. Pages may be forms with a printed guide, in colour, on ruled
# paper, and scanned or photographed.
sheets = [
    {"guide": "black", "pen": "blue", "capture": "scan"},
    {"guide": "gray", "pen": "red", "paper": "framed", "capture": "scan"},
    {"pen": "pencil", "paper": "squared", "capture": "phone"},
    {"pen": "blue", "paper": "lined", "capture": "phone"},
]
kinds = ("spiral", "meander", "characters", "word")
figure, axes = plt.subplots(3, 4, figsize=(10, 7.8), layout="constrained")
for column, kind, sheet in zip(axes.T, kinds, sheets, strict=True):
    pages = make_shaky_drawings(
        8,
        drawings=kind,
        image_shape=(200, 200),
        persons=4,
        hands="recorded",
        severity=(0.3, 0.8),
        random_state=0,
        **sheet,
    )
    chosen = [np.flatnonzero(pages.target == label)[0] for label in (0, 1)]
    for ax, i in zip(column, chosen, strict=False):
        ax.imshow(pages.images[i])
        ax.set_title(f"{kind}, {pages.target_names[pages.target[i]]}")
    ink = CurveImageTransformer(
        (100, 100), ink="pen" if sheet.get("guide") else "all"
    )
    column[2].imshow(
        1 - ink.transform(pages.images[chosen[1:]]).reshape(100, 100),
        cmap="gray",
    )
    column[2].set_title("ink of the pen, to the reader")
for ax in axes.flat:
    ax.set(xticks=[], yticks=[])

# %%
# Print and pen of different colours are told apart by ``ink="pen"``: the third row shows the drawing above it
# as a classifier gets it, without the guide.
