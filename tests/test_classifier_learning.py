"""What the classifier learns, and how parameters steer it."""

import warnings

import numpy as np
import pytest
import torch
from classifiers import own_network, small, state
from conftest import make_stripes
from torch import nn

from sparsecnn import CurveAugmentation, SparseCurveCNNClassifier
from sparsecnn._training.plan import auto_finetune_iter
from sparsecnn.penalties import TransformedL1


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
def test_auto_augments_less_where_few_weights_are_left(params, powers):
    module = nn.Sequential(nn.Flatten(), nn.Linear(30, 100), nn.Linear(100, 10))
    X, y = np.random.default_rng(0).normal(size=(40, 5, 6)), np.arange(40) % 10
    fitted = SparseCurveCNNClassifier(module=module, sparsity_scope="layer", max_iter=9, **params)
    fitted.fit(X, y)
    assert fitted.finetune_iter_ == 6
    assert fitted.augment_.strength == pytest.approx(1 / powers)


@pytest.mark.parametrize(
    ("max_iter", "powers", "epochs"), [(9, 1.0, 6), (10, 1.0, 6), (9, 2.0, 6), (9, 3.0, 9), (1, 1.0, 1)]
)
def test_auto_refines_longer_where_few_weights_are_left(max_iter, powers, epochs):
    assert auto_finetune_iter(max_iter, powers) == epochs


def test_auto_gives_way_to_values(stripes):
    chosen = small(finetune_iter=3, augment=CurveAugmentation(0.25), max_iter=2).fit(*stripes)
    assert (chosen.n_iter_, chosen.augment_.strength) == (5, 0.25)
    assert small(max_iter=1).fit(*stripes).augment_ is None
    few = {"penalized": "all", "target_sparsity": 0.8, "sparsity_scope": "layer"}
    auto = small(lam="auto", max_iter=5, finetune_iter="auto", **few).fit(*stripes)
    assert (auto.n_iter_, auto.finetune_iter_) == (8, 3)


@pytest.mark.parametrize(
    ("n_images", "params", "epochs"),
    [
        (40, {}, 18),
        (720, {}, 18),
        (840, {}, 16),
        (1200, {}, 11),
        (2400, {}, 6),
        (1200, {"batch_size": 12}, 6),
        (100, {"penalized": "all", "target_sparsity": 0.95, "channels": (4, 8, 16)}, 26),
    ],
)
def test_auto_max_iter_is_560_steps_within_bounds(n_images, params, epochs):
    X = np.random.default_rng(0).normal(size=(n_images, 16, 16))
    params = {"batch_size": 24, "sparsity_scope": "layer", "target_sparsity": 0.5, "lam": "auto", **params}
    auto = small(max_iter="auto", finetune_iter=0, **params)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # noise cannot be learned
        assert auto.fit(X, np.arange(n_images) % 2).n_iter_ == epochs


@pytest.mark.parametrize(("n_images", "size"), [(6, 6), (120, 8), (240, 16), (480, 32), (959, 32), (960, 64)])
def test_auto_batch_size_follows_the_number_of_images(n_images, size):
    X, y = np.zeros((n_images, 8, 8)), np.arange(n_images) % 2
    auto = small(batch_size="auto", max_iter=1, finetune_iter=0)
    assert auto.fit(X, y).batch_size_ == size
    assert auto.fit(X[:, 0], y).batch_size_ == min(64, n_images)


def test_weight_decay_clears_weights_that_nothing_needs():
    class HalfUnused(nn.Module):
        def __init__(self):
            super().__init__()
            self.hidden, self.out = nn.Linear(256, 16), nn.Linear(8, 2)
            with torch.no_grad():
                self.hidden.weight[8:] *= 4  # large enough to survive, were they left alone

        def forward(self, x):
            return self.out(self.hidden(x.flatten(1)).relu()[:, :8])

    kept = {}
    for weight_decay in (0.0, 1e-4):
        params = {"module": HalfUnused, "penalized": "all", "lam": "auto", "target_sparsity": 0.9}
        classifier = small(weight_decay=weight_decay, max_iter=60, **params)
        classifier.fit(*make_stripes(200, random_state=0))
        kept[weight_decay] = int(classifier.module_.hidden.weight[8:].count_nonzero())
    assert kept[1e-4] == 0 < kept[0.0]


def test_weight_decay_leaves_biases_alone(stripes):
    black = np.zeros_like(stripes[0])  # no weight of a hidden unit has a gradient, its bias has
    weights = small(module=own_network(), penalty=None, weight_decay=10.0).fit(black, stripes[1]).module_
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
