"""How far a line departs from its own smoothed course, whatever shape it draws."""

import math
from collections.abc import Sequence
from functools import cache

import numpy as np
from scipy import ndimage

FINE_SIDE = 256  # pixels, in which the line is looked at; the tremor of a scan is a few pixels wide
EDGE = 1.5  # pixels; over which brightness is smoothed before its slope is taken
FINE_PEN = 0.1  # part of a pixel of the result that ink must cover to be as bright as can be
FULL = 0.4  # sine of the angle from the course at which a line is as bright as can be


def fineness(image_shape: tuple[int, int]) -> int:
    """Return in how many times the resolution of an image of `image_shape` to look at the line; even."""
    return 2 * max(1, round(FINE_SIDE / 2 / math.sqrt(math.prod(image_shape))))


def weigh_by_unsteadiness(
    ink: np.ndarray, image_shape: tuple[int, int], share: float, scales: Sequence[float]
) -> list[np.ndarray]:
    """Return the ink, the brighter the further the line departs from its own smoothed course, at each scale.

    Parameters
    ----------
    ink : ndarray, float32
        From 0 (paper) to 1; its shape is `image_shape` times `fineness`.
    image_shape : tuple of two ints
        (height, width) of the result.
    share : float
        How much of the brightness depends on the line's course, from 0 (none) to 1 (steady lines vanish).
    scales : sequence of float
        Widths of the windows over which a course is smoothed, in parts of the drawing's side.

    Returns
    -------
    weighed : list of ndarrays of shape (height, width), float32
        From 0 to 1.

    Notes
    -----
    Directions are those of the structure tensor: products of the slopes of brightness, which do not depend on
    which side of the line is looked at, averaged over Gaussian windows of two widths. An even bend turns both
    averages alike and does not show; a wiggle shorter than the wider window turns only the narrower one.
    """
    factor = ink.shape[0] // image_shape[0]
    amount = np.maximum(_shrink(ink, factor), FINE_PEN)
    tensor, side = _tensor(ink), measure_side(ink)
    directions = cache(lambda sigma: _directions(tensor, sigma))  # windows of two scales may be the same
    weighed = []
    for scale in scales:
        window = scale * side / 2
        deviation = _deviation(directions(window / 2), directions(window))
        weight = 1 - share + share * np.minimum(deviation / FULL, 1)
        # The mean weight of the ink in a pixel, as bright for a fine pen as for a broad one.
        weighed.append(_shrink(ink * weight, factor) / amount)
    return weighed


def _tensor(ink: np.ndarray) -> list[np.ndarray]:
    """Return the two parts of the structure tensor that tell the direction of the line, at half resolution.

    Directions vary slowly: that is enough for them, at an eighth of the work.
    """
    across = ndimage.gaussian_filter(ink, EDGE, order=(0, 1), truncate=3)
    down = ndimage.gaussian_filter(ink, EDGE, order=(1, 0), truncate=3)
    return [_shrink(part, 2) for part in (across * across - down * down, 2 * across * down)]


def _deviation(here: np.ndarray, course: np.ndarray) -> np.ndarray:
    """Return the sine of the angle between two directions, here and of the course, at every pixel."""
    deviation = np.sqrt(np.clip((1 - (here * course).sum(0)) / 2, 0, 1))
    return deviation.repeat(2, axis=0).repeat(2, axis=1)


def measure_side(ink: np.ndarray) -> float:
    """Return the side of the square that is as large as the box around the ink, in pixels."""
    drawn = ink > 0.2
    sides = [np.ptp(np.flatnonzero(drawn.any(axis))) + 1 if drawn.any() else 1 for axis in (0, 1)]
    return float(np.sqrt(sides[0] * sides[1]))


def _shrink(image: np.ndarray, factor: int) -> np.ndarray:
    """Return the averages of squares of so many pixels a side."""
    height, width = (side // factor for side in image.shape)
    return image.reshape(height, factor, width, factor).mean((1, 3))


def _directions(tensor: list[np.ndarray], sigma: float) -> np.ndarray:
    smooth = np.stack([ndimage.gaussian_filter(part, sigma, truncate=3) for part in tensor])
    return smooth / np.maximum(np.hypot(*smooth), 1e-12)
