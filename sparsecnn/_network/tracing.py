"""The layers that a network applies one after another, found by following its forward pass."""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import fx, nn
from torch.nn import functional

from sparsecnn._network.batch_norm import WeightedBatchNorm2d
from sparsecnn._network.binary import BinaryActivation
from sparsecnn._network.compressed import ChannelAffine
from sparsecnn._network.curve_cnn import MaxPool, max_pool

NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, WeightedBatchNorm2d)
MAX_POOLS = (MaxPool, nn.MaxPool2d, nn.AdaptiveMaxPool2d)
POOLS = (*MAX_POOLS, nn.AvgPool2d, nn.AdaptiveAvgPool2d)
ACTIVATIONS = (
    *(nn.ReLU, nn.ReLU6, nn.LeakyReLU, nn.ELU, nn.SiLU, nn.GELU, nn.Tanh, nn.Sigmoid, nn.Hardtanh),
    BinaryActivation,
)
INERT = (nn.Identity, nn.Dropout, nn.Dropout2d)
LAYERS = (nn.Conv2d, nn.Linear, ChannelAffine, *NORMS, *POOLS, *ACTIVATIONS, *INERT, nn.Flatten)


class NoChainError(ValueError):
    """A network is not one chain of layers."""


def _dropout(kind: type[nn.Module], p: float = 0.5, training: bool = True) -> nn.Module:
    if training:
        raise NoChainError("it drops values at random in evaluation mode too.")
    return kind(p)


_MAX_POOL = (nn.MaxPool2d, ("kernel_size", "stride", "padding", "dilation", "ceil_mode"))
_AVERAGE = ("kernel_size", "stride", "padding", "ceil_mode", "count_include_pad", "divisor_override")
_FLATTEN = (lambda start_dim=0, end_dim=-1: nn.Flatten(start_dim, end_dim), ("start_dim", "end_dim"))
# Functions and methods, as what makes the layer that does the same, with the names of its arguments.
FUNCTIONS: dict[Any, tuple[Callable[..., nn.Module], tuple[str, ...]]] = {
    max_pool: (lambda training: MaxPool(), ("training",)),
    functional.max_pool2d: _MAX_POOL,
    torch.max_pool2d: _MAX_POOL,
    functional.avg_pool2d: (nn.AvgPool2d, _AVERAGE),
    functional.adaptive_avg_pool2d: (nn.AdaptiveAvgPool2d, ("output_size",)),
    functional.adaptive_max_pool2d: (nn.AdaptiveMaxPool2d, ("output_size",)),
    functional.leaky_relu: (nn.LeakyReLU, ("negative_slope", "inplace")),
    functional.elu: (nn.ELU, ("alpha", "inplace")),
    functional.gelu: (nn.GELU, ("approximate",)),
    functional.relu6: (nn.ReLU6, ("inplace",)),
    functional.hardtanh: (nn.Hardtanh, ("min_val", "max_val", "inplace")),
    functional.dropout: (functools.partial(_dropout, nn.Dropout), ("p", "training", "inplace")),
    functional.dropout2d: (functools.partial(_dropout, nn.Dropout2d), ("p", "training", "inplace")),
    torch.flatten: _FLATTEN,
    "flatten": _FLATTEN,
    "contiguous": (nn.Identity, ()),
}
for _name, _layer in {"relu": nn.ReLU, "tanh": nn.Tanh, "sigmoid": nn.Sigmoid, "silu": nn.SiLU}.items():
    for _key in (_name, f"{_name}_", *(getattr(owner, _name, None) for owner in (torch, functional))):
        FUNCTIONS[_key] = (_layer, ("inplace",))
# Their arguments that change no number in evaluation mode if they are false.
_IDLE = ("inplace", "return_indices")


def named_layers(module: nn.Module) -> Iterator[tuple[str, nn.Module]]:
    """Yield the name and the layer of every step of a network's forward pass, as its mode is.

    Raises
    ------
    NoChainError
        If one step uses more than the output of the step before, or is none that can be followed.
    """
    if isinstance(module, LAYERS):
        module = nn.Sequential(module)
    _check_hooks(module)
    counted, current, seen = set(), None, set()
    for node in _trace(module).nodes:
        first = node.args[0] if node.args else None
        if node.op == "placeholder" and current is None:
            current = node
        elif node.op == "output":
            if first is not current:
                raise NoChainError("it does not return the output of its last layer.")
        elif node.target in ("size", "shape", getattr) or (isinstance(first, fx.Node) and first in counted):
            counted.add(node)
        elif [given for given in node.all_input_nodes if given not in counted] != [current]:
            raise NoChainError(f"its step {node.name!r} uses more than the output of the step before.")
        else:
            current, layer = node, _layer_of(module, node)
            name = str(node.target) if node.op == "call_module" else node.name
            if id(layer) in seen:
                if layer.state_dict():
                    raise NoChainError(f"its layer {name!r} is applied twice.")
                name = node.name
            seen.add(id(layer))
            _check_layer(name, layer)
            yield name, layer


# A tracer takes the place of `Module.__call__`, in all threads.
_lock = threading.Lock()


class _Tracer(fx.Tracer):
    """Follows a network in one thread, and leaves those of other threads alone."""

    def __init__(self) -> None:
        super().__init__(autowrap_functions=(max_pool,))
        self._thread = threading.get_ident()

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        return isinstance(m, LAYERS) or super().is_leaf_module(m, module_qualified_name)

    def call_module(self, m: nn.Module, forward: Callable[..., Any], args: Any, kwargs: Any) -> Any:
        own = threading.get_ident() == self._thread
        return super().call_module(m, forward, args, kwargs) if own else forward(*args, **kwargs)

    def getattr(self, attr: str, attr_val: Any, parameter_proxy_cache: dict[str, Any]) -> Any:
        own = threading.get_ident() == self._thread
        return super().getattr(attr, attr_val, parameter_proxy_cache) if own else attr_val


def _trace(module: nn.Module) -> fx.Graph:
    try:
        with _lock:
            return _Tracer().trace(module)
    except Exception as error:  # of the user's code, which may raise anything
        raise NoChainError(f"its forward pass cannot be followed ({error}).") from error


def _check_hooks(module: nn.Module) -> None:
    """Raise NoChainError if something changes what layers compute that their class does not know."""
    for name, layer in module.named_modules():
        what = f"its layer {name!r}" if name else "it"
        if isinstance(getattr(layer, "weight", None), torch.Tensor) and not isinstance(
            layer.weight, nn.Parameter
        ):
            raise NoChainError(f"the weight of {what} is computed from other parameters.")
        if layer._forward_hooks or layer._forward_pre_hooks:
            raise NoChainError(f"{what} has a hook, which may change what it computes.")
        if "forward" in vars(layer):
            raise NoChainError(f"{what} has a forward pass of its own in place of its class's.")


def _layer_of(module: nn.Module, node: fx.Node) -> nn.Module:
    """Return the layer that does what a node does, or raise NoChainError."""
    if node.op == "call_module":
        return module.get_submodule(str(node.target))
    if node.op == "get_attr":
        raise NoChainError(f"its parameter {node.target!r} is used outside of a layer.")
    if node.target in ("view", "reshape", torch.reshape):
        size = node.args[1] if len(node.args) == 2 else node.args[1:]
        if isinstance(size, (tuple, list)) and len(size) == 2:
            return nn.Flatten()
    if node.target not in FUNCTIONS:
        raise NoChainError(f"its step {node.name!r} is none that can be followed.")
    make, names = FUNCTIONS[node.target]
    options = dict(zip(names, node.args[1:], strict=False)) | node.kwargs
    options = {name: value for name, value in options.items() if value or name not in _IDLE}
    options.pop("inplace", None)
    if not options.keys() <= set(names) or len(node.args) > 1 + len(names) or _nodes(options):
        raise NoChainError(f"its step {node.name!r} has arguments that cannot be followed.")
    return make(**options)


def _nodes(options: dict[str, Any]) -> bool:
    """Return whether arguments depend on the image."""
    found: list[fx.Node] = []
    fx.node.map_arg(options, found.append)
    return bool(found)


def _check_layer(name: str, layer: nn.Module) -> None:
    """Raise NoChainError unless channels of a layer can be told apart."""
    own = (type(layer).forward, getattr(type(layer), "_conv_forward", nn.Conv2d._conv_forward))
    if not any(own == (kind.forward, nn.Conv2d._conv_forward) for kind in LAYERS):
        raise NoChainError(f"its layer {name!r} is of the kind {type(layer).__name__}.")
    if isinstance(layer, nn.Conv2d) and (layer.groups != 1 or layer.padding_mode != "zeros"):
        raise NoChainError(f"its layer {name!r} has groups or pads with something other than zeros.")
    if isinstance(layer, NORMS) and layer.running_mean is None:
        raise NoChainError(f"its layer {name!r} keeps no running statistics.")
    if isinstance(layer, nn.Flatten) and (layer.start_dim, layer.end_dim) != (1, -1):
        raise NoChainError(f"its step {name!r} does not flatten whole images.")
