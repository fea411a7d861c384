"""Callbacks of scikit-learn, and of our own, through fits, pipelines and searches."""

import csv
import json
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from classifiers import OwnNetwork, interrupted_after, quick, small, state
from conftest import make_stripes
from interruptions import Killed, assert_same_fit, killed_after
from regressors import regressor
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline

from sparsecnn import SparseCurveCNNClassifierCV, SparseCurveEnsemble, penalties
from sparsecnn.callbacks import HistoryLog, StopWhen, TimeLimit
from sparsecnn.exceptions import TrainingInterruptedWarning
from sparsecnn.model_selection import sparsity_path

X, Y = make_stripes(60, random_state=0)
SHORT = {"max_iter": 4, "finetune_iter": 2}
FOLD = SHORT | {"batch_size": 16}
GROUPS = {"penalty": "group_l0", "penalized": "all", "channels": (8, 16, 16)}
AT_ONCE = 1e-6  # seconds: less than an epoch takes


class Recorder:
    """A callback that notes the path of every task, as it begins and ends, and what stands in for it."""

    def __init__(self, stop_at=()):
        self.began, self.ended, self.setups = [], [], []
        self.stop_at = stop_at

    def setup(self, estimator, context):
        self.setups.append(type(estimator).__name__)

    def on_fit_task_begin(self, estimator, context):
        self.began.append(place(context))

    def on_fit_task_end(self, estimator, context, *, X=None, y=None, metadata=None):
        self.ended.append(place(context))
        self.X, self.metadata = X, metadata
        return place(context) in self.stop_at

    def teardown(self, estimator, context):
        self.setups.append("torn down")


class Propagated(Recorder):
    """One that goes down from a search or a pipeline to the classifier."""

    max_propagation_depth = None


class Fitted:
    """A callback that keeps what `fit` would come to after each epoch."""

    def __init__(self):
        self.fitted = []

    def setup(self, estimator, context):
        pass

    def on_fit_task_begin(self, estimator, context):
        pass

    def on_fit_task_end(self, estimator, context, *, fitted_estimator=None):
        if fitted_estimator is not None:
            self.fitted.append(fitted_estimator)

    def teardown(self, estimator, context):
        pass


def place(context):
    """Return the names and numbers of a task and those that it is part of."""
    own = f"{context.task_name} {context.task_id}"
    return own if context.parent is None else f"{place(context.parent)}/{own}"


def after(n_epochs, phase="splitting"):
    return StopWhen(lambda history: len(history["loss"]) >= n_epochs, phase)


def epochs(places):
    return [one for one in places if "/epoch " in one]


def read_csv(path):
    """Return the columns of a log, without that of the epochs, as a history."""
    rows = list(csv.reader(path.read_text(encoding="utf-8").splitlines()))
    assert [row[0] for row in rows] == ["epoch", *(str(i) for i in range(1, len(rows)))]
    return {name: [float(row[i]) for row in rows[1:]] for i, name in enumerate(rows[0]) if i}


def assert_same_history(one, other):
    assert list(one) == list(other)
    for name, values in one.items():
        np.testing.assert_array_equal(values, other[name], err_msg=name)


# The tree of tasks


def test_callback_is_called_at_both_ends_of_fit_phases_and_epochs():
    recorder = Recorder()
    quick(**SHORT).set_callbacks(recorder).fit(X, Y, sample_weight=np.ones(60))
    split = [f"fit 0/splitting 0/epoch {i}" for i in range(4)]
    fine = [f"fit 0/fine-tuning 1/epoch {i}" for i in range(2)]
    phases = ["fit 0/splitting 0", "fit 0/fine-tuning 1"]
    assert recorder.began == ["fit 0", phases[0], *split, phases[1], *fine]
    assert recorder.ended == [*split, phases[0], *fine, phases[1], "fit 0"]
    assert recorder.setups == ["SparseCurveCNNClassifier", "torn down"]
    assert recorder.X is X
    assert recorder.metadata["sample_weight"].sum() == 60


@pytest.mark.parametrize(
    "params", [{"augment": True}, {"module": "dropout"}, {"early_stopping": True}], ids=str
)
def test_callback_that_asks_for_the_fitted_estimator_changes_no_bit(params):
    if "module" in params:
        params = {
            "module": torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Dropout(0.2), OwnNetworkOfRows())
        }
    fitted = Fitted()
    watched = quick(**SHORT | params).set_callbacks(fitted).fit(X, Y)
    assert_same_fit(watched, quick(**SHORT | params).fit(X, Y))
    assert len(fitted.fitted) == 7


class OwnNetworkOfRows(OwnNetwork):
    """A network with batch normalisation, whose statistics are taken at the end."""

    def __init__(self):
        super().__init__()
        self.norm = torch.nn.BatchNorm1d(16)

    def forward(self, x):
        return self.out(self.norm(self.hidden(x)).relu())


def test_fitted_estimator_is_what_an_interrupt_would_leave():
    fitted = Fitted()
    quick(max_iter=20, module=OwnNetwork).set_callbacks(fitted).fit(X, Y)
    interrupted = quick(max_iter=20, module=interrupted_after(2 * 7 + 1))
    with pytest.warns(TrainingInterruptedWarning):
        interrupted.fit(X, Y)
    after_seven = fitted.fitted[6]
    assert after_seven.n_iter_ == interrupted.n_iter_ == 7
    assert after_seven.sparsity_ == interrupted.sparsity_
    np.testing.assert_array_equal(after_seven.predict_proba(X), interrupted.predict_proba(X))


def test_scoring_monitor_scores_every_epoch_and_the_end():
    from sklearn.callback import ScoringMonitor  # of scikit-learn 1.9

    monitor = ScoringMonitor(scoring="accuracy")
    classifier = quick(**SHORT).set_callbacks(monitor).fit(X, Y)
    rows = monitor.get_logs().data
    assert [row["task_name"] for row in rows] == ["fit"] + ["epoch"] * 6
    assert rows[0]["accuracy"] == rows[-1]["accuracy"] == classifier.score(X, Y)


def test_interrupt_ends_the_tasks_in_good_order():
    recorder = Recorder()
    classifier = small(module=interrupted_after(2 * 3 + 1), max_iter=20).set_callbacks(recorder)
    with pytest.warns(TrainingInterruptedWarning):
        classifier.fit(X, Y)
    assert len(epochs(recorder.ended)) == 3
    assert (recorder.ended[-1], recorder.setups[-1]) == ("fit 0", "torn down")


def test_error_of_a_callback_leaves_the_classifier_as_before():
    def broken(history):
        raise RuntimeError("broken rule")

    classifier = quick(**SHORT).fit(X, Y)
    before = dict(vars(classifier))
    classifier.set_callbacks(StopWhen(broken))
    with pytest.raises(RuntimeError, match="broken rule"):
        classifier.fit(X, Y)
    assert vars(classifier.set_callbacks()) == before
    classifier.fit(X, Y)


def test_resumed_fit_numbers_its_epochs_as_an_undisturbed_one(tmp_path):
    classifier = quick(**SHORT, checkpoint=tmp_path / "fit.safetensors")
    with killed_after(6), pytest.raises(Killed):
        classifier.fit(X, Y)
    recorder = Recorder()
    classifier.set_callbacks(recorder).fit(X, Y)
    assert epochs(recorder.began) == ["fit 0/fine-tuning 1/epoch 1"]


def test_pipeline_and_search_pass_their_callbacks_on():
    recorder = Propagated()
    pipeline = make_pipeline("passthrough", quick(**SHORT)).set_callbacks(recorder)
    pipeline.fit(X, Y)
    assert len(epochs(recorder.ended)) == 6
    assert recorder.setups == ["Pipeline", "torn down"]
    recorder = Propagated()
    search = GridSearchCV(quick(**FOLD), {"target_sparsity": [0.5, 0.9]}, cv=2).set_callbacks(recorder)
    search.fit(X, Y)
    assert len(epochs(recorder.ended)) == 5 * 6
    assert len(set(recorder.ended)) == len(recorder.ended)


def test_search_over_a_path_is_a_tree_of_folds_and_a_last_path():
    recorder = Propagated()
    search = SparseCurveCNNClassifierCV(quick(**FOLD), sparsities=[0, 0.5], cv=2)
    watched = clone(search).set_callbacks(recorder).fit(X, Y)
    assert_same_fit(watched.best_estimator_, search.fit(X, Y).best_estimator_)
    others = [one for one in recorder.ended if "/epoch " not in one]
    folds = [f"fit 0/cross-validation 0/fold {k}" for k in range(2)]
    assert others == [*folds, "fit 0/cross-validation 0", "fit 0/path 1", "fit 0"]
    counts = [sum(one.startswith(f"{task}/epoch ") for one in recorder.ended) for task in folds]
    assert counts == [2 + 2 * 3, 2 + 2 * 3]


def test_paths_refuse_callbacks_that_they_do_not_call():
    estimator = quick(**SHORT).set_callbacks(Recorder())
    with pytest.raises(ValueError, match="callbacks, which a path does not call"):
        sparsity_path(X, Y, estimator=estimator, sparsities=[0.5])
    with pytest.raises(ValueError, match="set them on the search"):
        SparseCurveCNNClassifierCV(estimator).fit(X, Y)
    for callback in (TimeLimit(9), after(1), HistoryLog("log.csv")):
        with pytest.raises(TypeError, match="follows the fit of a SparseCurveCNNClassifier or Regressor"):
            SparseCurveCNNClassifierCV(quick(**SHORT)).set_callbacks(callback).fit(X, Y)


# Ending phases early


@pytest.mark.parametrize(("stop", "early_stopping"), [(AT_ONCE, False), (AT_ONCE, True), (3, False)])
@pytest.mark.parametrize(
    "params",
    [
        {},
        {"target_sparsity": 0.7, "penalized": "all"},
        {"penalty": "l1", "sparsity_scope": "layer", "penalized": "all"},
        GROUPS | {"target_macs": 0.4},
        GROUPS | {"penalty": "sparse_group_l0", "target_macs": 0.5, "target_sparsity": 0.5},
        {"penalty": penalties.Binary(), "penalized": "hidden"},
        {"penalty": None},
    ],
    ids=lambda params: "-".join(map(str, params.values())),
)
def test_stopped_fit_has_the_sparsity_of_an_undisturbed_one(params, stop, early_stopping):
    classifier = quick(**{"max_iter": 8, "finetune_iter": 1, "early_stopping": early_stopping} | params)
    whole = clone(classifier).fit(X, Y)
    callback = TimeLimit(AT_ONCE) if stop == AT_ONCE else after(stop)
    stopped = classifier.set_callbacks(callback).fit(X, Y)
    assert stopped.n_iter_ == (1 if stop == AT_ONCE else stop + 1)
    assert stopped.sparsity_ == whole.sparsity_
    if "channels" in params:
        assert [living(stopped, i) for i in range(3)] == [living(whole, i) for i in range(3)]
    assert set(stopped.predict(X)) <= {"across", "down"}
    if early_stopping:
        assert 0 <= stopped.best_validation_score_ <= 1


def living(classifier, i):
    weight = [value for value in classifier.module_.parameters() if value.ndim == 4][i]
    return int(weight.flatten(1).any(1).sum())


def test_stopped_fit_learns_by_its_fine_tuning(stripes):
    stopped = quick(max_iter=40, finetune_iter=8, target_sparsity=0.8).set_callbacks(after(4)).fit(*stripes)
    assert stopped.n_iter_ == 12
    assert stopped.score(*stripes) > 0.9


def test_stopped_fit_of_a_lam_is_cut_by_that_lam():
    classifier = small(lam=5e-3, max_iter=8, finetune_iter=1)
    stopped = clone(classifier).set_callbacks(after(1)).fit(X, Y)
    assert stopped.lam_ == 5e-3
    assert 0.1 < stopped.sparsity_ < 1


def test_splitting_stopped_after_its_ramp_keeps_the_network_of_that_moment():
    stopped = quick(max_iter=8, finetune_iter=0).set_callbacks(after(6)).fit(X, Y)
    fitted = Fitted()
    quick(max_iter=8, finetune_iter=0).set_callbacks(fitted).fit(X, Y)
    assert torch.equal(state(stopped), state(fitted.fitted[5]))


def test_rule_sees_the_history_and_cannot_change_it():
    seen = []

    def rule(history):
        seen.append(len(history["loss"]))
        history["loss"].clear()
        return np.bool_(seen[-1] == 5)

    stopped = quick(**SHORT).set_callbacks(StopWhen(rule)).fit(X, Y)
    assert seen == [1, 2, 3, 4, 5]
    assert len(stopped.history_["loss"]) == stopped.n_iter_ == 5


@pytest.mark.parametrize(("finetune_iter", "least", "most"), [(20, 0.0, 0.3), (10**6, 0.1, 0.6)])
def test_time_limit_shares_its_time_between_splitting_and_fine_tuning(finetune_iter, least, most):
    recorder, limit = Recorder(), 2.0
    classifier = quick(max_iter=10**6, finetune_iter=finetune_iter).set_callbacks(TimeLimit(limit), recorder)
    fitted = classifier.fit(X, Y)
    share = sum("fine-tuning" in one for one in epochs(recorder.ended)) / fitted.n_iter_
    assert least < share < most
    assert fitted.sparsity_ == quick(**SHORT).fit(X, Y).sparsity_
    assert fitted.history_["sparsity"][-1] == fitted.sparsity_


def test_stopped_run_is_over_for_its_checkpoint_too(tmp_path):
    classifier = quick(**SHORT, checkpoint=tmp_path / "fit.safetensors").set_callbacks(TimeLimit(AT_ONCE))
    first = clone(classifier).fit(X, Y)
    assert first.n_iter_ == 1
    assert_same_fit(clone(classifier).set_callbacks().fit(X, Y), first)


def test_stopped_run_that_was_killed_ends_as_an_undisturbed_one(tmp_path):
    whole = quick(max_iter=8, finetune_iter=2).set_callbacks(after(2)).fit(X, Y)
    for n in range(1, 6):  # at the beginning, and after each of the epochs
        classifier = quick(max_iter=8, finetune_iter=2, checkpoint=tmp_path / f"{n}.safetensors")
        classifier.set_callbacks(after(2))
        with killed_after(n), pytest.raises(Killed):
            classifier.fit(X, Y)
        assert_same_fit(classifier.fit(X, Y), whole)


# The log


def test_log_is_the_history(tmp_path):
    log, lines = tmp_path / "log.csv", tmp_path / "log.jsonl"
    classifier = quick(**SHORT).set_callbacks(HistoryLog(log), HistoryLog(lines)).fit(X, Y)
    assert_same_history(read_csv(log), classifier.history_)
    records = [json.loads(line) for line in lines.read_text().splitlines()]
    assert [record.pop("epoch") for record in records] == [1, 2, 3, 4, 5, 6]
    assert [record["loss"] for record in records] == classifier.history_["loss"]
    assert {record["validation_score"] for record in records} == {None}
    again = clone(classifier).set_params(random_state=1, max_iter=2).fit(X, Y)
    assert_same_history(read_csv(log), again.history_)


@pytest.mark.parametrize("every", [1, 2])
def test_log_of_a_killed_run_goes_on_without_double_lines(tmp_path, every):
    log = tmp_path / "log.csv"
    classifier = quick(**SHORT, checkpoint=tmp_path / "fit.safetensors", checkpoint_every=every)
    classifier.set_callbacks(HistoryLog(log))
    with killed_after(3), pytest.raises(Killed):
        classifier.fit(X, Y)
    assert len(read_csv(log)["loss"]) == 2 * every
    with open(log, "a", encoding="utf-8") as file:
        file.write("5,0.1")  # as a full disk leaves it
    classifier.fit(X, Y)
    assert_same_history(read_csv(log), classifier.history_)
    log.unlink()
    classifier.fit(X, Y)  # trains nothing
    assert_same_history(read_csv(log), classifier.history_)


KILLED = """
import os, signal, sys
sys.path.insert(0, "tests")
from classifiers import quick
from conftest import make_stripes
from sparsecnn.callbacks import HistoryLog, StopWhen
end = lambda history: len(history["loss"]) == 3 and os.kill(os.getpid(), signal.SIGKILL)
quick().set_callbacks(HistoryLog(sys.argv[1]), StopWhen(end)).fit(*make_stripes(60, random_state=0))
"""


@pytest.mark.slow
def test_killed_process_leaves_whole_lines(tmp_path):
    log, root = tmp_path / "log.csv", Path(__file__).parent.parent
    assert subprocess.run([sys.executable, "-c", KILLED, log], cwd=root, check=False).returncode == -9
    whole = quick(max_iter=8).fit(X, Y).history_
    assert_same_history(read_csv(log), {name: values[:3] for name, values in whole.items()})


def test_log_of_an_interrupted_fit_is_its_history(tmp_path):
    classifier = small(module=interrupted_after(2 * 3 + 1)).set_callbacks(HistoryLog(tmp_path / "log.csv"))
    with pytest.warns(TrainingInterruptedWarning):
        classifier.fit(X, Y)
    assert_same_history(read_csv(tmp_path / "log.csv"), classifier.history_)


def test_every_network_of_an_ensemble_calls_the_callbacks_of_its_estimator(tmp_path):
    network = quick(**SHORT, random_state=None).set_callbacks(HistoryLog(tmp_path), StopWhen(is_third))
    ensemble = SparseCurveEnsemble(network, n_members=3, cv=2, random_state=0)
    ensemble.fit(np.stack([X, X[::-1]], axis=1), Y)
    assert len(list(tmp_path.iterdir())) == 2 * 2 + 3  # of each view in each fold, and of the members
    logs = [str(read_csv(path)) for path in tmp_path.iterdir()]
    for member in ensemble.members_:
        assert len(member.history_["loss"]) == 4
        assert str(member.history_) in logs


@pytest.mark.slow
def test_search_in_processes_logs_every_fit(tmp_path):
    classifier = quick(**FOLD).set_callbacks(HistoryLog(tmp_path), TimeLimit("1h"), StopWhen(is_third))
    search = GridSearchCV(classifier, {"target_sparsity": [0.5, 0.9]}, cv=2, n_jobs=2).fit(X, Y)
    logs = [read_csv(path) for path in tmp_path.iterdir()]
    assert [len(log["loss"]) for log in logs] == [4] * 5
    assert any(str(log) == str(search.best_estimator_.history_) for log in logs)


def is_third(history):
    return len(history["loss"]) >= 3


def test_log_refuses_what_it_cannot_write(tmp_path):
    other = tmp_path / "data.csv"
    other.write_text("x,y\n1,2\n")
    with pytest.raises(ValueError, match="no log of a history, and is not replaced"):
        quick(**SHORT).set_callbacks(HistoryLog(other)).fit(X, Y)
    assert other.read_text() == "x,y\n1,2\n"
    with pytest.raises(FileNotFoundError, match="in a folder that does not exist"):
        quick(**SHORT).set_callbacks(HistoryLog(tmp_path / "none" / "log.csv")).fit(X, Y)
    with pytest.raises(ValueError, match=r"path must end in \.csv or \.jsonl, or be an existing folder"):
        HistoryLog(tmp_path / "log.txt")
    with pytest.raises(TypeError, match="path must be a str or path-like object, got 3"):
        HistoryLog(3)


def test_log_that_cannot_go_on_warns_and_training_does(tmp_path):
    class Removed(OwnNetwork):
        def forward(self, x):
            for log in filter(Path.is_file, tmp_path.glob("*.csv")):
                log.unlink()
                log.mkdir()
            return super().forward(x)

    classifier = quick(**SHORT, module=Removed).set_callbacks(HistoryLog(tmp_path / "log.csv"))
    with pytest.warns(UserWarning, match="cannot be written .*: training goes on") as caught:
        classifier.fit(X, Y)
    assert caught[0].filename == __file__
    assert classifier.n_iter_ == 6


# As objects


@pytest.mark.parametrize("limit", [0, -1, True, "soon", "0s", float("nan"), None])
def test_time_limit_refuses_what_is_no_time(limit):
    with pytest.raises(ValueError, match="limit must be a number of seconds above 0, or a time such as"):
        TimeLimit(limit)


def test_stop_when_refuses_what_is_no_rule():
    with pytest.raises(TypeError, match="rule must be a function of the history, got 'loss'"):
        StopWhen("loss")
    with pytest.raises(ValueError, match="phase must be 'splitting', 'fine-tuning' or None, got 'path'"):
        StopWhen(is_third, "path")


def test_callbacks_survive_clones_and_pickles_and_are_no_parameters(tmp_path):
    callbacks = [TimeLimit("1h"), StopWhen(is_third), HistoryLog(tmp_path / "log.csv")]
    classifier = quick(**SHORT).set_callbacks(*callbacks)
    assert classifier.get_params().keys() == quick().get_params().keys()
    assert clone(classifier).fit(X, Y).n_iter_ == 4
    loaded = pickle.loads(pickle.dumps(classifier.fit(X, Y)))
    (tmp_path / "log.csv").unlink()
    assert_same_fit(loaded.fit(X, Y), classifier)
    assert_same_history(read_csv(tmp_path / "log.csv"), classifier.history_)


def test_callbacks_end_the_fit_of_a_regressor(bars):
    model = regressor().set_callbacks(StopWhen(lambda history: len(history["loss"]) >= 2))
    assert model.fit(*bars).n_iter_ == 2 + 1  # the first of fine-tuning ends that
