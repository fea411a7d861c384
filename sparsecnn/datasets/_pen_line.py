"""A person's line: from the course of a steady pen to where this person's pen went, and the ink it left."""

from collections.abc import Mapping

import numpy as np
from scipy import ndimage

from sparsecnn.datasets._paper import blur, deposit

_LARGEST_TREMOR = 0.03  # as a fraction of the drawing's side, at severity 1
_WAVES = 12
_THINNEST = 0.1  # side of a drawing that is one straight stroke, as a part of its length
ROOM = 0.84  # of the page, for a drawing of size 1
_STRAIGHT = 1.0  # radians per drawing's side, below which a pen is as fast as on a line
_FRESH = 0.3  # power of the pen's speed by which its ink gets paler
_CORNER = 0.006  # in sides: over how much a correction of a traced line is rounded
_PRINT = 0.0035  # half width of a printed guide, in sides

Habits = Mapping[str, float]


def place(
    rng: np.random.Generator,
    path: np.ndarray,
    habits: Habits,
    shape: tuple[int, int],
    turned: float = 0.0,
    room: float = ROOM,
) -> tuple[np.ndarray, float]:
    """Return the path within the image and the drawing's side, the square root of its area, in pixels."""
    stretch = np.sqrt(habits["stretch"])
    cos, sin = np.cos(habits["turn"] + turned), np.sin(habits["turn"] + turned)
    path = np.array([[cos, -sin], [sin, cos]]) @ [[stretch, habits["slant"]], [0, 1 / stretch]] @ path
    low, high = path.min(axis=1), path.max(axis=1)
    extent = np.array(shape[::-1]) * room
    scale = habits["size"] * np.min(extent / (high - low))
    box = scale * (high - low)
    slack = np.maximum(extent - box, 0) / 2
    centre = np.array(shape[::-1]) / 2 + slack * rng.uniform(-1, 1, 2)
    side = max(np.sqrt(box.prod()), _THINNEST * box.max())
    return scale * (path.T - (low + high) / 2).T + centre[:, None], side


def resample(path: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return points about half a pixel apart, and the distance of each along the path."""
    length = _lengths(path)
    even = np.linspace(0, length[-1], int(2 * length[-1]) + 2)
    return np.stack([np.interp(even, length, axis) for axis in path]), even


def pen_down(path: np.ndarray, lifts: np.ndarray, even: np.ndarray) -> np.ndarray:
    """Return 1 for each step between places `even` along a path on which the pen is down, else 0.

    `lifts` are the numbers of the points of the path at which a new stroke begins.
    """
    length, middle = _lengths(path), (even[1:] + even[:-1]) / 2
    down = np.ones(middle.size)
    for lift in lifts:
        down[(middle > length[lift - 1]) & (middle < length[lift])] = 0
    return down


def _lengths(path: np.ndarray) -> np.ndarray:
    return np.concatenate([[0], np.cumsum(np.hypot(*np.diff(path, axis=1)))])


def displace(
    rng: np.random.Generator, along: np.ndarray, time: np.ndarray, habits: Habits, severity: float
) -> np.ndarray:
    """Draw the displacement (2, points) of a person's pen, in sides of the drawing, at places `along` a path.

    The tremor goes on in `time`, everything else along the path; both start at 0, in sides.
    """
    bend = habits["drift"] * _noise(rng, along, along[-1], 0.7)
    wobble = habits["wobble"] * _noise(rng, along, habits["wobble_length"], 0.4)
    jitter = habits["jitter"] * _noise(rng, along, 0.012, 0.5)
    tremor = _tremor(rng, along, habits, severity)
    if time is not along:
        tremor = np.stack([np.interp(time, along, axis) for axis in tremor])
    return bend + wobble + jitter + tremor


def _noise(rng: np.random.Generator, along: np.ndarray, wavelength: float, spread: float) -> np.ndarray:
    """Draw a displacement (2, points) of power 1/2, with wavelengths `spread` octaves around one.

    The points lie evenly `along` the path, from 0. In rows of equal length each is the sum of its row's start
    a and its place b in the first row: sin(a + b) = sin a cos b + cos a sin b makes the sum over the waves a
    product of two thin matrices.
    """
    waves = wavelength * np.exp2(spread * rng.standard_normal((2, _WAVES, 1)))
    phases = rng.uniform(0, 2 * np.pi, waves.shape)
    row = int(np.sqrt(along.size)) + 1
    starts, places = 2 * np.pi * along[::row] / waves + phases, 2 * np.pi * along[:row] / waves
    left = np.concatenate([np.sin(starts), np.cos(starts)], axis=1)
    right = np.concatenate([np.cos(places), np.sin(places)], axis=1)
    return (left.swapaxes(1, 2) @ right).reshape(2, -1)[:, : along.size] / np.sqrt(_WAVES)


def _tremor(rng: np.random.Generator, along: np.ndarray, habits: Habits, severity: float) -> np.ndarray:
    """Draw the displacement by the tremor: two octaves, jerky, in bursts, mostly along one axis."""
    wave = habits["tremor_length"]
    noise = _noise(rng, along, wave, 0.25) + 0.5 * _noise(rng, along, wave / 2, 0.3)
    noise += habits["jerk"] * (np.tanh(3 * noise) - noise)
    envelope = np.exp(habits["bursts"] * _noise(rng, along, 12 * wave, 0.5)[0])
    envelope /= np.sqrt(np.mean(envelope**2))
    axis = np.array([np.cos(habits["axis"]), np.sin(habits["axis"])])
    noise -= habits["one_sided"] * np.outer(axis, axis @ noise)
    size = _LARGEST_TREMOR * np.sqrt(wave / 0.12)  # slower tremors are larger
    return severity * size * envelope * noise


def round_corners(path: np.ndarray, radius: float) -> np.ndarray:
    """Return a path of points half a pixel apart, smoothed by a Gaussian of `radius` pixels."""
    return ndimage.gaussian_filter1d(path, 2 * radius, axis=1, mode="nearest") if radius > 0 else path


def pen_time(
    rng: np.random.Generator, path: np.ndarray, along: np.ndarray, side: float, habits: Habits
) -> tuple[np.ndarray, np.ndarray]:
    """Return when a pen is at each point, scaled to end with `along`, and the ink of each step, mean 1.

    The pen is slower, and its ink darker, where the path bends.
    """
    x, y = round_corners(path, 0.01 * side)
    direction = np.unwrap(np.arctan2(np.gradient(y), np.gradient(x)))
    bend = np.abs(np.gradient(direction)) / np.maximum(np.gradient(along), 1e-9)
    speed = -habits["slowing"] * np.log(bend / _STRAIGHT + 1)
    speed = np.exp(speed + habits["unevenness"] * _noise(rng, along, 0.4, 0.5)[0])
    steps = np.diff(along) * 2 / (speed[1:] + speed[:-1])
    time = np.concatenate([[0], np.cumsum(steps)])
    ink = (2 / (speed[1:] + speed[:-1])) ** _FRESH
    return time * (along[-1] / time[-1]), ink / ink.mean()


def tracing_error(
    rng: np.random.Generator, path: np.ndarray, along: np.ndarray, size: float, spacing: float
) -> np.ndarray:
    """Draw the displacement (2, points), in sides, of who traces a guide: off it, and back by corrections."""
    gaps = spacing * rng.exponential(1.0, 2 + int(2 * along[-1] / spacing)) + 0.02
    knots = np.cumsum(gaps)
    offsets = size * rng.standard_normal(knots.size) * np.exp(0.6 * rng.standard_normal(knots.size))
    away = np.interp(along, knots, offsets)
    step = along[1] if along.size > 1 else 1.0
    away = ndimage.gaussian_filter1d(away, _CORNER / step, mode="nearest")
    tangent = np.gradient(path, axis=1)
    normal = np.stack([-tangent[1], tangent[0]]) / np.maximum(np.hypot(*tangent), 1e-9)
    return away * normal


def lay_ink(
    rng: np.random.Generator,
    path: np.ndarray,
    along: np.ndarray,
    side: float,
    amounts: np.ndarray,
    habits: Habits,
    shape: tuple[int, int],
) -> np.ndarray:
    """Return the ink (1, height, width), 0 to 1, of a pen along a path, `amounts` of it at each step."""
    points, steps = (path[:, 1:] + path[:, :-1]) / 2, np.hypot(*np.diff(path, axis=1))
    fading = np.exp(habits["fading"] * _noise(rng, along, along[-1] / 3, 0.5)[0, 1:])
    width = max(habits["width"] * side, 0.45)
    ink = deposit(points[:, None], (steps * fading * amounts)[None], shape)
    ink = _add_grain(rng, blur(ink, np.array([width])), habits["grain"])
    gain = habits["pressure"] * np.sqrt(2 * np.pi) * width
    return 1 - np.exp(-gain * ink)


def print_line(path: np.ndarray, side: float, amounts: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Return the ink (height, width), 0 to 1, of a printed line along a path."""
    points, steps = (path[:, 1:] + path[:, :-1]) / 2, np.hypot(*np.diff(path, axis=1))
    width = max(_PRINT * side, 0.5)
    ink = blur(deposit(points[:, None], (steps * amounts)[None], shape), np.array([width]))
    return 1 - np.exp(-3 * np.sqrt(2 * np.pi) * width * ink[0])


def _add_grain(rng: np.random.Generator, ink: np.ndarray, grain: float) -> np.ndarray:
    """Return the ink without the hollows of rough paper."""
    return ink * np.clip(1 + grain * rng.standard_normal(ink.shape), 0, None)
