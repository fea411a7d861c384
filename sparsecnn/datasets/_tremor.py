"""Displacement fields of a hand: slow waviness that every hand has, and tremor at several scales."""

import numpy as np
from sklearn.utils import gen_batches

from sparsecnn.datasets._paper import PART

TREMORS = ("sinusoidal", "noise", "jerky")
# On average the pen travels about three letter heights to write one letter.
PATH_PER_LETTER = 3.0
# In pixels, for the slowest scale and for the finest: the pixel grid hides shorter waves.
SHORTEST_WAVE = 7.0
_FINEST_WAVE = 3.0
# In pixels: a smaller amplitude is invisible.
SMALLEST_AMPLITUDE = 1.1
# Largest amplitude as a fraction of the wavelength: with more, a field folds over and tears strokes apart.
STEEPEST = 0.16
_WAVES = 8


def log_uniform(rng: np.random.Generator, bounds: tuple[float, float], size: int) -> np.ndarray:
    """Draw values log-uniformly between `bounds`, or uniformly if the lower bound is 0."""
    low, high = bounds
    return rng.uniform(low, high, size) if low <= 0 else np.exp(rng.uniform(np.log(low), np.log(high), size))


def wave_field(
    vectors: np.ndarray, weights: np.ndarray, phases: np.ndarray, shape: tuple[int, int]
) -> np.ndarray:
    """Return a sum of plane waves on a pixel grid.

    Parameters
    ----------
    vectors : ndarray of shape (n, waves, 2)
        Wave vectors (x, y), radians per pixel.
    weights : ndarray of shape (n, waves, channels)
        Amplitude of each wave in each channel.
    phases : ndarray of shape (n, waves)
        In radians.
    shape : tuple (height, width)
        The grid.

    Returns
    -------
    field : ndarray of float32, shape (n, channels, height, width)
        ``sum_j weights[j] * sin(vectors[j] @ (x, y) + phases[j])``.

    Notes
    -----
    sin(a + b) = sin a cos b + cos a sin b makes the sum over the waves a product of two thin matrices.
    """
    n, _, channels = weights.shape
    field = np.empty((n, channels, *shape), dtype=np.float32)
    for part in gen_batches(n, PART):
        field[part] = _wave_field(vectors[part], weights[part], phases[part], shape)
    return field


def _wave_field(
    vectors: np.ndarray, weights: np.ndarray, phases: np.ndarray, shape: tuple[int, int]
) -> np.ndarray:
    height, width = shape
    across = (vectors[:, :, 0, None] * np.arange(width) + phases[:, :, None]).astype(np.float32)
    down = (vectors[:, :, 1, None] * np.arange(height)).astype(np.float32)
    left = np.concatenate([np.cos(down), np.sin(down)], axis=1).transpose(0, 2, 1)
    right = np.concatenate([np.sin(across), np.cos(across)], axis=1)
    gains = np.concatenate([weights, weights], axis=1).transpose(0, 2, 1).astype(np.float32)
    return (left[:, None] * gains[:, :, None, :]) @ right[:, None]


def slow_field(
    rng: np.random.Generator, heights: np.ndarray, centres: np.ndarray, shape: tuple[int, int]
) -> np.ndarray:
    """Return the slow waviness of every hand, less than one cycle per letter; it is 0 at the centre.

    Parameters
    ----------
    rng : numpy.random.Generator
        Random number generator.
    heights : ndarray of shape (n,)
        Letter heights in pixels.
    centres : ndarray of shape (n, 2)
        Centres (x, y) of the words.
    shape : tuple (height, width)
        The grid.

    Returns
    -------
    field : ndarray of float32, shape (n, 2, height, width)
        Displacement (x, y) in pixels.
    """
    n, waves = len(heights), 4
    lengths = PATH_PER_LETTER * heights[:, None] / rng.uniform(0.25, 1.0, (n, waves))
    steepness = rng.uniform(0.0, 0.5, (n, 1))
    amplitudes = steepness * lengths / (2 * np.pi * np.sqrt(waves))
    angles = rng.uniform(0, 2 * np.pi, (2, n, waves))
    vectors = 2 * np.pi / lengths[..., None] * _direction(angles[0])
    field = wave_field(vectors, amplitudes[..., None] * _direction(angles[1]), _phases(rng, n, waves), shape)
    column, row = centres.round().astype(int).T
    field -= field[np.arange(n), :, row, column][:, :, None, None]
    return field


def tremor_field(
    rng: np.random.Generator,
    amplitudes: np.ndarray,
    lengths: np.ndarray,
    scales: int,
    kinds: np.ndarray,
    shape: tuple[int, int],
) -> np.ndarray:
    """Return the tremor, one field per image.

    Parameters
    ----------
    rng : numpy.random.Generator
        Random number generator; its draws do not depend on `amplitudes`.
    amplitudes : ndarray of shape (n,)
        In pixels: each component of the displacement has the power of a sine of this amplitude.
    lengths : ndarray of shape (n,)
        Wavelength of the slowest scale, in pixels.
    scales : int
        Number of octaves; each has twice the frequency of the one before and half its amplitude.
    kinds : ndarray of int, shape (n,)
        Kinds of tremor, indices into `TREMORS`.
    shape : tuple (height, width)
        The grid.

    Returns
    -------
    field : ndarray of float32, shape (n, 2, height, width)
        Displacement (x, y) in pixels.
    """
    n = len(amplitudes)
    octave = np.repeat(np.arange(scales), _WAVES)
    sinusoidal = (kinds == TREMORS.index("sinusoidal"))[:, None]
    detune = np.where(sinusoidal, 1.0, np.exp2(rng.uniform(-0.5, 0.5, (n, octave.size))))
    waves = lengths[:, None] / (np.exp2(octave) * detune)
    gains = np.where((waves >= _FINEST_WAVE) | (octave == 0), np.exp2(-octave), 0.0)
    along, across = _wave_angles(rng, n, octave.size, sinusoidal)
    gains = np.where(sinusoidal & (np.arange(octave.size) % _WAVES > 1), 0.0, gains)
    vectors = 2 * np.pi / waves[..., None] * _direction(along)
    weights = gains[..., None] * _direction(across)
    # Every component of the displacement gets the variance amplitude**2 / 2.
    weights /= np.sqrt((weights**2).sum(axis=1, keepdims=True))
    field = wave_field(vectors, weights, _phases(rng, n, octave.size), shape)
    jerky = kinds == TREMORS.index("jerky")
    field[jerky] = np.tanh(3 * field[jerky]) * 0.82
    field *= _envelope(rng, lengths, shape)
    field *= amplitudes[:, None, None, None].astype(np.float32)
    return field


def _wave_angles(
    rng: np.random.Generator, n: int, waves: int, sinusoidal: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Draw the directions in which the waves run and in which they displace."""
    # Half of the hands tremble equally in all directions, the others mostly along one axis.
    squeeze = np.where(rng.random((n, 1)) < 0.5, 1.0, rng.uniform(0.3, 1.0, (n, 1)))
    free = rng.uniform(0, 2 * np.pi, (n, waves))
    axis = rng.uniform(0, np.pi, (n, 1))
    along = axis + np.arctan2(squeeze * np.sin(free), np.cos(free))
    across = rng.uniform(0, 2 * np.pi, (n, waves))
    # A sinusoidal tremor is a pair of waves, along and across the line of writing, that displace sideways.
    pair = rng.normal(0, 0.2, (n, 1)) + np.pi / 2 * (np.arange(waves) % 2)
    return np.where(sinusoidal, pair, along), np.where(sinusoidal, pair + np.pi / 2, across)


def _envelope(rng: np.random.Generator, lengths: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Draw the waxing and waning of the tremor over some of its cycles, of mean square 1."""
    n, waves = len(lengths), 3
    angles = rng.uniform(0, 2 * np.pi, (n, waves))
    vectors = 2 * np.pi / (4 * lengths[:, None, None]) * _direction(angles)
    weights = np.broadcast_to(rng.uniform(0.0, 0.35, (n, 1, 1)), (n, waves, 1))
    envelope = 1 + wave_field(vectors, weights / np.sqrt(waves), _phases(rng, n, waves), shape)
    envelope /= np.sqrt(np.square(envelope).mean(axis=(2, 3), keepdims=True))
    return envelope


def _direction(angles: np.ndarray) -> np.ndarray:
    return np.stack([np.cos(angles), np.sin(angles)], axis=-1)


def _phases(rng: np.random.Generator, n: int, waves: int) -> np.ndarray:
    return rng.uniform(0, 2 * np.pi, (n, waves))
