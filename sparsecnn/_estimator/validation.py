"""Checks of what the classifier is given."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils.class_weight import compute_sample_weight
from sklearn.utils.validation import _check_sample_weight

from sparsecnn._image_shape import images_of_rows, is_integer
from sparsecnn._naming import naming
from sparsecnn._pixels import IMAGES_LOOKED_AT
from sparsecnn._training import Images
from sparsecnn._warn import warn_user
from sparsecnn.inference import check_labels

LEAST_WEIGHT = 1e-30  # of the largest; less is nothing in float32
BRIGHT = 0.6  # of the range; paper of bright ink is darker
UNEQUAL_CHANNELS = 20  # times as bright as another


def class_codes(y: np.ndarray, classes: np.ndarray) -> np.ndarray:
    """Return the index of each label among the sorted `classes`, of which there must be two or more."""
    if len(classes) < 2:
        raise ValueError(f"y must have at least two classes, but it has one class: {classes.tolist()}.")
    unknown = np.setdiff1d(y, classes)
    if len(unknown):
        raise ValueError(
            f"y has labels {unknown.tolist()} that are not among the classes {classes.tolist()}."
        )
    return np.searchsorted(classes, y)


def check_sample_weight(sample_weight: ArrayLike | None, X: np.ndarray) -> np.ndarray | None:
    """Return `sample_weight` as an array of finite numbers, at least 0, not all of them 0."""
    if sample_weight is None:
        return None
    with naming("sample_weight"):
        weight = _check_sample_weight(sample_weight, X, ensure_non_negative=True)
        weight = weight.astype(np.float64) if weight.dtype == object else weight  # a number beyond int64
    if not weight.any():
        raise ValueError("sample_weight must contain at least one non-zero number, got only zeros.")
    if weight.max() < LEAST_WEIGHT:
        raise ValueError(
            f"sample_weight must be at least {LEAST_WEIGHT:g} for an image, got {weight.max():g}."
        )
    with np.errstate(over="ignore"):
        total = weight.astype(np.float64).sum()
    if not math.isfinite(total):
        raise ValueError(f"sample_weight must have a finite sum, but its largest value is {weight.max()}.")
    return weight


def image_weight(sample_weight: np.ndarray | None, class_weight: Any, y: np.ndarray) -> np.ndarray | None:
    """Return the weight of each image, or None if all are alike."""
    if class_weight is None:
        return sample_weight
    if isinstance(class_weight, dict):
        for label, value in class_weight.items():
            if not (isinstance(value, (int, float, np.number)) and 0 <= float(value) < math.inf):
                raise ValueError(
                    f"class_weight must be finite and at least 0, got {value!r} for class {label!r}."
                )
    weight = compute_sample_weight(class_weight, y)
    if sample_weight is not None:
        weight = weight * sample_weight
    if not weight.any():
        raise ValueError(f"class_weight must be above 0 for a class of y, got {class_weight}.")
    return weight


def negligible(weight: np.ndarray) -> np.ndarray:
    """Return which weights are nothing beside the largest one."""
    return weight < LEAST_WEIGHT * weight.max()


def check_group_labels(groups: ArrayLike | None, n_images: int) -> np.ndarray | None:
    """Return `groups` as a sortable array of one label for each image, or None; or raise ValueError."""
    return None if groups is None else check_labels("groups", groups, n_images)


def share_of_epoch(n_images: int, n_total: int | None) -> float:
    """Return which part of an epoch `n_images` are."""
    if n_total is None:
        return 1.0
    if not is_integer(n_total) or n_total < n_images:
        raise ValueError(f"n_total must be an integer, at least the {n_images} images of X, got {n_total!r}.")
    return n_images / n_total


def warn_of_large_batch(batch_size: int | str, n_images: int) -> None:
    """Warn if a batch asks for more images than there are; "auto" never does."""
    if isinstance(batch_size, str) or batch_size <= n_images:
        return
    warn_user(f"batch_size={batch_size} is more than the {n_images} training images: they are one batch.")


def warn_of_unequal_channels(images: Images) -> None:
    """Warn if some channels of the first images are far darker than others: one number scales all."""
    first = images.X[slice(IMAGES_LOOKED_AT) if images.rows is None else images.rows[:IMAGES_LOOKED_AT]]
    first = images_of_rows(first, images.image_shape, images.in_channels)
    largest = np.maximum(first.max((0, 2, 3)), -first.min((0, 2, 3)).astype(np.float64))
    if largest.max() > UNEQUAL_CHANNELS * largest[largest > 0].min(initial=np.inf):
        warn_user(
            f"The channels of X differ in range: their largest magnitudes are {largest.tolist()}. One number "
            "scales them all, so that the dimmest would hardly count: give them the same range."
        )


def warn_of_bright_background(brightness: float) -> None:
    """Warn if training images seem to be dark ink on bright paper."""
    if brightness > BRIGHT:
        warn_user(
            f"The background of X is bright: its median pixel is {brightness:.0%} of the largest. Ink should "
            "be bright on black, so that empty borders are 0: invert X (255 - X for bytes), or let "
            "CurveImageTransformer do so."
        )
