"""The teacher of a classifier: a fitted one whose scores it learns."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.base import clone
from sklearn.frozen import FrozenEstimator

from sparsecnn._estimator.parameters import ClassifierParameters
from sparsecnn._estimator.training_data import TrainingData
from sparsecnn._pixels import warn_of_other_pixels
from sparsecnn._training import Teacher


def make_teacher(teacher: Any, data: TrainingData, rng: np.random.RandomState) -> Teacher | None:
    """Return the teacher of a classifier that is to learn `data`, or None if it has none.

    Parameters
    ----------
    teacher : SparseCurveCNNClassifier, FrozenEstimator or None
        The former is cloned and fitted to `data`; what the latter holds is taken as it is.
    data : TrainingData
    rng : RandomState
        Seeds a teacher without a `random_state`.

    Raises
    ------
    ValueError
        If the teacher is something else, or a frozen one is of other classes or images.

    Warns
    -----
    UserWarning
        If the pixels of a frozen one had another range.
    """
    if teacher is None:
        return None
    held = teacher.estimator if isinstance(teacher, FrozenEstimator) else teacher
    if not isinstance(held, ClassifierParameters):
        raise ValueError(
            "teacher must be a SparseCurveCNNClassifier, or a FrozenEstimator that holds a fitted one, "
            f"got {teacher!r}."
        )
    fitted = _fit(held, data, rng) if held is teacher else held
    _check_fitted(fitted, data)
    return Teacher.of(fitted, data.images)


def check_frozen(teacher: Any) -> None:
    """Raise ValueError if there is a teacher that is yet to be fitted."""
    if teacher is not None and not isinstance(teacher, FrozenEstimator):
        raise ValueError(
            f"partial_fit cannot fit a teacher: give a FrozenEstimator of a fitted one, got {teacher!r}."
        )


def _fit(teacher: Any, data: TrainingData, rng: np.random.RandomState) -> Any:
    images = data.images
    rows = slice(None) if images.rows is None else images.rows
    fitted = clone(teacher).set_params(image_shape=images.image_shape)
    if fitted.random_state is None:
        fitted.set_params(random_state=rng.randint(2**31 - 1))
    return fitted.fit(images.X[rows], data.classes[images.y], sample_weight=images.weight)


def _check_fitted(fitted: Any, data: TrainingData) -> None:
    if not hasattr(fitted, "module_"):
        raise ValueError(f"teacher holds {fitted!r}, which is not fitted.")
    if not np.array_equal(fitted.classes_, data.classes):
        raise ValueError(
            f"teacher has the classes {fitted.classes_.tolist()}, but y has {data.classes.tolist()}."
        )
    if fitted.image_shape_ != data.images.image_shape:
        raise ValueError(
            f"teacher takes images of shape {fitted.image_shape_}, but those of X are of shape "
            f"{data.images.image_shape}."
        )
    if min(fitted.image_shape_) > 1:  # curves have no common range
        pixels = data.images.X
        warn_of_other_pixels(pixels, fitted.pixel_scale_, fitted._largest_pixel, fitted._background)
