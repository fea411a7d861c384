"""The way from a network with channels to remove to one of binary weights, and what it takes to store."""

import numpy as np
import pytest
import torch
from classifiers import OwnNetwork, quick, small
from sklearn.base import clone
from torch import nn

from sparsecnn import BinaryActivation
from sparsecnn._network import CurveCNN, WeightedBatchNorm2d
from sparsecnn.binarization import binarize, remove_channels, stored_bytes
from sparsecnn.penalties import Binary, Ternary

PRUNED = {"penalty": "group_l0", "penalized": "all", "target_macs": 0.4, "channels": (8, 8, 8)}


def kill_channel(net, i, channel):
    """Make a channel and what belongs to it zero, as a target for channels does."""
    with torch.no_grad():
        for tensor in (
            *net.get_submodule(f"conv{i}").parameters(),
            *net.get_submodule(f"norm{i}").parameters(),
        ):
            tensor[channel] = 0


@pytest.mark.parametrize("batch_norm", [True, False])
@pytest.mark.parametrize("activation", ["relu", "binary"])
def test_removed_channels_leave_the_scores_as_they_are(activation, batch_norm):
    torch.manual_seed(0)
    net = CurveCNN((17, 24), 3, (4, 5, 6), 3, batch_norm, activation).double().eval()
    for norm in net.modules():
        if isinstance(norm, WeightedBatchNorm2d):
            for tensor in (norm.weight.data, norm.bias.data, norm.running_mean):
                tensor.normal_()
            norm.running_var.uniform_(0.5, 2)
    for i, channel in [(1, 0), (1, 3), (2, 4), (3, 1)]:
        kill_channel(net, i, channel)
    part = remove_channels(net, (17, 24)).eval()
    x = torch.randn(9, 1, 17, 24, dtype=torch.float64)
    torch.testing.assert_close(part(x), net(x))
    assert [len(layer.weight) for layer in part if isinstance(layer, nn.Conv2d)] == [2, 4, 5]
    assert part.fc.in_features == 5 * 2 * 3
    assert part[0].in_channels == 1
    assert part.conv2.in_channels == 2


def test_removal_leaves_other_networks_of_a_chain_and_the_given_one():
    own = OwnNetwork().eval()
    with torch.no_grad():
        own.out.weight[:, 3:] = 0
    part = remove_channels(own, (16, 16))
    x = torch.rand(4, 1, 16, 16)
    torch.testing.assert_close(part(x), own(x))
    assert part.hidden.out_features == 3
    part.hidden.weight.data.zero_()
    assert own.hidden.out_features == 16
    assert own.hidden.weight.any()


def test_layer_without_channels_is_refused():
    net = CurveCNN((16, 16), 2, (2, 2, 2))
    net.conv2.weight.data.zero_()
    with pytest.raises(ValueError, match="No channel of layer 'conv1' is left"):
        remove_channels(net, (16, 16))


@pytest.mark.parametrize("fitted", [True, False])
def test_three_stages(fitted, stripes):
    pruned = quick(**PRUNED, max_iter=12)
    before = (clone(pruned) if fitted else pruned).get_params()
    binary = binarize(pruned.fit(*stripes) if fitted else pruned, *stripes, max_iter=10)
    assert str(pruned.get_params()) == str(before)
    assert hasattr(pruned, "module_") == fitted
    net = binary.module_
    assert net.conv2.out_channels < 8
    assert all(row.abs().unique().numel() == 1 for w in (net.conv2.weight, net.conv3.weight) for row in w)
    assert net.conv1.weight[0].abs().unique().numel() > 1
    assert binary.score(*stripes) > 0.9
    assert binary.max_iter == 10
    assert np.array_equal(clone(binary).fit(*stripes).predict(stripes[0]), binary.predict(stripes[0]))


def test_ternary_weights_after_pruning(stripes):
    pruned = quick(**PRUNED).fit(*stripes)
    ternary = binarize(pruned, *stripes, penalty=Ternary(), target_sparsity=0.6)
    assert ternary.sparsity_ == pytest.approx(0.6, abs=0.1)
    assert stored_bytes(ternary) < stored_bytes(pruned)


def test_stored_bytes_of_each_kind_of_layer():
    net = CurveCNN(
        (16, 16), 2, (4, 5, 6)
    )  # weights 36, 180, 270, 48; bias 2; 4 numbers for each of 15 channels
    dense = 4 * (36 + 180 + 270 + 48 + 2 + 60)
    assert stored_bytes(net) == dense
    net.conv2.weight.data = Binary().prox(net.conv2.weight.data, 0)
    assert stored_bytes(net) == dense - 4 * 180 + 23 + 4 * 5
    net.conv2.weight.data[0] = 0  # a filter of the magnitude 0
    assert stored_bytes(net) == dense - 4 * 180 + 23 + 4 * 5
    net.conv2.weight.data[1, 0] = 0  # single zeros
    assert stored_bytes(net) == dense - 4 * 180 + 36 + 4 * 5


def test_stored_bytes_count_shared_weights_once():
    first, second = nn.Linear(4, 4, bias=False), nn.Linear(4, 4, bias=False)
    second.weight = first.weight
    assert stored_bytes(nn.Sequential(first, BinaryActivation(), second)) == 64


def test_stored_bytes_of_a_fitted_classifier(stripes):
    classifier = small(max_iter=1).fit(*stripes)
    assert stored_bytes(classifier) == stored_bytes(classifier.module_)
