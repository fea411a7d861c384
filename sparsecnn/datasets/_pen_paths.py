"""Paths of a steady pen, for each kind of drawing that tests of tremor use."""

from collections.abc import Callable

import numpy as np

from sparsecnn.datasets._hands import draw_characters

_TURN = 96  # points per turn, wave or stroke
# Strokes of each cursive letter: width, height, and the distance of the upstroke to the right of the
# downstroke, large for a loop, negative for an arch.
_STROKES = {
    "e": [(0.7, 0.8, 1.1)],
    "l": [(0.8, 2.0, 1.3)],
    "i": [(0.7, 0.8, 0.2)],
    "u": [(0.7, 0.8, 0.2), (0.7, 0.8, 0.2)],
    "n": [(0.7, 0.8, -0.3), (0.7, 0.8, -0.3)],
    "m": [(0.6, 0.8, -0.3)] * 3,
    "t": [(0.8, 1.6, 0.1)],
}


def draw_spiral(rng: np.random.Generator, shape: tuple[int, int]) -> np.ndarray:
    """Draw an Archimedean spiral from its centre outwards."""
    turns = rng.uniform(2.0, 4.0)
    angle = np.linspace(0, 2 * np.pi * turns, int(_TURN * turns * 3))
    start = rng.uniform(0.0, 0.15)
    reach = start + (1 - start) * np.linspace(0, 1, angle.size) ** rng.uniform(0.85, 1.2)
    angle = rng.choice([-1, 1]) * angle + rng.uniform(0, 2 * np.pi)
    return np.stack([reach * np.cos(angle), reach * np.sin(angle)])


def draw_meander(rng: np.random.Generator, shape: tuple[int, int]) -> np.ndarray:
    """Draw a square spiral or a square wave with rounded corners, at random."""
    if rng.random() < 0.5:
        lengths = np.repeat(np.arange(1, rng.integers(6, 11)), 2).astype(float)
        directions = np.arange(lengths.size) * np.pi / 2
    else:
        waves = _count(rng, shape, 3, 5)
        lengths = np.tile([rng.uniform(1.0, 2.5), 1.0], 2 * waves)
        directions = np.tile([np.pi / 2, 0.0, -np.pi / 2, 0.0], waves)
    lengths *= rng.uniform(0.9, 1.1, lengths.size)
    corners = np.cumsum(lengths * np.stack([np.cos(directions), np.sin(directions)]), axis=1)
    corners = np.concatenate([np.zeros((2, 1)), corners], axis=1)
    return _round_corners(corners, rng.uniform(0.02, 0.15))


def draw_wave(rng: np.random.Generator, shape: tuple[int, int]) -> np.ndarray:
    """Draw waves along a line."""
    waves = _count(rng, shape, 3, 6)
    phase = np.linspace(0, 2 * np.pi * waves, _TURN * waves * 2)
    height = rng.uniform(0.6, 1.8) * (1 + rng.uniform(-0.15, 0.15) * np.cos(phase / waves))
    return np.stack([phase / np.pi, height * np.sin(phase + 0.3 * np.sin(2 * phase) * rng.uniform(-1, 1))])


def draw_loops(rng: np.random.Generator, shape: tuple[int, int]) -> np.ndarray:
    """Draw cursive loops, like a row of the letter l, or one circle repeatedly."""
    loops = _count(rng, shape, 3, 7)
    phase = np.linspace(0, 2 * np.pi * loops, _TURN * loops * 2)
    advance = rng.choice([rng.uniform(0.0, 0.03), rng.uniform(0.12, 0.4)])
    width = rng.uniform(0.5, 1.0)
    return np.stack([advance * phase + width * np.cos(phase), -rng.uniform(0.8, 1.6) * np.sin(phase)])


def draw_word(rng: np.random.Generator, shape: tuple[int, int]) -> np.ndarray:
    """Draw a cursive word of the letters e, i, l, m, n, t and u."""
    letters = rng.choice(list(_STROKES), size=_count(rng, shape, 3, 5))
    place, strokes = 0.0, []
    phase = np.linspace(0, 2 * np.pi, _TURN, endpoint=False)
    for width, height, lean in (stroke for letter in letters for stroke in _STROKES[letter]):
        across = width * phase / (2 * np.pi) + 0.25 * lean * np.sin(phase)
        strokes.append(np.stack([place + across, height * (np.cos(phase) - 1) / 2]))
        place += width
    return np.concatenate(strokes, axis=1)


DRAWERS: dict[str, Callable[[np.random.Generator, tuple[int, int]], np.ndarray]] = {
    "spiral": draw_spiral,
    "meander": draw_meander,
    "wave": draw_wave,
    "loops": draw_loops,
    "word": draw_word,
}
CHARACTERS = "characters"  # by real hands, of several strokes


def draw_course(
    rng: np.random.Generator, kind: str, shape: tuple[int, int], joins: float
) -> tuple[np.ndarray, np.ndarray]:
    """Draw a path of a kind, and return it with the numbers of the points at which a new stroke begins.

    `joins` is the mean distance by which strokes of characters are off their place, in sides of a character.
    """
    if kind == CHARACTERS:
        return draw_characters(rng, _count(rng, shape, 1, 4), joins)
    return DRAWERS[kind](rng, shape), np.empty(0, dtype=int)


def _count(rng: np.random.Generator, shape: tuple[int, int], low: int, high: int) -> int:
    """Draw a number of waves or letters from `low` to `high`, more for a wide image."""
    wide = max(1.0, (shape[1] / shape[0]) ** 0.5)
    return int(rng.integers(round(low * wide), round(high * wide) + 1))


def _round_corners(corners: np.ndarray, radius: float) -> np.ndarray:
    """Return points along the lines between `corners`, rounded within `radius`."""
    steps = np.hypot(*np.diff(corners, axis=1))
    along = np.concatenate([[0], np.cumsum(steps)])
    fine = np.linspace(0, along[-1], int(along[-1] * _TURN / 2))
    x, y = (np.interp(fine, along, axis) for axis in corners)
    reach = max(1, int(radius * _TURN / 2))
    window = np.hanning(2 * reach + 1)
    window /= window.sum()
    return np.stack([np.convolve(np.pad(axis, reach, mode="edge"), window, mode="valid") for axis in (x, y)])
