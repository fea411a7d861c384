"""
Drawings on a printed form
==========================

On a gray scan, a pen that follows a printed guide and the guide itself are one ink.
:class:`~sparsecnn.preprocessing.PrintedFormRemover` finds the print as what all pages share, takes it off,
and continues the pen's line where the print hid it.
"""

# %%
# Eight generated pages: a guide, a frame and a caption, printed a little turned and shifted on each, and a
# pen that follows the guide. The pens of the later pages are the less steady ones.
import matplotlib.pyplot as plt
import numpy as np
from PIL import Image, ImageDraw
from sklearn.pipeline import make_pipeline

from sparsecnn import CurveImageTransformer
from sparsecnn.preprocessing import PrintedFormRemover

rng = np.random.default_rng(0)
angle = np.linspace(0.3, 1, 2000) * 6 * np.pi


def spiral(wobble):
    """Return the points of a spiral, in parts of the page's side."""
    radii = 0.36 * angle / angle[-1] + wobble
    return np.stack([radii * np.cos(angle), radii * np.sin(angle)], axis=1)


def draw_page(wobble):
    """Return a gray page, a little turned and shifted."""
    page = Image.new("L", (1280, 1280), 235)
    draw = ImageDraw.Draw(page)

    def line(points, width, ink):
        draw.line(
            [tuple(640 + 1280 * p) for p in points], ink, width, joint="curve"
        )

    line(spiral(wobble), 14, 70)
    line(spiral(0), 14, 30)
    draw.rectangle((80, 80, 1200, 1200), outline=30, width=8)
    draw.text((130, 110), "Trace it", fill=30, font_size=80)
    turn, shift = rng.uniform(-3, 3), tuple(rng.uniform(-25, 25, 2))
    page = page.rotate(
        turn, Image.Resampling.BICUBIC, translate=shift, fillcolor=235
    )
    return np.asarray(page.resize((320, 320), Image.Resampling.BOX))


pages = []
for severity in np.linspace(0, 1, 8):
    slow = np.sin(0.8 * angle + rng.uniform(0, 6)) * rng.uniform(0.015, 0.025)
    fast = np.sin(9 * angle + rng.uniform(0, 6)) * 0.008 * severity
    pages.append(draw_page(slow + fast))

# %%
# The print is found on the first six pages, the training pages; the last two are new. `guide_` is the part of
# the print that pens follow. Where a line runs under the print for long, or to its end, it is lost.
remover = PrintedFormRemover().fit(pages[:6])
distance = PrintedFormRemover("distance", reach=0.06).fit(pages[:6])
shown = (0, 4, 6, 7)
columns = [pages[i] for i in shown]
rows = {
    "page": columns,
    "without print": remover.transform(columns),
    "distance": distance.transform(columns),
}
figure, axes = plt.subplots(3, 5, figsize=(10, 6.2), layout="constrained")
for row, (name, images) in zip(axes, rows.items(), strict=True):
    for ax, image in zip(row[1:], images, strict=True):
        ax.imshow(image, cmap="gray", vmin=0, vmax=255)
    row[1].set_ylabel(name)
axes[0, 0].imshow(remover.template_, cmap="gray", vmin=0, vmax=255)
axes[0, 0].set_title("template_")
axes[1, 0].imshow(~remover.guide_, cmap="gray")
axes[1, 0].set_title("guide_")
axes[2, 0].axis("off")
for ax in axes.flat:
    ax.set(xticks=[], yticks=[])

# %%
# In a pipeline, images of the pen follow: here, of its unsteadiness. Of distances, the brightness is relative
# to that of the page's most distant lines.
unsteadiness = CurveImageTransformer((48, 48), unsteadiness=1)
whole = CurveImageTransformer((48, 48), crop=False)
figure, axes = plt.subplots(2, 4, figsize=(8, 4.2), layout="constrained")
for row, steps in zip(
    axes, ((remover, unsteadiness), (distance, whole)), strict=True
):
    images = make_pipeline(*steps).transform(columns)
    for ax, image in zip(row, images, strict=True):
        ax.imshow(image.reshape(48, 48), cmap="gray")
        ax.set(xticks=[], yticks=[])
axes[0, 0].set_ylabel("unsteadiness")
axes[1, 0].set_ylabel("distance")
