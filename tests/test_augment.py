"""Augmentation changes images, but not what they show."""

import pytest
import torch

from sparsecnn import CurveAugmentation
from sparsecnn._training import augment
from sparsecnn._training.augment import _dilate, _mirror, _move, _vary_thickness


@pytest.fixture
def bars():
    """Images of a bright bar in the middle of a black page."""
    x = torch.zeros(256, 1, 32, 48)
    x[:, :, 14:18, 12:36] = 1.0
    return x


@pytest.fixture(autouse=True)
def _seeded():
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        yield


def test_augment_keeps_shape_and_dtype(bars):
    for dtype in (torch.float32, torch.float64):
        augmented = augment(bars.to(dtype), CurveAugmentation(flip=True))
        assert augmented.shape == bars.shape
        assert augmented.dtype == dtype
        assert torch.isfinite(augmented).all()


def test_augment_gives_every_image_another_look(bars):
    augmented = augment(bars, CurveAugmentation())
    assert len({image.numpy().tobytes() for image in augmented}) == len(bars)


def test_augment_keeps_the_ink(bars):
    ink = augment(bars, CurveAugmentation()).sum((1, 2, 3)) / bars.sum((1, 2, 3))
    assert 0.9 < ink.mean() < 1.2
    assert ink.min() > 0.2


def test_half_of_the_images_are_not_interpolated(bars):
    moved = _move(bars, 1.0)
    sharp = ((moved < 1e-4) | (moved > 1 - 1e-4)).flatten(1).all(1)
    assert 0.4 < sharp.float().mean() < 0.6


def test_elongated_images_are_turned_without_shear(bars):
    """A turn keeps the length of a bar, whatever the shape of the image."""
    torch.manual_seed(1)
    square = torch.zeros(1, 1, 48, 48)
    square[:, :, 20:28, 12:36] = 1.0
    wide = torch.zeros(1, 1, 48, 96)
    wide[:, :, 20:28, 36:60] = 1.0
    results = []
    for x in (square, wide):
        torch.manual_seed(4)
        results.append(_move(x.repeat(64, 1, 1, 1), 1.0).sum((1, 2, 3)))
    torch.testing.assert_close(results[0], results[1], rtol=0.02, atol=0.5)


def test_dilate_equals_max_pooling():
    x = torch.rand(3, 1, 9, 12)
    torch.testing.assert_close(_dilate(x), torch.nn.functional.max_pool2d(x, 3, 1, padding=1))


def test_thickness_widens_and_narrows_strokes(bars):
    ink = _vary_thickness(bars, 1.0).sum((1, 2, 3)) / bars.sum((1, 2, 3))
    assert ink.max() > 1.1
    assert ink.min() < 0.92


def test_flip_mirrors_half_of_the_images(bars):
    bars[:, :, :, 24:] = 0
    mirrored = _mirror(bars, 3)
    is_mirrored = mirrored[..., 24:].sum((1, 2, 3)) > 0
    assert 0.4 < is_mirrored.float().mean() < 0.6
    assert torch.equal(mirrored[is_mirrored], bars[is_mirrored].flip(3))


def test_strength_scales_every_change(bars):
    assert torch.equal(augment(bars, CurveAugmentation(0.0)), bars)
    weak, strong = (augment(bars, CurveAugmentation(strength)) - bars for strength in (0.3, 1.0))
    assert 0 < weak.abs().mean() < 0.6 * strong.abs().mean()
