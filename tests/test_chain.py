"""Networks as chains of layers."""

from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
from torch import nn
from torch.nn import functional
from torch.nn.utils import parametrizations, prune

from sparsecnn import BinaryActivation
from sparsecnn._network import CurveCNN, NoChainError, make_chain

SHAPE = (12, 10)


class Applied(nn.Module):
    """A convolution, then `steps(x, network)`, then flattened into a fully connected layer."""

    def __init__(self, steps, image_shape=SHAPE):
        super().__init__()
        self.conv = nn.Conv2d(1, 3, 3)
        self.conv2 = nn.Conv2d(3, 3, 3, padding=1)
        self.relu = nn.ReLU()
        self.steps = steps
        x = steps(self.conv(torch.zeros(2, 1, *image_shape)), self)
        self.fc = nn.Linear(x[0].numel(), 2)

    def forward(self, x):
        x = self.steps(self.conv(x), self)
        return self.fc(x.reshape(x.shape[0], -1))


def kinds(chain):
    return [type(link.layer).__name__ for link in chain.links]


def conv_stack(*layers):
    """Return a Sequential network that ends in a fully connected layer."""
    net = nn.Sequential(nn.Conv2d(1, 4, 3, padding=1), *layers, nn.Flatten())
    return net.append(nn.Linear(net(torch.zeros(2, 1, *SHAPE)).shape[1], 2))


@pytest.mark.parametrize("shape", [(16, 16), (17, 9), (1, 40)])
@pytest.mark.parametrize("batch_norm", [True, False])
def test_curve_cnn_is_a_chain(shape, batch_norm):
    chain = make_chain(CurveCNN(shape, 3, (4, 5, 6), 3, batch_norm), shape)
    assert [stage.name for stage in chain.stages] == ["conv1", "conv2", "conv3", "fc"]
    assert chain.widths == [4, 5, 6]
    assert [stage.n_read for stage in chain.stages] == [1, 4, 5, 6]
    norm = "WeightedBatchNorm2d" if batch_norm else "Identity"
    block = ["Conv2d", "MaxPool", norm, "ReLU"]
    assert kinds(chain) == [*block * 3, "Flatten", "Linear"]
    assert (chain.stages[0].norm is not None) == batch_norm


def test_chain_shares_the_parameters_of_its_network():
    net = CurveCNN((8, 8), 2, (2, 3, 4))
    chain = make_chain(net, (8, 8))
    assert [stage.layer.weight for stage in chain.stages] == [
        *(net.conv1.weight, net.conv2.weight, net.conv3.weight, net.fc.weight)
    ]


def test_chain_counts_multiply_adds():
    chain = make_chain(CurveCNN((8, 8), 2, (2, 3, 4)), (8, 8))
    expected = 64 * 9 * 2 + 16 * 9 * 2 * 3 + 4 * 9 * 3 * 4 + 4 * 2
    assert chain.macs() == expected
    assert chain.macs([1, 1, 1]) == 64 * 9 + 16 * 9 + 4 * 9 + 2


def test_living_channels_are_those_from_the_image_to_a_score():
    net = CurveCNN((8, 8), 2, (4, 3, 3))
    with torch.no_grad():
        net.conv1.weight[0] = 0  # written by nothing
        net.conv2.weight[:, 1] = 0  # read by nothing
        net.norm1.weight[2] = 0
        net.fc.weight[:, 1] = 0
        net.conv3.weight[[0, 2], 2] = 0  # read by a channel only that is itself unread
    living = [alive.tolist() for alive in make_chain(net, (8, 8)).living()]
    assert living == [[False, False, False, True], [True, True, False], [True, False, True]]


@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        (lambda x, net: functional.relu(x), ["ReLU"]),
        (lambda x, net: torch.relu(x), ["ReLU"]),
        (lambda x, net: x.relu(), ["ReLU"]),
        (lambda x, net: functional.relu(x, inplace=True), ["ReLU"]),
        (lambda x, net: net.relu(net.conv2(net.relu(x))), ["ReLU", "Conv2d", "ReLU"]),
        (lambda x, net: x.tanh().sigmoid(), ["Tanh", "Sigmoid"]),
        (lambda x, net: functional.leaky_relu(x, 0.3), ["LeakyReLU"]),
        (lambda x, net: functional.elu(x, 0.3), ["ELU"]),
        (lambda x, net: functional.gelu(x, approximate="tanh"), ["GELU"]),
        (lambda x, net: functional.hardtanh(functional.relu6(x), 0, 0.1), ["ReLU6", "Hardtanh"]),
        (lambda x, net: functional.silu(x), ["SiLU"]),
        (lambda x, net: functional.max_pool2d(x, 3, 2, padding=1, ceil_mode=True), ["MaxPool2d"]),
        (lambda x, net: functional.max_pool2d(x, 2, dilation=2), ["MaxPool2d"]),
        (
            lambda x, net: functional.avg_pool2d(x, 3, 2, 1, count_include_pad=False, divisor_override=5),
            ["AvgPool2d"],
        ),
        (lambda x, net: functional.adaptive_avg_pool2d(x, (2, 3)), ["AdaptiveAvgPool2d"]),
        (lambda x, net: functional.adaptive_max_pool2d(x, 1), ["AdaptiveMaxPool2d"]),
        (lambda x, net: functional.dropout(x, 0.9, net.training), ["Dropout"]),
        (lambda x, net: functional.dropout2d(x, training=net.training), ["Dropout2d"]),
        (lambda x, net: x.contiguous(), ["Identity"]),
        (lambda x, net: torch.flatten(x, 1), ["Flatten"]),
        (lambda x, net: x.view(x.size(0), -1), ["Flatten"]),
        (lambda x, net: x.contiguous().view((-1, 240)), ["Identity", "Flatten"]),
        (lambda x, net: torch.reshape(x, (x.shape[0], -1)), ["Flatten"]),
        (lambda x, net: net.conv2(x) if not net.training else net.conv2(x) + x, ["Conv2d"]),
    ],
)
def test_functions_and_methods_are_followed_in_evaluation_mode(steps, expected):
    chain = make_chain(Applied(steps).train(), SHAPE)
    assert kinds(chain) == ["Conv2d", *expected, "Flatten", "Linear"]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_chain_of_layers_of_any_dtype(dtype):
    net = conv_stack(nn.BatchNorm2d(4), BinaryActivation(), nn.Dropout()).to(dtype)
    assert kinds(make_chain(net, SHAPE)) == [type(layer).__name__ for layer in net]


def test_single_layer_is_a_chain():
    chain = make_chain(nn.Conv2d(1, 2, SHAPE), SHAPE)
    assert (chain.widths, chain.macs()) == ([], 2 * 12 * 10)


def test_mode_and_statistics_of_every_layer_stay():
    net = CurveCNN((8, 8), 2, (2, 3, 4)).train()
    net.norm2.eval()
    before = {name: value.clone() for name, value in net.state_dict().items()}
    make_chain(net, (8, 8))
    assert net.training
    assert net.norm1.training
    assert not net.norm2.training
    assert all(torch.equal(value, before[name]) for name, value in net.state_dict().items())


def test_global_random_numbers_stay():
    net = CurveCNN((8, 8), 2, (2, 3, 4))
    before = torch.random.get_rng_state()
    make_chain(net, (8, 8))
    assert torch.equal(torch.random.get_rng_state(), before)


def test_chains_are_made_while_other_threads_compute():
    call = nn.Module.__call__
    nets = [Applied(lambda x, net: functional.relu(x)).eval() for _ in range(3)]
    images = torch.rand(2, 1, *SHAPE)
    expected = [net(images) for net in nets]

    def work(k):
        for _ in range(50):
            # The networks of others too, which may be followed at this moment.
            scores = nets[k % 3](images)
            assert torch.equal(scores, expected[k % 3])
            make_chain(nets[(k + 1) % 3], SHAPE)

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(work, range(4)))
    assert nn.Module.__call__ is call


def tied(net):
    net.conv3 = nn.Conv2d(3, 3, 3, padding=1)
    net.conv3.weight = net.conv2.weight
    net.steps = lambda x, net: net.conv3(net.conv2(x))


def hooked(net):
    net.conv.register_forward_hook(lambda layer, x, y: y * 2)


def patched(net):
    net.relu.forward = lambda x: -x
    net.steps = lambda x, net: net.relu(x)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (tied, "its layers 'conv2' and 'conv3' share one weight"),
        (hooked, "its layer 'conv' has a hook"),
        (lambda net: net.register_forward_pre_hook(lambda layer, x: x), "it has a hook"),
        (patched, "its layer 'relu' has a forward pass of its own"),
        (lambda net: parametrizations.weight_norm(net.conv), "'conv' is computed from other parameters"),
        (lambda net: prune.random_unstructured(net.fc, "weight", 0.5), "'fc' is computed from other"),
    ],
)
def test_changed_layer_is_refused_by_name(change, message):
    net = Applied(lambda x, net: x)
    change(net)
    with pytest.raises(NoChainError, match=message):
        make_chain(net, SHAPE)


@pytest.mark.parametrize(
    ("steps", "message"),
    [
        (lambda x, net: x + x, "its step 'add' uses more|none that can be followed"),
        (lambda x, net: x + net.conv2(x), "its step 'add' uses more than the output of the step before"),
        (lambda x, net: torch.cat([x, net.conv2(x)], 1), "its step 'cat' uses more"),
        (lambda x, net: net.conv2(net.conv2(x)), "its layer 'conv2' is applied twice"),
        (lambda x, net: x * 2, "its step 'mul' is none that can be followed"),
        (lambda x, net: x * x.shape[0], "its step 'mul' is none that can be followed"),
        (lambda x, net: x.transpose(2, 3), "its step 'transpose' is none that can be followed"),
        (
            lambda x, net: x * net.conv.bias.mean(),
            "is none that can be followed|uses more|outside of a layer",
        ),
        (lambda x, net: functional.dropout(x, 0.5), "drops values at random in evaluation mode too"),
        (lambda x, net: functional.max_pool2d(x, x.shape[2:]), "'max_pool2d' has arguments that cannot be"),
        (lambda x, net: functional.relu(x) if x.sum() > 0 else x, "its forward pass cannot be followed"),
        (lambda x, net: x.flatten(2).flatten(1), "its step 'flatten' does not flatten whole images"),
    ],
)
def test_step_that_is_no_chain_is_refused_by_name(steps, message):
    with pytest.raises(NoChainError, match=message):
        make_chain(Applied(steps), SHAPE)


class DoublingConv(nn.Conv2d):
    def forward(self, x):
        return 2 * super().forward(x)


class StandardizedConv(nn.Conv2d):
    def _conv_forward(self, x, weight, bias):
        return super()._conv_forward(x, weight - weight.mean(), bias)


@pytest.mark.parametrize(
    ("layers", "message"),
    [
        ([nn.Conv2d(4, 4, 3, groups=2)], "its layer '1' has groups"),
        ([nn.Conv2d(4, 4, 3, padding=1, padding_mode="circular")], "pads with something other than zeros"),
        ([nn.ConvTranspose2d(4, 4, 3)], "its layer '1' is of the kind ConvTranspose2d"),
        ([DoublingConv(4, 4, 3)], "DoublingConv"),
        ([StandardizedConv(4, 4, 3)], "StandardizedConv"),
        ([nn.BatchNorm2d(4, track_running_stats=False)], "its layer '1' keeps no running statistics"),
        ([nn.GroupNorm(2, 4)], "its layer '1' is of the kind GroupNorm"),
        ([nn.Flatten(2)], "its step '1' does not flatten whole images"),
        ([nn.PReLU(4)], "of the kind PReLU"),
    ],
)
def test_unsupported_layer_is_refused_by_name(layers, message):
    with pytest.raises(NoChainError, match=f"Sequential cannot be counted or removed.*{message}"):
        make_chain(conv_stack(*layers), SHAPE)


def test_refusal_names_a_package_for_networks_with_branches():
    with pytest.raises(NoChainError, match="see the package Torch-Pruning"):
        make_chain(nn.Sequential(nn.Flatten(), nn.ReLU()), SHAPE)


def test_view_of_several_images_as_one_is_refused():
    net = Applied(lambda x, net: x)
    net.steps = lambda x, net: x.view(-1, 120)
    net.fc = nn.Linear(120, 2)
    with pytest.raises(NoChainError, match="its layers, one after another, cannot take images"):
        make_chain(net, SHAPE)


def test_fully_connected_layer_along_one_axis_is_refused():
    net = nn.Sequential(nn.Conv2d(1, 2, 3, padding=1), nn.Linear(10, 4), nn.Flatten(), nn.Linear(96, 2))
    with pytest.raises(NoChainError, match="'1' is applied along one axis of"):
        make_chain(net, SHAPE)
