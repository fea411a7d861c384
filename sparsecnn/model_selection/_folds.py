"""Folds that keep groups together."""

from __future__ import annotations

from numbers import Integral
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from sklearn.model_selection import StratifiedGroupKFold, check_cv


def make_folds(
    cv: Any, X: Any, y: np.ndarray, groups: ArrayLike | None
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return the training and test indices of each fold, or raise ValueError.

    Parameters
    ----------
    cv : int, splitter or iterable of splits
        An integer gives stratified folds, of which no two have images of the same group.
    X, y, groups
        As the splitter takes them.
    """
    splitter = StratifiedGroupKFold(cv) if groups is not None and isinstance(cv, Integral) else cv
    try:
        folds = [(train, test) for train, test in check_cv(splitter, y, classifier=True).split(X, y, groups)]
    except (TypeError, ValueError) as error:
        raise ValueError(f"cv={cv!r} makes no folds of {len(y)} images: {error}") from error
    if not folds:
        raise ValueError(f"cv={cv!r} makes no folds.")
    return folds


def count_groups(y: np.ndarray, groups: np.ndarray | None) -> dict[Any, int]:
    """Return how many groups each class has; without groups, how many images."""
    groups = np.arange(len(y)) if groups is None else groups
    return {label: len(np.unique(groups[y == label])) for label in np.unique(y)}
