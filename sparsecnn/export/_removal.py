"""Which channels of a chain are needed, and where the constants of the others go."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor, nn

from sparsecnn._network import Chain, Stage

# Planes that differ by less are constant: the rounding of sums in another order.
ROUNDING = 16 * torch.finfo(torch.float64).eps


@dataclass
class Part:
    """A stage in double precision, whose channels are being removed.

    Attributes
    ----------
    stage : Stage
    weight : Tensor of shape (written, read, weights of one channel pair)
        Zero for what is not needed.
    bias : Tensor of shape (written,)
    dependent : bool Tensor of shape (written,)
        Which channels depend on the image.
    raw : Tensor of shape (written, pixels)
        Output of the convolution or fully connected layer for a black image; of a channel that does not
        depend on the image, for all images.
    value : Tensor of shape (written, pixels)
        The same after all layers of the stage.
    kept : bool Tensor of shape (written,)
    """

    stage: Stage
    weight: Tensor
    bias: Tensor
    dependent: Tensor
    raw: Tensor
    value: Tensor
    kept: Tensor


def needed_parts(chain: Chain, image_shape: tuple[int, int]) -> list[Part]:
    """Return the stages of a chain with the channels that its scores need.

    Parameters
    ----------
    chain : Chain
        In double precision; its weights are changed.
    image_shape : tuple of two ints

    Raises
    ------
    ValueError
        If no score depends on the image.

    Notes
    -----
    A channel is on a path from the image to a score if it can be reached along weights that are not zero
    both from the image and backwards from a score. One pass in each direction finds these channels. Of the
    others, those that are read have the same value for every image. Where the next layer sees nothing but
    this value, it becomes part of its bias. A convolution that pads with zeros sees an edge: there one
    channel that is constant carries the sum of all of them.
    """
    parts = _parts(chain, image_shape)
    if not parts[-1].dependent.any():
        raise ValueError(
            "The network is constant: no path of nonzero weights leads from the image to a score, so no "
            "channel would be left."
        )
    for part, following in reversed(list(pairwise(parts))):
        _keep_needed(part, following)
    return parts


def _parts(chain: Chain, image_shape: tuple[int, int]) -> list[Part]:
    parts = []
    x = torch.zeros(1, chain.n_channels, *image_shape, dtype=torch.float64)
    for link in chain.before:
        x = link.layer(x)
    dependent = torch.ones(chain.stages[0].n_read, dtype=torch.bool)
    for stage in chain.stages:
        stage.layer.weight[~stage.scaled] = 0
        x = stage.layer(x)
        raw = x.reshape(stage.n_written, -1).clone()
        for link in stage.after:
            x = link.layer(x)
        weight = stage.weight.clone()
        dependent = weight[:, dependent].ne(0).any(2).any(1)
        bias = weight.new_zeros(len(weight)) if stage.layer.bias is None else stage.layer.bias.clone()
        value = x.reshape(len(weight), -1).clone()
        kept = torch.ones(len(weight), dtype=torch.bool)
        parts.append(Part(stage, weight, bias, dependent, raw, value, kept))
    return parts


def _keep_needed(part: Part, following: Part) -> None:
    """Find the channels that the next part needs, and put what others add to it elsewhere."""
    read = following.weight.ne(0).any(2).any(0)
    own = read & part.dependent
    fixed = read & ~part.dependent & part.value.ne(0).any(1)
    constant = fixed & _is_constant(part.value)
    carrier = None
    if isinstance(following.stage.layer, nn.Linear):
        following.bias += (following.weight[:, fixed] * part.value[fixed]).sum((1, 2))
    elif not _pads(following.stage.layer):
        following.bias += following.weight[:, constant].sum(2) @ part.value[constant, 0]
        own |= fixed & ~constant
    else:
        carrier = _carrier(part, constant)
        own |= fixed & ~constant if carrier is not None else fixed
    part.kept = own.clone()
    if carrier is not None:
        _carry(part, following, constant, carrier)
        part.kept[carrier] = True
    following.weight[:, ~part.kept] = 0
    part.weight[~own] = 0


def _is_constant(planes: Tensor) -> Tensor:
    """Return which of some channels have one value in all pixels."""
    spread = planes.amax(1) - planes.amin(1)
    return spread <= ROUNDING * planes.abs().amax(1)


def _pads(conv: nn.Conv2d) -> bool:
    """Return whether a convolution sees zeros outside of the image."""
    if conv.padding == "same":
        return max(conv.kernel_size) > 1
    return conv.padding != "valid" and any(conv.padding)


def _carrier(part: Part, constant: Tensor) -> int | None:
    """Return the channel that can carry the sum of some constant channels, if there is one.

    Its filter becomes zero, so what its filter made of constants has to fit into its bias.
    """
    able = constant & _is_constant(part.raw)
    if not able.any():
        return None
    return int(torch.where(able, part.value[:, 0].abs(), 0).argmax())


def _carry(part: Part, following: Part, constant: Tensor, carrier: int) -> None:
    """Let one of some constant channels take the place of all of them."""
    value = part.value[:, 0]
    total = torch.einsum("oik,i->ok", following.weight[:, constant], value[constant])
    following.weight[:, constant] = 0
    following.weight[:, carrier] = total / value[carrier]
    part.bias[carrier] = part.raw[carrier, 0]
