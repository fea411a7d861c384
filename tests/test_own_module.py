"""Networks of the user's own."""

import numpy as np
import pytest
import torch
from classifiers import OwnNetwork, own_network, small
from torch import nn


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


def test_dense_network_needs_no_linear_layer(stripes):
    module = nn.Sequential(nn.Conv2d(1, 2, 16), nn.Flatten())
    dense = small(module=module, penalty=None).fit(*stripes)
    assert (dense.sparsity_, dense.n_nonzero_, dense.layer_lam_) == (0.0, 0, {})
    assert dense.predict(stripes[0]).shape == (120,)


@pytest.mark.parametrize("flat", [True, False])
def test_own_module_takes_images_too_small_for_three_poolings(flat):
    X, y = np.random.default_rng(0).random((20, 5, 5)), np.arange(20) % 2
    module = nn.Sequential(nn.Flatten(), nn.Linear(25, 2))
    classifier = small(module=module, batch_size=4, max_iter=1).fit(X.reshape(20, -1) if flat else X, y)
    assert classifier.image_shape_ == (5, 5)


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
