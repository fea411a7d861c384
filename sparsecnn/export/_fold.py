"""Stages of a chain as plain layers, with batch normalisation folded."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils import skip_init

from sparsecnn._network import MAX_POOLS, NORMS, POOLS, ChannelAffine, Link, Stage
from sparsecnn.export._removal import Part


def plain_layers(part: Part, read: Tensor) -> Iterator[tuple[str, nn.Module]]:
    """Yield name and layer of everything that a part does, for the channels that are kept.

    Parameters
    ----------
    part : Part
    read : bool Tensor
        Which channels are kept of those that it reads.
    """
    stage = part.stage
    weight, bias = part.weight[part.kept][:, read], part.bias[part.kept]
    norm, rest = stage.norm, None
    if norm is not None:
        weight, bias, rest = _fold(weight, bias, norm.layer, part.kept, stage)
    yield stage.name, _layer(stage, weight, bias)
    for link in stage.after:
        if link is not norm:
            yield from plain_link(link, part.kept)
        elif rest is not None:
            yield link.name, rest


def plain_link(link: Link, kept: Tensor) -> Iterator[tuple[str, nn.Module]]:
    """Yield name and layer of a layer without weights to fold, for the channels that are kept, if it acts."""
    if isinstance(link.layer, (*NORMS, ChannelAffine)):
        scale, centre, shift = _affine(link.layer, kept)
        yield link.name, ChannelAffine(scale, shift - centre * scale)
    elif not isinstance(link.layer, nn.Identity):
        yield link.name, copy.deepcopy(link.layer)


def _affine(layer: Any, kept: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return scale, centre and shift of a layer that makes ``scale * (x - centre) + shift`` of channels."""
    scale: Tensor
    centre: Tensor
    shift: Tensor
    if isinstance(layer, ChannelAffine):
        scale, centre, shift = layer.weight, torch.zeros_like(layer.bias), layer.bias
    else:
        inverse, centre = (layer.running_var + layer.eps).rsqrt(), layer.running_mean
        scale = inverse if layer.weight is None else inverse * layer.weight
        shift = torch.zeros_like(centre) if layer.bias is None else layer.bias
    entries = kept.repeat_interleave(len(scale) // len(kept))
    return scale[entries], centre[entries], shift[entries]


def _fold(
    weight: Tensor, bias: Tensor, norm: nn.Module, kept: Tensor, stage: Stage
) -> tuple[Tensor, Tensor, ChannelAffine | None]:
    """Return weight and bias with a batch normalisation folded into them, and what is left of it.

    The maximum does not commute with a negative scale: its sign is left. An average that counts zeros
    outside of the image does not commute with a shift, which is left.
    """
    scale, centre, shift = _affine(norm, kept)
    pools = _pools_before(norm, stage)
    sign, left = torch.ones_like(scale), torch.zeros_like(shift)
    if any(isinstance(pool, MAX_POOLS) for pool, _ in pools):
        sign[scale < 0] = -1
    if all(_keeps_constants(pool, shape) for pool, shape in pools):
        bias = sign * (scale * (bias - centre) + shift)
    else:
        bias, left = sign * scale * bias, shift - scale * centre
    weight = weight * (sign * scale).view(-1, 1, 1)
    rest = None if (sign == 1).all() and (left == 0).all() else ChannelAffine(sign, left)
    return weight, bias, rest


def _pools_before(norm: nn.Module, stage: Stage) -> list[tuple[nn.Module, Sequence[int]]]:
    """Return the pooling layers between a stage and its batch normalisation, with the shape each takes."""
    pools: list[tuple[nn.Module, Sequence[int]]] = []
    shape = stage.shape
    for link in stage.after:
        if link.layer is norm:
            break
        if isinstance(link.layer, POOLS):
            pools.append((link.layer, shape))
        shape = link.shape
    return pools


def _keeps_constants(pool: nn.Module, shape: Sequence[int]) -> bool:
    ones = torch.ones(1, *shape, dtype=torch.float64)
    return bool((pool(ones) - 1).abs().max() < 1e-12)


def _layer(stage: Stage, weight: Tensor, bias: Tensor) -> nn.Module:
    """Return a convolution or fully connected layer like a stage's, with other weights."""
    old = stage.layer
    options = {"bias": old.bias is not None or bool(bias.any()), "dtype": weight.dtype}
    if isinstance(old, nn.Linear):
        new: Any = skip_init(nn.Linear, weight[0].numel(), len(weight), **options)
    else:
        geometry = {name: getattr(old, name) for name in ("kernel_size", "stride", "padding", "dilation")}
        new = skip_init(nn.Conv2d, weight.shape[1], len(weight), **geometry, **options)
    new.weight.copy_(weight.reshape(new.weight.shape))
    if new.bias is not None:
        new.bias.copy_(bias)
    return new
