"""
What a network looks at
=======================

Integrated gradients distribute the score of a class over the pixels: some speak for the class, some against
it, and their sum is the score itself, less that of an empty image.
"""

# %%
# A network for generated spirals: 240 by 40 persons to train on (seed 0), and 40 by 20 others (seed 1), of
# which some are looked at.
import matplotlib.pyplot as plt
import numpy as np

from sparsecnn import SparseCurveCNNClassifier
from sparsecnn.datasets import make_shaky_spirals
from sparsecnn.inspection import AttributionDisplay, integrated_gradients

train = make_shaky_spirals(240, image_shape=(48, 48), random_state=0)
test = make_shaky_spirals(
    40, image_shape=(48, 48), persons=range(40, 60), random_state=1
)
classifier = SparseCurveCNNClassifier(
    channels=(8, 16, 16), max_iter=20, finetune_iter=8, random_state=0
).fit(train.data, train.target_names[train.target])
print(
    f"accuracy on unseen persons: {classifier.score(test.data, test.target_names[test.target]):.1%}"
)

# %%
# Two regular and two shaky spirals of the test. Orange strokes speak for the class that is predicted, blue
# ones against it.
chosen = np.concatenate(
    [np.flatnonzero(test.target == label)[:2] for label in (0, 1)]
)
AttributionDisplay.from_estimator(
    classifier,
    test.data[chosen],
    test.target_names[test.target[chosen]],
    n_images=4,
)

# %%
# The sum is the score
# --------------------
#
# The attributions of an image add up to the difference between its score and that of an empty page: a check
# of the numbers, for all images of the test.
attributions = integrated_gradients(classifier, test.data)
empty = classifier.decision_function(np.zeros((1, 48 * 48), dtype="uint8"))
figure, ax = plt.subplots(figsize=(4.8, 4.4), layout="constrained")
for label, colour, marker in ((0, "#0072b2", "o"), (1, "#d55e00", "^")):
    own = test.target == label
    difference = classifier.decision_function(test.data[own]) - empty
    total = attributions[own].sum(axis=(1, 2))
    ax.scatter(
        difference,
        total,
        color=colour,
        marker=marker,
        s=22,
        label=test.target_names[label],
    )
ax.axline((0, 0), slope=1, color="0.6", linewidth=1, zorder=0)
ax.set(
    xlabel="score, less that of an empty page", ylabel="sum of the attributions"
)
ax.grid(alpha=0.3)
ax.legend()
