"""How the images to train on lie in X, and warnings where X does not tell."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from sparsecnn._image_shape import flatten_channels, full_shape, infer_image_shape
from sparsecnn._naming import naming
from sparsecnn._warn import warn_user

SMALLEST_SIDE = 8  # halved by each of three poolings
WIDEST_IMAGE = 8  # times as long as high
ROWS_LOOKED_AT = 32
MOST_CHANNELS = 16  # that are looked for
LIKENESS = 0.05  # by which channels are more alike than other parts of a row


def shape_images(
    X: ArrayLike, image_shape: tuple[int, int] | None, in_channels: int | None, own_module: bool
) -> tuple[Any, tuple[int, int], int]:
    """Return X as rows of pixels, the shape of one image, and its number of channels.

    The shape is `image_shape`, else that which X itself has (see `flatten_channels`), else a square, else one
    row; there is one channel unless `in_channels` or X itself says otherwise. Without a network of one's own,
    images below 8×8 pixels are one row too.

    Raises
    ------
    ValueError
        If X, `image_shape` and `in_channels` contradict each other, or the images are too small for three
        poolings.
    """
    X, known, known_channels = flatten_channels(X, image_shape, in_channels)
    channels = known_channels or 1
    with naming("X"):
        dimensions = X.shape if hasattr(X, "shape") else np.asarray(X).shape
    if len(dimensions) != 2:
        return X, known or (1, 1), channels  # refused by the check of X
    shape = infer_image_shape(dimensions[1], known, in_channels=channels)
    large = all(side == 1 or side >= SMALLEST_SIDE for side in shape)
    if known is None:
        shape = shape if own_module or large else (1, dimensions[1] // channels)
        _warn_of_guess(X, shape, known_channels)
    elif not (own_module or large or shape[0] == 1):
        raise ValueError(
            f"X: images of shape {shape} are too small for three poolings: both sides must be at least "
            f"{SMALLEST_SIDE} pixels (or 1, for curves in one row)."
        )
    return X, shape, channels


def _warn_of_guess(X: Any, shape: tuple[int, int], channels: int | None) -> None:
    """Warn if rows of pixels look as if they were of other channels, or of another shape, than is guessed."""
    first = _first_rows(X)
    if not first.size:
        return
    is_ink = first.dtype == np.uint8 or bool(first.min() == 0 and np.median(first) <= first.max() / 4)
    n_alike = _channels_alike(first, only_squares=not is_ink) if channels is None else 1
    if n_alike > 1:
        warn_user(
            f"Each row of X may consist of {n_alike} channels, for it has as many parts that are alike, but "
            f"X does not tell its channels, so it is taken as images of one channel of shape {shape}. Files, "
            f"scalers and data frames without names of pixels drop what CurveImageTransformer tells: give "
            f"in_channels={n_alike}, and image_shape=(height, width) of images that are no squares. If there "
            f"is one channel, give in_channels=1."
        )
    elif shape[0] == 1 and is_ink:
        _warn_of_image_in_one_row(X.shape[1], channels or 1)


def _first_rows(X: Any) -> np.ndarray:
    """Return the first rows of an array or data frame of numbers; none of what is refused later."""
    has_rows = isinstance(X, np.ndarray) or hasattr(X, "columns")
    first = np.asarray(X[:ROWS_LOOKED_AT]) if has_rows else np.empty(0)
    usable = first.ndim == 2 and first.dtype.kind in "uif" and bool(np.isfinite(first).all())
    return first if usable else np.empty(0)


def _channels_alike(rows: np.ndarray, only_squares: bool) -> int:
    """Return of how many parts that are alike each row consists, 1 if of none.

    Channels show one drawing at the same place. The correlation of a row with itself, shifted by as many
    pixels as a channel has, is then larger than that of all shifts from half of it to one and a half. In
    images of one channel the nearest lines of pixels, or those of a pattern's period, are the most alike.
    """
    n_pixels = rows.shape[1]
    shifts = {n: n_pixels // n for n in range(2, MOST_CHANNELS + 1) if n_pixels % n == 0}
    correlation = _self_correlation(rows)
    found = {
        n: correlation[shift] - _largest_around(correlation, shift)
        for n, shift in shifts.items()
        if shift >= SMALLEST_SIDE**2 and (not only_squares or math.isqrt(shift) ** 2 == shift)
    }
    best = max(found, key=lambda n: found[n], default=1)
    return best if best > 1 and found[best] > LIKENESS else 1


def _largest_around(correlation: np.ndarray, shift: int) -> float:
    """Return the largest correlation of other shifts, from half to one and a half of `shift`."""
    around = correlation[shift // 2 : shift + shift // 2 + 1]
    return float(np.delete(around, shift - shift // 2).max(initial=0))


def _self_correlation(rows: np.ndarray) -> np.ndarray:
    """Return the mean correlation of rows with themselves, shifted by 0, 1, 2, ... pixels."""
    largest = max(float(np.abs(rows).max()), np.finfo(float).tiny)
    total = np.zeros(rows.shape[1])
    for row in rows:  # one at a time: spectra take much memory
        total += _self_correlation_of(row / largest)
    return total / len(rows)


def _self_correlation_of(row: np.ndarray) -> np.ndarray:
    n_pixels = len(row)
    centred = row - row.mean()
    spectrum = np.fft.rfft(centred, 2 * n_pixels)
    products = np.fft.irfft(spectrum * spectrum.conj(), 2 * n_pixels)[:n_pixels]
    energy = np.cumsum(np.square(centred))
    start, end = energy[::-1], energy[-1] - np.concatenate([[0.0], energy[:-1]])
    norms = np.sqrt(start * end)
    floor = np.finfo(np.float32).eps * (energy[-1] + np.finfo(float).tiny)
    return np.where(norms > floor, products / np.maximum(norms, floor), 0.0)


def _warn_of_image_in_one_row(n_features: int, channels: int) -> None:
    """Warn if images in flat rows may have a shape that is no square."""
    n_pixels = n_features // channels
    shapes = [
        (height, n_pixels // height)
        for height in range(SMALLEST_SIDE, n_pixels // SMALLEST_SIDE + 1)
        if n_pixels % height == 0 and 1 / WIDEST_IMAGE <= height**2 / n_pixels <= WIDEST_IMAGE
    ]
    if not shapes:
        return
    taken = full_shape((1, n_pixels), channels)
    form = "(n, height, width)" if channels == 1 else "(n, channels, height, width)"
    each = "" if channels == 1 else f" for each of {channels} channels"
    warn_user(
        f"X has {n_pixels} pixels in flat rows{each}, which is no square, so they are taken as curves of "
        f"shape {taken}. If they are images, give image_shape=(height, width), such as "
        f"{shapes[len(shapes) // 2]}, or X of shape {form}."
    )
