"""Target sparsities of the classifier."""

import numpy as np
import pytest
import torch
from classifiers import quick, wide
from sklearn.model_selection import GridSearchCV
from torch import nn

from sparsecnn.exceptions import DeadLayerWarning
from sparsecnn.model_selection import sparsity_path
from sparsecnn.penalties import PENALTIES

# Few steps are enough for sparsity, but not for accuracy.
pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


# Penalties without a λ for every target; see test_survey_penalties.py.
OTHERS = {"combined_exclusive", "exclusive", "hoyer", "nuclear"}


@pytest.mark.parametrize("penalty", sorted(PENALTIES.keys() - OTHERS))
def test_target_sparsity_is_reached_with_every_penalty(stripes, penalty):
    classifier = wide(penalty=penalty, target_sparsity=0.95).fit(*stripes)
    if penalty.startswith("sparse_group"):  # the last channel, of 8 weights, may die as a whole
        assert 0.9495 <= classifier.sparsity_ < 0.95 + 8 / 1024
    else:
        n_units = 128 if PENALTIES[penalty]().unit == "group" else 1024  # channels, or weights
        assert classifier.sparsity_ == pytest.approx(0.95, abs=0.6 / n_units)
    assert classifier.lam_ > 0


@pytest.mark.parametrize("scope", ["global", "layer"])
def test_target_sparsity_of_all_layers(stripes, scope):
    classifier = wide(penalized="all", target_sparsity=0.5, sparsity_scope=scope).fit(*stripes)
    assert classifier.sparsity_ == pytest.approx(0.5, abs=1e-3)
    layers = classifier.layer_sparsity_
    sizes = {"conv1": 36, "conv2": 144, "conv3": 4608, "fc": 1024}
    if scope == "layer":
        assert layers == {name: pytest.approx(0.5, abs=0.5 / size) for name, size in sizes.items()}
        assert list(classifier.layer_lam_) == list(sizes)
        assert len(set(classifier.layer_lam_.values())) > 1
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


def test_lam_takes_the_place_of_a_target(stripes):
    assert quick(lam=0.0, target_sparsity=0.9).fit(*stripes).sparsity_ == 0
    grid = GridSearchCV(quick(target_sparsity=0.5, max_iter=2), {"lam": [0.0, 1e-3]}, cv=2).fit(*stripes)
    assert grid.best_estimator_.lam_ == grid.best_params_["lam"]


@pytest.mark.parametrize("beta", [0.5, 4.0])
def test_target_sparsity_does_not_depend_on_beta(stripes, beta):
    assert quick(beta=beta, target_sparsity=0.75, max_iter=4).fit(*stripes).sparsity_ == 0.75


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
    classifier.set_params(lam=0.0).partial_fit(*stripes)
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
