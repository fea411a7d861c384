"""Screenings in files."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from sklearn.base import clone
from sklearn.frozen import FrozenEstimator
from sklearn.utils import Bunch
from sklearn.utils.validation import check_is_fitted

from sparsecnn.exceptions import FileFormatError
from sparsecnn.export._values import encode_classes, encode_params, make_estimator
from sparsecnn.inference import NUMBERED, ArrayWriter, PersonImages, SavedScreening, make_array
from sparsecnn.model_selection import ScreeningClassifier

Encode = Callable[[Any, ArrayWriter], dict[str, Any]]


def encode_screening(screening: ScreeningClassifier, writer: ArrayWriter, encode: Encode) -> dict[str, Any]:
    """Return what JSON says of a fitted screening, whose arrays go to `writer`.

    Parameters
    ----------
    screening : ScreeningClassifier
    writer : ArrayWriter
    encode : callable
        Does the same for its estimator.

    Raises
    ------
    NotFittedError
        If it is not fitted.
    ValueError
        If a parameter or the names of persons cannot be stored.
    """
    check_is_fitted(screening)
    fitted, rule = screening.estimator_, screening._rule
    is_frozen = isinstance(fitted, FrozenEstimator)
    entry = {"estimator": encode(fitted.estimator if is_frozen else fitted, writer)}
    intervals = [[share.low, share.high] for share in (screening.sensitivity_, screening.specificity_)]
    found = {
        **encode_classes(rule.classes),
        "sought": rule.column,
        "calibration": list(rule.calibration),
        "threshold": rule.threshold,
        "limits": None if rule.limits is None else list(rule.limits),
        "intervals": intervals,
        "persons": _encode_persons(screening, writer),
        "known": None if screening.shift_level is None else _encode_known(screening._known_persons, writer),
        "frozen": is_frozen or None,
        "shift_level": None if screening.shift_level is None else float(screening.shift_level),
        "params": encode_params(screening, ("estimator", "shift_level")) or None,
    }
    return entry | {"screening": {name: value for name, value in found.items() if value is not None}}


def _encode_persons(screening: ScreeningClassifier, writer: ArrayWriter) -> dict[str, Any]:
    held_back, rule = screening.held_back_, screening._rule
    groups = held_back.groups
    entry: dict[str, Any] = {"n": len(groups)}
    if groups.dtype.name in NUMBERED:
        entry["dtype"] = groups.dtype.name
        writer.add_other(groups)
    else:
        entry |= {"dtype": groups.dtype.str, "names": groups.tolist()}
        try:
            make_array(entry["names"], entry["dtype"])
        except FileFormatError as error:
            raise ValueError(
                f"The persons of held_back_.groups cannot be stored: {error}. Name them by texts or numbers."
            ) from None
    writer.add_other(held_back.proba[:, rule.column])
    writer.add_other(held_back.target == rule.classes[rule.column])
    writer.add_other(held_back.n_images.astype(np.int64))
    return entry


def _encode_known(known: PersonImages | None, writer: ArrayWriter) -> dict[str, Any] | None:
    if known is None:
        return None
    code = writer.add_exact(known.images)
    writer.add_other(known.is_upper)
    return {"shape": list(known.images.shape), "dtype": known.images.dtype.name, "code": code}


def rebuild_screening(saved: SavedScreening, fitted: Any) -> ScreeningClassifier:
    """Return the fitted screening of what a file holds.

    Parameters
    ----------
    saved : SavedScreening
    fitted : estimator
        Its classifier.

    Raises
    ------
    FileFormatError
        If `saved` has parameters of no screening.
    """
    fitted = FrozenEstimator(fitted) if saved.is_frozen else fitted
    screening: Any = make_estimator(
        ScreeningClassifier, saved.params, estimator=clone(fitted), shift_level=saved.shift_level
    )
    persons = saved.held_back
    vars(screening).update(
        estimator_=fitted,
        classes_=saved.rule.classes,
        threshold_=saved.rule.threshold,
        coverage_limits_=saved.rule.limits,
        held_back_=Bunch(
            groups=persons.groups,
            proba=saved.proba,
            n_images=persons.n_images.astype(np.intp),
            target=saved.rule.labels(persons.is_sought),
        ),
        _rule=saved.rule,
        _known_persons=saved.known,
    )
    screening.sensitivity_, screening.specificity_ = (Bunch(**share) for share in saved.shares)
    for name in ("n_features_in_", "feature_names_in_"):
        if hasattr(fitted, name):
            setattr(screening, name, getattr(fitted, name))
    return screening
