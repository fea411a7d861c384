"""Training a network by RVSM, an epoch at a time, and what is known at the end of each."""

from __future__ import annotations

import contextlib
import copy
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.optim.swa_utils import update_bn

from sparsecnn._checkpoint import Saver
from sparsecnn._compute import (
    average_norms,
    gathered,
    keep_freed_memory,
    n_processes,
    own_generator,
    parallel,
    take_share,
    totals,
)
from sparsecnn._network import narrow_view, select_weights, set_image_weight, zero_fraction
from sparsecnn._training.augment import augment
from sparsecnn._training.best import Best
from sparsecnn._training.epoch_end import EpochEnd
from sparsecnn._training.finite import check_finite
from sparsecnn._training.images import Images, naming_batch_size, shuffled_batches
from sparsecnn._training.objective import Objective
from sparsecnn._training.part import PartOfEpoch
from sparsecnn._training.plan import Plan, RampStart
from sparsecnn._training.spec import TrainerSpec
from sparsecnn._training.split import Split
from sparsecnn.rvsm import LAM_INTERVAL, RVSM

# Batches between two checks for divergence.
CHECK_INTERVAL = 16
# One batch in so many of an epoch, the last ones, measures the loss of u.
SPARSE_LOSS_INTERVAL = 32
# Enough for the mean and variance of a filter.
NORM_IMAGES = 4096

Batch = tuple[Tensor, Tensor, Tensor | None]  # pixels, classes or targets, and weights


@dataclass
class Trainer:
    """A network in training, with all state that goes on from one epoch to the next.

    Attributes
    ----------
    spec : TrainerSpec
        What the trainer was built from.
    objective : Objective
        What it trains the network for.
    module : nn.Module
        Holds the weights w during training, and the sparse u after `finish`.
    optimizer : RVSM
    split : Split
        What the optimizer splits.
    first_median : dict of str to Tensor
        For each penalised tensor, the median magnitude of its non-zero units before training.
    autocast : callable
        Returns the context in which the network computes.
    rng : RandomState
        Shuffles the batches.
    start : RampStart
        λ and sparsity before the first epoch.
    epoch : float
        Epochs of the plan that are done.
    history : dict of str to list
        One value for each epoch.
    """

    spec: TrainerSpec
    objective: Objective
    module: nn.Module
    optimizer: RVSM
    split: Split
    first_median: dict[str, Tensor]
    autocast: Callable[[], contextlib.AbstractContextManager]
    rng: np.random.RandomState
    start: RampStart
    epoch: float = 0
    history: dict[str, list[float]] = field(default_factory=dict)
    best: Best | None = None
    _part: PartOfEpoch | None = None
    _network: nn.Module | None = None
    _was_connected: bool = False  # when it was saved, with a network that had trained

    @property
    def n_epochs(self) -> int:
        """Epochs that were run."""
        return len(self.history.get("loss", ()))

    def train_epoch(
        self,
        images: Images,
        plan: Plan,
        validation: Images | None = None,
        share: float = 1.0,
        saver: Saver | None = None,
    ) -> EpochEnd:
        """Run one epoch of the plan on all images, which counts as `share` of an epoch of its schedules.

        An epoch that was saved unfinished goes on where it was.
        """
        loss, last_batches = self._train_batches(images, plan, share, saver)
        with self.optimizer.sparse_weights():
            sparse_loss = loss if self.optimizer.support_fixed else self._loss(images, last_batches)
            score = self._score(images, plan, validation)
            weights = self._copy_weights()
            sparsity = zero_fraction(select_weights(self.module, self.spec.penalized).values())
        self._record(loss, sparse_loss, score, sparsity)
        return self._epoch_end(plan, score, weights)

    def cut_short(self, images: Images, plan: Plan, validation: Images | None = None) -> EpochEnd:
        """Return the sparse network at the end of the ramp, where splitting ended before that."""
        plan.ramp.apply(self.optimizer, plan.ramp.n_epochs)
        self.epoch = plan.max_iter
        with self.optimizer.sparse_weights():
            score = self._score(images, plan, validation)
            return self._epoch_end(plan, score, self._copy_weights())

    def begin_finetuning(self, plan: Plan) -> None:
        """Go on from the network that is kept, with its zeros held at zero."""
        if not self.optimizer.confined:  # else the weights w train on
            self._load_kept()
        self.optimizer.fix_support()
        assert self.best is not None
        self.best.begin_phase()
        self.epoch = plan.max_iter
        self._network, self._was_connected = None, False

    def finish(self, images: Images, plan: Plan) -> None:
        """Leave the network that is kept in `module`, ready to predict."""
        assert self.best is not None
        self._load_kept()
        self.optimizer.lam = self.best.lam
        self.update_norms(images, plan)
        check_finite(self.module, plan)

    def state_dict(self) -> dict[str, Any]:
        """Return all that a trainer built from the same `spec` needs to go on.

        It is complete after an epoch and its hooks, and where a `Saver` is offered it.
        """
        generator = own_generator()
        part = self._part
        return {
            "module": self.module.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "epoch": self.epoch,
            "history": self.history,
            "best": None if self.best is None else self.best.state_dict(),
            "rng": self.rng.get_state(legacy=False),
            "generator": None if generator is None else generator.get_state(),
            "torch": torch.get_rng_state(),
            "part": part and {"rng": part.rng, "n_batches": part.n_batches, "loss": part.loss},
            "connected": self._was_connected or self._network is not None,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore what `state_dict` returned; within `seeded_torch`, its generators too.

        The history and the best network so far stay the objects that they are: a run that goes on and its
        callbacks hold them.
        """
        if not 0 <= state["epoch"] < math.inf:
            raise ValueError(f"its epoch is {state['epoch']!r}")
        self.module.load_state_dict(state["module"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.epoch = state["epoch"]
        history = {name: list(values) for name, values in state["history"].items()}
        self.history.clear()
        self.history.update(history)
        if state["best"] is not None:
            self.best = self.best or Best(0, 0.0)
            self.best.load_state_dict(state["best"])
        self._part = state["part"] and PartOfEpoch(**state["part"])
        self._was_connected = state["connected"]
        self.rng.set_state(state["rng"])
        generator = own_generator()
        if generator is not None and state["generator"] is not None:
            generator.set_state(state["generator"])
            torch.set_rng_state(state["torch"])

    def update_norms(self, images: Images, plan: Plan) -> None:
        """Compute the statistics of batch normalisation from the present weights, on unaugmented images."""
        batches = shuffled_batches(len(images), plan.batch_size, self.rng)

        def inputs() -> Iterator[Tensor]:
            for indices in batches[: -(-NORM_IMAGES // plan.batch_size)]:
                x, _, weight = images.batch(indices)
                set_image_weight(self.module, weight)
                yield x

        with self.autocast():
            update_bn(inputs(), self.module)
        set_image_weight(self.module, None)
        average_norms(self.module)

    def __getstate__(self) -> dict[str, Any]:
        # The connection to other processes cannot be copied.
        return vars(self) | {"_network": None, "_was_connected": False}

    def _load_kept(self) -> None:
        assert self.best is not None
        assert self.best.weights is not None
        self.module.load_state_dict(self.best.weights)

    def _copy_weights(self) -> dict[str, Tensor]:
        return {name: value.detach().clone() for name, value in self.module.state_dict().items()}

    def _epoch_end(self, plan: Plan, score: float, weights: dict[str, Tensor]) -> EpochEnd:
        return EpochEnd(
            epoch=self.n_epochs,
            weights=weights,
            score=score,
            settled=self.optimizer.support_fixed or self.epoch >= plan.ramp.n_epochs,
            lam=self.optimizer.lam,
            history=self.history,
        )

    def _train_batches(
        self, images: Images, plan: Plan, share: float, saver: Saver | None
    ) -> tuple[float, list[Batch]]:
        """Return the mean loss of one epoch, and its last batches."""
        keep_freed_memory()
        self.module.train()
        if self._network is None:
            self._network = parallel(self._computing_network(images))
            if self._was_connected and n_processes() > 1:
                self._take_up_order(images, plan)
        n_batches = max(gathered(-(-len(images) // plan.batch_size)))  # gradients wait for each other
        part = self._begin_epoch(images.device)
        batches = shuffled_batches(len(images), plan.batch_size, self.rng, n_batches)
        (n_images,) = totals(len(images), device=images.device)
        factor = len(images) * n_processes() / n_images
        total = part.loss
        last_batches: list[Batch] = []
        first_of_last = n_batches - max(1, n_batches // SPARSE_LOSS_INTERVAL)
        for i in range(part.n_batches, len(batches)):
            indices = batches[i]
            # The next step then computes λ and the masks anew, of which the state has none.
            is_complete = (self.n_epochs * len(batches) + i) % LAM_INTERVAL == 0
            if saver is not None and is_complete and part.n_batches < i <= first_of_last:
                part.n_batches = i
                saver.offer(i / len(batches))
            if i % CHECK_INTERVAL == 0:
                self._check_convergence(float(total), plan)
            self._follow(plan, self.epoch + share * i / len(batches))
            take_share()
            with naming_batch_size(len(batches[0]), images):
                x, y, weight = images.batch(indices)
                x = x if plan.augmentation is None else augment(x, plan.augmentation)
                total += self._train_batch((x, y, weight), factor) * len(indices)
            if i >= first_of_last:
                last_batches.append((x, y, weight))
        self._part = None
        self.epoch += share
        (summed,) = totals(total, device=images.device)
        self._check_convergence(summed, plan)
        self._follow(plan, self.epoch)
        return summed / n_images, last_batches

    def _begin_epoch(self, device: torch.device) -> PartOfEpoch:
        """Return what is done of the present epoch, with the generator as it was before it."""
        if self._part is None:
            zero = torch.zeros((), device=device)
            self._part = PartOfEpoch(self.rng.get_state(legacy=False), 0, zero)  # type: ignore[arg-type]
        self._part.loss = self._part.loss.to(device)
        self.rng.set_state(self._part.rng)
        return self._part

    def _computing_network(self, images: Images) -> nn.Module:
        """Return the network to compute losses with: when dead channels stay empty, one without them."""
        if self.optimizer.support_fixed and self.split.structure is not None:
            return narrow_view(self.module, images.image_shape).train()
        return self.module

    def _take_up_order(self, images: Images, plan: Plan) -> None:
        """Compute the gradients of a batch, without a trace but in the network that connects processes.

        From its first batch it takes the order in which gradients come and are added up; roundings depend on
        it, and no state holds it.
        """
        assert self._network is not None
        before = copy.deepcopy(self.state_dict())
        batch = images.batch(np.arange(min(len(images), plan.batch_size)))
        self._batch_loss(self._network, *batch).backward()
        self.optimizer.zero_grad()
        self.load_state_dict(before)

    def _train_batch(self, batch: Batch, factor: float) -> Tensor:
        assert self._network is not None
        self.optimizer.zero_grad()
        with self.optimizer.gradient_weights():
            loss = self._batch_loss(self._network, *batch)
            (loss if factor == 1 else loss * factor).backward()
        self.optimizer.step()
        return loss.detach()

    def _batch_loss(self, network: nn.Module, x: Tensor, y: Tensor, weight: Tensor | None) -> Tensor:
        set_image_weight(network, weight)
        with self.autocast():
            scores = network(x)
        set_image_weight(network, None)
        losses = self.objective.losses(scores.to(x.dtype), y)
        return losses.mean() if weight is None else (losses * weight).mean()

    @torch.no_grad()
    def _loss(self, images: Images, batches: list[Batch]) -> float:
        """Return the mean loss of the present weights over `batches`."""
        n_images = sum(len(x) for x, _, _ in batches)
        loss = sum(self._batch_loss(self.module, *batch) * len(batch[0]) for batch in batches)
        total, n_total = totals(loss, n_images, device=images.device)
        return total / n_total

    def _check_convergence(self, loss: float, plan: Plan) -> None:
        # The sum is finite only if all weights are: one pass.
        weights_are_finite = all(w.sum().isfinite() for w in self.optimizer.split_params)
        if not (math.isfinite(loss) and weights_are_finite):
            raise ValueError(
                f"The loss became {loss}, or the weights infinite, after {self.n_epochs} epochs: "
                f"training diverged. Lower learning_rate_init={plan.learning_rate_init} "
                "or scale X or sample_weight."
            )

    def _follow(self, plan: Plan, epoch: float) -> None:
        """Set the learning rate, and λ or the target sparsity, to their values after `epoch` epochs."""
        for group in self.optimizer.param_groups:
            group["lr"] = plan.learning_rate(epoch) * group.get("lr_scale", 1.0)
        if not self.optimizer.support_fixed:
            plan.ramp.apply(self.optimizer, epoch)

    def _record(self, loss: float, sparse_loss: float, score: float, sparsity: float) -> None:
        lam = self.optimizer.lam
        record = {
            "loss": loss,
            "sparse_loss": sparse_loss,
            "validation_score": score,
            "sparsity": sparsity,
            "lagrangian": self.optimizer.lagrangian(loss),
            "distance": self.optimizer.distance(),
            "lam": lam if isinstance(lam, float) else max(lam),
            "finetuning": float(self.optimizer.support_fixed),
        }
        for name, value in record.items():
            self.history.setdefault(name, []).append(value)

    def _score(self, images: Images, plan: Plan, validation: Images | None) -> float:
        if validation is None:
            return math.nan
        self.update_norms(images, plan)
        return self.objective.score(self.module, validation, self.autocast)
