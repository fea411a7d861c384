"""
λ against sparsity under each penalty
=====================================

λ is not a scale that penalties share: the λ that removes nine of ten weights under one of them removes all or
none under another. This example measures, for every penalty of single weights, which λ leads to which
sparsity.
"""

# %%
# 200 generated spirals by 30 persons (seed 0) to train on, and 400 by 40 other persons (seed 1) to test on.
import matplotlib.pyplot as plt
import numpy as np

from sparsecnn import SparseCurveCNNClassifier
from sparsecnn.datasets import make_shaky_spirals
from sparsecnn.model_selection import sparsity_path
from sparsecnn.penalties import PENALTIES

train = make_shaky_spirals(
    200, image_shape=(32, 32), persons=range(30), random_state=0
)
test = make_shaky_spirals(
    400, image_shape=(32, 32), persons=range(30, 70), random_state=1
)
quick = SparseCurveCNNClassifier(
    channels=(8, 16, 16), max_iter=6, finetune_iter=2, random_state=0
)

# %%
# A path visits all sparsities in one run, and notes the λ of each. Penalties of groups and of binary weights
# are left out.
targets = [0.5, 0.7, 0.8, 0.9, 0.95]
names = [
    "l0",
    "l_half",
    "l1",
    "tl1",
    "l1_minus_l2",
    "scad",
    "mcp",
    "log_sum",
    "capped_l1",
]
paths = {}
for name in names:
    estimator = quick.set_params(penalty=name)
    paths[name] = sparsity_path(
        train.data, train.target, estimator=estimator, sparsities=targets
    )
    at_90 = targets.index(0.9)
    print(
        f"{name:12} λ at 90 % zeros: {paths[name].lams[at_90]:.2g}   {PENALTIES[name]()}"
    )

# %%
# Left: λ differs by orders of magnitude. Right: at equal sparsity, the accuracies on persons who were not
# trained on lie close together, so it is λ that has to be chosen anew with each penalty, or left to
# ``target_sparsity``.
colours = [
    "#0072b2",
    "#e69f00",
    "#009e73",
    "#cc79a7",
    "#56b4e9",
    "#d55e00",
    "#000000",
    "#7f7f7f",
    "#8c6d1f",
]
figure, (left, right) = plt.subplots(
    1, 2, figsize=(11, 4.6), layout="constrained"
)
for name, colour, marker in zip(names, colours, "osv^D<>PX", strict=True):
    path = paths[name]
    style = {
        "color": colour,
        "marker": marker,
        "markersize": 5,
        "linewidth": 1.2,
    }
    left.plot(path.lams, 100 * path.sparsities, label=name, **style)
    right.plot(
        100 * path.sparsities, 100 * path.score(test.data, test.target), **style
    )
left.set(
    xscale="log", xlabel="λ", ylabel="zeros in the fully connected layer (%)"
)
right.set(
    xlabel="zeros in the fully connected layer (%)",
    ylabel="accuracy on unseen persons (%)",
    ylim=(80, 100),
)
for ax in (left, right):
    ax.grid(alpha=0.3)
figure.legend(loc="outside lower center", ncols=9, fontsize=9)

# %%
# λ and β
# -------
#
# Under ℓ0 a weight becomes zero up to √(2λ/β): what counts for the threshold is the quotient. β alone is how
# strongly w is pulled to u. So curves of several β, drawn over the threshold, lie near each other, but not on
# each other.
thresholds = np.array([0.02, 0.04, 0.08])
figure, ax = plt.subplots(figsize=(6, 4), layout="constrained")
for beta, colour, marker in (
    (0.25, "#e69f00", "o"),
    (1.0, "#0072b2", "s"),
    (4.0, "#009e73", "^"),
):
    zeros = [
        quick.set_params(penalty="l0", lam=beta * threshold**2 / 2, beta=beta)
        .fit(train.data, train.target)
        .sparsity_
        for threshold in thresholds
    ]
    ax.plot(
        thresholds,
        100 * np.array(zeros),
        color=colour,
        marker=marker,
        label=f"β = {beta:g}",
    )
ax.set(
    xscale="log",
    xlabel="threshold √(2λ/β)",
    ylabel="zeros in the fully connected layer (%)",
)
ax.set_xticks(
    thresholds, [f"{threshold:g}" for threshold in thresholds], minor=False
)
ax.minorticks_off()
ax.grid(alpha=0.3)
ax.legend()
