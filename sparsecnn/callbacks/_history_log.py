"""The history of training, in a file that grows with it."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sparsecnn._checkpoint import identify
from sparsecnn._compute import process_rank
from sparsecnn._files import check_target, write_whole
from sparsecnn._warn import warn_user
from sparsecnn.callbacks._base import FitCallback

History = dict[str, list[float]]


def csv_lines(history: History) -> list[str]:
    """Return a line of names, and a line of numbers for each epoch."""
    records = enumerate(zip(*history.values(), strict=True), 1)
    rows = [",".join([str(epoch), *(repr(float(value)) for value in record)]) for epoch, record in records]
    return [",".join(["epoch", *history]), *rows]


def json_lines(history: History) -> list[str]:
    """Return an object for each epoch, with null where JSON has no number."""
    records = enumerate(zip(*history.values(), strict=True), 1)
    return [
        json.dumps(
            {"epoch": epoch} | {name: _or_null(value) for name, value in zip(history, record, strict=True)}
        )
        for epoch, record in records
    ]


def _or_null(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None


# For each suffix, what makes the lines, and what every such file begins with.
FORMATS: dict[str, tuple[Callable[[History], list[str]], bytes]] = {
    ".csv": (csv_lines, b"epoch,"),
    ".jsonl": (json_lines, b'{"epoch": '),
}


class HistoryLog(FitCallback):
    """Write ``history_`` to a file while it grows: one line an epoch.

    After every epoch the file has the whole history so far, and the system has its lines: a killed process
    leaves them. A fit that goes on from a checkpoint goes on in the file, without double lines. Another fit
    replaces the log of an earlier one. Of several processes that fit together, the first one writes.

    Parameters
    ----------
    path : path-like
        File to write: ``.csv`` with a line of names, or ``.jsonl`` with one JSON object a line, where NaN is
        null. In an existing folder, every fit with other data or parameters has a CSV file of its own, as a
        search needs it.

    Raises
    ------
    TypeError
        If `path` is no path.
    ValueError
        If it has another suffix; in `fit`, if there is a file of another kind, which stays as it is.
    OSError
        In `fit`, at its beginning, if the file cannot be written.

    Warns
    -----
    UserWarning
        If a line cannot be written while training goes on. The next line brings the missing ones.

    See Also
    --------
    sparsecnn.inspection.TrainingCurveDisplay : Draws ``history_``.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> from sparsecnn import SparseCurveCNNClassifier
    >>> from sparsecnn.callbacks import HistoryLog
    >>> from sparsecnn.datasets import make_shaky_spirals
    >>> X, y = make_shaky_spirals(60, image_shape=(32, 32), return_X_y=True, random_state=0)
    >>> quick = SparseCurveCNNClassifier(channels=(4, 8, 8), max_iter=2, finetune_iter=1, random_state=0)
    >>> with TemporaryDirectory() as folder:
    ...     path = Path(folder, "log.csv")
    ...     fitted = quick.set_callbacks(HistoryLog(path)).fit(X, y)
    ...     lines = path.read_text().splitlines()
    >>> lines[0]
    'epoch,loss,sparse_loss,validation_score,sparsity,lagrangian,distance,lam,finetuning'
    >>> len(lines)
    4
    """

    def __init__(self, path: str | os.PathLike[str]):
        if not isinstance(path, (str, os.PathLike)):
            raise TypeError(f"path must be a str or path-like object, got {path!r}.")
        self.path = os.path.abspath(path)  # for processes that started elsewhere
        if not os.path.isdir(self.path):
            _format(Path(self.path))
        self._files: dict[Any, Path] = {}

    def on_fit_task_begin(self, estimator: Any, context: Any, *, X: Any = None, y: Any = None) -> None:
        """Find the file of a fit, and check that it can be written.

        `fit` calls this before its first epoch, so that nothing is trained whose log has no place.

        Parameters
        ----------
        estimator : SparseCurveCNNClassifier
            The classifier in training.
        context : CallbackContext
            Of the task that begins.
        X : array-like of shape (n, pixels) or (n, height, width), default=None
            Images that it trains on.
        y : array-like of shape (n,), default=None
            Labels.

        Raises
        ------
        OSError
            If it cannot be written.
        ValueError
            If it is no log.

        See Also
        --------
        on_fit_task_end : Writes the lines.

        Examples
        --------
        >>> from pathlib import Path
        >>> from tempfile import TemporaryDirectory
        >>> from sparsecnn import SparseCurveCNNClassifier
        >>> from sparsecnn.callbacks import HistoryLog
        >>> with TemporaryDirectory() as folder:
        ...     log = HistoryLog(Path(folder, "missing", "log.csv"))
        ...     log.on_fit_task_begin(SparseCurveCNNClassifier(), None)
        Traceback (most recent call last):
        ...
        FileNotFoundError: ...
        """
        if estimator in self._files or process_rank():
            return
        path = Path(self.path)
        if path.is_dir():
            path /= f"fit-{identify('fit', estimator, {'X': X, 'y': y}).digest()}.csv"
        path = check_target(path)
        _check_replaceable(path)
        self._files[estimator] = path

    def on_fit_task_end(self, estimator: Any, context: Any) -> bool:
        path, history = self._files.get(estimator), estimator.history_
        if path and history:
            try:
                _bring_up_to_date(path, history)
            except OSError as error:
                reason = error.strerror or error
                warn_user(f"The log {str(path)!r} cannot be written ({reason}): training goes on.")
        return False

    def teardown(self, estimator: Any, context: Any) -> None:
        self._files.pop(estimator, None)

    def __getstate__(self) -> dict[str, Any]:
        return vars(self) | {"_files": {}}


def _format(path: Path) -> tuple[Callable[[History], list[str]], bytes]:
    if path.suffix not in FORMATS:
        raise ValueError(
            f"path must end in {' or '.join(FORMATS)}, or be an existing folder, got {str(path)!r}."
        )
    return FORMATS[path.suffix]


def _check_replaceable(path: Path) -> None:
    """Raise ValueError if there is a file that is no log."""
    _, beginning = _format(path)
    if path.exists():
        with open(path, "rb") as file:
            found = file.read(len(beginning))
        if not beginning.startswith(found):
            raise ValueError(
                f"path {str(path)!r} is a file that is no log of a history, and is not replaced."
            )


def _bring_up_to_date(path: Path, history: History) -> None:
    """Have the file hold the whole history: add the lines that are missing, or replace those of another."""
    lines, _ = _format(path)
    whole = "".join(f"{line}\n" for line in lines(history)).encode()
    present = path.read_bytes() if path.exists() else b""
    if whole.startswith(present):
        with open(path, "ab") as file:
            file.write(whole[len(present) :])
    else:
        write_whole(path, whole)
