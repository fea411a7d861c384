"""What one seed covers, in every thread by itself."""

import contextlib
import os
import threading
from collections.abc import Iterator
from typing import Any

import torch

_lock = threading.RLock()
_own = threading.local()  # the generators of each thread, and the blocks of `seeded_torch` that it is in
_borrowers: set[object] = set()  # those blocks in all threads
_found: dict[torch.Generator, torch.Tensor] = {}  # global generators, as the first borrower found them


def _note_fork() -> None:
    """Forget, in a new process, the borrowers in threads that it does not have."""
    global _lock
    _lock = threading.RLock()
    _borrowers.intersection_update(getattr(_own, "blocks", ()))
    if not _borrowers:
        _put_back()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_note_fork)


@contextlib.contextmanager
def seeded_torch(seed: int, device: torch.device) -> Iterator[None]:
    """Seed torch within a ``with`` block, and leave its global generators as they were found.

    Generators of its own serve the present thread meanwhile, so that fits in several threads draw what
    each would draw alone. Dropout in a user's network knows the global ones only: the seed covers it in a
    fit that is alone, and fits in several threads draw from them together.
    """
    block, before = object(), vars(_own).copy()
    try:
        try:
            _own.blocks = (*before.get("blocks", ()), block)
            _borrow(block, seed, device)
            _own.host = torch.Generator().manual_seed(seed)
            _own.device = _own.host if device.type == "cpu" else torch.Generator(device).manual_seed(seed)
            yield
        finally:
            _give_back(block, before)
    finally:
        _give_back(block, before)  # which Ctrl-C may have interrupted


def own_generator() -> torch.Generator | None:
    """Return the generator of this thread on the device that was seeded; None outside `seeded_torch`."""
    return getattr(_own, "device", None)


@contextlib.contextmanager
def drawing_first_weights() -> Iterator[None]:
    """Have new layers, which draw their weights from torch's global generator, draw from this thread's."""
    with _lock, torch.random.fork_rng(devices=[]):
        torch.default_generator.set_state(_own.host.get_state())
        try:
            yield
        finally:
            _own.host.set_state(torch.default_generator.get_state())


def _borrow(block: object, seed: int, device: torch.device) -> None:
    with _lock:
        _borrowers.add(block)
        for generator in _global_generators(device):
            _found.setdefault(generator, generator.get_state())
            generator.manual_seed(seed)


def _give_back(block: object, before: dict[str, Any]) -> None:
    """Leave a block, in whose thread all was as in `before`; a second time changes nothing."""
    vars(_own).clear()
    vars(_own).update(before)
    with _lock:
        _borrowers.discard(block)
        if not _borrowers:
            _put_back()


def _put_back() -> None:
    for generator, state in _found.items():
        generator.set_state(state)
    _found.clear()


def _global_generators(device: torch.device) -> list[torch.Generator]:
    generators = [torch.default_generator]
    if device.type == "cuda":
        torch.cuda.init()
        index = torch.cuda.current_device() if device.index is None else device.index
        generators.append(torch.cuda.default_generators[index])
    elif device.type == "mps":
        generators.append(torch.mps._get_default_mps_generator())
    return generators
