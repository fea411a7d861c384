"""The folder of a search, with a checkpoint for each of its folds and for its last path."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from sparsecnn._checkpoint import Identity, Run, open_run

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


def keep_search(checkpoint: Any, every: Any, resume: Any, identify: Callable[[], Identity]) -> KeptSearch:
    """Return where a search keeps what it has reached; its folder is made.

    Parameters
    ----------
    checkpoint : path-like or None
    every, resume
        As `open_run` takes them.
    identify : callable
        Returns which search it is.

    Raises
    ------
    ValueError
        If there is nothing to go on from, with ``resume=True``.
    OSError
        If the folder cannot be made.
    """
    if checkpoint is None:
        return KeptSearch(None, every, resume, None)
    folder = Path(os.path.abspath(checkpoint))  # for processes that started elsewhere
    try:
        folder.mkdir(exist_ok=True)
    except OSError as error:
        reason = error.strerror or str(error)
        raise OSError(error.errno or 0, f"checkpoint {str(folder)!r} must be a folder: {reason}") from error
    except ValueError as error:  # as of a null character
        raise ValueError(f"checkpoint must name a folder, got {str(checkpoint)!r}: {error}.") from error
    if resume and resume != "auto":
        if not any(folder.glob("*.safetensors")):
            raise ValueError(f"resume=True, but {str(folder)!r} holds no checkpoint: set resume='auto'.")
        resume = "auto"  # folds that were never begun are to begin
    return KeptSearch(str(folder), every, resume, identify())
