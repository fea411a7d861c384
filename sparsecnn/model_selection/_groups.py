"""Judging by person: checks of groups, probabilities of persons, and intervals over persons."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils import Bunch, check_consistent_length, check_random_state

from sparsecnn.exceptions import GroupLeakWarning

__all__ = ["average_by_group", "bootstrap_groups", "check_groups"]


def check_groups(y: ArrayLike, groups: ArrayLike, *, min_images: int = 2) -> np.ndarray:
    """Check that drawings can be judged by person: each person has one label, and each class some persons.

    Parameters
    ----------
    y : array-like of shape (n,)
        Label of each image.
    groups : array-like of shape (n,)
        The person of each image.
    min_images : int, default=2
        Every person must have so many.

    Returns
    -------
    names : ndarray of shape (n_groups,)
        The persons, sorted.

    Raises
    ------
    ValueError
        If a person has several labels or too few images, or a class has only one person; the message names
        them.

    Examples
    --------
    >>> from sparsecnn.model_selection import check_groups
    >>> check_groups([0, 0, 1, 1], ["ann", "bob", "cid", "dee"], min_images=1).tolist()
    ['ann', 'bob', 'cid', 'dee']
    """
    y, groups = np.asarray(y), np.asarray(groups)
    check_consistent_length(y, groups)
    names, counts = np.unique(groups, return_counts=True)
    for name, count in zip(names, counts, strict=True):
        labels = np.unique(y[groups == name]).tolist()
        if len(labels) > 1:
            raise ValueError(f"group {name!s} has images of several classes: {labels}.")
        if count < min_images:
            raise ValueError(
                f"group {name!s} has {count} image{'' if count == 1 else 's'}, fewer than "
                f"min_images={min_images}."
            )
    for label in np.unique(y):
        members = np.unique(groups[y == label])
        if len(members) < 2:
            raise ValueError(f"class {label!s} has images of one group only, {members[0]!s}.")
    return names


def average_by_group(proba: ArrayLike, groups: ArrayLike, y: ArrayLike | None = None) -> Bunch:
    """Turn the probabilities of images into those of persons: their mean over each person's images.

    Parameters
    ----------
    proba : array-like of shape (n,) or (n, n_classes)
        Of each image, such as ``cross_val_predict(..., method="predict_proba")`` returns.
    groups : array-like of shape (n,)
        The person of each image.
    y : array-like of shape (n,), default=None
        Label of each image, to have those of the persons.

    Returns
    -------
    persons : :class:`~sklearn.utils.Bunch`
        With the attributes

        groups : ndarray of shape (n_groups,)
            The persons, sorted.
        proba : ndarray of shape (n_groups,) or (n_groups, n_classes)
        n_images : ndarray of int, shape (n_groups,)
        target : ndarray of shape (n_groups,), or None without `y`

    Raises
    ------
    ValueError
        If a person has images of several classes.

    Examples
    --------
    >>> from sparsecnn.model_selection import average_by_group
    >>> persons = average_by_group([0.1, 0.5, 0.9, 0.8], ["ann", "ann", "bob", "bob"], y=[0, 0, 1, 1])
    >>> persons.proba.round(2).tolist(), persons.target.tolist()
    ([0.3, 0.85], [0, 1])
    """
    proba, groups = np.asarray(proba, dtype=float), np.asarray(groups)
    check_consistent_length(proba, groups, y)
    names, first, member, n_images = np.unique(
        groups, return_index=True, return_inverse=True, return_counts=True
    )
    sums = np.zeros((len(names), *proba.shape[1:]))
    np.add.at(sums, member, proba)
    target = None
    if y is not None:
        target = np.asarray(y)[first]
        wrong = np.flatnonzero(np.asarray(y) != target[member])
        if len(wrong):
            raise ValueError(f"group {groups[wrong[0]]!s} has images of several classes.")
    means = (sums.T / n_images).T
    return Bunch(groups=names, proba=means, n_images=n_images, target=target)


def bootstrap_groups(
    metric: Callable[..., float],
    y: ArrayLike,
    proba: ArrayLike,
    groups: ArrayLike,
    *,
    confidence: float = 0.95,
    n_resamples: int = 2000,
    random_state: int | np.random.RandomState | None = None,
) -> Bunch:
    """Return a metric with its bootstrap interval over persons: images of one person are no new evidence.

    Parameters
    ----------
    metric : callable
        ``metric(y, proba)`` returns a number.
    y : array-like of shape (n,)
        Label of each image, the same for all images of a person.
    proba : array-like of shape (n,) or (n, n_classes)
        What was predicted for each image: probabilities, scores or labels, as the metric takes them.
    groups : array-like of shape (n,)
        The person of each image.
    confidence : float, default=0.95
        Share of the resamples inside the interval.
    n_resamples : int, default=2000
        Each draws as many persons of every class as there are, with replacement, and takes all their images.
    random_state : int, RandomState instance or None, default=None
        Seed of the draws.

    Returns
    -------
    result : :class:`~sklearn.utils.Bunch`
        With `value`, `low`, `high` and `resampled`, the metric of every resample.

    Raises
    ------
    ValueError
        If a person has images of several classes, `confidence` is not between 0 and 1, or `n_resamples` is
        below 1.

    Notes
    -----
    The interval lies between percentiles of the resamples. It tells how much the figure depends on who was
    asked to draw, not how much on chance in training.

    Examples
    --------
    >>> from sklearn.metrics import roc_auc_score
    >>> from sparsecnn.model_selection import bootstrap_groups
    >>> y, proba = [0, 0, 0, 0, 1, 1, 1, 1], [0.1, 0.2, 0.4, 0.6, 0.5, 0.7, 0.8, 0.9]
    >>> auc = bootstrap_groups(roc_auc_score, y, proba, list("aabbccdd"), random_state=0)
    >>> auc.value, auc.low <= auc.value <= auc.high
    (0.9375, True)
    """
    y, proba, groups = np.asarray(y), np.asarray(proba), np.asarray(groups)
    if not 0 < confidence < 1:
        raise ValueError(f"confidence must be between 0 and 1, got {confidence!r}.")
    if n_resamples < 1:
        raise ValueError(f"n_resamples must be at least 1, got {n_resamples!r}.")
    check_consistent_length(y, proba)
    persons = average_by_group(np.zeros(len(y)), groups, y)
    images = {name: np.flatnonzero(groups == name) for name in persons.groups}
    classes = [persons.groups[persons.target == label] for label in np.unique(y)]
    rng = check_random_state(random_state)
    resampled = np.empty(n_resamples)
    for i in range(n_resamples):
        drawn = np.concatenate([rng.choice(members, len(members)) for members in classes])
        rows = np.concatenate([images[name] for name in drawn])
        resampled[i] = metric(y[rows], proba[rows])
    tail = 50 * (1 - confidence)
    low, high = np.percentile(resampled, [tail, 100 - tail])
    return Bunch(value=float(metric(y, proba)), low=float(low), high=float(high), resampled=resampled)


def warn_of_shared_groups(folds: Iterable[tuple], groups: ArrayLike | None, stacklevel: int) -> None:
    """Warn if a group has images on both sides of any of the `folds`."""
    if groups is None:
        return
    groups = np.asarray(groups)
    shared = {name for train, test in folds for name in np.intersect1d(groups[train], groups[test]).tolist()}
    if shared:
        shown = ", ".join(map(str, sorted(shared, key=str)[:3])) + (", ..." if len(shared) > 3 else "")
        warnings.warn(
            f"{len(shared)} groups have images on both sides of a split of cv ({shown}): scores will say "
            "nothing about persons never seen. Pass a splitter that keeps groups together, such as "
            "StratifiedGroupKFold.",
            GroupLeakWarning,
            stacklevel=stacklevel,
        )
