"""A training run in epochs: its schedules, and every "auto" rule."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any, ClassVar

from torch import nn

from sparsecnn._network import layer_weights, penalized_weights
from sparsecnn._training.augment import CurveAugmentation, check_augmentation
from sparsecnn._training.images import Images
from sparsecnn._training.structure import Structure, counts_for_channels, counts_for_macs
from sparsecnn.penalties import get_penalty
from sparsecnn.rvsm import RVSM

LARGEST_AUTO_BATCH = 64
SMALLEST_AUTO_BATCH = 8
# Steps of an epoch that "auto" asks for, between the two sizes above.
AUTO_STEPS = 15
# Splitting has so many steps, but from 6 to 18 epochs; more where few weights are kept.
AUTO_SPLIT_STEPS = 560
FEWEST_AUTO_EPOCHS = 6
MOST_AUTO_EPOCHS = 18


@dataclass(frozen=True)
class RampStart:
    """λ and fraction of zeros before the first epoch."""

    lam: float
    sparsity: float


@dataclass(frozen=True)
class LamRamp:
    """λ from `start` to `end`: ``start + (end - start)·(epoch/n_epochs)²``, then constant.

    Quadratic, so that the threshold ``√(2λ/β)`` of ℓ0 grows linearly.
    """

    start: float
    end: float
    n_epochs: int = 1

    dense: ClassVar[float] = 0.0  # where a dense network is

    def apply(self, optimizer: RVSM, epoch: float) -> None:
        """Set λ to its value after `epoch` epochs."""
        optimizer.target_sparsity = None
        optimizer.lam = self.start + (self.end - self.start) * min(1.0, epoch / self.n_epochs) ** 2


@dataclass(frozen=True)
class SparsityRamp:
    """Target sparsity from `start` to `end`: ``end + (start - end)·(1 - epoch/n_epochs)³``, then constant."""

    start: float
    end: float
    n_epochs: int = 1

    dense: ClassVar[float] = 0.0  # where a dense network is

    def apply(self, optimizer: RVSM, epoch: float) -> None:
        """Set the target sparsity to its value after `epoch` epochs."""
        optimizer.target_sparsity = self.end + (self.start - self.end) * cubic(epoch / self.n_epochs)


@dataclass(frozen=True)
class ChannelRamp:
    """Channels left at each cut of a network (see `Structure`), along the same curve as a target sparsity.

    Attributes
    ----------
    start, end : tuple of ints
    n_epochs : int
    sparsity : tuple of two floats or None
        Fraction of all weights that are zero at the start and the end, along the same curve. None if only
        channels are removed.
    weights_kept : float
        Fraction of all weights that are left at the end.
    """

    start: tuple[int, ...]
    end: tuple[int, ...]
    n_epochs: int = 1
    sparsity: tuple[float, float] | None = None
    weights_kept: float = 1.0

    @property
    def dense(self) -> tuple[int, ...]:
        """Where a dense network is."""
        return self.start

    def apply(self, optimizer: RVSM, epoch: float) -> None:
        """Set the channels to leave, and target sparsities, to their values after `epoch` epochs."""
        structure: Any = optimizer.restriction
        left = cubic(epoch / self.n_epochs)
        pairs = zip(self.start, self.end, strict=True)
        structure.kept = [round(end + (start - end) * left) for start, end in pairs]
        if self.sparsity is None:
            optimizer.target_sparsity = structure.removed()
        else:
            start, end = self.sparsity
            optimizer.target_sparsity = end + (start - end) * left


Ramp = LamRamp | SparsityRamp | ChannelRamp


def cubic(share: float) -> float:
    """Return what a ramp has left to go after a share of its epochs."""
    return (1 - min(1.0, share)) ** 3


@dataclass(frozen=True)
class Plan:
    """A training run: `max_iter` epochs of splitting, then `finetune_iter` on the fixed support."""

    max_iter: int
    finetune_iter: int
    batch_size: int
    learning_rate_init: float
    ramp: Ramp
    decay: bool = True
    augmentation: CurveAugmentation | None = None
    n_iter_no_change: int = 10
    tol: float = 1e-4

    @property
    def n_epochs(self) -> int:
        """Epochs of both phases."""
        return self.max_iter + self.finetune_iter

    def learning_rate(self, epoch: float) -> float:
        """Return the learning rate after `epoch` epochs: half a cosine down to 0, or constant."""
        if not self.decay:
            return self.learning_rate_init
        return self.learning_rate_init * (1 + math.cos(math.pi * epoch / self.n_epochs)) / 2


def make_ramp(params: Any, start: RampStart, structure: Structure | None = None) -> Ramp:
    """Return the schedule of λ, or with ``lam="auto"`` of the target sparsity, or of channels to remove.

    How many epochs it takes is for `make_plan` to say.
    """
    if params.penalty is not None and not getattr(get_penalty(params.penalty), "allows_zero", True):
        return LamRamp(0.0, 0.0)  # its map is the same whatever λ is
    if params.lam == "auto":
        target = float(params.target_sparsity)
        if structure is not None:
            return _channel_ramp(params, start.sparsity, structure, target)
        return SparsityRamp(min(start.sparsity, target), target)
    return LamRamp(start.lam, float(params.lam))


def _channel_ramp(params: Any, start: float, structure: Structure, target: float) -> ChannelRamp:
    """Return the schedule of the channels to remove; with a penalty of single weights too, also theirs."""
    both = structure.has_elements
    if params.target_macs is not None:
        end = counts_for_macs(structure, float(params.target_macs))
    elif both:
        raise ValueError(
            f"penalty={params.penalty!r} with penalized='all' and lam='auto' needs target_macs: it says how "
            "many channels to remove, and target_sparsity how many weights."
        )
    else:
        end = counts_for_channels(structure, target)
    return ChannelRamp(
        start=tuple(max(pair) for pair in zip(structure.chain.living_widths(), end, strict=True)),
        end=end,
        sparsity=(min(start, target), target) if both else None,
        weights_kept=1 - target if both else structure.weights_kept(end),
    )


def make_plan(
    params: Any,
    images: Images,
    module: nn.Module,
    ramp: Ramp,
    decay: bool = True,
) -> Plan:
    """Return the plan of a training run. Its ramp is `ramp` over half of the epochs of splitting.

    Parameters
    ----------
    params : SparseCurveCNNClassifier
    images : Images
    module : torch.nn.Module
        The network to train.
    ramp : Ramp
    decay : bool, default=True
        Whether the learning rate falls to 0.
    """
    powers = powers_of_ten_removed(params, module, ramp)
    batch_size, max_iter, finetune_iter = params.batch_size, params.max_iter, params.finetune_iter
    if batch_size == "auto":
        batch_size = auto_batch_size(len(images), images.image_shape)
    if max_iter == "auto":
        max_iter = auto_max_iter(len(images), batch_size, powers)
    if finetune_iter == "auto":
        finetune_iter = auto_finetune_iter(max_iter, powers)
    return Plan(
        max_iter=max_iter,
        finetune_iter=finetune_iter,
        batch_size=batch_size,
        learning_rate_init=params.learning_rate_init,
        ramp=replace(ramp, n_epochs=max(1, max_iter // 2)),
        decay=decay,
        augmentation=resolve_augmentation(params.augment, images.image_shape, powers),
        n_iter_no_change=params.n_iter_no_change,
        tol=params.tol,
    )


def powers_of_ten_removed(params: Any, module: nn.Module, ramp: Ramp) -> float:
    """Return ``max(1, -log10(fraction of all weights kept))`` at the target sparsity; 1 without a target."""
    if params.penalty is None or isinstance(ramp, LamRamp):
        return 1.0
    if isinstance(ramp, ChannelRamp):
        return max(1.0, -math.log10(ramp.weights_kept))
    n_penalized, n_all = (
        sum(w.numel() for w in weights.values())
        for weights in (penalized_weights(module, params.penalized), layer_weights(module))
    )
    return max(1.0, -math.log10(1 - ramp.end * n_penalized / n_all))


def auto_max_iter(n_images: int, batch_size: int, powers: float) -> int:
    """Return the epochs of splitting: those of 560 steps, from 6 to 18, times ``powers ** (4/3)``.

    Powers are ``max(1, -log10(fraction of all weights kept))``.
    """
    epochs = AUTO_SPLIT_STEPS / math.ceil(n_images / batch_size)
    return round(min(MOST_AUTO_EPOCHS, max(FEWEST_AUTO_EPOCHS, epochs)) * powers ** (4 / 3))


def auto_finetune_iter(max_iter: int, powers: float) -> int:
    """Return the epochs of fine-tuning: those of splitting times two thirds, or a third of more powers."""
    return max(1, math.floor(max_iter * max(2, powers) / 3 + 1e-6))


def auto_batch_size(n_images: int, image_shape: tuple[int, int]) -> int:
    """Return ``n_images / 15`` rounded down to a power of 2, from 8 to 64; 64 for curves in one row."""
    if min(image_shape) == 1:
        return LARGEST_AUTO_BATCH
    power = 2 ** int(math.log2(max(1, n_images / AUTO_STEPS)))
    return min(LARGEST_AUTO_BATCH, max(SMALLEST_AUTO_BATCH, power))


def resolve_augmentation(
    augment: Any, image_shape: tuple[int, int], powers: float
) -> CurveAugmentation | None:
    """Return the augmentation of a network, checked; None where there is none, and for curves in one row."""
    check_augmentation(augment)
    if augment is False or min(image_shape) == 1:
        return None
    if augment == "auto":
        return CurveAugmentation(strength=1 / powers)
    return CurveAugmentation() if augment is True else augment
