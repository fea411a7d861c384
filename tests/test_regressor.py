"""The regressor: its loss, its targets in any unit, and where it works as the classifier does."""

import copy
import pickle

import numpy as np
import pytest
import torch
from classifiers import OwnNetwork, own_network, state
from interruptions import Killed, killed_after
from numpydoc.docscrape import get_doc_object
from regressors import make_bars, regressor
from sklearn.base import clone
from sklearn.metrics import r2_score
from sklearn.model_selection import GridSearchCV, GroupKFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MaxAbsScaler

from sparsecnn import SparseCurveCNNClassifier, SparseCurveCNNClassifierCV, SparseCurveCNNRegressor
from sparsecnn._training import random_split
from sparsecnn.binarization import binarize
from sparsecnn.model_selection import sparsity_path, sparsity_scorer
from sparsecnn.penalties import Binary


def own(n_outputs=1):
    """Return a regressor of a network that has no batch normalisation."""
    torch.manual_seed(0)
    return regressor(module=OwnNetwork(n_outputs), penalty=None, solver="adam", weight_decay=0.0)


def test_thickness_of_unseen_bars_is_predicted(thickness_regressor):
    X, y = make_bars(60, random_state=1)
    assert thickness_regressor.score(X, y) > 0.9
    assert thickness_regressor.score(X, y) == r2_score(y, thickness_regressor.predict(X))
    assert thickness_regressor.sparsity_ == 0.75


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("n_outputs", [1, 2])
def test_loss_is_the_weighted_mean_squared_error_of_standardised_targets(bars, weighted, n_outputs):
    X, y = bars
    targets = np.c_[y, y**2][:, :n_outputs]
    weight = np.random.default_rng(0).random(len(y)) if weighted else None
    model = own(n_outputs).set_params(max_iter=1, finetune_iter=0, batch_size=len(X))
    start = copy.deepcopy(model.module)
    model.fit(X, targets, sample_weight=weight)
    mean = np.average(targets, axis=0, weights=weight)
    scale = np.sqrt(np.average((targets - mean) ** 2, axis=0, weights=weight))
    with torch.no_grad():
        scores = start(torch.from_numpy(X / 255).float()).numpy()
    errors = ((scores - (targets - mean) / scale) ** 2).mean(axis=1)
    assert model.loss_curve_[0] == pytest.approx(np.average(errors, weights=weight), rel=1e-5)
    np.testing.assert_allclose(model.target_mean_, mean, rtol=1e-12)
    np.testing.assert_allclose(model.target_scale_, scale, rtol=1e-12)


def test_prediction_is_the_network_s_in_the_unit_of_y(bars, two_target_regressor):
    X, model = bars[0], two_target_regressor
    with torch.no_grad():
        scores = model.module_(torch.from_numpy(X[:, None] / 255).float()).double().numpy()
    expected = scores * model.target_scale_ + model.target_mean_
    np.testing.assert_allclose(model.predict(X), expected, atol=1e-4)


@pytest.mark.parametrize(("factor", "shift"), [(1024.0, 0.0), (1e-200, 0.0), (1e200, 0.0), (-3.0, 1e6)])
def test_unit_of_y_changes_the_predictions_accordingly_and_nothing_else(
    bars, thickness_regressor, factor, shift
):
    X, y = bars
    other = regressor().fit(X, factor * y + shift)
    sign = np.sign(factor)
    expected = factor * thickness_regressor.predict(X) + shift
    spread = abs(factor) * y.std()
    if sign > 0:
        np.testing.assert_allclose(other.predict(X), expected, atol=1e-3 * spread)
        np.testing.assert_allclose(other.loss_curve_, thickness_regressor.loss_curve_, rtol=1e-3)
        assert other.lam_ == pytest.approx(thickness_regressor.lam_, rel=1e-3)
    else:  # the first weights are not mirrored
        assert np.corrcoef(other.predict(X), expected)[0, 1] > 0.9


def test_digits_of_targets_beside_a_large_mean_are_kept(bars):
    X, y = bars
    model = regressor().fit(X, 1e9 + y)
    assert model.score(X, 1e9 + y) > 0.9


def test_image_of_weight_0_is_absent(bars):
    X, y = bars
    weight = np.ones(len(y))
    weight[::3] = 0
    spoilt = np.where(weight == 0, 1e6, y)
    model = regressor().fit(X, spoilt, sample_weight=weight)
    kept = regressor().fit(X[weight > 0], y[weight > 0])
    np.testing.assert_array_equal(state(model), state(kept))
    np.testing.assert_array_equal(model.predict(X), kept.predict(X))


def test_weight_2_is_an_image_twice(bars):
    X, y = bars
    weight = np.ones(len(y))
    weight[y > 4] = 2
    twice = np.repeat(np.arange(len(y)), weight.astype(int))
    heavy = own().set_params(batch_size=len(y)).fit(X, y, sample_weight=weight)
    double = own().set_params(batch_size=len(twice)).fit(X[twice], y[twice])
    np.testing.assert_allclose(heavy.predict(X), double.predict(X), atol=1e-3)
    np.testing.assert_allclose(heavy.target_mean_, double.target_mean_)
    assert heavy.score(X, y, sample_weight=weight) == pytest.approx(
        double.score(X[twice], y[twice]), abs=1e-3
    )


def test_equal_targets_get_nearly_equal_predictions(bars):
    X, y = bars
    one, other = regressor().fit(X, np.c_[y, y]).predict(X).T
    assert np.sqrt(np.mean((one - other) ** 2)) < 0.3 * y.std()
    assert min(r2_score(y, one), r2_score(y, other)) > 0.9


def test_column_of_targets_is_one_target(bars, thickness_regressor):
    X, y = bars
    np.testing.assert_array_equal(regressor().fit(X, y[:, None]).predict(X), thickness_regressor.predict(X))


def test_constant_target_is_predicted_beside_another(bars):
    X, y = bars
    model = regressor().fit(X, np.c_[np.full(len(y), 0.1), y])
    assert model.target_scale_[0] == 1
    assert model.target_mean_[0] == 0.1
    constant, thickness = model.predict(X).T
    np.testing.assert_allclose(constant, 0.1, atol=0.2)
    assert r2_score(y, thickness) > 0.9
    alone = regressor(early_stopping=True).fit(X, np.full(len(y), 5.0))
    np.testing.assert_allclose(alone.predict(X), 5, atol=0.2)


@pytest.mark.parametrize("grouped", [False, True])
def test_early_stopping_scores_r2_of_images_held_back(bars, grouped):
    X, y = bars
    weight = np.random.default_rng(1).random(len(y)) + 0.1
    groups = np.arange(len(y)) // 4 if grouped else None
    model = regressor(early_stopping=True, validation_fraction=0.2).fit(X, y, weight, groups)
    train, held_back = random_split(y[:, None], groups, 0.2, np.random.RandomState(0))
    known = r2_score(y[held_back], model.predict(X[held_back]), sample_weight=weight[held_back])
    assert model.best_validation_score_ == pytest.approx(known, abs=5e-3)
    assert model.best_validation_score_ == max(model.validation_scores_[4:])
    np.testing.assert_allclose(model.target_mean_, np.average(y[train], weights=weight[train]))


def test_random_split_keeps_groups_together_and_is_near_the_fraction():
    groups = np.repeat(np.arange(30), np.random.default_rng(0).integers(1, 9, 30))
    y = np.zeros((len(groups), 1))
    for seed in range(20):
        train, held_back = random_split(y, groups, 0.2, np.random.RandomState(seed))
        assert not set(groups[train]) & set(groups[held_back])
        assert sorted([*train, *held_back]) == list(range(len(y)))
        assert abs(len(held_back) / len(y) - 0.2) <= 8 / len(y)


@pytest.mark.parametrize(
    ("y", "groups", "message"),
    [
        (np.arange(2), None, "at least 2 images to validate on"),
        (np.arange(12), np.zeros(12), "12 images of 1 groups"),
        (np.r_[np.zeros(40), 1], None, "targets are all equal"),
    ],
)
def test_early_stopping_without_a_meaningful_split_is_refused(bars, y, groups, message):
    with pytest.raises(ValueError, match=message):
        regressor(early_stopping=True).fit(bars[0][: len(y)], y, groups=groups)


@pytest.mark.parametrize(
    ("y", "message"),
    [
        (["thin"] * 120, "y must hold real numbers"),
        (np.array([None] * 120), "one is missing"),
        (np.full(120, np.nan), "y contains NaN"),
        (np.full(120, np.inf), "y contains infinity"),
        (np.zeros((120, 2, 2)), "dim 3"),
        (np.zeros((120, 0)), "0 feature"),
        (np.zeros(7), "inconsistent"),
        (np.r_[np.full(119, 1e308), -1e308], "too large"),
    ],
)
def test_unusable_targets_are_refused_and_nothing_is_set(bars, y, message):
    model = regressor()
    with pytest.raises((TypeError, ValueError), match=message):
        model.fit(bars[0], y)
    assert not hasattr(model, "module_")
    assert not hasattr(model, "n_features_in_")


def test_sparse_targets_are_refused(bars):
    sparse = pytest.importorskip("scipy.sparse")
    with pytest.raises(ValueError, match=r"y must be a dense array.*toarray"):
        regressor().fit(bars[0], sparse.csr_matrix(bars[1][:, None]))


def test_warm_start_and_partial_fit_keep_the_unit_of_the_first_call(bars):
    X, y = bars
    model = regressor(warm_start=True).fit(X, y)
    before = model.target_mean_, model.target_scale_
    model.fit(X, y + 100)
    assert (model.target_mean_, model.target_scale_) == before
    chunks = regressor()
    for start in (0, 40, 80):
        chunks.partial_fit(X[start : start + 40], y[start : start + 40], n_total=120)
    assert chunks.target_mean_ == y[:40].mean()
    stored = pickle.loads(pickle.dumps(chunks))
    for each in (chunks, stored):
        each.partial_fit(X, y)
    np.testing.assert_array_equal(state(chunks), state(stored))
    with pytest.raises(ValueError, match=r"y has 2 targets, but the network .* has 1"):
        chunks.partial_fit(X, np.c_[y, y])


@pytest.mark.parametrize(
    "params",
    [
        {"penalty": "group_l0", "penalized": "all", "target_macs": 0.5},
        {"penalty": "sparse_group_l0", "penalized": "all", "target_macs": 0.5},
        {"penalty": "tl1", "lam": 1e-4, "solver": "sgd"},
        {"activation": "binary"},
        {"penalty": Binary(), "penalized": "hidden"},
        {"module": own_network, "n_outputs": 2},
    ],
    ids=lambda params: "-".join(params),
)
def test_every_kind_of_training_fits(bars, params):
    X, y = bars
    params = dict(params)
    model = regressor(max_iter=4).set_params(**{k: v for k, v in params.items() if k != "n_outputs"})
    model.fit(X, np.c_[y, -y] if "n_outputs" in params else y)
    assert np.isfinite(model.predict(X)).all()
    assert model.loss_curve_[-1] < 0.9


def test_own_module_of_another_width_is_refused(bars):
    with pytest.raises(ValueError, match=r"scores of shape \(2, 1\), one for each target.* \(2, 2\)"):
        regressor(module=own_network).fit(*bars)


def test_curves_in_one_row_are_computed_in_double_precision():
    rng = np.random.default_rng(0)
    frequency = rng.uniform(1, 4, 100)
    X = np.sin(frequency[:, None] * np.linspace(0, 6, 60))
    model = regressor(max_iter=12).fit(X, frequency)
    assert next(model.module_.parameters()).dtype == torch.float64
    assert model.score(X, frequency) > 0.8


def test_grid_search_pipeline_and_groups_work(bars):
    X, y = bars
    X = X.reshape(len(X), -1)
    grid = {"sparsecurvecnnregressor__penalty": ["l0", "tl1"], "sparsecurvecnnregressor__lam": [1e-5, 1e-4]}
    pipeline = make_pipeline(MaxAbsScaler(), regressor(max_iter=2, finetune_iter=1))
    scoring = {"r2": "r2", "sparsity": sparsity_scorer}
    search = GridSearchCV(pipeline, grid, cv=2, scoring=scoring, refit="r2").fit(X, y)
    assert np.isfinite(search.cv_results_["mean_test_r2"]).all()
    assert sparsity_scorer(search) == search.best_estimator_[-1].sparsity_
    groups = np.arange(len(y)) // 4
    scores = cross_val_score(regressor(), X, y, cv=GroupKFold(2), groups=groups)
    assert scores.min() > 0.5


def test_sparsity_path_scores_r2(bars):
    X, y = bars
    path = sparsity_path(X, y, estimator=regressor(max_iter=4), sparsities=[0, 0.9])
    assert [type(one).__name__ for one in path] == ["SparseCurveCNNRegressor"] * 2
    np.testing.assert_array_equal(path.score(X, y), [r2_score(y, one.predict(X)) for one in path])
    assert path.score(X, y).min() > 0.5
    assert len(sparsity_path(X, y, estimator=regressor(max_iter=2, finetune_iter=0), sparsities=3)) == 3


def test_search_of_classifiers_refuses_a_regressor(bars):
    with pytest.raises(ValueError, match=r"'estimator' parameter .* must be an instance of .*Classifier"):
        SparseCurveCNNClassifierCV(regressor()).fit(*bars)


def test_checkpoint_continues_a_fit_and_tells_a_classifier_s_from_it(bars, thickness_regressor, tmp_path):
    X, y = bars
    path = tmp_path / "run.safetensors"

    model = regressor(checkpoint=path)
    with killed_after(3), pytest.raises(Killed):
        clone(model).fit(X, y)
    np.testing.assert_array_equal(state(model.fit(X, y)), state(thickness_regressor))
    labels = y.astype(int)
    params = {k: v for k, v in model.get_params().items() if k not in ("checkpoint", "checkpoint_every")}
    regressor(checkpoint=tmp_path / "labels.safetensors").fit(X, labels)
    other = SparseCurveCNNClassifier(**params, checkpoint=tmp_path / "labels.safetensors")
    with pytest.raises(ValueError, match=r"of another run: .*objective was 'squared error', is None"):
        other.fit(X, labels)


def test_dead_or_spoilt_network_warns(bars):
    from sparsecnn.exceptions import DeadLayerWarning

    with pytest.warns(DeadLayerWarning, match="'fc' are zero"):
        dead = regressor(lam=10.0).fit(*bars)
    assert np.ptp(dead.predict(bars[0])) < 1e-6


def test_binarize_takes_a_regressor(bars):
    channels = regressor(penalty="group_l0", penalized="all", target_macs=0.6)
    binary = binarize(channels, *bars)
    assert binary.score(*bars) > 0.8
    assert binary.module_.conv2.weight[0].abs().unique().numel() == 1


def test_copies_and_pickles_predict_the_same(bars, two_target_regressor):
    X, _ = bars
    for other in (copy.deepcopy(two_target_regressor), pickle.loads(pickle.dumps(two_target_regressor))):
        np.testing.assert_array_equal(other.predict(X), two_target_regressor.predict(X))
    assert clone(two_target_regressor).get_params().keys() == regressor().get_params().keys()


def test_parameters_are_those_of_the_classifier_and_so_are_their_descriptions():
    shared = {}
    for kind in (SparseCurveCNNClassifier, SparseCurveCNNRegressor):
        shared[kind] = {entry.name: (entry.type, entry.desc) for entry in get_doc_object(kind)["Parameters"]}
    of_classes, of_targets = shared.values()
    assert of_classes.keys() - of_targets.keys() == {"class_weight"}
    differing = {name for name, entry in of_targets.items() if entry != of_classes[name]}
    assert differing == {"target_sparsity", "module", "early_stopping", "validation_fraction", "tol"}
    assert SparseCurveCNNRegressor().get_params() == {
        name: value
        for name, value in SparseCurveCNNClassifier().get_params().items()
        if name != "class_weight"
    }
