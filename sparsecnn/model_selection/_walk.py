"""Training the networks of a path, one after another."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from sklearn.base import clone

from sparsecnn._checkpoint import Identity, Run, identify
from sparsecnn._compute import resolve_device, seeded_torch
from sparsecnn._estimator import (
    SparseCurveCNN,
    TrainingData,
    describe_dead_layers,
    keep_fitted,
    progress,
    warn_of_large_batch,
)
from sparsecnn._training import (
    PATH,
    PathTraining,
    Plan,
    Tasks,
    Trainer,
    make_plan,
    make_ramp,
    make_trainer,
)
from sparsecnn._warn import warn_user
from sparsecnn.exceptions import TrainingInterruptedWarning

# A path takes at most this many times the epochs of one fit, if they are enough for its points.
PATH_COST = 3


def path_identity(
    start: SparseCurveCNN, points: Sequence[dict[str, float]], data: dict[str, Any], **further: Any
) -> Identity:
    """Return what tells a path from others.

    Parameters
    ----------
    start : SparseCurveCNN
        As `path_start` returns it.
    points : list of dict
        Parameters of each point.
    data : dict of str to array-like
        What is given to train on.
    **further : dict
        What the path depends on besides.
    """
    device = resolve_device(start.device)
    further |= start._targets.identity
    return identify("path", start, data, device=device, points=list(points), **further)


def reach_points(
    start: SparseCurveCNN,
    data: TrainingData,
    points: Sequence[dict[str, float]],
    run: Run,
    n_points: int | None = None,
    keep_interrupted: bool = False,
    tasks: Tasks | None = None,
) -> tuple[list[Any], list[str]]:
    """Return the estimators of `walk_path`, and a line for every dead layer among them.

    If interrupted, with `keep_interrupted`, warn and return those that are finished.
    """
    reached: list[Any] = []
    dead: list[str] = []
    try:
        for fitted, lines in walk_path(start, data, points, run, n_points, tasks):
            reached.append(fitted)
            dead.extend(lines)
    except KeyboardInterrupt:
        if not reached or not keep_interrupted:
            raise
        warn_user(
            f"Training was interrupted; the path ends after {len(reached)} of {len(points)} points, at "
            f"{reached[-1].sparsity_:.1%} zeros.",
            TrainingInterruptedWarning,
        )
    return reached, dead


def walk_path(
    start: SparseCurveCNN,
    data: TrainingData,
    points: Sequence[dict[str, float]],
    run: Run,
    n_points: int | None = None,
    tasks: Tasks | None = None,
) -> Iterator[tuple[Any, list[str]]]:
    """Yield for each point a fitted copy of the estimator `start`, and a line for each dead layer.

    Parameters
    ----------
    start : SparseCurveCNN
    data : TrainingData
    points : list of dict
        Parameters of each point.
    run : Run
        Where it goes on, if it was begun.
    n_points : int, default=None
        Number of points of the whole path, if `points` are only its beginning: they share its epochs.
    tasks : Tasks, default=None
        Is told of the path and its epochs.
    """
    tasks = tasks or Tasks()
    images = data.images
    warn_of_large_batch(start.batch_size, len(images))
    rng = run.random_state(start.random_state)
    with seeded_torch(rng.randint(2**31 - 1), images.device):
        trainer = make_trainer(start, images, data.targets.objective, rng)
        ramp = make_ramp(start, trainer.start, trainer.split.structure)
        plan = make_plan(start, images, trainer.module, ramp)
        finetune_iter = _finetune_epochs(plan, n_points or len(points))
        n_epochs = plan.max_iter // 2 + len(points) * (1 + finetune_iter)
        ends = [_ramp_end(start, point, trainer) for point in points]
        path = PathTraining(trainer, images, plan, ends, finetune_iter)
        with run.saving(path) as saver, progress(start.verbose, n_epochs, path.n_epochs) as hooks:
            tasks.begin_phase(PATH, n_epochs, path.n_epochs)
            for point, refined in zip(points, path.train(hooks, tasks, saver), strict=True):
                fitted = clone(start).set_params(**point)
                keep_fitted(fitted, data, refined, refined.module, plan)
                yield fitted, describe_dead_layers(refined, refined.module)
            tasks.end_phase()


def _ramp_end(start: SparseCurveCNN, point: dict[str, float], trainer: Trainer) -> Any:
    """Return where the ramp ends of an estimator with the parameters of a point."""
    return make_ramp(clone(start).set_params(**point), trainer.start, trainer.split.structure).end


def _finetune_epochs(plan: Plan, n_points: int) -> int:
    """Return the epochs of fine-tuning at each of `n_points`, within the cost of the path where possible."""
    share = (PATH_COST * plan.n_epochs - plan.max_iter // 2) // n_points
    return min(plan.finetune_iter, max(1, share - 1))
