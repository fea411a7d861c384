"""Signed numbers as images in which exact zeros are told from small numbers."""

from __future__ import annotations

from typing import Any

import numpy as np

ZERO = "#9a9a9a"


def signed_colours(*, through_grey: bool) -> Any:
    """Return the colour map of signed numbers: dark blue to blue, then orange to pale yellow.

    Its lightness grows all the way, so that signs can be told apart without colours too. In the middle it
    passes through the grey of `ZERO`, or else jumps over it, so that small numbers differ from zeros.
    """
    from matplotlib.colors import LinearSegmentedColormap

    negative = [(0.0, "#08123f"), (0.25, "#0a4a94"), (0.5, ZERO if through_grey else "#3f86c6")]
    positive = [(0.5, ZERO if through_grey else "#e8a13a"), (0.75, "#f6cf63"), (1.0, "#fffad0")]
    if through_grey:
        negative[1], positive[1] = (0.3, "#1f63ae"), (0.7, "#efae45")
    return LinearSegmentedColormap.from_list("signed", negative + positive)


def draw_signed(ax: Any, values: np.ndarray, limit: float, **options: Any) -> Any:
    """Draw numbers from -limit to limit, zeros in grey and NaN transparent; return the image without zeros.

    Parameters
    ----------
    ax : matplotlib Axes
    values : ndarray of shape (height, width)
    limit : float
        Larger magnitudes have the colour of this one.
    **options : dict
        Passed to ``matplotlib.axes.Axes.imshow``.
    """
    from matplotlib.colors import ListedColormap

    zeros = np.ma.masked_where(values != 0, values)
    ax.imshow(zeros, cmap=ListedColormap([ZERO]), interpolation="nearest")
    colours = {
        "cmap": signed_colours(through_grey=False),
        "vmin": -limit,
        "vmax": limit,
        "interpolation": "nearest",
    }
    image = ax.imshow(np.ma.masked_where(~(values != 0), values), **colours | options)
    ax.set(xticks=[], yticks=[])
    for spine in ax.spines.values():
        spine.set_visible(False)
    return image


def side_by_side(tiles: np.ndarray) -> np.ndarray:
    """Return one image of images in rows and columns, with one pixel of NaN between those of several pixels.

    Parameters
    ----------
    tiles : ndarray of shape (n_rows, n_columns, height, width)
    """
    n_rows, n_columns, height, width = tiles.shape
    gap = int(height * width > 1)
    padded = np.pad(tiles, [(0, 0), (0, 0), (0, gap), (0, gap)], constant_values=np.nan)
    image = padded.swapaxes(1, 2).reshape(n_rows * (height + gap), n_columns * (width + gap))
    return image[: image.shape[0] - gap, : image.shape[1] - gap]


def in_a_square(tiles: np.ndarray) -> np.ndarray:
    """Return images in rows and columns that together are as high as wide, with NaN where none is left.

    Parameters
    ----------
    tiles : ndarray of shape (n_images, height, width)
    """
    n, height, width = tiles.shape
    n_columns = min(n, max(1, round(np.sqrt(n * height / width))))
    n_rows = -(-n // n_columns)
    missing = n_rows * n_columns - n
    filled = np.pad(tiles, [(0, missing), (0, 0), (0, 0)], constant_values=np.nan)
    return filled.reshape(n_rows, n_columns, height, width)
