"""Random changes to a batch of curve images that leave their class as it is."""

import math

import torch
from torch import Tensor
from torch.nn.functional import affine_grid, grid_sample, pad

ROTATION = math.radians(10)
SHIFT = 0.08  # of the side of the image
SCALE = 0.15
THICKNESS = 1 / 128  # of the shorter side of the image, on every side of a stroke; at most half a pixel
INK = 0.3


def augment(x: Tensor, strength: float = 1.0, flip: bool = False) -> Tensor:
    """Return the images turned, shifted and scaled a little, with other strokes and ink.

    Parameters
    ----------
    x : Tensor of shape (n, 1, height, width)
        Ink bright on black.
    strength : float, default=1.0
        Factor on all ranges.
    flip : bool, default=False
        Whether to mirror half of the images in each direction too.
    """
    if flip:
        x = _mirror(_mirror(x, 2), 3)
    return _vary_ink(_vary_thickness(_move(x, strength), strength), strength)


def _uniform(x, low, high):
    return torch.empty(len(x), device=x.device, dtype=x.dtype).uniform_(low, high)


def _half(x):
    """Return 1 for a random half of the images, 0 for the others, which no interpolation then blurs."""
    return torch.randint(2, (len(x),), device=x.device)


def _mirror(x, axis):
    return torch.where(_half(x).bool().view(-1, 1, 1, 1), x.flip(axis), x)


def _move(x, strength):
    height, width = x.shape[2:]
    turned = _half(x)
    angle = turned * _uniform(x, -strength, strength) * ROTATION
    zoom = (turned * _uniform(x, -strength, strength) * -math.log(1 - SCALE)).exp()
    # affine_grid counts both axes from -1 to 1, so a turn of an elongated image needs its aspect.
    cos, sin, aspect = zoom * angle.cos(), zoom * angle.sin(), height / width
    # Whole pixels, which need no interpolation.
    most = strength * SHIFT
    shift_x, shift_y = ((_uniform(x, -most, most) * side).round() * 2 / side for side in (width, height))
    rows = [torch.stack([cos, -sin * aspect, shift_x], 1), torch.stack([sin / aspect, cos, shift_y], 1)]
    grid = affine_grid(torch.stack(rows, 1), list(x.shape), align_corners=False)
    return grid_sample(x, grid, align_corners=False)


def _vary_thickness(x, strength):
    most = strength * min(0.5, THICKNESS * min(x.shape[2:]))
    amount = (_half(x) * _uniform(x, -most, most)).view(-1, 1, 1, 1)
    return x + amount.clamp(min=0) * (_dilate(x) - x) + amount.clamp(max=0) * (x + _dilate(-x))


def _dilate(x):
    """Return the largest of each pixel and its eight neighbours; for one channel, faster than max pooling."""
    x = pad(x, (1, 1, 1, 1), mode="replicate")
    x = torch.maximum(torch.maximum(x[..., :-2], x[..., 1:-1]), x[..., 2:])
    return torch.maximum(torch.maximum(x[..., :-2, :], x[..., 1:-1, :]), x[..., 2:, :])


def _vary_ink(x, strength):
    return x * _uniform(x, 1 - strength * INK, 1 + strength * INK).view(-1, 1, 1, 1)
