"""Networks and tensors as numpy arrays, which any machine and any pickler can load."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from sparsecnn._network.compressed import CompressedNetwork
from sparsecnn._network.curve_cnn import CurveCNN
from sparsecnn._network.describe import describe, is_plain, make_layer

# Networks that are nothing but layers by name.
_CLASSES: dict[str, Any] = {
    "CurveCNN": CurveCNN,
    "CompressedNetwork": CompressedNetwork,
    "Sequential": nn.Sequential,
}
TENSOR = "strides"  # the key that tells the description of a tensor from other dictionaries


def pack_module(module: nn.Module) -> Any:
    """Return a network as a dictionary of numbers and arrays; one of another class on the processor.

    Parameters
    ----------
    module : nn.Module
    """
    name = type(module).__name__
    if _CLASSES.get(name) is not type(module) or not is_plain(module):
        on_cpu = all(t.device.type == "cpu" for t in (*module.parameters(), *module.buffers()))
        return module if on_cpu else copy.deepcopy(module).cpu()
    layers = []
    for layer_name, layer in module._modules.items():
        assert layer is not None
        spec = describe(layer)
        shapes = {array: list(numbers.shape) for array, numbers in spec.arrays.items()}
        layers.append([layer_name, spec.kind, spec.options, shapes])
    numbers = dict(module.named_parameters()) | dict(module.named_buffers())
    return {
        "class": name,
        "layers": layers,
        "numbers": pack_tensors({name: tensor.detach() for name, tensor in numbers.items()}),
        "training": module.training,
    }


def unpack_module(packed: Any) -> nn.Module:
    """Return the network that `pack_module` gave a dictionary of; a network as it is."""
    if isinstance(packed, nn.Module):
        return packed
    cls = _CLASSES[packed["class"]]
    module = cls.__new__(cls)
    nn.Module.__init__(module)
    with torch.device("meta"):  # without memory for first weights, and without a draw
        for name, kind, options, shapes in packed["layers"]:
            module.add_module(name, make_layer(kind, options, shapes))
    numbers = unpack_tensors(packed["numbers"])
    for name in dict(module.named_parameters()):
        _set(module, name, nn.Parameter(numbers[name]))
    for name in dict(module.named_buffers()):
        _set(module, name, numbers[name])
    return module.train(packed["training"])


def _set(module: nn.Module, name: str, value: Tensor) -> None:
    owner, _, own = name.rpartition(".")
    setattr(module.get_submodule(owner), own, value)


def pack_tensors(value: Any) -> Any:
    """Return a structure of dictionaries, lists and tuples with arrays in place of its tensors."""
    if isinstance(value, Tensor):
        return _pack(value.detach().cpu())
    if isinstance(value, dict):
        return {key: pack_tensors(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(pack_tensors(item) for item in value)
    return value


def unpack_tensors(value: Any) -> Any:
    """Return the structure that `pack_tensors` was given, on the processor."""
    if isinstance(value, dict):
        if TENSOR in value:
            numbers = torch.from_numpy(np.array(value["numbers"]))
            return numbers.as_strided(value["shape"], value[TENSOR])
        return {key: unpack_tensors(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(unpack_tensors(item) for item in value)
    return value


def _pack(tensor: Tensor) -> dict[str, Any]:
    """Return the numbers of a tensor in the order that they have in memory, which its layers compute by."""
    dense = torch.empty_like(tensor, memory_format=torch.preserve_format).copy_(tensor)
    numbers = dense.as_strided((dense.numel(),), (1,)).numpy()
    return {"numbers": numbers, "shape": list(dense.shape), TENSOR: list(dense.stride())}
