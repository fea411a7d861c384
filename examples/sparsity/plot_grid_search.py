"""
Penalty, λ and β in a grid search
=================================

Penalty, λ and β are parameters like any other, so :class:`~sklearn.model_selection.GridSearchCV` finds them,
and its table of results shows what sparsity costs.
"""

# %%
# 240 generated spirals by 40 persons (seed 0) for the search, none of whom is in two folds, and 400 by 40
# others (seed 1), whom the search never sees.
import matplotlib.pyplot as plt
import numpy as np
from sklearn.model_selection import GridSearchCV, StratifiedGroupKFold

from sparsecnn import SparseCurveCNNClassifier
from sparsecnn.datasets import make_shaky_spirals
from sparsecnn.inspection import TradeoffDisplay
from sparsecnn.model_selection import sparsest_within_one_se, sparsity_scorer

train = make_shaky_spirals(
    240, image_shape=(32, 32), persons=range(40), random_state=0
)
test = make_shaky_spirals(
    400, image_shape=(32, 32), persons=range(40, 80), random_state=1
)

# %%
# ``refit`` takes the sparsest candidate whose accuracy is within one standard error of the best.
penalties, lams, betas = ["l0", "tl1"], [1e-4, 1e-3, 2e-3], [0.5, 2.0]
search = GridSearchCV(
    SparseCurveCNNClassifier(
        channels=(8, 16, 16), max_iter=8, finetune_iter=2, random_state=0
    ),
    {"penalty": penalties, "lam": lams, "beta": betas},
    scoring={"accuracy": "accuracy", "sparsity": sparsity_scorer},
    refit=sparsest_within_one_se,
    cv=StratifiedGroupKFold(3),
)
search.fit(train.data, train.target, groups=train.groups)
print(f"chosen: {search.best_params_}")
print(
    f"zeros in the fully connected layer: {search.best_estimator_.sparsity_:.1%}"
)
print(
    f"accuracy on unseen persons: {search.best_estimator_.score(test.data, test.target):.1%}"
)

# %%
# As a trade-off
# --------------
#
# Each point is a candidate, with standard errors over the folds; steps join those to which no other is better
# in both. The ring is the choice.
TradeoffDisplay.from_search(search, by="penalty")

# %%
# As heat maps
# ------------
#
# What λ/β does: zeros grow to the right, with λ, and fall with β. The candidates come in the order of their
# parameters' names, the last of them changing fastest.
figure, axes = plt.subplots(
    2, len(penalties), figsize=(9, 5), layout="constrained"
)
for row, score, title in zip(
    axes, ("accuracy", "sparsity"), ("accuracy", "zeros"), strict=True
):
    means = search.cv_results_[f"mean_test_{score}"].reshape(
        len(betas), len(lams), len(penalties)
    )
    for ax, penalty, table in zip(
        row, penalties, means.transpose(2, 0, 1), strict=True
    ):
        ax.imshow(
            table,
            cmap="cividis",
            vmin=means.min(),
            vmax=means.max(),
            aspect="auto",
        )
        for (y, x), value in np.ndenumerate(table):
            colour = (
                "white" if value < (means.min() + means.max()) / 2 else "black"
            )
            ax.text(
                x, y, f"{value:.1%}", ha="center", va="center", color=colour
            )
        ax.set_xticks(range(len(lams)), [f"{lam:g}" for lam in lams])
        ax.set_yticks(range(len(betas)), [f"{beta:g}" for beta in betas])
        ax.set(title=f"{title} under {penalty}", xlabel="λ", ylabel="β")
