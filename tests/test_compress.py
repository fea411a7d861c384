"""Networks without their dead channels."""

import copy
import pickle
import random
import warnings

import numpy as np
import pytest
import torch
from classifiers import OwnNetwork, quick, small
from conftest import make_stripes
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from torch import nn

from sparsecnn import BinaryActivation, SparseCurveCNNClassifier, SparseCurveCNNClassifierCV
from sparsecnn._network import ChannelAffine, CompressedNetwork, CurveCNN, make_chain
from sparsecnn.export import _removal, compress
from sparsecnn.export._compress import remove_dead

WEIGHTED = (nn.Conv2d, nn.Linear)
NORMS = (nn.BatchNorm1d, nn.BatchNorm2d)


@torch.no_grad()
def randomise(net, seed, zeros=0.2):
    """Give a network random weights, statistics, scales and shifts of both signs, and dead channels."""
    generator = torch.Generator().manual_seed(seed)

    def some(n, share=zeros):
        return torch.rand(n, generator=generator) < share

    for layer in net.modules():
        for parameter in layer.parameters(recurse=False):
            parameter.copy_(torch.randn(parameter.shape, generator=generator))
        if isinstance(layer, NORMS):
            layer.running_mean.copy_(torch.randn(layer.num_features, generator=generator))
            layer.running_var.copy_(torch.rand(layer.num_features, generator=generator) + 0.1)
            if layer.affine:
                layer.weight[some(layer.num_features, zeros / 3)] = 0
        elif isinstance(layer, WEIGHTED):
            w = layer.weight
            w /= w[0].numel() ** 0.5
            w[torch.rand(w.shape, generator=generator) < zeros] = 0
            w[some(w.shape[0])] = 0
            w[:, some(w.shape[1], zeros if w.shape[1] > 3 else 0)] = 0
    return net.eval()


def largest_difference(net, compressed, image_shape, n_channels=1):
    """Return the largest difference of scores for random images, relative to the largest score."""
    dtype = next(net.parameters()).dtype
    images = torch.randn(8, n_channels, *image_shape, generator=torch.Generator().manual_seed(1), dtype=dtype)
    with torch.no_grad():
        expected = net(images.clone())
        return float((compressed(images) - expected).abs().max() / expected.abs().max())


def widths(net, image_shape):
    return make_chain(net, image_shape).widths


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


def random_block(rng, n_read, n_written):
    """Return the layers of a random convolution with what follows it."""
    kernel, dilation = rng.choice([1, 2, 3, (1, 3)]), rng.choice([1, 1, 2])
    padding = rng.choice([0, 0, 1, (1, 0), "valid" if kernel == 2 else "same"])
    bias, norms = rng.random() < 0.5, [nn.BatchNorm2d(n_written), nn.BatchNorm2d(n_written, affine=False)]
    pool = rng.choice(
        [
            *(nn.Identity(), nn.MaxPool2d(2), nn.AvgPool2d(2), nn.AdaptiveMaxPool2d(20)),
            *(nn.AdaptiveAvgPool2d((20, 18)), nn.MaxPool2d(3, 2, padding=1, ceil_mode=True)),
            *(nn.AvgPool2d(3, 2, padding=1), nn.AvgPool2d(3, 1, 1, count_include_pad=False)),
            *(nn.AvgPool2d(2, divisor_override=3), nn.MaxPool2d(2, stride=1, dilation=2)),
        ]
    )
    strided = isinstance(pool, nn.Identity) and not isinstance(padding, str)
    conv = nn.Conv2d(n_read, n_written, kernel, 1 + strided, padding, dilation, bias=bias)
    norm = rng.choice([*norms, nn.Identity()])
    activation = rng.choice(
        [nn.ReLU(inplace=True), nn.ReLU(), nn.LeakyReLU(0.1), nn.Sigmoid(), nn.GELU(), nn.Tanh(), nn.ELU()]
    )
    rest = [pool, norm, activation]
    rng.shuffle(rest)
    return [conv, *rest]


def random_network(seed):
    """Return a random chain with dead channels, and its image shape and number of channels."""
    rng = random.Random(seed)
    n_channels = n_read = rng.choice([1, 1, 3])
    image_shape = rng.randint(64, 70), rng.randint(64, 70)
    layers = [nn.BatchNorm2d(n_read)] if rng.random() < 0.3 else []
    for _ in range(rng.randint(n_channels > 1, 3)):
        n_written = rng.randint(3, 9)
        layers += random_block(rng, n_read, n_written)
        n_read = n_written
    layers += [nn.Flatten(), nn.Dropout()]
    net = nn.Sequential(*layers).eval()
    n_read = net(torch.zeros(1, n_channels, *image_shape)).shape[1]
    net.extend([nn.BatchNorm1d(n_read)] if rng.random() < 0.3 else [])
    for _ in range(rng.randint(0, 2)):
        n_written = rng.randint(4, 8)
        net.extend([nn.Linear(n_read, n_written, bias=rng.random() < 0.7)])
        net.extend([nn.BatchNorm1d(n_written)] if rng.random() < 0.5 else [])
        net.append(rng.choice([nn.ReLU(), nn.Sigmoid()]))
        n_read = n_written
    net.append(nn.Linear(n_read, 3))
    return randomise(net, seed, rng.choice([0.1, 0.2, 0.3])).double(), image_shape, n_channels


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


def test_compressed_network_keeps_dtype_layout_and_mode():
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
    assert compressed.conv2.weight.is_contiguous(memory_format=torch.channels_last)


def test_layers_of_nested_modules_have_names_without_dots():
    net = nn.Sequential(nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU()), nn.Flatten(), nn.Linear(2 * 100, 2))
    assert list(dict(remove_dead(net, (12, 12)).named_children())) == ["0_0", "0_1", "1", "2"]


@pytest.fixture(scope="module")
def fitted():
    """A classifier whose network has dead channels, and its training data."""
    X, y = make_stripes(120, random_state=0)
    classifier = quick(
        channels=(6, 12, 12), penalized="all", target_sparsity=0.95, max_iter=40, finetune_iter=20
    )
    return classifier.fit(X, y), X, y


def same_predictions(compressed, classifier, X):
    np.testing.assert_array_equal(compressed.predict(X), classifier.predict(X))
    np.testing.assert_allclose(compressed.predict_proba(X), classifier.predict_proba(X), atol=1e-5)


def test_compressed_classifier_predicts_the_same(fitted):
    classifier, X, y = fitted
    assert classifier.score(X, y) > 0.9
    compressed = compress(classifier)
    for images in (X, make_stripes(500, random_state=1)[0]):
        same_predictions(compressed, classifier, images)
    assert sum(compressed.channels) < 30


def test_compress_leaves_its_argument_alone(fitted):
    classifier, _, _ = fitted
    before = pickle.dumps(classifier)
    compressed = compress(classifier)
    assert pickle.dumps(classifier) == before
    assert not {id(p) for p in compressed.module_.parameters()} & {
        id(p) for p in classifier.module_.parameters()
    }
    assert compressed.history_ is not classifier.history_


def test_fitted_attributes_speak_of_the_compressed_network(fitted):
    classifier, _, _ = fitted
    compressed = compress(classifier)
    sizes = {
        name: layer.weight for name, layer in compressed.module_.named_children() if hasattr(layer, "weight")
    }
    n_nonzero = sum(int(w.count_nonzero()) for w in sizes.values())
    assert isinstance(compressed.module_, CompressedNetwork)
    assert list(compressed.layer_sparsity_) == list(classifier.layer_sparsity_)
    assert compressed.n_nonzero_ == n_nonzero <= classifier.n_nonzero_
    assert compressed.sparsity_ == 1 - n_nonzero / sum(w.numel() for w in sizes.values())
    assert compressed.penalty is None
    assert compressed.channels == tuple(widths(compressed.module_, (16, 16)))
    for name in (
        "classes_",
        "image_shape_",
        "pixel_scale_",
        "history_",
        "lam_",
        "layer_lam_",
        "n_features_in_",
    ):
        assert str(getattr(compressed, name)) == str(getattr(classifier, name))


def test_clone_trains_a_dense_network_of_the_shape_left(fitted):
    classifier, X, y = fitted
    compressed = compress(classifier)
    again = clone(compressed)
    assert not hasattr(again, "module_")
    again.set_params(max_iter=2).fit(X, y)
    assert type(again.module_) is CurveCNN
    assert tuple(widths(again.module_, (16, 16))) == compressed.channels
    assert again.sparsity_ == 0


def test_training_continues_from_the_compressed_network(fitted):
    classifier, X, y = fitted
    compressed = compress(classifier)
    compressed.set_params(
        warm_start=True, penalty="l0", penalized="all", target_sparsity=0.9, sparsity_scope="layer"
    ).set_params(max_iter=10)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # so few weights may not be enough
        compressed.fit(X, y)
    assert isinstance(compressed.module_, CompressedNetwork)
    assert compressed.sparsity_ > 0.5
    assert compressed.score(X, y) > 0.6
    compressed.set_params(penalty=None).partial_fit(X, y)
    assert isinstance(compressed.module_, CompressedNetwork)


def test_partial_fit_continues_from_the_compressed_network_of_a_partial_fit(fitted):
    _, X, y = fitted
    classifier = small(penalized="all", lam=3e-3, channels=(6, 12, 12), max_iter=8)
    for _ in range(16):
        classifier.partial_fit(X, y)
    compressed = compress(classifier)
    assert not hasattr(compressed, "_trainer")
    before = compressed.score(X, y)
    compressed.set_params(learning_rate_init=1e-5).partial_fit(X, y)
    assert tuple(widths(compressed.module_, (16, 16))) == compressed.channels
    assert compressed.score(X, y) == pytest.approx(before, abs=0.05)


def test_compressed_classifier_trained_on_can_be_compressed_again(fitted):
    classifier, X, _ = fitted
    compressed = compress(classifier)
    with pytest.raises(ValueError, match="compressed already"):
        compress(compressed)
    with torch.no_grad():
        compressed.module_.conv1.weight[0] = 0
    again = compress(compressed)
    assert again.channels[0] <= compressed.channels[0]
    same_predictions(again, compressed, X)


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda fitted: pickle.loads(pickle.dumps(fitted))])
def test_compressed_classifier_can_be_copied(fitted, copied):
    classifier, X, _ = fitted
    same_predictions(copied(compress(classifier)), classifier, X)
    assert len(pickle.dumps(compress(classifier).module_)) < len(pickle.dumps(classifier.module_))


class OwnChain(nn.Module):
    """A network with functions in its forward pass."""

    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(nn.Conv2d(1, 8, 3, stride=2, padding=1), nn.BatchNorm2d(8))
        self.hidden = nn.Linear(8 * 16, 12)
        self.out = nn.Linear(12, 2)

    def forward(self, x):
        x = nn.functional.max_pool2d(self.features(x).relu(), 2)
        return self.out(self.hidden(x.flatten(1)).tanh())


def test_compressed_network_of_ones_own_is_the_module_of_clones(stripes):
    X, y = stripes
    classifier = small(module=OwnChain, penalized="all", lam=2e-3, max_iter=20).fit(X, y)
    compressed = compress(classifier)
    same_predictions(compressed, classifier, X)
    assert list(compressed.layer_sparsity_) == ["features_0", "hidden", "out"]
    assert list(compressed.layer_lam_) == ["features_0", "hidden", "out"]
    again = clone(compressed)
    assert isinstance(again.module, CompressedNetwork)
    assert again.module is not compressed.module
    assert clone(compressed).set_params(max_iter=1).fit(X, y).score(X, y) > 0.9
    compressed.set_params(warm_start=True, max_iter=1).fit(X, y)
    assert compressed.score(X, y) > 0.9


def test_curves_in_one_row_keep_double_precision():
    rng = np.random.default_rng(0)
    y = np.arange(60) % 2
    X = np.sin(np.linspace(0, 9, 40) * (1 + y[:, None])) + rng.normal(0, 0.1, (60, 40))
    classifier = small(penalized="all", lam=2e-3, max_iter=20).fit(X, y)
    compressed = compress(classifier)
    assert next(compressed.module_.parameters()).dtype == torch.float64
    np.testing.assert_allclose(compressed.decision_function(X), classifier.decision_function(X), rtol=1e-9)


def flatten(X):
    return X.reshape(len(X), -1)


def test_pipeline_keeps_its_other_steps(fitted):
    classifier, X, y = fitted
    pipeline = make_pipeline(FunctionTransformer(flatten), clone(classifier).set_params(image_shape=(16, 16)))
    pipeline.fit(X, y)
    compressed = compress(pipeline)
    same_predictions(compressed, pipeline, X)
    assert list(compressed.named_steps) == list(pipeline.named_steps)
    assert compressed[0] is not pipeline[0]
    assert isinstance(compressed[-1].module_, CompressedNetwork)
    assert type(pipeline[-1].module_) is CurveCNN


def test_search_gives_its_best_estimator(fitted):
    classifier, X, y = fitted
    pipeline = make_pipeline(FunctionTransformer(flatten), clone(classifier).set_params(image_shape=(16, 16)))
    grid = {"sparsecurvecnnclassifier__target_sparsity": [0.8]}
    search = GridSearchCV(pipeline, grid, cv=2).fit(X, y)
    compressed = compress(search)
    assert compressed.steps[-1][0] == "sparsecurvecnnclassifier"
    same_predictions(compressed, search, X)
    nested = compress(make_pipeline(search.best_estimator_))
    same_predictions(nested, search, X)


def test_cross_validated_classifier_gives_its_best_estimator(stripes):
    X, y = stripes
    estimator = quick(channels=(4, 6, 6), penalized="all", max_iter=4)
    search = SparseCurveCNNClassifierCV(estimator, sparsities=[0.5, 0.9], cv=2).fit(X, y)
    compressed = compress(search)
    assert type(compressed) is SparseCurveCNNClassifier
    same_predictions(compressed, search, X)


@pytest.mark.parametrize(
    ("estimator", "error", "message"),
    [
        (SparseCurveCNNClassifier(), NotFittedError, "SparseCurveCNNClassifier instance is not fitted"),
        (make_pipeline(SparseCurveCNNClassifier()), NotFittedError, "instance is not fitted"),
        (SparseCurveCNNClassifierCV(), NotFittedError, "SparseCurveCNNClassifierCV has no best_estimator_"),
        (GridSearchCV(LogisticRegression(), {}), NotFittedError, "GridSearchCV has no best_estimator_"),
        (LogisticRegression(), TypeError, "takes a SparseCurveCNNClassifier.*got LogisticRegression"),
        (make_pipeline(LogisticRegression()), TypeError, "got LogisticRegression"),
        (make_pipeline("passthrough"), TypeError, "got 'passthrough'"),
        (None, TypeError, "got None"),
    ],
)
def test_unusable_estimator_is_refused(estimator, error, message):
    with pytest.raises(error, match=message):
        compress(estimator)


class Branched(OwnNetwork):
    def forward(self, x):
        hidden = self.hidden(x.flatten(1)).relu()
        return self.out(hidden + hidden.sigmoid())


class Tied(OwnNetwork):
    def __init__(self):
        super().__init__()
        self.hidden = nn.Linear(256, 256)
        self.again = nn.Linear(256, 256)
        self.again.weight = self.hidden.weight
        self.out = nn.Linear(256, 2)

    def forward(self, x):
        return self.out(self.again(self.hidden(x.flatten(1)).relu()))


@pytest.mark.parametrize(
    ("module", "message"),
    [(Branched, "step 'add' uses more.*Torch-Pruning"), (Tied, "'hidden' and 'again' share one weight")],
)
def test_network_that_is_no_chain_is_refused_and_stays(stripes, module, message):
    classifier = small(module=module, penalized="all", max_iter=1).fit(*stripes)
    before = pickle.dumps(classifier.module_.state_dict())
    with pytest.raises(ValueError, match=message):
        compress(classifier)
    assert pickle.dumps(classifier.module_.state_dict()) == before
    assert classifier.predict(stripes[0]).shape == (120,)
