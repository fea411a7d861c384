"""Evaluation by person: valid groups, mean probabilities per person and bootstrap intervals over persons."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from numbers import Integral, Real

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils import Bunch, check_random_state, check_scalar

from sparsecnn._naming import name_some, naming
from sparsecnn._warn import warn_user
from sparsecnn.exceptions import GroupLeakWarning
from sparsecnn.inference import check_labels, mean_by_group

__all__ = ["average_by_group", "bootstrap_interval", "validate_groups"]


def validate_groups(y: ArrayLike, groups: ArrayLike, *, min_images: int = 2) -> np.ndarray:
    """Check that images can be evaluated by group: one class per group, two or more groups per class.

    Such groups can be split by `sklearn.model_selection.StratifiedGroupKFold`.

    Parameters
    ----------
    y : array-like of shape (n,)
        Label of each image.
    groups : array-like of shape (n,)
        Group of each image, such as the person who drew it.
    min_images : int, default=2
        Smallest number of images in a group.

    Returns
    -------
    ndarray of shape (n_groups,)
        The groups, sorted.

    Raises
    ------
    TypeError
        If `min_images` is not an integer.
    ValueError
        If a group has several classes or fewer than `min_images` images, if a class has only one group, or if
        `y` and `groups` are not one label per image. The message names the group or class.

    See Also
    --------
    average_by_group : One probability for each person.
    sparsecnn.exceptions.GroupLeakWarning : Of folds that do not keep groups together.

    Examples
    --------
    >>> from sparsecnn.model_selection import validate_groups
    >>> validate_groups([0, 0, 1, 1], ["ann", "bob", "cid", "dee"], min_images=1).tolist()
    ['ann', 'bob', 'cid', 'dee']
    """
    y = check_labels("y", y)
    groups = check_labels("groups", groups, len(y))
    check_scalar(min_images, "min_images", Integral, min_val=1)
    persons = average_by_group(np.zeros(len(y)), groups, y)
    for name, count in zip(persons.groups, persons.n_images, strict=True):
        if count < min_images:
            plural = "" if count == 1 else "s"
            raise ValueError(
                f"group {name!s} has {count} image{plural}, expected at least min_images={min_images}."
            )
    for label in np.unique(y):
        members = persons.groups[persons.target == label]
        if len(members) < 2:
            raise ValueError(f"class {label!s} has only one group, {members[0]!s}, expected at least two.")
    return persons.groups


def average_by_group(proba: ArrayLike, groups: ArrayLike, y: ArrayLike | None = None) -> Bunch:
    """Average the probabilities of the images of each group, such as a person.

    A person who drew ten images is one observation, not ten. The result has one row for each person, to score
    with any metric.

    Parameters
    ----------
    proba : array-like of shape (n,) or (n, n_classes)
        Probabilities of each image, as ``cross_val_predict(..., method="predict_proba")`` returns them.
    groups : array-like of shape (n,)
        Group of each image.
    y : array-like of shape (n,), default=None
        Label of each image, the same for all images of a group.

    Returns
    -------
    :class:`~sklearn.utils.Bunch`
        With the attributes

        groups : ndarray of shape (n_groups,)
            The groups, sorted.
        proba : ndarray of shape (n_groups,) or (n_groups, n_classes)
            Mean probabilities of each group.
        n_images : ndarray of int of shape (n_groups,)
            Number of images of each group.
        target : ndarray of shape (n_groups,) or None
            Label of each group; None without `y`.

    Raises
    ------
    ValueError
        If a group has images of several classes, or an argument has a wrong shape or missing values.

    See Also
    --------
    bootstrap_interval : How sure a metric of persons is.
    validate_groups : Checks groups before training.

    Examples
    --------
    >>> from sparsecnn.model_selection import average_by_group
    >>> persons = average_by_group([0.1, 0.5, 0.9, 0.8], ["ann", "ann", "bob", "bob"], y=[0, 0, 1, 1])
    >>> persons.proba.round(2).tolist(), persons.target.tolist()
    ([0.3, 0.85], [0, 1])
    """
    found = mean_by_group(proba, groups)
    target = None
    if y is not None:
        y = check_labels("y", y, len(found.member))
        target = y[found.first]
        mixed = np.flatnonzero(y != target[found.member])
        if len(mixed):
            name = np.asarray(groups)[mixed[0]]
            labels = np.unique(y[found.member == found.member[mixed[0]]]).tolist()
            raise ValueError(f"group {name!s} has images of several classes, {labels}, expected one.")
    return Bunch(groups=found.groups, proba=found.means, n_images=found.n_images, target=target)


def bootstrap_interval(
    metric: Callable[..., float],
    y: ArrayLike,
    proba: ArrayLike,
    *,
    groups: ArrayLike | None = None,
    confidence: float = 0.95,
    n_resamples: int = 2000,
    random_state: int | np.random.RandomState | None = None,
) -> Bunch:
    """Return a metric with its bootstrap percentile interval, over images or over groups of images.

    A resample draws, within each class, as many images or groups as there are, with replacement. A group
    comes with all its images: images of one person are not independent.

    Parameters
    ----------
    metric : callable
        ``metric(y, proba)`` returns a number.
    y : array-like of shape (n,)
        Label of each image, the same for all images of a group.
    proba : array-like of shape (n,) or (n, n_classes)
        Prediction for each image: probabilities, scores or labels, as `metric` takes them.
    groups : array-like of shape (n,), default=None
        Group of each image, such as the person who drew it. None resamples single images.
    confidence : float, default=0.95
        Fraction of the resamples inside the interval, between 0 and 1.
    n_resamples : int, default=2000
        Number of resamples.
    random_state : int, RandomState instance or None, default=None
        Seed of the resamples.

    Returns
    -------
    :class:`~sklearn.utils.Bunch`
        With the attributes

        value : float
            The metric of all images.
        low, high : float
            Ends of the interval: the quantiles (1 - confidence) / 2 and (1 + confidence) / 2 of `resampled`.
        resampled : ndarray of shape (n_resamples,)
            The metric of each resample.

    Raises
    ------
    TypeError
        If `metric` is not callable, `confidence` not a number or `n_resamples` not an integer.
    ValueError
        If a group has images of several classes, an argument is out of its range or of a wrong shape, or
        `metric` returns NaN or infinity.

    Warns
    -----
    UserWarning
        If the metric of all resamples is the same: the interval then has no width, and is none.

    See Also
    --------
    average_by_group : One probability for each person.

    Notes
    -----
    Where all n persons are right, so they are in every resample, and the interval is from 1 to 1. The share
    of people at large who would be judged rightly may then be as low as about 1 - 3 / n.

    The interval describes the variation over samples of images or persons, not over the seeds of training.

    Examples
    --------
    >>> from sklearn.metrics import roc_auc_score
    >>> from sparsecnn.model_selection import bootstrap_interval
    >>> y, proba = [0, 0, 0, 0, 1, 1, 1, 1], [0.1, 0.2, 0.4, 0.6, 0.5, 0.7, 0.8, 0.9]
    >>> auc = bootstrap_interval(roc_auc_score, y, proba, groups=list("aabbccdd"), random_state=0)
    >>> auc.value, auc.low <= auc.value <= auc.high
    (0.9375, True)
    """
    if not callable(metric):
        raise TypeError(f"metric must be a callable metric(y, proba), got {metric!r}.")
    y, proba = check_labels("y", y), np.asarray(proba)
    if proba.shape[:1] != y.shape:
        raise ValueError(f"proba must have {len(y)} rows, one per label of y, got shape {proba.shape}.")
    if not isinstance(confidence, Real):
        raise TypeError(f"confidence must be a number between 0 and 1, got {confidence!r}.")
    if not 0 < confidence < 1:
        raise ValueError(f"confidence must be between 0 and 1, got {confidence!r}.")
    check_scalar(n_resamples, "n_resamples", Integral, min_val=1)
    draw = _resampler(y, groups)
    with naming("random_state"):
        rng = check_random_state(random_state)
    value = _finite(metric(y, proba))
    rows = (draw(rng) for _ in range(n_resamples))
    resampled = np.array([_finite(metric(y[drawn], proba[drawn])) for drawn in rows])
    tail = (1 - confidence) / 2
    low, high = np.quantile(resampled, [tail, 1 - tail])
    if resampled.min() == resampled.max():
        warn_user(
            f"All resamples have the same metric, {value:.4g}, so the interval has no width. It does not "
            "mean certainty: where all n are right, the true share may be as low as about 1 - 3 / n."
        )
    return Bunch(value=value, low=float(low), high=float(high), resampled=resampled)


def warn_of_shared_groups(folds: Iterable[tuple[np.ndarray, np.ndarray]], groups: ArrayLike | None) -> None:
    """Warn if a group has images in both the training and the test set of one of `folds`."""
    if groups is None:
        return
    names = np.asarray(groups)
    shared = {name for train, test in folds for name in np.intersect1d(names[train], names[test]).tolist()}
    if shared:
        warn_user(
            f"cv has images of the same group in a training set and its test set, for {len(shared)} of the "
            f"groups ({name_some(shared)}): the scores do not estimate the accuracy on new groups. Use "
            "StratifiedGroupKFold or another splitter that keeps groups together.",
            GroupLeakWarning,
        )


def _resampler(y: np.ndarray, groups: ArrayLike | None) -> Callable[[np.random.RandomState], np.ndarray]:
    """Return a function that draws the rows of a resample, stratified by class."""
    if groups is None:
        classes = [np.flatnonzero(y == label) for label in np.unique(y)]
        return lambda rng: np.concatenate([rng.choice(rows, len(rows)) for rows in classes])
    names = check_labels("groups", groups, len(y))
    persons = average_by_group(np.zeros(len(y)), names, y)
    images = [np.flatnonzero(names == name) for name in persons.groups]
    draw = _resampler(persons.target, None)
    return lambda rng: np.concatenate([images[person] for person in draw(rng)])


def _finite(score: float) -> float:
    """Return the score of a metric as a float, or raise ValueError."""
    if not np.isfinite(score):
        raise ValueError(f"metric must return a finite number, got {score!r}.")
    return float(score)
