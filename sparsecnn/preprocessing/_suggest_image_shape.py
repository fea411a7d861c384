"""The shape of image that suits pages which are not square."""

import math
import os
from collections.abc import Iterable

import numpy as np

from sparsecnn._image_shape import is_integer
from sparsecnn.preprocessing._pages import describe_error, open_image, orientation

WIDEST = 8  # ratio of the sides, at most


def suggest_image_shape(
    files: Iterable[str | os.PathLike], side: int, *, multiple: int = 8
) -> tuple[int, int]:
    """Return an image shape with the median aspect of pages and about the area of a square.

    Long drawings, such as waves, lose detail in a square: most of it stays empty. The result has the same
    number of pixels, and so costs a network about the same.

    Parameters
    ----------
    files : iterable of str or path-like
        Image files. Their sizes and orientations are read; of PNG files the pixels too, since the
        orientation may follow them.
    side : int
        Side of the square, in pixels.
    multiple : int, default=8
        Number that divides both sides of the result.

    Returns
    -------
    tuple of two ints
        (height, width), for `CurveImageTransformer`.

    Raises
    ------
    FileNotFoundError
        If a file does not exist.
    ValueError
        If `files` is empty or a single path, if a file cannot be read as an image, or if `side` or `multiple`
        is not a positive integer.

    See Also
    --------
    sparsecnn.CurveImageTransformer : Takes the shape as `image_shape`.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> from PIL import Image
    >>> from sparsecnn.preprocessing import suggest_image_shape
    >>> with TemporaryDirectory() as folder:
    ...     path = Path(folder) / "wave.png"
    ...     Image.new("L", (512, 170)).save(path)
    ...     suggest_image_shape([path], 64)
    (40, 112)
    """
    for name, value in (("side", side), ("multiple", multiple)):
        if not is_integer(value) or value < 1:
            raise ValueError(f"{name} must be a positive integer, got {value!r}.")
    if isinstance(files, (str, os.PathLike)):
        raise ValueError(f"files must be a list of paths, got {os.fspath(files)!r}; wrap it: [files].")
    if not np.iterable(files):
        raise TypeError(f"files must be a list of paths, got {files!r}.")
    aspects = [_aspect(path) for path in files]
    if not aspects:
        raise ValueError("files is empty; expected paths of images.")
    ratio = math.sqrt(np.clip(np.median(aspects), 1 / WIDEST, WIDEST))
    height, width = (max(1, round(side * part / multiple)) * multiple for part in (1 / ratio, ratio))
    return height, width


def _aspect(path: str | os.PathLike) -> float:
    """Return width / height of an upright page."""
    if not isinstance(path, (str, os.PathLike)):
        raise TypeError(f"files must hold paths, got {path!r}.")
    try:
        with open_image(path) as image:
            width, height = image.size
            return width / height if orientation(image) < 5 else height / width
    except FileNotFoundError:
        raise
    except Exception as error:  # decoders raise nearly anything on damaged files
        raise ValueError(f"{os.fspath(path)!r} cannot be read: {describe_error(error)}.") from error
