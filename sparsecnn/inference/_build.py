"""From layers as torch has them to layers without torch."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from sparsecnn.inference._layers import Layer, Window

Shape = tuple[int, ...]
Built = tuple[Layer, Shape]
# Along all axes of all pooling layers together.
MOST_WINDOWS = 2**18
# Of the results of all layers together that take averages.
MOST_PIXELS = 2**21


@dataclass(frozen=True)
class LayerSpec:
    """One layer as torch has it, described by numbers and arrays.

    Attributes
    ----------
    kind : str
        A key of `BUILDERS`.
    options : dict
        Arguments of the layer of torch that are not its defaults, by name.
    arrays : dict of str to ndarray
        Its parameters and statistics, as torch names them.
    """

    kind: str
    options: dict[str, Any] = field(default_factory=dict)
    arrays: dict[str, np.ndarray] = field(default_factory=dict)


def build_layers(
    specs: Iterable[LayerSpec], image_shape: tuple[int, int], n_outputs: int, in_channels: int = 1
) -> list[Layer]:
    """Return the layers that compute what some layers of torch do in evaluation mode.

    Parameters
    ----------
    specs : iterable of LayerSpec
    image_shape : tuple of two ints
        (height, width).
    n_outputs : int
    in_channels : int, default=1
        Channels of an image.

    Raises
    ------
    ValueError
        If a layer cannot be applied to the output of the layer before, or the last one gives other than
        `n_outputs` scores.
    """
    specs = list(specs)
    dtype = np.result_type(*(array for spec in specs for array in spec.arrays.values()))
    layers: list[Layer] = []
    n_windows = n_pixels = 0
    shape: Shape = (in_channels, *image_shape)  # of one image
    for spec in specs:
        layer, shape = BUILDERS[spec.kind](shape, spec.arrays, **spec.options)
        n_windows += sum(len(layer.options[name]) for name in ("rows", "columns") if name in layer.options)
        n_pixels += layer.arrays["scale"].size if "scale" in layer.arrays else 0
        if n_windows > MOST_WINDOWS or n_pixels > MOST_PIXELS:
            raise ValueError("its pooling layers take more windows than are computed.")
        if layer.kind != "nothing":
            arrays = {name: array.astype(dtype, copy=False) for name, array in layer.arrays.items()}
            layers.append(Layer(layer.kind, layer.options, arrays))
    if shape != (n_outputs,):
        raise ValueError(
            f"the network gives scores of shape {shape}, but there are {n_outputs} classes or targets."
        )
    return layers


def _conv2d(
    shape: Shape, arrays: Mapping[str, np.ndarray], stride: Any = 1, padding: Any = 0, dilation: Any = 1
) -> Built:
    weight, steps = arrays["weight"], _pair(dilation)
    if weight.ndim != 4 or len(shape) != 3 or weight.shape[1] != shape[0]:
        raise ValueError(f"a convolution with weights of shape {weight.shape} cannot read {shape}.")
    reach = [(side - 1) * step for side, step in zip(weight.shape[2:], steps, strict=True)]
    if padding == "same":
        pads = tuple((n // 2, n - n // 2) for n in reach)
    else:
        pads = tuple((n, n) for n in _pair(0 if padding == "valid" else padding))
    if any(n + sum(pad) <= taken for n, pad, taken in zip(shape[1:], pads, reach, strict=True)):
        raise ValueError(f"filters of shape {weight.shape[2:]} do not fit into images of shape {shape[1:]}.")
    options = {"stride": _pair(stride), "padding": pads, "dilation": steps}
    sides = (
        (n + sum(pad) - taken - 1) // step + 1
        for n, pad, taken, step in zip(shape[1:], pads, reach, _pair(stride), strict=True)
    )
    return Layer("conv2d", options, _with_bias(arrays)), (len(weight), *sides)


def _linear(shape: Shape, arrays: Mapping[str, np.ndarray]) -> Built:
    weight = arrays["weight"]
    if weight.ndim != 2 or shape != weight.shape[1:]:
        raise ValueError(f"a fully connected layer with weights of shape {weight.shape} cannot read {shape}.")
    return Layer("linear", {}, _with_bias(arrays)), (len(weight),)


def _with_bias(arrays: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    weight = arrays["weight"]
    return {"weight": weight, "bias": arrays.get("bias", np.zeros(len(weight), weight.dtype))}


def _affine(shape: Shape, arrays: Mapping[str, np.ndarray]) -> Built:
    if arrays["weight"].shape != shape[:1]:
        raise ValueError(f"scales of {arrays['weight'].shape} channels cannot be applied to {shape}.")
    return Layer("affine", {}, dict(arrays)), shape


def _batch_norm(
    shape: Shape, arrays: Mapping[str, np.ndarray], eps: float = 1e-5, momentum: float | None = 0.1
) -> Built:
    mean, variance = (arrays[name].astype(np.float64) for name in ("running_mean", "running_var"))
    dtype = arrays["running_mean"].dtype
    with np.errstate(all="ignore"):  # of numbers that are refused
        scale = arrays.get("weight", np.ones(1)) / np.sqrt(variance + eps)
        shift = arrays.get("bias", np.zeros(1)) - mean * scale
        affine = {"weight": scale.astype(dtype), "bias": shift.astype(dtype)}
    if not all(np.isfinite(array).all() for array in affine.values()):
        raise ValueError("a batch normalisation makes numbers that are NaN or infinite.")
    return _affine(shape, affine)


def _max_pool(
    shape: Shape,
    arrays: Mapping[str, np.ndarray],
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    dilation: Any = 1,
    ceil_mode: bool = False,
) -> Built:
    geometry = _geometry(shape, kernel_size, stride, padding, dilation)
    rows, columns = (_inside(_windows(axis, ceil_mode), axis[0]) for axis in geometry)
    return _pool("max_pool", shape, rows, columns)


def _halving(shape: Shape, arrays: Mapping[str, np.ndarray]) -> Built:
    """Pool by 2, but an axis of length 1."""
    return _max_pool(shape, {}, [min(2, n) for n in shape[1:]])


def _avg_pool(
    shape: Shape,
    arrays: Mapping[str, np.ndarray],
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> Built:
    geometry = _geometry(shape, kernel_size, stride, padding, 1)
    windows = [_windows(axis, ceil_mode) for axis in geometry]
    inside = [_inside(some, axis[0]) for some, axis in zip(windows, geometry, strict=True)]
    if count_include_pad:
        ends = [n + pad for n, _, _, pad, _ in geometry]
        sizes = [
            [min(stop, end) - start for start, stop, _ in some]
            for some, end in zip(windows, ends, strict=True)
        ]
    else:
        sizes = [[stop - start for start, stop, _ in some] for some in inside]
    scale = _scale(sizes)
    if divisor_override is not None:
        scale[:] = 1 / divisor_override
    return _pool("avg_pool", shape, inside[0], inside[1], scale=scale)


def _adaptive_max_pool(shape: Shape, arrays: Mapping[str, np.ndarray], output_size: Any) -> Built:
    rows, columns = _adaptive_windows(shape, output_size)
    return _pool("max_pool", shape, rows, columns)


def _adaptive_avg_pool(shape: Shape, arrays: Mapping[str, np.ndarray], output_size: Any) -> Built:
    rows, columns = _adaptive_windows(shape, output_size)
    sizes = [[stop - start for start, stop, _ in some] for some in (rows, columns)]
    return _pool("avg_pool", shape, rows, columns, scale=_scale(sizes))


def _scale(sizes: list[list[int]]) -> np.ndarray:
    """Return 1 over the pixels of every window, from their numbers along both axes."""
    if len(sizes[0]) * len(sizes[1]) > MOST_PIXELS:
        raise ValueError("its pooling layers take more windows than are computed.")
    return 1 / np.outer(sizes[0], sizes[1])


def _pool(
    kind: str, shape: Shape, rows: tuple[Window, ...], columns: tuple[Window, ...], **arrays: np.ndarray
) -> Built:
    layer = Layer(kind, {"rows": rows, "columns": columns}, arrays)
    return layer, (shape[0], len(rows), len(columns))


def _geometry(shape: Shape, kernel_size: Any, stride: Any, padding: Any, dilation: Any) -> list[Any]:
    """Return, for both axes, length, side of the window, stride, padding and dilation."""
    if len(shape) != 3:
        raise ValueError(f"windows cannot be taken of {shape}.")
    kernel = _pair(kernel_size)
    steps = kernel if stride is None else _pair(stride)
    return list(zip(shape[1:], kernel, steps, _pair(padding), _pair(dilation), strict=True))


def _windows(axis: tuple[int, int, int, int, int], ceil: bool) -> list[Window]:
    """Return (start, stop, step) of windows along an axis of `_geometry`; they may begin and end outside."""
    n, kernel, stride, padding, dilation = axis
    room = n + 2 * padding - dilation * (kernel - 1) - 1
    count = (room + (stride - 1) * ceil) // stride + 1
    if ceil and (count - 1) * stride >= n + padding:
        count -= 1  # a window must begin inside of the image or before it
    if not 1 <= count <= MOST_WINDOWS:
        raise ValueError(f"windows of {kernel} pixels do not fit into an axis of {n}.")
    starts = (i * stride - padding for i in range(count))
    return [(start, start + dilation * (kernel - 1) + 1, dilation) for start in starts]


def _inside(windows: Iterable[Window], n: int) -> tuple[Window, ...]:
    """Return the parts of windows that lie in an axis of length n."""
    return tuple((start if start >= 0 else start % step, min(stop, n), step) for start, stop, step in windows)


def _adaptive_windows(shape: Shape, output_size: Any) -> list[tuple[Window, ...]]:
    if len(shape) != 3:
        raise ValueError(f"windows cannot be taken of {shape}.")
    sizes = [n if size is None else size for n, size in zip(shape[1:], _pair(output_size), strict=True)]
    if max(sizes) > MOST_WINDOWS:
        raise ValueError("its pooling layers take more windows than are computed.")
    return [
        tuple((i * n // size, -(-(i + 1) * n // size), 1) for i in range(size))
        for n, size in zip(shape[1:], sizes, strict=True)
    ]


def _pair(value: Any) -> tuple[Any, Any]:
    first, second = value if isinstance(value, (tuple, list)) else (value, value)
    return first, second


def _same_shape(kind: str, **defaults: Any) -> Callable[..., Built]:
    """Return what makes a layer that keeps the shape, with these arguments."""

    def build(shape: Shape, arrays: Mapping[str, np.ndarray], **options: Any) -> Built:
        return Layer(kind, defaults | options), shape

    return build


def _nothing(shape: Shape, arrays: Mapping[str, np.ndarray], **options: Any) -> Built:
    return Layer("nothing"), shape


def _binary(shape: Shape, arrays: Mapping[str, np.ndarray], proxy: str = "") -> Built:
    return Layer("binary"), shape


def _flatten(shape: Shape, arrays: Mapping[str, np.ndarray]) -> Built:
    return Layer("flatten"), (math.prod(shape),)


BUILDERS: Mapping[str, Callable[..., Built]] = {
    "conv2d": _conv2d,
    "linear": _linear,
    "affine": _affine,
    "batch_norm1d": _batch_norm,
    "batch_norm2d": _batch_norm,
    "weighted_batch_norm2d": _batch_norm,
    "halving": _halving,
    "max_pool": _max_pool,
    "avg_pool": _avg_pool,
    "adaptive_max_pool": _adaptive_max_pool,
    "adaptive_avg_pool": _adaptive_avg_pool,
    "relu": _same_shape("relu"),
    "relu6": _same_shape("hardtanh", min_val=0.0, max_val=6.0),
    "leaky_relu": _same_shape("leaky_relu", negative_slope=0.01),
    "elu": _same_shape("elu", alpha=1.0),
    "silu": _same_shape("silu"),
    "gelu": _same_shape("gelu", approximate="none"),
    "tanh": _same_shape("tanh"),
    "sigmoid": _same_shape("sigmoid"),
    "hardtanh": _same_shape("hardtanh", min_val=-1.0, max_val=1.0),
    "binary": _binary,
    "flatten": _flatten,
    "identity": _nothing,
    "dropout": _nothing,
    "dropout2d": _nothing,
}
