"""
Screening: a threshold, probabilities and doubt for other people
================================================================

Who screens for tremor wants more than accuracy: a threshold that finds a wanted share of the people with a
tremor, probabilities that mean what they say, and the answer "cannot tell" where that is the truth. All
three have to be found on persons whom the network does not know.
"""

# %%
# 360 generated drawings by 90 persons (seed 0) to train on, and 400 by 100 others (seed 1) to test on. Some
# tremors are weak, so that some persons are hard to judge. The transformer learns nothing, so all pages may
# be converted at once.
import tempfile
import warnings
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from sklearn.calibration import CalibrationDisplay
from sklearn.metrics import brier_score_loss

from sparsecnn import (
    CurveImageTransformer,
    SparseCurveCNNClassifier,
    inference,
)
from sparsecnn.datasets import make_shaky_drawings
from sparsecnn.exceptions import ShiftWarning
from sparsecnn.export import save
from sparsecnn.model_selection import (
    ScreeningClassifier,
    average_by_group,
    bootstrap_interval,
)

train = make_shaky_drawings(
    360, drawings="spiral", persons=range(90), random_state=0
)
test = make_shaky_drawings(
    400, drawings="spiral", persons=range(90, 190), random_state=1
)
ink = CurveImageTransformer((24, 24), unsteadiness=0.8, dtype="uint8")
train.data = ink.fit_transform(train.images)
test.data = ink.transform(test.images)

# %%
# Five fits
# ---------
#
# Four networks predict the persons that each of them does not know. On these persons, the threshold is found
# that detects 90 % of those with a tremor, and a fifth network is trained on all.
network = SparseCurveCNNClassifier(
    channels=(8, 16, 16), max_iter=12, finetune_iter=4, random_state=0
)
screening = ScreeningClassifier(network, sensitivity=0.9, coverage=0.9, cv=4)
screening.fit(train.data, train.target, groups=train.groups)
print(f"threshold: {screening.threshold_:.2f}")
for name in ("sensitivity", "specificity"):
    found = getattr(screening, f"{name}_")
    print(
        f"{name} of {found.n_persons} persons held back: {found.value:.1%}, "
        f"95 % interval {found.low:.1%} to {found.high:.1%}"
    )

# %%
# Strangers
# ---------
#
# A person is judged by the mean probability of their drawings.
people = screening.predict_persons(test.data, test.groups)
raw = average_by_group(
    screening.estimator_.predict_proba(test.data), test.groups, test.target
)
truth = raw.target
for name, label in (("sensitivity", 1), ("specificity", 0)):
    found = bootstrap_interval(
        lambda y, answer, label=label: np.mean(answer[y == label] == label),
        truth,
        people.prediction,
        random_state=0,
    )
    print(
        f"{name} of strangers: {found.value:.1%}, "
        f"95 % interval {found.low:.1%} to {found.high:.1%}"
    )

# %%
# Probabilities
# -------------
#
# Mean probabilities of several drawings are too cautious. The calibration corrects them by the persons held
# back.
figure, ax = plt.subplots(figsize=(5.5, 5), layout="constrained")
for name, proba, colour, marker in (
    ("mean of the network's", raw.proba[:, 1], "#e69f00", "s"),
    ("calibrated", people.proba[:, 1], "#0072b2", "o"),
):
    CalibrationDisplay.from_predictions(
        *(truth, proba),
        n_bins=6,
        strategy="quantile",
        name=name,
        ax=ax,
        color=colour,
        marker=marker,
    )
    print(f"Brier score, {name}: {brier_score_loss(truth, proba):.3f}")
ax.set(
    xlabel="probability of a tremor", ylabel="fraction of people with a tremor"
)

# %%
# Doubt
# -----
#
# With ``coverage=0.9``, the set of classes that are possible for a person holds the right one for 90 % of the
# people of either class. Where it holds both, or none, the drawings do not tell.
unsure = people.prediction_set.sum(axis=1) != 1
covered = people.prediction_set[np.arange(len(truth)), truth]
print(f"cannot tell: {unsure.mean():.0%} of the strangers")
for label in (0, 1):
    share = covered[truth == label].mean()
    print(f"sets hold the right class, {test.target_names[label]}: {share:.0%}")

figure, ax = plt.subplots(figsize=(7, 2.6), layout="constrained")
height = np.random.default_rng(0).uniform(-0.3, 0.3, len(truth))
for label, colour, marker in ((0, "#0072b2", "o"), (1, "#d55e00", "^")):
    drawn = truth == label
    ax.scatter(
        people.proba[drawn, 1],
        label + height[drawn],
        color=colour,
        marker=marker,
    )
ax.axvline(screening.threshold_, color="black", ls="--", label="threshold")
low, high = sorted(screening.coverage_limits_)
ax.axvspan(low, high, color="0.85", zorder=0, label="cannot tell")
ax.set_yticks([0, 1], test.target_names)
ax.set(xlabel="calibrated probability of a tremor", ylim=(-0.5, 1.5))
ax.legend(loc="center left", bbox_to_anchor=(1, 0.5))

# %%
# Other pages
# -----------
#
# None of this holds for another task, pen or scanner. Ten persons who draw waves are noticed.
waves = make_shaky_drawings(
    40, drawings="wave", persons=range(190, 200), random_state=2
)
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always", ShiftWarning)
    screening.predict_persons(ink.transform(waves.images), waves.groups)
print(caught[0].message)
print(f"p = {people.shift.p_value:.2f} for the spirals of strangers")

# %%
# Take it home
# ------------
#
# One file has all of it, and is read without torch and scikit-learn. Most of it are images that new pages are
# compared with.
with tempfile.TemporaryDirectory() as folder:
    path = Path(folder, "screening.safetensors")
    save(screening, path)
    at_home = inference.load(path).predict_persons(test.data, test.groups)
    size = path.stat().st_size
    save(screening.set_params(shift_level=None), path)
    print(f"{size:,} bytes, {path.stat().st_size:,} without the images")
print(f"same answers: {(at_home.prediction == people.prediction).all()}")
