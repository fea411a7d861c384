"""First filters from patches of the training images."""

import copy

import numpy as np
import pytest
import torch
from classifiers import quick
from conftest import make_stripes
from torch import nn

from sparsecnn._compute import seeded_torch
from sparsecnn._network import CurveCNN
from sparsecnn._training import CrossEntropy, first_filters, make_trainer
from sparsecnn._training.first_filters import LEAST_CONTRAST, set_first_filters
from sparsecnn._training.images import Images


def make_images(pixels, **attributes):
    n, height, width = pixels.shape
    return Images(pixels.reshape(n, -1), (height, width), 1.0, torch.device("cpu"), **attributes)


def strokes(n_images, shape=(9, 7), seed=0):
    """Return images of one bright line each, on grainy paper."""
    rng = np.random.default_rng(seed)
    pixels = rng.normal(0, 0.05, (n_images, *shape)).astype(np.float32)
    for image in pixels:
        image[:, rng.integers(shape[1])] = rng.uniform(0.5, 1)
    return pixels


def convolution(n_filters, size=3):
    torch.manual_seed(0)
    return nn.Conv2d(1, n_filters, size, padding="same")


def set_filters(pixels, n_filters=20, size=3, **attributes):
    layer = convolution(n_filters, size)
    set_first_filters(layer.weight, make_images(pixels, **attributes))
    return layer.weight.detach()


@pytest.mark.parametrize(("n_filters", "size"), [(20, 3), (18, 3), (16, (1, 5))])
def test_first_filters_are_principal_components_in_both_signs(n_filters, size):
    pixels = strokes(12)
    windows = np.lib.stride_tricks.sliding_window_view(pixels, (size, size) if size == 3 else size, (1, 2))
    patches = windows.reshape(-1, windows.shape[-1] * windows.shape[-2]).astype(float)
    patches = patches[patches.std(axis=1) > LEAST_CONTRAST]
    components = np.linalg.svd(patches, full_matrices=False)[2]
    drawn = convolution(n_filters, size).weight.detach().flatten(1)
    found = set_filters(pixels, n_filters, size).flatten(1)
    n = len(components)
    norm = float(drawn.norm(dim=1).mean())
    cosines = np.abs(np.sum(found[:n].numpy() * components, axis=1)) / norm
    np.testing.assert_allclose(cosines, 1, rtol=1e-4)
    assert torch.equal(found[n : 2 * n], -found[:n])
    assert torch.equal(found[2 * n :], drawn[2 * n :])


@pytest.mark.parametrize("level", [0.0, 0.7])
def test_first_filters_of_blank_images_stay_as_drawn(level):
    pixels = np.full((3, 9, 7), level, dtype=np.float32)
    assert torch.equal(set_filters(pixels), convolution(20).weight)


def test_first_filters_stay_as_drawn_where_components_have_no_room():
    assert torch.equal(set_filters(strokes(3), 17), convolution(17).weight)


def test_first_filters_larger_than_the_images_stay_as_drawn():
    assert torch.equal(set_filters(strokes(3, (2, 7))), convolution(20).weight)


def test_first_filters_count_an_image_as_often_as_its_weight_says():
    pixels, weight = strokes(6), np.array([1, 3, 0, 2, 1, 5])
    weighted = set_filters(pixels, weight=weight.astype(float))
    assert torch.allclose(weighted, set_filters(np.repeat(pixels, weight, axis=0)), atol=1e-6)


def test_first_filters_look_at_few_large_images(monkeypatch):
    pixels = strokes(9)
    monkeypatch.setattr(first_filters, "MOST_PIXELS", 3 * pixels[0].size)
    assert torch.equal(set_filters(pixels), set_filters(pixels[[0, 4, 8]]))


def test_first_filters_do_not_touch_a_network_of_ones_own():
    X, _ = make_stripes(40, random_state=0)
    own = CurveCNN((16, 16), 2, (32, 8, 8))
    before = copy.deepcopy(own.state_dict())
    images = make_images(X.reshape(-1, 16, 16).astype(np.float32))
    with seeded_torch(0, torch.device("cpu")):
        trainer = make_trainer(quick(module=own), images, CrossEntropy(2), np.random.RandomState(0))
    assert all(torch.equal(w, before[name]) for name, w in trainer.module.state_dict().items())
