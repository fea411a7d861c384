"""Networks of binary activations and weights."""

import copy
import pickle

import pytest
import torch
from classifiers import OwnNetwork, quick, small, state
from sklearn.base import clone
from sklearn.utils._param_validation import InvalidParameterError
from torch import nn

from sparsecnn import RVSM, BinaryActivation
from sparsecnn._network import CurveCNN, WeightedBatchNorm2d, make_chain, penalized_weights
from sparsecnn.exceptions import DeadLayerWarning
from sparsecnn.model_selection import sparsity_path
from sparsecnn.penalties import Binary, Ternary

PROXIES = ["identity", "relu", "clipped_relu", "hard_tanh"]
DERIVATIVES = {
    "identity": torch.ones_like,
    "relu": lambda x: torch.where(x > 0, 1.0, 0.0),
    "clipped_relu": lambda x: torch.where((x > 0) & (x < 1), 1.0, 0.0),
    "hard_tanh": lambda x: torch.where((x > -1) & (x < 1), 1.0, 0.0),
}
FLOATS = [torch.float32, torch.float64, torch.bfloat16]


@pytest.mark.parametrize("dtype", FLOATS, ids=str)
@pytest.mark.parametrize("training", [True, False])
def test_binary_activation_is_one_above_zero(dtype, training):
    x = torch.tensor([-torch.inf, -1, -0.0, 0, 1e-30, 0.5, 1, 2, torch.inf], dtype=dtype)
    x.requires_grad_(training)
    y = BinaryActivation()(x)
    assert y.tolist() == [0, 0, 0, 0, 1, 1, 1, 1, 1]
    assert y.dtype == dtype


@pytest.mark.parametrize("dtype", FLOATS, ids=str)
@pytest.mark.parametrize(
    ("proxy", "passed"),
    [
        ("identity", [1, 1, 1, 1, 1, 1]),
        ("relu", [0, 0, 0, 1, 1, 1]),
        ("clipped_relu", [0, 0, 0, 1, 0, 0]),
        ("hard_tanh", [0, 1, 1, 1, 0, 0]),
    ],
)
def test_coarse_gradient_is_that_of_the_proxy(proxy, passed, dtype):
    x = torch.tensor([-1, -0.5, 0, 0.5, 1, 2], dtype=dtype, requires_grad=True)
    gradient = torch.tensor([1, 6, 2, -3, 4, 5], dtype=dtype)
    BinaryActivation(proxy)(x).backward(gradient)
    assert x.grad.tolist() == (gradient * torch.tensor(passed)).tolist()
    assert x.grad.dtype == dtype


@pytest.mark.parametrize("proxy", PROXIES)
def test_coarse_gradient_of_a_layer_is_the_written_out_formula(proxy):
    """The loss is ½(v·σ(Wx) - y)²; its coarse gradient is (v·σ(Wx) - y)·(v ∘ μ'(Wx))xᵀ."""
    generator = torch.Generator().manual_seed(0)
    w, x, v = (torch.randn(*shape, generator=generator).double() for shape in [(8, 5), (5,), (8,)])
    layer = nn.Linear(5, 8, bias=False).double()
    layer.weight.data = w
    loss = (v @ BinaryActivation(proxy)(layer(x)) - 0.3).square() / 2
    loss.backward()
    residue = v @ (w @ x > 0).double() - 0.3
    expected = residue * torch.outer(v * DERIVATIVES[proxy](w @ x), x)
    torch.testing.assert_close(layer.weight.grad, expected)


def test_batch_norm_and_step_are_one_threshold_a_channel():
    norm = WeightedBatchNorm2d(6).double().eval()
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for tensor in (norm.weight, norm.bias, norm.running_mean):
            tensor.copy_(torch.randn(6, generator=generator))
        norm.weight[0], norm.weight[1] = 0, 0
        norm.weight[2:4] *= -norm.weight[2:4].sign()  # both signs, and a constant of both kinds
        norm.weight[4:] *= norm.weight[4:].sign()
        norm.bias[0], norm.bias[1] = 0.5, -0.5
        norm.running_var.copy_(torch.rand(6, generator=generator) + 0.5)
        x = torch.randn(4, 6, 5, 5, generator=generator).double() * 2
        scale, shift = norm.weight.view(-1, 1, 1), norm.bias.view(-1, 1, 1)
        deviation = (norm.running_var + norm.eps).sqrt().view(-1, 1, 1)
        threshold = norm.running_mean.view(-1, 1, 1) - shift * deviation / scale
        above, below = x > threshold, x < threshold
        expected = torch.where(scale > 0, above, torch.where(scale < 0, below, shift > 0)).double()
        assert torch.equal(BinaryActivation()(norm(x)), expected)
    assert expected[:, 2:].mean((0, 2, 3)).min() > 0


def test_binary_network_starts_from_the_weights_of_the_relu_network():
    nets = {}
    for activation in ("relu", "binary", BinaryActivation("relu")):
        torch.manual_seed(0)
        nets[str(activation)] = CurveCNN((16, 16), 2, channels=(2, 3, 4), activation=activation)
    relu, *others = nets.values()
    for net in others:
        assert list(net.state_dict()) == list(relu.state_dict())
        for ours, theirs in zip(net.parameters(), relu.parameters(), strict=True):
            assert torch.equal(ours, theirs)
    assert [net.activation1.proxy for net in others] == ["clipped_relu", "relu"]
    assert relu(torch.rand(2, 1, 16, 16)).shape == (2, 2)


def test_binary_network_passes_bits_between_its_layers():
    net = CurveCNN((16, 16), 2, channels=(2, 3, 4), activation="binary").eval()
    seen = []
    for layer in (net.conv2, net.conv3, net.fc):
        layer.register_forward_pre_hook(lambda _, given: seen.append(given[0].unique().tolist()))
    net(torch.rand(8, 1, 16, 16))
    assert len(seen) == 3
    assert all(set(bits) <= {0.0, 1.0} for bits in seen)


def test_binary_network_trains_every_layer():
    torch.manual_seed(0)
    net = CurveCNN((16, 16), 2, channels=(4, 4, 4), activation="binary")
    nn.functional.cross_entropy(net(torch.rand(8, 1, 16, 16)), torch.arange(8) % 2).backward()
    assert all(p.grad.any() for name, p in net.named_parameters() if name.endswith("weight"))


@pytest.mark.parametrize("proxy", PROXIES)
@pytest.mark.parametrize("copied", [copy.deepcopy, lambda net: pickle.loads(pickle.dumps(net))])
def test_binary_network_can_be_copied_and_pickled(copied, proxy):
    net = CurveCNN((16, 16), 2, channels=(2, 3, 4), activation=BinaryActivation(proxy)).eval()
    x = torch.rand(2, 1, 16, 16)
    twin = copied(net)
    assert torch.equal(twin(x), net(x))
    assert twin.activation1.proxy == proxy
    assert repr(twin.activation1) == f"BinaryActivation(proxy={proxy!r})"


def test_binary_network_computes_in_double_precision():
    net = CurveCNN((16, 16), 2, channels=(2, 3, 4), activation="binary").double()
    net(torch.rand(4, 1, 16, 16).double()).sum().backward()
    assert net.conv1.weight.grad.dtype == torch.float64


def test_binary_network_is_a_chain():
    chain = make_chain(CurveCNN((16, 16), 2, channels=(2, 3, 4), activation="binary"), (16, 16))
    assert chain.widths == [2, 3, 4]
    assert isinstance(chain.stages[0].after[-1].layer, BinaryActivation)


def test_unknown_names_are_refused():
    with pytest.raises(ValueError, match=r"proxy must be one of \['clipped_relu', 'hard_tanh', "):
        BinaryActivation("sigmoid")
    with pytest.raises(ValueError, match="activation must be 'relu', 'binary' or a BinaryActivation, got 't"):
        CurveCNN((16, 16), 2, activation="tanh")


def test_hidden_layers_are_all_but_the_first_and_the_last():
    net = CurveCNN((16, 16), 2, channels=(2, 3, 4))
    assert list(penalized_weights(net, "hidden")) == ["conv2", "conv3"]
    tied = nn.Sequential(*(nn.Linear(4, 4) for _ in range(4)))
    tied[1].weight = tied[3].weight  # the last layer's stays real
    assert list(penalized_weights(tied, "hidden")) == ["2"]


@pytest.mark.parametrize("n_layers", [0, 1, 2])
def test_networks_without_hidden_layers_are_refused(n_layers, stripes):
    layers = [nn.Linear(256, 16), nn.Linear(16, 2)][-n_layers:] if n_layers else []
    with pytest.raises(ValueError, match=f"at least three Linear .*layers, but Sequential has {n_layers}"):
        penalized_weights(nn.Sequential(nn.Flatten(), *layers), "hidden")
    with pytest.raises(ValueError, match=r"'hidden' needs .* but OwnNetwork has 2"):
        small(penalized="hidden", module=OwnNetwork).fit(*stripes)


@pytest.mark.parametrize("activation", ["binary", BinaryActivation("relu")])
def test_classifier_learns_with_binary_activations(activation, stripes):
    classifier = quick(activation=activation, penalized="hidden", channels=(8, 8, 8), max_iter=16)
    classifier.fit(*stripes)
    assert classifier.score(*stripes) > 0.9
    assert isinstance(classifier.module_.activation3, BinaryActivation)
    zeros = classifier.layer_sparsity_
    assert zeros["conv1"] == zeros["fc"] == 0
    assert classifier.sparsity_ == pytest.approx(0.9, abs=0.001)
    again = clone(classifier).fit(*stripes)
    assert torch.equal(state(again), state(classifier))


def test_training_goes_on_only_with_the_same_activation(stripes):
    classifier = small(activation="binary", max_iter=1, warm_start=True).fit(*stripes)
    classifier.set_params(activation=BinaryActivation()).fit(*stripes)
    for other in ("relu", BinaryActivation("relu")):
        with pytest.raises(ValueError, match="activation changed since the network was fitted"):
            classifier.set_params(activation=other).fit(*stripes)


@pytest.mark.parametrize("activation", ["tanh", None, BinaryActivation])
def test_classifier_refuses_other_activations(activation, stripes):
    with pytest.raises(InvalidParameterError, match=r"'activation' parameter .* must be a str among"):
        small(activation=activation).fit(*stripes)


class Linear(nn.Module):
    """Two outputs of three pixels."""

    def __init__(self):
        super().__init__()
        self.out = nn.Linear(3, 2, bias=False)

    def forward(self, x):
        return self.out(x)


def test_confined_step_is_the_blended_update():
    """That is, w ← (1 - ηβ)w + ηβu - η∇f(u)."""
    torch.manual_seed(0)
    net, x, y = Linear().double(), torch.randn(8, 3).double(), torch.randn(8, 2).double()
    w, beta, rate = net.out.weight, 3.0, 0.1
    optimizer = RVSM(torch.optim.SGD(net.parameters(), lr=rate), [w], Binary(), lam=0.0, beta=beta)
    before, u = w.detach().clone(), Binary().prox(w.detach(), 0.0).requires_grad_()
    (gradient,) = torch.autograd.grad((x @ u.T - y).square().mean(), u)
    optimizer.zero_grad()
    with optimizer.gradient_weights():
        assert torch.equal(w, u)
        (net(x) - y).square().mean().backward()
    assert torch.equal(w, before)
    optimizer.step()
    expected = (1 - rate * beta) * before + rate * beta * u - rate * gradient
    torch.testing.assert_close(w.detach(), expected.detach())


def test_gradient_of_a_penalty_that_does_not_confine_is_taken_at_the_weights():
    net = Linear()
    before = net.out.weight.detach().clone()
    optimizer = RVSM(torch.optim.SGD(net.parameters(), lr=0.1), [net.out.weight], "l0", lam=1.0)
    with optimizer.gradient_weights():
        assert torch.equal(net.out.weight, before)


def magnitudes(w):
    """Return the distinct magnitudes of each filter."""
    return [sorted(filter_.abs().unique().tolist()) for filter_ in w.detach()]


@pytest.mark.parametrize("solver", ["adam", "sgd"])
@pytest.mark.parametrize("params", [{}, {"early_stopping": True}, {"activation": "binary"}], ids=str)
def test_classifier_learns_binary_weights(params, solver, stripes):
    rate = {"adam": 0.003, "sgd": 0.03}[solver]
    classifier = quick(penalty=Binary(), penalized="hidden", max_iter=16, solver=solver, **params)
    classifier.set_params(channels=(8, 8, 8), learning_rate_init=rate).fit(*stripes)
    net = classifier.module_
    assert all(len(values) == 1 for w in (net.conv2.weight, net.conv3.weight) for values in magnitudes(w))
    assert all(len(values) > 2 for w in (net.conv1.weight, net.fc.weight) for values in magnitudes(w))
    assert classifier.score(*stripes) > 0.9
    assert (classifier.lam_, classifier.sparsity_) == (0, 0)


@pytest.mark.parametrize("target", [0.5, 0.9])
def test_classifier_learns_ternary_weights_of_a_target_sparsity(target, stripes):
    classifier = quick(penalty=Ternary(), penalized="hidden", max_iter=16, target_sparsity=target)
    classifier.set_params(channels=(8, 8, 8)).fit(*stripes)
    weights = (classifier.module_.conv2.weight, classifier.module_.conv3.weight)
    assert all(len(set(values) - {0.0}) <= 1 for w in weights for values in magnitudes(w))
    assert classifier.score(*stripes) > 0.9
    assert target <= classifier.sparsity_ < target + 0.05
    assert classifier.lam_ > 0


def test_ternary_weights_follow_a_given_lam(stripes):
    few, many = (
        small(penalty=Ternary(), penalized="hidden", lam=lam).fit(*stripes).sparsity_ for lam in (0, 1e-3)
    )
    assert 0 < few < many < 1


def test_ternary_weights_all_zero_are_a_dead_layer(stripes):
    with pytest.warns(DeadLayerWarning, match="'conv2' are zero at lam=1000.0"):
        small(penalty=Ternary(), penalized="hidden", lam=1e3).fit(*stripes)


def test_binary_weights_are_trained_in_chunks_and_from_where_they_were(stripes):
    X, y = stripes
    params = {"penalty": Binary(), "penalized": "hidden"}
    classifier = small(**params).partial_fit(X[:60], y[:60], classes=["across", "down"])
    classifier.partial_fit(X[60:], y[60:])
    assert all(len(values) == 1 for values in magnitudes(classifier.module_.conv2.weight))
    classifier = small(**params, warm_start=True, max_iter=1, finetune_iter=1).fit(X, y).fit(X, y)
    assert all(len(values) == 1 for values in magnitudes(classifier.module_.conv2.weight))


def test_path_of_ternary_networks(stripes):
    estimator = quick(penalty=Ternary(), penalized="hidden", max_iter=6, finetune_iter=2)
    path = sparsity_path(*stripes, estimator=estimator, sparsities=[0.6, 0.8])
    for fitted, target in zip(path, [0.6, 0.8], strict=True):
        weights = (fitted.module_.conv2.weight, fitted.module_.conv3.weight)
        assert all(len(set(values) - {0.0}) <= 1 for w in weights for values in magnitudes(w))
        assert target - 0.001 < fitted.sparsity_ < target + 0.1  # of 432 weights
    with pytest.raises(ValueError, match=r"penalty that makes weights zero, got Binary\(\)"):
        sparsity_path(*stripes, estimator=estimator.set_params(penalty=Binary()))
