"""Searches over a Dask cluster of two worker processes."""

import contextlib
import functools
import itertools
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import make_stripes
from joblib import parallel_config
from sklearn.model_selection import GridSearchCV, StratifiedKFold

from sparsecnn import SparseCurveCNNClassifier, SparseCurveCNNClassifierCV

distributed = pytest.importorskip("distributed", reason="needs the extra: pip install 'sparsecnn[scale]'")
EXAMPLE = Path(__file__).parent.parent / "examples" / "dask_search.py"
# Its sockets outlive the cluster for a moment.
pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning"),
]


@pytest.fixture(scope="module")
def client():
    """A client of two workers, each a process that is started again when it dies."""
    options = {"n_workers": 2, "threads_per_worker": 1, "dashboard_address": ":0"}  # any free port
    with distributed.LocalCluster(**options) as cluster, distributed.Client(cluster) as client:
        client.amm.stop()  # as the example does
        yield client


class KillingItsWorker:
    """What makes a network, and kills the process at its first call of all in which it does not run alone."""

    def __init__(self, folder):
        self.folder, self.home = folder, os.getpid()

    def __call__(self):
        killed = self.folder / "killed"
        if os.getpid() != self.home and not killed.exists():
            killed.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(256, 2))


class KillingInTheMiddle(torch.nn.Module):
    """A network that notes its batches in a file, and kills one worker before the fifth that it trains on."""

    def __init__(self, folder, home):
        super().__init__()
        self.folder, self.home, self.n_trained = folder, home, 0
        self.fc = torch.nn.Linear(256, 2)

    def forward(self, x):
        if self.training and torch.is_grad_enabled():
            self.n_trained += 1
            if self.n_trained == 5 and os.getpid() != self.home:
                with contextlib.suppress(FileExistsError):
                    (self.folder / "killed").touch(exist_ok=False)
                    os.kill(os.getpid(), signal.SIGKILL)
            with (self.folder / "trained").open("a") as file:
                file.write(".")
        return self.fc(x.flatten(1))


def quick(module=None):
    return SparseCurveCNNClassifier(
        channels=(2, 2, 2), max_iter=2, finetune_iter=1, batch_size=32, random_state=0, module=module
    )


def search_over_lam(module=None):
    return GridSearchCV(quick(module), {"lam": [0.0, 1e-5, 1e-4]}, cv=2, error_score="raise")


def scores_on(client, search, X, y):
    search.set_params(cv=list(StratifiedKFold(2).split(X, y)))
    while len(client.ncores()) < 2:  # with one of them alone, joblib would not use it
        time.sleep(0.05)
    with parallel_config(backend="dask", scatter=[X, y, *itertools.chain(*search.cv)]):
        return search.fit(X, y).cv_results_["mean_test_score"]


def scores_with_checkpoint(client, search, name, folder):
    """Return the scores of a search alone, and on workers with its `name` a checkpoint; and all batches."""
    X, y = make_stripes(80, random_state=0)
    (folder / "checkpoint").mkdir()
    alone = search.fit(X, y).cv_results_["mean_test_score"]
    (folder / "trained").unlink()
    scores = scores_on(client, search.set_params(**{name: folder / "checkpoint"}), X, y)
    assert (folder / "killed").exists()
    return alone, scores, len((folder / "trained").read_text())


def test_search_on_two_workers_gives_the_same_scores(client):
    X, y = make_stripes(80, random_state=0)
    alone = search_over_lam().fit(X, y).cv_results_["mean_test_score"]
    np.testing.assert_array_equal(scores_on(client, search_over_lam(), X, y), alone)


def test_search_survives_a_killed_worker(client, tmp_path):
    X, y = make_stripes(80, random_state=0)
    search = search_over_lam(KillingItsWorker(tmp_path))
    alone = search.fit(X, y).cv_results_["mean_test_score"]
    np.testing.assert_array_equal(scores_on(client, search, X, y), alone)
    assert (tmp_path / "killed").exists()


def test_candidate_of_a_killed_worker_goes_on_at_another_one(client, tmp_path):
    search = search_over_lam(functools.partial(KillingInTheMiddle, tmp_path, os.getpid()))
    alone, scores, n_batches = scores_with_checkpoint(client, search, "estimator__checkpoint", tmp_path)
    np.testing.assert_array_equal(scores, alone)
    # Three epochs of 2 batches for 3 candidates on 2 folds, and of 3 batches for the best: none twice.
    assert n_batches == 3 * (2 * 3 * 2 + 3)
    assert len(os.listdir(tmp_path / "checkpoint")) == 7


def test_fold_of_a_killed_worker_goes_on_at_another_one(client, tmp_path):
    classifier = quick(functools.partial(KillingInTheMiddle, tmp_path, os.getpid()))
    search = SparseCurveCNNClassifierCV(classifier, sparsities=[0.5], cv=2)
    alone, scores, n_batches = scores_with_checkpoint(client, search, "checkpoint", tmp_path)
    np.testing.assert_array_equal(scores, alone)
    assert n_batches == 3 * (2 * 2 + 3)


def test_workers_keep_to_their_threads(client):
    threads = client.run(lambda: __import__("torch").get_num_threads())
    assert set(threads.values()) == {1}


def test_example_searches_on_a_local_cluster():
    run = [sys.executable, EXAMPLE, "--images", "60", "--epochs", "1"]
    result = subprocess.run(run, capture_output=True, text=True, timeout=300)
    assert result.returncode == 0, result.stderr
    assert "best: {'penalty'" in result.stdout
