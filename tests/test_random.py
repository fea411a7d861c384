"""One seed covers everything that torch draws, and the global generator is left as it was found."""

import contextlib
import itertools
import linecache
import os
import signal
import sys
import threading

import pytest
import torch
from torch import nn

from sparsecnn._compute import (
    clean_torch_state,
    drawing_first_weights,
    own_generator,
    seeded_torch,
    shared_threads,
)
from sparsecnn._compute.threads import _computing

CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def found():
    """The state of the global generator, which every test must leave as it is."""
    before = torch.random.get_rng_state()
    yield before
    assert torch.equal(torch.random.get_rng_state(), before)


def draws(seed):
    """Return first weights, and numbers of the thread's generator."""
    with seeded_torch(seed, CPU):
        with drawing_first_weights():
            first = nn.Linear(5, 1).weight.detach()[0]
        return torch.stack([first, torch.rand(5, generator=own_generator())])


def test_seed_gives_the_numbers_that_torch_gives_for_it():
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        expected = nn.Linear(5, 1).weight.detach()[0], torch.rand(5)
    first, own = draws(3)
    assert torch.equal(first, expected[0])
    assert torch.equal(own, expected[1])


def test_same_seed_draws_the_same_and_another_does_not():
    assert torch.equal(draws(0), draws(0))
    assert (draws(0) != draws(1)).all()


def test_block_within_a_block_leaves_the_outer_generators():
    alone = draws(0)[1]
    with seeded_torch(0, CPU):
        with drawing_first_weights():
            nn.Linear(5, 1)
        draws(1)
        assert torch.equal(torch.rand(5, generator=own_generator()), alone)
    assert own_generator() is None


def test_blocks_in_several_threads_draw_what_each_draws_alone():
    alone = [draws(seed) for seed in range(4)]
    together = [None] * 4
    start = threading.Barrier(4)

    def draw(seed):
        start.wait()
        together[seed] = draws(seed)

    threads = [threading.Thread(target=draw, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(torch.equal(one, other) for one, other in zip(alone, together, strict=True))


def test_dropout_draws_from_the_seed():
    def dropped():
        with seeded_torch(0, CPU):
            return nn.functional.dropout(torch.ones(100), training=True)

    assert torch.equal(dropped(), dropped())


def in_a_fork(function):
    """Return whether `function` is true in a forked process."""
    child = os.fork()
    if child == 0:
        signal.alarm(30)  # ends a process that waits for a lock forever
        true = False
        try:
            true = function()
        finally:
            os._exit(0 if true else 3)
    return os.waitpid(child, 0)[1] == 0


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")  # later Pythons warn of threads
@pytest.mark.parametrize("depth", [1, 2])
def test_process_forked_within_a_block_puts_the_global_generator_back(depth, found):
    def leave():
        stack.close()
        return torch.equal(torch.random.get_rng_state(), found) and own_generator() is None

    with contextlib.ExitStack() as stack:
        for seed in range(depth):
            stack.enter_context(seeded_torch(seed, CPU))
        assert in_a_fork(leave)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_process_forked_during_another_threads_block_finds_the_global_generator_and_no_lock(found):
    drawing, done = threading.Event(), threading.Event()

    def is_found():
        return torch.equal(torch.random.get_rng_state(), found)

    def draw():
        with seeded_torch(0, CPU), drawing_first_weights():
            drawing.set()
            done.wait()

    thread = threading.Thread(target=draw)
    thread.start()
    drawing.wait()
    try:
        assert in_a_fork(lambda: is_found() and draws(0).shape == (2, 5) and is_found())
    finally:
        done.set()
        thread.join()


def interrupted_at(n_lines, run):
    """Run, with a Ctrl-C before a line of `_compute`, the one after so many; return whether it came."""
    counter = itertools.count()

    def trace(frame, event, argument):
        if "_compute" not in frame.f_code.co_filename:
            return None
        # Python takes signals at calls and loops, and not where a block begins or ends: locks are released.
        line = linecache.getline(frame.f_code.co_filename, frame.f_lineno).strip()
        block = line == "try:" or line.startswith("with ")
        if event == "line" and not block and next(counter) == n_lines:
            raise KeyboardInterrupt
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        run()
    except KeyboardInterrupt:
        return True
    finally:
        sys.settrace(before)
    return False


def test_interrupt_before_any_line_leaves_everything_as_found(found):
    def surroundings():
        return own_generator(), torch.get_num_threads(), torch.get_default_dtype(), torch.is_grad_enabled()

    def nested():
        with shared_threads(), clean_torch_state(), seeded_torch(1, CPU):
            draws(2)

    before = surroundings()
    with torch.no_grad():
        n_lines = 0
        while interrupted_at(n_lines, nested):
            assert surroundings()[:3] == before[:3], n_lines
            assert not torch.is_grad_enabled(), n_lines
            assert torch.equal(torch.random.get_rng_state(), found), n_lines
            n_lines += 1
    assert n_lines > 40
    assert not _computing
    together = threading.Thread(target=nested, daemon=True)  # which a lock that is still held would stop
    together.start()
    together.join(timeout=20)
    assert not together.is_alive()
