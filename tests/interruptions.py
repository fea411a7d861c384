"""Training runs that end in the middle, as if the process had been killed, for the tests."""

import contextlib
import itertools

import numpy as np
import pytest
import torch

from sparsecnn._checkpoint import run as run_module


class Killed(BaseException):
    """Nothing that a fit expects."""


@contextlib.contextmanager
def killed_after(n_writes):
    """Let a run within the block end as soon as it has written its checkpoint so many times."""
    original = run_module.write_whole
    counter = itertools.count(1)

    def write(path, data):
        original(path, data)
        if next(counter) == n_writes:
            raise Killed

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(run_module, "write_whole", write)
        yield


def count_writes(train):
    """Return how often a whole run writes its checkpoint, and what the run returns."""
    counter = itertools.count()
    original = run_module.write_whole

    def write(path, data):
        next(counter)
        original(path, data)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(run_module, "write_whole", write)
        trained = train()
    return next(counter), trained


def numbers(module):
    """Return all numbers of a network by name."""
    return dict(module.named_parameters()) | dict(module.named_buffers())


def assert_same_fit(one, other):
    """Check that two fitted classifiers are the same bit for bit."""
    ours, theirs = numbers(one.module_), numbers(other.module_)
    assert ours.keys() == theirs.keys()
    for name, value in ours.items():
        assert torch.equal(value, theirs[name]), name
        assert torch.equal(torch.signbit(value), torch.signbit(theirs[name])), name
    assert one.history_.keys() == other.history_.keys()
    for name, values in one.history_.items():
        np.testing.assert_array_equal(values, other.history_[name])
        assert [type(value) for value in values] == [type(value) for value in other.history_[name]]
    for name in ("lam_", "layer_lam_", "n_iter_", "best_validation_score_", "pixel_scale_", "finetune_iter_"):
        assert getattr(one, name) == getattr(other, name), name
        assert type(getattr(one, name)) is type(getattr(other, name)), name


def assert_same_path(one, other):
    """Check that two paths are the same bit for bit."""
    assert len(one) == len(other)
    for mine, theirs in zip(one, other, strict=True):
        assert_same_fit(mine, theirs)
