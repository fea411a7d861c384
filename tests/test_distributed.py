"""One fit over several processes: what they agree on, and what happens when one is lost."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import make_stripes
from torch import distributed

from sparsecnn import SparseCurveCNNClassifier, SparseCurveCNNRegressor

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not (distributed.is_available() and distributed.is_gloo_available()), reason="this torch has no gloo"
    ),
]
EXAMPLE = Path(__file__).parent.parent / "examples" / "distributed_fit.py"
SHARDS = [slice(0, 70), slice(70, 120), slice(40, 100)]  # two of them are all images

# What each process runs. The file that the first process makes lets them find each other.
SETUP = """
import os, pickle, signal, sys, warnings
from datetime import timedelta
import torch
from torch import distributed
from test_distributed import SHARDS, brightness, full_batches, make_stripes, quick, regressor
warnings.simplefilter("error")
folder, rank, n_ranks = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
distributed.init_process_group(
    "gloo",
    init_method=f"file://{folder}/meeting",
    rank=rank,
    world_size=n_ranks,
    timeout=timedelta(seconds=50),
)
X, y = make_stripes(120, random_state=0)
X, y = X[SHARDS[rank]], y[SHARDS[rank]]
"""
KEEP = """
with open(f"{folder}/{rank}", "wb") as file:
    pickle.dump(classifier, file)
distributed.destroy_process_group()
"""
DIE = """
class Dying(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.fc, self.n_batches = torch.nn.Linear(256, 2), 0
    def forward(self, x):
        self.n_batches += self.training
        if rank == 1 and self.n_batches == 5:
            os.kill(os.getpid(), signal.SIGKILL)
        return self.fc(x.flatten(1))
quick(module=Dying, max_iter=100).fit(X, y)
"""


START = {"channels": (2, 2, 2), "max_iter": 4, "finetune_iter": 1, "batch_size": 16, "random_state": 0}
NO_CHANCE = {"batch_norm": False, "augment": False, "solver": "sgd", "max_iter": 6}


def quick(**params):
    return SparseCurveCNNClassifier(**START | params)


def regressor(**params):
    return SparseCurveCNNRegressor(**START | params)


def brightness(X):
    """Return a target for each image."""
    return X.mean(axis=(1, 2))


def full_batches(batch_size):
    """Return a classifier for which one process is as good as two: all images in every batch, no chance."""
    return quick(batch_size=batch_size, **NO_CHANCE)


def start(code, folder, n_ranks=2):
    """Start processes that run `code`, one for each shard."""
    return [
        subprocess.Popen(
            [sys.executable, "-c", SETUP + code, str(folder), str(rank), str(n_ranks)],
            cwd=Path(__file__).parent,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in range(n_ranks)
    ]


def fit_together(code, folder):
    """Return what two processes have fitted by `code`, by rank."""
    processes = start(code + KEEP, folder)
    errors = [process.communicate(timeout=200)[1] for process in processes]
    assert [process.returncode for process in processes] == [0, 0], "".join(errors)
    return [np.load(folder / str(rank), allow_pickle=True) for rank in (0, 1)]


def test_processes_agree_on_weights_and_metrics(tmp_path):
    code = "y[rank::2] = 'third'\nclassifier = quick(early_stopping=True, target_sparsity=0.5).fit(X, y)"
    first, second = fit_together(code, tmp_path)
    assert first.classes_.tolist() == second.classes_.tolist() == ["across", "down", "third"]
    assert first.history_ == second.history_
    assert first.sparsity_ == second.sparsity_ == 0.5
    weights = second.module_.state_dict()
    for name, value in first.module_.state_dict().items():
        assert torch.equal(value, weights[name]), name


def test_processes_agree_after_partial_fit_and_warm_start(tmp_path):
    code = "classifier = quick(warm_start=True).partial_fit(X, y).partial_fit(X, y).fit(X, y)"
    first, second = fit_together(code, tmp_path)
    assert first.loss_curve_ == second.loss_curve_
    assert torch.equal(first.module_.fc.weight, second.module_.fc.weight)
    assert torch.equal(first.module_.norm1.running_var, second.module_.norm1.running_var)


def test_two_processes_fit_what_one_does(tmp_path):
    first, _ = fit_together("classifier = full_batches(len(X)).fit(X, y)", tmp_path)
    alone = full_batches(120).fit(*make_stripes(120, random_state=0))
    for name, value in alone.module_.state_dict().items():
        torch.testing.assert_close(first.module_.state_dict()[name], value, rtol=1e-3, atol=1e-5)
    np.testing.assert_allclose(first.loss_curve_, alone.loss_curve_, rtol=1e-4)


def test_two_processes_fit_the_targets_that_one_does(tmp_path):
    code = f"""
t = brightness(X)
whole = regressor(batch_size=len(X), **{NO_CHANCE}).fit(X, t)
classifier = whole, regressor(early_stopping=True).fit(X, t)
"""
    (first, stopped), (second, also_stopped) = fit_together(code, tmp_path)
    X, _ = make_stripes(120, random_state=0)
    alone = regressor(batch_size=120, **NO_CHANCE).fit(X, brightness(X))
    np.testing.assert_allclose(first.target_mean_, alone.target_mean_)
    np.testing.assert_allclose(first.target_scale_, alone.target_scale_)
    np.testing.assert_allclose(first.loss_curve_, alone.loss_curve_, rtol=1e-4)
    np.testing.assert_array_equal(first.predict(X), second.predict(X))
    assert stopped.validation_scores_ == also_stopped.validation_scores_
    np.testing.assert_array_equal(stopped.target_mean_, also_stopped.target_mean_)


def test_processes_agree_on_a_path_and_on_the_choice_along_it(tmp_path):
    code = """
from sparsecnn import SparseCurveCNNClassifierCV
from sparsecnn.model_selection import sparsity_path
points = [0, 0.5, 0.8]
search = SparseCurveCNNClassifierCV(quick(), sparsities=points, cv=2).fit(X, y)
classifier = search, sparsity_path(X, y, estimator=quick(), sparsities=points)
"""
    (search, path), (other_search, other_path) = fit_together(code, tmp_path)
    assert search.n_splits_ == 4
    scores = [results.cv_results_["split3_test_score"] for results in (search, other_search)]
    np.testing.assert_array_equal(*scores)
    for one, other in zip([search, *path], [other_search, *other_path], strict=True):
        assert one.sparsity_ == other.sparsity_
        assert torch.equal(one.module_.fc.weight, other.module_.fc.weight)


def test_processes_with_different_numbers_of_folds_are_told(tmp_path):
    code = """
from sparsecnn import SparseCurveCNNClassifierCV
SparseCurveCNNClassifierCV(quick(), sparsities=[0, 0.5], cv=2 + rank).fit(X, y)
"""
    for process in start(code, tmp_path):
        errors = process.communicate(timeout=100)[1]
        assert "ValueError: cv must make as many folds in every process of this fit, got [2, 3]" in errors


def test_lost_process_ends_the_others_with_a_clear_error(tmp_path):
    survivor, killed = start(DIE, tmp_path)
    killed.communicate(timeout=100)
    assert killed.returncode == -9
    _, errors = survivor.communicate(timeout=60)
    assert survivor.returncode == 1
    assert "RuntimeError: Another of the 2 processes of this fit ended or cannot be reached" in errors


def test_example_runs_under_torchrun():
    run = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    result = subprocess.run(
        [*run, EXAMPLE, "--images", "120", "--epochs", "1"], capture_output=True, text=True, timeout=300
    )
    assert result.returncode == 0, result.stderr
    assert "2 processes, 120 images: accuracy" in result.stdout
