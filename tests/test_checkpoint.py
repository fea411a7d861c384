"""Runs that were killed go on from their checkpoint, and end bit for bit as undisturbed ones."""

import numpy as np
import pytest
import torch
from classifiers import OwnNetwork, quick
from conftest import make_stripes
from interruptions import Killed, assert_same_fit, assert_same_path, count_writes, killed_after
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV

from sparsecnn import BinaryActivation, SparseCurveCNNClassifierCV, penalties
from sparsecnn.exceptions import TrainingInterruptedWarning
from sparsecnn.model_selection import sparsity_path

X, Y = make_stripes(80, random_state=0)
WEIGHT = np.random.RandomState(0).uniform(0, 2, 80)
# 20 batches an epoch, in which the state is complete before the 17th.
SHORT = {"batch_size": 4, "max_iter": 2, "finetune_iter": 1}
GROUPS = {"penalized": "all", "channels": (8, 16, 16)}
PARAMS = {
    "augmented": {"augment": True},
    "lam": {"penalty": "tl1", "lam": 1e-3, "solver": "sgd", "penalized": "all"},
    "layers": {"penalty": "l1", "sparsity_scope": "layer", "penalized": "all", "target_sparsity": 0.5},
    "stopped early": {
        "early_stopping": True,
        "validation_fraction": 0.3,
        "n_iter_no_change": 1,
    },
    "groups": {"penalty": "group_l0", "target_macs": 0.4, **GROUPS},
    "both": {"penalty": "sparse_group_l0", "target_macs": 0.5, "target_sparsity": 0.5, **GROUPS},
    "binary": {
        "penalty": penalties.Binary(),
        "penalized": "hidden",
        "activation": BinaryActivation("hard_tanh"),
    },
    "dense": {"penalty": None},
    "own": {"module": OwnNetwork},
}


def resumed_at_every_moment(path, train, same, undisturbed, every=1):
    """Kill a run after each of its checkpoints, go on, and check the outcome."""
    n_writes, whole = count_writes(lambda: train(path("whole"), "auto"))
    assert n_writes > 3
    same(whole, undisturbed)
    for n in range(1, n_writes + 1, every):
        with killed_after(n), pytest.raises(Killed):
            train(path(f"{n}"), "auto")
        same(train(path(f"{n}"), True), undisturbed)


@pytest.fixture
def path(tmp_path):
    return lambda name: tmp_path / f"{name}.safetensors"


@pytest.mark.slow
@pytest.mark.parametrize("name", PARAMS)
def test_killed_fit_ends_bit_for_bit_as_an_undisturbed_one(name, path):
    params = SHORT | PARAMS[name]
    given = {"sample_weight": WEIGHT} if name == "lam" else {}
    given |= {"groups": np.arange(80) // 2} if name == "stopped early" else {}

    def train(checkpoint, resume):
        classifier = quick(**params, checkpoint=checkpoint, checkpoint_every=0.2, resume=resume)
        return classifier.fit(X, Y, **given)

    resumed_at_every_moment(path, train, assert_same_fit, quick(**params).fit(X, Y, **given), every=2)


def test_killed_fit_goes_on_within_an_epoch(path):
    def train(checkpoint, resume):
        saved = {"checkpoint": checkpoint, "checkpoint_every": 0.1, "resume": resume}
        return quick(**SHORT | {"max_iter": 1}, augment=True, **saved).fit(X, Y)

    undisturbed = quick(**SHORT | {"max_iter": 1}, augment=True).fit(X, Y)
    resumed_at_every_moment(path, train, assert_same_fit, undisturbed)


@pytest.mark.parametrize(
    "points",
    [
        {"sparsities": [0, 0.5, 0.9]},
        {"lams": [1e-4, 1e-3]},
        {"macs": [0.6, 0.3]},
    ],
    ids=str,
)
@pytest.mark.slow
def test_killed_path_goes_on_at_its_point(points, path):
    groups = {"penalty": "group_l0", **GROUPS} if "macs" in points else {}
    estimator = quick(**SHORT, **groups)

    def train(checkpoint, resume):
        saved = {"checkpoint": checkpoint, "checkpoint_every": 0.6, "resume": resume}
        return sparsity_path(X, Y, estimator=estimator, **points, **saved)

    undisturbed = sparsity_path(X, Y, estimator=estimator, **points)
    resumed_at_every_moment(path, train, assert_same_path, undisturbed, every=2)


def assert_same_search(one, other):
    assert_same_fit(one.best_estimator_, other.best_estimator_)
    assert (one.best_params_, one.best_score_) == (other.best_params_, other.best_score_)
    for name, values in one.cv_results_.items():
        if "time" not in name:
            np.testing.assert_array_equal(values, other.cv_results_[name])


@pytest.mark.slow
def test_killed_search_goes_on_at_its_fold(path):
    def train(checkpoint, resume):
        search = SparseCurveCNNClassifierCV(quick(**SHORT), sparsities=[0.5, 0.9], cv=2)
        return search.set_params(checkpoint=checkpoint, resume=resume).fit(X, Y)

    resumed_at_every_moment(path, train, assert_same_search, train(None, "auto"), every=3)


@pytest.mark.slow
def test_search_with_several_jobs_has_a_file_for_each_fold(tmp_path):
    folder = tmp_path / "search"
    search = SparseCurveCNNClassifierCV(quick(**SHORT), sparsities=[0.5, 0.9], cv=2)
    undisturbed = clone(search).fit(X, Y)
    search.set_params(checkpoint=folder, n_jobs=2)
    assert_same_search(search.fit(X, Y), undisturbed)
    names = [f"{name}.safetensors" for name in ("fold0", "fold1", "path")]
    assert sorted(file.name for file in folder.iterdir()) == names
    (folder / "path.safetensors").unlink()
    times = search.cv_results_["mean_fit_time"]
    assert_same_search(search.fit(X, Y), undisturbed)
    assert (search.cv_results_["mean_fit_time"] == times).all()  # no fold was trained again


def test_finished_checkpoint_gives_the_network_at_once(path):
    trained = []

    class Watched(OwnNetwork):
        def forward(self, x):
            trained.append(self.training and torch.is_grad_enabled())
            return super().forward(x)

    classifier = quick(**SHORT, module=Watched, checkpoint=path("fit"))
    first = clone(classifier).fit(X, Y)
    assert any(trained)
    trained.clear()
    assert_same_fit(classifier.fit(X, Y), first)
    assert not any(trained)


@pytest.mark.parametrize("every", [2, "1h"])
def test_finished_checkpoint_is_whole_however_rarely_it_is_written(every, path):
    classifier = quick(**SHORT, checkpoint=path("fit"), checkpoint_every=every)
    n_writes, first = count_writes(lambda: clone(classifier).fit(X, Y))
    assert n_writes == {2: 3, "1h": 2}[every]  # the first and the last are always written
    n_writes, again = count_writes(lambda: classifier.fit(X, Y))
    assert n_writes == 0
    assert_same_fit(again, first)


def test_time_between_checkpoints(path):
    often = quick(**SHORT, checkpoint=path("fit"), checkpoint_every="0.0001s")
    n_writes, _ = count_writes(lambda: often.fit(X, Y))
    assert n_writes >= 5  # the first, one within each epoch, one after each


def test_fit_without_seed_keeps_that_of_its_first_process(path):
    classifier = quick(**SHORT | {"random_state": None}, early_stopping=True, checkpoint=path("fit"))
    classifier.set_params(validation_fraction=0.3, n_iter_no_change=3)
    with killed_after(2), pytest.raises(Killed):
        classifier.fit(X, Y)
    assert_same_fit(clone(classifier).fit(X, Y), clone(classifier).fit(X, Y))


def test_generator_of_the_user_ends_as_after_an_undisturbed_fit(path):
    undisturbed, given = np.random.RandomState(3), np.random.RandomState(3)
    expected = quick(**SHORT | {"random_state": undisturbed}).fit(X, Y)
    with killed_after(3), pytest.raises(Killed):
        quick(**SHORT | {"random_state": np.random.RandomState(3)}, checkpoint=path("fit")).fit(X, Y)
    assert_same_fit(quick(**SHORT | {"random_state": given}, checkpoint=path("fit")).fit(X, Y), expected)
    assert given.randint(2**31) == undisturbed.randint(2**31)


def test_warm_start_goes_on_only_from_the_same_network(path):
    start = quick(**SHORT, warm_start=True).fit(X, Y)
    again, other = clone(start).fit(X, Y), clone(start).fit(X[::-1], Y[::-1])
    with killed_after(2), pytest.raises(Killed):
        start.set_params(checkpoint=path("fit")).fit(X, Y)
    assert_same_fit(start.fit(X, Y), clone(start).set_params(checkpoint=None).fit(X, Y).fit(X, Y))
    assert_same_fit(again.set_params(checkpoint=path("new")).fit(X, Y), start)
    with pytest.raises(ValueError, match="the fitted network differs"):
        other.set_params(checkpoint=path("new")).fit(X, Y)


def test_fit_goes_on_after_an_interrupt(path):
    class Interrupted(OwnNetwork):
        n_trained = 0

        def forward(self, x):
            Interrupted.n_trained += self.training and torch.is_grad_enabled()
            if Interrupted.n_trained == 30:
                Interrupted.n_trained += 1
                raise KeyboardInterrupt
            return super().forward(x)

    classifier = quick(**SHORT, module=Interrupted, checkpoint=path("fit"))
    with pytest.warns(TrainingInterruptedWarning, match="after 1 of 3 epochs"):
        classifier.fit(X, Y)
    undisturbed = quick(**SHORT, module=Interrupted).fit(X, Y)
    assert classifier.fit(X, Y).n_iter_ == 3
    assert_same_fit(classifier, undisturbed)


def test_folder_keeps_every_candidate_of_a_search(tmp_path):
    classifier = quick(**SHORT | {"max_iter": 1}, checkpoint=tmp_path)
    search = GridSearchCV(classifier, {"lam": [1e-4, 1e-3]}, cv=2)
    expected = clone(search).set_params(estimator__checkpoint=None).fit(X, Y)
    with killed_after(5), pytest.raises(Killed):
        search.fit(X, Y)
    assert len(list(tmp_path.iterdir())) == 2
    n_writes, again = count_writes(lambda: search.fit(X, Y))
    assert len(list(tmp_path.iterdir())) == 5  # two candidates and two folds, and the best one on all images
    assert n_writes == 5 * 3 - 5
    assert again.best_params_ == expected.best_params_
    assert_same_fit(again.best_estimator_, expected.best_estimator_)


def test_global_generator_is_left_as_it_was(path):
    before = torch.get_rng_state()
    classifier = quick(**SHORT, checkpoint=path("fit"))
    with killed_after(2), pytest.raises(Killed):
        classifier.fit(X, Y)
    classifier.fit(X, Y)
    assert torch.equal(before, torch.get_rng_state())
