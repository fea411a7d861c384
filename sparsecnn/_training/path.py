"""Training along a path: one network from dense to sparse, whose points are fine-tuned on a copy."""

from __future__ import annotations

import copy
import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor, nn

from sparsecnn._checkpoint import Saver
from sparsecnn._training.epoch_end import Hook, Tasks
from sparsecnn._training.finite import check_finite
from sparsecnn._training.images import Images
from sparsecnn._training.plan import Plan
from sparsecnn._training.trainer import Trainer


@dataclass
class PathTraining:
    """Training first densely, then from point to point, with a fine-tuned copy of the trainer at each.

    The learning rate stays high along the path, so that weights may still trade places; it falls to 0 on
    the copies, which fine-tune the survivors. The path itself goes on from weights that were not fine-tuned.

    Attributes
    ----------
    trainer : Trainer
        Its network is where the path starts, and in the end where it leads.
    images : Images
    plan : Plan
        Of one fit: the network trains densely for half of its `max_iter` before the first point.
    points : list
        Where the ramp of `plan` ends at each point, from dense to sparse: target sparsities, values of λ, or
        channels left.
    finetune_iter : int
        Epochs of fine-tuning at each point.
    finished : list of dict
        What is to know of the trainer of each point that is done.
    """

    trainer: Trainer
    images: Images
    plan: Plan
    points: Sequence[Any]
    finetune_iter: int
    finished: list[dict[str, Any]] = field(default_factory=list)
    _n_legs: int = 0  # that the trainer has behind it: the dense one, and one to each point
    _refined: Trainer | None = None

    @property
    def n_epochs(self) -> int:
        """Epochs that were run, of the trainer and its copies."""
        present = 0 if self._refined is None else self._refined.n_epochs - self.trainer.n_epochs
        return self.trainer.n_epochs + len(self.finished) * self.finetune_iter + present

    def train(
        self, hooks: Sequence[Hook] = (), tasks: Tasks | None = None, saver: Saver | None = None
    ) -> Iterator[Trainer]:
        """Train from where the path is to its end, and yield the fine-tuned trainer of every point.

        Parameters
        ----------
        hooks : sequence of callables, default=()
            Each is called with an `EpochEnd` after every epoch.
        tasks : Tasks, default=None
            Is told of epochs.
        saver : Saver, default=None
            Saves the state after epochs and within them.

        Yields
        ------
        refined : Trainer
            With the sparse network of a point in its ``module``.
        """
        follow = hooks, tasks or Tasks(), saver
        plan = replace(self.plan, decay=False, ramp=self._ramps()[0])
        if self._n_legs == 0:
            self._run(self.trainer, plan, plan.max_iter // 2, *follow)
            self._begin_leg()
        for i, ramp in enumerate(self._ramps()[1:]):
            if i < len(self.finished):
                yield self._restore(self.finished[i])
                continue
            if self._n_legs == i + 1:
                self._run(self.trainer, replace(plan, ramp=ramp), 1, *follow)
                self._begin_leg()
            yield self._refine(plan, *follow)
        if saver is not None:
            saver.finish()

    def state_dict(self) -> dict[str, Any]:
        """Return all that a path with the same attributes needs to go on."""
        return {
            "finished": self.finished,
            "n_legs": self._n_legs,
            "trainer": self.trainer.state_dict(),
            "refined": None if self._refined is None else self._refined.state_dict(),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore what `state_dict` returned."""
        self.finished, self._n_legs = state["finished"], state["n_legs"]
        self.trainer.load_state_dict(state["trainer"])
        if state["refined"] is not None:
            self._refined = self._copy()
            self._refined.load_state_dict(state["refined"])

    def _run(
        self,
        trainer: Trainer,
        plan: Plan,
        n_epochs: int,
        hooks: Sequence[Hook],
        tasks: Tasks,
        saver: Saver | None,
    ) -> None:
        while trainer.epoch < n_epochs:
            tasks.begin_epoch()
            end = trainer.train_epoch(self.images, plan, saver=saver)
            for hook in hooks:
                hook(end)
            tasks.end_epoch()
            if saver is not None:
                saver.offer(1.0)

    def _ramps(self) -> list[Any]:
        """Return the ramp of each leg: the dense one, and one to each point."""
        ramp: Any = self.plan.ramp
        ends = itertools.pairwise([ramp.dense, ramp.dense, *self.points])
        return [replace(ramp, start=start, end=end, n_epochs=1) for start, end in ends]

    def _begin_leg(self) -> None:
        self._n_legs += 1
        self.trainer.epoch = 0

    def _copy(self) -> Trainer:
        """Return the trainer that fine-tunes the present point."""
        self._ramps()[self._n_legs - 1].apply(self.trainer.optimizer, 1)  # which a state does not hold
        refined = copy.deepcopy(self.trainer)
        refined.optimizer.finalize()
        refined.optimizer.fix_support()
        return refined

    def _refine(self, plan: Plan, hooks: Sequence[Hook], tasks: Tasks, saver: Saver | None) -> Trainer:
        """Return the fine-tuned trainer of the present point."""
        refined = self._refined = self._refined or self._copy()
        fine = replace(plan, max_iter=0, finetune_iter=self.finetune_iter, decay=True)
        self._run(refined, fine, self.finetune_iter, hooks, tasks, saver)
        refined.optimizer.finalize()  # of weights confined to a set; others are their own sparse copy
        refined.update_norms(self.images, plan)
        check_finite(refined.module, plan)
        self._refined = None
        self.finished.append(
            {
                "numbers": _numbers(refined.module),
                "history": refined.history,
                "lam": refined.optimizer.lam,
                "target_sparsity": refined.optimizer.target_sparsity,
            }
        )
        return refined

    @torch.no_grad()
    def _restore(self, point: dict[str, Any]) -> Trainer:
        """Return the trainer of a finished point."""
        refined = copy.deepcopy(self.trainer)
        numbers = _numbers(refined.module)
        for name, value in point["numbers"].items():
            numbers[name].copy_(value)
        refined.history = point["history"]
        refined.optimizer.lam = point["lam"]
        refined.optimizer.target_sparsity = point["target_sparsity"]
        return refined


def _numbers(module: nn.Module) -> dict[str, Tensor]:
    """Return all tensors of a network, also those that its ``state_dict`` leaves out."""
    parameters = {name: parameter.detach() for name, parameter in module.named_parameters()}
    return parameters | dict(module.named_buffers())
