"""What transformers of images take: a list of files or images, or an array of numbers."""

import os
from collections.abc import Iterator
from typing import Any

import numpy as np
from sklearn.utils.validation import check_array, validate_data

from sparsecnn._image_shape import flatten_images, infer_image_shape, is_file_or_image
from sparsecnn._naming import naming
from sparsecnn.preprocessing._sources import column_of_files, is_image

SAW_LIST = "_saw_list"  # attribute of a transformer that was fitted on a list of pages
COLOURS = (3, 4)  # values of a pixel, with opacity and without
SMALLEST_PAGE = 8  # pixels high


def check_images(estimator: Any, X: Any, reset: bool) -> list[Any] | np.ndarray:
    """Return X as a list of images, or as an array of shape (n, height, width).

    Parameters
    ----------
    estimator : transformer
        Has `input_shape`. With `reset`, it is given `input_shape_`, the shape of images in an array, and what
        scikit-learn's `validate_data` stores.
    X : list of images, or array-like of shape (n, pixels) or (n, height, width)
    reset : bool
        Whether X is that of `fit`. What it holds is then told by `input_shape_`, or else by `SAW_LIST`.

    Raises
    ------
    ValueError
        If X is one file or image, an iterator, or empty, or not as it was in `fit`: of another number of
        pixels, or rows of numbers after a list of images.
    """
    if isinstance(X, (str, os.PathLike)):
        raise ValueError(
            f"X must be a list of images, got the path {os.fspath(X)!r}; wrap a file: [X], or list the "
            "images of a folder with sparsecnn.datasets.load_drawings."
        )
    if isinstance(X, Iterator) or is_file_or_image(X):
        raise ValueError(f"X must be a list of images, got a {type(X).__name__}; wrap it: [X], or list(X).")
    X = column_of_files(X)
    if isinstance(X, (list, tuple)) and not X:
        raise ValueError("X must hold at least one image, got an empty list.")
    n_dim = 1 if isinstance(X, (list, tuple)) else getattr(X, "ndim", 0)
    with naming("X"):
        single = n_dim == 4 or (n_dim == 1 and any(map(is_image, X)))
    if single:
        if not len(X):
            raise ValueError(f"X must hold at least one image, got shape {X.shape}.")
        if reset:
            setattr(estimator, SAW_LIST, True)
        return list(X)
    if estimator.input_shape is None:
        _refuse_page_in_colour(X)
    has_own_shape = n_dim == 3 and not reset
    fitted_shape = None if reset or has_own_shape else getattr(estimator, "input_shape_", None)
    X, input_shape = flatten_images(X, estimator.input_shape or fitted_shape, "input_shape")
    with naming("X"):
        if has_own_shape:
            X = check_array(X, dtype="numeric", estimator=estimator, input_name="X")
        else:
            X = validate_data(estimator, X, dtype="numeric", reset=reset)
    if input_shape is None and not reset and hasattr(estimator, SAW_LIST):
        raise ValueError(
            f"X is an array of shape {X.shape}, but fit saw a list of images. If it is one image, wrap it: "
            "[X]; if it holds flat images, set input_shape=(height, width)."
        )
    input_shape = infer_image_shape(X.shape[1], input_shape, "input_shape")
    if reset:
        estimator.input_shape_ = input_shape
    return X.reshape(-1, *input_shape)


def _refuse_page_in_colour(X: Any) -> None:
    """Raise ValueError if an array has the shape of one page in colour."""
    shape: tuple[int, ...] = getattr(X, "shape", ())
    if len(shape) == 3 and shape[2] in COLOURS and min(shape[:2]) >= SMALLEST_PAGE:
        raise ValueError(
            f"X of shape {shape} is one page in colour, expected a list of images: wrap it, [X]."
        )
