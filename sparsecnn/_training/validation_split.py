"""The inner split of the training data that early stopping looks at."""

import numpy as np
from sklearn.model_selection import StratifiedGroupKFold, StratifiedShuffleSplit


def train_validation_split(y, groups, fraction, rng):
    """Return the indices of the images to train on and of those to validate on, stratified by class.

    Parameters
    ----------
    y : ndarray of shape (n,)
    groups : array-like of shape (n,), or None
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
        train, validation = _split_groups(y, np.asarray(groups), fraction, rng)
    for side, indices in (("training", train), ("validation", validation)):
        missing = np.setdiff1d(y, y[indices])
        if len(missing):
            raise ValueError(
                f"early_stopping leaves no {side} image of {len(missing)} of {len(np.unique(y))} classes: "
                f"give more images or groups per class, or another validation_fraction than {fraction}."
            )
    return train, validation


def _split_images(y, fraction, rng):
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


def _split_groups(y, groups, fraction, rng):
    n_groups = min(len(np.unique(groups[y == label])) for label in np.unique(y))
    if n_groups < 2:
        raise ValueError(
            f"early_stopping with groups needs at least 2 groups in every class, got {n_groups}."
        )
    n_splits = min(max(2, round(1 / fraction)), n_groups)
    splitter = StratifiedGroupKFold(n_splits=n_splits, shuffle=True, random_state=rng)
    folds = list(splitter.split(y, y, groups))
    n_classes = len(np.unique(y))
    folds = [fold for fold in folds if all(len(np.unique(y[side])) == n_classes for side in fold)] or folds
    # The splitter deals out the largest groups first, so its first fold is no random one.
    distance = np.array([abs(len(validation) / len(y) - fraction) for _, validation in folds])
    near = np.flatnonzero(distance <= max(distance.min(), fraction / 2))
    return folds[rng.choice(near)]
