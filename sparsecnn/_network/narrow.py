"""The network of some channels of a wider one, by itself or as a way to train the wider one faster."""

from __future__ import annotations

import copy
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call

from sparsecnn._network.chain import Chain, Link, make_chain
from sparsecnn._network.tracing import NoChainError, named_layers


@dataclass(frozen=True)
class Part:
    """What some channels have of one layer.

    Attributes
    ----------
    link : Link
    written, read : int Tensors
        Indices along the first and second axis of its parameters and statistics.
    """

    link: Link
    written: Tensor
    read: Tensor | None = None

    def select(self, tensor: Tensor) -> Tensor:
        """Return the part of a parameter or statistic of the layer; numbers of all channels stay whole."""
        if tensor.ndim == 0:
            return tensor
        part = tensor.index_select(0, self.written)
        if self.read is None or part.ndim == 1:
            return part
        part = part.index_select(1, self.read)
        return part.to(memory_format=torch.channels_last) if part.ndim == 4 else part

    @torch.no_grad()
    def layer(self) -> nn.Module:
        """Return a layer of its own for these channels only."""
        part: Any = copy.deepcopy(self.link.layer)
        for name, parameter in part.named_parameters(recurse=False):
            setattr(part, name, nn.Parameter(self.select(parameter)))
        for name, buffer in part.named_buffers(recurse=False):
            setattr(part, name, self.select(buffer))
        for name in ("out_channels", "out_features", "num_features"):
            if hasattr(part, name):
                setattr(part, name, len(self.written))
        for name in ("in_channels", "in_features"):
            if hasattr(part, name):
                setattr(part, name, part.weight.shape[1])
        return part


def _parts(chain: Chain, kept: Sequence[Tensor]) -> Iterator[Part]:
    """Yield the parts of all layers of a chain, of which only the `kept` channels between stages are left."""
    device = chain.stages[0].layer.weight.device
    ends = [
        torch.ones(n, dtype=torch.bool, device=device)
        for n in (chain.stages[0].n_read, chain.stages[-1].n_written)
    ]
    for link in chain.before:
        yield Part(link, torch.arange(chain.stages[0].n_read, device=device))
    for stage, read, written in zip(chain.stages, [ends[0], *kept], [*kept, ends[1]], strict=True):
        pixels = stage.layer.weight.shape[1] // len(read)
        yield Part(
            Link(stage.name, stage.layer, stage.shape),
            _indices(written),
            _indices(read.repeat_interleave(pixels)),
        )
        for link in stage.after:
            n_numbers = next((len(t) for t in link.layer.state_dict().values() if t.ndim), len(written))
            yield Part(link, _indices(written.repeat_interleave(n_numbers // len(written))))


def _indices(which: Tensor) -> Tensor:
    return which.nonzero().flatten()


def narrow_network(chain: Chain, kept: Sequence[Tensor]) -> nn.Sequential:
    """Return a network of some channels of a chain, with parameters of its own.

    Parameters
    ----------
    chain : Chain
    kept : sequence of bool Tensors
        Which channels between the stages are left.

    Returns
    -------
    nn.Sequential
        The layers of the chain, batch normalisation included. It gives the scores of the chain if those
        channels that are left out add nothing to them.
    """
    return nn.Sequential(sequence((part.link.name, part.layer()) for part in _parts(chain, kept)))


def sequence(named: Iterable[tuple[str, nn.Module]]) -> OrderedDict[str, nn.Module]:
    """Return layers under names that a module may give them: without dots, and none twice."""
    layers: OrderedDict[str, nn.Module] = OrderedDict()
    for name, layer in named:
        plain = undotted(name)
        layers[plain if plain not in layers else f"{plain}_{len(layers)}"] = layer
    return layers


def undotted(name: str) -> str:
    """Return the name, in a network of one level, of a layer that may have been part of another layer."""
    return name.replace(".", "_")


class NarrowView(nn.Module):
    """A network that computes with some channels of a wider one, and hands gradients to its parameters.

    With channels left out of which all parameters are zero, it gives the scores and gradients of the wider
    network, sooner. In training mode it leaves the running statistics of the wider one alone.

    Parameters
    ----------
    wide : nn.Module
    chain : Chain
        Of `wide`.
    kept : sequence of bool Tensors
        Which channels between the stages are left.
    """

    def __init__(self, wide: nn.Module, chain: Chain, kept: Sequence[Tensor]):
        super().__init__()
        self.wide = wide
        # Holds statistics; its parameters stand for parts of those of `wide`.
        self.narrow = narrow_network(chain, kept).requires_grad_(False)
        self._parts = [
            (f"{name}.{own}", part, parameter)
            for name, part in zip(self.narrow._modules, _parts(chain, kept), strict=True)
            for own, parameter in part.link.layer.named_parameters(recurse=False)
        ]

    def forward(self, x: Tensor) -> Tensor:
        """Return the scores of each class, of shape (n, n_classes)."""
        parameters = {name: part.select(parameter) for name, part, parameter in self._parts}
        if x.ndim == 4:
            x = x.to(memory_format=torch.channels_last)  # few channels take twice as long in plain order
        return functional_call(self.narrow, parameters, x)


def narrow_view(module: nn.Module, image_shape: tuple[int, int]) -> nn.Module:
    """Return a network without the channels of which all parameters are zero, or `module` if there are none.

    Parameters
    ----------
    module : nn.Module
    image_shape : tuple of two ints
        (height, width).

    Returns
    -------
    nn.Module
        A `NarrowView`; `module` itself also if it is no chain of layers, or another one in training mode.
    """
    try:
        chain = make_chain(module, image_shape)
        names = [[name for name, _ in named_layers(module.train(mode))] for mode in (False, True)]
    except NoChainError:
        return module
    kept = [~empty for empty in empty_channels(chain)]
    same = names[0] == names[1] and all(which.any() for which in kept)
    return NarrowView(module, chain, kept) if same and not all(which.all() for which in kept) else module


def empty_channels(chain: Chain) -> list[Tensor]:
    """Return of which channels between the stages all parameters that write or read them are zero."""
    empty = []
    for stage, reader in zip(chain.stages, chain.stages[1:], strict=False):
        layers = [stage.layer, *(link.layer for link in stage.after)]
        own = [p.detach().reshape(stage.n_written, -1) for layer in layers for p in layer.parameters()]
        read = reader.weight.detach().transpose(0, 1).reshape(stage.n_written, -1)
        empty.append(~torch.cat([*own, read], dim=1).any(dim=1))
    return empty
