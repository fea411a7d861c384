"""
Early stopping
==============

With ``early_stopping``, part of the training images is held back, and the network that does best on them is
kept: but only among those since λ reached its final value, so never a dense one of an early epoch.
"""

# %%
# 300 generated spirals (seed 0) by 40 persons, and 200 by others for testing. ``groups`` keeps each person on
# one side of the inner split: drawings held back are by persons whom training does not know.
from sparsecnn import SparseCurveCNNClassifier
from sparsecnn.datasets import make_shaky_spirals
from sparsecnn.inspection import TrainingCurveDisplay

train = make_shaky_spirals(300, image_shape=(32, 32), amplitude=0.1, random_state=0)
test = make_shaky_spirals(200, image_shape=(32, 32), amplitude=0.1, persons=range(40, 80), random_state=1)

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
print(f"best accuracy on the images held back: {classifier.best_validation_score_:.1%}")
print(f"accuracy on unseen persons: {classifier.score(test.data, test.target):.1%}")
print(f"zeros in the fully connected layer: {classifier.sparsity_:.1%}")

# %%
# The course of training
# ----------------------
#
# λ and the sparsity grow over the first half of the planned splitting; each phase ends when the accuracy on the
# images held back has not improved for eight epochs. In fine-tuning, on grey, w is the sparse network itself, so
# the two losses agree and the distance is zero.
TrainingCurveDisplay.from_estimator(classifier)
