"""
Groups, and channels taken out
==============================

Zeros that are scattered make a file smaller, but no network faster. Penalties of groups empty whole channels,
and ``compress`` takes them out: what is left is a smaller network with the same predictions.
"""

# %%
# 300 generated spirals by 40 persons to train on (seed 0), 300 by 60 others to test on (seed 1).
import matplotlib.pyplot as plt
import numpy as np

from sparsecnn import SparseCurveCNNClassifier
from sparsecnn.datasets import make_shaky_spirals
from sparsecnn.export import compress
from sparsecnn.inspection import NetworkReport

train = make_shaky_spirals(300, image_shape=(32, 32), random_state=0)
test = make_shaky_spirals(
    300, image_shape=(32, 32), persons=range(40, 100), random_state=1
)

# %%
# Three ways to be sparse: single weights; channels, until a tenth of the multiply-adds is left; and both.
ways = {
    "dense": {"penalty": None},
    "single weights": {"penalty": "l0", "target_sparsity": 0.9},
    "channels": {"penalty": "group_l0", "target_macs": 0.1},
    "both": {
        "penalty": "sparse_group_l0",
        "target_macs": 0.1,
        "target_sparsity": 0.97,
    },
}
fitted = {
    name: SparseCurveCNNClassifier(
        penalized="all",
        channels=(16, 32, 32),
        max_iter=16,
        finetune_iter=16,
        random_state=0,
        **way,
    ).fit(train.data, train.target)
    for name, way in ways.items()
}
reports = {
    name: NetworkReport.from_estimator(classifier)
    for name, classifier in fitted.items()
}
for name, classifier in fitted.items():
    print(
        f"{name:15} accuracy {classifier.score(test.data, test.target):.1%} on unseen persons"
    )

# %%
# What the zeros are worth
# ------------------------
#
# Living multiply-adds are those between channels that carry something from the image to the answer: only they
# cost time. Bytes count the weights that are not zero, and their positions.
figure, axes = plt.subplots(
    1, 2, figsize=(10, 3.4), sharey=True, layout="constrained"
)
for ax, attribute, unit, label in (
    (
        axes[0],
        "living_macs",
        1e6,
        "living multiply-adds for one image (millions)",
    ),
    (axes[1], "sparse_bytes", 1e3, "non-zero weights and their positions (kB)"),
):
    values = [
        getattr(report.totals, attribute) / unit for report in reports.values()
    ]
    bars = ax.barh(
        list(reports),
        values,
        color=["#b8b8b8", "#e69f00", "#0072b2", "#009e73"],
    )
    ax.bar_label(bars, fmt="%.2f", padding=3)
    ax.margins(x=0.15)
    ax.set(xlabel=label)
axes[0].invert_yaxis()

# %%
# Before and after
# ----------------
#
# The network of few channels before removal: the dead channels are zeros that are still computed.
NetworkReport.from_estimator(fitted["channels"])

# %%
# After it, the channels are gone, and the probabilities are the same but for rounding.
small = compress(fitted["channels"])
difference = np.abs(
    small.predict_proba(test.data) - fitted["channels"].predict_proba(test.data)
).max()
print(f"largest difference of a probability: {difference:.1e}")

# %%
NetworkReport.from_estimator(small)

# %%
# Layer by layer, on one scale: a layer that reads and writes fewer channels shrinks with their product.
figure, axes = plt.subplots(
    2, 1, figsize=(7.5, 6), sharex=True, layout="constrained"
)
reports["channels"].plot(ax=axes[0])
NetworkReport.from_estimator(small).plot(ax=axes[1])
for ax, title in zip(axes, ("before", "after"), strict=True):
    ax.set_ylabel(title)
axes[0].set_xlabel("")
