"""What each layer of a network holds and costs: weights, channels, multiply-adds and bytes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.conv import _ConvNd
from torch.utils.flop_counter import FlopCounterMode

from sparsecnn._ensemble import MeanScores
from sparsecnn._network import Chain, NoChainError, channels_read, evaluating, make_chain


@dataclass(frozen=True, kw_only=True)
class Counts:
    """Weights, multiply-adds for one image, and bytes.

    Attributes
    ----------
    n_weights : int
    n_nonzero : int
    macs : int
        Multiply-adds with all weights, zero or not.
    living_macs : int or None
        Multiply-adds between living channels; None if these are not known.
    nonzero_macs : int
        Multiply-adds of weights that are not zero.
    bytes : int
        All numbers as they are in memory.
    sparse_bytes : int
        The least number of bytes that hold the positions and values of the non-zero weights, and all biases;
        the same as `bytes` where that is less.
    """

    n_weights: int
    n_nonzero: int
    macs: int
    living_macs: int | None
    nonzero_macs: int
    bytes: int
    sparse_bytes: int

    @property
    def sparsity(self) -> float:
        """Fraction of the weights that are exactly zero; 0 of none."""
        return 1 - self.n_nonzero / self.n_weights if self.n_weights else 0.0


@dataclass(frozen=True, kw_only=True)
class LayerCounts(Counts):
    """Counts of one convolution or fully connected layer; bytes are those of its weights and biases.

    A weight that layers share is counted, with its bytes, in the first of them.

    Attributes
    ----------
    name : str
        Of the layer in the network.
    kind : str
        Name of its class.
    shape : tuple of ints
        Of its weights.
    n_read, n_written : int
        Channels of its input and output.
    n_read_living, n_written_living : int or None
        Those of them that carry something from the image to a score; None if not known.
    """

    name: str
    kind: str
    shape: tuple[int, ...]
    n_read: int
    n_written: int
    n_read_living: int | None
    n_written_living: int | None


@dataclass(frozen=True, kw_only=True)
class NetworkCounts(Counts):
    """Counts of a whole network.

    Attributes
    ----------
    other_macs : int
        Those of the multiply-adds that no convolution or fully connected layer makes, as of attention.
    other_bytes : int
        Those of the bytes that belong to other layers, as to batch normalisation.
    """

    other_macs: int
    other_bytes: int


def count_network(
    module: nn.Module, image_shape: tuple[int, int]
) -> tuple[list[LayerCounts], NetworkCounts, str | None]:
    """Return the counts of each layer and of the network, and why living channels are not known, or None."""
    if not named_layers(module):
        raise ValueError(f"{type(module).__name__} has no convolution or fully connected layer to count.")
    with evaluating(module):
        total, macs = _dense_macs(module, example_images(module, image_shape, 2))
        try:
            chain, why_unknown = make_chain(module, image_shape), None
        except NoChainError as error:
            chain, why_unknown = None, str(error)
        layers = _count_layers(module, macs, chain)
    return layers, _sum(module, layers, total), why_unknown


def add_networks(networks: Sequence[NetworkCounts]) -> NetworkCounts:
    """Return the sums of the counts of several networks."""
    sums: dict[str, Any] = {}
    for field in fields(NetworkCounts):
        counts = [getattr(network, field.name) for network in networks]
        sums[field.name] = None if None in counts else sum(counts)
    return NetworkCounts(**sums)


def example_images(module: nn.Module, image_shape: tuple[int, int], n_images: int) -> Tensor:
    """Return images of random pixels from 0 to 1, as `module` takes them."""
    first = next(iter(named_layers(module).values()))
    if isinstance(module, MeanScores):
        n_channels = module.in_channels
    elif isinstance(first, _ConvNd):
        n_channels = first.in_channels
    else:
        n_channels = channels_read(first.weight, image_shape)
    generator = torch.Generator().manual_seed(0)
    images = torch.rand((n_images, n_channels, *image_shape), generator=generator)
    return images.to(first.weight.device, first.weight.dtype)


def apply_network(module: nn.Module, images: Tensor) -> None:
    """Apply a network, or raise ValueError if it cannot be applied to such images."""
    try:
        module(images)
    except RuntimeError as error:
        raise ValueError(
            f"{type(module).__name__} cannot be applied to images of shape {tuple(images.shape[1:])}: {error}"
        ) from error


def named_layers(module: nn.Module) -> dict[str, Any]:
    """Return all convolutions and fully connected layers by name."""
    layers = module.named_modules()
    return {name: layer for name, layer in layers if isinstance(layer, (_ConvNd, nn.Linear))}


def _dense_macs(module: nn.Module, images: Tensor) -> tuple[int, dict[nn.Module, int]]:
    """Return the multiply-adds of the network for one of several `images`, and of each of its layers."""
    with FlopCounterMode(display=False) as counter:
        apply_network(module, images)
    flops = {name: sum(counts.values()) for name, counts in counter.get_flop_counts().items()}
    macs: dict[nn.Module, int] = {}
    per_mac = 2 * len(images)
    # A layer may have several names, one of which the counter uses.
    for name, layer in module.named_modules(remove_duplicate=False):
        full_name = ".".join(filter(None, (type(module).__name__, name)))
        macs[layer] = macs.get(layer, 0) + flops.get(full_name, 0) // per_mac
    return counter.get_total_flops() // per_mac, macs


def _count_layers(module: nn.Module, macs: dict[nn.Module, int], chain: Chain | None) -> list[LayerCounts]:
    """Return the counts of each layer, in the order in which they are applied, where that is known."""
    channels = {} if chain is None else _living_channels(chain)
    names = {layer: name for name, layer in named_layers(module).items()}
    layers = [layer for layer in channels if layer in names]
    layers += [layer for layer in names if layer not in channels]
    counts, seen = [], set()
    for layer in layers:
        own = id(layer.weight) not in seen
        seen.add(id(layer.weight))
        living = channels.get(layer)
        counts.append(_count_layer(names[layer], layer, own, macs[layer], living))
    return counts


def _living_channels(chain: Chain) -> dict[nn.Module, tuple[int, int, int, int, int]]:
    """Return for each layer its channels read, living of them, written, living of them, and living macs."""
    return {
        stage.layer: (stage.n_read, i, stage.n_written, o, stage.macs_per_pair * i * o)
        for stage, i, o in chain.stages_between(chain.living_widths())
    }


def _count_layer(
    name: str, layer: Any, own: bool, macs: int, channels: tuple[int, int, int, int, int] | None
) -> LayerCounts:
    w = layer.weight
    n_nonzero = int(torch.count_nonzero(w))
    bias = 0 if layer.bias is None else layer.bias.nbytes
    if channels is None:
        is_conv = isinstance(layer, _ConvNd)
        n_read = layer.in_channels if is_conv else layer.in_features
        n_written = layer.out_channels if is_conv else layer.out_features
        n_read_living = n_written_living = living_macs = None
    else:
        n_read, n_read_living, n_written, n_written_living, living_macs = channels
    return LayerCounts(
        name=name,
        kind=type(layer).__name__,
        shape=tuple(w.shape),
        n_weights=w.numel() if own else 0,
        n_nonzero=n_nonzero if own else 0,
        n_read=n_read,
        n_written=n_written,
        n_read_living=n_read_living,
        n_written_living=n_written_living,
        macs=macs,
        living_macs=living_macs,
        nonzero_macs=macs * n_nonzero // w.numel(),
        bytes=bias + (w.nbytes if own else 0),
        sparse_bytes=bias + (_sparse_bytes(w.numel(), n_nonzero, w.element_size()) if own else 0),
    )


def _sparse_bytes(n: int, k: int, value_bytes: int) -> int:
    """Return the least bytes for k values among n places, or for all n values where that is less."""
    log_choices = math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)
    position_bytes = math.ceil(round(log_choices / math.log(2) / 8, 6))
    return min(position_bytes + k * value_bytes, n * value_bytes)


def _sum(module: nn.Module, layers: list[LayerCounts], macs: int) -> NetworkCounts:
    names = tuple(named_layers(module))
    other_bytes = sum(
        tensor.nbytes
        for name, tensor in module.state_dict().items()
        if not any(name.startswith(f"{layer}.") for layer in names)
        and not name.endswith("num_batches_tracked")  # which no prediction needs
    )
    other_macs = macs - sum(layer.macs for layer in layers)
    living = [layer.living_macs for layer in layers if layer.living_macs is not None]
    return NetworkCounts(
        n_weights=sum(layer.n_weights for layer in layers),
        n_nonzero=sum(layer.n_nonzero for layer in layers),
        macs=macs,
        living_macs=sum(living) if living else None,
        nonzero_macs=other_macs + sum(layer.nonzero_macs for layer in layers),
        bytes=other_bytes + sum(layer.bytes for layer in layers),
        sparse_bytes=other_bytes + sum(layer.sparse_bytes for layer in layers),
        other_macs=other_macs,
        other_bytes=other_bytes,
    )
