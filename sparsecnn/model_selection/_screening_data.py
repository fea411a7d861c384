"""Checks of what a screening is fitted to."""

from __future__ import annotations

from numbers import Integral
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils import assert_all_finite, indexable
from sklearn.utils.multiclass import check_classification_targets, type_of_target
from sklearn.utils.validation import _check_sample_weight, column_or_1d, has_fit_parameter

from sparsecnn._warn import warn_user
from sparsecnn.exceptions import GroupLeakWarning
from sparsecnn.inference import check_labels
from sparsecnn.model_selection._folds import count_groups, make_folds
from sparsecnn.model_selection._groups import validate_groups, warn_of_shared_groups
from sparsecnn.model_selection._hand_on import hand_on_groups


class ScreeningData(NamedTuple):
    """Images with their persons, the two classes, and folds of persons."""

    X: Any
    y: np.ndarray
    persons: np.ndarray
    weight: np.ndarray
    fit_params: dict[str, Any]
    classes: np.ndarray
    sought: Any
    folds: list[tuple[np.ndarray, np.ndarray]]


def check_screening_data(
    screening: Any,
    X: Any,
    y: ArrayLike,
    groups: ArrayLike | None,
    sample_weight: ArrayLike | None,
    fit_params: dict[str, Any],
) -> ScreeningData:
    """Return the arguments of `fit`, checked, or raise ValueError."""
    _check_parameters(screening)
    X, y = indexable(X, y)
    labels = _check_labels(y)
    classes = np.unique(labels)
    sought = classes[1] if screening.pos_label is None else screening.pos_label
    if sought not in classes:
        raise ValueError(f"pos_label must be one of the classes, {classes.tolist()}, got {sought!r}.")
    weight = _check_weight(X, labels, sample_weight)
    if sample_weight is not None:
        if not has_fit_parameter(screening.estimator, "sample_weight"):
            raise ValueError(
                f"sample_weight is no argument of the fit of {type(screening.estimator).__name__}; for a "
                "step of a Pipeline, pass <name of the step>__sample_weight."
            )
        fit_params = fit_params | {"sample_weight": weight}
    persons = np.arange(len(labels)) if groups is None else check_labels("groups", groups, len(labels))
    validate_groups(labels, persons, min_images=1)
    cv = 5 if screening.cv is None else screening.cv
    _check_persons(cv, labels, persons)
    folds = make_folds(cv, X, labels, None if groups is None else persons)
    if groups is None:
        _warn_of_no_groups(len(labels))
    else:
        warn_of_shared_groups(folds, persons)
        fit_params = hand_on_groups(screening.estimator, persons, fit_params)
    return ScreeningData(X, labels, persons, weight, fit_params, classes, sought, folds)


def _warn_of_no_groups(n_images: int) -> None:
    warn_user(
        f"ScreeningClassifier.fit got no groups, so each of the {n_images} images counts as a person. Pass "
        f"groups, the person of each image; if these are as many persons, range({n_images}). A GridSearchCV "
        "around it keeps groups for its folds unless metadata routing hands them on: better search inside, "
        "with a GridSearchCV as its estimator.",
        GroupLeakWarning,
    )


def _check_parameters(screening: Any) -> None:
    for name in ("sensitivity", "specificity", "confidence", "coverage", "shift_level"):
        value = getattr(screening, name)
        if isinstance(value, bool):  # a number to Python
            raise ValueError(f"{name} must be a number such as 0.9 or None, got {value}.")
    sensitivity, specificity, confidence = screening.sensitivity, screening.specificity, screening.confidence
    if sensitivity is not None and specificity is not None:
        raise ValueError(f"give sensitivity or specificity, not both, got {sensitivity} and {specificity}.")
    wanted = specificity if sensitivity is None else sensitivity
    if confidence is not None and wanted in (None, 1):
        raise ValueError(f"confidence={confidence} needs a sensitivity or specificity below 1, got {wanted}.")


def _check_labels(y: ArrayLike) -> np.ndarray:
    labels = column_or_1d(y, warn=True)
    if not len(labels):
        raise ValueError("y must have a label for each image, got none: X has 0 samples.")
    assert_all_finite(labels, input_name="y")
    check_classification_targets(labels)
    kind = type_of_target(labels, input_name="y", raise_unknown=True)
    classes = np.unique(labels)
    if len(classes) > 2 or kind != "binary":
        raise ValueError(
            f"Only binary classification is supported. The type of the target is {kind}: y has the classes "
            f"{classes.tolist()[:5]}."
        )
    if len(classes) < 2:
        raise ValueError(f"y must have two classes, got 1 class, {classes[0]!s}.")
    return labels


def _check_weight(X: Any, labels: np.ndarray, sample_weight: ArrayLike | None) -> np.ndarray:
    weight = _check_sample_weight(sample_weight, labels, ensure_non_negative=True)
    for label in np.unique(labels):
        if not weight[labels == label].any():
            raise ValueError(f"sample_weight must not be zero for all images of class {label!s}.")
    return weight


def _check_persons(cv: Any, labels: np.ndarray, persons: np.ndarray) -> None:
    """Raise ValueError if a class has fewer persons than there are folds."""
    if not isinstance(cv, Integral):
        return
    for label, n_persons in count_groups(labels, persons).items():
        if n_persons < int(cv):
            raise ValueError(
                f"cv={cv} folds need at least {cv} persons of each class, got {n_persons} of {label!s}."
            )
