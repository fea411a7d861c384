"""How images lie in arrays: shapes shared by the classifier and the transformer."""

import math
import os
from numbers import Integral

import numpy as np
from PIL import Image


def flatten_images(X, image_shape=None, name="image_shape"):
    """Return X as rows of pixels, and the shape of one image where X or the caller gives it.

    A 3-D array of images becomes 2-D; anything else is returned untouched, so that data
    frames keep their column names.

    Parameters
    ----------
    X : array-like of shape (n, pixels) or (n, height, width)
    image_shape : tuple of two ints, default=None
        (height, width), if the caller knows it.
    name : str, default="image_shape"
        What errors call it.

    Returns
    -------
    X : array-like of shape (n, pixels)
    image_shape : tuple of two ints, or None where neither X nor the caller gives it

    Raises
    ------
    ValueError
        If `image_shape` is no pair of positive integers, or not the shape of X's images, or X holds files or
        has four axes.
    """
    if image_shape is not None:
        image_shape = check_image_shape(image_shape, name)
    _refuse_files(X)
    if isinstance(X, list) and X and np.ndim(X[0]) == 2:
        X = np.asarray(X)
    if getattr(X, "ndim", 2) == 4:
        raise ValueError(
            f"X must be of shape (n, pixels) or (n, height, width), got {X.shape}: CurveImageTransformer "
            "turns images with channels into ink."
        )
    if getattr(X, "ndim", 2) != 3:
        return X, image_shape
    X = np.asarray(X)
    if image_shape is not None and X.shape[1:] != image_shape:
        raise ValueError(f"X holds images of shape {X.shape[1:]}, but {name}={image_shape}.")
    return X.reshape(len(X), math.prod(X.shape[1:])), X.shape[1:]


def _refuse_files(X):
    """Raise ValueError if X is a list of image files, or of opened ones, rather than of pixels."""
    first = next(iter(X), None) if isinstance(X, (list, tuple)) or getattr(X, "ndim", 0) == 1 else None
    if is_file_or_image(first):
        raise ValueError(
            f"X must hold pixels, but holds a {type(first).__name__} for each image: CurveImageTransformer "
            "turns files into pixels."
        )


def infer_image_shape(n_features, image_shape=None, name="image_shape"):
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


def check_image_shape(image_shape, name="image_shape"):
    """Return `image_shape` as a tuple of two ints, or raise ValueError."""
    sides = tuple(image_shape) if np.ndim(image_shape) == 1 else ()
    if len(sides) != 2 or not all(isinstance(side, Integral) and side > 0 for side in sides):
        raise ValueError(f"{name} must be two positive integers (height, width), got {image_shape!r}.")
    return int(sides[0]), int(sides[1])


def is_file(source):
    """Return whether the source of an image is a path, the bytes of a file or an open file."""
    return isinstance(source, (str, bytes, bytearray, os.PathLike)) or hasattr(source, "read")


def is_file_or_image(source):
    """Return whether the source is a file (see `is_file`), or an image that Pillow has opened."""
    return is_file(source) or isinstance(source, Image.Image)
