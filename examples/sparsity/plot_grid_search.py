"""
Penalty, λ and β in a grid search
=================================

Penalty, λ and β are parameters like any other, so `GridSearchCV` finds them, and its table of results shows
what sparsity costs.
"""

# %%
# 320 generated spirals (seed 0) for the search, none of whose persons are on both sides of a fold, and 160 by
# persons whom the search never sees.
import matplotlib.pyplot as plt
import numpy as np
from sklearn.model_selection import GridSearchCV, StratifiedGroupKFold

from sparsecnn import SparseCurveCNNClassifier
from sparsecnn.datasets import make_shaky_spirals
from sparsecnn.inspection import TradeoffDisplay
from sparsecnn.model_selection import sparsest_within_one_se, sparsity_scorer

train = make_shaky_spirals(240, image_shape=(32, 32), persons=range(40), random_state=0)
test = make_shaky_spirals(160, image_shape=(32, 32), persons=range(40, 80), random_state=1)

# %%
# λ has another scale under every penalty, so each has a grid of its own. ``refit`` takes the sparsest candidate
# whose accuracy is within one standard error of the best.
lams = {"l0": [3e-5, 3e-4, 1e-3, 3e-3], "tl1": [3e-5, 3e-4, 1e-3, 3e-3]}
betas = [0.5, 2.0]
search = GridSearchCV(
    SparseCurveCNNClassifier(channels=(8, 16, 16), max_iter=10, finetune_iter=3, random_state=0),
    [{"penalty": [penalty], "lam": lams[penalty], "beta": betas} for penalty in lams],
    scoring={"accuracy": "accuracy", "sparsity": sparsity_scorer},
    refit=sparsest_within_one_se,
    cv=StratifiedGroupKFold(3),
)
search.fit(train.data, train.target, groups=train.groups)
print(f"chosen: {search.best_params_}")
print(f"zeros in the fully connected layer: {search.best_estimator_.sparsity_:.1%}")
print(f"accuracy on unseen persons: {search.best_estimator_.score(test.data, test.target):.1%}")

# %%
# As a trade-off
# --------------
#
# Each point is a candidate, with standard errors over the folds; steps join those to which no other is better in
# both. The ring is the choice.
TradeoffDisplay.from_search(search, by="penalty")

# %%
# As heat maps
# ------------
#
# What λ/β does: zeros grow to the right, with λ, and fall with β.
results = search.cv_results_
figure, axes = plt.subplots(2, len(lams), figsize=(9, 5.4), layout="constrained")
for column, penalty in zip(axes.T, lams, strict=True):
    for ax, score, colours in zip(column, ("accuracy", "sparsity"), ("cividis", "viridis"), strict=True):
        table = np.array(
            [
                [
                    results[f"mean_test_{score}"][
                        results["params"].index({"penalty": penalty, "lam": lam, "beta": beta})
                    ]
                    for lam in lams[penalty]
                ]
                for beta in betas
            ]
        )
        every = results[f"mean_test_{score}"]
        ax.imshow(table, cmap=colours, vmin=every.min(), vmax=every.max(), aspect="auto")
        for (row, col), value in np.ndenumerate(table):
            dark = value < (every.min() + every.max()) / 2
            ax.text(col, row, f"{value:.1%}", ha="center", va="center", color="white" if dark else "black")
        ax.set_title(f"{'accuracy' if score == 'accuracy' else 'zeros'} under {penalty}")
        ax.set_xticks(range(len(lams[penalty])), [f"{lam:g}" for lam in lams[penalty]])
        ax.set_yticks(range(len(betas)), [f"{beta:g}" for beta in betas])
        ax.set(xlabel="λ", ylabel="β")
