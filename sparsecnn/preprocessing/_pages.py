"""Pages of any format, from files or memory, as brightness: black is 0, white is 1, or 255 in bytes."""

import io

import numpy as np
from PIL import ExifTags, Image, ImageOps
from scipy import ndimage

from sparsecnn._image_shape import is_file

WHITES = (1, 255, 65535)  # the numbers that stand for white in images
SPREAD_OF_PAGE = 0.1  # of brightness; opaque pixels that differ by more are ink and paper, not ink alone


def read_page(source, side):
    """Return an image's brightness, upright: from 0 (black) to 1 (white) as float32, or to 255 as uint8.

    An image larger than `side` may be reduced, but stays larger.
    """
    if isinstance(source, Image.Image):
        return _page_from_image(source, side)
    if not is_file(source):
        if np.ndim(source) == 0:
            raise ValueError(f"expected a path or an image, got {source!r}")
        return _page_from_array(np.asarray(source), side)
    if isinstance(source, (bytes, bytearray)):
        source = io.BytesIO(source)
    with Image.open(source) as image:
        if Image.MAX_IMAGE_PIXELS and image.width * image.height > Image.MAX_IMAGE_PIXELS:
            raise Image.DecompressionBombError(
                f"{image.width} x {image.height} pixels are more than PIL.Image.MAX_IMAGE_PIXELS allows"
            )
        if image.format in ("JPEG", "MPO"):
            # Such a file keeps brightness by itself, and can be decoded at 1/2, 1/4 or 1/8 of its size.
            scale = min(1, side / max(image.size))
            size = tuple(max(1, int(length * scale)) for length in image.size)
            image.draft("L" if image.mode == "RGB" else image.mode, size)
        return _page_from_image(image, side)


def _page_from_image(image, side):
    image = _turn_upright(image)
    if image.mode in ("I", "F") or image.mode.startswith("I;16"):
        return _brightness(_scale_to_white(np.asarray(image)))
    if image.has_transparency_data:
        image = _reduce(image.convert("RGBA"), side)
        if image.getchannel("A").getextrema()[0] < 128:
            return _brightness(_scale_to_white(np.asarray(image)))
    image = image.getchannel("L") if image.mode == "LAB" else image.convert("L")
    return np.asarray(_reduce(image, side))


def _reduce(image, side):
    return image.reduce(max(image.size) // side) if max(image.size) >= 2 * side else image


def _turn_upright(image):
    return image if orientation(image) == 1 else ImageOps.exif_transpose(image)


def orientation(image):
    """Return how the camera was held, as Exif numbers it: 1 is upright, from 5 on a page lies on its side."""
    try:
        return image.getexif().get(ExifTags.Base.Orientation, 1)
    except Exception:  # a broken note of the orientation does not break the image
        return 1


def _page_from_array(array, side):
    if array.ndim == 3 and array.shape[2] == 1:
        array = array[..., 0]
    if not array.size or not (array.ndim == 2 or (array.ndim == 3 and array.shape[2] in (3, 4))):
        raise ValueError(f"expected shape (height, width), (height, width, 3) or (..., 4), got {array.shape}")
    if array.dtype == np.uint8 and array.max() > 1:  # else a mask of 0 and 1
        return _page_from_image(Image.fromarray(array), side)
    return _brightness(_scale_to_white(array))


def _scale_to_white(array):
    """Return pixels scaled to 0 (black) to 1 (white)."""
    if array.dtype.kind not in "buif":
        raise ValueError(f"expected numbers as pixels, got {array.dtype}")
    array = array.astype(np.float64)
    low, high = array.min(), array.max()
    if not np.isfinite([low, high]).all():
        raise ValueError("pixels are NaN or infinite")
    # A page's brightest pixel is not far below white; 12 bits in a 16-bit file are, and get stretched.
    white = next((white for white in WHITES if low >= 0 and white / 16 < high <= white), None)
    if white is None:
        array -= low
        white = high - low
    return (array / (white or 1)).astype(np.float32)


def _brightness(pixels):
    """Return the brightness of gray, RGB or RGBA pixels, all from 0 to 1."""
    if pixels.ndim == 2:
        return pixels
    gray = pixels[..., :3] @ np.float32([0.299, 0.587, 0.114])
    return gray if pixels.shape[2] == 3 else _lay_on_paper(gray, pixels[..., 3])


def _lay_on_paper(gray, alpha):
    """Return opaque pixels as they are and transparent ones as the paper that fits them."""
    is_opaque = alpha > 0.5
    opaque = gray[is_opaque]
    if opaque.size > alpha.size / 2 and np.ptp(opaque) > SPREAD_OF_PAGE:
        # A page with parts cut out: continue it.
        nearest = ndimage.distance_transform_edt(~is_opaque, return_distances=False, return_indices=True)
        paper = gray[tuple(nearest)]
    else:
        # Strokes on nothing, so on whatever shows them best.
        paper = np.float32(np.sum(gray * alpha) < 0.5 * np.sum(alpha))
    return gray * alpha + paper * (1 - alpha)
