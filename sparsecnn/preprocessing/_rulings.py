"""The lines of lined and squared paper: straight, across the whole page, at equal distances."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from scipy import ndimage, signal

from sparsecnn.preprocessing._percentile import percentile

STRIPS = 12  # across the page; a line must be dark in nearly all of them
LACKING = 0.2  # of the strips may lack a line: the pen's paper is cut, or a scan is pale there
LEAST_DARKNESS = 0.04  # of a line, averaged over a strip
LARGEST_SLOPE = 0.05  # height by length
LEAST_LINES = 6
LEAST_SPACING = 1 / 80  # of the page's longer side
WIDEST = 1 / 100  # of the page's longer side
UNEVEN = 0.12  # of the spacing, that lines may lie off
LEAST_EVEN = 0.75  # of the straight lines must be at equal distances, and as many of these distances have one
LEAST_REACH = 0.5  # of the page, from the first line to the last


def find_rulings(darkness: np.ndarray) -> np.ndarray:
    """Return how dark the lines of lined or squared paper are.

    Parameters
    ----------
    darkness : ndarray of shape (height, width), float32
        The page: 0 on paper, 1 in the blackest ink.

    Returns
    -------
    ndarray of shape (height, width), float32
        0 beside lines; and everywhere, if there are none, or any that are not at equal distances.
    """
    return np.maximum(_find_level(darkness), _find_level(darkness.T).T)


def _find_level(darkness: np.ndarray) -> np.ndarray:
    """Return how dark nearly level lines are."""
    height, width = darkness.shape
    side = max(height, width)
    found = np.zeros((height, width), dtype=np.float32)
    if min(height, width) < 8 * STRIPS:
        return found
    edges = np.linspace(0, width, STRIPS + 1).astype(int)
    strips = np.stack([darkness[:, a:b].mean(1) for a, b in pairwise(edges)])
    strips -= ndimage.median_filter(strips, (1, side // 20 | 1))  # the darkness between lines
    centers = (edges[:-1] + edges[1:]) / 2 - width / 2
    slopes = np.arange(-LARGEST_SLOPE, LARGEST_SLOPE + 1e-9, 1 / width)
    shared = [_shared(strips, slope * centers) for slope in slopes]
    best = int(np.argmax([(profile**2).sum() for profile in shared]))
    lines = _equal_lines(shared[best], side)
    if lines is None:
        return found
    down = slopes[best] * (np.arange(width) - width / 2)
    rows = np.arange(height)[:, np.newaxis] - down
    for position, thickness in lines:
        line = np.abs(rows - position) <= thickness / 2 + 1
        found[line] = percentile(np.where(line, darkness, 0).max(0), 50)  # most of it without a pen
    return found


def _shared(strips: np.ndarray, shifts: np.ndarray) -> np.ndarray:
    """Return the darkness of rows that nearly all strips have, strips shifted along a slope."""
    rows = np.arange(strips.shape[1])
    level = [np.interp(rows + shift, rows, strip) for strip, shift in zip(strips, shifts, strict=True)]
    return np.sort(level, axis=0)[int(LACKING * STRIPS)]


def _equal_lines(profile: np.ndarray, side: int) -> list[tuple[float, float]] | None:
    """Return position and thickness of each line, or None if there are too few or their distances differ."""
    least = max(LEAST_DARKNESS, 0.3 * float(profile.max()))
    peaks, _ = signal.find_peaks(profile, height=least)
    if len(peaks) < LEAST_LINES:
        return None
    starts_ends = np.flatnonzero(np.diff(np.concatenate([[0], profile > least / 2, [0]])))
    runs = starts_ends.reshape(-1, 2)
    runs = runs[[bool(((peaks >= a) & (peaks < b)).any()) for a, b in runs]]
    positions, widths = runs.mean(1) - 0.5, np.diff(runs, axis=1)[:, 0]
    if len(runs) < LEAST_LINES or np.median(widths) > max(3, WIDEST * side):
        return None
    spacing = float(np.median(np.diff(positions)))
    if spacing < max(4, LEAST_SPACING * side):
        return None
    steps = np.concatenate([[0], np.cumsum(np.rint(np.diff(positions) / spacing))])
    even = _off(steps, positions) <= max(1, UNEVEN * spacing)  # else a straight line of the pen
    steps, positions, widths = steps[even], positions[even], widths[even]
    if even.mean() < LEAST_EVEN or len(steps) < LEAST_LINES or len(np.unique(steps)) < len(steps):
        return None
    if len(steps) < LEAST_EVEN * (np.ptp(steps) + 1):
        return None
    if positions[-1] - positions[0] < LEAST_REACH * len(profile):
        return None
    return list(zip(positions, np.minimum(widths, 2 * np.median(widths)), strict=True))


def _off(steps: np.ndarray, positions: np.ndarray) -> np.ndarray:
    """Return how far lines lie off equal distances."""
    slope, start = np.polyfit(steps, positions, 1)
    return np.abs(positions - start - slope * steps)
