"""
Severity of a tremor
====================

How shaky a line is has degrees. :class:`~sparsecnn.SparseCurveCNNRegressor` trains the same sparse network on
numbers instead of classes, and predicts the severity of the tremor in drawings by persons that it has never
seen.
"""

# %%
# 1,000 generated spirals by 250 persons (seed 0) to train on, and 400 by 100 others (seed 1) to test on. Half
# of the persons have no tremor, severity 0; that of the others goes up to 1. The transformer brightens ink
# where the line is unsteady.
import matplotlib.pyplot as plt
import numpy as np

from sparsecnn import CurveImageTransformer, SparseCurveCNNRegressor
from sparsecnn.datasets import make_shaky_drawings

train = make_shaky_drawings(
    1000, drawings="spiral", persons=range(250), random_state=0
)
test = make_shaky_drawings(
    400, drawings="spiral", persons=range(300, 400), random_state=1
)
ink = CurveImageTransformer(
    (48, 48), unsteadiness=0.8, unsteadiness_scale=1 / 38, dtype="uint8"
)
X, X_test = ink.fit_transform(train.images), ink.transform(test.images)

# %%
# Training
# --------
#
# Targets come in their own unit; the network is trained on standardised ones, so that its parameters mean
# what they mean for classes. The score is R²: 1 is perfect, 0 is to predict the mean. Networks of three seeds
# show how much chance is in it.
scores = []
for seed in range(3):
    network = SparseCurveCNNRegressor(
        channels=(16, 32, 32), random_state=seed
    ).fit(X, train.severity)
    scores.append(network.score(X_test, test.severity))
    print(
        f"seed {seed}: R² {scores[-1]:.3f} on drawings by unseen persons,"
        f" {network.sparsity_:.0%} of the fully connected weights are zero"
    )
print(f"mean of three seeds: R² {np.mean(scores):.3f}")

# %%
# Predicted and true severity
# ---------------------------
#
# Each dot is a drawing. Weak tremors look much like the waviness that steady hands have too.
predicted = network.predict(X_test)
figure, ax = plt.subplots(figsize=(5.5, 5), layout="constrained")
ax.plot([0, 1], [0, 1], color="0.5", linewidth=1, label="perfect")
for shaky, colour, marker, name in (
    (0, "#0072b2", "o", "regular person"),
    (1, "#e69f00", "s", "shaky person"),
):
    chosen = test.target == shaky
    ax.scatter(
        *(test.severity[chosen], predicted[chosen]),
        s=14,
        color=colour,
        marker=marker,
        alpha=0.6,
        label=name,
    )
ax.set(
    xlabel="true severity",
    ylabel="predicted severity, unseen persons",
    title=f"R² {scores[-1]:.2f}",
)
ax.legend()

# %%
# By person
# ---------
#
# A person draws four spirals here. The mean of the four predictions is nearer to the mean of the four
# severities than a single one is to its own.
persons = np.unique(test.groups)
by_person = [
    [np.mean(values[test.groups == person]) for person in persons]
    for values in (test.severity, predicted)
]
error = np.sqrt(np.mean((predicted - test.severity) ** 2))
error_of_means = np.sqrt(np.mean(np.subtract(*by_person) ** 2))
print(f"root mean squared error: {error:.3f} of a drawing")
print(f"root mean squared error: {error_of_means:.3f} of a person")
