"""How many threads torch may use, so that several fits at once never ask for more than there are."""

import contextlib
import multiprocessing
import os
import threading
from collections.abc import Iterator

import torch

_lock = threading.Lock()
_computing: dict[int, int] = {}  # for each thread that computes, how deep it is in shared_threads
_budget = 1  # threads that all of them share
_forked = False


def _note_fork() -> None:
    """Forget, in a new process, the computations in threads that it does not have."""
    global _forked, _lock
    _forked, _lock = True, threading.Lock()
    for other in _computing.keys() - {threading.get_ident()}:
        del _computing[other]


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_note_fork)


@contextlib.contextmanager
def shared_threads() -> Iterator[None]:
    """Share torch's threads evenly with other threads that are in such a block; put them back after it.

    A computation that is alone keeps all threads, and sets nothing. torch keeps the number of threads for
    each thread of Python, and one for those that are yet to come: the first to enter notes the number, and
    each puts that back.
    """
    global _budget
    me = threading.get_ident()
    depth = _computing.get(me, 0)
    try:
        try:
            with _lock:
                if not _computing:
                    _budget = torch.get_num_threads()
                _computing[me] = depth + 1
            take_share()
            yield
        finally:
            _leave(me, depth)
    finally:
        _leave(me, depth)  # which Ctrl-C may have interrupted


def _leave(thread: int, depth: int) -> None:
    """Have a thread as deep in `shared_threads` as before; a second time changes nothing."""
    with _lock:
        if depth:
            _computing[thread] = depth
        elif thread in _computing:
            _set_threads(_budget)
            del _computing[thread]


def take_share() -> None:
    """Give the present thread its share, which changes while others come and go."""
    if threading.get_ident() in _computing:
        _set_threads(1 if _is_bare_worker() else max(1, _budget // len(_computing)))


def _set_threads(n_threads: int) -> None:
    if torch.get_num_threads() != n_threads:
        torch.set_num_threads(n_threads)


def _is_bare_worker() -> bool:
    """Return whether this process is one of several that nobody gave a number of threads.

    A forked process cannot use the threads of its parent: OpenMP would wait for them forever. Workers of a
    pool are daemons; loky and Dask tell theirs in the environment how many threads to use.
    """
    return _forked or (multiprocessing.current_process().daemon and "OMP_NUM_THREADS" not in os.environ)
