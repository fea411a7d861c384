"""Fits that run at once share the processor, and give what each would give alone."""

import multiprocessing
import os
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import make_stripes
from joblib import Parallel, delayed, parallel_config
from sklearn.model_selection import GridSearchCV
from torch import nn

from sparsecnn import SparseCurveCNNClassifier
from sparsecnn._compute import shared_threads, take_share

pytestmark = pytest.mark.slow


def quick(**params):
    start = {"channels": (2, 2, 2), "max_iter": 2, "finetune_iter": 1, "batch_size": 32, "random_state": 0}
    return SparseCurveCNNClassifier(**start | params)


class Counting(nn.Linear):
    """A network that notes how many threads it computes with."""

    seen: list = []  # noqa: RUF012

    def __init__(self):
        super().__init__(256, 2)

    def forward(self, x):
        self.seen.append(torch.get_num_threads())
        return super().forward(x.flatten(1))


@pytest.fixture
def four_threads():
    before = torch.get_num_threads()
    torch.set_num_threads(4)
    yield
    torch.set_num_threads(before)


def in_a_thread(function):
    """Return what the function returns in a new thread."""
    found = []
    thread = threading.Thread(target=lambda: found.append(function()))
    thread.start()
    thread.join()
    return found[0]


def test_one_block_keeps_all_threads(four_threads):
    with shared_threads():
        assert torch.get_num_threads() == 4
    assert torch.get_num_threads() == 4


def test_fit_alone_sets_no_number_of_threads(monkeypatch, stripes):
    calls = []
    monkeypatch.setattr(torch, "set_num_threads", calls.append)
    quick().fit(*stripes).predict(stripes[0])
    assert not calls


def test_blocks_in_several_threads_share_evenly_and_put_back(four_threads):
    both_in, one_out = threading.Barrier(2), threading.Event()

    def other():
        with shared_threads():
            inside = torch.get_num_threads()
            both_in.wait()
        one_out.set()
        return inside, torch.get_num_threads()

    with shared_threads():
        found = []
        thread = threading.Thread(target=lambda: found.append(other()))
        thread.start()
        both_in.wait()
        take_share()
        shared = torch.get_num_threads()
        one_out.wait()
        thread.join()
        take_share()
        assert torch.get_num_threads() == 4
    assert (shared, found) == (2, [(2, 4)])
    assert torch.get_num_threads() == 4
    assert in_a_thread(torch.get_num_threads) == 4  # threads that are yet to come have all as well


def test_block_within_a_block_counts_once(four_threads):
    with shared_threads(), shared_threads():
        assert torch.get_num_threads() == 4


def test_threads_are_put_back_after_a_failed_fit(four_threads, stripes):
    with pytest.raises(ValueError, match="diverged"):
        quick(learning_rate_init=1e30, solver="sgd").fit(*stripes)
    assert torch.get_num_threads() == 4


def threads_of_a_fit(X, y):
    Counting.seen.clear()
    quick(module=Counting, batch_size="auto").fit(X, y).predict(X)
    return set(Counting.seen)


@pytest.mark.skipif("fork" not in multiprocessing.get_all_start_methods(), reason="no fork on this system")
def test_forked_process_computes_in_one_thread():
    code = """
import multiprocessing, torch
from test_threads import make_stripes, threads_of_a_fit
torch.set_num_threads(4)
X, y = make_stripes(40, random_state=0)
print(threads_of_a_fit(X, y))  # starts threads, for which a forked process would wait
with multiprocessing.get_context("fork").Pool(1) as pool:
    print(pool.apply(threads_of_a_fit, (X, y)))
"""
    run = [sys.executable, "-W", "ignore", "-c", code]
    result = subprocess.run(run, cwd=Path(__file__).parent, capture_output=True, text=True, timeout=100)
    assert result.returncode == 0, result.stderr
    assert result.stdout.split() == ["{4}", "{1}"]


@pytest.mark.parametrize("backend", ["loky", "threading", "multiprocessing"])
def test_search_in_parallel_gives_the_same_scores(backend):
    X, y = make_stripes(80, random_state=0)
    search = GridSearchCV(quick(augment=True), {"lam": [0.0, 1e-4]}, cv=2, error_score="raise")
    alone = search.fit(X, y).cv_results_["mean_test_score"]
    search.set_params(n_jobs=2)
    with parallel_config(backend=backend):
        np.testing.assert_array_equal(search.fit(X, y).cv_results_["mean_test_score"], alone)


def test_fits_in_threads_give_the_weights_of_fits_alone(four_threads):
    X, y = make_stripes(80, random_state=0)
    state = torch.random.get_rng_state()

    def weights(seed):
        return quick(augment=True, random_state=seed).fit(X, y).module_.fc.weight

    alone = [weights(seed) for seed in range(4)]
    together = Parallel(n_jobs=4, backend="threading")(delayed(weights)(seed) for seed in range(4))
    # Sums in other numbers of threads differ in their last digits.
    for one, other in zip(alone, together, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-3, atol=1e-5)
    assert torch.equal(torch.random.get_rng_state(), state)
    assert torch.get_num_threads() == 4


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
def test_process_forked_during_a_fit_can_fit_and_has_the_global_generator_as_it_was():
    code = """
import os, threading, time, torch
from test_threads import make_stripes, quick
X, y = make_stripes(60, random_state=0)
quick(augment=True).fit(X, y)  # torch imports modules at the first fit, with locks that a fork would keep
torch.manual_seed(5)
expected = torch.random.get_rng_state()
done = threading.Event()
def fit_on():
    while not done.is_set():
        quick(augment=True).fit(X, y)
thread = threading.Thread(target=fit_on)
thread.start()
codes = []
for _ in range(6):
    time.sleep(0.15)
    child = os.fork()
    if child == 0:
        untouched = torch.equal(torch.random.get_rng_state(), expected)
        quick().fit(X, y)
        os._exit(0 if untouched and torch.equal(torch.random.get_rng_state(), expected) else 3)
    codes.append(os.waitpid(child, 0)[1])
done.set()
thread.join()
print(codes)
"""
    run = [sys.executable, "-W", "ignore", "-c", code]
    result = subprocess.run(run, cwd=Path(__file__).parent, capture_output=True, text=True, timeout=100)
    assert result.stdout.split("\n")[0] == str([0] * 6), result.stderr
