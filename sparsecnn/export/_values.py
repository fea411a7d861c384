"""Parameters of estimators as JSON, and back, without loss and without code."""

from __future__ import annotations

import inspect
import math
from typing import Any

import numpy as np
import torch

from sparsecnn import penalties
from sparsecnn._network import BinaryActivation
from sparsecnn._training import CurveAugmentation
from sparsecnn.exceptions import FileFormatError
from sparsecnn.inference import make_array

# Objects with parameters of their own that a file may name.
CLASSES: dict[str, Any] = {
    name: value
    for name in penalties.__all__
    if inspect.isclass(value := getattr(penalties, name)) and not inspect.isabstract(value)
}
CLASSES |= {"CurveAugmentation": CurveAugmentation}
PLAIN = (str, bool, int, type(None))


def changed_params(estimator: Any) -> dict[str, Any]:
    """Return the parameters of an estimator that are not their defaults, by name."""
    defaults = inspect.signature(type(estimator).__init__).parameters
    params = estimator.get_params(deep=False)
    return {name: value for name, value in params.items() if not _same(value, defaults[name].default)}


def _same(value: Any, default: Any) -> bool:
    return type(value) is type(default) and (value is default or value == default)


def encode_params(estimator: Any, left_out: tuple[str, ...] = ()) -> dict[str, Any]:
    """Return parameters that are not their defaults, for JSON.

    Raises
    ------
    ValueError
        If one cannot be stored; it is named.
    """
    params = {name: value for name, value in changed_params(estimator).items() if name not in left_out}
    return {name: encode_value(value, name) for name, value in params.items()}


def encode_value(value: Any, name: str) -> Any:
    """Return a value for JSON.

    Parameters
    ----------
    value : object
    name : str
        Of the parameter, for messages.

    Raises
    ------
    ValueError
        If it cannot be stored.
    """
    if type(value) in PLAIN or (type(value) is float and math.isfinite(value)):
        return value
    if type(value) is tuple:
        return [encode_value(item, name) for item in value]
    if type(value) is list:
        return {"list": [encode_value(item, name) for item in value]}
    if type(value) is dict:
        return {"dict": [[encode_value(key, name), encode_value(item, name)] for key, item in value.items()]}
    if isinstance(value, np.generic) or (isinstance(value, np.ndarray) and value.ndim == 1):
        return _encode_numpy(np.asarray(value), "scalar" if isinstance(value, np.generic) else "array", name)
    if isinstance(value, torch.device):
        return {"device": str(value)}
    if type(value) is BinaryActivation:
        return {"activation": value.proxy}
    kind = type(value).__name__
    if CLASSES.get(kind) is type(value):
        return {kind: encode_params(value)}
    advice = ""
    if isinstance(value, (np.random.RandomState, np.random.Generator)):
        advice = " Set an integer or None, as by set_params(random_state=None), which changes no prediction."
    elif name == "cv":
        advice = " No prediction needs it: save a copy with set_params(cv=3)."
    elif name == "penalty":
        advice = " No prediction needs it: save a copy with set_params(penalty=None)."
    raise ValueError(f"The parameter {name}={value!r} cannot be stored: it is of the class {kind}.{advice}")


def _encode_numpy(array: np.ndarray, kind: str, name: str) -> dict[str, Any]:
    try:
        values = array.ravel().tolist()
        make_array(values, array.dtype.str)
        encoded = [encode_value(value, name) for value in values]
    except FileFormatError as error:
        raise ValueError(f"The parameter {name}={array!r} cannot be stored: {error}.") from None
    return {kind: [array.dtype.str, encoded]}


def decode_params(params: dict[str, Any]) -> dict[str, Any]:
    """Return the parameters that `encode_params` gave, or raise FileFormatError."""
    return {name: decode_value(value) for name, value in params.items()}


def make_estimator(cls: Any, params: dict[str, Any], **more: Any) -> Any:
    """Return an estimator of a class with parameters from JSON."""
    unknown = (set(params) & set(more)) | (set(params) - set(cls._get_param_names()))
    if unknown:
        raise FileFormatError(f"{cls.__name__} has no parameter {min(unknown)[:60]!r} in a file")
    made = cls(**decode_params(params), **more)
    try:
        made._validate_params()
    except ValueError as error:
        raise FileFormatError(str(error).rstrip(".")) from None
    return made


def decode_value(value: Any) -> Any:
    """Return the value that `encode_value` gave, or raise FileFormatError."""
    if isinstance(value, list):
        return tuple(decode_value(item) for item in value)
    if not isinstance(value, dict):
        return value
    try:
        return _decode_tagged(value)
    except (TypeError, ValueError, RuntimeError) as error:
        raise FileFormatError(f"{str(value)[:60]} is no parameter ({str(error)[:200]})") from None


def _decode_tagged(value: dict[str, Any]) -> Any:
    [(tag, content)] = value.items()
    match tag, content:
        case "list", [*items]:
            return [decode_value(item) for item in items]
        case "dict", [*pairs]:
            return {decode_value(key): decode_value(item) for key, item in pairs}
        case "scalar", [str(dtype), [item]]:
            return make_array([item], dtype)[0]
        case "array", [str(dtype), [*items]]:
            return make_array(items, dtype)
        case "device", str(device):
            return torch.device(device)
        case "activation", str(proxy):
            return BinaryActivation(proxy)
        case _, dict(params) if tag in CLASSES:
            return CLASSES[tag](**decode_params(params))
    raise ValueError("unknown")


def encode_classes(classes: np.ndarray) -> dict[str, Any]:
    """Return class labels for JSON, or raise ValueError."""
    values = classes.tolist()
    try:
        if not all(type(value) in (str, bool, int, float) and value == value for value in values):
            raise FileFormatError("there are others than texts, truth values and numbers")
        make_array(values, classes.dtype.str)
    except FileFormatError as error:
        raise ValueError(f"The classes {classes!r} cannot be stored: {error}.") from None
    natural = np.array(values).dtype.str == classes.dtype.str
    return {"classes": values} if natural else {"classes": values, "classes_dtype": classes.dtype.str}
