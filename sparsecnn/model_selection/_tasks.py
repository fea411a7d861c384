"""A search as a tree of tasks, at whose ends callbacks are called."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Iterator
from typing import Any

from sparsecnn._estimator import CallbackTasks, PathTasks, has_callbacks
from sparsecnn._training import PATH, Tasks

# Makes the tasks of a path from the X, y and sample_weight that it trains on; None without callbacks.
Follow = Callable[[Any, Any, Any], Tasks] | None


class SearchTasks(CallbackTasks):
    """Calls the callbacks of a search, if it has any.

    Parameters
    ----------
    search : SparseCurveCNNClassifierCV
    X, y, sample_weight
        As `fit` takes them.
    """

    def __init__(self, search: Any, X: Any, y: Any, sample_weight: Any):
        self._search, self._data = search, (X, y, sample_weight)
        self._active = has_callbacks(search)
        if self._active:
            super().__init__(search, search._init_callback_context(max_subtasks=2), X, y, sample_weight)
            self.begin()

    @contextlib.contextmanager
    def folds(self, n_folds: int) -> Iterator[list[Follow]]:
        """Call the callbacks around the block, and yield what makes the tasks of each fold in it."""
        if not self._active:
            yield [None] * n_folds
            return
        context = self._context.subcontext("cross-validation", None, n_folds, sequential_subtasks=False)
        context.call_on_fit_task_begin(**self._given)
        yield [self._follow(context.subcontext("fold", k)) for k in range(n_folds)]
        self._end(context)

    def last_path(self) -> Tasks:
        """Return the tasks of the path on all images."""
        if not self._active:
            return Tasks()
        return PathTasks(self._search, self._context.subcontext(PATH), *self._data)

    def end(self, fitted: dict[str, Any] | None = None) -> None:
        """Call the callbacks at the end of the search, with the attributes of the fitted one."""
        if self._active:
            super().end(fitted)

    def _follow(self, context: Any) -> Follow:
        return functools.partial(PathTasks, self._search, context)
