"""The network, its batch normalisation, and the choice of weights to penalise."""

import pytest
import torch
from torch import nn

from sparsecnn._network import (
    CurveCNN,
    WeightedBatchNorm2d,
    layer_weights,
    max_pool,
    penalized_weights,
    set_image_weight,
)


@pytest.mark.parametrize("shape", [(64, 64), (32, 96), (8, 8), (1, 40), (1, 2), (33, 47)])
@pytest.mark.parametrize("batch_norm", [True, False])
def test_curve_cnn_maps_images_to_scores(shape, batch_norm):
    net = CurveCNN(shape, 3, channels=(2, 3, 4), kernel_size=5, batch_norm=batch_norm)
    assert net(torch.rand(5, 1, *shape)).shape == (5, 3)


def test_curve_cnn_pools_each_convolution():
    net = CurveCNN((64, 48), 2, channels=(2, 3, 4))
    assert net.fc.in_features == 4 * 8 * 6


def test_curve_cnn_equals_convolution_norm_relu_pool():
    """Pooling before rectifying gives the same numbers as after it."""
    net = CurveCNN((16, 16), 2, channels=(2, 3, 4), kernel_size=3, batch_norm=False)
    x = torch.rand(4, 1, 16, 16)
    expected = x
    for conv in (net.conv1, net.conv2, net.conv3):
        expected = nn.functional.max_pool2d(conv(expected).relu(), 2)
    torch.testing.assert_close(net(x), net.fc(expected.flatten(1)))


@pytest.mark.parametrize("shape", [(8, 6), (7, 9), (1, 12), (12, 1), (1, 1), (2, 3)])
def test_max_pool_is_the_same_in_training_and_after(shape):
    x = torch.randn(3, 4, *shape)
    expected = nn.functional.max_pool2d(x, [min(2, side) for side in shape])
    assert torch.equal(max_pool(x, training=True), expected)
    assert torch.equal(max_pool(x, training=False), expected)


def test_weighted_batch_norm_equals_torch_without_weights():
    ours, theirs = WeightedBatchNorm2d(3), nn.BatchNorm2d(3)
    x = torch.randn(8, 3, 5, 4) * 2 + 1
    x2 = x.clone()
    x.requires_grad_(), x2.requires_grad_()
    y, y2 = ours(x), theirs(x2)
    torch.testing.assert_close(y, y2)
    (y * torch.arange(4.0)).square().sum().backward()
    (y2 * torch.arange(4.0)).square().sum().backward()
    torch.testing.assert_close(x.grad, x2.grad, atol=1e-4, rtol=1e-4)


def test_weighted_batch_norm_equals_repetition():
    weight = torch.tensor([1.0, 3.0, 2.0])
    x = torch.randn(3, 2, 4, 4, dtype=torch.float64)
    weighted, repeated = WeightedBatchNorm2d(2).double(), WeightedBatchNorm2d(2).double()
    set_image_weight(weighted, weight)
    index = torch.tensor([0, 1, 1, 1, 2, 2])
    torch.testing.assert_close(weighted(x)[index], repeated(x[index]), atol=1e-6, rtol=1e-6)
    torch.testing.assert_close(weighted.running_mean, repeated.running_mean, atol=1e-6, rtol=1e-6)
    torch.testing.assert_close(weighted.running_var, repeated.running_var, atol=1e-6, rtol=1e-6)


def test_batch_norm_statistics_weigh_each_batch_by_its_images():
    x = torch.randn(6, 2, 4, 4, generator=torch.Generator().manual_seed(0)) + torch.arange(6).view(6, 1, 1, 1)
    weight = torch.tensor([1.0, 2.0, 30.0, 40.0, 5.0, 6.0])
    norm = WeightedBatchNorm2d(2)
    norm.momentum = None  # the mean over all batches
    for rows in torch.arange(6).split(2):
        set_image_weight(norm, weight[rows])
        norm(x[rows])
    mean = (weight.view(6, 1, 1, 1) * x).sum(0).mean((1, 2)) / weight.sum()
    torch.testing.assert_close(norm.running_mean, mean)


def test_batch_norm_statistics_need_few_batches():
    norm = WeightedBatchNorm2d(1)
    x = torch.randn(64, 1, 8, 8, generator=torch.Generator().manual_seed(0)) * 3 + 5
    norm(x)
    assert float(norm.running_mean) == pytest.approx(float(x.mean()), rel=1e-4)
    assert float(norm.running_var) == pytest.approx(float(x.var(correction=0)), rel=1e-4)


def test_layer_weights_lists_convolutions_and_linear_layers_in_order():
    net = CurveCNN((8, 8), 2, channels=(2, 3, 4))
    assert list(layer_weights(net)) == ["conv1", "conv2", "conv3", "fc"]
    assert list(penalized_weights(net, "fc")) == ["fc"]
    assert penalized_weights(net, "fc")["fc"] is net.fc.weight
    assert list(penalized_weights(net, "all")) == ["conv1", "conv2", "conv3", "fc"]


def test_penalized_weights_refuses_a_network_without_layers():
    with pytest.raises(ValueError, match="Linear or convolutional layer, but Flatten has none"):
        penalized_weights(nn.Flatten(), "all")
