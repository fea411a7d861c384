"""
From a page to what the network sees
====================================

:class:`~sparsecnn.CurveImageTransformer` finds the ink on a page, crops and centres it, and reduces it to a
small image. In that, a tremor would vanish; so the transformer can measure it on the page, before the image
is reduced.
"""

# %%
# Four generated drawings (seed 0) become pages: dark ink on grey paper, with a shadow across it, as a
# telephone would photograph them. The first and the third are by regular persons, the others by shaky ones.
import matplotlib.pyplot as plt
import numpy as np

from sparsecnn import CurveImageTransformer
from sparsecnn.datasets import make_shaky_drawings
from sparsecnn.inspection import CurveImageDisplay

shadow = 0.95 - 0.35 * np.linspace(0, 1, 390) ** 2
pages, classes = [], []
for kind in ("spiral", "wave"):
    drawn = make_shaky_drawings(
        2,
        drawings=kind,
        image_shape=(300, 390),
        persons=2,
        severity=0.7,
        random_state=0,
    )
    for label in (0, 1):
        image = drawn.images[drawn.target == label][0]
        pages.append(((235 - 0.7 * image) * shadow).astype("uint8"))
        classes.append(drawn.target_names[label])

# %%
# The ink alone: the shape of the lines is there, but at 32 pixels little is left of a tremor.
CurveImageDisplay.from_transformer(CurveImageTransformer((32, 40)), pages)

# %%
# With ``unsteadiness``, lines are bright where their direction departs from that of their smoothed course.
CurveImageDisplay.from_transformer(
    CurveImageTransformer((32, 40), unsteadiness=0.8), pages
)

# %%
# Over what length the course is smoothed is a parameter, a fraction of the drawing's side: short lengths
# answer to fine tremor, long ones also to the bends that belong to the drawing.
scales = (1 / 76, 1 / 38, 1 / 19, 1 / 9.5)
figure, axes = plt.subplots(
    len(pages), 1 + len(scales), figsize=(10, 6.4), layout="constrained"
)
for row, page, name in zip(axes, pages, classes, strict=True):
    row[0].imshow(page, cmap="gray", vmin=0, vmax=255)
    row[0].set_ylabel(name)
    for ax, scale in zip(row[1:], scales, strict=True):
        transformer = CurveImageTransformer(
            (32, 40), unsteadiness=1, unsteadiness_scale=scale
        )
        ax.imshow(transformer.transform([page]).reshape(32, 40), cmap="gray")
for ax in axes.flat:
    ax.set(xticks=[], yticks=[])
axes[0, 0].set_title("page")
for ax, scale in zip(axes[0, 1:], scales, strict=True):
    ax.set_title(f"scale 1/{1 / scale:g}")

# %%
# On a form, the pen follows a printed guide. In gray, both are one ink, of which the print is the darker, and
# the crop follows it. Where pen and print differ in colour, ``ink="pen"`` shows the pen alone, and continues
# its line where the print covers it.
blue, tint = np.array([0.25, 0.3, 0.8]), np.array([0.97, 0.96, 0.92])
forms = []
for page in pages:
    pen = np.clip((235 * shadow - page) / (110 * shadow), 0, 1)[..., np.newaxis]
    guide = np.zeros((300, 390, 1))
    guide[140:144, 20:370] = guide[20:280, 195:199] = 1
    light = (1 - pen * (1 - blue)) * (1 - 0.85 * guide) * shadow[:, np.newaxis]
    forms.append((255 * tint * light).astype("uint8"))

CurveImageDisplay.from_transformer(
    CurveImageTransformer((64, 80), ink="pen"), forms
)
