"""Thresholds on the probabilities of persons: for a wanted share of a class, and conformal."""

from __future__ import annotations

import math

import numpy as np
from scipy.stats import binom, binomtest
from sklearn.utils import Bunch

_ROUNDING = 1e-9  # of products such as 20 * 0.95, which must not count one person more


def threshold_for_sensitivity(
    proba: np.ndarray, sought: np.ndarray, share: float, confidence: float | None, label: str
) -> float:
    """Return the highest threshold that finds the wanted share of the sought persons."""
    rank = _rank("sensitivity", int(sought.sum()), share, confidence, label)
    return _kth_largest(proba[sought], rank)


def threshold_for_specificity(
    proba: np.ndarray, sought: np.ndarray, share: float, confidence: float | None, label: str
) -> float:
    """Return the lowest threshold that leaves the wanted share of the other persons in peace."""
    rank = _rank("specificity", int((~sought).sum()), share, confidence, label)
    return float(np.nextafter(_kth_smallest(proba[~sought], rank), np.inf))


def coverage_limits(
    proba: np.ndarray, sought: np.ndarray, coverage: float, labels: tuple[str, str]
) -> tuple[float, float]:
    """Return from which probability on a person may be sought, and up to which one of the others.

    Of either class, a new person is within the limit with a probability of at least `coverage`, since their
    rank among themselves and the n known persons of that class is uniform.
    """
    ranks = []
    for label, n_persons in zip(labels, (int((~sought).sum()), int(sought.sum())), strict=True):
        rank = max(1, math.ceil((n_persons + 1) * coverage - _ROUNDING))
        if rank > n_persons:
            needed = math.ceil(coverage / (1 - coverage) - _ROUNDING)
            raise ValueError(_too_few(f"coverage={coverage}", needed, n_persons, label))
        ranks.append(rank)
    return _kth_largest(proba[sought], ranks[1]), _kth_smallest(proba[~sought], ranks[0])


def share_with_interval(right: np.ndarray) -> Bunch:
    """Return the share of persons judged rightly, with its exact 95 % interval."""
    found = binomtest(int(right.sum()), len(right))
    low, high = found.proportion_ci(0.95, method="exact")
    return Bunch(value=float(found.statistic), low=float(low), high=float(high), n_persons=len(right))


def _rank(name: str, n_persons: int, share: float, confidence: float | None, label: str) -> int:
    """Return how many of n persons a threshold must judge rightly for a wanted share."""
    if confidence is None:
        return max(1, math.ceil(n_persons * share - _ROUNDING))
    # The share of all people beyond the k-th of n has the distribution Beta(k, n + 1 - k).
    rank = int(binom.ppf(confidence, n_persons, share)) + 1
    if rank > n_persons:
        needed = math.ceil(math.log(1 - confidence) / math.log(share) - _ROUNDING)
        raise ValueError(_too_few(f"{name}={share} with confidence={confidence}", needed, n_persons, label))
    return rank


def _too_few(wanted: str, needed: int, n_persons: int, label: str) -> str:
    return f"{wanted} needs at least {needed} persons of class {label}, got {n_persons}."


def _kth_largest(values: np.ndarray, k: int) -> float:
    return float(np.sort(values)[len(values) - k])


def _kth_smallest(values: np.ndarray, k: int) -> float:
    return float(np.sort(values)[k - 1])
