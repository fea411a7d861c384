"""Dictionaries, lists, numbers, texts and arrays as JSON and tensors, and back, without loss."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from sparsecnn.exceptions import FileFormatError
from sparsecnn.inference import Content, Form

# The widest first, so that each lies where its numbers can be read in place.
DTYPES = {
    **{"float64": ("F64",), "int64": ("I64",), "uint64": ("U64",)},
    **{"float32": ("F32",), "int32": ("I32",), "uint32": ("U32",)},
    **{"float16": ("F16",), "int16": ("I16",), "uint16": ("U16",)},
    **{"int8": ("I8",), "uint8": ("U8",), "bool": ("BOOL",)},
}
CHECKPOINT = Form(
    format="sparsecnn-checkpoint",
    version=1,
    content="run",
    dtypes=DTYPES,
    largest_header=2**24,
    unknown="it is no checkpoint of sparsecnn",
    foreign="it is a safetensors file, but no checkpoint of sparsecnn",
)


def encode(tree: Any) -> tuple[Any, dict[str, np.ndarray]]:
    """Return what JSON says of a tree, and the numbers of its arrays and of its lists of floats, by dtype.

    Raises
    ------
    ValueError
        If something in it has no place in a file.
    """
    parts: dict[str, list[np.ndarray]] = {name: [] for name in DTYPES}
    entry = _encode(tree, parts)
    joined = {name: np.concatenate(found) if found else np.zeros(0, name) for name, found in parts.items()}
    return entry, {name: array.astype(array.dtype.newbyteorder("<")) for name, array in joined.items()}


def _encode(value: Any, parts: dict[str, list[np.ndarray]]) -> Any:
    value = value.item() if isinstance(value, np.generic) else value
    if value is None or type(value) in (bool, int, str):
        return value
    if type(value) is float:
        return value if math.isfinite(value) else {"float": repr(value)}
    if type(value) is list and value and all(type(item) is float for item in value):
        parts["float64"].append(np.array(value))
        return {"floats": len(value)}
    if type(value) is list:
        return [_encode(item, parts) for item in value]
    if type(value) is tuple:
        return {"tuple": [_encode(item, parts) for item in value]}
    if isinstance(value, dict):
        return {"dict": [[_encode(key, parts), _encode(item, parts)] for key, item in value.items()]}
    if isinstance(value, np.ndarray) and value.dtype.name in DTYPES:
        parts[value.dtype.name].append(value.ravel())
        return {"array": [value.dtype.name, list(value.shape)]}
    raise ValueError(f"a checkpoint cannot hold {getattr(value, 'dtype', type(value).__name__)}")


def decode(content: Content) -> Any:
    """Return the tree that `encode` was given, or raise FileFormatError."""
    taken = dict.fromkeys(DTYPES, 0)
    try:
        tree = _decode(content.entry, content.tensors, taken)
    except (TypeError, ValueError, KeyError, RecursionError) as error:
        raise FileFormatError(f"its description is none of a run ({str(error)[:100]})") from None
    left = [name for name, n_taken in taken.items() if n_taken != len(content.tensors[name])]
    if left:
        raise FileFormatError(f"some numbers of its tensors {', '.join(left)} belong to nothing")
    return tree


def _decode(entry: Any, tensors: dict[str, np.ndarray], taken: dict[str, int]) -> Any:
    if isinstance(entry, list):
        return [_decode(item, tensors, taken) for item in entry]
    if not isinstance(entry, dict):
        return entry
    [(tag, content)] = entry.items()
    match tag, content:
        case "float", "nan" | "inf" | "-inf":
            return float(content)
        case "floats", int(n):
            return _take("float64", (n,), tensors, taken).tolist()
        case "tuple", [*items]:
            return tuple(_decode(item, tensors, taken) for item in items)
        case "dict", [*pairs]:
            return {_decode(key, tensors, taken): _decode(item, tensors, taken) for key, item in pairs}
        case "array", [str(name), [*shape]]:
            return _take(name, tuple(shape), tensors, taken)
    raise ValueError(f"{tag} is unknown")


def _take(
    name: str, shape: tuple[int, ...], tensors: dict[str, np.ndarray], taken: dict[str, int]
) -> np.ndarray:
    if not all(type(n) is int and n >= 0 for n in shape):
        raise ValueError(f"{shape} is no shape")
    start = taken[name]
    taken[name] += math.prod(shape)
    return tensors[name][start : taken[name]].reshape(shape).astype(name)
