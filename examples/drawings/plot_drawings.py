"""
Drawings judged by person
=========================

Thirty persons, half of them with a tremor, draw four waves each. Two drawings of one person are alike, so
each drawing is predicted by a network trained without that person, and persons are counted, not drawings.
"""

# %%
# The drawings are generated (seed 0). The transformer makes lines bright where they deviate from their own
# smoothed course; ``flip`` lets the classifier mirror the training images.
import matplotlib.pyplot as plt
import numpy as np
from sklearn.metrics import accuracy_score
from sklearn.model_selection import StratifiedGroupKFold, cross_val_predict
from sklearn.pipeline import make_pipeline

from sparsecnn import (
    CurveAugmentation,
    CurveImageTransformer,
    SparseCurveCNNClassifier,
)
from sparsecnn.datasets import make_shaky_drawings
from sparsecnn.inspection import AttributionDisplay
from sparsecnn.model_selection import average_by_group, bootstrap_interval

drawings = make_shaky_drawings(
    120,
    drawings="wave",
    image_shape=(96, 256),
    persons=30,
    severity=(0.3, 1.0),
    random_state=0,
)
reader = make_pipeline(
    CurveImageTransformer((24, 64), unsteadiness=0.8),
    SparseCurveCNNClassifier(
        channels=(16, 32, 32),
        augment=CurveAugmentation(flip=True),
        max_iter=36,
        finetune_iter=12,
        random_state=0,
    ),
)

# %%
# No person is in two folds.
probability = cross_val_predict(
    reader,
    drawings.images,
    drawings.target,
    groups=drawings.groups,
    cv=StratifiedGroupKFold(5),
    method="predict_proba",
)[:, 1]


# %%
# A person's probability is the mean over their drawings. The interval is over persons in both lines: the
# drawings of a person are not independent.
def accuracy(y, probability):
    return accuracy_score(y, probability > 0.5)


persons = average_by_group(probability, drawings.groups, drawings.target)
for name, y, p, groups in (
    ("drawings", drawings.target, probability, drawings.groups),
    ("persons", persons.target, persons.proba, persons.groups),
):
    found = bootstrap_interval(accuracy, y, p, groups=groups, random_state=0)
    print(
        f"{name} right: {found.value:.1%}, 95 % interval {found.low:.1%} to {found.high:.1%}"
    )

# %%
# Each column is a person, each point a drawing, each bar a mean.
order = np.argsort(persons.proba)
figure, ax = plt.subplots(figsize=(10, 3.8), layout="constrained")
for column, person in enumerate(order):
    shaky = persons.target[person] == 1
    colour, marker = ("#d55e00", "^") if shaky else ("#0072b2", "o")
    own = probability[drawings.groups == persons.groups[person]]
    ax.scatter(
        [column] * len(own), own, color=colour, marker=marker, alpha=0.5, s=25
    )
    ax.plot(
        [column - 0.4, column + 0.4],
        [persons.proba[person]] * 2,
        color=colour,
        linewidth=2.5,
    )
for colour, marker, name in (
    ("#0072b2", "o", "regular"),
    ("#d55e00", "^", "shaky"),
):
    ax.scatter([], [], color=colour, marker=marker, label=name)
ax.axhline(0.5, color="0.5", linestyle="--", linewidth=1)
ax.set_xticks(range(len(order)), persons.groups[order], fontsize=8)
ax.set(xlabel="person", ylabel="probability of a tremor, predicted")
ax.legend(loc="upper left")

# %%
# Where the evidence lies
# -----------------------
#
# The network is now trained on all drawings. Shown are those with the least certain and the most certain
# answers of the cross-validation, as the network sees them.
reader.fit(drawings.images, drawings.target_names[drawings.target])
print(f"zeros in the fully connected layer: {reader[-1].sparsity_:.1%}")
order = np.argsort(probability)
chosen = order[[0, len(order) // 2, -1]]
AttributionDisplay.from_estimator(reader, drawings.images[chosen], n_images=3)
