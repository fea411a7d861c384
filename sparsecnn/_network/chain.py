"""The layers that a network applies one after another, whose channels can be counted and removed."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from sparsecnn._network.evaluation import evaluating
from sparsecnn._network.tracing import INERT, NORMS, POOLS, NoChainError, named_layers

# Images that a chain and its network must give the same scores to.
N_IMAGES = 3


@dataclass(frozen=True)
class Link:
    """One layer of a chain.

    Attributes
    ----------
    name : str
        Of the layer in the network, or of a function.
    layer : nn.Module
        Shares its parameters with the network.
    shape : tuple of ints
        Of its output for one image.
    """

    name: str
    layer: nn.Module
    shape: tuple[int, ...]


@dataclass(frozen=True)
class Stage:
    """A convolution or fully connected layer of a chain, with the layers between it and the next one.

    Attributes
    ----------
    name : str
        Of the layer in the network.
    layer : nn.Conv2d or nn.Linear
    shape : tuple of ints
        Of its output for one image.
    pixels : int
        Input neurons of a fully connected layer for each channel that it reads; 1 for convolutions.
    after : list of Link
        Normalisation, pooling, activation and the like, up to the next stage.
    """

    name: str
    layer: Any
    shape: tuple[int, ...]
    pixels: int = 1
    after: list[Link] = field(default_factory=list)

    @property
    def norm(self) -> Link | None:
        """The batch normalisation of the output, unless something but pooling comes before it."""
        for link in self.after:
            if isinstance(link.layer, NORMS):
                return link
            if not isinstance(link.layer, (*POOLS, *INERT)):
                return None
        return None

    @property
    def scaled(self) -> Tensor:
        """Which channels of the output the batch normalisation does not multiply by zero."""
        scale: Any = None if self.norm is None else self.norm.layer.weight
        kept = torch.ones(self.n_written, dtype=torch.bool, device=self.layer.weight.device)
        return kept if scale is None else scale.detach() != 0

    @property
    def n_read(self) -> int:
        """Channels of the input."""
        return self.weight.shape[1]

    @property
    def n_written(self) -> int:
        """Channels of the output."""
        return self.weight.shape[0]

    @property
    def weight(self) -> Tensor:
        """The weights, of shape (written, read, weights of one channel pair)."""
        w = self.layer.weight
        return w.flatten(2) if w.ndim > 2 else w.unflatten(1, (-1, self.pixels))

    @property
    def macs_per_pair(self) -> int:
        """Multiply-adds for each pair of a written and a read channel."""
        return self.weight.shape[2] * math.prod(self.shape[1:])


@dataclass(frozen=True)
class Chain:
    """A network as stages one after another.

    Attributes
    ----------
    before : list of Link
        Layers before the first stage.
    stages : list of Stage
    n_channels : int
        Channels of an image.
    """

    before: list[Link]
    stages: list[Stage]
    n_channels: int

    @property
    def links(self) -> Iterator[Link]:
        """All layers, in their order."""
        yield from self.before
        for stage in self.stages:
            yield Link(stage.name, stage.layer, stage.shape)
            yield from stage.after

    @property
    def widths(self) -> list[int]:
        """Channels between the stages: those that can be removed."""
        return [stage.n_written for stage in self.stages[:-1]]

    def macs(self, widths: Sequence[int] | None = None) -> int:
        """Return the multiply-adds for one image, with all channels or only `widths` between the stages."""
        stages = self.stages_between(self.widths if widths is None else widths)
        return sum(stage.macs_per_pair * n_read * n_written for stage, n_read, n_written in stages)

    def stages_between(self, widths: Sequence[int]) -> list[tuple[Stage, int, int]]:
        """Return each stage with the channels that it reads and writes if there are `widths` between them."""
        read = [self.stages[0].n_read, *widths]
        written = [*widths, self.stages[-1].n_written]
        return list(zip(self.stages, read, written, strict=True))

    def living_widths(self) -> list[int]:
        """Return how many channels between the stages are living."""
        return [int(alive.sum()) for alive in self.living()]

    def living(self) -> list[Tensor]:
        """Return which channels between the stages carry something from the image to a score.

        A channel is dead if nothing but zeros writes it or nothing but zeros reads it, living channels
        alone counted.

        Returns
        -------
        list of bool Tensors of shape (n_channels,)
        """
        weights = [stage.weight.detach().ne(0).any(2) for stage in self.stages]
        scaled = [stage.scaled for stage in self.stages[:-1]]
        living = [torch.ones_like(scale) for scale in scaled]
        while True:
            before = [alive.clone() for alive in living]
            for i, alive in enumerate(living):
                written = weights[i] if i == 0 else weights[i] & living[i - 1]
                read = weights[i + 1] if i + 1 == len(living) else weights[i + 1] & living[i + 1][:, None]
                alive &= scaled[i] & written.any(1) & read.any(0)
            if all(torch.equal(old, new) for old, new in zip(before, living, strict=True)):
                return living


def make_chain(module: nn.Module, image_shape: tuple[int, int]) -> Chain:
    """Return a network as a chain of layers that share its parameters.

    Parameters
    ----------
    module : nn.Module
        Maps images of shape (n, channels, height, width) to scores, by convolutions, batch normalisation,
        pooling, activations, flattening and fully connected layers, one after another.
    image_shape : tuple of two ints
        (height, width).

    Returns
    -------
    chain : Chain
        Computes in evaluation mode what `module` does.

    Raises
    ------
    NoChainError
        If `module` has branches, shared layers or layers of another kind, which is named.
    """
    try:
        with evaluating(module):
            return _chain_of(module, list(named_layers(module)), image_shape)
    except NoChainError as error:
        raise NoChainError(
            f"The channels of {type(module).__name__} cannot be counted or removed: {error} It must be a "
            "chain of Conv2d, batch normalisation, pooling, activation, Flatten and Linear layers. For "
            "networks with branches, see the package Torch-Pruning."
        ) from None


def _chain_of(module: nn.Module, layers: list[tuple[str, nn.Module]], image_shape: tuple[int, int]) -> Chain:
    weights = _check_weights(layers)
    w = next(iter(weights.values()))
    n_channels = channels_read(w, image_shape)
    generator = torch.Generator().manual_seed(0)
    images = torch.rand((N_IMAGES, n_channels, *image_shape), generator=generator).to(w.device, w.dtype)
    before: list[Link] = []
    stages: list[Stage] = []
    try:
        x, scores = images, module(images.clone())  # which a layer may change in place
        for name, layer in layers:
            x, given = layer.eval()(x.clone()), x
            shape = tuple(x.shape[1:])
            if name in weights:
                stages.append(Stage(name, layer, shape, _pixels(name, layer, given, stages)))
            else:
                (stages[-1].after if stages else before).append(Link(name, layer, shape))
    except (RuntimeError, TypeError) as error:
        raise NoChainError(
            f"its layers, one after another, cannot take images of shape {tuple(images.shape)} ({error})."
        ) from error
    # The same layers compute the same numbers, but for the rounding of other algorithms for them.
    tolerance = torch.finfo(w.dtype).eps ** 0.5
    if x.shape != scores.shape or (x - scores).abs().max() > tolerance * scores.abs().max():
        raise NoChainError("its layers, applied one after another, do not give its scores.")
    return Chain(before, stages, n_channels)


def channels_read(w: Tensor, image_shape: tuple[int, int]) -> int:
    """Return how many channels images have for a first layer with weights w, which may read flat ones."""
    return w.shape[1] if w.ndim > 2 else max(1, w.shape[1] // math.prod(image_shape))


def _check_weights(layers: list[tuple[str, nn.Module]]) -> dict[str, Any]:
    """Return the weights of the layers of all stages by name, or raise NoChainError."""
    weights = {n: layer.weight for n, layer in layers if isinstance(layer, (nn.Conv2d, nn.Linear))}
    if not weights:
        raise NoChainError("it has no convolution or fully connected layer.")
    first = {id(w): name for name, w in reversed(weights.items())}
    for name, w in weights.items():
        if first[id(w)] != name:
            raise NoChainError(f"its layers {first[id(w)]!r} and {name!r} share one weight.")
    return weights


def _pixels(name: str, layer: nn.Module, x: Tensor, stages: list[Stage]) -> int:
    """Return the input neurons for each channel that a layer reads, or raise NoChainError."""
    if isinstance(layer, nn.Conv2d):
        return 1
    if x.ndim != 2:
        raise NoChainError(f"its layer {name!r} is applied along one axis of {tuple(x.shape[1:])}.")
    return x.shape[1] // stages[-1].n_written if stages else 1
