"""The shape of image that suits pages which are not square."""

import math
import os
from collections.abc import Iterable
from numbers import Integral

import numpy as np
from PIL import Image, UnidentifiedImageError

from sparsecnn.preprocessing._pages import orientation

WIDEST = 8  # times as long as high, at most


def shape_of_pages(files: Iterable[str | os.PathLike], side: int, *, multiple: int = 8) -> tuple[int, int]:
    """Return an image shape with the aspect of pages and the area of a square.

    Parameters
    ----------
    files : iterable of paths
        Image files. Only their sizes are read, and how the camera was held; the median of their aspects
        counts.
    side : int
        Side of the square, in pixels.
    multiple : int, default=8
        Both sides are multiples of it, and at least as long.

    Returns
    -------
    image_shape : tuple of two ints
        (height, width), for `CurveImageTransformer`.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If there are no files, or one is no image.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> from PIL import Image
    >>> from sparsecnn.preprocessing import shape_of_pages
    >>> with TemporaryDirectory() as folder:
    ...     path = Path(folder) / "wave.png"
    ...     Image.new("L", (512, 170)).save(path)
    ...     shape_of_pages([path], 64)
    (40, 112)
    """
    for name, value in (("side", side), ("multiple", multiple)):
        if not isinstance(value, Integral) or value < 1:
            raise ValueError(f"{name} must be a positive integer, got {value!r}.")
    aspects = [_aspect(path) for path in files]
    if not aspects:
        raise ValueError("files is empty; expected paths of images.")
    ratio = math.sqrt(np.clip(np.median(aspects), 1 / WIDEST, WIDEST))
    height, width = (max(1, round(side * part / multiple)) * multiple for part in (1 / ratio, ratio))
    return height, width


def _aspect(path):
    try:
        with Image.open(path) as image:
            width, height = image.size if orientation(image) < 5 else image.size[::-1]
            return width / height
    except UnidentifiedImageError as error:
        raise ValueError(f"{os.fspath(path)!r} is no image that Pillow can read.") from error
