"""What a screening learns from persons held back."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.stats import mannwhitneyu
from sklearn.utils import Bunch

from sparsecnn._warn import warn_user
from sparsecnn.inference import PlattScaling, ScreeningRule
from sparsecnn.model_selection._calibration import fit_platt
from sparsecnn.model_selection._groups import average_by_group
from sparsecnn.model_selection._screening_data import ScreeningData
from sparsecnn.model_selection._thresholds import (
    coverage_limits,
    threshold_for_sensitivity,
    threshold_for_specificity,
)

_LEVEL_OF_CHANCE = 0.05  # of the one-sided test of Mann and Whitney, whose statistic is the AUC


def find_rule(screening: Any, data: ScreeningData, proba: np.ndarray) -> tuple[ScreeningRule, Bunch]:
    """Return the rule that the parameters of a screening ask for, and the persons it was found on.

    `proba` are those of the sought class for each image, by classifiers that do not know its person.
    """
    present = np.flatnonzero(data.weight)
    groups = data.persons[present]
    people = average_by_group(proba[present], groups, data.y[present])
    weight = average_by_group(data.weight[present], groups).proba
    sought = people.target == data.sought
    platt = fit_platt(people.proba, sought, weight)
    calibration = platt if screening.calibrate else PlattScaling()
    column = int(data.classes[1] == data.sought)
    labels = str(data.classes[1 - column]), str(data.sought)
    calibrated = calibration(people.proba)
    if screening.sensitivity is not None:
        threshold = threshold_for_sensitivity(
            calibrated, sought, screening.sensitivity, screening.confidence, labels[1]
        )
    elif screening.specificity is not None:
        threshold = threshold_for_specificity(
            calibrated, sought, screening.specificity, screening.confidence, labels[0]
        )
    else:
        # Of calibrated probabilities, the share of the sought has the highest balanced accuracy.
        share = float(np.average(sought, weights=weight))
        threshold = share if screening.calibrate else platt.inverse(share)
    limits = None
    if screening.coverage is not None:
        limits = coverage_limits(calibrated, sought, screening.coverage, labels)
    rule = ScreeningRule(data.classes, column, calibration, threshold, limits)
    _warn_of_chance(people.proba, sought, platt.slope, rule)
    people.proba = rule.calibrated(people.proba)
    return rule, people


def _warn_of_chance(proba: np.ndarray, sought: np.ndarray, slope: float, rule: ScreeningRule) -> None:
    """Warn if the sought persons do not have significantly higher probabilities than the others."""
    found = mannwhitneyu(proba[sought], proba[~sought], alternative="greater")
    if found.pvalue <= _LEVEL_OF_CHANCE:
        return
    auc = found.statistic / (sought.sum() * (~sought).sum())
    same = ""
    if not rule.calibration.slope:
        everyone = rule.calibrated(proba[:1])
        same = (
            f" The calibrated probability of {rule.classes[rule.column]!s} is {everyone[0, rule.column]:.2g} "
            f"for everyone, and everyone is predicted to be {rule.decide(everyone)[0]!s}."
        )
    warn_user(
        f"The {len(proba)} persons held back are not told apart significantly better than chance: their AUC "
        f"is {auc:.2f} (p = {found.pvalue:.2g}), the slope of the calibration {slope:.2g}. The threshold "
        f"says little of new persons.{same}"
    )
