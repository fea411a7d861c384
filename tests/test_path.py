"""Target sparsities, the path along them, and the search that chooses one."""

import pickle

import numpy as np
import pandas as pd
import pytest
import torch
from conftest import make_stripes
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV, GroupKFold
from torch import nn

from sparsecnn import RVSM, SparseCurveCNNClassifier, SparseCurveCNNClassifierCV
from sparsecnn._training.trainer import Trainer
from sparsecnn.exceptions import DeadLayerWarning, TrainingInterruptedWarning
from sparsecnn.inspection import SparsityPathDisplay
from sparsecnn.model_selection import _path_cv, sparsity_path
from sparsecnn.penalties import L0, PENALTIES


def quick(**params):
    """Return a classifier that trains in a second."""
    small = {"channels": (4, 4, 8), "max_iter": 8, "refine_iter": 4, "batch_size": 32, "augment": False}
    return SparseCurveCNNClassifier(**small | {"random_state": 0} | params)


def wide(**params):
    """Return a quick classifier of 1,024 fully connected weights, so that a tenth of a percent is one."""
    return quick(channels=(4, 4, 128), **params)


def count_epochs(monkeypatch, interrupt_after=10**6):
    """Return a list that grows with every epoch trained, and interrupt after so many."""
    epochs, train_epoch = [], Trainer.train_epoch

    def counted(*args, **kwargs):
        epochs.append(1)
        if len(epochs) > interrupt_after:
            raise KeyboardInterrupt
        return train_epoch(*args, **kwargs)

    monkeypatch.setattr(Trainer, "train_epoch", counted)
    return epochs


# --- a target sparsity ------------------------------------------------------------------------------------


@pytest.mark.parametrize("penalty", sorted(PENALTIES))
def test_target_sparsity_is_reached_with_every_penalty(stripes, penalty):
    classifier = wide(penalty=penalty, target_sparsity=0.95).fit(*stripes)
    assert classifier.sparsity_ == pytest.approx(0.95, abs=1e-3)
    assert classifier.lam_ > 0


@pytest.mark.parametrize("scope", ["global", "layer"])
def test_target_sparsity_of_all_layers(stripes, scope):
    classifier = wide(penalized="all", target_sparsity=0.5, sparsity_scope=scope).fit(*stripes)
    assert classifier.sparsity_ == pytest.approx(0.5, abs=1e-3)
    layers = classifier.layer_sparsity_
    sizes = {"conv1": 36, "conv2": 144, "conv3": 4608, "fc": 1024}
    if scope == "layer":
        assert layers == {name: pytest.approx(0.5, abs=0.5 / size) for name, size in sizes.items()}
        assert list(classifier.lam_) == list(sizes)
        assert len(set(classifier.lam_.values())) > 1
    else:
        assert max(layers.values()) - min(layers.values()) > 0.1
        assert isinstance(classifier.lam_, float)


def test_target_sparsity_rises_to_half_of_max_iter_and_is_held(stripes):
    history = wide(target_sparsity=0.9, max_iter=10).fit(*stripes).history_["sparsity"]
    assert (np.diff(history) >= -1e-3).all()
    assert history[0] < 0.9 - 1e-3
    assert history[4:] == pytest.approx([0.9] * 10, abs=1e-3)


def test_target_sparsity_of_zero_is_dense(stripes):
    classifier = quick(target_sparsity=0.0).fit(*stripes)
    assert (classifier.sparsity_, classifier.lam_) == (0.0, 0.0)


def test_warm_start_goes_from_one_target_to_the_next(stripes):
    classifier = wide(target_sparsity=0.8, warm_start=True).fit(*stripes)
    for target in (0.95, 0.5):
        classifier.set_params(target_sparsity=target).fit(*stripes)
        assert classifier.sparsity_ == pytest.approx(target, abs=1e-3)
        assert min(classifier.history_["sparsity"]) >= min(target, 0.8) - 1e-3


def test_partial_fit_follows_the_target(stripes):
    classifier = wide(target_sparsity=0.9, max_iter=4)
    for _ in range(4):
        classifier.partial_fit(*stripes)
    assert classifier.sparsity_ == pytest.approx(0.9, abs=1e-3)


def test_target_sparsity_is_a_grid_axis(stripes):
    search = GridSearchCV(quick(max_iter=2), {"target_sparsity": [0.5, 0.9]}, cv=2).fit(*stripes)
    assert search.best_estimator_.sparsity_ == pytest.approx(search.best_params_["target_sparsity"], abs=0.05)


def test_lam_and_target_sparsity_exclude_each_other(stripes):
    with pytest.raises(ValueError, match=r"lam=0.1 and target_sparsity=0.9 exclude each other"):
        quick(lam=0.1, target_sparsity=0.9).fit(*stripes)


@pytest.mark.parametrize("target", [1, 1.0, 95, -0.1, float("nan")])
def test_target_sparsity_out_of_range_is_refused(stripes, target):
    with pytest.raises(ValueError, match="'target_sparsity' parameter of"):
        quick(target_sparsity=target).fit(*stripes)


def test_target_sparsity_must_leave_a_weight_for_every_class(stripes):
    with pytest.raises(ValueError, match=r"fewer than 2 of the 64 .* at most 0.96875\."):
        quick(target_sparsity=0.98).fit(*stripes)
    assert quick(target_sparsity=0.96875).fit(*stripes).n_nonzero_ == 2


def test_target_sparsity_of_each_layer_must_leave_weights_in_each(stripes):
    layered = {"penalized": "all", "sparsity_scope": "layer"}
    with pytest.raises(ValueError, match=r"fewer than 1 of the 36 weights of layer 'conv1'.* at most 0.972"):
        quick(target_sparsity=0.99, **layered).fit(*stripes)
    with pytest.raises(ValueError, match=r"sparsities: a target of 0.99 leaves .* layer 'conv1'"):
        sparsity_path(*stripes, estimator=quick(**layered), sparsities=[0.5, 0.99])


def test_partial_fit_may_change_from_a_target_to_lam(stripes):
    classifier = quick(target_sparsity=0.9, max_iter=2).partial_fit(*stripes).partial_fit(*stripes)
    with pytest.raises(ValueError, match="leaves fewer than 2"):
        classifier.set_params(target_sparsity=0.9999).partial_fit(*stripes)
    classifier.set_params(target_sparsity=None, lam=0.0).partial_fit(*stripes)
    assert (classifier.sparsity_, classifier.lam_) == (0.0, 0.0)


def test_tied_layers_are_trained(stripes):
    class Tied(nn.Module):
        def __init__(self):
            super().__init__()
            self.a, self.b, self.out = nn.Linear(256, 256), nn.Linear(256, 256), nn.Linear(256, 2)
            self.b.weight = self.a.weight

        def forward(self, x):
            return self.out(self.b(self.a(x.flatten(1)).relu()).relu())

    assert quick(module=Tied, target_sparsity=0.5).fit(*stripes).sparsity_ == 0.5


def test_dead_layer_at_a_target_says_what_to_ask_for(stripes):
    with pytest.warns(DeadLayerWarning, match="sparsity_scope='layer'"):
        quick(module=StrongEnd(), penalized="all", target_sparsity=0.995, max_iter=1).fit(*stripes)


class StrongEnd(nn.Module):
    def __init__(self):
        super().__init__()
        self.start, self.end = nn.Linear(256, 8), nn.Linear(8, 2)
        with torch.no_grad():
            self.start.weight.mul_(1e-3)
            self.end.weight.fill_(5.0)

    def forward(self, x):
        return self.end(self.start(x.flatten(1)))


# --- RVSM -------------------------------------------------------------------------------------------------


def regression(target_sparsity=0.9, **params):
    """Return a linear regression of 3 among 40 features, trained to `target_sparsity`."""
    generator = torch.Generator().manual_seed(0)
    X = torch.randn(200, 40, generator=generator)
    w = torch.zeros(40, requires_grad=True)
    optimizer = RVSM(torch.optim.Adam([w], lr=0.05), [w], L0(), target_sparsity=target_sparsity, **params)
    for _ in range(200):
        optimizer.zero_grad()
        (X @ w - X[:, :3].sum(1)).square().mean().backward()
        optimizer.step()
    return w, optimizer


def test_rvsm_reaches_its_target_and_the_true_support():
    w, optimizer = regression(1 - 3 / 40)
    optimizer.finalize()
    assert w.nonzero().flatten().tolist() == [0, 1, 2]
    assert optimizer.lam > 0


def test_rvsm_target_may_change_between_steps():
    w, optimizer = regression(0.5)
    optimizer.target_sparsity = 0.9
    optimizer.finalize()
    assert int(w.count_nonzero()) == 4
    optimizer.target_sparsity = None
    optimizer.lam = 0.0
    optimizer.step()
    assert optimizer.lam == 0.0


def test_rvsm_layer_scope_has_one_lam_for_each_tensor():
    weights = [torch.linspace(0.1, 1, 10).requires_grad_(), torch.linspace(1, 10, 10).requires_grad_()]
    sgd = torch.optim.SGD(weights, lr=0.1)
    optimizer = RVSM(sgd, weights, L0(), target_sparsity=0.5, sparsity_scope="layer")
    assert [int(u.count_nonzero()) for u in optimizer.u] == [5, 5]
    assert optimizer.lam == pytest.approx((0.5**2 / 2, 5**2 / 2))
    expected = 1 + 5 * sum(optimizer.lam) + optimizer.distance() ** 2 / 2
    assert optimizer.lagrangian(1.0) == pytest.approx(expected, rel=1e-5)


def test_rvsm_checkpoint_and_pickle_keep_the_target():
    _, optimizer = regression(0.9)
    _, other = regression(0.5)
    optimizer.step()
    other.load_state_dict(optimizer.state_dict())
    assert other._n_steps == optimizer._n_steps == 201
    assert other.target_sparsity == pickle.loads(pickle.dumps(optimizer)).target_sparsity == 0.9


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({}, "either lam or target_sparsity"),
        ({"lam": 0.1, "target_sparsity": 0.5}, "either lam or target_sparsity"),
        ({"target_sparsity": 1.0}, "from 0 to below 1, got 1.0"),
        ({"target_sparsity": 90}, "from 0 to below 1, got 90"),
        ({"lam": [0.1, 0.2]}, "one for each of the 1 tensors"),
        ({"target_sparsity": 0.5, "sparsity_scope": "all"}, "'global' or 'layer', got 'all'"),
    ],
    ids=str,
)
def test_rvsm_refuses_bad_targets(params, message):
    w = torch.ones(3, requires_grad=True)
    with pytest.raises(ValueError, match=message):
        RVSM(torch.optim.SGD([w], lr=0.1), [w], L0(), **params)


# --- the path ---------------------------------------------------------------------------------------------


def test_path_has_the_wanted_sparsities(stripes):
    wanted = [0.0, 0.5, 0.9, 0.99]
    path = sparsity_path(*stripes, estimator=wide(), sparsities=wanted)
    assert path.sparsities == pytest.approx(wanted, abs=1e-3)
    assert path.n_nonzeros.tolist() == [1024, 512, 102, 10]
    assert path.lams[0] == 0
    assert (path.lams[1:] > 0).all()
    assert len(path) == len(path[1:]) + 1
    assert path.score(*make_stripes(200, random_state=1)).min() > 0.9


def test_path_points_are_classifiers_of_their_own(stripes):
    path = sparsity_path(*stripes, estimator=wide(), sparsities=[0.5, 0.9])
    assert [fitted.target_sparsity for fitted in path] == [0.5, 0.9]
    assert path[0].module_ is not path[1].module_
    assert path[1].sparsity_ == pytest.approx(float((path[1].module_.fc.weight == 0).double().mean()))
    assert pickle.loads(pickle.dumps(path)).n_nonzeros.tolist() == path.n_nonzeros.tolist()
    frozen = path[0].module_.fc.weight == 0
    assert (path[0].fit(*stripes).module_.fc.weight == 0).sum() == frozen.sum()


def test_path_along_lam(stripes):
    path = sparsity_path(*stripes, estimator=wide(), lams=[0.0, 1e-4, 1e-3])
    assert path.lams.tolist() == [0.0, 1e-4, 1e-3]
    assert path.sparsities[0] == 0
    assert (np.diff(path.sparsities) > 0).all()


def test_path_is_as_accurate_as_separate_fits():
    train, test = make_stripes(300, random_state=0), make_stripes(500, random_state=1)
    wanted = [0.5, 0.9, 0.98]
    path = sparsity_path(*train, estimator=wide(), sparsities=wanted)
    separate = [wide(target_sparsity=target).fit(*train).score(*test) for target in wanted]
    assert (path.score(*test) > np.array(separate) - 0.02).all()


def test_path_of_twenty_points_costs_three_fits_at_most(stripes, monkeypatch):
    epochs = count_epochs(monkeypatch)
    sparsity_path(
        stripes[0][:8], stripes[1][:8], estimator=quick(max_iter=24, refine_iter=8, batch_size="auto")
    )
    assert len(epochs) <= 3 * 32


def test_path_default_points_run_from_dense_to_a_few_weights(stripes):
    path = sparsity_path(*stripes, estimator=wide(max_iter=2, refine_iter=1), sparsities=5)
    assert path.n_nonzeros.tolist() == [1024, 512, 128, 32, 8]
    few = quick(module=lambda: nn.Sequential(nn.Flatten(), nn.AdaptiveAvgPool1d(3), nn.Linear(3, 2)))
    assert sparsity_path(*stripes, estimator=few, sparsities=5).n_nonzeros.tolist() == [6, 3]


@pytest.mark.parametrize("refine_iter", [0, 2])
def test_path_refines_as_its_estimator_does(stripes, refine_iter, monkeypatch):
    epochs = count_epochs(monkeypatch)
    sparsity_path(*stripes, estimator=quick(refine_iter=refine_iter), sparsities=[0.5, 0.9])
    assert len(epochs) == 4 + 2 * (1 + refine_iter)


def test_path_leaves_its_estimator_and_the_global_generator_alone(stripes):
    estimator = quick(lam=0.1, module=lambda: nn.Sequential(nn.Flatten(), nn.Linear(256, 2)))
    before, state = estimator.get_params(), torch.get_rng_state()
    sparsity_path(*stripes, estimator=estimator, sparsities=[0.5])
    assert estimator.get_params() == before
    assert not hasattr(estimator, "classes_")
    assert torch.equal(torch.get_rng_state(), state)


def test_path_is_the_same_for_the_same_seed(stripes):
    first, second = (sparsity_path(*stripes, estimator=quick(), sparsities=[0.5, 0.9]) for _ in range(2))
    assert torch.equal(first[1].module_.fc.weight, second[1].module_.fc.weight)


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"sparsities": [0.9, 0.5]}, r"sparsities must be ascending, each only once, got \[0.9, 0.5\]"),
        ({"sparsities": [0.5, 0.5]}, "ascending, each only once"),
        ({"sparsities": [0.5, 1.0]}, "below 1, got 1.0"),
        ({"sparsities": [50, 90]}, "below 1, got 90.0"),
        ({"sparsities": [-0.1, 0.5]}, "at least 0"),
        ({"sparsities": []}, "at least 0"),
        ({"sparsities": 1}, "at least 2 points"),
        ({"sparsities": [0.5, 0.999]}, "sparsities: a target of 0.999 leaves fewer than 2 of the 64 weights"),
        ({"lams": [0.1, 0.01]}, "lams must be ascending"),
        ({"lams": [0.1], "sparsities": [0.5]}, "either sparsities or lams"),
        ({"lams": [float("nan")]}, "finite"),
    ],
    ids=str,
)
def test_path_refuses_bad_points(stripes, params, message):
    with pytest.raises(ValueError, match=message):
        sparsity_path(*stripes, estimator=quick(), **params)


def test_path_refuses_an_estimator_without_penalty(stripes):
    with pytest.raises(ValueError, match="penalty=None"):
        sparsity_path(*stripes, estimator=quick(penalty=None))


def test_interrupted_path_keeps_the_points_reached(stripes, monkeypatch):
    epochs = count_epochs(monkeypatch, interrupt_after=9)
    with pytest.warns(TrainingInterruptedWarning, match="ends after 2 of 4 points"):
        path = sparsity_path(*stripes, estimator=quick(refine_iter=1), sparsities=[0.2, 0.5, 0.8, 0.9])
    assert len(path) == 2
    epochs.extend([1] * 10)
    with pytest.raises(KeyboardInterrupt):
        sparsity_path(*stripes, estimator=quick(), sparsities=[0.5])


# --- the search along the path ----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def search():
    X, y = make_stripes(120, random_state=0)
    return SparseCurveCNNClassifierCV(quick(), sparsities=[0.0, 0.5, 0.9], cv=3).fit(X, y)


def test_search_results_have_the_shape_of_a_grid_search(search, stripes):
    grid = GridSearchCV(quick(max_iter=1), {"target_sparsity": [0.0, 0.5, 0.9]}, cv=3).fit(*stripes)
    ours, theirs = search.cv_results_, grid.cv_results_
    assert set(theirs) <= set(ours)
    assert {key: np.shape(ours[key]) for key in theirs} == {key: np.shape(theirs[key]) for key in theirs}
    assert ours["params"] == theirs["params"]
    assert pd.DataFrame(ours).shape[0] == 3
    assert ours["mean_test_score"] == pytest.approx(
        np.mean([ours[f"split{k}_test_score"] for k in range(3)], axis=0)
    )


def test_search_picks_the_sparsest_within_one_standard_error(search):
    scores, errors = search.cv_results_["mean_test_score"], search.cv_results_["std_test_score"] / 2**0.5
    within = np.flatnonzero(scores >= scores.max() - errors[scores.argmax()])
    assert search.best_index_ == within[-1]
    assert search.best_params_ == {"target_sparsity": [0.0, 0.5, 0.9][search.best_index_]}
    assert search.sparsity_ == search.best_estimator_.sparsity_


def test_search_walks_the_path_that_it_scored(search, stripes):
    path = sparsity_path(*stripes, estimator=quick(), sparsities=[0.0, 0.5, 0.9])
    for ours, theirs in zip(
        search.best_estimator_.module_.parameters(),
        path[search.best_index_].module_.parameters(),
        strict=True,
    ):
        assert torch.equal(ours, theirs)


def test_search_predicts_as_its_best_estimator(search):
    X, y = make_stripes(50, random_state=1)
    assert search.score(X, y) == search.best_estimator_.score(X, y) > 0.9
    for method in ("predict", "predict_proba", "predict_log_proba", "decision_function"):
        assert np.array_equal(getattr(search, method)(X), getattr(search.best_estimator_, method)(X))


def test_search_keeps_groups_together(stripes, monkeypatch):
    X, y = stripes
    groups = np.arange(len(y)) // 6
    rows = {row.tobytes(): group for row, group in zip(X.reshape(len(X), -1), groups, strict=True)}
    sides = []

    def spy(estimator, scorer, points, X, y, train, test):
        sides.append([{rows[X[i].tobytes()] for i in side} for side in (train, test)])
        return score_path(estimator, scorer, points, X, y, train, test)

    score_path = _path_cv._score_path
    monkeypatch.setattr(_path_cv, "_score_path", spy)
    by_person = SparseCurveCNNClassifierCV(quick(max_iter=2), sparsities=[0.0, 0.5], cv=2)
    by_person.fit(X, y, groups=groups)
    assert len(sides) == by_person.n_splits_ == 2
    assert all(train | test == set(groups) and not train & test for train, test in sides)


def test_search_takes_splits_as_given(stripes):
    X, y = stripes
    given = list(GroupKFold(3).split(X, y, np.arange(len(y)) // 6))
    own = SparseCurveCNNClassifierCV(quick(max_iter=2), sparsities=[0.0, 0.5], cv=given).fit(X, y)
    assert own.n_splits_ == 3


def test_search_folds_cover_images_of_weight_zero():
    X, y = make_stripes(90, random_state=0)
    y = np.where(np.arange(90) < 30, "left out", y)
    weights = {"left out": 0, "across": 1, "down": 1}
    search = SparseCurveCNNClassifierCV(
        quick(class_weight=weights, batch_size=16), sparsities=[0.0, 0.5], cv=2
    )
    scores = search.fit(X, y, groups=np.arange(90) // 3).cv_results_["mean_test_score"]
    assert (scores < 0.75).all()  # a third of the images are of the class that was not learnt


def test_search_scores_with_its_scorer(stripes):
    search = SparseCurveCNNClassifierCV(
        quick(max_iter=4), sparsities=[0.0, 0.5], cv=2, scoring="neg_log_loss"
    ).fit(*stripes)
    assert search.score(*stripes) < 0
    assert search.cv_results_["mean_test_score"].max() < 0


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"penalty": None}, "penalty=None"),
        ({"solver": "foo"}, "'solver' parameter of SparseCurveCNNClassifier"),
    ],
    ids=str,
)
def test_search_refuses_a_bad_estimator_before_training(stripes, params, message, monkeypatch):
    monkeypatch.setattr(Trainer, "train_epoch", None)
    with pytest.raises(ValueError, match=message):
        SparseCurveCNNClassifierCV(quick(**params), cv=2, sparsities=[0.5, 0.9]).fit(*stripes)


def test_search_does_not_use_lam_and_target_of_its_estimator(stripes):
    search = SparseCurveCNNClassifierCV(quick(lam=0.1, target_sparsity=0.999, max_iter=2), cv=2)
    assert search.set_params(sparsities=[0.0, 0.5]).fit(*stripes).sparsity_ in (0.0, 0.5)


def test_interrupted_search_stops_and_leaves_nothing(stripes, monkeypatch):
    epochs = count_epochs(monkeypatch, interrupt_after=9)
    search = SparseCurveCNNClassifierCV(quick(refine_iter=1), cv=2, sparsities=[0.0, 0.5, 0.8])
    with pytest.raises(KeyboardInterrupt):
        search.fit(*stripes)
    assert len(epochs) == 10
    assert not hasattr(search, "cv_results_")


def test_refitted_search_forgets_column_names(stripes):
    X, y = stripes
    table = pd.DataFrame(X.reshape(len(X), -1)).rename(columns=str)
    search = SparseCurveCNNClassifierCV(quick(max_iter=2), cv=2, sparsities=[0.0, 0.5]).fit(table, y)
    assert list(search.feature_names_in_) == list(table.columns)
    assert not hasattr(search.fit(X, y), "feature_names_in_")


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_search_gives_the_same_for_any_number_of_jobs(search, n_jobs):
    again = clone(search).set_params(n_jobs=n_jobs).fit(*make_stripes(120, random_state=0))
    assert again.cv_results_["mean_test_score"] == pytest.approx(search.cv_results_["mean_test_score"])


def test_failed_search_leaves_the_old_one(search, stripes):
    before = vars(search).copy()
    with pytest.raises(ValueError, match="at least two classes"):
        search.fit(stripes[0], np.zeros(len(stripes[1])))
    assert vars(search) == before


def test_search_refuses_another_estimator(stripes):
    with pytest.raises(ValueError, match="'estimator' parameter of SparseCurveCNNClassifierCV"):
        SparseCurveCNNClassifierCV(nn.Linear(2, 2)).fit(*stripes)


# --- its picture ------------------------------------------------------------------------------------------


def test_display_needs_a_search_along_the_path(stripes):
    grid = GridSearchCV(quick(max_iter=1), {"beta": [1.0]}, cv=2).fit(*stripes)
    with pytest.raises(ValueError, match=r"fitted SparseCurveCNNClassifierCV.*got a GridSearchCV"):
        SparsityPathDisplay.from_estimator(grid)


def test_display_draws_scores_and_the_choice(search):
    display = SparsityPathDisplay.from_estimator(search)
    line = display.ax_.lines[0]
    assert line.get_xdata() == pytest.approx(100 * (1 - search.cv_results_["mean_test_sparsity"]))
    assert line.get_ydata() == pytest.approx(search.cv_results_["mean_test_score"])
    assert "chosen" in display.ax_.get_legend().get_texts()[0].get_text()
    assert display.ax_.xaxis_inverted()


def test_display_draws_paths_into_one_picture(stripes):
    path = sparsity_path(*stripes, estimator=quick(max_iter=2, refine_iter=1), sparsities=[0.0, 0.5])
    display = SparsityPathDisplay.from_path(path, *stripes)
    again = SparsityPathDisplay.from_path(path, *stripes, ax=display.ax_, label="again")
    assert again.figure_ is display.figure_
    assert again.ax_.xaxis_inverted()
    again.figure_.canvas.draw()
    assert len(again.ax_.containers) == 2
