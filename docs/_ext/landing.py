"""What the landing page shows is made by the package while the documentation is built."""

from pathlib import Path

import matplotlib.pyplot as plt

from sparsecnn import SparseCurveCNNClassifier
from sparsecnn.datasets import make_shaky_spirals, make_shaky_words
from sparsecnn.export import to_html
from sparsecnn.inspection import SparsityPathDisplay
from sparsecnn.model_selection import sparsity_path
from sparsecnn.pretrained import load_reader

# Both themes have the same pictures, in other colours.
THEMES = {"light": {"text.color": "#222832", "image.cmap": "gray_r"}, "dark": {"image.cmap": "gray"}}
SPARSITIES = [0, 0.5, 0.7, 0.8, 0.85, 0.9, 0.93, 0.95, 0.96]


def draw_pictures(app):
    """Draw the pictures of the landing page for both themes, unless they are there from an earlier build."""
    folder = Path(app.srcdir, "_build", "landing")
    if app.builder.format != "html" or (folder / "tradeoff-dark.png").exists():
        return
    folder.mkdir(parents=True, exist_ok=True)
    words, tradeoff = shaky_words(), tradeoff_display()
    for theme, settings in THEMES.items():
        with plt.style.context([*(["dark_background"] if theme == "dark" else []), settings]):
            save(draw_words(words), folder / f"words-{theme}.png")
            save(draw_tradeoff(tradeoff), folder / f"tradeoff-{theme}.png")


def save(figure, path):
    """Save a figure on nothing, so that the page shows through."""
    figure.savefig(path, dpi=220, transparent=True)
    plt.close(figure)


def shaky_words():
    """Return generated words of both classes by name: the first four of each."""
    words = make_shaky_words(40, image_shape=(64, 128), scales=1, random_state=3)
    names = enumerate(words.target_names)
    return {name: words.images[words.target == label][:4] for label, name in names}


def draw_words(words):
    """Draw a row of words for each class."""
    figure, axes = plt.subplots(2, 4, figsize=(6.4, 1.8), layout="constrained")
    for row, (name, images) in zip(axes, words.items(), strict=True):
        for ax, image in zip(row, images, strict=True):
            ax.imshow(image)
            ax.set_axis_off()
        row[0].text(
            -0.08, 0.5, name, transform=row[0].transAxes, rotation=90, ha="right", va="center", size=12
        )
    return figure


def draw_tradeoff(display):
    """Draw accuracy against the weights that are left."""
    ax = plt.subplots(figsize=(4.8, 3.2), layout="constrained")[1]
    display.plot(ax=ax)
    ax.set(xlabel="weights left (%)", ylabel="accuracy on other persons")
    return ax.figure


def tradeoff_display():
    """Measure a path over all weights on spirals of persons that it was not trained on."""
    estimator = SparseCurveCNNClassifier(penalized="all", channels=(8, 16, 16), random_state=0)
    train = make_shaky_spirals(600, persons=40, image_shape=(32, 32), random_state=0)
    test = make_shaky_spirals(1000, persons=100, image_shape=(32, 32), random_state=1)
    path = sparsity_path(train.images, train.target, estimator=estimator, sparsities=SPARSITIES)
    return SparsityPathDisplay.from_path(path, test.images, test.target)


def write_reader(app, exception):
    """Write the live page of the ready reader of words beside the landing page."""
    if exception is None and app.builder.format == "html":
        note = "Draw or drop one word of up to eight letters. Not a diagnosis."
        to_html(load_reader("words"), Path(app.outdir, "reader.html"), title="Is this word shaky?", note=note)


def setup(app):
    app.connect("builder-inited", draw_pictures)
    app.connect("build-finished", write_reader)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
