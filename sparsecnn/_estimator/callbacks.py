"""Scikit-learn's callbacks: the fit of an estimator as a tree of tasks, at whose ends they are called."""

from __future__ import annotations

import contextlib
import copy
from collections.abc import Callable, Iterator
from typing import Any, Self

import sklearn
import torch

from sparsecnn._compute import gathered
from sparsecnn._estimator.fitted import keep_fitted
from sparsecnn._estimator.training_data import TrainingData
from sparsecnn._training import EPOCH, Plan, Tasks, Trainer

try:
    from sklearn.callback import CallbackSupportMixin
except ImportError:  # scikit-learn 1.8

    class CallbackSupportMixin:  # type: ignore[no-redef]
        """Says that there are no callbacks."""

        def set_callbacks(self, *callbacks: Any) -> Self:
            """Raise an error: callbacks came with scikit-learn 1.9.

            With that version, they follow `fit` and may end it.

            Parameters
            ----------
            *callbacks : callback instances
                The callbacks to set.

            Returns
            -------
            estimator
                The estimator itself.

            Raises
            ------
            ImportError
                Always.

            See Also
            --------
            sparsecnn.callbacks : What callbacks can do.

            Examples
            --------
            >>> from sparsecnn import SparseCurveCNNClassifier
            >>> SparseCurveCNNClassifier().set_callbacks()  # doctest: +IGNORE_EXCEPTION_DETAIL
            Traceback (most recent call last):
            ImportError: set_callbacks needs scikit-learn 1.9 or newer
            """
            raise ImportError(
                f"set_callbacks needs scikit-learn 1.9 or newer, but {sklearn.__version__} is installed."
            )


# What an estimator in training shows to its callbacks, before it is fitted.
SHOWN = ("history_", "finetune_iter_")


def has_callbacks(estimator: Any) -> bool:
    """Return whether callbacks were set for an estimator, or come from one around it."""
    return bool(getattr(estimator, "_skl_callbacks", ()))


class CallbackTasks(Tasks):
    """Calls callbacks at the beginning and end of phases and epochs.

    Parameters
    ----------
    estimator : estimator
        That the callbacks are of.
    context : CallbackContext
        Of the task whose parts the phases are.
    X, y, sample_weight : array-like or None
        What the task trains on.
    """

    def __init__(self, estimator: Any, context: Any, X: Any, y: Any, sample_weight: Any = None):
        self._context = context
        metadata = None if sample_weight is None else {"sample_weight": sample_weight}
        self._given = {"estimator": estimator, "X": X, "y": y, "metadata": metadata}

    def begin(self) -> None:
        """Call the callbacks at the beginning of the whole task."""
        self._context.call_on_fit_task_begin(**self._given)

    def end(self, fitted: dict[str, Any] | None = None) -> None:
        """Call the callbacks at the end of the whole task, with the attributes of a fitted estimator."""
        self._end(self._context, fitted)

    def begin_phase(self, name: str, n_epochs: int, n_done: int) -> None:
        """Call the callbacks at the beginning of a phase; its epochs are numbered from the first one on."""
        self._phase = self._context.subcontext(task_name=name, max_subtasks=n_epochs)
        self._number(n_done)
        self._phase.call_on_fit_task_begin(**self._given)

    def end_phase(self) -> bool:
        """Return whether a callback ends training with this phase."""
        return self._end(self._phase)

    def begin_epoch(self) -> None:
        """Call the callbacks at the beginning of an epoch."""
        self._epoch = self._phase.subcontext(task_name=EPOCH)
        self._epoch.call_on_fit_task_begin(**self._given)

    def end_epoch(self) -> bool:
        """Return whether a callback ends the phase with this epoch."""
        return self._end(self._epoch, self._fitted_now)

    def _number(self, n_done: int) -> None:
        for _ in range(n_done):
            self._phase.subcontext(task_name=EPOCH)

    def _fitted_now(self) -> dict[str, Any] | None:
        """Return the attributes of the estimator as if training had ended here; None where it cannot."""
        return None

    def _end(self, context: Any, fitted: Any = None) -> bool:
        stop = context.call_on_fit_task_end(**self._given, reconstruction_attributes=fitted)
        return any(gathered(stop))  # processes that fit together end together


class FitTasks(CallbackTasks):
    """The tasks of one fit of a classifier."""

    _now: Callable[[], dict[str, Any]] | None = None

    def show(self, draft: Any, data: TrainingData, trainer: Trainer, plan: Plan) -> None:
        """Show callbacks, from here on, what becomes of the classifier.

        Parameters
        ----------
        draft : SparseCurveCNNClassifier
            Copy of the classifier that has its parameters.
        data : TrainingData
        trainer : Trainer
        plan : Plan
        """
        shown = {"history_": trainer.history, "finetune_iter_": plan.finetune_iter}
        vars(self._given["estimator"]).update(shown)
        self._now = lambda: fitted_now(draft, data, trainer, plan)

    def _fitted_now(self) -> dict[str, Any] | None:
        return None if self._now is None else self._now()


class PathTasks(CallbackTasks):
    """The tasks of one path of a search, which is a task itself."""

    def begin_phase(self, name: str, n_epochs: int, n_done: int) -> None:
        """Call the callbacks at the beginning of the path."""
        self._phase = self._context
        self._phase.max_subtasks = n_epochs
        self._number(n_done)
        self.begin()


@contextlib.contextmanager
def followed_fit(classifier: Any, X: Any, y: Any, sample_weight: Any) -> Iterator[FitTasks | None]:
    """Yield the tasks of one fit, or None if the classifier has no callbacks.

    Where the block fails, the classifier has the attributes of before.

    Parameters
    ----------
    classifier : SparseCurveCNNClassifier
    X, y, sample_weight
        As `fit` takes them.
    """
    if not has_callbacks(classifier):
        yield None
        return
    context = classifier._init_callback_context(max_subtasks=2)
    attributes = vars(classifier)
    before = {name: attributes[name] for name in SHOWN if name in attributes}
    tasks = FitTasks(classifier, context, X, y, sample_weight)
    try:
        tasks.begin()
        yield tasks
    finally:
        for name in SHOWN:
            attributes.pop(name, None)
        attributes.update(before)


def fitted_now(draft: Any, data: TrainingData, trainer: Trainer, plan: Plan) -> dict[str, Any]:
    """Return the attributes of the classifier that Ctrl-C would leave, and leave the trainer as it is."""
    devices = [data.images.device] if data.images.device.type == "cuda" else []
    with torch.random.fork_rng(devices=devices):  # a network of one's own may have dropout
        trainer = copy.deepcopy(trainer)
        trainer.finish(data.images, plan)
    fitted = copy.copy(draft)
    keep_fitted(fitted, data, trainer, trainer.module, plan)
    return vars(fitted)
