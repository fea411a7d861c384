"""From ink on an ideal sheet to pixels: optics, ink, paper."""

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from sklearn.utils import gen_batches

# Images processed at once: their arrays fit into a processor's cache.
PART = 16


def blur(images: np.ndarray, sigmas: np.ndarray) -> np.ndarray:
    """Blur `images` (n, H, W), each by a Gaussian of its own standard deviation in pixels."""
    height, width = images.shape[1:]
    kernels = _kernels(sigmas, max(height, width))
    return kernels[:, :height, :height] @ images @ kernels[:, :width, :width]


def _kernels(sigmas: np.ndarray, size: int) -> np.ndarray:
    """Return, for each of `sigmas`, the matrix that blurs a line of `size` pixels with dark surroundings."""
    bells = np.exp(-(np.arange(size) ** 2) / (2 * np.square(sigmas)[:, None]))
    bells /= 2 * bells.sum(axis=1, keepdims=True) - 1
    bells[bells < 1e-6] = 0  # Subnormal tails would slow the products down tenfold.
    mirrored = np.concatenate([bells[:, :0:-1], bells], axis=1).astype(np.float32)
    return np.ascontiguousarray(sliding_window_view(mirrored, size, axis=1)[:, ::-1])


def deposit(points: np.ndarray, amounts: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Spread `amounts` (n, points) bilinearly over the pixels around `points` (2, n, points)."""
    height, width = shape
    n = amounts.shape[0]
    points = np.clip(points, 0, np.array([width, height])[:, None, None] - 1.001)
    corner = points.astype(np.int64)
    x, y = points - corner
    pixels = (np.arange(n)[:, None] * height + corner[1]) * width + corner[0]
    pixels = np.stack([pixels, pixels + 1, pixels + width, pixels + width + 1])
    shares = np.stack([(1 - x) * (1 - y), x * (1 - y), (1 - x) * y, x * y]) * amounts
    sheet = np.bincount(pixels.ravel(), shares.ravel(), n * height * width)
    return sheet.reshape(n, height, width).astype(np.float32)


def photograph(ink: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return the grey values of pages with ink on them.

    Parameters
    ----------
    ink : ndarray of shape (n, height, width)
        Ink on the paper, 0 to 1.
    rng : numpy.random.Generator
        Draws blur, strength of the ink, shade of the paper and noise of every page.

    Returns
    -------
    images : ndarray of uint8, shape (n, height, width)
        Ink bright on dark paper.
    """
    n, height, width = ink.shape
    sigmas = rng.uniform(0.25, 0.7, size=(n,))
    light = rng.uniform(
        [[0.7], [0.0], [-0.06], [-0.06], [0.0]], [[1.0], [0.12], [0.06], [0.06], [0.04]], (5, n)
    ).astype(np.float32)[:, :, None, None]
    down = np.linspace(-1, 1, height, dtype=np.float32)[:, None]
    across = np.linspace(-1, 1, width, dtype=np.float32)
    images = np.empty(ink.shape, dtype=np.uint8)
    for part in gen_batches(n, PART):
        level, paper, slope_x, slope_y, noise = light[:, part]
        page = rng.standard_normal(ink[part].shape, dtype=np.float32)
        page *= noise
        page += paper + slope_x * across + slope_y * down
        page += (level - paper) * blur(ink[part].astype(np.float32, copy=False), sigmas[part])
        np.clip(page, 0, 1, out=page)
        page *= 255
        images[part] = np.rint(page, out=page)
    return images
