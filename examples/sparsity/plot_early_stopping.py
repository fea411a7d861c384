"""
Early stopping
==============

With ``early_stopping``, part of the training images is held back, and the network that does best on them is
kept: but only among those since λ reached its final value, so never a dense one of an early epoch.
"""

# %%
# 320 generated drawings by 80 persons (seed 0) to train on, and 320 by 80 others (seed 1) to test on.
# ``groups`` keeps each person on one side of the inner split: drawings held back are by persons whom training
# does not know.
from sparsecnn import CurveImageTransformer, SparseCurveCNNClassifier
from sparsecnn.datasets import make_shaky_drawings
from sparsecnn.inspection import TrainingCurveDisplay

train = make_shaky_drawings(
    320, drawings="spiral", persons=range(80), random_state=0
)
test = make_shaky_drawings(
    320, drawings="spiral", persons=range(80, 160), random_state=1
)
ink = CurveImageTransformer((24, 24), unsteadiness=0.8, dtype="uint8")
train.data, test.data = (
    ink.fit_transform(train.images),
    ink.transform(test.images),
)

classifier = SparseCurveCNNClassifier(
    channels=(8, 16, 16),
    early_stopping=True,
    validation_fraction=0.2,
    n_iter_no_change=8,
    max_iter=40,
    finetune_iter=20,
    random_state=0,
)
classifier.fit(train.data, train.target, groups=train.groups)
print(f"{classifier.n_iter_} of at most 60 epochs")
print(
    f"best accuracy on the images held back: {classifier.best_validation_score_:.1%}"
)
print(
    f"accuracy on unseen persons: {classifier.score(test.data, test.target):.1%}"
)
print(f"zeros in the fully connected layer: {classifier.sparsity_:.1%}")

# %%
# The course of training
# ----------------------
#
# λ and the sparsity grow over the first half of the planned splitting; each phase ends when the accuracy on
# the images held back has not improved for eight epochs. In fine-tuning, on grey, w is the sparse network
# itself, so the two losses agree and the distance is zero. The best of many validation accuracies is a lucky
# one: judge the network on other persons, as above.
TrainingCurveDisplay.from_estimator(classifier)
