"""From probabilities of persons to answers."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

_SMALLEST = np.finfo(float).eps


class PlattScaling(NamedTuple):
    """A rising map of probabilities, linear in their logits: ``expit(slope * logit(p) + intercept)``."""

    slope: float = 1.0
    intercept: float = 0.0

    def __call__(self, proba: np.ndarray) -> np.ndarray:
        """Return the calibrated probabilities."""
        return _expit(self.slope * logit(proba) + self.intercept)

    def inverse(self, calibrated: float) -> float:
        """Return the probability that becomes `calibrated`; 0 if all become the same."""
        if not self.slope:
            return 0.0
        return float(_expit((logit(np.array(calibrated)) - self.intercept) / self.slope))


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
        return self.columns_of(self.calibration(proba))

    def columns_of(self, calibrated: np.ndarray) -> np.ndarray:
        """Return probabilities of both classes, as columns, from calibrated ones of the sought one."""
        return self._columns(1 - calibrated, calibrated)

    def decide(self, proba: np.ndarray) -> np.ndarray:
        """Return labels from calibrated probabilities of both classes."""
        return self.labels(proba[:, self.column] >= self.threshold)

    def labels(self, is_sought: np.ndarray) -> np.ndarray:
        """Return the label of the sought class where `is_sought`, else the other."""
        return self.classes[np.where(is_sought, self.column, 1 - self.column)]

    def possible(self, proba: np.ndarray) -> np.ndarray | None:
        """Return which classes are within their limits, as columns."""
        if self.limits is None:
            return None
        sought = proba[:, self.column]
        return self._columns(sought <= self.limits[1], sought >= self.limits[0])

    def _columns(self, other: np.ndarray, sought: np.ndarray) -> np.ndarray:
        return np.column_stack([other, sought] if self.column else [sought, other])


def proba_of(fitted: Any, X: Any, label: Any) -> np.ndarray:
    """Return the probability of a class for each image."""
    column = np.flatnonzero(fitted.classes_ == label)
    if len(column) != 1:
        raise ValueError(f"estimator knows the classes {fitted.classes_.tolist()}, but y has {label!s}.")
    return np.asarray(fitted.predict_proba(X))[:, column[0]]


def logit(proba: np.ndarray) -> np.ndarray:
    """Return log(p / (1 - p)), of 0 and 1 as of the next numbers that have one."""
    inside = np.clip(np.asarray(proba, float), _SMALLEST, 1 - _SMALLEST)
    return np.log(inside / (1 - inside))


def _expit(z: np.ndarray) -> np.ndarray:
    """Return 1 / (1 + exp(-z)), without overflow."""
    small = np.exp(-np.abs(z))
    return np.where(z >= 0, 1, small) / (1 + small)
