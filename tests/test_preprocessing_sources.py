from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from pages import draw_mark, draw_spiral, encode, similarity, transform_one
from PIL import Image, ImageOps

from sparsecnn.preprocessing import CurveImageTransformer


@pytest.fixture(scope="module")
def spiral():
    return draw_spiral()


@pytest.fixture(scope="module")
def expected(spiral):
    return transform_one(spiral)


def test_every_kind_of_source_gives_the_same(spiral, expected, tmp_path):
    path = tmp_path / "spiral.png"
    spiral.save(path)
    with path.open("rb") as file:
        data = path.read_bytes()
        views = [bytearray(data), memoryview(data), memoryview(np.frombuffer(data, np.uint8))]
        pixels = [np.asarray(spiral), memoryview(np.asarray(spiral))]
        sources = [str(path), path, data, *views, file, spiral, Image.open(path), *pixels]
        X = CurveImageTransformer().transform(sources)
        assert not file.closed
    assert_array_equal(X, np.tile(expected.ravel(), (len(sources), 1)))


@pytest.mark.parametrize("as_X", [tuple, pd.Series, lambda paths: np.array(paths, dtype=object), np.array])
def test_sequences_of_paths_are_accepted(as_X, spiral, expected, tmp_path):
    path = str(tmp_path / "spiral.png")
    spiral.save(path)
    assert_array_equal(CurveImageTransformer().fit_transform(as_X([path])), [expected.ravel()])


def test_images_of_different_sizes_are_accepted():
    X = CurveImageTransformer(image_shape=(20, 30)).transform(
        [draw_spiral(64), np.asarray(draw_spiral(90)), draw_mark().convert("RGB")]
    )
    assert X.shape == (3, 600)
    assert (X.max(axis=1) > 0.9).all()


def to_transparent(page):
    image = Image.new("RGBA", page.size, (0, 0, 0, 0))
    image.putalpha(ImageOps.invert(page).point(lambda value: 0 if value < 30 else value))
    return image


MODES = {
    "1": lambda page: page.convert("1", dither=Image.Dither.NONE),
    "L": lambda page: page,
    "LA": lambda page: page.convert("LA"),
    "RGB": lambda page: page.convert("RGB"),
    "RGBA": lambda page: page.convert("RGBA"),
    "P": lambda page: page.convert("P", palette=Image.Palette.ADAPTIVE),
    "CMYK": lambda page: page.convert("RGB").convert("CMYK"),
    "YCbCr": lambda page: page.convert("RGB").convert("YCbCr"),
    "HSV": lambda page: page.convert("RGB").convert("HSV"),
    "I": lambda page: page.convert("I"),
    "F": lambda page: page.convert("F"),
    "16 bits": lambda page: Image.fromarray(np.asarray(page, dtype=np.uint16) * 257),
    "12 bits of 16": lambda page: Image.fromarray(np.asarray(page, dtype=np.uint16) * 16),
    "transparent paper": to_transparent,
    "colored paper": lambda page: ImageOps.colorize(page, "navy", "khaki"),
}


@pytest.mark.parametrize("mode", MODES)
def test_every_mode_gives_the_same_ink(mode, spiral, expected):
    # Two values a pixel may move the bounds of the ink, and the crop, by half a pixel of the result.
    least = 0.85 if mode == "1" else 0.97
    assert similarity(transform_one(MODES[mode](spiral)), expected) > least


@pytest.mark.parametrize("mode", ["16 bits", "1", "LA", "P", "transparent paper"])
def test_every_mode_survives_a_file(mode, spiral):
    image = MODES[mode](spiral)
    assert_allclose(transform_one(encode(image)), transform_one(image), atol=1e-6)


def test_palette_with_transparency_is_read(spiral, expected):
    page = spiral.convert("P", palette=Image.Palette.ADAPTIVE, colors=8)
    paper = page.getpixel((2, 2))
    for transparency in (paper, bytes(0 if index == paper else 255 for index in range(8))):
        file = encode(page, transparency=transparency)
        assert similarity(transform_one(file), expected) > 0.9


def test_gray_with_transparent_value_is_read(spiral, expected):
    assert similarity(transform_one(encode(spiral, transparency=235)), expected) > 0.95


def test_white_strokes_on_nothing_are_found(spiral, expected):
    strokes = to_transparent(spiral)
    white = Image.merge("RGBA", [Image.new("L", spiral.size, 255)] * 3 + [strokes.getchannel("A")])
    assert similarity(transform_one(white), expected) > 0.97


def test_page_with_transparent_corners_has_no_ink_there(spiral):
    rotated = spiral.convert("RGBA").rotate(20, expand=True)
    assert similarity(transform_one(rotated), transform_one(spiral.rotate(20, fillcolor=235))) > 0.9


def test_arrays_of_any_number_type_give_the_same(spiral, expected):
    gray = np.asarray(spiral)
    arrays = [
        gray[..., np.newaxis],
        np.stack([gray] * 3, axis=-1),
        np.stack([gray] * 3 + [np.full_like(gray, 255)], axis=-1),
        gray.astype(np.int64),
        gray / 255,
        (gray / 255).astype(np.float16),
        np.stack([gray] * 3, axis=-1) / 255.0,
        np.stack([gray] * 3 + [np.full_like(gray, 255)], axis=-1) / 255.0,
        gray / 100.0 - 1,
    ]
    for ink in CurveImageTransformer().transform(arrays):
        assert_allclose(ink, expected.ravel(), atol=0.05)


@pytest.mark.parametrize(
    ("page_shape", "image_shape"),
    [((90, 100), (64, 64)), ((300, 511), (64, 64)), ((1030, 700), (64, 64)), ((60, 40_000), (4, 2048))],
)
def test_bytes_give_what_their_brightness_gives(page_shape, image_shape):
    page = np.random.default_rng(0).integers(225, 256, page_shape, dtype=np.uint8)
    page[:, page_shape[1] // 5 : page_shape[1] // 4] = 30
    brightness = (page / 255).astype(np.float32)
    inks = [transform_one(pixels, image_shape=image_shape) for pixels in (page, brightness)]
    assert inks[0].max() == 1
    assert_allclose(inks[0], inks[1], atol=1e-4)


def test_boolean_arrays_are_images(spiral, expected):
    assert similarity(transform_one(np.asarray(spiral) > 150), expected) > 0.97


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_applied(orientation):
    # The page as stored: exif_transpose of it is the mark, upright.
    undo = {2: 0, 3: 3, 4: 1, 5: 5, 6: 2, 7: 6, 8: 4}  # Image.Transpose members that invert each
    page = draw_mark()
    if orientation > 1:
        page = page.transpose(Image.Transpose(undo[orientation]))
    exif = Image.Exif()
    exif[0x0112] = orientation
    assert_allclose(transform_one(encode(page, exif=exif)), transform_one(draw_mark()), atol=1e-6)


def test_animation_gives_its_first_frame(spiral, expected):
    file = encode(spiral, "GIF", save_all=True, append_images=[ImageOps.flip(spiral)], duration=50)
    assert similarity(transform_one(file), expected) > 0.97


@pytest.mark.parametrize("mode", ["L", "RGB", "CMYK"])
def test_large_jpeg_gives_the_same_as_png(mode):
    page = draw_spiral(1600, width=24).convert(mode)
    # The result is so small that the file is decoded at a fraction of its size.
    from_jpeg, from_png = (
        transform_one(file, image_shape=(24, 24), crop=False)
        for file in (encode(page, "JPEG", quality=90), encode(page.convert("RGB")))
    )
    assert similarity(from_jpeg, from_png) > 0.99


def test_jpeg_stored_as_rgb_is_read(spiral, expected):
    file = encode(spiral.convert("RGB"), "JPEG", quality=95, keep_rgb=True)
    assert similarity(transform_one(file), expected) > 0.97


def test_caller_s_image_is_not_changed(tmp_path):
    page = draw_spiral(1200)
    path = tmp_path / "page.jpg"
    page.convert("RGB").save(path)
    with Image.open(path) as image:
        transform_one(image, image_shape=(16, 16))
        assert (image.size, image.mode) == ((1200, 1200), "RGB")


def test_files_are_closed(spiral, tmp_path):
    path = tmp_path / "spiral.png"
    spiral.save(path)
    descriptors = Path("/proc/self/fd")
    if not descriptors.exists():
        pytest.skip("open files are only counted on Linux")
    (tmp_path / "broken.png").write_bytes(path.read_bytes()[:500])
    before = len(list(descriptors.iterdir()))
    with pytest.raises(ValueError, match="1 of 2"):
        CurveImageTransformer().transform([path, tmp_path / "broken.png"])
    assert len(list(descriptors.iterdir())) == before


def test_table_with_one_column_of_paths_is_read(tmp_path, spiral):
    spiral.save(tmp_path / "page.png")
    paths = [str(tmp_path / "page.png")] * 2
    expected = CurveImageTransformer().fit_transform(paths)
    for table in (pd.DataFrame({"path": paths}), np.array(paths, dtype=object)[:, None]):
        assert_array_equal(CurveImageTransformer().fit_transform(table), expected)


@pytest.mark.parametrize(
    ("X", "message"),
    [
        ([], "at least one image, got an empty list"),
        (["no.png", None], r"\[1\] NoneType: expected a path or an image"),
    ],
)
def test_missing_files_are_told(X, message):
    with pytest.raises(ValueError, match=message):
        CurveImageTransformer().fit_transform(X)
