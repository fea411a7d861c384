"""From probabilities of persons to answers: what a screening has learned from persons held back."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from sklearn.utils import Bunch

from sparsecnn.model_selection._calibration import PlattScaling, fit_platt
from sparsecnn.model_selection._groups import average_by_group
from sparsecnn.model_selection._screening_data import ScreeningData
from sparsecnn.model_selection._thresholds import (
    coverage_limits,
    threshold_for_sensitivity,
    threshold_for_specificity,
)


class ScreeningRule(NamedTuple):
    """Calibration, threshold and limits of two classes, of which one is sought."""

    classes: np.ndarray
    column: int  # of the sought class
    calibration: PlattScaling
    threshold: float
    limits: tuple[float, float] | None

    def proba_of(self, fitted: Any, X: Any) -> np.ndarray:
        """Return the probability of the sought class for each image, not calibrated."""
        return proba_of(fitted, X, self.classes[self.column])

    def calibrated(self, proba: np.ndarray) -> np.ndarray:
        """Return calibrated probabilities of both classes, as columns, from those of the sought one."""
        calibrated = self.calibration(proba)
        return self._columns(1 - calibrated, calibrated)

    def decide(self, proba: np.ndarray) -> np.ndarray:
        """Return labels from calibrated probabilities of both classes."""
        found = proba[:, self.column] >= self.threshold
        return np.where(found, self.classes[self.column], self.classes[1 - self.column])

    def possible(self, proba: np.ndarray) -> np.ndarray | None:
        """Return which classes are within their limits, as columns."""
        if self.limits is None:
            return None
        sought = proba[:, self.column]
        return self._columns(sought <= self.limits[1], sought >= self.limits[0])

    def _columns(self, other: np.ndarray, sought: np.ndarray) -> np.ndarray:
        return np.column_stack([other, sought] if self.column else [sought, other])


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
    people.proba = rule.calibrated(people.proba)
    return rule, people


def proba_of(fitted: Any, X: Any, label: Any) -> np.ndarray:
    """Return the probability of a class for each image."""
    column = np.flatnonzero(fitted.classes_ == label)
    if len(column) != 1:
        raise ValueError(f"estimator knows the classes {fitted.classes_.tolist()}, but y has {label!s}.")
    return np.asarray(fitted.predict_proba(X))[:, column[0]]
