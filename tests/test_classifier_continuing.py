"""Warm starts and partial fits."""

import pickle

import numpy as np
import pytest
import torch
from classifiers import own_network, small, state
from conftest import make_stripes

from sparsecnn import CurveAugmentation
from sparsecnn.penalties import TransformedL1


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
        {"weight_decay": 7.0},
        {"solver": "sgd"},
    ],
    ids=str,
)
def test_partial_fit_follows_changed_parameters(stripes, params):
    classifier = small().partial_fit(*stripes).set_params(**params).partial_fit(*stripes)
    same = small(**params, warm_start=True)
    optimizer = classifier._trainer.optimizer
    assert optimizer.beta == same.beta
    assert bool(optimizer.split_params) == (same.penalty is not None)
    assert optimizer.param_groups[0]["weight_decay"] == same.weight_decay
    assert type(optimizer.base).__name__.lower() == same.solver
    assert classifier.n_iter_ == 2


def test_partial_fit_follows_a_parameter_of_the_penalty(stripes):
    classifier = small(penalty=TransformedL1()).partial_fit(*stripes)
    classifier.set_params(penalty__a=0.25).partial_fit(*stripes)
    assert classifier._trainer.split.penalties[0].a == 0.25


def test_partial_fit_goes_on_after_pickling(stripes):
    classifier = small().partial_fit(*stripes)
    copied = pickle.loads(pickle.dumps(classifier))
    assert torch.equal(state(classifier.partial_fit(*stripes)), state(copied.partial_fit(*stripes)))


def test_partial_fit_refuses_a_new_class(stripes):
    X, y = stripes
    classifier = small().partial_fit(X, y)
    with pytest.raises(ValueError, match=r"labels \['up'\] that are not among the classes"):
        classifier.partial_fit(X, np.where(y == "down", "up", y))


def test_partial_fit_in_chunks_of_a_known_whole_is_as_far_as_fit(stripes):
    X, y = stripes
    classifier = small(lam=1e-3, max_iter=4)
    for chunk in np.array_split(np.arange(120), 12):
        classifier.partial_fit(X[chunk], y[chunk], classes=["across", "down"], n_total=120)
    assert classifier.n_iter_ == 12
    assert classifier.lam_ == pytest.approx(1e-3 / 4)  # one of the two epochs over which it grows
    for chunk in np.array_split(np.arange(120), 12):
        classifier.partial_fit(X[chunk], y[chunk], n_total=120)
    assert classifier.lam_ == pytest.approx(1e-3)


@pytest.mark.parametrize("n_total", [119, 0, "all", 1.5, True])
def test_partial_fit_refuses_a_whole_smaller_than_its_part(stripes, n_total):
    with pytest.raises(ValueError, match="n_total must be an integer, at least the 120 images of X"):
        small().partial_fit(*stripes, n_total=n_total)


@pytest.mark.parametrize(
    ("changes", "names"),
    [
        ({"channels": (4, 4, 4)}, "channels"),
        ({"kernel_size": 5, "batch_norm": False}, "kernel_size, batch_norm"),
        ({"module": own_network()}, "module"),
    ],
)
@pytest.mark.parametrize("method", ["fit", "partial_fit"])
def test_continuing_refuses_another_network(stripes, changes, names, method):
    classifier = small(warm_start=True, max_iter=1).fit(*stripes).set_params(**changes)
    with pytest.raises(ValueError, match=f"{names} changed since the network was fitted"):
        getattr(classifier, method)(*stripes)
    assert classifier.set_params(warm_start=False).fit(*stripes).n_iter_ == 3


def test_warm_start_goes_on_after_pickling_with_an_own_module(stripes):
    classifier = pickle.loads(pickle.dumps(small(warm_start=True, module=own_network()).fit(*stripes)))
    assert classifier.fit(*stripes).score(*stripes) > 0.9


def test_partial_fit_refuses_an_augmentation_that_became_bad(stripes):
    classifier = small(augment=CurveAugmentation()).partial_fit(*stripes).set_params(augment__strength="a")
    with pytest.raises(ValueError, match="augment: strength must be a number from 0 to 1, got 'a'"):
        classifier.partial_fit(*stripes)
