"""Damaged, special, huge and foreign files."""

import os
import subprocess
import sys
import threading

import numpy as np
import pytest
from fuzz.files import jpeg_of_scans, tiled_tiff
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from pages import draw_mark, draw_spiral, encode, transform_one
from PIL import Image, features

from sparsecnn.preprocessing import CurveImageTransformer, suggest_image_shape

PNG = encode(draw_spiral(64))
READERS = {
    "transformer": lambda path: CurveImageTransformer().transform([path]),
    "suggestion": lambda path: suggest_image_shape([path], 64),
}


@pytest.fixture(params=READERS)
def reader(request):
    return READERS[request.param]


def pillow_refuses(path):
    try:
        with Image.open(path) as image:
            image.load()
    except Exception:
        return True
    return False


@settings(max_examples=150, deadline=None)
@given(bit=st.integers(8 * (PNG.index(b"IDAT") - 4), 8 * (PNG.index(b"IEND") - 4) - 1))
def test_flipped_bit_among_the_pixels_is_an_error_where_pillow_refuses(bit, tmp_path_factory):
    path = tmp_path_factory.getbasetemp() / "flipped.png"
    damaged = bytearray(PNG)
    damaged[bit // 8] ^= 1 << bit % 8
    path.write_bytes(damaged)
    for read in READERS.values():
        if pillow_refuses(path):
            with pytest.raises(ValueError, match=r"flipped\.png.*: "):
                read(path)
        else:
            read(path)


@pytest.mark.parametrize("form", ["JPEG", "PNG", "TIFF", "WEBP"])
def test_truncated_file_is_an_error(form, tmp_path):
    path = tmp_path / "page.img"
    path.write_bytes(encode(draw_spiral(200), form)[:-400])
    with pytest.raises(ValueError, match=r"page\.img: "):
        CurveImageTransformer().transform([path])


@pytest.mark.parametrize(
    "exif", [b"Exif\0\0nonsense", b"Exif\0\0II*\0", b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12"]
)
@pytest.mark.parametrize("form", ["JPEG", "PNG"])
@pytest.mark.filterwarnings("ignore:Corrupt EXIF data|Truncated File Read")
def test_damaged_exif_leaves_the_pixels(form, exif):
    page = draw_mark()
    assert_array_equal(transform_one(encode(page, form, exif=exif)), transform_one(encode(page, form)))


@pytest.mark.parametrize("value", [0, 9, 65_000])
def test_orientation_beyond_exif_is_upright(value, tmp_path):
    exif = Image.Exif()
    exif[0x0112] = value
    page = draw_mark((200, 100))
    page.save(tmp_path / "page.png", exif=exif)
    assert_array_equal(transform_one(tmp_path / "page.png"), transform_one(page))
    assert suggest_image_shape([tmp_path / "page.png"], 64) == (48, 88)


def test_pipe_is_refused_at_once(reader, tmp_path):
    os.mkfifo(tmp_path / "pipe.png")
    messages = []

    def read():
        with pytest.raises(ValueError, match=r"pipe\.png.*: not a regular file") as error:
            reader(tmp_path / "pipe.png")
        messages.append(error)

    thread = threading.Thread(target=read, daemon=True)
    thread.start()
    thread.join(timeout=20)
    assert messages


@pytest.mark.parametrize("path", ["/dev/zero", "/dev"])
def test_device_and_folder_are_refused(path, reader):
    with pytest.raises(ValueError, match=rf"{path}.*: not a regular file"):
        reader(path)


def test_postscript_is_not_run(reader, tmp_path):
    path = tmp_path / "page.png"
    draw_spiral(64).save(path, "EPS")
    with pytest.raises(ValueError, match=r"page\.png.*: not an image of a format that is read \(.*PNG"):
        reader(path)


def test_page_beyond_the_pixel_budget_is_refused(reader, tmp_path):
    Image.new("1", (9000, 8900)).save(tmp_path / "large.png")
    message = r"large\.png.*: 9000 x 8900 pixels are more than the 80,000,000"
    with pytest.raises(ValueError, match=message):
        reader(tmp_path / "large.png")


FORMATS = ["BMP", "GIF", "JPEG", "JPEG2000", "PNG", "PPM", "TGA", "TIFF", "WEBP"]


@pytest.mark.parametrize("form", FORMATS + ["AVIF"] * ("avif" in features.get_supported()))
def test_formats_give_the_same(form):
    page = draw_spiral(256)
    assert_allclose(transform_one(encode(page.convert("RGB"), form)), transform_one(page), atol=0.15)


MEASURE = """
import resource, sys
from sparsecnn.preprocessing import CurveImageTransformer
transformer = CurveImageTransformer()
transformer.transform([sys.argv[1]])
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
transformer.transform([sys.argv[2]])
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024)
"""


def test_memory_of_a_16_bit_page_is_a_small_multiple_of_its_pixels(tmp_path):
    side = 5000
    page = np.full((side, side), 60_000, np.uint16)
    page[1000:4000, 2000:2200] = 9_000
    for name, pixels in (("small.png", page[1000::50, ::50].copy()), ("large.png", page)):
        Image.fromarray(pixels).save(tmp_path / name)
    run = [sys.executable, "-c", MEASURE, str(tmp_path / "small.png"), str(tmp_path / "large.png")]
    grown = float(subprocess.run(run, capture_output=True, text=True, check=True).stdout)
    assert grown < 5 * page.nbytes / 2**20


@pytest.mark.parametrize("dtype", [np.uint16, np.int32, np.float32, np.float64])
@pytest.mark.parametrize("channels", [(), (3,)])
def test_large_arrays_are_averaged_before_all_else(dtype, channels):
    shape = (530, 611)
    page = np.random.default_rng(0).integers(50_000, 65_536, (*shape, *channels))
    page[100:120, 100:500] = 9_000
    reduced = transform_one(page.astype(dtype), image_shape=(8, 8))
    means = [[page[y : y + 4, x : x + 4].mean((0, 1)) for x in range(0, 611, 4)] for y in range(0, 530, 4)]
    assert_allclose(reduced, transform_one(np.array(means), image_shape=(8, 8)), atol=1e-4)


def test_uncompressed_file_that_lies_on_its_side_is_read_as_it_is_seen(tmp_path):
    page = draw_mark()
    exif = Image.Exif()
    for number in range(1, 9):
        exif[0x0112] = number
        page.save(tmp_path / "page.tif", exif=exif)
        with open(tmp_path / "page.tif", "rb") as file:
            assert_array_equal(transform_one(tmp_path / "page.tif"), transform_one(file))


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("tiff", "a tile of 4096 x 4096 pixels is larger than all 64 x 64"),
        ("jpeg", "scans of 1000 x 1000 pixels are too slow"),
        ("jpeg2000", "19,044 tiles are too many for 1100 x 1100 pixels"),
        ("ppm", "9000 x 1000 pixels are more than the 8,000,000 that are read of this kind of PPM file"),
    ],
)
def test_file_that_would_take_long_or_fill_memory_is_refused(name, reason, tmp_path):
    data = {
        "tiff": lambda: tiled_tiff(64, 4096),
        "jpeg": lambda: jpeg_of_scans(1000, 3300),
        "jpeg2000": lambda: encode(Image.new("L", (1100, 1100)), "JPEG2000", tile_size=(8, 8)),
        "ppm": lambda: b"P2\n9000 1000\n255\n",
    }[name]()
    (tmp_path / "page.img").write_bytes(data)
    with pytest.raises(ValueError, match=rf"page\.img: .*{reason}"):
        CurveImageTransformer().transform([tmp_path / "page.img"])
