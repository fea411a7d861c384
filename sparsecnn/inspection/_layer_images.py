"""The weights of one layer as images of what it reads."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from sparsecnn._network import evaluating
from sparsecnn.inspection._network_counts import apply_network, example_images, named_layers


def layer_images(
    module: nn.Module, image_shape: tuple[int, int], layer: str | None
) -> tuple[str, np.ndarray, bool]:
    """Return the name of a layer, its weights as images, and whether it is the last fully connected one.

    Parameters
    ----------
    module : nn.Module
    image_shape : tuple of two ints
    layer : str or None
        None is the last fully connected layer, or else the last layer.

    Returns
    -------
    name : str
    weights : ndarray of shape (n_written, n_read, height, width)
    is_last : bool
    """
    layers = named_layers(module)
    if not layers:
        raise ValueError(f"{type(module).__name__} has no convolution or fully connected layer to draw.")
    connected = [name for name in layers if isinstance(layers[name], nn.Linear)]
    last = (connected or list(layers))[-1]
    name = last if layer is None else layer
    if name not in layers:
        raise ValueError(f"layer must be one of {list(layers)} of {type(module).__name__}, got {layer!r}.")
    weight = layers[name].weight.detach().double().cpu()
    if name in connected:
        shape = _shape_read(module, layers[name], image_shape)
        images = weight.reshape(len(weight), *shape)
    else:
        weight = weight.transpose(0, 1) if layers[name].transposed else weight
        images = weight.reshape(*weight.shape[:2], -1, weight.shape[-1])
    return name, images.numpy(), name == last


class _LastImages(TorchFunctionMode):
    """Keeps the shape, without the first axis, of the last images that any function of torch returned."""

    def __init__(self, shape: tuple[int, ...]):
        super().__init__()
        self.shape = shape

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        if isinstance(result, Tensor) and result.ndim == 4:
            self.shape = tuple(result.shape[1:])
        return result


def _shape_read(module: nn.Module, layer: Any, image_shape: tuple[int, int]) -> tuple[int, ...]:
    """Return (channels, height, width) of what a fully connected layer reads, flattened, if it is so."""
    images = example_images(module, image_shape, 2)
    shapes = []
    with evaluating(module), _LastImages(tuple(images.shape[1:])) as seen:
        hook = layer.register_forward_pre_hook(lambda *_: shapes.append(seen.shape))
        try:
            apply_network(module, images)
        finally:
            hook.remove()
    whole = bool(shapes) and math.prod(shapes[0]) == layer.in_features
    return shapes[0] if whole else (layer.in_features, 1, 1)
