"""How images lie in arrays: shapes shared by the classifier and the transformer."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Sequence
from numbers import Integral
from typing import Any, NamedTuple, TypeGuard

import numpy as np
from PIL import Image

from sparsecnn._naming import naming
from sparsecnn._pixel_rows import PixelRows

# What cameras, scanners and editors write. Other formats start other programs (EPS) or hold no pages.
RASTER_FORMATS = (
    *("AVIF", "BMP", "DIB", "GIF", "HEIF", "JPEG", "JPEG2000", "MPO"),
    *("PCX", "PNG", "PPM", "PSD", "TGA", "TIFF", "WEBP"),
)

_PIXEL_NAME = re.compile("(?:(.*)_)?pixel_(0|[1-9][0-9]*)_(0|[1-9][0-9]*)", re.DOTALL)
_COLOURS = (1, 3, 4)  # channels of gray, of colours, and of colours with opacity


class FlatImages(NamedTuple):
    """Images as rows of pixels, by channel, row and column, and what is known of their layout."""

    rows: Any
    image_shape: tuple[int, int] | None
    in_channels: int | None


def flatten_images(
    X: Any, image_shape: tuple[int, int] | None = None, name: str = "image_shape"
) -> tuple[Any, tuple[int, int] | None]:
    """Return images of one channel as rows of pixels, and the shape of one if X or the caller gives it.

    It is `flatten_channels` for those who see one channel only.

    Raises
    ------
    ValueError
        As `flatten_channels`, and if the images have several channels.
    """
    flat = flatten_channels(X, image_shape, name=name)
    if flat.in_channels not in (None, 1):
        raise ValueError(
            f"X holds images of {flat.in_channels} channels, expected one; give pages in colour as an array "
            "of shape (n, height, width, 3)."
        )
    return flat.rows, flat.image_shape


def flatten_channels(
    X: Any,
    image_shape: tuple[int, int] | None = None,
    in_channels: int | None = None,
    name: str = "image_shape",
) -> FlatImages:
    """Return X as rows of pixels, and the layout of one image as far as X or the caller gives it.

    A 3-D or 4-D array, or a list or tuple of 2-D or 3-D arrays, becomes a 2-D array. Anything else is
    returned unchanged, so that data frames keep their column names.

    Parameters
    ----------
    X : array-like of shape (n, pixels), (n, height, width) or (n, channels, height, width)
        Images. `PixelRows` and the column names of a data frame (see `layout_from_names`) give their layout.
    image_shape : tuple of two ints, default=None
        (height, width), if the caller knows it.
    in_channels : int, default=None
        Number of channels, if the caller knows it.
    name : str, default="image_shape"
        Name of the argument `image_shape` in error messages.

    Returns
    -------
    rows : array-like of shape (n, channels * height * width)
        The same images, one per row.
    image_shape : tuple of two ints or None
        None if neither X nor the caller gives it.
    in_channels : int or None
        None if neither X nor the caller gives it.

    Raises
    ------
    ValueError
        If `image_shape` is not a pair of positive integers or `in_channels` no positive integer, if one of
        them is not that of the images in X; if X is a path, holds files, has five axes, has its channels
        last, or holds images of different shapes, one below or beside another.
    """
    if image_shape is not None:
        image_shape = check_image_shape(image_shape, name)
    if in_channels is not None:
        in_channels = check_in_channels(in_channels)
    _refuse_files(X)
    if np.ma.is_masked(X):
        raise ValueError("X must have a number for every pixel, but some are masked.")
    with naming("X"):
        if isinstance(X, (list, tuple)) and len(X) and np.ndim(X[0]) > 1:
            X = _stack_images(X)
    n_dim = getattr(X, "ndim", 2)
    if n_dim < 3:
        shape, channels = layout_of_rows(X)
        if image_shape is None:
            _refuse_several_shapes(X)
    else:
        shape, channels = _layout_of_array(X.shape, in_channels)
        X = np.asarray(X)
        X = X.reshape(len(X), math.prod(X.shape[1:]))
    if None not in (shape, image_shape) and shape != image_shape:
        raise ValueError(f"X holds images of shape {shape}, but {name}={image_shape}.")
    if None not in (channels, in_channels) and channels != in_channels:
        counted = "one channel" if channels == 1 else f"{channels} channels"
        raise ValueError(f"X holds images of {counted}, but in_channels={in_channels}.")
    return FlatImages(X, shape or image_shape, channels or in_channels)


def _layout_of_array(shape: tuple[int, ...], in_channels: int | None) -> tuple[tuple[int, int], int]:
    """Return (height, width) and the number of channels of the images in an array of this shape."""
    if len(shape) > 4:
        raise ValueError(
            "X must be of shape (n, pixels), (n, height, width) or (n, channels, height, width), "
            f"got {shape}."
        )
    channels = shape[1] if len(shape) == 4 else 1
    if shape[-1] in _COLOURS and channels not in (*_COLOURS, in_channels):
        raise ValueError(
            f"X must be of shape (n, channels, height, width), got {shape}, whose channels seem to be last: "
            f"give np.moveaxis(X, -1, 1), or in_channels={channels} if they are not."
        )
    return (shape[-2], shape[-1]), channels


def images_of_rows(rows: np.ndarray, image_shape: tuple[int, int], in_channels: int = 1) -> np.ndarray:
    """Return rows of pixels as images of shape (n, channels, height, width), without a copy."""
    return np.asarray(rows).reshape(-1, in_channels, *image_shape)


def layout_of_rows(X: Any) -> tuple[tuple[int, int], int] | tuple[None, None]:
    """Return (height, width) and number of channels that `PixelRows` or column names give, or Nones."""
    if not isinstance(X, PixelRows):
        return layout_from_names(X)
    channels = X.known_channels()
    shapes = {channel.image_shape for channel in channels}
    return (channels[0].image_shape, len(channels)) if len(shapes) == 1 else (None, None)


def views_of_rows(X: Any) -> tuple[str, ...] | None:
    """Return the names of the views that the channels of `PixelRows` show, or None if they are not known."""
    views = [channel.view for channel in X.known_channels()] if isinstance(X, PixelRows) else []
    return None if not views or None in views else tuple(map(str, views))


def _refuse_several_shapes(X: Any) -> None:
    """Raise ValueError if X is `PixelRows` of images of several shapes side by side."""
    channels = X.known_channels() if isinstance(X, PixelRows) else ()
    shapes = list(dict.fromkeys(str(channel.image_shape) for channel in channels))
    if len(shapes) > 1:
        raise ValueError(
            f"X holds images of shapes {' and '.join(shapes)} side by side, which are no channels of one "
            "image: give them the same image_shape."
        )


def _refuse_files(X: Any) -> None:
    """Raise ValueError if X is a path, or a list of files or opened images instead of pixels."""
    if isinstance(X, (str, os.PathLike)):
        raise ValueError(
            f"X must hold pixels, got the path {os.fspath(X)!r}; sparsecnn.datasets.load_drawings lists the "
            "images of a folder, and CurveImageTransformer reads them."
        )
    first = next(iter(X), None) if isinstance(X, (list, tuple)) or getattr(X, "ndim", 0) == 1 else None
    if is_file_or_image(first):
        raise ValueError(
            f"X must hold pixels, but its images are of type {type(first).__name__}; CurveImageTransformer "
            "reads files into pixels."
        )


def _stack_images(images: Sequence[Any]) -> np.ndarray:
    """Return images of one shape as one array, or raise ValueError."""
    shapes = [np.shape(image) for image in images]
    for index, shape in enumerate(shapes):
        if shape != shapes[0]:
            raise ValueError(
                f"X must hold images of one shape, but X[{index}] is of shape {shape} and X[0] of shape "
                f"{shapes[0]}; CurveImageTransformer resizes images to one shape."
            )
    return np.asarray(images)


def infer_image_shape(
    n_features: int,
    image_shape: tuple[int, int] | None = None,
    name: str = "image_shape",
    in_channels: int = 1,
) -> tuple[int, int]:
    """Return (height, width) of images of `n_features` pixels: as given, else a square, else one row.

    Raises
    ------
    ValueError
        If images of `image_shape` and `in_channels` do not hold `n_features` pixels.
    """
    if image_shape is None:
        n_pixels, rest = divmod(n_features, in_channels)
        if rest:
            raise ValueError(
                f"X has {n_features} features, which is no multiple of in_channels={in_channels}."
            )
        side = math.isqrt(n_pixels)
        return (side, side) if side * side == n_pixels else (1, n_pixels)
    sides = image_shape if in_channels == 1 else (in_channels, *image_shape)
    if math.prod(sides) != n_features:
        given = "" if in_channels == 1 else f" with in_channels={in_channels}"
        raise ValueError(
            f"X has {n_features} features, but {name}={image_shape}{given} needs "
            f"{' * '.join(map(str, sides))} = {math.prod(sides)}."
        )
    return image_shape


def full_shape(image_shape: tuple[int, int], in_channels: int) -> tuple[int, ...]:
    """Return the shape of an image as messages name it: channels only if there are several."""
    return image_shape if in_channels == 1 else (in_channels, *image_shape)


def pixel_names(image_shape: tuple[int, int], views: Sequence[str | None] = (None,)) -> list[str]:
    """Return the column names of flat images: "pixel_0_0", "pixel_0_1", ..., by row and column.

    Those of several channels begin with its name in `views`: "ink_pixel_0_0".
    """
    height, width = image_shape
    names = [f"pixel_{row}_{column}" for row in range(height) for column in range(width)]
    return [name if view is None else f"{view}_{name}" for view in views for name in names]


def layout_from_names(X: Any) -> tuple[tuple[int, int], int] | tuple[None, None]:
    """Return the layout of images that the columns of a data frame name, as `pixel_names` does.

    Parameters
    ----------
    X : object
        A data frame, or anything else.

    Returns
    -------
    image_shape : tuple of two ints or None
        (height, width). None if X has no such names, or lacks pixels of the image.
    in_channels : int or None
        Number of channels: of different beginnings of names.

    Raises
    ------
    ValueError
        If all pixels of an image are there, but in another order.
    """
    names = list(getattr(X, "columns", ()))
    pixels = [_PIXEL_NAME.fullmatch(name) for name in names if isinstance(name, str)]
    indices = [(int(pixel[2]), int(pixel[3])) for pixel in pixels if pixel]
    if not indices or len(indices) < len(names):
        return None, None
    height, width = (max(side) + 1 for side in zip(*indices, strict=True))
    views = list(dict.fromkeys(pixel[1] for pixel in pixels if pixel))
    if len(views) * height * width != len(names):
        return None, None
    if names != pixel_names((height, width), views):
        by_channel = "channel by channel, " if len(views) > 1 else ""
        raise ValueError(
            f"The columns of X name the pixels of images of shape {full_shape((height, width), len(views))}, "
            f"but not in the order pixel_0_0, pixel_0_1, ..., {by_channel}row by row."
        )
    return (height, width), len(views)


def check_in_channels(in_channels: Any) -> int:
    """Return the number of channels as an int; raise ValueError unless it is a positive integer."""
    if not is_integer(in_channels) or in_channels < 1:
        raise ValueError(f"in_channels must be a positive integer, got {in_channels!r}.")
    return int(in_channels)


def check_image_shape(image_shape: Any, name: str = "image_shape", smallest: int = 1) -> tuple[int, int]:
    """Return `image_shape` as a tuple of two ints.

    Parameters
    ----------
    image_shape : sequence of two ints
        (height, width).
    name : str, default="image_shape"
        Name of the argument in error messages.
    smallest : int, default=1
        Least height and width.

    Returns
    -------
    image_shape : tuple of two ints
        (height, width).

    Raises
    ------
    ValueError
        If it is not a pair of integers, or one is below `smallest`.
    """
    flat = isinstance(image_shape, Sequence) or getattr(image_shape, "ndim", 0) == 1
    pair = flat and len(image_shape) == 2
    if not pair or not all(is_integer(side) and side > 0 for side in image_shape):
        raise ValueError(f"{name} must be two positive integers (height, width), got {image_shape!r}.")
    height, width = (int(side) for side in image_shape)
    if min(height, width) < smallest:
        raise ValueError(f"{name} must be at least ({smallest}, {smallest}), got {(height, width)}.")
    return height, width


def is_integer(value: Any) -> TypeGuard[int]:
    """Return whether `value` is an integer and no bool."""
    return isinstance(value, Integral) and not isinstance(value, bool)


def raster_formats() -> list[str]:
    """Return the RASTER_FORMATS that the installed Pillow reads, for ``Image.open(formats=...)``."""
    Image.init()
    return [name for name in RASTER_FORMATS if name in Image.OPEN]


def image_extensions() -> set[str]:
    """Return the extensions of files that may be images, in lower case, with a dot."""
    formats = raster_formats()
    return {extension for extension, name in Image.registered_extensions().items() if name in formats}


def is_file(source: Any) -> bool:
    """Return whether the source of an image is a path, the bytes of a file or an open file."""
    if isinstance(source, memoryview):
        return source.ndim == 1 and source.itemsize == 1  # others hold pixels
    return isinstance(source, (str, bytes, bytearray, os.PathLike)) or hasattr(source, "read")


def is_file_or_image(source: Any) -> bool:
    """Return whether the source is a file (see `is_file`), or an image that Pillow has opened."""
    return is_file(source) or isinstance(source, Image.Image)
