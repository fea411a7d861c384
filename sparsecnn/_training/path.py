"""One training run along many sparsities, each of them fine-tuned on a copy."""

from __future__ import annotations

import copy
import itertools
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from sparsecnn._training.epoch_end import Hook
from sparsecnn._training.finite import check_finite
from sparsecnn._training.images import Images
from sparsecnn._training.plan import Plan
from sparsecnn._training.trainer import Trainer


def train_path(
    trainer: Trainer,
    images: Images,
    plan: Plan,
    points: Sequence[Any],
    finetune_iter: int,
    hooks: Sequence[Hook] = (),
) -> Iterator[Trainer]:
    """Train densely, then from point to point, and yield a fine-tuned copy of the trainer at each.

    The learning rate stays high along the path, so that weights may still trade places; it falls to 0 on
    the copies, which fine-tune the survivors. The path itself goes on from weights that were not fine-tuned.

    Parameters
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
    hooks : sequence of callables, default=()
        Each is called with an `EpochEnd` after every epoch.

    Yields
    ------
    refined : Trainer
        With the sparse network of a point in its ``module``.
    """
    ramp: Any = plan.ramp
    plan = replace(plan, decay=False, ramp=replace(ramp, start=ramp.dense, end=ramp.dense, n_epochs=1))
    _train(trainer, images, plan, plan.max_iter // 2, hooks)
    for start, end in itertools.pairwise([ramp.dense, *points]):
        _train(trainer, images, replace(plan, ramp=replace(ramp, start=start, end=end, n_epochs=1)), 1, hooks)
        refined = copy.deepcopy(trainer)
        refined.optimizer.finalize()
        refined.optimizer.fix_support()
        fine = replace(plan, max_iter=0, finetune_iter=finetune_iter, decay=True)
        _train(refined, images, fine, finetune_iter, hooks)
        refined.optimizer.finalize()  # of weights confined to a set; others are their own sparse copy
        refined.update_norms(images, plan)
        check_finite(refined.module, plan)
        yield refined


def _train(trainer: Trainer, images: Images, plan: Plan, n_epochs: int, hooks: Sequence[Hook]) -> None:
    trainer.epoch = 0
    for _ in range(n_epochs):
        end = trainer.train_epoch(images, plan)
        for hook in hooks:
            hook(end)
