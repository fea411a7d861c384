"""Which view each member of an ensemble sees, chosen by what networks predict of images held back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from numbers import Integral
from typing import Any

import numpy as np
from joblib import Parallel, delayed
from sklearn.base import clone

from sparsecnn._estimator import SparseCurveCNNClassifier
from sparsecnn.model_selection import count_groups, make_folds, warn_of_shared_groups

SMALLEST = np.finfo(np.float64).eps  # of a probability whose logarithm is taken

Folds = list[tuple[np.ndarray, np.ndarray]]


@dataclass(frozen=True)
class Sample:
    """What is known of images besides their pixels.

    Attributes
    ----------
    labels : ndarray of shape (n,)
    weight : ndarray of float of shape (n,) or None
    groups : ndarray of shape (n,) or None
    n_left_out : int, default=0
        Number of images of weight 0, which are not among these.
    """

    labels: np.ndarray
    weight: np.ndarray | None
    groups: np.ndarray | None
    n_left_out: int = 0

    def __getitem__(self, rows: np.ndarray) -> Sample:
        weight = None if self.weight is None else self.weight[rows]
        groups = None if self.groups is None else self.groups[rows]
        return Sample(self.labels[rows], weight, groups)


def fit_network(
    network: SparseCurveCNNClassifier, images: np.ndarray, sample: Sample
) -> SparseCurveCNNClassifier:
    """Return a copy of a network, trained on images of one channel in batches of at most all of them."""
    fitted: Any = clone(network)
    if isinstance(fitted.batch_size, Integral):
        fitted.batch_size = min(fitted.batch_size, len(images))
    return fitted.fit(images, sample.labels, sample_weight=sample.weight, groups=sample.groups)


def folds_of(cv: Any, images: np.ndarray, sample: Sample) -> Folds:
    """Return folds on which views can be compared, or raise ValueError."""
    if isinstance(cv, Integral):
        _check_enough_for_folds(cv, sample)
    elif sample.n_left_out and not hasattr(cv, "split"):
        raise ValueError(
            f"cv must be an integer or a splitter where images of weight 0 are left out: {sample.n_left_out} "
            "such images have no place in splits that are given."
        )
    every, classes = np.arange(len(images)), np.unique(sample.labels)
    made = make_folds(cv, images, sample.labels, sample.groups)
    try:
        folds = [(np.atleast_1d(every[train]), np.atleast_1d(every[test])) for train, test in made]
    except IndexError as error:
        raise ValueError(f"cv={cv!r} makes other folds than of the {len(images)} images: {error}.") from error
    for train, _ in folds:
        missing = np.setdiff1d(classes, sample.labels[train])
        if len(missing):
            raise ValueError(f"cv={cv!r} leaves the classes {missing.tolist()} out of a training set.")
    warn_of_shared_groups(folds, sample.groups)
    return folds


def _check_enough_for_folds(cv: Any, sample: Sample) -> None:
    """Raise ValueError if a class has fewer groups, or images without groups, than there are folds."""
    what = "images" if sample.groups is None else "groups"
    for label, n in count_groups(sample.labels, sample.groups).items():
        if n < cv:
            raise ValueError(
                f"cv={cv} folds, in which views are compared, need as many {what} of each class, but class "
                f"{label!s} has {n}: give fit more of them, or set a smaller cv, at least 2."
            )


def likelihoods(
    network: SparseCurveCNNClassifier,
    views: Sequence[np.ndarray],
    sample: Sample,
    folds: Folds,
    n_jobs: int | None,
) -> np.ndarray:
    """Return the probability that networks of each view give the true class of each image held back.

    Returns
    -------
    ndarray of float64 of shape (n_views, n_held_back)
        Images are in the order of the test sets of `folds`.
    """
    found = Parallel(n_jobs=n_jobs)(
        delayed(_likelihood)(network, images, sample, train, test)
        for images in views
        for train, test in folds
    )
    return np.concatenate(found).reshape(len(views), -1).astype(np.float64)


def _likelihood(
    network: SparseCurveCNNClassifier,
    images: np.ndarray,
    sample: Sample,
    train: np.ndarray,
    test: np.ndarray,
) -> np.ndarray:
    fitted = fit_network(network, images[train], sample[train])
    codes = np.searchsorted(fitted.classes_, sample.labels[test])
    return fitted.predict_proba(images[test])[np.arange(len(test)), codes]


def choose_views(likelihood: np.ndarray, n_members: int, weight: np.ndarray | None = None) -> np.ndarray:
    """Return the view of each member: in turn, the one that minimises the log loss of the mean so far.

    Parameters
    ----------
    likelihood : ndarray of shape (n_views, n)
        Probability of the true class of each image held back.
    n_members : int
    weight : ndarray of shape (n,), default=None
        Of each image in the log loss.
    """
    chosen, total = np.empty(n_members, int), np.zeros(likelihood.shape[1])
    for i in range(n_members):
        chosen[i] = log_losses((total + likelihood) / (i + 1), weight).argmin()
        total += likelihood[chosen[i]]
    return chosen


def log_losses(likelihood: np.ndarray, weight: np.ndarray | None = None) -> np.ndarray:
    """Return the log loss of each row of probabilities of the true class."""
    return -np.average(np.log(np.maximum(likelihood, SMALLEST)), axis=1, weights=weight)
