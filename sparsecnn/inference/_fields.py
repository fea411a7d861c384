"""Values from JSON, of the kind that is expected or refused by name."""

from __future__ import annotations

import re
from typing import Any

import numpy as np

from sparsecnn.exceptions import FileFormatError
from sparsecnn.inference._network import is_number

MOST_CLASSES = 2**16  # or targets
# Bytes of the labels of all classes together, or of the names of all persons.
LARGEST_LABELS = 2**22
_LABEL_DTYPES = re.compile(r"\|O|\|b1|\|[iu]1|[<>][iu][248]|[<>]f[248]|[<>]U[1-9][0-9]{0,6}")


def take_classes(entry: dict[str, Any]) -> np.ndarray:
    """Return class labels in the dtype that they had."""
    values = take_list(entry["classes"])
    proper = all(type(value) in (str, int, float, bool) for value in values)
    if not proper or not 2 <= len(values) <= MOST_CLASSES or len(set(values)) < len(values):
        raise FileFormatError(f"its classes are {str(values)[:60]}")
    dtype = entry.get("classes_dtype")
    if dtype is None:
        dtype = np.array(values).dtype.str
    if not isinstance(dtype, str) or not _LABEL_DTYPES.fullmatch(dtype):
        raise FileFormatError(f"its classes are of the dtype {str(dtype)[:60]}")
    kinds: dict[str, Any] = {"U": str, "b": bool, "i": int, "u": int, "f": float, "O": (str, int, float)}
    if not all(isinstance(value, kinds[dtype[1]]) for value in values):
        raise FileFormatError(f"its classes are not of the dtype {dtype}")
    return make_array(values, dtype)


def make_array(values: list[Any], dtype: str) -> np.ndarray:
    """Return an array of one axis, or raise FileFormatError unless it holds `values` as they are.

    Parameters
    ----------
    values : list of str, bool, int or float
    dtype : str
        As ``ndarray.dtype.str``.
    """
    if not _LABEL_DTYPES.fullmatch(dtype) or np.dtype(dtype).itemsize * len(values) > LARGEST_LABELS:
        raise FileFormatError(f"{len(values)} values of the dtype {dtype[:60]} cannot be held")
    try:
        array = np.array(values, dtype)
    except (OverflowError, ValueError, TypeError):
        array = np.zeros(0)
    if array.tolist() != values:
        raise FileFormatError(f"{str(values)[:60]} are not of the dtype {dtype}")
    return array


def take_numbers(value: Any, n: int, what: str) -> list[float]:
    if len(take_list(value)) != n or not all(map(is_number, value)):
        raise FileFormatError(f"where {what} are expected, it has {str(value)[:60]}")
    return value


def take_texts(value: Any, what: str) -> list[str]:
    if not all(isinstance(text, str) for text in take_list(value)):
        raise FileFormatError(f"its {what} are {str(value)[:60]}")
    return value


def take_list(value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise FileFormatError(f"where a list is expected, it has {str(value)[:60]}")
    return value


def take_dict(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise FileFormatError(f"where names and values are expected, it has {str(value)[:60]}")
    return value
