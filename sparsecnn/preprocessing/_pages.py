"""Pages of raster files or arrays as brightness or colours: black is 0, white is 1, or 255 in bytes."""

from __future__ import annotations

import io
import os
import stat
import struct
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

import numpy as np
from PIL import ExifTags, Image, UnidentifiedImageError
from scipy import ndimage

from sparsecnn._image_shape import is_file, raster_formats
from sparsecnn.preprocessing._cost import check_cost

NUMBERS_AT_ONCE = 1 << 20  # pixels that are not bytes are converted in bands of about this many
WHITES = (1, 255, 65535)  # the numbers that stand for white in images
GREY = ("1", "L", "LA")  # modes of images without colours
SPREAD_OF_PAGE = 0.1  # of brightness; opaque pixels that differ by more are ink and paper, not ink alone
UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def read_page(source: Any, side: int, *, in_colour: bool = False) -> np.ndarray:
    """Return the brightness or the colours of an image, upright.

    Parameters
    ----------
    source : path, bytes, open file, PIL image or array
        The image.
    side : int
        A longer side of at least twice this length is reduced by the largest factor that leaves `side`.
    in_colour : bool, default=False
        Whether to return red, green and blue of an image that has them.

    Returns
    -------
    page : ndarray of shape (height, width) or (height, width, 3)
        From 0 (black) to 1 (white) as float32, or to 255 as uint8.

    Raises
    ------
    ValueError
        If the file is not regular, is too costly to decode (see `check_cost`), or `source` is not an image.
    Exception
        Whatever the decoder raises on a damaged file.
    """
    if isinstance(source, Image.Image):
        return _page_from_image(source, side, in_colour)
    if not is_file(source):
        if np.ndim(source) == 0:
            raise ValueError(f"expected a path or an image, got {source!r}")
        return _page_from_array(np.asarray(source), side, in_colour)
    with open_image(source) as image:
        if image.format in ("JPEG", "MPO"):
            # Such a file keeps brightness by itself, and can be decoded at 1/2, 1/4 or 1/8 of its size.
            scale = min(1, side / max(image.size))
            size = (max(1, int(image.width * scale)), max(1, int(image.height * scale)))
            image.draft("L" if image.mode == "RGB" and not in_colour else image.mode, size)
        return _page_from_image(image, side, in_colour)


@contextmanager
def open_image(source: Any) -> Iterator[Image.Image]:
    """Open a file of a raster format for a ``with`` block; its pixels are not decoded yet."""
    with _open_file(source) as file, Image.open(file, formats=raster_formats()) as image:
        check_cost(image)
        yield image


def _open_file(source: Any) -> AbstractContextManager[Any]:
    """Return the bytes, path or open file as an open file.

    Pillow never gets a path: it would map the pixels of some files into memory, where those of a TIFF file
    that lies on its side are mixed up, and a file that shrinks meanwhile ends the process.
    """
    if isinstance(source, (bytes, bytearray, memoryview)):
        return io.BytesIO(source)
    if not isinstance(source, (str, os.PathLike)):
        return nullcontext(source)
    if not stat.S_ISREG(os.stat(source).st_mode):
        raise ValueError("not a regular file")  # a pipe or a device may block for ever
    return open(source, "rb")


def describe_error(error: Exception) -> str:
    """Return why an image cannot be read."""
    if isinstance(error, UnidentifiedImageError):
        return f"not an image of a format that is read ({', '.join(raster_formats())})"
    return getattr(error, "strerror", None) or str(error) or type(error).__name__


def orientation(image: Image.Image) -> int:
    """Return the orientation in Exif numbers: 1 is upright, from 5 on the page lies on its side.

    The Exif data of a PNG may follow its pixels, which are decoded first, so that their errors are raised.
    """
    if image.format == "PNG":
        image.load()
    try:
        number = image.getexif().get(ExifTags.Base.Orientation, 1)
    except (SyntaxError, ValueError, TypeError, LookupError, struct.error):
        return 1  # damaged Exif data leave the pixels intact
    return int(number) if number in UPRIGHT else 1


def _page_from_image(image: Image.Image, side: int, in_colour: bool) -> np.ndarray:
    image.load()
    turned = orientation(image)
    image = image.transpose(UPRIGHT[turned]) if turned in UPRIGHT else image
    if image.mode in ("I", "F") or image.mode.startswith("I;16"):
        return _page_from_numbers(np.asarray(image), side, in_colour)
    if image.has_transparency_data:
        image = _reduce(image.convert("RGBA"), side)
        if np.asarray(image.getchannel("A")).min() < 128:
            return _page_from_numbers(np.asarray(image), side, in_colour)
    image = image.getchannel("L") if image.mode == "LAB" else image
    return np.asarray(_reduce(image.convert("RGB" if in_colour and image.mode not in GREY else "L"), side))


def _reduce(image: Image.Image, side: int) -> Image.Image:
    return image.reduce(max(image.size) // side) if max(image.size) >= 2 * side else image


def _page_from_array(array: np.ndarray, side: int, in_colour: bool) -> np.ndarray:
    if array.ndim == 3 and array.shape[2] == 1:
        array = array[..., 0]
    if not array.size or not (array.ndim == 2 or (array.ndim == 3 and array.shape[2] in (3, 4))):
        raise ValueError(f"expected shape (height, width), (height, width, 3) or (..., 4), got {array.shape}")
    if array.dtype == np.uint8 and array.max() > 1:  # else a mask of 0 and 1
        return _page_from_image(Image.fromarray(array), side, in_colour)
    return _page_from_numbers(array, side, in_colour)


def _page_from_numbers(array: np.ndarray, side: int, in_colour: bool) -> np.ndarray:
    """Return the brightness or colours of gray, RGB or RGBA pixels of any type, from 0 to 1."""
    black, white = _find_range(array)
    factor = max(1, max(array.shape[:2]) // side) if array.shape[2:] != (4,) else 1  # alpha has no mean
    height = factor * max(1, NUMBERS_AT_ONCE // (factor * array[0].size))
    bands = []
    for top in range(0, len(array), height):
        band = _average_blocks(array[top : top + height], factor)
        band -= black
        band /= white - black
        bands.append(np.clip(band, 0, 1, out=band).astype(np.float32))
    pixels = np.concatenate(bands)
    if pixels.ndim == 2:
        return pixels
    gray = pixels[..., :3] @ np.array([0.299, 0.587, 0.114], dtype=np.float32)
    shown = pixels[..., :3] if in_colour else gray
    return shown if pixels.shape[2] == 3 else _lay_on_paper(shown, gray, pixels[..., 3])


def _find_range(array: np.ndarray) -> tuple[float, float]:
    """Return the numbers that stand for black and white."""
    if array.dtype.kind not in "buif":
        raise ValueError(f"expected numbers as pixels, got {array.dtype}")
    low, high = float(array.min()), float(array.max())
    if not np.isfinite([low, high]).all():
        raise ValueError("pixels are NaN or infinite")
    if max(-low, high) > float(np.finfo(np.float32).max):
        raise ValueError(f"expected pixels in the range of float32, got {low:g} to {high:g}")
    # A page's brightest pixel is not far below white; 12 bits in a 16-bit file are, and get stretched.
    white = next((white for white in WHITES if low >= 0 and white / 16 < high <= white), None)
    if white is not None:
        return 0.0, float(white)
    return low, high if high > low else low + 1


def _average_blocks(array: np.ndarray, factor: int) -> np.ndarray:
    """Return the means of blocks of factor * factor pixels, as float64; the last ones may be smaller."""
    sums = array.astype(np.float64) if factor == 1 else array
    if factor > 1:
        for axis in (0, 1):
            starts = np.arange(0, array.shape[axis], factor)
            sums = np.add.reduceat(sums, starts, axis=axis, dtype=np.float64)
            sizes = np.diff(starts, append=array.shape[axis]).reshape((-1, 1) if axis == 0 else -1)
            sums /= sizes.reshape(sizes.shape + (1,) * (array.ndim - 2))
    return sums


def _lay_on_paper(pixels: np.ndarray, gray: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    """Return opaque pixels, of this brightness, as they are and transparent ones as the paper that fits."""
    is_opaque = alpha > 0.5
    opaque = gray[is_opaque]
    if opaque.size > alpha.size / 2 and np.ptp(opaque) > SPREAD_OF_PAGE:
        # A page with parts cut out: continue it.
        nearest = ndimage.distance_transform_edt(~is_opaque, return_distances=False, return_indices=True)
        paper = pixels[tuple(nearest)]
    else:
        # Strokes on nothing, so on whatever shows them best.
        paper = np.float32(np.sum(gray * alpha) < 0.5 * np.sum(alpha))
    alpha = alpha.reshape(alpha.shape + (1,) * (pixels.ndim - 2))
    return pixels * alpha + paper * (1 - alpha)
