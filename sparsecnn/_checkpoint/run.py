"""One training run and the file that keeps it."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.utils import check_random_state

import sparsecnn
from sparsecnn._checkpoint.every import check_every
from sparsecnn._checkpoint.identity import Identity, join
from sparsecnn._checkpoint.lock import locked
from sparsecnn._checkpoint.ranks import gather_ranks, tree_of_rank
from sparsecnn._checkpoint.saver import Saver
from sparsecnn._checkpoint.tree import CHECKPOINT, decode, encode
from sparsecnn._compute import gathered, in_each, in_first, process_rank
from sparsecnn._files import check_target, remove_unfinished, write_whole
from sparsecnn._network import pack_tensors, unpack_tensors
from sparsecnn.exceptions import FileFormatError
from sparsecnn.inference import pack, read

# What every file of this format has near its beginning.
MARK = f'"format":"{CHECKPOINT.format}"'.encode()
# What it holds of each process.
RANK = ("result", "state", "seed")


class Run:
    """A training run without a checkpoint, of which nothing is kept.

    Attributes
    ----------
    result : object
        What a run that is finished came to; None while it is not.
    terminated : bool
        Whether SIGTERM has ended it.
    """

    result: Any = None
    terminated = False

    def random_state(self, given: Any) -> np.random.RandomState:
        """Return the generator of the run, from the parameter `random_state`."""
        return check_random_state(given)

    @contextlib.contextmanager
    def saving(self, source: Any) -> Iterator[Saver | None]:
        """Bring `source` to where the run was left, and yield what saves it from there on.

        Parameters
        ----------
        source : object
            With ``state_dict()`` and ``load_state_dict(state)``.
        """
        yield None

    def finish(self, result: Any) -> None:
        """Keep what the run came to in place of its state."""


class KeptRun(Run):
    """A training run whose state is in a file, which only the first process of a fit reads and writes.

    Parameters
    ----------
    path : Path
    identity : Identity
    every : tuple of two floats
        As `check_every` returns it.
    stored : dict or None
        What the file holds of this run.
    """

    def __init__(self, path: Path, identity: Identity, every: tuple[float, float], stored: Any):
        self.path = path
        self.identity = identity
        self.every = every
        own = {} if stored is None else tree_of_rank(stored["ranks"], process_rank())
        self.result, self._state, self._seed = (own.get(name) for name in RANK)

    def random_state(self, given: Any) -> np.random.RandomState:
        """Return the generator of the run; without a `random_state`, by the seed that it began with."""
        if given is not None:
            return check_random_state(given)
        seed = int(check_random_state(None).randint(2**31 - 1))
        self._seed = seed if self._seed is None else self._seed
        return np.random.RandomState(self._seed)

    @contextlib.contextmanager
    def saving(self, source: Any) -> Iterator[Saver | None]:
        """Bring `source` to where the run was left, and yield what saves it from there on."""
        saver = Saver(lambda: self._write(source.state_dict()), self.every, str(self.path))
        try:
            with saver.ending_on_sigterm():
                if self._state is None:
                    with _naming_checkpoint(self.path):
                        self._write(source.state_dict())
                else:
                    in_each(lambda: self._load(source))
                    self._state = None
                yield saver
        finally:
            self.terminated = saver.terminated

    def finish(self, result: Any) -> None:
        """Keep what the run came to in place of its state."""
        Saver(lambda: self._write(None, result), self.every, str(self.path)).write()

    def _write(self, state: Any, result: Any = None) -> None:
        own = {"result": result, "state": pack_tensors(state), "seed": self._seed}
        content = {"identity": vars(self.identity), "ranks": gather_ranks(own)}
        in_first(lambda: self._write_file(content))

    def _write_file(self, content: dict[str, Any]) -> None:
        entry, tensors = encode(content)
        write_whole(self.path, pack(entry, tensors, sparsecnn.__version__, CHECKPOINT))

    def _load(self, source: Any) -> None:
        try:
            source.load_state_dict(unpack_tensors(self._state))
        except (ArithmeticError, AttributeError, LookupError, RuntimeError, TypeError, ValueError) as error:
            raise FileFormatError(
                f"{self.path}: its state does not fit the network ({str(error)[:200]})."
            ) from error


@contextlib.contextmanager
def open_run(checkpoint: Any, every: Any, resume: Any, identify: Callable[[], Identity]) -> Iterator[Run]:
    """Yield a run, with what its checkpoint holds of it.

    Parameters
    ----------
    checkpoint : path-like or None
        A file, or an existing folder, in which the run has a file of its own. None keeps nothing.
    every : float or str
        As `check_every` takes it.
    resume : {"auto", True, False}
        Whether to go on from the file: True needs it to exist, False begins anew.
    identify : callable
        Returns which run it is.

    Raises
    ------
    ValueError
        If the file is of another run, or there is none to resume, or not all processes of a fit have one.
    FileFormatError
        If it is no checkpoint, damaged, or newer.
    OSError
        If it cannot be written.

    Where several processes fit together, an error is raised in all of them.
    """
    period = check_every(every)
    if not isinstance(resume, (bool, np.bool_)) and resume != "auto":
        raise ValueError(f"resume must be 'auto', True or False, got {resume!r}.")
    if not is_kept(checkpoint):
        yield Run()
        return
    identity = join(in_each(identify))
    run = Run()
    try:
        with contextlib.ExitStack() as stack:
            path, stored = in_first(lambda: _claim(checkpoint, resume, identity, stack))
            run = KeptRun(path, identity, period, stored)
            yield run
    finally:
        if run.terminated:
            signal.raise_signal(signal.SIGTERM)  # which now does what it would have done


def is_kept(checkpoint: Any) -> bool:
    """Return whether there is a checkpoint, or raise ValueError if only some processes of a fit have one."""
    kept = gathered(checkpoint is not None)
    if len(set(kept)) > 1:
        ranks = [rank for rank, has_one in enumerate(kept) if has_one]
        raise ValueError(
            f"checkpoint must be set in all {len(kept)} processes of a fit, or in none, but it is set in "
            f"{ranks} only."
        )
    return kept[0]


def _claim(
    checkpoint: Any, resume: Any, identity: Identity, stack: contextlib.ExitStack
) -> tuple[Path, dict[str, Any] | None]:
    """Return the file of a run, locked until `stack` is closed, and what it holds of the run."""
    if not isinstance(checkpoint, (str, os.PathLike)):
        raise TypeError(f"checkpoint must be a str or path-like object, got {checkpoint!r}.")
    if os.path.isdir(checkpoint):
        kind = identity.kind.replace(" ", "-")
        checkpoint = Path(checkpoint, f"{kind}-{identity.digest()}.safetensors")
    path = check_target(checkpoint, "checkpoint")
    with _naming_checkpoint(path):
        stack.enter_context(locked(path))
    remove_unfinished(path)
    return path, _stored(path, resume, identity)


@contextlib.contextmanager
def _naming_checkpoint(path: Path) -> Iterator[None]:
    """Have an error of the first attempt to write say that it is about the checkpoint."""
    try:
        yield
    except BlockingIOError:
        raise
    except OSError as error:
        reason = error.strerror or str(error)
        raise OSError(error.errno or 0, f"checkpoint {str(path)!r} cannot be written: {reason}") from error
    except (TypeError, ValueError) as error:
        raise ValueError(f"checkpoint {str(path)!r} cannot be written: {error}.") from error


def _stored(path: Path, resume: Any, identity: Identity) -> dict[str, Any] | None:
    """Return what the file holds of the run, or None if it is to begin."""
    if not path.exists():
        if resume and resume != "auto":
            raise ValueError(f"resume=True, but there is no checkpoint {str(path)!r}: set resume='auto'.")
        return None
    if not resume:
        _check_replaceable(path)
        return None
    stored = _read(path)
    changes = identity.changes(Identity(**stored["identity"]))
    if changes:
        raise ValueError(
            f"checkpoint {str(path)!r} is of another run: {'; '.join(changes)}. Give this run another path, "
            "or a folder, in which every run has a file of its own; or begin anew with resume=False, which "
            "replaces the file."
        )
    return stored


def _check_replaceable(path: Path) -> None:
    """Raise FileFormatError if a file to be replaced is no checkpoint, not even a damaged one."""
    with open(path, "rb") as file:
        start = file.read(200)
    if start and MARK not in start:
        raise FileFormatError(f"{path}: {CHECKPOINT.unknown}, and is not replaced.")


def _read(path: Path) -> dict[str, Any]:
    try:
        content = read(path, CHECKPOINT)
    except FileFormatError as error:
        raise FileFormatError(f"{error} Begin anew with resume=False, or give another path.") from None
    try:
        stored = decode(content)
        parts = [tree_of_rank(stored["ranks"], rank) for rank in range(len(stored["ranks"]))]
        whole = parts and all(sorted(part) == sorted(RANK) for part in parts)
        if not whole or len(stored) != 2 or sorted(stored["identity"]) != ["data", "kind", "params"]:
            raise FileFormatError("its description is none of a run")
    except (FileFormatError, LookupError, TypeError) as error:
        raise FileFormatError(f"{path}: {error}.") from None
    return stored
