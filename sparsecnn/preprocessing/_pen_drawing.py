"""What a pen drew, as bright lines on black."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from scipy import ndimage

from sparsecnn.preprocessing._recording import LEAST_MOVE, Recording

FINE = 4  # times the resolution of the image, in which lines are drawn
STEP = 0.5  # pixels of that resolution between the points of a line
POINTS_AT_ONCE = 1 << 20


def draw_recording(
    recording: Recording,
    image_shape: tuple[int, int],
    *,
    ink: np.ndarray,
    in_air: float,
    line_width: float,
    margin: float,
    y_axis: str,
) -> np.ndarray:
    """Return an image of what a pen drew, as large as fits, in its own aspect ratio.

    Parameters
    ----------
    recording : Recording
    image_shape : tuple of two ints
        (height, width).
    ink : ndarray of shape (n_samples,)
        Brightness of the line at each sample, 0 to 1.
    in_air : float
        Brightness of the pen's way between strokes, 0 to 1.
    line_width : float
        Pixels.
    margin : float
        Empty border, as a fraction of each side.
    y_axis : {"up", "down"}
        Where y grows.

    Returns
    -------
    image : ndarray of shape image_shape, uint8
    """
    shown = np.ones(len(ink), dtype=bool) if in_air else recording.down
    points = _place(recording.points, shown, image_shape, line_width, margin, y_axis) * FINE
    sheet = np.zeros((FINE * image_shape[0], FINE * image_shape[1]), dtype=np.uint8)
    drawn = recording.drawn
    steps = [(np.flatnonzero(drawn), ink)]
    if in_air:
        steps.append((np.flatnonzero(~drawn), np.full(len(ink), in_air)))
    _stamp(sheet, points[recording.down], ink[recording.down])  # strokes of one sample are dots
    for indices, brightness in steps:
        for part, shares in _subdivide(points, indices):
            ends = points[part], points[part + 1]
            amounts = brightness[part] * (1 - shares) + brightness[part + 1] * shares
            _stamp(sheet, ends[0] * (1 - shares[:, None]) + ends[1] * shares[:, None], amounts)
    broad = ndimage.grey_dilation(sheet, footprint=_disc(FINE * line_width))
    height, width = image_shape
    means = broad.reshape(height, FINE, width, FINE).mean(axis=(1, 3), dtype=np.float32)
    return np.rint(means).astype(np.uint8)


def _place(
    points: np.ndarray,
    shown: np.ndarray,
    image_shape: tuple[int, int],
    line_width: float,
    margin: float,
    y_axis: str,
) -> np.ndarray:
    """Return points in pixels of the image: the middle of those shown is the middle of the image."""
    low, high = points[shown].min(axis=0), points[shown].max(axis=0)
    sides = np.array(image_shape[::-1], dtype=float)
    room = sides * (1 - 2 * margin) - line_width
    extent = high - low
    scale = (room / np.maximum(extent, LEAST_MOVE)).min()
    flip = np.array([1, -1 if y_axis == "up" else 1])
    return sides / 2 + (points - low - extent / 2) * scale * flip


def _subdivide(points: np.ndarray, indices: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield, in parts, dense points of the lines from `indices` to the next: the index, and how far along."""
    lengths = np.hypot(*(points[indices + 1] - points[indices]).T)
    counts = 1 + np.ceil(lengths / STEP).astype(np.int64)
    batches = np.cumsum(counts) // POINTS_AT_ONCE
    for batch in np.unique(batches):
        inside = batches == batch
        some = counts[inside]
        along = np.arange(some.sum()) - np.repeat(np.cumsum(some) - some, some)
        yield np.repeat(indices[inside], some), along / np.repeat(np.maximum(some - 1, 1), some)


def _stamp(sheet: np.ndarray, points: np.ndarray, brightness: np.ndarray) -> None:
    """Raise pixels of the sheet to the brightness of the points in them."""
    rows, columns = (
        np.clip(points[:, axis].astype(np.int64), 0, sheet.shape[1 - axis] - 1) for axis in (1, 0)
    )
    np.maximum.at(sheet, (rows, columns), np.rint(255 * brightness).astype(np.uint8))


def _disc(diameter: float) -> np.ndarray:
    """Return the pixels within a circle."""
    radius = max(0.0, (diameter - 1) / 2)
    offsets = np.arange(-int(radius), int(radius) + 1)
    return offsets**2 + offsets[:, None] ** 2 <= radius**2
