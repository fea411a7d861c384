"""Means by group, such as a person."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from sparsecnn._naming import naming


class GroupMeans(NamedTuple):
    """Groups, sorted, with the mean and the number of the images of each."""

    groups: np.ndarray
    means: np.ndarray
    n_images: np.ndarray
    first: np.ndarray  # image of each group
    member: np.ndarray  # number of the group of each image


def mean_by_group(proba: ArrayLike, groups: ArrayLike) -> GroupMeans:
    """Average probabilities by group, or raise ValueError.

    Parameters
    ----------
    proba : array-like of shape (n,) or (n, n_classes)
    groups : array-like of shape (n,)
    """
    proba = _check_probabilities(proba)
    groups = check_labels("groups", groups, len(proba))
    with naming("groups"):
        names, first, member, n_images = np.unique(
            groups, return_index=True, return_inverse=True, return_counts=True
        )
    sums = np.zeros((len(names), *proba.shape[1:]))
    np.add.at(sums, member, proba)
    return GroupMeans(names, (sums.T / n_images).T, n_images, first, member)


def check_labels(name: str, labels: ArrayLike, n_images: int | None = None) -> np.ndarray:
    """Return `labels` as a sortable array of shape (n_images,), none missing, or raise ValueError.

    Parameters
    ----------
    name : str
        Of the argument, for messages.
    labels : array-like
    n_images : int, default=None
        None takes any number but 0.
    """
    with naming(name):
        checked = np.asarray(labels)
        missing = [label is None or bool(label != label) for label in np.ravel(checked).tolist()]
    if checked.ndim != 1 or n_images not in (None, len(checked)) or not len(checked):
        expected = "n" if n_images is None else n_images
        raise ValueError(
            f"{name} must have one label per image, shape ({expected},), got shape {checked.shape}."
        )
    if any(missing):
        i = missing.index(True)
        got = checked.tolist()[i]
        raise ValueError(f"{name} must have a label for each image, got {got!r} for image {i}.")
    if not isinstance(labels, np.ndarray) or checked.dtype == object:
        _check_one_type(name, np.asarray(labels, dtype=object))
    return checked


def _check_one_type(name: str, labels: np.ndarray) -> None:
    """Raise ValueError if labels cannot be sorted; of texts and numbers, numpy would make texts."""
    try:
        np.sort(labels)
    except TypeError:
        types = " and ".join(sorted({type(label).__name__ for label in labels.tolist()}))
        raise ValueError(
            f"{name} must be labels of one type, such as all texts or all numbers, got {types}."
        ) from None


def _check_probabilities(proba: ArrayLike) -> np.ndarray:
    """Return `proba` as a finite array of shape (n,) or (n, n_classes), or raise ValueError."""
    try:
        checked = np.asarray(proba, dtype=float)
    except (TypeError, ValueError) as error:
        raise ValueError(f"proba must be numbers of shape (n,) or (n, n_classes): {error}.") from error
    if checked.ndim not in (1, 2) or not checked.size:
        raise ValueError(f"proba must have shape (n,) or (n, n_classes), got shape {checked.shape}.")
    if not np.isfinite(checked).all():
        raise ValueError(f"proba must be finite, got {checked[~np.isfinite(checked)][0]}.")
    return checked
