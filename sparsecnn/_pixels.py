"""What pixels tell of their range and of the paper."""

from __future__ import annotations

import numpy as np

from sparsecnn._warn import warn_user

OTHER_RANGE = 4  # times as bright, or as dark, as the training images
FEW_IMAGES = 8  # fewer may all be dim by themselves,
DARKEST_OF_FEW = 15  # times as dark; 0 to 16 for 0 to 255 is more than that
OTHER_BACKGROUND = 0.4  # of the range
IMAGES_LOOKED_AT = 256
BACKGROUND_IMAGES = 32  # a median takes far longer than the largest pixel


def pixel_range(X: np.ndarray, rows: np.ndarray | None = None, part: int = 1024) -> float:
    """Return the largest magnitude of the pixels in `rows` of X, which are read in parts."""
    n_rows = len(X) if rows is None else len(rows)
    largest = 0.0
    for start in range(0, n_rows, part):
        pixels = X[slice(start, start + part) if rows is None else rows[start : start + part]]
        largest = max(largest, float(pixels.max()), -float(pixels.min()))
    return largest


def background(X: np.ndarray, rows: np.ndarray | None, scale: float) -> float:
    """Return the median pixel of the first images, of those in `rows` if given, divided by `scale`."""
    first = slice(BACKGROUND_IMAGES)
    pixels = np.ravel(X[first if rows is None else rows[first]])
    return float(lower_median(pixels)) / scale


def lower_median(values: np.ndarray) -> np.generic:
    """Return the median, of an even number the lower one; np.median takes as long as a small network."""
    middle = (len(values) - 1) // 2
    return np.partition(values, middle)[middle]


def blank_images(X: np.ndarray) -> np.ndarray:
    """Return which images of X, of shape (n, ...), have the same value in all pixels."""
    rows = X.reshape(len(X), -1)
    return rows.min(axis=1) == rows.max(axis=1)


def warn_of_other_pixels(
    X: np.ndarray, pixel_scale: float, largest_pixel: float, fitted_background: float
) -> None:
    """Warn if images to predict have another range or polarity than the training images had."""
    largest, brightness = pixel_range(X[:IMAGES_LOOKED_AT]), background(X, None, pixel_scale)
    darker = DARKEST_OF_FEW if len(X) < FEW_IMAGES else OTHER_RANGE
    if largest and not 1 / darker < largest / largest_pixel < OTHER_RANGE:
        are_bytes = X.dtype == np.uint8 and pixel_scale == 255
        warn_user(
            f"The pixels of X go up to {largest:g}, but those of the training images went up to "
            f"{largest_pixel:g}: give both the same range{'' if are_bytes else ', or both as uint8'}."
        )
    elif abs(brightness - fitted_background) > OTHER_BACKGROUND:
        warn_user(
            f"The background of X is not that of the training images: its median pixel is "
            f"{brightness:.0%} of the range, theirs {fitted_background:.0%}. Is dark ink on "
            "bright paper mixed up with bright ink on black?"
        )
