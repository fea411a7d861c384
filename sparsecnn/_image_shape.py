"""How images lie in arrays: shapes shared by the classifier and the transformer."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Sequence
from numbers import Integral
from typing import Any, TypeGuard

import numpy as np
from PIL import Image

from sparsecnn._naming import naming

# What cameras, scanners and editors write. Other formats start other programs (EPS) or hold no pages.
RASTER_FORMATS = (
    *("AVIF", "BMP", "DIB", "GIF", "HEIF", "JPEG", "JPEG2000", "MPO"),
    *("PCX", "PNG", "PPM", "PSD", "TGA", "TIFF", "WEBP"),
)

_PIXEL_NAME = re.compile("pixel_(0|[1-9][0-9]*)_(0|[1-9][0-9]*)")


def flatten_images(
    X: Any, image_shape: tuple[int, int] | None = None, name: str = "image_shape"
) -> tuple[Any, tuple[int, int] | None]:
    """Return X as rows of pixels, and the shape of one image if X or the caller gives it.

    A 3-D array, or a list or tuple of 2-D arrays, becomes a 2-D array. Anything else is returned
    unchanged, so that data frames keep their column names.

    Parameters
    ----------
    X : array-like of shape (n, pixels) or (n, height, width)
        Images. `PixelRows` and the column names of a data frame (see `shape_from_names`) give their shape.
    image_shape : tuple of two ints, default=None
        (height, width), if the caller knows it.
    name : str, default="image_shape"
        Name of the argument `image_shape` in error messages.

    Returns
    -------
    X : array-like of shape (n, pixels)
        The same images, one per row.
    image_shape : tuple of two ints or None
        None if neither X nor the caller gives it.

    Raises
    ------
    ValueError
        If `image_shape` is not a pair of positive integers or not the shape of the images in X; if X is a
        path, holds files, has four axes, or holds 2-D arrays of different shapes.
    """
    if image_shape is not None:
        image_shape = check_image_shape(image_shape, name)
    _refuse_files(X)
    if np.ma.is_masked(X):
        raise ValueError("X must have a number for every pixel, but some are masked.")
    with naming("X"):
        if isinstance(X, (list, tuple)) and len(X) and np.ndim(X[0]) > 1:
            X = _stack_images(X)
    n_dim = getattr(X, "ndim", 2)
    if n_dim == 4:
        raise ValueError(
            f"X must be of shape (n, pixels) or (n, height, width), got {tuple(X.shape)}; "
            "CurveImageTransformer converts images with channels to ink."
        )
    shape = tuple(X.shape[1:]) if n_dim == 3 else _shape_of_rows(X)
    if None not in (shape, image_shape) and shape != image_shape:
        raise ValueError(f"X holds images of shape {shape}, but {name}={image_shape}.")
    if n_dim == 3:
        X = np.asarray(X)
        X = X.reshape(len(X), math.prod(X.shape[1:]))
    return X, shape or image_shape


class PixelRows(np.ndarray):
    """Flat images that keep the shape of an image, so that a pipeline is given it once."""

    image_shape: tuple[int, int] | None

    @classmethod
    def of(cls, images: np.ndarray) -> PixelRows:
        """Return images of shape (n, height, width) as rows of pixels."""
        rows = images.reshape(len(images), -1).view(cls)
        rows.image_shape = images.shape[1], images.shape[2]
        return rows

    def __array_finalize__(self, source: Any) -> None:
        self.image_shape = getattr(source, "image_shape", None)

    def __reduce__(self) -> Any:
        reduced: Any = super().__reduce__()
        return reduced[0], reduced[1], (*reduced[2], self.image_shape)

    def __setstate__(self, state: Any) -> None:
        super().__setstate__(state[:-1])
        self.image_shape = state[-1]


def _shape_of_rows(X: Any) -> tuple[int, int] | None:
    """Return the image shape that `PixelRows` or column names give, or None."""
    if not isinstance(X, PixelRows):
        return shape_from_names(X)
    # Selected columns or a single row are not images.
    shape = X.image_shape
    return shape if shape and X.ndim == 2 and math.prod(shape) == X.shape[1] else None


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
    n_features: int, image_shape: tuple[int, int] | None = None, name: str = "image_shape"
) -> tuple[int, int]:
    """Return (height, width) of images of `n_features` pixels: as given, else a square, else one row.

    Raises
    ------
    ValueError
        If `image_shape` does not hold `n_features` pixels.
    """
    if image_shape is None:
        side = math.isqrt(n_features)
        return (side, side) if side * side == n_features else (1, n_features)
    if math.prod(image_shape) != n_features:
        raise ValueError(
            f"X has {n_features} features, but {name}={image_shape} needs "
            f"{image_shape[0]} * {image_shape[1]} = {math.prod(image_shape)}."
        )
    return image_shape


def pixel_names(image_shape: tuple[int, int]) -> list[str]:
    """Return the column names of flat images: "pixel_0_0", "pixel_0_1", ..., by row and column."""
    height, width = image_shape
    return [f"pixel_{row}_{column}" for row in range(height) for column in range(width)]


def shape_from_names(X: Any) -> tuple[int, int] | None:
    """Return the image shape that the columns of a data frame name, as `pixel_names` does.

    Parameters
    ----------
    X : object
        A data frame, or anything else.

    Returns
    -------
    image_shape : tuple of two ints or None
        (height, width). None if X has no such names, or lacks pixels of the image.

    Raises
    ------
    ValueError
        If all pixels of an image are there, but in another order.
    """
    names = list(getattr(X, "columns", ()))
    pixels = [_PIXEL_NAME.fullmatch(name) for name in names if isinstance(name, str)]
    indices = [(int(pixel[1]), int(pixel[2])) for pixel in pixels if pixel]
    if not indices or len(indices) < len(names):
        return None
    height, width = (max(side) + 1 for side in zip(*indices, strict=True))
    if height * width != len(names):
        return None
    if names != pixel_names((height, width)):
        raise ValueError(
            f"The columns of X name the pixels of images of shape {(height, width)}, but not in the order "
            "pixel_0_0, pixel_0_1, ..., row by row."
        )
    return height, width


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
    return isinstance(source, (str, bytes, bytearray, os.PathLike)) or hasattr(source, "read")


def is_file_or_image(source: Any) -> bool:
    """Return whether the source is a file (see `is_file`), or an image that Pillow has opened."""
    return is_file(source) or isinstance(source, Image.Image)
