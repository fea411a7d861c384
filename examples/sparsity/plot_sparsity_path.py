"""
A path of sparsities and its cross-validation
=============================================

One run of training visits many sparsities, from a dense network to one of a few weights. Cross-validation
along such paths chooses the sparsity.
"""

# %%
# 240 generated spirals by 40 persons to train on (seed 0), and 400 by 40 others (seed 1) to test on.
import matplotlib.pyplot as plt

from sparsecnn import SparseCurveCNNClassifier, SparseCurveCNNClassifierCV
from sparsecnn.datasets import make_shaky_spirals
from sparsecnn.inspection import SparsityPathDisplay
from sparsecnn.model_selection import sparsity_path

train = make_shaky_spirals(240, image_shape=(32, 32), random_state=0)
test = make_shaky_spirals(
    400, image_shape=(32, 32), persons=range(40, 80), random_state=1
)
quick = SparseCurveCNNClassifier(
    channels=(8, 16, 16), max_iter=12, finetune_iter=4, random_state=0
)

# %%
# One path
# --------
#
# ``path[i]`` is a fitted classifier, so each point can be used like any other.
path = sparsity_path(train.images, train.target, estimator=quick, sparsities=8)
for fitted in path[::3]:
    accuracy = fitted.score(test.images, test.target)
    print(
        f"{fitted.n_nonzero_:5} weights left, λ = {fitted.lam_:.2g}: {accuracy:.1%} right on unseen persons"
    )

# %%
# Cross-validation
# ----------------
#
# A path is trained on every fold. No person is in two folds, because the persons are given as groups. The
# sparsest point within one standard error of the best is chosen, and the path up to it trained on all images.
search = SparseCurveCNNClassifierCV(quick, sparsities=8, cv=3)
search.fit(train.images, train.target, groups=train.groups)
print(
    f"chosen: {search.best_params_}, accuracy {search.score(test.images, test.target):.1%} on unseen persons"
)

# %%
# The two curves on one pair of axes: means and standard errors over the folds, and the accuracy of the one
# path on persons whom it was not trained on.
figure, ax = plt.subplots(figsize=(7.5, 4.5), layout="constrained")
SparsityPathDisplay.from_estimator(
    search, ax=ax, color="#0072b2", label="cross-validation"
)
SparsityPathDisplay.from_path(
    path,
    test.images,
    test.target,
    ax=ax,
    color="#d55e00",
    marker="s",
    label="one path, unseen persons",
)
ax.margins(y=0.25)  # room for the legend
ax.set_ylabel("accuracy")
