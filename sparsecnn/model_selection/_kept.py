"""The folder of a search, with a checkpoint for each of its folds and for its last path."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from joblib import effective_n_jobs

from sparsecnn._checkpoint import Identity, Run, is_kept, open_run
from sparsecnn._compute import gathered, in_first, n_processes

LAST = "path"  # the name of the path on all images


@dataclass(frozen=True)
class KeptSearch:
    """Where a search keeps what it has reached.

    Attributes
    ----------
    folder : str or None
        None keeps nothing.
    every : float or str
    resume : {"auto", True, False}
    identity : Identity or None
    """

    folder: str | None
    every: Any
    resume: Any
    identity: Identity | None

    def open(self, name: str) -> contextlib.AbstractContextManager[Run]:
        """Return the context of one run of the search."""
        path = None if self.folder is None else Path(self.folder, f"{name}.safetensors")
        return open_run(path, self.every, self.resume, lambda: self._identity(name))

    def _identity(self, name: str) -> Identity:
        assert self.identity is not None
        return replace(self.identity, kind=name)


def keep_search(
    checkpoint: Any, every: Any, resume: Any, n_jobs: int | None, identify: Callable[[], Identity]
) -> KeptSearch:
    """Return where a search keeps what it has reached; its folder is made.

    Parameters
    ----------
    checkpoint : path-like or None
    every, resume
        As `open_run` takes them.
    n_jobs : int or None
        Number of folds to train at a time.
    identify : callable
        Returns which search it is.

    Raises
    ------
    ValueError
        If there is nothing to go on from, with ``resume=True``; or several folds are to train at a time, each
        by itself, where several processes fit together.
    OSError
        If the folder cannot be made.
    """
    if not is_kept(checkpoint):
        return KeptSearch(None, every, resume, None)
    n_at_a_time = max(gathered(effective_n_jobs(n_jobs)))
    if n_processes() > 1 and n_at_a_time > 1:
        raise ValueError(
            f"A search over {n_processes()} processes has a checkpoint only if its folds train one by one, "
            f"but {n_at_a_time} are to train at a time: set n_jobs=1."
        )
    folder = in_first(lambda: _make_folder(checkpoint, resume))
    # With resume=True, folds that were never begun are to begin.
    return KeptSearch(str(folder), every, resume and "auto", identify())


def _make_folder(checkpoint: str | os.PathLike[str], resume: Any) -> Path:
    folder = Path(os.path.abspath(checkpoint))  # for processes that started elsewhere
    try:
        folder.mkdir(exist_ok=True)
    except OSError as error:
        reason = error.strerror or str(error)
        raise OSError(error.errno or 0, f"checkpoint {str(folder)!r} must be a folder: {reason}") from error
    except ValueError as error:  # as of a null character
        raise ValueError(f"checkpoint must name a folder, got {str(checkpoint)!r}: {error}.") from error
    if resume and resume != "auto" and not any(folder.glob("*.safetensors")):
        raise ValueError(f"resume=True, but {str(folder)!r} holds no checkpoint: set resume='auto'.")
    return folder
