"""Which channels of a network a penalty of groups removes, and how many a target leaves."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from sparsecnn._network import Chain, Stage, make_chain

# Halvings of the interval in which the fraction of the channels for a budget is searched.
N_HALVINGS = 60


@dataclass(frozen=True)
class Cut:
    """Where the channels between two stages of a chain are ranked and removed.

    Attributes
    ----------
    name : str
        Of the layer whose parameter it is.
    parameter : Tensor
        Scales of a batch normalisation, filters of a convolution, or weights of a fully connected layer by
        input neuron.
    n_channels : int
    power : int
        At a fraction f of the channels of convolutions, ``n_channels * f**power`` are kept.
    """

    name: str
    parameter: Tensor
    n_channels: int
    power: int


def make_cuts(chain: Chain) -> list[Cut]:
    """Return the cut of every width of a chain.

    Channels are ranked by the scales of the batch normalisation that follows them, if any: it would undo any
    scaling of the filters. Otherwise by the filters that write them, or behind a fully connected layer, by
    the weights that read them.
    """
    return [_cut(stage, reader) for stage, reader in zip(chain.stages, chain.stages[1:], strict=False)]


def _cut(stage: Stage, reader: Stage) -> Cut:
    fully_connected = isinstance(stage.layer, nn.Linear)
    power = 2 if fully_connected else 1
    scale: Any = None if stage.norm is None else stage.norm.layer.weight
    if stage.norm is not None and scale is not None:
        return Cut(stage.norm.name, scale, stage.n_written, power)
    if fully_connected:
        return Cut(reader.name, reader.layer.weight, stage.n_written, power)
    return Cut(stage.name, stage.layer.weight, stage.n_written, power)


@dataclass
class Structure:
    """The channels of a network that a target leaves, as a restriction of RVSM.

    Attributes
    ----------
    chain : Chain
    cuts : list of Cut
    ranking : list of objects
        The penalty of groups whose norms rank the channels of each cut.
    tensors : list of Tensor
        All parameters of the chain: the split weights of RVSM.
    kept : list of int
        Channels to leave at each cut.
    """

    chain: Chain
    cuts: list[Cut]
    ranking: list[Any]
    tensors: list[Tensor]
    kept: list[int]

    @property
    def has_elements(self) -> bool:
        """Whether the penalty is of single weights too."""
        return hasattr(self.ranking[0], "gains")

    def removed(self) -> list[float]:
        """Return which fraction of the groups of each tensor are to be zero."""
        fractions = {
            id(cut.parameter): 1 - n_kept / cut.n_channels
            for cut, n_kept in zip(self.cuts, self.kept, strict=True)
        }
        return [fractions.get(id(tensor), 0.0) for tensor in self.tensors]

    def weights_kept(self, counts: Sequence[int]) -> float:
        """Return which fraction of all weights so many channels at each cut have."""
        stages = self.chain.stages_between(counts)
        kept = sum(n_read * n_written * stage.weight.shape[2] for stage, n_read, n_written in stages)
        return kept / sum(stage.weight.numel() for stage in self.chain.stages)

    def __call__(self) -> Sequence[Tensor | None]:
        """Return the mask of each tensor: 0 for what dead channels write or read."""
        return self.masks(self.largest())

    @torch.no_grad()
    def largest(self) -> list[Tensor]:
        """Return which channels of each cut are the largest ones that are to be kept."""
        living: list[Tensor] = []
        for i, (cut, penalty, n_kept) in enumerate(zip(self.cuts, self.ranking, self.kept, strict=True)):
            w = cut.parameter
            if i and w is self.chain.stages[i].layer.weight:
                w = w * _shaped(living[i - 1], self.chain.stages[i])
            # At step 0, the gain of a group is half the square of its norm.
            weights_too = self.has_elements and w.ndim > 1
            size = penalty.gains(w, 0.0) if weights_too else penalty.magnitudes(w)
            alive = torch.zeros_like(size, dtype=torch.bool)
            alive[size.topk(n_kept).indices] = True
            living.append(alive)
        return living

    def masks(self, living: Sequence[Tensor]) -> list[Tensor | None]:
        """Return the mask of each tensor if only `living` channels may be written and read.

        Groups that a penalty of groups alone ranks are left to its proximal map.
        """
        own = {} if self.has_elements else {id(cut.parameter): i for i, cut in enumerate(self.cuts)}
        ends = [torch.ones_like(living[0][:1])]
        masks: dict[int, Tensor] = {}
        triples = zip(self.chain.stages, [*ends, *living], [*living, *ends], strict=True)
        for i, (stage, read, written) in enumerate(triples):
            weight, cut = stage.layer.weight, own.get(id(stage.layer.weight))
            reads = _shaped(read if cut != i - 1 else torch.ones_like(read), stage)
            writes = (written if cut != i else torch.ones_like(written)).view(-1, *[1] * (weight.ndim - 1))
            masks[id(weight)] = (reads * writes).expand(weight.shape).to(weight.dtype)
            others = [stage.layer.bias, *(p for link in stage.after for p in link.layer.parameters())]
            for parameter in others:
                if parameter is not None:
                    each = written if id(parameter) not in own else torch.ones_like(written)
                    each = each.repeat_interleave(parameter.numel() // written.numel())
                    masks[id(parameter)] = each.to(weight.dtype)
        return [masks.get(id(tensor)) for tensor in self.tensors]


def _shaped(read: Tensor, stage: Stage) -> Tensor:
    """Return which channels are read, in a shape that multiplies the weight of the stage that reads them."""
    if isinstance(stage.layer, nn.Linear):
        return read.repeat_interleave(stage.layer.in_features // len(read))[None]
    return read.view(1, -1, 1, 1)


def make_structure(module: nn.Module, image_shape: tuple[int, int], penalty: Any) -> Structure:
    """Return the structure of a network whose channels a penalty of groups ranks."""
    chain = make_chain(module, image_shape)
    cuts = make_cuts(chain)
    if not cuts:
        raise ValueError(
            f"{type(module).__name__} has no channels to remove: it has one layer of weights, "
            f"{chain.stages[0].name!r}."
        )
    return Structure(
        chain=chain,
        cuts=cuts,
        ranking=[with_pixels(penalty, _pixels(cut)) for cut in cuts],
        tensors=[p for link in chain.links for p in link.layer.parameters()],
        kept=[cut.n_channels for cut in cuts],
    )


def with_pixels(penalty: Any, pixels: int) -> Any:
    """Return a copy of a penalty of groups in which so many consecutive entries belong to one group."""
    return copy.copy(penalty).set_params(pixels=pixels)


def _pixels(cut: Cut) -> int:
    return cut.parameter.shape[1] // cut.n_channels if cut.parameter.ndim == 2 else 1


def counts_for_channels(structure: Structure, removed: float) -> tuple[int, ...]:
    """Return how many channels of each cut are left if a fraction of them is removed, at least one."""
    return tuple(max(1, cut.n_channels - round(removed * cut.n_channels)) for cut in structure.cuts)


def counts_for_macs(structure: Structure, target: float) -> tuple[int, ...]:
    """Return how many channels of each cut are left at a fraction `target` of the multiply-adds.

    A cut of n channels keeps ``n * f**power`` of them, with the largest f that is within the budget; what
    the rounding leaves of it goes to the cuts one by one.

    Raises
    ------
    ValueError
        If one channel at each cut is already more.
    """
    cuts, dense = structure.cuts, structure.chain.macs()

    def fits(counts: Sequence[int]) -> bool:
        return structure.chain.macs(counts) <= target * dense

    def counts_at(fraction: float) -> list[int]:
        return [max(1, int(cut.n_channels * fraction**cut.power)) for cut in cuts]

    if not fits([1] * len(cuts)):
        least = structure.chain.macs([1] * len(cuts)) / dense
        raise ValueError(
            f"target_macs={target!r} is less than one channel in every layer needs: it must be at least "
            f"{least:.3g}."
        )
    low, high = 0.0, 1.0
    for _ in range(N_HALVINGS):
        middle = (low + high) / 2
        low, high = (middle, high) if fits(counts_at(middle)) else (low, middle)
    counts = counts_at(1.0 if fits(counts_at(1.0)) else low)
    wanted = [cut.n_channels * high**cut.power for cut in cuts]
    for i in sorted(range(len(cuts)), key=lambda i: counts[i] / wanted[i]):
        more = [n + (i == j) for j, n in enumerate(counts)]
        if counts[i] < cuts[i].n_channels and fits(more):
            counts = more
    return tuple(counts)
