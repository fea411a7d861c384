"""The inner split of the training data for early stopping."""

from __future__ import annotations

import numpy as np
from sklearn.model_selection import StratifiedGroupKFold, StratifiedShuffleSplit

# Groups are dealt into at most so many folds, some of which make the validation side.
LARGEST_FOLDS = 20
# Random choices of folds that are tried, for a share near the wanted one with every class on both sides.
N_DRAWS = 10


def train_validation_split(
    y: np.ndarray, groups: np.ndarray | None, fraction: float, rng: np.random.RandomState
) -> tuple[np.ndarray, np.ndarray]:
    """Return the indices of the images to train on and of those to validate on, stratified by class.

    Parameters
    ----------
    y : ndarray of shape (n,)
    groups : ndarray of shape (n,), or None
        No group is on both sides.
    fraction : float
        Wanted share of the validation images.
    rng : RandomState

    Returns
    -------
    train, validation : ndarrays of int

    Raises
    ------
    ValueError
        If there are too few images or groups to have every class on both sides.
    """
    if groups is None:
        train, validation = _split_images(y, fraction, rng)
    else:
        train, validation = _split_groups(y, groups, fraction, rng)
    for side, indices in (("training", train), ("validation", validation)):
        missing = np.setdiff1d(y, y[indices])
        if len(missing):
            raise ValueError(
                f"early_stopping leaves no {side} image of {len(missing)} of {len(np.unique(y))} classes: "
                f"give more images or groups per class, or another validation_fraction than {fraction}."
            )
    return train, validation


def random_split(
    y: np.ndarray, groups: np.ndarray | None, fraction: float, rng: np.random.RandomState
) -> tuple[np.ndarray, np.ndarray]:
    """Return the indices of the images to train on and of those to validate on, whatever `y` is.

    Parameters
    ----------
    y : ndarray of shape (n, n_targets)
    groups : ndarray of shape (n,), or None
        No group is on both sides.
    fraction : float
        Wanted share of the validation images.
    rng : RandomState

    Returns
    -------
    train, validation : ndarrays of int

    Raises
    ------
    ValueError
        If there are too few images or groups for two images to validate on and one to train on.
    """
    names = np.arange(len(y)) if groups is None else np.unique(groups, return_inverse=True)[1]
    counts = np.bincount(names)
    drawn = rng.permutation(len(counts))
    n_validation = np.cumsum(counts[drawn])[:-1]  # of the first groups, one more at a time
    distance = np.where(n_validation < 2, np.inf, abs(n_validation / len(y) - fraction))
    if not np.isfinite(distance).any():
        what = "" if groups is None else f" of {len(counts)} groups"
        raise ValueError(
            f"early_stopping needs at least 2 images to validate on and others to train on, got {len(y)} "
            f"images{what}."
        )
    is_validation = np.isin(names, drawn[: int(np.argmin(distance)) + 1])
    return np.flatnonzero(~is_validation), np.flatnonzero(is_validation)


def _split_images(
    y: np.ndarray, fraction: float, rng: np.random.RandomState
) -> tuple[np.ndarray, np.ndarray]:
    counts = np.unique(y, return_counts=True)[1]
    n_validation = max(len(counts), round(fraction * len(y)))
    if counts.min() < 2:
        raise ValueError(f"early_stopping needs at least 2 images of every class, got {counts.min()}.")
    if len(y) - n_validation < len(counts):
        raise ValueError(
            f"validation_fraction={fraction} of {len(y)} images leaves too few for {len(counts)} classes."
        )
    splitter = StratifiedShuffleSplit(n_splits=1, test_size=n_validation, random_state=rng)
    return next(splitter.split(y, y))


def _split_groups(
    y: np.ndarray, groups: np.ndarray, fraction: float, rng: np.random.RandomState
) -> tuple[np.ndarray, np.ndarray]:
    """Deal the groups into folds and validate on as many folds as come nearest to `fraction`."""
    n_groups = min(len(np.unique(groups[y == label])) for label in np.unique(y))
    if n_groups < 2:
        raise ValueError(
            f"early_stopping with groups needs at least 2 groups in every class, got {n_groups}."
        )
    splitter = StratifiedGroupKFold(n_splits=min(LARGEST_FOLDS, n_groups), shuffle=True, random_state=rng)
    folds = [validation for _, validation in splitter.split(y, y, groups)]
    best, least = np.empty(0, dtype=int), np.inf
    for _ in range(N_DRAWS):
        drawn = [folds[i] for i in rng.permutation(len(folds))]
        shares = np.cumsum([len(fold) for fold in drawn])[:-1] / len(y)
        n_folds = int(np.argmin(abs(shares - fraction))) + 1
        validation = np.sort(np.concatenate(drawn[:n_folds]))
        n_missing = sum(
            len(np.setdiff1d(y, y[side])) for side in (validation, np.delete(np.arange(len(y)), validation))
        )
        distance = n_missing + abs(len(validation) / len(y) - fraction)
        if distance < least:
            best, least = validation, distance
    return np.delete(np.arange(len(y)), best), best
