"""Random changes to a batch of curve images that leave their class as it is."""

from __future__ import annotations

import math
from numbers import Real
from typing import Any

import numpy as np
import torch
from sklearn.base import BaseEstimator
from torch import Tensor
from torch.nn.functional import grid_sample, pad

from sparsecnn._compute import own_generator

ROTATION = math.radians(10)
SHIFT = 0.08  # of the side of the image
SCALE = 0.15
THICKNESS = 1 / 128  # of the shorter side of the image, on every side of a stroke; at most half a pixel
INK = 0.3


class CurveAugmentation(BaseEstimator):
    """Random changes of training images that leave the class of a curve as it is.

    A grid reaches the parameters as ``augment__strength`` and ``augment__flip``.

    Parameters
    ----------
    strength : float, default=1.0
        Factor from 0 to 1 on all ranges. With 1, half of the images are rotated by up to 10° and scaled by
        up to 15 %, all are shifted by up to 8 % of each side, half have strokes up to 1/128 of the shorter
        side (at most half a pixel) thicker or thinner on each side, and the ink of all is scaled by up to
        30 %. All channels of an image are changed alike.
    flip : bool, default=False
        Whether to mirror half of the images in each direction: for classes that a mirror image shares, such
        as spirals, and not letters.

    See Also
    --------
    sparsecnn.SparseCurveCNNClassifier : Takes it as the parameter `augment`.

    Examples
    --------
    >>> from sparsecnn import CurveAugmentation, SparseCurveCNNClassifier
    >>> classifier = SparseCurveCNNClassifier(augment=CurveAugmentation(flip=True))
    >>> classifier.set_params(augment__strength=0.5).augment
    CurveAugmentation(flip=True, strength=0.5)
    """

    def __init__(self, strength: float = 1.0, *, flip: bool = False):
        self.strength = strength
        self.flip = flip


def check_augmentation(augment: Any) -> None:
    """Raise ValueError unless `augment` is "auto", a bool or an augmentation in range."""
    if not isinstance(augment, CurveAugmentation):
        return
    strength = augment.strength
    if isinstance(strength, bool) or not isinstance(strength, Real) or not 0 <= strength <= 1:
        raise ValueError(f"augment: strength must be a number from 0 to 1, got {augment.strength!r}.")
    if not isinstance(augment.flip, (bool, np.bool_)):
        raise ValueError(f"augment: flip must be a bool, got {augment.flip!r}.")


def augment(x: Tensor, augmentation: CurveAugmentation) -> Tensor:
    """Return images of shape (n, channels, height, width), ink bright on black, changed at random.

    All channels of an image are moved alike, and so are their ink and their strokes changed, since they show
    one drawing.
    """
    if augmentation.flip:
        x = _mirror(_mirror(x, 2), 3)
    strength = float(augmentation.strength)
    return _vary_ink(_vary_thickness(_move(x, strength), strength), strength)


def _uniform(x: Tensor, low: float, high: float) -> Tensor:
    return torch.empty(len(x), device=x.device, dtype=x.dtype).uniform_(low, high, generator=own_generator())


def _half(x: Tensor) -> Tensor:
    """Return 1 for a random half of the images, 0 for the others, which no interpolation then blurs."""
    return torch.randint(2, (len(x),), device=x.device, generator=own_generator())


def _mirror(x: Tensor, axis: int) -> Tensor:
    return torch.where(_half(x).bool().view(-1, 1, 1, 1), x.flip(axis), x)


def _move(x: Tensor, strength: float) -> Tensor:
    height, width = x.shape[2:]
    turned = _half(x)
    angle = turned * _uniform(x, -strength, strength) * ROTATION
    zoom = (turned * _uniform(x, -strength, strength) * -math.log(1 - SCALE)).exp()
    # affine_grid counts both axes from -1 to 1, so a turn of an elongated image needs its aspect.
    cos, sin, aspect = zoom * angle.cos(), zoom * angle.sin(), height / width
    # Whole pixels, which need no interpolation.
    most = strength * SHIFT
    shift_x, shift_y = ((_uniform(x, -most, most) * side).round() * 2 / side for side in (width, height))
    across, down = (_centres(side, x) for side in (width, height))
    grid = x.new_empty(len(x), height, width, 2)
    for axis, weights in enumerate([(cos, -sin * aspect, shift_x), (sin / aspect, cos, shift_y)]):
        by_column, by_row, shift = (weight.view(-1, 1, 1) for weight in weights)
        torch.add(by_column * across, by_row * down.view(-1, 1) + shift, out=grid[..., axis])
    return grid_sample(x, grid, align_corners=False)


def _centres(side: int, x: Tensor) -> Tensor:
    """Return where the middles of the pixels lie between -1 and 1."""
    return (2 * torch.arange(side, device=x.device, dtype=x.dtype) + 1) / side - 1


def _vary_thickness(x: Tensor, strength: float) -> Tensor:
    most = strength * min(0.5, THICKNESS * min(x.shape[2:]))
    amount = _half(x) * _uniform(x, -most, most)
    changed = amount.nonzero().flatten()
    # Strokes thin where their negative thickens.
    amount = amount[changed].view(-1, 1, 1, 1)
    signed = x[changed] * amount.sign()
    thickened = amount * (_dilate(signed) - signed).abs_()
    return x.index_add(0, changed, thickened)


def _dilate(x: Tensor) -> Tensor:
    """Return the largest of each pixel and its eight neighbours; of one channel, faster than max pooling."""
    x = pad(x, (1, 1, 1, 1), mode="replicate")
    x = torch.maximum(torch.maximum(x[..., :-2], x[..., 1:-1]), x[..., 2:])
    return torch.maximum(torch.maximum(x[..., :-2, :], x[..., 1:-1, :]), x[..., 2:, :])


def _vary_ink(x: Tensor, strength: float) -> Tensor:
    return x * _uniform(x, 1 - strength * INK, 1 + strength * INK).view(-1, 1, 1, 1)
