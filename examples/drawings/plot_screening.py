"""
Calibration and thresholds for screening
========================================

Who screens for tremor wants two things of a network besides accuracy: probabilities that mean what they say,
and a threshold that reflects what a missed person costs. Both have to be found on persons of the training
set.
"""

# %%
# 360 generated drawings by 90 persons (seed 0) to train on, and 400 by 100 others (seed 1) to test on. Some
# tremors are weak, so that some persons are hard to judge. The transformer learns nothing, so all pages may
# be converted at once.
import matplotlib.pyplot as plt
import numpy as np
from sklearn.calibration import CalibratedClassifierCV, CalibrationDisplay
from sklearn.metrics import (
    brier_score_loss,
    confusion_matrix,
    make_scorer,
    roc_curve,
)
from sklearn.model_selection import (
    StratifiedGroupKFold,
    TunedThresholdClassifierCV,
)

from sparsecnn import CurveImageTransformer, SparseCurveCNNClassifier
from sparsecnn.datasets import make_shaky_drawings
from sparsecnn.model_selection import average_by_group, bootstrap_interval

train = make_shaky_drawings(
    360, drawings="spiral", persons=range(90), random_state=0
)
test = make_shaky_drawings(
    400, drawings="spiral", persons=range(90, 190), random_state=1
)
ink = CurveImageTransformer((24, 24), unsteadiness=0.8, dtype="uint8")
train.data, test.data = (
    ink.fit_transform(train.images),
    ink.transform(test.images),
)
network = SparseCurveCNNClassifier(
    channels=(8, 16, 16), max_iter=12, finetune_iter=4, random_state=0
)

# %%
# Calibration
# -----------
#
# The splits keep persons together; scikit-learn's estimators take them as a list. Below, one network is as it
# was trained, and the probabilities of the other are corrected by a curve fitted on persons it did not know.
# What that gains depends on the network and on the number of persons: look, and keep the better one.
splits = list(
    StratifiedGroupKFold(4).split(train.data, train.target, train.groups)
)
plain = network.fit(train.data, train.target)
calibrated = CalibratedClassifierCV(network, cv=splits, ensemble=False).fit(
    train.data, train.target
)

figure, ax = plt.subplots(figsize=(5.5, 5), layout="constrained")
for name, classifier, colour, marker in (
    ("as trained", plain, "#e69f00", "s"),
    ("calibrated", calibrated, "#0072b2", "o"),
):
    CalibrationDisplay.from_estimator(
        *(classifier, test.data, test.target),
        n_bins=8,
        strategy="quantile",
        name=name,
        ax=ax,
        color=colour,
        marker=marker,
    )
    loss = brier_score_loss(
        test.target, classifier.predict_proba(test.data)[:, 1]
    )
    print(f"{name:10} Brier score {loss:.3f} on drawings by unseen persons")
ax.set(
    xlabel="predicted probability of a tremor",
    ylabel="fraction with a tremor, unseen persons",
)


# %%
# A threshold
# -----------
#
# Let a missed shaky drawing cost five times as much as a false alarm. The threshold of least cost is found by
# the same splits, on drawings of persons that each of the four networks did not know.
def cost(y, predicted):
    (_, alarms), (missed, _) = confusion_matrix(y, predicted)
    return (5 * missed + alarms) / len(y)


screening = TunedThresholdClassifierCV(
    network,
    scoring=make_scorer(cost, greater_is_better=False),
    cv=splits,
    random_state=0,
).fit(train.data, train.target)
print(f"threshold: {screening.best_threshold_:.2f} instead of 0.50")
for name, classifier in (
    ("as trained", plain),
    ("with the threshold", screening),
):
    print(
        f"{name}: cost {cost(test.target, classifier.predict(test.data)):.3f} a drawing by an unseen person"
    )

# %%
# Sensitivity and specificity by person
# -------------------------------------
#
# A person is called shaky if the mean probability of their drawings is above the threshold. The intervals are
# over the persons of the test.
probability = screening.predict_proba(test.data)[:, 1]
persons = average_by_group(probability, test.groups, test.target)


def share_called_shaky(label, threshold):
    def share(y, proba):
        return np.mean(proba[y == label] > threshold)

    return share


rates = {}
for threshold in (0.5, screening.best_threshold_):
    for name, label in (("sensitivity", 1), ("false alarms", 0)):
        found = bootstrap_interval(
            share_called_shaky(label, threshold),
            persons.target,
            persons.proba,
            groups=persons.groups,
            random_state=0,
        )
        rates[threshold, label] = found
        interval = f"95 % interval {found.low:.1%} to {found.high:.1%}"
        print(
            f"threshold {threshold:.2f}: {name:12} {found.value:6.1%}, {interval}"
        )

alarms, sensitivity, _ = roc_curve(persons.target, persons.proba)
figure, ax = plt.subplots(figsize=(5.5, 5), layout="constrained")
ax.step(
    100 * alarms,
    100 * sensitivity,
    where="post",
    color="0.5",
    label="every threshold",
)
for threshold, colour, marker in (
    (0.5, "#e69f00", "s"),
    (screening.best_threshold_, "#0072b2", "o"),
):
    x, y = (rates[threshold, label] for label in (0, 1))
    ax.errorbar(
        *(100 * x.value, 100 * y.value),
        xerr=[[100 * (x.value - x.low)], [100 * (x.high - x.value)]],
        yerr=[[100 * (y.value - y.low)], [100 * (y.high - y.value)]],
        color=colour,
        marker=marker,
        capsize=3,
        label=f"threshold {threshold:.2f}",
    )
ax.set(
    xlabel="regular persons called shaky (%)", ylabel="shaky persons found (%)"
)
ax.grid(alpha=0.3)
ax.legend(loc="lower right")
