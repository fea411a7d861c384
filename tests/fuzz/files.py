"""Image files of every format that is read: flipped, cut off, spliced, and bombs."""

import io
import re
import struct
import zlib
from pathlib import Path

import numpy as np
import PIL
from numpy.testing import assert_allclose, assert_array_equal
from PIL import Image, ImageDraw

from fuzz.tally import Tally
from sparsecnn._image_shape import raster_formats
from sparsecnn.preprocessing import CurveImageTransformer

SIZE = (96, 80)
TRANSFORMER = CurveImageTransformer((16, 16))
SAVED = {
    "AVIF": [("RGB", {}), ("RGBA", {})],
    "BMP": [("1", {}), ("L", {}), ("P", {}), ("RGB", {}), ("RGBA", {})],
    "DIB": [("L", {})],
    "GIF": [("P", {}), ("L", {"interlace": 0}), ("P", {"save_all": True, "animated": True})],
    "JPEG": [("L", {}), ("RGB", {"progressive": True}), ("CMYK", {}), ("RGB", {"exif": 6}), ("YCbCr", {})],
    "JPEG2000": [("L", {}), ("RGBA", {}), ("RGB", {"tile_size": (32, 32)}), ("RGB", {"no_jp2": True})],
    "MPO": [("RGB", {"save_all": True, "animated": True})],
    "PCX": [("1", {}), ("L", {}), ("P", {}), ("RGB", {})],
    "PNG": [
        *((mode, {}) for mode in ("1", "L", "LA", "P", "RGB", "RGBA", "I;16")),
        *(("RGB", {"exif": 3}), ("P", {"transparency": 0}), ("L", {"save_all": True, "animated": True})),
    ],
    "PPM": [("1", {}), ("L", {}), ("RGB", {}), ("I", {}), ("F", {})],
    "TGA": [("L", {}), ("LA", {}), ("P", {}), ("RGB", {"compression": "tga_rle"}), ("RGBA", {})],
    "TIFF": [
        *((mode, {}) for mode in ("1", "LAB", "CMYK", "I", "F", "I;16", "LA", "PA", "RGBX")),
        *(("L", {"compression": name}) for name in ("tiff_lzw", "tiff_adobe_deflate", "packbits")),
        *(("RGB", {"compression": "jpeg"}), ("L", {"big_tiff": True})),
        # Older ones leave parts of a damaged page to what is in memory.
        *([("1", {"compression": "group4"})] if int(PIL.__version__.split(".")[0]) >= 13 else []),
        *(("L", {"exif": 8}), ("RGB", {"save_all": True, "animated": True})),
    ],
    "WEBP": [("RGB", {"lossless": True}), ("RGBA", {}), ("RGB", {"save_all": True, "animated": True})],
}
# As if a counter or a size had been written by someone who means harm.
NUMBERS = (0, 1, 0x7F, 0x80, 0xFF, 0x100, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)


def draw_page() -> Image.Image:
    """Return a page with an open curve."""
    page = Image.new("L", SIZE, 235)
    ImageDraw.Draw(page).arc((15, 12, 80, 70), 10, 300, fill=40, width=4)
    return page


def seeds() -> dict[str, bytes]:
    """Return a small whole file of each format and kind."""
    formats = set(raster_formats()) | {"MPO"}
    found = {"PSD": psd(draw_page())}
    for form, kinds in SAVED.items():
        for mode, options in kinds if form in formats else []:
            found[" ".join([form, mode, *options])] = _encode(form, mode, dict(options))
    return found


def _encode(form: str, mode: str, options: dict) -> bytes:
    page = _convert(draw_page(), mode)
    if options.pop("animated", False):
        options["append_images"] = [_convert(draw_page().rotate(90), mode)]
    if "exif" in options:
        exif = Image.Exif()
        exif[0x0112] = options["exif"]
        options["exif"] = exif
    buffer = io.BytesIO()
    page.save(buffer, form, **options)
    return buffer.getvalue()


def _convert(page: Image.Image, mode: str) -> Image.Image:
    if mode == "LAB":
        return Image.merge("LAB", [page, Image.new("L", SIZE, 128), Image.new("L", SIZE, 128)])
    if mode == "I;16":
        return Image.fromarray(np.asarray(page).astype(np.uint16) * 257)
    if mode == "PA":
        return page.convert("LA").convert("PA")
    return page.convert(mode)


def psd(page: Image.Image) -> bytes:
    """Return a Photoshop file of one grey channel, which Pillow reads but does not write."""
    width, height = page.size
    header = b"8BPS" + struct.pack(">H6xHIIHH", 1, 1, height, width, 8, 1)
    return header + struct.pack(">III", 0, 0, 0) + struct.pack(">H", 0) + page.tobytes()


def mutated(data: bytes, others: list[bytes], rng: np.random.Generator) -> bytes:
    """Return a file with bits flipped, numbers written over, parts left out, doubled or of another file."""
    changed = bytearray(data)
    kind = rng.integers(5)
    if kind == 0:
        for place in rng.integers(8 * len(data), size=rng.integers(1, 9)).tolist():
            changed[place // 8] ^= 1 << place % 8
    elif kind == 1:
        width, order = int(rng.choice([1, 2, 4])), rng.choice(["little", "big"])
        # Most of what a decoder trusts is near the beginning.
        start = int(rng.integers(min(len(data), 200) if rng.random() < 0.7 else len(data)))
        number = int(rng.choice(NUMBERS)) % (1 << 8 * width)
        changed[start : start + width] = number.to_bytes(width, str(order))
    elif kind == 2:
        start, end = sorted(rng.integers(len(data), size=2).tolist())
        changed[start:end] = changed[start:end] * 2 if rng.random() < 0.5 else b""
    elif kind == 3:
        other = others[rng.integers(len(others))]
        place = int(rng.integers(len(data)))
        changed = changed[:place] + other[min(place, int(rng.integers(len(other)))) :]
    else:
        changed = changed[: int(rng.integers(len(data)))]
    return with_right_sums(bytes(changed)) if rng.random() < 0.5 else bytes(changed)


def with_right_sums(data: bytes) -> bytes:
    """Return a PNG file whose checksums are right, so that what is wrong in it reaches the decoder."""
    if not data.startswith(b"\x89PNG"):
        return data
    parts, place = [data[:8]], 8
    while place + 12 <= len(data):
        end = place + 8 + int.from_bytes(data[place : place + 4], "big")
        if end + 4 > len(data):
            break
        parts += [data[place:end], struct.pack(">I", zlib.crc32(data[place + 4 : end]))]
        place = end + 4
    return b"".join(parts) + data[place:]


def decoded_bytes(data: bytes) -> int:
    """Return how many bytes the pixels of a file take, by its header; 0 if it has none."""
    try:
        with Image.open(io.BytesIO(data)) as image:
            return image.width * image.height * len(image.getbands()) * (4 if image.mode in "IF" else 1)
    except Exception:
        return 0


def by_pillow(data: bytes) -> np.ndarray | None:
    """Return the ink of a file that Pillow has decoded, or None if it refuses."""
    try:
        with Image.open(io.BytesIO(data), formats=raster_formats()) as image:
            image.load()
            return TRANSFORMER.transform([image])
    except Exception:
        return None


def check_ink(answer: np.ndarray, data: bytes, whole: np.ndarray | None = None) -> None:
    """Raise AssertionError unless the ink is that of the pixels that Pillow decodes, or of the whole file."""
    assert answer.shape == (1, 256)
    assert answer.dtype == np.float32
    assert np.isfinite(answer).all()
    assert 0 <= answer.min() <= answer.max() <= 1
    expected = by_pillow(data)
    assert expected is not None, "Pillow refuses the file"
    if data[:2] != b"\xff\xd8":  # of JPEG files, only the brightness is decoded
        assert_array_equal(answer, expected)
    if whole is not None:
        assert_allclose(answer, whole, atol=1e-6, err_msg="cut off, and read as another picture")


def judge_file(tally: Tally, case: str, data: bytes, path: Path, whole: np.ndarray | None = None) -> None:
    """Judge one file, written to `path`."""
    path.write_bytes(data)
    tally.judge(
        case,
        lambda: TRANSFORMER.transform([path]),
        lambda answer: check_ink(answer, data, whole),
        names=[re.escape(str(path))],
        decoded=decoded_bytes(data),
    )


def _chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def _png(width: int, height: int, depth: int, colour: int, extra: bytes = b"") -> bytes:
    """Return a PNG file of zeros, with `extra` chunks."""
    channels = {0: 1, 4: 2, 6: 4}[colour]
    deflate = zlib.compressobj(9)
    row = bytes(1 + -(-width * channels * depth // 8))
    pixels = b"".join(deflate.compress(row) for _ in range(height)) + deflate.flush()
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    parts = [_chunk(b"IHDR", header), extra, _chunk(b"IDAT", pixels), _chunk(b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def tiled_tiff(side: int, tile: int) -> bytes:
    """Return a TIFF file of one tile that is far larger than the image."""
    pixels = zlib.compress(bytes(tile * tile), 1)
    values = {256: side, 257: side, 258: 8, 259: 8, 262: 1, 277: 1, 322: tile, 323: tile}
    values |= {324: 8 + 2 + 12 * 10 + 4, 325: len(pixels)}
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in values.items())
    return b"II*\0" + struct.pack("<IH", 8, len(values)) + entries + bytes(4) + pixels


def jpeg_of_scans(side: int, n_scans: int) -> bytes:
    """Return a progressive JPEG file with its last scan many times over."""
    buffer = io.BytesIO()
    Image.new("L", (side, side), 230).save(buffer, "JPEG", progressive=True)
    data = buffer.getvalue()
    last = data.rindex(b"\xff\xda")
    return data[:last] + data[last:-2] * n_scans + data[-2:]


def _saved(mode: str, size: tuple[int, int], form: str, **options) -> bytes:
    buffer = io.BytesIO()
    Image.new(mode, size).save(buffer, form, **options)
    return buffer.getvalue()


LARGEST = (8900, 8980)
INFLATED = b"x\0\0" + zlib.compress(bytes(10**8))
BOMBS = {
    "PNG, 1 bit": lambda: _png(*LARGEST, 1, 0),
    "PNG, grey and alpha": lambda: _png(*LARGEST, 8, 4),
    "PNG, 16 bits RGBA": lambda: _png(*LARGEST, 16, 6),
    "PNG, beyond the limit": lambda: _png(30_000, 30_000, 1, 0),
    "PNG, one row": lambda: _png(79_000_000, 1, 1, 0),
    "PNG, inflated profile": lambda: _png(9, 9, 8, 0, _chunk(b"iCCP", INFLATED)),
    "PNG, inflated text": lambda: _png(9, 9, 8, 0, _chunk(b"zTXt", INFLATED)),
    "PNG, chunks": lambda: _png(9, 9, 8, 0, _chunk(b"abCd", b"") * 100_000),
    "TIFF, one tile": lambda: tiled_tiff(64, 16384),
    "TIFF, floats": lambda: _saved("F", LARGEST, "TIFF", compression="tiff_adobe_deflate"),
    "TIFF, palette and alpha": lambda: _saved("PA", LARGEST, "TIFF", compression="tiff_adobe_deflate"),
    "JPEG, scans": lambda: jpeg_of_scans(8900, 300),
    "JPEG, CMYK": lambda: _saved("CMYK", LARGEST, "JPEG"),
    "JPEG 2000, tiles": lambda: _saved("L", (2000, 2000), "JPEG2000", tile_size=(8, 8)),
    "JPEG 2000": lambda: _saved("L", LARGEST, "JPEG2000"),
    "PPM, text": lambda: b"P2\n8000 8000\n255\n" + b"9 " * 64_000_000,
    "PPM, 1000 shades": lambda: b"P5\n4000 4000\n1000\n" + bytes(32_000_000),
    "TGA": lambda: _saved("RGBA", LARGEST, "TGA", compression="tga_rle"),
    "WebP": lambda: _saved("RGB", LARGEST, "WEBP", lossless=True, method=0),
}


def run_bombs(tally: Tally, folder: Path, n_cases: int, seed: int) -> Tally:
    """Judge files that are small and decode to as much as they may, or were made to take time or memory."""
    for name, make in list(BOMBS.items())[:n_cases]:
        path = folder / "bomb.img"
        path.write_bytes(make())
        decoded = decoded_bytes(path.read_bytes())
        tally.judge(name, lambda path=path: TRANSFORMER.transform([path]), names=[str(path)], decoded=decoded)
    return tally.end()


def run_mutated(tally: Tally, folder: Path, n_cases: int, seed: int) -> Tally:
    """Judge whole files, then mutated ones."""
    rng = np.random.default_rng(seed)
    whole = seeds()
    path = folder / "page.img"
    for name, data in whole.items():
        judge_file(tally, name, data, path, TRANSFORMER.transform([data]))
    others, names = list(whole.values()), list(whole)
    for i in range(max(0, n_cases - len(whole))):
        name = names[rng.integers(len(names))]
        judge_file(tally, f"mutated {i} of {name} (seed {seed})", mutated(whole[name], others, rng), path)
    return tally.end()


def run_cut(tally: Tally, folder: Path, n_cases: int, seed: int) -> Tally:
    """Judge files cut off, at lengths drawn for each kind, or at every length if `n_cases` allows it."""
    rng = np.random.default_rng(seed)
    whole = seeds()
    for name, data in whole.items():
        ink = TRANSFORMER.transform([data])
        n_lengths = min(len(data), max(1, n_cases // len(whole)))
        for length in rng.choice(len(data), n_lengths, replace=False).tolist():
            judge_file(
                tally, f"{name} cut at {length} of {len(data)}", data[:length], folder / "cut.img", ink
            )
    return tally.end()
