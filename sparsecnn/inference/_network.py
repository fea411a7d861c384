"""Which layers a saved network has, and the shapes of their arrays."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from sparsecnn.exceptions import FileFormatError
from sparsecnn.inference._container import is_count

LARGEST_OPTION = 2**16
LARGEST_NUMBER = sys.float_info.max
# Names of the arrays of a layer, of which those in brackets may be missing, by the option that says so.
_AFFINE = ("weight", "bias", "running_mean", "running_var")
ARRAYS: Mapping[str, tuple[str, ...]] = {
    "conv2d": ("weight", "bias"),
    "linear": ("weight", "bias"),
    "affine": ("weight", "bias"),
    "batch_norm1d": _AFFINE,
    "batch_norm2d": _AFFINE,
    "weighted_batch_norm2d": _AFFINE,
}
# The option that says that a layer lacks some of them, and which.
LACKING = {"bias": ("bias",), "affine": ("weight", "bias")}
N_AXES = {"conv2d": 4, "linear": 2}


@dataclass(frozen=True)
class Blueprint:
    """One layer, without its numbers.

    Attributes
    ----------
    name : str
        In the network.
    kind : str
    options : dict
        As those of `LayerSpec`.
    shapes : dict of str to tuple of ints
        Of its parameters and statistics.
    """

    name: str
    kind: str
    options: dict[str, Any] = field(default_factory=dict)
    shapes: dict[str, tuple[int, ...]] = field(default_factory=dict)


# What the curve CNN is where a file says nothing else.
CURVE_CNN: Mapping[str, Any] = {
    "channels": [16, 64, 64],
    "kernel_size": 3,
    "batch_norm": True,
    "activation": "relu",
}


def curve_cnn(image: tuple[int, int, int], n_outputs: int, options: Mapping[str, Any]) -> list[Blueprint]:
    """Return the layers of the curve CNN, as `SparseCurveCNNClassifier` makes it.

    Parameters
    ----------
    image : tuple of three ints
        (channels, height, width).
    n_outputs : int
    options : mapping
        Those of `CURVE_CNN` that are other. An activation other than "relu" is a list of "binary" and its
        proxy.

    Raises
    ------
    FileFormatError
        If an option is unknown or unusable.
    """
    check_keys(options, optional=tuple(CURVE_CNN))
    channels, side, norm, activation = ({**CURVE_CNN, **options}[name] for name in CURVE_CNN)
    if not (isinstance(channels, list) and len(channels) == 3 and all(map(_is_size, channels))):
        raise FileFormatError(f"its channels are {str(channels)[:60]}, which are no three numbers")
    if not _is_size(side) or side % 2 == 0 or not isinstance(norm, bool):
        raise FileFormatError(f"its kernel_size is {side!r}, or its batch_norm {norm!r}")
    n_channels, height, width = image
    kernel = [1 if n == 1 else side for n in (height, width)]
    layers = []
    for i, (n_read, n_written) in enumerate(zip([n_channels, *channels], channels, strict=False), start=1):
        conv = {"shape": [n_written, n_read, *kernel], "padding": [n // 2 for n in kernel], "bias": not norm}
        layers += [[f"conv{i}", "conv2d", conv], [f"pool{i}", "halving"]]
        layers += [[f"norm{i}", "weighted_batch_norm2d", {"shape": [n_written]}]] if norm else []
        kind, proxy = ["relu", None] if activation == "relu" else _pair_of(activation)
        layers.append([f"activation{i}", kind, {} if proxy is None else {"proxy": proxy}])
        height, width = max(1, height // 2), max(1, width // 2)
    layers += [["flatten", "flatten"]]
    layers += [["fc", "linear", {"shape": [n_outputs, channels[-1] * height * width]}]]
    return [blueprint(layer) for layer in layers]


def _pair_of(value: Any) -> list[Any]:
    if not isinstance(value, list) or len(value) != 2:
        raise FileFormatError(f"its activation is {str(value)[:60]}")
    return value


def blueprint(layer: Any) -> Blueprint:
    """Return a layer that a file describes as [name, kind] or [name, kind, options].

    The option ``shape`` is that of its weights; ``bias`` and ``affine`` say whether it has these arrays.

    Raises
    ------
    FileFormatError
        If the kind or an option is unknown or unusable.
    """
    proper = isinstance(layer, list) and len(layer) in (2, 3) and all(isinstance(x, str) for x in layer[:2])
    if not proper or layer[1] not in OPTIONS or "." in layer[0] or not layer[0]:
        raise FileFormatError(f"{str(layer)[:60]} is no layer")
    name, kind = layer[:2]
    given = dict(check_keys(layer[2], optional=ALL_OPTIONS)) if len(layer) == 3 else {}
    shapes = _shapes(name, kind, given)
    for option, value in given.items():
        if option not in OPTIONS[kind] or not OPTIONS[kind][option](value):
            raise FileFormatError(f"its layer {name[:60]!r} has {option[:60]}={str(value)[:60]}")
    for option in NEEDED:
        if option in OPTIONS[kind] and option not in given:
            raise FileFormatError(f"its layer {name[:60]!r} lacks {option}")
    options = {option: tuple(v) if isinstance(v, list) else v for option, v in given.items()}
    return Blueprint(name, kind, options, shapes)


def _shapes(name: str, kind: str, given: dict[str, Any]) -> dict[str, tuple[int, ...]]:
    """Take the shapes of a layer's arrays out of what is given."""
    if kind not in ARRAYS:
        return {}
    shape = given.pop("shape", None)
    if not isinstance(shape, list) or len(shape) != N_AXES.get(kind, 1) or not all(map(is_count, shape)):
        raise FileFormatError(f"its layer {name[:60]!r} has weights of the shape {str(shape)[:60]}")
    if not all(shape):
        raise FileFormatError(f"its layer {name[:60]!r} has no weights")
    lacking: tuple[str, ...] = ()
    for option, arrays in LACKING.items():
        has = given.pop(option, True)
        if not isinstance(has, bool):
            raise FileFormatError(f"its layer {name[:60]!r} has {option}={str(has)[:60]}")
        lacking += () if has else arrays
    return {
        array: tuple(shape) if array == "weight" else (shape[0],)
        for array in ARRAYS[kind]
        if array not in lacking
    }


def check_keys(value: Any, required: tuple[str, ...] = (), optional: tuple[str, ...] = ()) -> Any:
    """Return a value from JSON, or raise FileFormatError unless it is an object with these keys."""
    if not isinstance(value, Mapping):
        known = ", ".join(required + optional)
        raise FileFormatError(f"where {known} are expected, it has {str(value)[:60]}")
    for name in value:
        if name not in required + optional:
            raise FileFormatError(f"it has an unknown entry {name[:60]!r}")
    for name in required:
        if name not in value:
            raise FileFormatError(f"it lacks the entry {name!r}")
    return value


def _is_size(value: Any) -> bool:
    return is_count(value) and 0 < value <= LARGEST_OPTION


def _is_length(value: Any) -> bool:
    return is_count(value) and value <= LARGEST_OPTION


def is_number(value: Any) -> bool:
    """Return whether a value from JSON is a finite number."""
    return type(value) in (int, float) and abs(value) <= LARGEST_NUMBER


def _is_flag(value: Any) -> bool:
    return isinstance(value, bool)


def _or_pair(check: Callable[[Any], bool]) -> Callable[[Any], bool]:
    """Return a check of one value or a pair of them."""

    def check_pair(value: Any) -> bool:
        return all(map(check, value)) and len(value) == 2 if isinstance(value, list) else check(value)

    return check_pair


def _or(check: Callable[[Any], bool], *values: Any) -> Callable[[Any], bool]:
    """Return a check of a value that may also be one of some."""
    return lambda value: (
        check(value) or any(value is v or (isinstance(v, str) and value == v) for v in values)
    )


def _one_of(*values: str) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, str) and value in values


_SIZES, _LENGTHS = _or_pair(_is_size), _or_pair(_is_length)
_POOL = {
    "kernel_size": _SIZES,
    "stride": _or(_SIZES, None),
    "padding": _LENGTHS,
    "ceil_mode": _is_flag,
}
_NORM = {"eps": lambda value: is_number(value) and value > 0, "momentum": _or(is_number, None)}
_ADAPTIVE = {"output_size": _or_pair(_or(_is_size, None))}
_DROPOUT = {"p": lambda value: is_number(value) and 0 <= value <= 1}
NEEDED = ("kernel_size", "output_size")
# What each option of a layer may be, by kind.
OPTIONS: Mapping[str, Mapping[str, Callable[[Any], bool]]] = {
    "conv2d": {"stride": _SIZES, "padding": _or(_LENGTHS, "same", "valid"), "dilation": _SIZES},
    "linear": {},
    "affine": {},
    "batch_norm1d": _NORM,
    "batch_norm2d": _NORM,
    "weighted_batch_norm2d": _NORM,
    "halving": {},
    "max_pool": _POOL | {"dilation": _SIZES},
    "avg_pool": _POOL | {"count_include_pad": _is_flag, "divisor_override": _or(_is_size, None)},
    "adaptive_max_pool": _ADAPTIVE,
    "adaptive_avg_pool": _ADAPTIVE,
    "relu": {},
    "relu6": {},
    "leaky_relu": {"negative_slope": is_number},
    "elu": {"alpha": is_number},
    "silu": {},
    "gelu": {"approximate": _one_of("none", "tanh")},
    "tanh": {},
    "sigmoid": {},
    "hardtanh": {"min_val": is_number, "max_val": is_number},
    "binary": {"proxy": _one_of("clipped_relu", "hard_tanh", "relu", "identity")},
    "flatten": {},
    "identity": {},
    "dropout": _DROPOUT,
    "dropout2d": _DROPOUT,
}
ALL_OPTIONS = ("shape", *LACKING, *sorted({name for options in OPTIONS.values() for name in options}))
