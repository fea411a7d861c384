"""Layers of torch as kinds, options and arrays, which need no torch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from sparsecnn._network.batch_norm import WeightedBatchNorm2d
from sparsecnn._network.binary import BinaryActivation
from sparsecnn._network.compressed import ChannelAffine
from sparsecnn._network.curve_cnn import MaxPool
from sparsecnn.inference import LayerSpec


@dataclass(frozen=True)
class Kind:
    """How layers of one class are described.

    Attributes
    ----------
    name : str
        As `sparsecnn.inference` calls it.
    options : dict of str to object
        Names of attributes that are arguments of the class, and their defaults.
    """

    name: str
    options: dict[str, Any]


_CONV = {"stride": (1, 1), "padding": (0, 0), "dilation": (1, 1)}
_NEEDED = object()  # in place of a default
_POOL = {"kernel_size": _NEEDED, "stride": None, "padding": 0, "ceil_mode": False}
_NORM = {"eps": 1e-5, "momentum": 0.1}
KINDS: dict[type[nn.Module], Kind] = {
    nn.Conv2d: Kind("conv2d", _CONV),
    nn.Linear: Kind("linear", {}),
    ChannelAffine: Kind("affine", {}),
    nn.BatchNorm1d: Kind("batch_norm1d", _NORM),
    nn.BatchNorm2d: Kind("batch_norm2d", _NORM),
    WeightedBatchNorm2d: Kind("weighted_batch_norm2d", _NORM),
    MaxPool: Kind("halving", {}),
    nn.MaxPool2d: Kind("max_pool", _POOL | {"dilation": 1}),
    nn.AvgPool2d: Kind("avg_pool", _POOL | {"count_include_pad": True, "divisor_override": None}),
    nn.AdaptiveMaxPool2d: Kind("adaptive_max_pool", {"output_size": _NEEDED}),
    nn.AdaptiveAvgPool2d: Kind("adaptive_avg_pool", {"output_size": _NEEDED}),
    nn.ReLU: Kind("relu", {}),
    nn.ReLU6: Kind("relu6", {}),
    nn.LeakyReLU: Kind("leaky_relu", {"negative_slope": 0.01}),
    nn.ELU: Kind("elu", {"alpha": 1.0}),
    nn.SiLU: Kind("silu", {}),
    nn.GELU: Kind("gelu", {"approximate": "none"}),
    nn.Tanh: Kind("tanh", {}),
    nn.Sigmoid: Kind("sigmoid", {}),
    nn.Hardtanh: Kind("hardtanh", {"min_val": -1.0, "max_val": 1.0}),
    BinaryActivation: Kind("binary", {"proxy": "clipped_relu"}),
    nn.Flatten: Kind("flatten", {}),
    nn.Identity: Kind("identity", {}),
    nn.Dropout: Kind("dropout", {"p": 0.5}),
    nn.Dropout2d: Kind("dropout2d", {"p": 0.5}),
}

_CLASSES: dict[str, Any] = {kind.name: cls for cls, kind in KINDS.items()}


def describe(layer: nn.Module) -> LayerSpec:
    """Return kind, options and arrays of a layer of `KINDS`, in its dtype."""
    kind = next(KINDS[base] for base in type(layer).__mro__ if base in KINDS)
    options = {name: getattr(layer, name) for name in kind.options}
    options = {name: value for name, value in options.items() if value != kind.options[name]}
    numbers = {name: t for name, t in layer.state_dict().items() if t.is_floating_point()}
    return LayerSpec(kind.name, options, {name: as_array(t) for name, t in numbers.items()})


def is_plain(network: nn.Module) -> bool:
    """Return whether `describe` tells all of the layers of a sequence, and no two share weights."""
    layers: list[Any] = list(network._modules.values())
    weighted = [id(layer) for layer in layers if any(True for _ in layer.parameters())]
    return all(map(_is_plain, layers)) and len(set(weighted)) == len(weighted)


def _is_plain(layer: Any) -> bool:
    changed = layer._forward_hooks or layer._forward_pre_hooks or "forward" in vars(layer)
    if type(layer) not in KINDS or changed:
        return False
    usual = {
        "groups": 1,
        "padding_mode": "zeros",
        "track_running_stats": True,
        "return_indices": False,
        "start_dim": 1,
        "end_dim": -1,
    }
    return all(getattr(layer, name, value) == value for name, value in usual.items())


def make_layer(kind: str, options: Mapping[str, Any], shapes: Mapping[str, Sequence[int]]) -> nn.Module:
    """Return a layer as `describe` tells of it, without its numbers.

    Parameters
    ----------
    kind : str
    options : mapping
        As those of `LayerSpec`.
    shapes : mapping of str to sequence of ints
        Of its arrays.
    """
    cls, affine, bias = _CLASSES[kind], "weight" in shapes, "bias" in shapes
    if cls is ChannelAffine:
        return ChannelAffine(torch.empty(*shapes["weight"]), torch.empty(*shapes["bias"]))
    if issubclass(cls, nn.modules.batchnorm._BatchNorm):
        return cls(*shapes["running_mean"], affine=affine, **options)
    if not affine:
        return cls(**options)
    written, read, *kernel = shapes["weight"]
    return cls(read, written, *([kernel] if kernel else []), bias=bias, **options)


def batch_norms(module: nn.Module) -> dict[str, Any]:
    """Return all layers that count the batches that they have seen, by name."""
    layers = module.named_modules()
    return {name: layer for name, layer in layers if getattr(layer, "num_batches_tracked", None) is not None}


def as_array(tensor: torch.Tensor) -> Any:
    """Return the numbers of a tensor, as an array of their own in plain order."""
    return tensor.detach().cpu().contiguous().clone(memory_format=torch.contiguous_format).numpy()
