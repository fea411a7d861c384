"""The classifier: what it learns, what it promises, and what it refuses."""

import pickle
import signal
import threading
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from conftest import make_stripes
from PIL import Image
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import StackingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from torch import nn

from sparsecnn import SparseCurveCNNClassifier
from sparsecnn._training.build import make_plan
from sparsecnn.exceptions import DeadLayerWarning, TrainingInterruptedWarning
from sparsecnn.penalties import PENALTIES, TransformedL1


def small(**params):
    """Return a classifier that trains in a second."""
    quick = {"channels": (4, 4, 8), "kernel_size": 3, "max_iter": 8, "refine_iter": 2, "batch_size": 32}
    quick["lam"] = 1e-4
    return SparseCurveCNNClassifier(**quick | {"augment": False, "random_state": 0} | params)


def state(classifier):
    return torch.cat([value.double().flatten() for value in classifier.module_.state_dict().values()])


# --- learning ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("penalty", ["l0", "l1", "tl1", TransformedL1(a=0.1), None], ids=str)
@pytest.mark.parametrize("penalized", ["fc", "all"])
def test_fit_learns_stripes(stripes, penalty, penalized):
    classifier = small(penalty=penalty, penalized=penalized).fit(*stripes)
    assert classifier.score(*make_stripes(100, random_state=1)) > 0.95


def test_augmented_fit_learns_stripes(stripes):
    classifier = small(augment=True).fit(*stripes)
    assert classifier.score(*make_stripes(100, random_state=1)) > 0.95


@pytest.mark.parametrize(
    ("params", "powers"),
    [
        ({}, 1.0),  # 90 % of a quarter of the weights
        ({"penalized": "all"}, 1.0),
        ({"penalized": "all", "target_sparsity": 0.99}, 2.0),
        ({"penalized": "all", "target_sparsity": 0.99, "penalty": None}, 1.0),
        ({"penalized": "all", "lam": 1e-3}, 1.0),
        ({"target_sparsity": 0.99}, 1.0),
    ],
    ids=str,
)
def test_auto_refines_longer_and_augments_less_where_few_weights_are_left(params, powers):
    module = nn.Sequential(nn.Flatten(), nn.Linear(30, 100), nn.Linear(100, 10))
    plan = make_plan(SparseCurveCNNClassifier(**params), (5, 6), module)
    assert plan.refine_iter == round(8 * powers)
    assert plan.augment == pytest.approx(1 / powers)


def test_auto_gives_way_to_numbers(stripes):
    classifier = SparseCurveCNNClassifier(refine_iter=3, augment=0.25)
    plan = make_plan(classifier, (8, 8), nn.Linear(64, 2))
    assert (plan.refine_iter, plan.augment) == (3, 0.25)
    few = {"penalized": "all", "target_sparsity": 0.95, "sparsity_scope": "layer"}
    auto = small(lam="auto", max_iter=2, refine_iter="auto", **few).fit(*stripes)
    assert auto.n_iter_ == 2 + round(8 * np.log10(1 / 0.05))


def test_alpha_clears_weights_that_nothing_needs():
    class HalfUnused(nn.Module):
        def __init__(self):
            super().__init__()
            self.hidden, self.out = nn.Linear(256, 16), nn.Linear(8, 2)
            with torch.no_grad():
                self.hidden.weight[8:] *= 4  # large enough to survive, were they left alone

        def forward(self, x):
            return self.out(self.hidden(x.flatten(1)).relu()[:, :8])

    kept = {}
    for alpha in (0.0, 1e-4):
        params = {"module": HalfUnused, "penalized": "all", "lam": "auto", "target_sparsity": 0.9}
        classifier = small(alpha=alpha, max_iter=60, **params).fit(*make_stripes(200, random_state=0))
        kept[alpha] = int(classifier.module_.hidden.weight[8:].count_nonzero())
    assert kept[1e-4] == 0 < kept[0.0]


def test_alpha_leaves_biases_alone(stripes):
    black = np.zeros_like(stripes[0])  # no weight of a hidden unit has a gradient, its bias has
    weights = small(module=own_network(), penalty=None, alpha=10.0).fit(black, stripes[1]).module_
    assert weights.hidden.weight.abs().max() < own_network().hidden.weight.abs().max() / 2
    assert weights.hidden.bias.abs().max() > own_network().hidden.bias.abs().max() / 2


@pytest.mark.parametrize("solver", ["adam", "sgd"])
def test_solvers_learn(stripes, solver):
    assert small(solver=solver, learning_rate_init=0.01).fit(*stripes).score(*stripes) > 0.95


def test_fit_finds_three_classes_of_any_label_type():
    X, y = make_stripes(150, random_state=0)
    X[:50] = np.random.default_rng(0).integers(0, 255, X[:50].shape)
    labels = np.where(np.arange(150) < 50, "noise", y).astype(object)
    classifier = small(max_iter=15).fit(X, labels)
    assert classifier.classes_.tolist() == ["across", "down", "noise"]
    assert classifier.decision_function(X).shape == (150, 3)
    assert classifier.score(X, labels) > 0.9


def test_curves_in_one_row_are_classified():
    rng = np.random.default_rng(0)
    y = np.arange(200) % 2
    X = np.sin(np.linspace(0, 6, 40) * (1 + 2 * y[:, None]) + rng.uniform(0, 6, (200, 1)))
    assert small(max_iter=15).fit(X, y).score(X, y) > 0.95


# --- the sparse network -----------------------------------------------------------------------------------


@pytest.mark.parametrize(("penalty", "lam"), [("l0", 1e-3), ("l1", 0.03), ("tl1", 1e-3)])
def test_sparsity_counts_exact_zeros_of_the_fitted_network(stripes, penalty, lam):
    classifier = small(penalty=penalty, lam=lam).fit(*stripes)
    weight = classifier.module_.fc.weight
    assert 0.1 < classifier.sparsity_ < 1
    assert classifier.sparsity_ == float((weight == 0).double().mean())
    assert classifier.n_nonzero_ == int((weight != 0).sum())
    assert classifier.layer_sparsity_["fc"] == classifier.sparsity_
    assert classifier.layer_sparsity_["conv2"] == 0


def test_penalized_all_makes_every_layer_sparse(stripes):
    classifier = small(penalized="all", lam=2e-3).fit(*stripes)
    assert list(classifier.layer_sparsity_) == ["conv1", "conv2", "conv3", "fc"]
    assert all(sparsity > 0 for sparsity in classifier.layer_sparsity_.values())


def test_larger_lam_gives_more_zeros(stripes):
    sparsity = [small(lam=lam).fit(*stripes).sparsity_ for lam in (0.0, 1e-4, 1e-3)]
    assert sparsity[0] == 0
    assert sparsity[0] < sparsity[1] < sparsity[2]


def test_no_penalty_equals_lam_zero_without_refinement(stripes):
    dense = small(penalty=None).fit(*stripes)
    unpenalized = small(lam=0.0).fit(*stripes)
    torch.testing.assert_close(state(dense), state(unpenalized))
    assert dense.sparsity_ == 0


def test_refinement_keeps_the_support_and_lowers_the_loss(stripes):
    refined = small(lam=1e-3, refine_iter=4, max_iter=8).fit(*stripes)
    assert refined.n_iter_ == 12
    assert refined.history_["sparsity"][7:] == [refined.sparsity_] * 5
    assert refined.history_["distance"][8:] == [0.0] * 4
    assert refined.loss_curve_[-1] < refined.loss_curve_[7]


def test_one_epoch_reaches_the_full_lam(stripes):
    classifier = small(max_iter=1, refine_iter=1, lam=0.01).fit(*stripes)
    assert classifier.lam_ == 0.01
    assert classifier.sparsity_ > 0.3


def test_penalty_that_makes_no_zeros_trains_all_the_same(stripes):
    class Ridge:
        def value(self, w):
            return w.square().sum() / 2

        def prox(self, w, step):
            return w / (1 + step)

    assert small(penalty=Ridge()).fit(*stripes).sparsity_ == 0
    with pytest.raises(ValueError, match="does not set weights to zero"):
        small(penalty=Ridge(), lam="auto").fit(*stripes)


@pytest.mark.parametrize("penalty", ["l0", "l1", "tl1"])
@pytest.mark.parametrize("penalized", ["fc", "all"])
def test_auto_lam_ends_at_nine_zeros_in_ten(stripes, penalty, penalized):
    classifier = small(penalty=penalty, penalized=penalized, lam="auto", channels=(8, 8, 16)).fit(*stripes)
    assert classifier.sparsity_ == pytest.approx(0.9, abs=0.005)
    assert classifier.lam_ == classifier.history_["lam"][-1] > 0


def test_auto_lam_never_kills_a_network_of_few_steps(stripes):
    X, y = stripes
    classifier = SparseCurveCNNClassifier(random_state=0, max_iter=4, refine_iter=1).fit(X[:10], y[:10])
    assert classifier.n_nonzero_ > 0


def test_history_has_one_value_an_epoch(stripes):
    classifier = small(early_stopping=True).fit(*stripes)
    assert set(classifier.history_) == {
        "loss",
        "validation_score",
        "sparsity",
        "lagrangian",
        "distance",
        "lam",
    }
    assert {len(values) for values in classifier.history_.values()} == {classifier.n_iter_}
    assert classifier.loss_curve_ == classifier.history_["loss"]
    assert classifier.loss_curve_[-1] < classifier.loss_curve_[0]


def test_lam_is_brought_in_by_continuation(stripes):
    lam = small(lam=1e-3).fit(*stripes).history_["lam"]
    assert lam == sorted(lam)
    assert lam[0] < 1e-4
    assert lam[-1] == 1e-3


def test_dead_layer_warns_with_a_lam_that_keeps_it_alive(stripes):
    with pytest.warns(DeadLayerWarning, match=r"layer 'fc' are zero at lam=1\.0.* try lam=") as record:
        dead = small(lam=1.0).fit(*stripes)
    assert dead.sparsity_ == 1
    assert record[0].filename == __file__
    advised = float(str(record[0].message).split("try lam=")[1].split()[0])
    alive = small(lam=advised).fit(*stripes)
    assert alive.sparsity_ < 1


class RowPenalty:
    """Sets whole rows of a layer to zero, so it has to see their shape."""

    def value(self, w):
        return w.norm(dim=1).sum()

    def prox(self, w, step):
        norm = w.norm(dim=1, keepdim=True)
        return w * (1 - step / norm.clamp(min=step)).add(0.0)


def test_penalty_of_whole_rows_trains_and_warns_of_dead_layers(stripes):
    alive = small(penalty=RowPenalty(), lam=1e-2).fit(*stripes)
    assert alive.score(*stripes) > 0.9
    with pytest.warns(DeadLayerWarning, match="try a smaller lam"):
        dead = small(penalty=RowPenalty(), lam=1e3).fit(*stripes)
    assert dead.sparsity_ == 1


def test_penalty_of_whole_rows_needs_a_lam(stripes):
    with pytest.raises(ValueError, match=r"needs to see whole layers.*give lam"):
        small(penalty=RowPenalty(), lam="auto").fit(*stripes)


def test_penalty_of_ones_own_is_found_by_name(stripes):
    class Ridgeless(TransformedL1, name="ridgeless"):
        pass

    try:
        assert small(penalty="ridgeless").fit(*stripes).score(*stripes) > 0.9
    finally:
        del PENALTIES["ridgeless"]


# --- determinism ------------------------------------------------------------------------------------------


def test_same_random_state_gives_the_same_weights(stripes):
    params = {"augment": True, "early_stopping": True}
    assert torch.equal(state(small(**params).fit(*stripes)), state(small(**params).fit(*stripes)))
    assert not torch.equal(state(small().fit(*stripes)), state(small(random_state=1).fit(*stripes)))


def test_fit_leaves_the_global_generators_alone(stripes):
    torch.manual_seed(3)
    np.random.seed(3)  # noqa: NPY002
    before = torch.get_rng_state(), np.random.get_state()[1].copy()  # noqa: NPY002
    small(augment=True).fit(*stripes)
    assert torch.equal(torch.get_rng_state(), before[0])
    assert np.array_equal(np.random.get_state()[1], before[1])  # noqa: NPY002


# --- forms of X -------------------------------------------------------------------------------------------


def test_flat_and_three_dimensional_images_are_the_same(stripes):
    X, y = stripes
    flat = X.reshape(len(X), -1)
    assert torch.equal(state(small().fit(X, y)), state(small().fit(flat, y)))


def test_uint8_and_scaled_floats_are_the_same(stripes):
    X, y = stripes
    X[0, 0, 0] = 255
    scores = small().fit(X, y).decision_function(X)
    scaled = (X / 255).astype(np.float32)
    np.testing.assert_allclose(small().fit(scaled, y).decision_function(scaled), scores, rtol=1e-3, atol=1e-4)


def test_elongated_images_keep_their_shape():
    X, y = make_stripes(60, side=32, random_state=0)
    classifier = small(image_shape=(16, 32)).fit(X[:, :16].reshape(60, -1), y)
    assert classifier.image_shape_ == (16, 32)
    assert classifier.module_.fc.in_features == 8 * 2 * 4


def test_data_frame_columns_are_remembered(stripes):
    X, y = stripes
    frame = pd.DataFrame(X.reshape(len(X), -1)).rename(columns=str)
    classifier = small(max_iter=1).fit(frame, y)
    assert classifier.feature_names_in_[0] == "0"
    classifier.predict(frame)


def test_predictions_do_not_depend_on_the_batch(stripes):
    X, y = stripes
    classifier = small().fit(X, y)
    one_by_one = np.concatenate([classifier.predict_proba(X[i : i + 1]) for i in range(20)])
    np.testing.assert_allclose(classifier.predict_proba(X)[:20], one_by_one, atol=1e-5)


def test_memory_mapped_images_are_read_only_when_needed(stripes, tmp_path):
    X, y = stripes
    np.save(tmp_path / "X.npy", X)
    mapped = np.load(tmp_path / "X.npy", mmap_mode="r")
    assert torch.equal(state(small().fit(mapped, y)), state(small().fit(X, y)))


# --- weights ----------------------------------------------------------------------------------------------


def test_sample_weight_equals_repetition(stripes):
    X, y = (part[:20] for part in stripes)
    weight = np.arange(20) % 3
    params = {"batch_size": "auto", "max_iter": 5}
    weighted = small(**params).fit(X, y, sample_weight=weight)
    repeated = small(**params).fit(np.repeat(X, weight, axis=0), np.repeat(y, weight))
    np.testing.assert_allclose(weighted.predict_proba(X), repeated.predict_proba(X), atol=1e-3)


def test_weights_too_small_for_float32_are_left_out(stripes):
    X, y = (part[:20] for part in stripes)
    weight = np.where(np.arange(20) < 10, 1.0, 1e-60)
    tiny, none = (small(batch_size=2, max_iter=2).fit(X, y, w) for w in (weight, weight * (weight == 1)))
    assert torch.equal(state(tiny), state(none))


def test_class_weight_moves_predictions(stripes):
    X, y = stripes
    noisy = np.where(np.random.default_rng(0).random(len(y)) < 0.4, "across", y)
    counts = [
        np.sum(small(class_weight=weight, max_iter=3).fit(X, noisy).predict(X) == "down")
        for weight in ({"across": 10.0}, None, {"down": 10.0})
    ]
    assert counts[0] < counts[2]


# --- continuing -------------------------------------------------------------------------------------------


def test_warm_start_continues_from_the_fitted_network(stripes):
    classifier = small(warm_start=True, max_iter=10).fit(*stripes)
    first_loss = classifier.loss_curve_[0]
    classifier.fit(*stripes)
    assert classifier.loss_curve_[0] < 0.5 * first_loss


def test_partial_fit_learns_from_chunks(stripes):
    X, y = stripes
    classifier = small()
    for _ in range(8):
        for chunk in np.array_split(np.arange(len(X)), 3):
            classifier.partial_fit(X[chunk], y[chunk], classes=["across", "down"])
    assert classifier.n_iter_ == 24
    assert {len(values) for values in classifier.history_.values()} == {24}
    assert classifier.score(X, y) > 0.95
    assert classifier.sparsity_ > 0


def test_partial_fit_uses_norms_of_the_sparse_network(stripes):
    classifier = small(penalized="all", lam=5e-3, augment=True, max_iter=10)
    for _ in range(20):
        classifier.partial_fit(*stripes)
    assert classifier.score(*make_stripes(200, random_state=1)) > 0.9


def test_refused_partial_fit_does_not_disturb_the_next(stripes):
    X, y = stripes
    disturbed, undisturbed = small().partial_fit(X, y), small().partial_fit(X, y)
    with pytest.raises(ValueError, match="expecting 256 features"):
        disturbed.partial_fit(X.reshape(len(X), -1)[:, :100], y)
    assert torch.equal(state(disturbed.partial_fit(X, y)), state(undisturbed.partial_fit(X, y)))


def test_partial_fit_takes_chunks_of_several_types():
    X, y = np.random.default_rng(0).normal(size=(24, 30)), np.arange(24) % 2
    classifier = small().partial_fit(X, y).partial_fit(X.astype(np.float32), y)
    assert classifier.n_iter_ == 2


@pytest.mark.parametrize(
    ("params", "arguments", "message"),
    [
        ({"class_weight": "balanced"}, {}, "needs all images at once"),
        ({}, {"classes": ["a", "b"]}, "first call"),
        ({"early_stopping": True}, {}, "early_stopping=False"),
        (
            {"image_shape": (8, 32)},
            {},
            r"image_shape=\(8, 32\) is not that of the fitted network, \(16, 16\)",
        ),
    ],
)
def test_partial_fit_refuses_what_it_cannot_do(stripes, params, arguments, message):
    classifier = small().partial_fit(*stripes).set_params(**params)
    with pytest.raises(ValueError, match=message):
        classifier.partial_fit(*stripes, **arguments)


@pytest.mark.parametrize(
    "params",
    [
        {"beta": 100.0},
        {"penalty": None},
        {"penalty": TransformedL1(a=0.1)},
        {"alpha": 7.0},
        {"solver": "sgd"},
    ],
    ids=str,
)
def test_partial_fit_follows_changed_parameters(stripes, params):
    classifier = small().partial_fit(*stripes).set_params(**params).partial_fit(*stripes)
    same = small(**params, warm_start=True)
    optimizer = classifier._trainer.optimizer
    assert optimizer.beta == same.beta
    assert bool(optimizer.split) == (same.penalty is not None)
    assert optimizer.param_groups[0]["weight_decay"] == same.alpha
    assert type(optimizer.base).__name__.lower() == same.solver
    assert classifier.n_iter_ == 2


def test_partial_fit_follows_a_parameter_of_the_penalty(stripes):
    classifier = small(penalty=TransformedL1()).partial_fit(*stripes)
    classifier.set_params(penalty__a=0.25).partial_fit(*stripes)
    assert classifier._trainer.optimizer.penalty.a == 0.25


def test_partial_fit_goes_on_after_pickling(stripes):
    classifier = small().partial_fit(*stripes)
    copied = pickle.loads(pickle.dumps(classifier))
    assert torch.equal(state(classifier.partial_fit(*stripes)), state(copied.partial_fit(*stripes)))


def test_partial_fit_refuses_a_new_class(stripes):
    X, y = stripes
    classifier = small().partial_fit(X, y)
    with pytest.raises(ValueError, match=r"labels \['up'\] that are not among the classes"):
        classifier.partial_fit(X, np.where(y == "down", "up", y))


# --- early stopping ---------------------------------------------------------------------------------------


def test_early_stopping_restores_the_best_sparse_network(stripes):
    classifier = small(
        early_stopping=True, validation_fraction=0.3, max_iter=40, n_iter_no_change=3, lam=1e-3
    )
    classifier.fit(*stripes)
    assert classifier.n_iter_ < 42
    assert classifier.sparsity_ > 0.1
    scores, sparsity = classifier.history_["validation_score"], classifier.history_["sparsity"]
    candidates = [i for i in range(len(scores)) if classifier.history_["lam"][i] == 1e-3]
    best = max(candidates, key=lambda i: (scores[i], i))
    assert classifier.sparsity_ == sparsity[best]


def test_early_stopping_never_keeps_a_network_of_a_smaller_lam(stripes):
    classifier = small(early_stopping=True, max_iter=2, refine_iter=0, lam=5e-3).fit(*stripes)
    assert classifier.sparsity_ > 0.3
    assert classifier.lam_ == 5e-3


def test_early_stopping_keeps_groups_together(stripes, monkeypatch):
    X, y = stripes
    groups = np.arange(len(y)) // 4
    sides = []
    original = SparseCurveCNNClassifier._split_validation

    def spy(self, images, groups, rng):
        sides.extend(original(self, images, groups, rng))
        return sides[-2:]

    monkeypatch.setattr(SparseCurveCNNClassifier, "_split_validation", spy)
    small(early_stopping=True, max_iter=1).fit(X, y, groups=groups)
    rows = {row.tobytes(): group for row, group in zip(X.reshape(len(X), -1), groups, strict=True)}
    train, validation = ({rows[row.tobytes()] for row in side.X[side.rows]} for side in sides)
    assert not train & validation
    assert len(train | validation) == 30


# --- a module of the user's own ---------------------------------------------------------------------------


class OwnNetwork(nn.Module):
    def __init__(self, n_classes=2):
        super().__init__()
        self.hidden = nn.Linear(256, 16)
        self.out = nn.Linear(16, n_classes)

    def forward(self, x):
        return self.out(self.hidden(x.flatten(1)).relu())


def own_network():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return OwnNetwork()


@pytest.mark.parametrize("module", [own_network(), OwnNetwork], ids=["instance", "class"])
def test_own_module_is_trained_and_left_alone(stripes, module):
    before = module.out.weight.clone() if isinstance(module, nn.Module) else None
    classifier = small(module=module, penalized="all", lam=1e-4, max_iter=60).fit(*stripes)
    assert list(classifier.layer_sparsity_) == ["hidden", "out"]
    assert classifier.sparsity_ > 0
    assert classifier.score(*stripes) > 0.95
    assert before is None or torch.equal(module.out.weight, before)


def test_module_from_a_function_is_not_trained_in_place(stripes):
    module = OwnNetwork()
    before = module.out.weight.clone()
    assert small(module=lambda: module).fit(*stripes).module_ is not module
    assert torch.equal(module.out.weight, before)


def test_module_must_be_a_torch_module(stripes):
    with pytest.raises(ValueError, match=r"module must be or return a torch.*got 3"):
        small(module=lambda: 3).fit(*stripes)


def test_own_module_with_wrong_output_is_refused(stripes):
    with pytest.raises(ValueError, match=r"scores of shape \(2, 2\).*has shape \(2, 5\)"):
        small(module=OwnNetwork(n_classes=5)).fit(*stripes)


def test_own_module_with_wrong_input_is_refused():
    with pytest.raises(ValueError, match=r"module cannot take images of shape \(2, 1, 8, 8\)"):
        small(module=OwnNetwork(), batch_size="auto").fit(np.zeros((4, 8, 8)), [0, 1, 0, 1])


def test_own_module_without_linear_layer_is_refused(stripes):
    module = nn.Sequential(nn.Conv2d(1, 2, 16), nn.Flatten())
    with pytest.raises(ValueError, match="penalized='fc' needs a module with a Linear layer"):
        small(module=module).fit(*stripes)


# --- scikit-learn around it -------------------------------------------------------------------------------


def test_grid_search_sweeps_penalty_lam_beta(stripes):
    grid = {"penalty": ["l0", TransformedL1()], "lam": [1e-4, 1e-3], "beta": [0.5, 1.0]}
    search = GridSearchCV(small(max_iter=3, refine_iter=1), grid, cv=2).fit(*stripes)
    assert len(search.cv_results_["params"]) == 8
    assert search.best_estimator_.sparsity_ > 0


def test_grid_search_reaches_into_the_penalty(stripes):
    search = GridSearchCV(small(penalty=TransformedL1(), max_iter=1), {"penalty__a": [0.1, 10.0]}, cv=2)
    search.fit(*stripes)
    assert [params["penalty__a"] for params in search.cv_results_["params"]] == [0.1, 10.0]
    assert search.best_estimator_.penalty.a == search.best_params_["penalty__a"]


def test_pipeline_calibration_and_stacking_work(stripes):
    X, y = stripes
    X = X.reshape(len(X), -1)
    pipeline = make_pipeline(FunctionTransformer(lambda X: 255 - X), small())
    calibrated = CalibratedClassifierCV(pipeline, cv=2).fit(X, y)
    stacked = StackingClassifier([("cnn", small()), ("lr", LogisticRegression())], cv=2).fit(X / 255, y)
    assert calibrated.score(X, y) > 0.8
    assert stacked.score(X / 255, y) > 0.8


def test_cross_val_predict_gives_probabilities(stripes):
    probability = cross_val_predict(small(max_iter=4), *stripes, cv=3, method="predict_proba")
    np.testing.assert_allclose(probability.sum(1), 1, rtol=1e-5)


def test_clone_and_pickle_keep_everything(stripes):
    X, y = stripes
    classifier = small(penalty=TransformedL1(a=2.0)).fit(X, y)
    copied = pickle.loads(pickle.dumps(classifier))
    np.testing.assert_array_equal(copied.predict_proba(X), classifier.predict_proba(X))
    assert clone(classifier).get_params()["penalty__a"] == 2.0


def test_html_representation_shows_the_parameters():
    assert "penalty" in small()._repr_html_()


@pytest.mark.parametrize("verbose", [True, False])
def test_verbose_shows_a_progress_bar(stripes, capsys, verbose):
    small(max_iter=2, verbose=verbose).fit(*stripes)
    assert ("epochs: 100%" in capsys.readouterr().err) == verbose


class TiedNetwork(OwnNetwork):
    def __init__(self):
        super().__init__()
        self.again = nn.Linear(256, 16)
        self.again.weight = self.hidden.weight


def test_weights_that_layers_share_are_split_once(stripes):
    classifier = small(module=TiedNetwork, penalized="all").fit(*stripes)
    assert list(classifier.layer_sparsity_) == ["hidden", "out"]


def test_computed_weights_are_refused_where_they_are_penalized(stripes):
    module = own_network()
    nn.utils.parametrizations.weight_norm(module.hidden)
    assert small(module=module).fit(*stripes).score(*stripes) > 0.9
    with pytest.raises(ValueError, match="weight of layer 'hidden' is computed from other parameters"):
        small(module=module, penalized="all").fit(*stripes)


class PairNetwork(OwnNetwork):
    def forward(self, x):
        return super().forward(x), x


@pytest.mark.parametrize(
    ("module", "message"),
    [
        (PairNetwork, "must return a tensor of scores, got a tuple"),
        (lambda: nn.Sequential(nn.Flatten(), nn.LazyLinear(2)), "have not seen an image"),
    ],
)
def test_own_module_of_no_use_is_refused(stripes, module, message):
    with pytest.raises(ValueError, match=message):
        small(module=module).fit(*stripes)


# --- bad input --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"lam": -1e-4}, "'lam' parameter"),
        ({"beta": 0.0}, "'beta' parameter"),
        ({"penalty": "l2"}, r"penalty must be one of \['capped_l1'.*got 'l2'"),
        ({"penalty": "l_0"}, r"Did you mean 'l0'\?"),
        ({"penalty": 0}, "'penalty' parameter"),
        ({"penalty": TransformedL1(a=-1.0)}, "TransformedL1 needs a finite a > 0"),
        ({"penalized": "conv"}, "'penalized' parameter"),
        ({"solver": "lbfgs"}, "'solver' parameter"),
        ({"channels": (4, 4)}, r"channels must be three positive integers.*got \(4, 4\)"),
        ({"kernel_size": 4}, "kernel_size must be odd, got 4"),
        ({"image_shape": (16, 20)}, r"images of shape \(16, 16\), but image_shape=\(16, 20\)"),
        ({"image_shape": (16,)}, "two positive integers"),
        ({"image_shape": 16}, r"image_shape must be two positive integers \(height, width\), got 16"),
        ({"penalty": TransformedL1}, "got the class TransformedL1: call it"),
        ({"device": "tpu"}, "device='tpu' cannot be used"),
        ({"learning_rate_init": 1e30, "solver": "sgd"}, "training diverged. Lower learning_rate_init"),
    ],
)
def test_fit_refuses_bad_parameters(stripes, params, message):
    with pytest.raises(ValueError, match=message):
        small(**params).fit(*stripes)


def test_batch_larger_than_the_data_is_all_of_it(stripes):
    with pytest.warns(UserWarning, match="batch_size=500 is more than the 120 training images") as record:
        clipped = small(batch_size=500).fit(*stripes)
    assert record[0].filename == __file__
    assert torch.equal(state(clipped), state(small(batch_size=120).fit(*stripes)))


@pytest.mark.parametrize("scale", [255.0, 1 / 255])
def test_images_of_another_range_warn(stripes, scale):
    X, y = stripes
    fitted = small().fit(X / 255 if scale > 1 else X, y)
    other = X / (1 if scale > 1 else 255)
    with pytest.warns(
        UserWarning, match="pixels of X go up to .*, but those of the training images"
    ) as record:
        fitted.predict(other)
    assert record[0].filename == __file__


@pytest.mark.parametrize(
    ("groups", "message"),
    [
        (np.zeros(119), r"group of each of 120 images, got shape \(119,\)"),
        (np.zeros((120, 1)), r"got shape \(120, 1\)"),
        ([None, *"a" * 119], "no group for 1 of 120 images, first for number 0"),
        ([0.0] * 119 + [np.nan], "first for number 119"),
    ],
)
def test_fit_refuses_bad_groups(stripes, groups, message):
    with pytest.raises(ValueError, match=message):
        small(early_stopping=True).fit(*stripes, groups=groups)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_fit_refuses_pixels_that_are_not_finite(stripes, value):
    X = stripes[0].astype(np.float32)
    X[3, 4, 5] = value
    with pytest.raises(ValueError, match=r"NaN|infinity"):
        small().fit(X, stripes[1])


@pytest.mark.parametrize(
    ("X", "y", "message"),
    [
        (["a.png", "b.png"], [0, 1], "X must hold pixels, but holds a str .* CurveImageTransformer"),
        ([Path("a.png"), Path("b.png")], [0, 1], "holds a PosixPath|holds a WindowsPath"),
        ([Image.new("L", (8, 8)), Image.new("L", (9, 8))], [0, 1], "holds a Image"),
        (np.zeros((2, 1, 8, 8)), [0, 1], r"got \(2, 1, 8, 8\): CurveImageTransformer"),
        (np.zeros((4, 16, 16)), [1, 1, 1, 1], "at least two classes, but it has one class"),
        (np.zeros((4, 16, 16)), [0, 1, 1], "inconsistent numbers of samples"),
        (np.zeros((4, 5, 16)), [0, 1, 0, 1], r"shape \(5, 16\) are too small for three poolings"),
        (np.zeros((4, 16, 16)), [0.5, 1.2, 0.1, 3.3], "Unknown label type"),
        (np.zeros((0, 256)), [], "0 sample"),
    ],
    ids=[
        "files",
        "paths",
        "opened images",
        "channels",
        "one class",
        "lengths",
        "too small",
        "regression",
        "empty",
    ],
)
def test_fit_refuses_bad_data(X, y, message):
    with pytest.raises(ValueError, match=message):
        small(batch_size="auto").fit(X, y)


def test_early_stopping_refuses_too_few_images():
    with pytest.raises(ValueError, match="at least 2 images of every class, got 1"):
        small(early_stopping=True, batch_size="auto").fit(np.zeros((5, 16, 16)), [0, 0, 0, 0, 1])


def test_early_stopping_refuses_too_large_a_fraction(stripes):
    with pytest.raises(ValueError, match=r"validation_fraction=0.99 of 120 images leaves too few"):
        small(early_stopping=True, validation_fraction=0.99).fit(*stripes)


@pytest.mark.parametrize("weights", [{"across": 0.0, "down": 0.0}, {"across": -1.0, "down": 1.0}])
def test_class_weight_must_leave_something_to_learn(stripes, weights):
    with pytest.raises(ValueError, match="class_weight must be at least 0"):
        small(class_weight=weights).fit(*stripes)


def test_early_stopping_refuses_one_group_in_a_class(stripes):
    X, y = stripes
    with pytest.raises(ValueError, match="at least 2 groups in every class, got 1"):
        small(early_stopping=True).fit(X, y, groups=y)


def test_predict_names_both_shapes(stripes):
    classifier = small(max_iter=1).fit(*stripes)
    with pytest.raises(ValueError, match=r"images of shape \(20, 16\).*fitted on images of shape \(16, 16\)"):
        classifier.predict(np.zeros((2, 20, 16)))
    with pytest.raises(ValueError, match="X has 100 features, but SparseCurveCNNClassifier is expecting 256"):
        classifier.predict(np.zeros((2, 100)))


def test_failed_fit_leaves_the_fitted_estimator_as_it_was(stripes):
    X, y = stripes
    classifier = small(solver="sgd").fit(X, y)
    before = dict(vars(classifier))
    classifier.learning_rate_init = 1e30
    with pytest.raises(ValueError, match="diverged"):
        classifier.fit(X[:, :8, :8], y)
    assert vars(classifier) == before | {"learning_rate_init": 1e30}


def interrupt_after(seconds):
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a process in the background may ignore it
    threading.Timer(seconds, signal.raise_signal, [signal.SIGINT]).start()


def test_interrupted_fit_keeps_the_last_finished_epoch(stripes):
    X, y = stripes
    small(max_iter=1).fit(X, y)  # torch imports what it needs at the first fit
    classifier = small(max_iter=100_000)
    interrupt_after(2)
    with pytest.warns(TrainingInterruptedWarning, match="network of epoch"):
        classifier.fit(X, y)
    assert 1 <= classifier.n_iter_ < 100_000
    assert {len(values) for values in classifier.history_.values()} == {classifier.n_iter_}
    assert classifier.lam_ == classifier.history_["lam"][-1]
    assert classifier.predict(X).shape == y.shape


def test_fit_interrupted_in_its_first_epoch_is_no_fit(stripes):
    X = np.zeros((20_000, 16, 16), dtype=np.uint8)
    classifier = small(batch_size=1)
    interrupt_after(1)
    with pytest.raises(KeyboardInterrupt):
        classifier.fit(X, np.arange(len(X)) % 2)
    assert not hasattr(classifier, "module_")
