"""A rule of one's own that ends training."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sparsecnn._training import EPOCH, FINETUNING, SPLITTING
from sparsecnn.callbacks._base import FitCallback


class StopWhen(FitCallback):
    """End a phase of training as soon as a rule says so.

    When splitting ends early, the network is cut to its target sparsity, and fine-tuning follows as planned;
    when fine-tuning ends early, so does `fit`. The sparsity is that of an undisturbed run: wherever the rule
    ends splitting, the target is that of the end of the schedule. If `lam` is a number, the cut is by that λ,
    and the sparsity what it gives the weights of that moment.

    Parameters
    ----------
    rule : callable
        Is given the history so far, as ``history_`` is in the end (a list of one number an epoch for each
        name), after every epoch, and returns whether the phase is to end. To be pickled, it must be a
        function of a module.
    phase : {"splitting", "fine-tuning"} or None, default=None
        The phase that it is asked in; None is both.

    Raises
    ------
    TypeError
        If `rule` cannot be called.
    ValueError
        If `phase` is no phase.

    See Also
    --------
    TimeLimit : End training by the clock.

    Examples
    --------
    >>> from sparsecnn import SparseCurveCNNClassifier
    >>> from sparsecnn.callbacks import StopWhen
    >>> from sparsecnn.datasets import make_shaky_spirals
    >>> X, y = make_shaky_spirals(100, image_shape=(32, 32), return_X_y=True, random_state=0)
    >>> quick = SparseCurveCNNClassifier(channels=(4, 8, 8), max_iter=6, finetune_iter=2, random_state=0)
    >>> stop = StopWhen(lambda history: len(history["loss"]) >= 3, phase="splitting")
    >>> fitted = quick.set_callbacks(stop).fit(X, y)
    >>> fitted.n_iter_, round(fitted.sparsity_, 2)
    (5, 0.9)
    """

    def __init__(self, rule: Callable[[dict[str, list[float]]], bool], phase: str | None = None):
        if not callable(rule):
            raise TypeError(f"rule must be a function of the history, got {rule!r}.")
        if phase not in (SPLITTING, FINETUNING, None):
            raise ValueError(f"phase must be {SPLITTING!r}, {FINETUNING!r} or None, got {phase!r}.")
        self.rule = rule
        self.phase = phase

    def on_fit_task_end(self, estimator: Any, context: Any) -> bool:
        if context.task_name != EPOCH or self.phase not in (context.parent.task_name, None):
            return False
        return bool(self.rule({name: list(values) for name, values in estimator.history_.items()}))
