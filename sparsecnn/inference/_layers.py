"""The layers of a network without torch, and what each computes."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

Window = tuple[int, int, int]


@dataclass(frozen=True)
class Layer:
    """One layer of a network that applies its layers one after another.

    Call it with an array to have its output. `NumpyClassifier.layers_` is a list of such layers, from which a
    network can be ported to another language.

    Parameters
    ----------
    kind : str
        One of the kinds below.
    options : dict, default=an empty one
        Numbers, texts, and tuples of numbers, by name.
    arrays : dict of str to ndarray, default=an empty one
        In float32, or all in float64.

    See Also
    --------
    NumpyClassifier : Applies its layers to images.

    Notes
    -----
    x is of shape (n, channels, height, width), or behind "flatten" and "linear" of shape (n, channels).

    * "conv2d": `weight` of shape (written, read, height, width), `bias` of shape (written,); options `stride`
      and `dilation`, (vertical, horizontal), and `padding`, ((top, bottom), (left, right)), with zeros.
    * "linear": `weight` of shape (written, read), `bias` of shape (written,).
    * "affine": every channel times `weight`, of shape (channels,), plus `bias`.
    * "max_pool": the largest pixel of every window. The options `rows` and `columns` are, for each row or
      column of the result, (start, stop, step) of the rows or columns that it takes; all lie in the image.
    * "avg_pool": the sum of every such window times `scale`, of the shape of the resulting image.
    * "flatten": (n, channels, height, width) to (n, channels * height * width).
    * "relu", "leaky_relu" (option `negative_slope`), "elu" (`alpha`), "silu", "gelu" (`approximate`, "none"
      or "tanh"), "tanh", "sigmoid", "hardtanh" (`min_val`, `max_val`), and "binary": 1 where x is above 0,
      else 0.

    Examples
    --------
    >>> import numpy as np
    >>> from sparsecnn.inference import Layer
    >>> Layer("hardtanh", {"min_val": 0.0, "max_val": 1.0})(np.array([[-1.0, 0.5, 2.0]]))
    array([[0. , 0.5, 1. ]])
    """

    kind: str
    options: dict[str, Any] = field(default_factory=dict)
    arrays: dict[str, np.ndarray] = field(default_factory=dict)

    def __call__(self, x: np.ndarray) -> np.ndarray:
        """Return the output for x of shape (n, channels, height, width) or (n, channels)."""
        return KINDS[self.kind](x, **self.options, **self.arrays)


def _conv2d(
    x: np.ndarray,
    *,
    weight: np.ndarray,
    bias: np.ndarray,
    stride: tuple[int, int],
    padding: tuple[tuple[int, int], tuple[int, int]],
    dilation: tuple[int, int],
) -> np.ndarray:
    x = np.pad(x, ((0, 0), (0, 0), *padding))
    reach = [(side - 1) * step + 1 for side, step in zip(weight.shape[2:], dilation, strict=True)]
    height, width = (
        (n - taken) // step + 1 for n, taken, step in zip(x.shape[2:], reach, stride, strict=True)
    )
    scores = np.empty((len(x), len(weight), height * width), x.dtype)
    scores[:] = bias[:, np.newaxis]
    for row, column in np.ndindex(*weight.shape[2:]):
        tap = weight[:, :, row, column]
        read = np.flatnonzero(tap.any(0))  # zeros take no time where a whole column of a tap is zero
        if not len(read):
            continue
        top, left = row * dilation[0], column * dilation[1]
        seen = x[
            :,
            read,
            top : top + (height - 1) * stride[0] + 1 : stride[0],
            left : left + (width - 1) * stride[1] + 1 : stride[1],
        ]
        scores += tap[:, read] @ seen.reshape(len(x), len(read), height * width)
    return scores.reshape(len(x), len(weight), height, width)


def _linear(x: np.ndarray, *, weight: np.ndarray, bias: np.ndarray) -> np.ndarray:
    return x @ weight.T + bias


def _affine(x: np.ndarray, *, weight: np.ndarray, bias: np.ndarray) -> np.ndarray:
    shape = (-1, *[1] * (x.ndim - 2))
    return x * weight.reshape(shape) + bias.reshape(shape)


def _max_pool(x: np.ndarray, *, rows: tuple[Window, ...], columns: tuple[Window, ...]) -> np.ndarray:
    return _largest(_largest(x, rows, 2), columns, 3)


def _largest(x: np.ndarray, windows: tuple[Window, ...], axis: int) -> np.ndarray:
    """Return the largest values in windows along one axis."""
    taken = [range(*window) for window in windows]
    longest = max(len(window) for window in taken)
    # A window that is shorter takes its last place again.
    places = [[window[min(k, len(window) - 1)] for window in taken] for k in range(longest)]
    return functools.reduce(np.maximum, (x.take(place, axis) for place in places))


def _avg_pool(
    x: np.ndarray, *, rows: tuple[Window, ...], columns: tuple[Window, ...], scale: np.ndarray
) -> np.ndarray:
    down, across = (
        _membership(windows, n, x.dtype) for windows, n in zip((rows, columns), x.shape[2:], strict=True)
    )
    return down @ x @ across.T * scale


def _membership(windows: tuple[Window, ...], n: int, dtype: Any) -> np.ndarray:
    """Return a matrix of ones where a window (row) takes a place (column), of zeros elsewhere."""
    matrix = np.zeros((len(windows), n), dtype)
    for row, window in zip(matrix, windows, strict=True):
        row[slice(*window)] = 1
    return matrix


def _flatten(x: np.ndarray) -> np.ndarray:
    return x.reshape(len(x), math.prod(x.shape[1:]))


def _leaky_relu(x: np.ndarray, *, negative_slope: float) -> np.ndarray:
    return np.where(x > 0, x, x * x.dtype.type(negative_slope))


def _elu(x: np.ndarray, *, alpha: float) -> np.ndarray:
    return np.where(x > 0, x, x.dtype.type(alpha) * np.expm1(np.minimum(x, 0)))


def _sigmoid(x: np.ndarray) -> np.ndarray:
    with np.errstate(over="ignore"):  # 1 / (1 + inf) is right
        return 1 / (1 + np.exp(-x))


def _gelu(x: np.ndarray, *, approximate: str) -> np.ndarray:
    if approximate == "tanh":
        return x * _sigmoid(x.dtype.type(math.sqrt(8 / math.pi)) * (x + x.dtype.type(0.044715) * x**3))
    erf = np.vectorize(math.erf, otypes=[x.dtype])(x / math.sqrt(2))
    return x * (1 + erf) / 2


def _hardtanh(x: np.ndarray, *, min_val: float, max_val: float) -> np.ndarray:
    return np.clip(x, x.dtype.type(min_val), x.dtype.type(max_val))


KINDS: Mapping[str, Callable[..., np.ndarray]] = {
    "conv2d": _conv2d,
    "linear": _linear,
    "affine": _affine,
    "max_pool": _max_pool,
    "avg_pool": _avg_pool,
    "flatten": _flatten,
    "relu": lambda x: np.maximum(x, 0),
    "leaky_relu": _leaky_relu,
    "elu": _elu,
    "silu": lambda x: x * _sigmoid(x),
    "gelu": _gelu,
    "tanh": np.tanh,
    "sigmoid": _sigmoid,
    "hardtanh": _hardtanh,
    "binary": lambda x: (x > 0).astype(x.dtype),
}
