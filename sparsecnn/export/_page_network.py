"""Layers as the stages that the page computes, in few bytes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from sparsecnn.inference import Layer, encode_positions

ELEMENTWISE = ("relu", "binary")


def page_network(
    layers: Sequence[Layer], image_shape: tuple[int, int, int], widths: Sequence[int]
) -> tuple[dict[str, Any], bytes]:
    """Return a description of a network for `page/network.js`, and its numbers.

    Parameters
    ----------
    layers : sequence of Layer
        From images to scores.
    image_shape : tuple of three ints
        (channels, height, width).
    widths : sequence of int
        Channels between the stages with dead ones, which the page computes too if asked to.

    Returns
    -------
    description : dict
        `before`, what is done to the image, and `stages`: convolutions, each with what is done `then`. A
        fully connected layer is a convolution as large as its input.
    numbers : bytes
        All values in float32, then the codes of the places of nonzero weights.

    Raises
    ------
    ValueError
        If a layer is of a kind that the page does not compute; it is named.
    """
    shape: tuple[int, ...] = image_shape
    before: list[list[Any]] = []
    stages: list[dict[str, Any]] = []
    values: list[np.ndarray] = []
    codes: list[bytes] = []
    then = before
    for layer in layers:
        if layer.kind in ("conv2d", "linear"):
            stage, weight, bias, shape = _stage(layer, shape)
            read = widths[len(stages) - 1] if stages else image_shape[0]
            written = widths[len(stages)] if len(stages) < len(widths) else len(weight)
            nonzero = np.flatnonzero(weight)
            stage["rice"], code = encode_positions(nonzero)
            values += [weight.ravel()[nonzero], bias]
            codes.append(code)
            then = []
            stages.append(stage | {"n": len(nonzero), "dense": [read, written], "then": then})
        elif layer.kind == "affine" and stages and len(layer.arrays["weight"]) == shape[0]:
            then.append(["affine", 2 * shape[0]])
            values += [layer.arrays["weight"], layer.arrays["bias"]]
        elif layer.kind == "max_pool":
            pool = _pool(layer)
            then.append(["max_pool", 0, pool])
            shape = (shape[0], *pool["shape"])
        elif layer.kind in ELEMENTWISE:
            then.append([layer.kind])
        elif layer.kind != "flatten":
            raise _unsupported(layer, "such layers")
    numbers = np.concatenate(values).astype("<f4")
    if not np.isfinite(numbers).all():
        raise ValueError("The network has weights that are NaN or infinite, or too large for float32.")
    description = {"before": before, "stages": stages, "values": len(numbers)}
    return description, b"".join([numbers.tobytes(), *codes])


def _stage(
    layer: Layer, shape: tuple[int, ...]
) -> tuple[dict[str, Any], np.ndarray, np.ndarray, tuple[int, ...]]:
    """Return a stage without its numbers, its weight with one axis per filter side, bias and output shape."""
    weight, bias = (np.asarray(layer.arrays[name], np.float32) for name in ("weight", "bias"))
    padding: Any = ((0, 0), (0, 0))
    dilation: Any = (1, 1)
    if layer.kind == "linear":
        weight = weight.reshape(len(weight), *shape)
    else:
        padding, dilation = layer.options["padding"], layer.options["dilation"]
        if tuple(layer.options["stride"]) != (1, 1):
            raise _unsupported(layer, f"strides other than 1, here {layer.options['stride']}")
    sides = weight.shape[2:]
    height, width = (
        n + sum(pad) - (side - 1) * step
        for n, pad, side, step in zip(shape[1:], padding, sides, dilation, strict=True)
    )
    stage = {
        "size": list(sides),
        "pad": padding,
        "dilation": dilation,
        "read": weight.shape[1],
        "written": len(weight),
        "biases": len(bias),
    }
    return stage, weight, bias, (len(weight), height, width)


def _pool(layer: Layer) -> dict[str, Any]:
    """Return the shape that a maximum pooling leaves, and the size and the stride of its windows."""
    windows = [layer.options[axis] for axis in ("rows", "columns")]
    sizes = [axis[0][1] - axis[0][0] for axis in windows]
    strides = [axis[1][0] if len(axis) > 1 else 1 for axis in windows]
    for axis, size, stride in zip(windows, sizes, strides, strict=True):
        if list(axis) != [(i * stride, i * stride + size, 1) for i in range(len(axis))]:
            raise _unsupported(layer, "padded, dilated or adaptive windows")
    return {"shape": [len(axis) for axis in windows], "size": sizes, "stride": strides}


def _unsupported(layer: Layer, what: str) -> ValueError:
    return ValueError(
        f"A page cannot compute the layer {layer.kind!r} of this network: {what} are not supported there. "
        "It computes conv2d with stride 1, max_pool, affine behind them, relu, binary, flatten and linear. "
        "Use to_onnx, or save and load, for other networks."
    )


def count_weights(description: dict[str, Any]) -> tuple[int, int]:
    """Return how many weights are not zero, and how many there are with dead channels."""
    stages = description["stages"]
    return (
        sum(stage["n"] for stage in stages),
        sum(math.prod(stage["dense"]) * math.prod(stage["size"]) for stage in stages),
    )
