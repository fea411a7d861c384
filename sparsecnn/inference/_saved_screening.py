"""What a file says of a screening, checked, with all arrays."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np

from sparsecnn.exceptions import FileFormatError
from sparsecnn.inference._arrays import ArrayReader
from sparsecnn.inference._container import is_count
from sparsecnn.inference._fields import make_array, take_classes, take_dict, take_list, take_numbers
from sparsecnn.inference._network import check_keys, is_number
from sparsecnn.inference._records import (
    HeldBack,
    SavedClassifier,
    SavedEnsemble,
    SavedPipeline,
    SavedScreening,
)
from sparsecnn.inference._rule import PlattScaling, ScreeningRule
from sparsecnn.inference._shift import IMAGE_TYPES, PersonImages

# Of the persons' names that are numbers, which are arrays and no texts.
NUMBERED = ("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "float32", "float64")
_LARGEST_THRESHOLD = np.nextafter(1, 2)  # above all probabilities
_REQUIRED = ("classes", "sought", "calibration", "threshold", "intervals", "persons")
_OPTIONAL = ("classes_dtype", "limits", "known", "frozen", "shift_level", "params")


def decode_screening(entry: Any, estimator: Any, reader: ArrayReader) -> SavedScreening:
    """Return the screening of what was read as its estimator, or raise FileFormatError.

    Parameters
    ----------
    entry : object
        From JSON.
    estimator : Saved
    reader : ArrayReader
    """
    check_keys(entry, _REQUIRED, _OPTIONAL)
    rule = _rule(entry)
    last = estimator.last if isinstance(estimator, SavedPipeline) else estimator
    if not isinstance(last, (SavedClassifier, SavedEnsemble)):
        raise FileFormatError("its screening is of another screening, or of a regressor")
    sought = rule.classes.tolist()[rule.column]
    if last.classes.tolist().count(sought) != 1:
        raise FileFormatError(f"its screening seeks {sought!r}, which its classifier does not know")
    shift_level, is_frozen = entry.get("shift_level"), entry.get("frozen", False)
    if shift_level is not None and not (is_number(shift_level) and 0 < shift_level < 1):
        raise FileFormatError(f"its screening has shift_level={str(shift_level)[:60]}")
    if not isinstance(is_frozen, bool):
        raise FileFormatError(f"its screening has frozen={str(is_frozen)[:60]}")
    saved = SavedScreening(
        estimator,
        is_frozen,
        take_dict(entry.get("params", {})),
        None if shift_level is None else float(shift_level),
        rule,
        _held_back(entry["persons"], reader),
        [take_numbers(ends, 2, "the ends of an interval") for ends in take_list(entry["intervals"])],
        _known(entry["known"], last.n_pixels, reader) if "known" in entry else None,
    )
    _check_shares(saved)
    return saved


def _rule(entry: dict[str, Any]) -> ScreeningRule:
    classes, column, limits = take_classes(entry), entry["sought"], entry.get("limits")
    if len(classes) != 2 or not is_count(column) or column > 1:
        raise FileFormatError(f"its screening seeks class {str(column)[:60]} of {len(classes)}, not of two")
    slope, intercept = take_numbers(entry["calibration"], 2, "slope and intercept of a calibration")
    if slope < 0:
        raise FileFormatError(f"its calibration has the slope {slope}, below 0")
    threshold = entry["threshold"]
    if not is_number(threshold) or not 0 <= threshold <= _LARGEST_THRESHOLD:
        raise FileFormatError(f"its threshold is {str(threshold)[:60]}, not between 0 and 1")
    if limits is not None:
        low, high = (float(limit) for limit in take_numbers(limits, 2, "limits of both classes"))
        if not 0 <= min(low, high) <= max(low, high) <= 1:
            raise FileFormatError(f"its limits are {low} and {high}, not between 0 and 1")
        limits = low, high
    calibration = PlattScaling(float(slope), float(intercept))
    return ScreeningRule(classes, column, calibration, float(threshold), limits)


def _held_back(entry: Any, reader: ArrayReader) -> HeldBack:
    check_keys(entry, ("n", "dtype"), ("names",))
    n = entry["n"]
    if not is_count(n) or n < 2:
        raise FileFormatError(f"it has {str(n)[:60]} persons held back")
    held_back = HeldBack(
        _persons(entry, n, reader),
        reader.take_exact((n,), [], "float64"),
        reader.take_other((n,), "bool"),
        reader.take_other((n,), "int64"),
    )
    if not 0 <= held_back.proba.min() <= held_back.proba.max() <= 1:
        raise FileFormatError("a probability of a person held back is not between 0 and 1")
    if held_back.n_images.min() < 1:
        raise FileFormatError("a person held back has no images")
    if held_back.is_sought.all() or not held_back.is_sought.any():
        raise FileFormatError("the persons held back are all of one class")
    return held_back


def _persons(entry: dict[str, Any], n: int, reader: ArrayReader) -> np.ndarray:
    """Return the names of the persons held back, texts or numbers, in their order."""
    dtype = entry["dtype"]
    if not isinstance(dtype, str):
        raise FileFormatError(f"its persons are of the dtype {str(dtype)[:60]}")
    if "names" not in entry:
        if dtype not in NUMBERED:
            raise FileFormatError(f"its persons are of the dtype {dtype[:60]}")
        groups = reader.take_exact((n,), [], dtype)
    else:
        names = take_list(entry["names"])
        if not all(type(name) in (str, int, float, bool) for name in names) or len(names) != n:
            raise FileFormatError(f"it has {n} persons held back, but names {str(names)[:60]}")
        groups = make_array(names, dtype)
    try:
        in_order = all(one < other for one, other in pairwise(groups.tolist()))
    except TypeError:
        in_order = False
    if not in_order:
        raise FileFormatError("the names of its persons are not in order")
    return groups


def _known(entry: Any, n_pixels: int, reader: ArrayReader) -> PersonImages:
    """Return the images that those of other persons are compared with."""
    check_keys(entry, ("shape", "dtype", "code"))
    shape, dtype = take_list(entry["shape"]), entry["dtype"]
    if len(shape) != 3 or not all(is_count(n) and n for n in shape) or dtype not in IMAGE_TYPES:
        raise FileFormatError(f"images of persons of the shape {str(shape)[:60]} and {str(dtype)[:60]}")
    if shape[2] != n_pixels:
        raise FileFormatError(
            f"its images of persons have {shape[2]} pixels, those of its classifier {n_pixels}"
        )
    images = reader.take_exact((shape[0], shape[1], shape[2]), entry["code"], dtype)
    return PersonImages(images, reader.take_other((shape[0],), "bool"))


def _check_shares(saved: SavedScreening) -> None:
    """Raise FileFormatError unless the intervals hold what the threshold does to the persons held back."""
    if len(saved.intervals) != 2:
        raise FileFormatError(f"it has {len(saved.intervals)} intervals, not of sensitivity and specificity")
    for name, share in zip(("sensitivity", "specificity"), saved.shares, strict=True):
        if not 0 <= share["low"] <= share["value"] <= share["high"] <= 1:
            raise FileFormatError(
                f"its interval of the {name} is from {share['low']} to {share['high']}, but the threshold "
                f"gives {share['value']:.3g} of its persons"
            )
