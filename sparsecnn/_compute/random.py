"""What one seed covers, in every thread by itself."""

import contextlib
import threading

import torch

_lock = threading.RLock()
_own = threading.local()
_n_borrowers = 0
_found: list = []  # global generators, each with the state in which the first borrower found it


@contextlib.contextmanager
def seeded_torch(seed, device):
    """Seed torch within a ``with`` block, and leave its global generators as they were found.

    Generators of its own serve the present thread meanwhile, so that fits in several threads draw what
    each would draw alone. A user's network, which knows the global ones only, draws from those.
    """
    before = vars(_own).copy()
    _borrow(seed, device)
    _own.host = torch.Generator().manual_seed(seed)
    _own.device = _own.host if device.type == "cpu" else torch.Generator(device).manual_seed(seed)
    try:
        yield
    finally:
        vars(_own).clear()
        vars(_own).update(before)
        _give_back()


def own_generator():
    """Return the generator of this thread on the device that was seeded; None outside `seeded_torch`."""
    return getattr(_own, "device", None)


@contextlib.contextmanager
def drawing_first_weights():
    """Have new layers, which draw their weights from torch's global generator, draw from this thread's."""
    with _lock:
        state = torch.default_generator.get_state()
        torch.default_generator.set_state(_own.host.get_state())
        try:
            yield
        finally:
            _own.host.set_state(torch.default_generator.get_state())
            torch.default_generator.set_state(state)


def _borrow(seed, device):
    global _n_borrowers
    with _lock:
        _n_borrowers += 1
        known = [generator for generator, _ in _found]
        for generator in _global_generators(device):
            if not any(generator is other for other in known):
                _found.append((generator, generator.get_state()))
            generator.manual_seed(seed)


def _give_back():
    global _n_borrowers
    with _lock:
        _n_borrowers -= 1
        while _found and not _n_borrowers:
            generator, state = _found.pop()
            generator.set_state(state)


def _global_generators(device):
    generators = [torch.default_generator]
    if device.type == "cuda":
        torch.cuda.init()
        index = torch.cuda.current_device() if device.index is None else device.index
        generators.append(torch.cuda.default_generators[index])
    elif device.type == "mps":
        generators.append(torch.mps._get_default_mps_generator())
    return generators
