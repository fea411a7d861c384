"""Hands of real people: how they draw, measured on characters that they wrote."""

from functools import cache
from itertools import pairwise
from pathlib import Path

import numpy as np
from scipy.interpolate import PchipInterpolator
from scipy.ndimage import gaussian_filter1d

_FOLDER = Path(__file__).parent / "hands"
_STREAM = 1  # of a person's random numbers; the made-up styles have their own
_BANDWIDTH = 0.3  # of the standard deviation over drawers, by which a person differs from the nearest drawer
_WITHIN = 0.5  # of the spread over characters, by which a person's drawings differ
_LONGEST_DRIFT = 0.1
_SIDE = 105 * 2  # of the page of a character, in the unit of its points
_STROKE = 64  # points of a stroke that is as long as a character's page
_ROUND = 1.5  # points, over which a stroke is smoothed
_GAP = 0.15  # between characters, in sides of a character's page
_DANCE = 0.03  # standard deviation of the height of characters on their line


@cache
def _table() -> tuple[list[str], np.ndarray, np.ndarray]:
    """Return the names of the measures, and their means and spreads, each (drawers, measures)."""
    with np.load(_FOLDER / "hands.npz") as table:
        return table["measures"].tolist(), table["mean"].astype(float), table["spread"].astype(float)


@cache
def _characters() -> list[list[np.ndarray]]:
    """Return characters as lists of strokes (2, points), of side 1."""
    with np.load(_FOLDER / "characters.npz") as kept:
        points, firsts = kept["points"] / _SIDE, kept["strokes"].astype(int)
        strokes = np.split(points, firsts[1:-1], axis=1)
        ends = kept["characters"].astype(int)
    return [strokes[start:end] for start, end in pairwise(ends)]


def draw_characters(rng: np.random.Generator, n: int, joins: float) -> tuple[np.ndarray, np.ndarray]:
    """Draw `n` characters in a row.

    Parameters
    ----------
    rng : numpy.random.Generator
        Random number generator.
    n : int
        Number of characters.
    joins : float
        Mean distance by which a stroke is off its place, in sides of a character's page.

    Returns
    -------
    path : ndarray of shape (2, points)
        In sides of a character's page, y downwards.
    lifts : ndarray of int
        The points at which the pen is put down again.
    """
    kept, place = _characters(), 0.0
    strokes: list[np.ndarray] = []
    for character in rng.integers(len(kept), size=n):
        shape = np.concatenate(kept[character], axis=1)
        origin = np.array([place - shape[0].min(), _DANCE * rng.standard_normal()])
        for stroke in kept[character]:
            strokes.append(_smooth(stroke) + (origin + joins * rng.standard_normal(2) / 2)[:, None])
        place += np.ptp(shape[0]) + _GAP
    return np.concatenate(strokes, axis=1), np.cumsum([stroke.shape[1] for stroke in strokes[:-1]])


def _smooth(stroke: np.ndarray) -> np.ndarray:
    """Return a smooth line through the points of a stroke."""
    length = np.concatenate([[0], np.cumsum(np.maximum(np.hypot(*np.diff(stroke, axis=1)), 1e-6))])
    even = np.linspace(0, length[-1], 8 + int(_STROKE * length[-1]))
    return gaussian_filter1d(PchipInterpolator(length, stroke, axis=1)(even), _ROUND, axis=1, mode="nearest")


def recorded_habits(rng: np.random.Generator, number: int) -> dict[str, float]:
    """Return the habits of a person, with the hand of a real one, in one drawing.

    Returns
    -------
    dict
        size, stretch, slant, drift, tremor_length : as habits of `make_shaky_drawings`
        rounding : standard deviation of the Gaussian that rounds corners, in sides of the drawing
        slowing : power of the curvature by which the pen is slower
        unevenness : standard deviation of the logarithm of the speed beside that
        joins : distance between strokes that should meet, in sides of a character
    """
    names, means, spreads = _table()
    person = np.random.default_rng([number, _STREAM])
    drawer = person.integers(len(means))
    hand = means[drawer] + _BANDWIDTH * means.std(axis=0) * person.standard_normal(len(names))
    scatter = _WITHIN * spreads[drawer] * np.clip(rng.standard_normal(len(names)), -2, 2)
    own = dict(zip(names, np.clip(hand, means.min(axis=0), means.max(axis=0)) + scatter, strict=True))
    drift = spreads[drawer, names.index("height")]
    return {
        "size": float(np.clip(0.875 * np.exp(own["size"]), 0.6, 1.0)),
        "stretch": float(np.exp(own["stretch"])),
        "slant": float(np.clip(own["slant"], -0.5, 0.5)),
        "drift": float(min(drift, _LONGEST_DRIFT)),
        "tremor_length": float(np.clip(0.09 * np.exp(own["pace"]), 0.03, 0.2)),  # of one frequency
        "rounding": float(np.clip(0.008 - 0.08 * own["sharpness"], 0.0, 0.02)),
        "slowing": max(float(own["slowing"]), 0.0),
        "unevenness": max(float(own["unevenness"]), 0.0),
        "joins": max(float(own["joins"]), 0.0),
    }
