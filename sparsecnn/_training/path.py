"""One training run along many sparsities, each of them refined on a copy."""

import copy
import itertools
from dataclasses import replace

from sparsecnn._training.trainer import show_progress


def train_path(trainer, images, plan, points, refine_iter, progress=None):
    """Train densely, then from point to point, and yield a refined copy of the trainer at each.

    The learning rate stays high along the path, so that weights may still trade places; it falls to 0 on
    the copies, which fine-tune the survivors. The path itself goes on from weights that were not refined.

    Parameters
    ----------
    trainer : Trainer
        Its network is where the path starts, and in the end where it leads.
    images : Images
    plan : Plan
        Of one fit: its first half is how long the network trains before the first point.
    points : list of float
        Target sparsities, ascending, or values of λ if `plan` has no target.
    refine_iter : int
        Epochs of fine-tuning at each point.
    progress : tqdm, default=None

    Yields
    ------
    refined : Trainer
        With the sparse network of a point in its ``module``.
    """
    name = "lam" if plan.target_sparsity is None else "target_sparsity"
    plan = replace(plan, decay=False)
    _train(trainer, images, replace(plan, **{name: 0.0}), plan.max_iter // 2, progress)
    for start, point in itertools.pairwise([0.0, *points]):
        setattr(trainer, "lam_start" if name == "lam" else "sparsity_start", start)
        # From one point to the next it takes an epoch, the first half of two.
        _train(trainer, images, replace(plan, max_iter=2, **{name: point}), 1, progress)
        refined = copy.deepcopy(trainer)
        refined.optimizer.finalize()
        refined.optimizer.fix_support()
        fine = replace(plan, max_iter=0, refine_iter=refine_iter, decay=True)
        _train(refined, images, fine, refine_iter, progress)
        refined.update_norms(images, plan)
        yield refined


def _train(trainer, images, plan, n_epochs, progress):
    trainer.epoch = 0
    for _ in range(n_epochs):
        trainer.train_epoch(images, plan)
        show_progress(progress, trainer.history)
