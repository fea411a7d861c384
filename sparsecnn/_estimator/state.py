"""What pickle, joblib and skops store of a classifier."""

from __future__ import annotations

import copy
from typing import Any, Self

from torch import nn

from sparsecnn._network import BinaryActivation, make_activation, pack_module, unpack_module
from sparsecnn._training import NetworkSpec, Trainer, pack_trainer

MODULES = ("module", "module_")
BINARY = "binary_activation"


class PortableState:
    """Stores networks as numpy arrays, so that a classifier loads on machines without its device.

    Copies in memory stay those of any object.
    """

    def __getstate__(self) -> dict[str, Any]:
        state = dict(super().__getstate__())  # type: ignore[call-overload]
        packed: dict[int, Any] = {}
        for name in MODULES:
            if name in state:
                state[name] = _pack_once(state[name], packed)
        if "_network_spec" in state:
            spec = dict(vars(state["_network_spec"]))
            spec["module"] = _pack_once(spec["module"], packed)
            spec["activation"] = _pack_activation(spec["activation"])
            state["_network_spec"] = spec
        if isinstance(state.get("_trainer"), Trainer):
            state["_trainer"] = pack_trainer(state["_trainer"])
        state["activation"] = _pack_activation(state["activation"])
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        state = {"in_channels": None, **state}
        if "image_shape_" in state:
            state.setdefault("in_channels_", 1)  # as in versions that knew no channels
        unpacked: dict[int, nn.Module] = {}
        for name in MODULES:
            if name in state:
                state[name] = _unpack_once(state[name], unpacked)
        if "_network_spec" in state:
            spec = dict(state["_network_spec"])
            spec["module"] = _unpack_once(spec["module"], unpacked)
            activation = _unpack_activation(spec["activation"])
            spec["activation"] = None if activation is None else make_activation(activation)
            state["_network_spec"] = NetworkSpec(**spec)
        state["activation"] = _unpack_activation(state["activation"])
        super().__setstate__(state)  # type: ignore[misc]

    def __copy__(self) -> Self:
        new = type(self).__new__(type(self))
        vars(new).update(vars(self))
        return new

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        new = type(self).__new__(type(self))
        memo[id(self)] = new
        vars(new).update(copy.deepcopy(vars(self), memo))
        return new


def _pack_once(module: Any, packed: dict[int, Any]) -> Any:
    """Return a network packed; the same for the same network, so that it stays one."""
    if not isinstance(module, nn.Module):
        return module
    if id(module) not in packed:
        packed[id(module)] = pack_module(module)
    return packed[id(module)]


def _unpack_once(packed: Any, unpacked: dict[int, nn.Module]) -> Any:
    if not isinstance(packed, dict):
        return packed
    if id(packed) not in unpacked:
        unpacked[id(packed)] = unpack_module(packed)
    return unpacked[id(packed)]


def _pack_activation(activation: Any) -> Any:
    """Return an activation as text: the proxy of a binary one."""
    if isinstance(activation, BinaryActivation):
        return {BINARY: activation.proxy}
    return "relu" if isinstance(activation, nn.ReLU) else activation


def _unpack_activation(packed: Any) -> Any:
    return BinaryActivation(packed[BINARY]) if isinstance(packed, dict) else packed
