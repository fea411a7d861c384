"""Networks without their dead channels give the same scores."""

import copy
import pickle

import pytest
import torch
from chains import NORMS, largest_difference, random_network, randomise, widths
from torch import nn

from sparsecnn import BinaryActivation
from sparsecnn._network import ChannelAffine, CurveCNN, make_chain
from sparsecnn._network.compressed import FEW_FILTERS
from sparsecnn.export import _removal
from sparsecnn.export._compress import remove_dead


def constant_of_channel(net, i):
    """Kill filter i of the first convolution; batch normalisation gives its channel a constant value."""
    with torch.no_grad():
        net.conv1.weight[i] = 0
        net.norm1.bias[i] = 1 + i
    return net


@pytest.mark.parametrize("image_shape", [(16, 16), (17, 11), (9, 30), (1, 40), (1, 1)])
@pytest.mark.parametrize("batch_norm", [True, False])
@pytest.mark.parametrize("seed", range(4))
def test_curve_cnn_without_dead_channels_gives_the_same_scores(image_shape, batch_norm, seed):
    net = CurveCNN(image_shape, 3, (7, 9, 9), 3, batch_norm)
    randomise(net, seed)
    assert largest_difference(net, remove_dead(net, image_shape), image_shape) < 1e-5
    compressed = remove_dead(net.double(), image_shape)
    assert largest_difference(net, compressed, image_shape) < 1e-12
    assert sum(widths(compressed, image_shape)) < sum(widths(net, image_shape))
    assert not any(isinstance(layer, NORMS) for layer in compressed)


@pytest.mark.parametrize("seeds", [range(40), pytest.param(range(40, 400), marks=pytest.mark.slow)])
def test_random_networks_without_dead_channels_give_the_same_scores(seeds):
    n_removed = n_constant = 0
    for seed in seeds:
        net, image_shape, n_channels = random_network(seed)
        if not all(alive.any() for alive in make_chain(net, image_shape).living()):
            with pytest.raises(ValueError, match="network is constant"):
                remove_dead(net, image_shape)
            assert largest_spread(net, image_shape, n_channels) == 0, seed
            n_constant += 1
            continue
        compressed = remove_dead(net, image_shape)
        assert largest_difference(net, compressed, image_shape, n_channels) < 1e-12, seed
        left = widths(compressed, image_shape)
        n_removed += sum(widths(net, image_shape)) - sum(left)
        assert widths(remove_dead(nn.Sequential(*compressed), image_shape), image_shape) == left, seed
    assert n_removed > 3 * len(seeds)
    assert n_constant < 0.1 * len(seeds)


def largest_spread(net, image_shape, n_channels):
    """Return how far the scores of random images are apart."""
    images = torch.randn(8, n_channels, *image_shape, dtype=torch.float64)
    with torch.no_grad():
        scores = net(images)
    return float((scores.amax(0) - scores.amin(0)).max())


@pytest.mark.parametrize("seed", range(5))
def test_nothing_dead_is_left_but_one_channel_of_a_layer(seed):
    net = randomise(CurveCNN((16, 16), 2, (9, 9, 9)), seed)
    compressed = remove_dead(net, (16, 16))
    chain = make_chain(compressed, (16, 16))
    alive = [int(alive.sum()) for alive in make_chain(net, (16, 16)).living()]
    assert [int(alive.sum()) for alive in chain.living()] == alive
    assert all(width <= n + 1 for width, n in zip(chain.widths, alive, strict=True))
    assert chain.widths[2] == alive[2]  # constants fit into the bias of the fully connected layer


def test_channels_that_lead_nowhere_are_removed_with_those_that_lead_to_them():
    net = randomise(CurveCNN((16, 16), 2, (4, 4, 4), batch_norm=False), 0, zeros=0)
    with torch.no_grad():
        net.fc.weight[:, :4] = 0  # all pixels of channel 0 of the third convolution
        net.conv3.weight[1:, 2] = 0  # so channel 2 of the second is read by channel 0 only
        net.conv2.weight[[0, 1, 3], 3] = 0
    compressed = remove_dead(net, (16, 16))
    assert widths(compressed, (16, 16)) == [3, 3, 3]


def test_pixels_that_are_not_read_do_not_remove_their_channel():
    net = randomise(CurveCNN((16, 16), 2, (2, 2, 2)), 0, zeros=0)
    with torch.no_grad():
        net.fc.weight[:, :3] = 0
    assert widths(remove_dead(net, (16, 16)), (16, 16)) == [2, 2, 2]


@pytest.fixture
def with_constants():
    """A curve CNN whose first convolution has two dead filters behind which there are constants."""
    net = randomise(CurveCNN((12, 12), 2, (4, 3, 3)), 3, zeros=0)
    return constant_of_channel(constant_of_channel(net, 1), 2).double()


def test_one_channel_carries_all_constants_to_a_padded_convolution(with_constants):
    compressed = remove_dead(with_constants, (12, 12))
    assert widths(compressed, (12, 12)) == [3, 3, 3]
    assert compressed.conv1.weight.flatten(1).any(1).tolist() == [True, False, True]
    assert largest_difference(with_constants, compressed, (12, 12)) < 1e-12


def test_constants_added_to_the_bias_of_a_padded_convolution_are_found_out(with_constants, monkeypatch):
    monkeypatch.setattr(_removal, "_pads", lambda conv: False)
    with pytest.raises(ValueError, match="cannot be compressed: its scores would change by"):
        remove_dead(with_constants, (12, 12))


def test_constants_left_out_are_found_out(with_constants, monkeypatch):
    monkeypatch.setattr(_removal, "_is_constant", lambda planes: planes.new_zeros(len(planes)).bool())
    original = _removal._parts

    def without_constants(*args):
        parts = original(*args)
        parts[0].value.zero_()
        return parts

    monkeypatch.setattr(_removal, "_parts", without_constants)
    with pytest.raises(ValueError, match="cannot be compressed: its scores would change by"):
        remove_dead(with_constants, (12, 12))


def test_constants_of_zero_need_no_channel(with_constants):
    with torch.no_grad():
        with_constants.norm1.bias[1:3] = -100
    assert widths(remove_dead(with_constants, (12, 12)), (12, 12)) == [2, 3, 3]


def test_constants_are_added_to_the_bias_of_a_convolution_that_pads_nothing():
    net = nn.Sequential(
        nn.Conv2d(1, 3, 3), nn.Sigmoid(), nn.Conv2d(3, 4, 3, bias=False), nn.ReLU(), nn.Flatten()
    )
    net.append(nn.Linear(4 * 64, 2))
    randomise(net, 0, zeros=0).double()
    with torch.no_grad():
        net[0].weight[1] = 0
    compressed = remove_dead(net, (12, 12))
    assert widths(compressed, (12, 12)) == [2, 4]
    assert compressed[2].bias is not None
    assert largest_difference(net, compressed, (12, 12)) < 1e-12


def test_plane_that_is_no_constant_stays():
    """An average that counts zeros outside of the image makes an edge."""
    net = nn.Sequential(
        *(nn.Conv2d(1, 3, 3, padding=1), nn.AvgPool2d(3, 1, padding=1), nn.Conv2d(3, 4, 3), nn.Flatten()),
        nn.Linear(4 * 100, 2),
    )
    randomise(net, 0, zeros=0).double()
    with torch.no_grad():
        net[0].weight[1] = 0
    compressed = remove_dead(net, (12, 12))
    assert widths(compressed, (12, 12)) == [3, 4]
    assert largest_difference(net, compressed, (12, 12)) < 1e-12


def test_constant_whose_filter_makes_an_edge_keeps_its_filter():
    """A maximum over the whole image is constant, though what it is taken of is not."""
    net = nn.Sequential(nn.Conv2d(1, 3, 3), nn.Conv2d(3, 3, 3, padding=1), nn.AdaptiveMaxPool2d(1))
    net.extend([nn.Conv2d(3, 2, 3, padding=1), nn.Flatten()])
    randomise(net, 0, zeros=0).double()
    with torch.no_grad():
        net[0].weight[0] = 0
        net[1].weight[0, 1:] = 0
    compressed = remove_dead(net, (12, 12))
    assert widths(compressed, (12, 12)) == [3, 3]
    assert largest_difference(net, compressed, (12, 12)) < 1e-12


def test_negative_scale_stays_behind_a_maximum_only():
    for pool, n_left in ((nn.MaxPool2d(2), 1), (nn.AvgPool2d(2), 0), (nn.Identity(), 0)):
        net = nn.Sequential(nn.Conv2d(1, 3, 3), pool, nn.BatchNorm2d(3), nn.ReLU(), nn.Flatten())
        net.append(nn.Linear(net(torch.zeros(2, 1, 12, 12)).shape[1], 2))
        randomise(net, 0, zeros=0).double()
        with torch.no_grad():
            net[2].weight.copy_(torch.tensor([1.0, -2.0, 0.5]))
        compressed = remove_dead(net, (12, 12))
        left = [layer for layer in compressed if isinstance(layer, ChannelAffine)]
        assert len(left) == n_left
        assert largest_difference(net, compressed, (12, 12)) < 1e-12
    assert all(not layer.bias.any() for layer in left)


def test_binary_activations_stay_exact():
    net = CurveCNN((16, 16), 2, (6, 6, 6), activation="binary")
    randomise(net, 1).double()
    compressed = remove_dead(net, (16, 16))
    assert any(isinstance(layer, BinaryActivation) for layer in compressed)
    assert largest_difference(net, compressed, (16, 16)) < 1e-12


def test_constant_network_is_refused():
    net = randomise(CurveCNN((16, 16), 2, (3, 3, 3)), 0, zeros=0)
    with torch.no_grad():
        net.conv2.weight.zero_()
    with pytest.raises(ValueError, match="network is constant"):
        remove_dead(net, (16, 16))


def test_compressed_network_keeps_dtype_and_mode():
    net = randomise(CurveCNN((16, 16), 2, (6, 6, 6)), 0).train()
    before = copy.deepcopy(net.state_dict())
    random_state = torch.random.get_rng_state()
    compressed = remove_dead(net, (16, 16))
    assert torch.equal(torch.random.get_rng_state(), random_state)
    assert all(torch.equal(value, before[name]) for name, value in net.state_dict().items())
    assert net.training
    assert not any(layer.training for layer in compressed.modules())
    assert {p.dtype for p in compressed.parameters()} == {torch.float32}
    assert all(p.requires_grad for p in compressed.parameters())


@pytest.mark.parametrize(
    "copied", [copy.deepcopy, nn.Module.double, lambda net: pickle.loads(pickle.dumps(net))]
)
@pytest.mark.parametrize(("n_filters", "plain"), [(FEW_FILTERS, True), (FEW_FILTERS + 1, False)])
def test_few_filters_of_the_first_layers_are_in_plain_order(n_filters, plain, copied):
    compressed = remove_dead(CurveCNN((16, 16), 2, (n_filters, 4, 4)).eval(), (16, 16))
    images = torch.rand(5, 1, 16, 16)
    scores = torch.cat([compressed(image) for image in images.split(1)])
    torch.testing.assert_close(compressed(images), scores)
    torch.testing.assert_close(torch.compile(compressed, backend="eager")(images), scores)
    again = copied(compressed)
    assert again.conv1.weight.stride() == ((9, 9, 3, 1) if plain else (9, 1, 3, 1))
    assert again.conv2.weight.is_contiguous() == plain
    torch.testing.assert_close(again(images.to(again.conv1.weight)).to(scores), scores)


def test_layers_of_nested_modules_have_names_without_dots():
    net = nn.Sequential(nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU()), nn.Flatten(), nn.Linear(2 * 100, 2))
    assert list(dict(remove_dead(net, (12, 12)).named_children())) == ["0_0", "0_1", "1", "2"]
