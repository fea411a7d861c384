"""Files whose decoding would take far more time or memory than their pixels do."""

from __future__ import annotations

import struct
from typing import Any

from PIL import Image

MAX_PIXELS = 80_000_000  # of a file; A3 at 600 dpi has 70 million
MAX_SLOW_PIXELS = 8_000_000  # of one that Pillow decodes in Python, half a microsecond for each
MAX_SCANNED = 40 * MAX_PIXELS  # pixels of all scans of a JPEG file, of which cameras write ten or so
LEAST_TILED = 1 << 20  # pixels; smaller images may have a tile of this size
TILE_PIXELS = 1 << 12  # of a JPEG 2000 file, whose tiles take 8 kB each
SIZES = b"\xff\x4f\xff\x51"  # how a JPEG 2000 stream begins, before its sizes


def check_cost(image: Any) -> None:
    """Raise ValueError if an image is too large to decode, or its file made to be slow or to fill memory.

    Parameters
    ----------
    image : PIL image
        Opened and not decoded.
    """
    n_pixels = image.width * image.height
    if n_pixels > MAX_PIXELS:
        raise ValueError(f"{_size(image)} pixels are more than the {MAX_PIXELS:,} that are read")
    if n_pixels > MAX_SLOW_PIXELS and any(tile[0] in Image.DECODERS for tile in getattr(image, "tile", ())):
        raise ValueError(
            f"{_size(image)} pixels are more than the {MAX_SLOW_PIXELS:,} that are read of this kind of "
            f"{image.format} file, which is slow to decode; save it as PNG"
        )
    if image.format in ("JPEG", "MPO"):
        n_scans = _read(image.fp).count(b"\xff\xda")
        if n_scans * n_pixels > MAX_SCANNED:
            raise ValueError(f"{n_scans:,} scans of {_size(image)} pixels are too slow to decode")
    if image.format == "TIFF":
        tile = [image.tag_v2.get(tag, 1) for tag in (322, 323)]
        if tile[0] * tile[1] > 2 * max(n_pixels, LEAST_TILED):
            raise ValueError(f"a tile of {tile[0]} x {tile[1]} pixels is larger than all {_size(image)}")
    if image.format == "JPEG2000":
        n_tiles = _count_tiles(_read(image.fp))
        if n_tiles * TILE_PIXELS > max(n_pixels, LEAST_TILED):
            raise ValueError(f"{n_tiles:,} tiles are too many for {_size(image)} pixels")


def _size(image: Any) -> str:
    return f"{image.width} x {image.height}"


def _read(file: Any) -> bytes:
    """Return all of a file, which is left where it is."""
    place = file.tell()
    file.seek(0)
    data: bytes = file.read()
    file.seek(place)
    return data


def _count_tiles(data: bytes) -> int:
    """Return the number of tiles of a JPEG 2000 file."""
    start = data.find(SIZES)
    if start < 0 or len(data) < start + 32:
        return 0  # which no decoder reads
    right, bottom, _, _, width, height = struct.unpack_from(">6I", data, start + 8)
    return -(-right // max(1, width)) * -(-bottom // max(1, height))
