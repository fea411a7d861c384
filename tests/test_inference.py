"""Predictions with numpy alone."""

import random
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from chains import random_network
from classifiers import quick
from conftest import make_stripes
from PIL import Image
from sklearn.pipeline import make_pipeline
from torch import nn

import sparsecnn
from sparsecnn import CurveImageTransformer, inference
from sparsecnn._network import describe
from sparsecnn.datasets import make_shaky_spirals
from sparsecnn.export import compress, save, to_numpy
from sparsecnn.export._compress import remove_dead
from sparsecnn.export._plain import plain_layers
from sparsecnn.inference import Layer, NumpyClassifier, build_layers

X, Y = make_stripes(60, random_state=0)


@pytest.fixture(scope="module")
def classifier():
    return quick(penalized="all").fit(X, Y)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "network.safetensors"


def scores(layers, x):
    for layer in layers:
        x = layer(x)
    return x


def largest_difference(layers, network, x):
    with torch.no_grad():
        expected = network(torch.from_numpy(x.copy())).numpy()
    found = scores(layers, x)
    assert found.dtype == expected.dtype
    assert found.shape == expected.shape
    return np.abs(found - expected).max() / np.abs(expected).max()


# Networks whose scores depend on no image, which have no form without dead channels.
CONSTANT = (15, 22)


@pytest.mark.parametrize("seed", range(40))
def test_layers_compute_what_those_of_torch_do(seed):
    network, image_shape, n_channels = random_network(seed)
    x = np.random.default_rng(seed).normal(size=(3, n_channels, *image_shape))

    def built(module):
        return build_layers(map(describe, module), image_shape, 3, n_channels)

    assert largest_difference(built(network), network, x) < 1e-13
    if seed not in CONSTANT:
        assert largest_difference(built(remove_dead(network, image_shape)), network, x) < 1e-12


ACTIVATIONS = [
    *(
        nn.ReLU(),
        nn.ReLU6(),
        nn.LeakyReLU(0.3),
        nn.ELU(0.7),
        nn.SiLU(),
        nn.GELU(),
        nn.GELU("tanh"),
        nn.Tanh(),
    ),
    *(nn.Sigmoid(), nn.Hardtanh(-0.5, 2.0), sparsecnn.BinaryActivation(), nn.Identity(), nn.Dropout(0.3)),
]


@pytest.mark.parametrize("activation", ACTIVATIONS, ids=str)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_activations_are_those_of_torch(activation, dtype):
    network = nn.Sequential(nn.Flatten(), nn.Linear(1, 1), activation).eval()
    network = network.to(torch.from_numpy(np.zeros(0, dtype)).dtype)
    with torch.no_grad():
        network[1].weight.fill_(1)
        network[1].bias.zero_()
    x = np.concatenate([np.linspace(-7, 7, 401), [-90, -1000, 90, 1000]]).astype(dtype)[:, np.newaxis]
    found = scores(build_layers(map(describe, network), (1, 1), 1), x)
    with torch.no_grad():
        expected = network(torch.from_numpy(x)).numpy()
    assert found.dtype == dtype
    np.testing.assert_allclose(found, expected, rtol=20 * np.finfo(dtype).eps, atol=5 * np.finfo(dtype).eps)


def random_pool(rng):
    kernel = rng.randint(1, 5), rng.randint(1, 5)
    geometry = {
        "kernel_size": kernel,
        "stride": rng.choice([None, 1, 2, 3, (2, 1)]),
        "padding": tuple(rng.randint(0, side // 2) for side in kernel),
        "ceil_mode": rng.random() < 0.5,
    }
    size = rng.choice([1, (3, None), (None, 5), 4, (7, 2)])
    return rng.choice(
        [
            nn.MaxPool2d(**geometry, dilation=rng.choice([1, 2, (1, 3)])),
            nn.AvgPool2d(**geometry),
            nn.AvgPool2d(**geometry, count_include_pad=False),
            nn.AvgPool2d(**geometry, divisor_override=rng.randint(1, 9)),
            nn.AdaptiveMaxPool2d(size),
            nn.AdaptiveAvgPool2d(size),
        ]
    )


@pytest.mark.parametrize("seed", range(300))
def test_pooling_is_that_of_torch(seed):
    rng = random.Random(seed)
    image_shape = rng.randint(5, 13), rng.randint(5, 13)
    pool, x = random_pool(rng), np.random.default_rng(seed).normal(size=(2, 3, *image_shape))
    try:
        expected = pool(torch.from_numpy(x)).numpy()
    except RuntimeError:
        expected = np.zeros((2, 3, 0, 0))
    conv = nn.Conv2d(3, 3, 1, dtype=torch.float64)
    specs = [describe(conv), describe(pool), describe(nn.Flatten())]
    if not expected.size:
        with pytest.raises(ValueError, match="windows"):
            build_layers(specs, image_shape, 1, in_channels=3)
        return
    layers = build_layers(specs, image_shape, expected[0].size, in_channels=3)
    np.testing.assert_allclose(layers[1](x), expected, rtol=1e-13, atol=1e-14)


def test_layers_that_do_not_fit_are_refused():
    wide, narrow = describe(nn.Linear(16, 3)), describe(nn.Linear(4, 2))
    for specs, reason in [
        ([describe(nn.Flatten()), wide, narrow], r"weights of shape \(2, 4\) cannot read \(3,\)"),
        ([describe(nn.Flatten()), wide], r"scores of shape \(3,\), but there are 2 classes"),
        ([describe(nn.Conv2d(3, 2, 3))], r"weights of shape \(2, 3, 3, 3\) cannot read \(1, 4, 4\)"),
        ([describe(nn.Conv2d(1, 2, 9))], r"filters of shape \(9, 9\) do not fit"),
        ([describe(nn.Conv2d(1, 2, 3)), describe(nn.BatchNorm2d(3))], "scales of"),
    ]:
        with pytest.raises(ValueError, match=reason):
            build_layers(specs, (4, 4), 2)


@pytest.mark.parametrize("shape", [(30, 16, 16), (30, 256)])
@pytest.mark.parametrize("dtype", [np.uint8, np.float32, np.float64, np.int64])
def test_probabilities_are_those_of_the_classifier(classifier, shape, dtype):
    images = X[:30].reshape(shape).astype(dtype)
    alone = to_numpy(classifier)
    np.testing.assert_allclose(alone.predict_proba(images), classifier.predict_proba(images), atol=1e-5)
    np.testing.assert_array_equal(alone.predict(images), classifier.predict(images))
    assert alone.predict(images).dtype == classifier.classes_.dtype


def test_batches_do_not_change_the_result(classifier):
    many = np.repeat(X, 40, axis=0)
    alone = to_numpy(classifier)
    single = np.concatenate([alone.predict_proba(image[np.newaxis]) for image in X])
    np.testing.assert_allclose(alone.predict_proba(many)[::40], single, atol=1e-6)


def test_plain_layers_are_compressed_and_folded(classifier):
    for one in (classifier, compress(classifier)):
        layers = plain_layers(one)
        assert {layer.kind for layer in layers} == {"conv2d", "max_pool", "relu", "flatten", "linear"}
        assert all(isinstance(layer, Layer) for layer in layers)
        assert all(array.dtype == np.float32 for layer in layers for array in layer.arrays.values())
        x = (X / np.float32(255))[:, np.newaxis]
        expected = classifier.decision_function(X)
        found = scores(layers, x)
        np.testing.assert_allclose(found[:, 1] - found[:, 0], expected, atol=1e-4)


def test_attributes_are_those_of_the_classifier(classifier):
    alone = to_numpy(classifier)
    for name in ("classes_", "image_shape_", "pixel_scale_", "n_features_in_"):
        assert np.array_equal(getattr(alone, name), getattr(classifier, name))
    assert alone.transformer_ is None
    assert not hasattr(alone, "feature_names_in_")
    assert repr(alone) == "NumpyClassifier(2 classes, images of shape (16, 16))"
    assert repr(to_numpy([classifier, classifier])).endswith("2 members)")
    assert isinstance(alone, NumpyClassifier)


@pytest.mark.parametrize(
    ("images", "reason"),
    [
        (np.zeros((3, 255)), r"shape \(n, 256\) or \(n, 16, 16\).*\(3, 255\)"),
        (np.zeros((16, 16)), r"\(16, 16\)"),
        (np.zeros((0, 256)), "n at least 1"),
        (np.zeros((1, 2, 16, 16)), r"\(1, 2, 16, 16\)"),
        (np.full((1, 256), np.nan), "NaN or infinite"),
        (np.full((1, 256), np.inf), "NaN or infinite"),
        (np.full((1, 256), "a"), "must hold pixels"),
        (np.zeros((1, 256), complex), "must hold pixels"),
        ([["a.png"]], "must hold pixels"),
    ],
)
def test_unusable_images_are_refused(classifier, images, reason):
    with pytest.raises(ValueError, match=reason):
        to_numpy(classifier).predict_proba(images)


def test_other_pixels_are_warned_of(classifier):
    alone = to_numpy(classifier)
    with pytest.warns(UserWarning, match="The pixels of X go up to"):
        alone.predict(X / 255)
    with (
        pytest.warns(UserWarning, match="The pixels of X go up to"),
        pytest.raises(ValueError, match="too large"),
    ):
        alone.predict(np.full((1, 256), 1e300))


def test_transformer_shows_the_ink_that_its_fit_found(path, tmp_path):
    pages = [tmp_path / f"{i}.png" for i in range(8)]
    for image, page in zip(make_shaky_spirals(8, random_state=0).images, pages, strict=True):
        Image.fromarray(255 - image).save(page)
    reader = make_pipeline(CurveImageTransformer((16, 16), ink="auto"), quick(max_iter=1, batch_size=4))
    save(reader.fit(pages, Y[:8]), path)
    transformer = CurveImageTransformer(**inference.load(path).transformer_)
    assert transformer.ink == reader[0].ink_
    np.testing.assert_array_equal(transformer.transform(pages), reader[0].transform(pages))


BLOCKED = """
import sys

class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {"torch", "sklearn", "scipy", "joblib", "PIL", "tqdm", "safetensors"}:
            raise ImportError(f"{name} is blocked")

sys.meta_path.insert(0, Blocked())
import numpy as np
import sparsecnn
from sparsecnn import inference

classifier = inference.load(sys.argv[1])
np.save(sys.argv[3], classifier.predict_proba(np.load(sys.argv[2])))
assert not {"torch", "sklearn", "scipy"} & set(sys.modules)
"""


def test_file_is_read_without_torch_and_scikit_learn(path, tmp_path):
    classifier = quick(penalized="all").fit(X, Y)
    save(classifier, path)
    np.save(tmp_path / "X.npy", X)
    command = [sys.executable, "-c", BLOCKED, path, tmp_path / "X.npy", tmp_path / "p.npy"]
    subprocess.run(command, check=True, cwd=Path(inference.__file__).parents[2])
    np.testing.assert_allclose(np.load(tmp_path / "p.npy"), classifier.predict_proba(X), atol=1e-5)
