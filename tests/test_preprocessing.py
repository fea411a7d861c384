import io
import os
import pickle
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from joblib import parallel_config
from numpy.testing import assert_allclose, assert_array_equal
from PIL import ExifTags, Image, ImageDraw, ImageOps
from sklearn.base import clone
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.utils import estimator_checks
from sklearn.utils.estimator_checks import parametrize_with_checks

from sparsecnn.preprocessing import CurveImageTransformer, suggest_image_shape

CHECKS_LEFT_OUT = (
    "check_param_validation",
    "check_dataframe_column_names_consistency",
    "check_set_output_transform",
    "check_set_output_transform_pandas",
    "check_global_output_transform_pandas",
    "check_transformer_get_feature_names_out",
    "check_transformer_get_feature_names_out_pandas",
)


def draw_spiral(size=256, *, paper=235, ink=60, width=4, tremor=0.0, turns=3, radius=0.4, center=(0.5, 0.5)):
    """Draw at four times the size and shrink, so that strokes are smooth like scanned ones."""
    large = 4 * size
    page = Image.new("L", (large, large), paper)
    angle = np.linspace(0.5, 2 * np.pi * turns, 6000)
    radii = radius * large * angle / angle[-1] + 4 * tremor * np.sin(60 * angle)
    x, y = center[0] * large + radii * np.cos(angle), center[1] * large + radii * np.sin(angle)
    ImageDraw.Draw(page).line(list(zip(x, y, strict=True)), fill=ink, width=4 * width, joint="curve")
    return page.resize((size, size), Image.Resampling.BOX)


def draw_mark(size=(200, 160)):
    """Draw a lopsided mark that no flip or rotation maps to itself."""
    page = Image.new("L", size, 230)
    ImageDraw.Draw(page).line([(50, 40), (150, 40), (150, 120), (110, 120)], fill=30, width=6)
    return page


def encode(image, format="PNG", **options):
    buffer = io.BytesIO()
    image.save(buffer, format, **options)
    return buffer.getvalue()


def transform_one(source, **params):
    transformer = CurveImageTransformer(**params)
    return transformer.transform([source]).reshape(transformer.image_shape)


def similarity(image, other):
    return np.corrcoef(image.ravel(), other.ravel())[0, 1]


@pytest.fixture(scope="module")
def spiral():
    return draw_spiral()


@pytest.fixture(scope="module")
def expected(spiral):
    return transform_one(spiral)


@parametrize_with_checks([CurveImageTransformer()], xfail_strict=True)
def test_transformer_passes_scikit_learn_check(estimator, check):
    check(estimator)


@pytest.mark.filterwarnings("ignore:X (has|does not have valid) feature names")  # provoked by the checks
@pytest.mark.parametrize("check", CHECKS_LEFT_OUT)
def test_transformer_passes_check_left_out_by_default(check):
    getattr(estimator_checks, check)("CurveImageTransformer", CurveImageTransformer())


# Sources


def test_every_kind_of_source_gives_the_same(spiral, expected, tmp_path):
    path = tmp_path / "spiral.png"
    spiral.save(path)
    with path.open("rb") as file:
        sources = [str(path), path, path.read_bytes(), file, spiral, Image.open(path), np.asarray(spiral)]
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


# Ink


def test_paper_is_black_and_ink_reaches_one(expected):
    assert expected.min() == 0
    assert expected.max() == 1
    assert np.mean(expected == 0) > 0.5


@pytest.mark.parametrize("noise", [0, 5])
def test_inverted_page_gives_the_same(noise):
    page = np.asarray(draw_spiral(paper=200), dtype=float)
    page = np.clip(page + noise * np.random.default_rng(0).standard_normal(page.shape), 0, 255).astype(
        np.uint8
    )
    assert_allclose(transform_one(255 - page), transform_one(page), atol=1e-3)


@pytest.mark.parametrize("dtype", [bool, np.uint8, np.int64, np.uint16, np.float32])
def test_mask_of_zeros_and_ones_is_ink_on_paper(dtype):
    mask = np.asarray(draw_spiral(paper=0, ink=255)) > 128
    assert_allclose(transform_one(mask.astype(dtype)), transform_one(mask), atol=1e-3)
    assert transform_one(mask.astype(dtype)).any()


def test_polarity_can_be_forced(spiral, expected):
    assert_array_equal(transform_one(spiral, polarity="dark"), expected)
    with pytest.warns(UserWarning, match="No ink"):
        assert not transform_one(spiral, polarity="light").any()


def test_bold_ink_keeps_its_polarity():
    page = draw_spiral(28, width=5, turns=1, radius=0.3, paper=0, ink=255)
    bright, dark = transform_one(page), transform_one(ImageOps.invert(page))
    assert_allclose(bright, dark, atol=1e-3)
    assert similarity(bright, transform_one(page, polarity="light")) > 0.999


LIGHTS = {
    "from the left": lambda x, y: 0.35 + 0.65 * x,
    "from a corner": lambda x, y: 0.4 + 0.3 * x + 0.3 * y,
    "spot": lambda x, y: np.exp(-2 * ((x - 0.5) ** 2 + (y - 0.5) ** 2)),
    "soft shadow": lambda x, y: 0.5 + 0.5 / (1 + np.exp(-8 * (x - 0.5))),
}


@pytest.mark.parametrize("light", LIGHTS)
def test_uneven_light_makes_no_ink(light, expected):
    page = np.asarray(draw_spiral(512, width=8), dtype=float)
    y, x = np.mgrid[:512, :512] / 512
    noise = 2 * np.random.default_rng(0).standard_normal(page.shape)
    ink = transform_one(np.clip(page * LIGHTS[light](x, y) + noise, 0, 255).astype(np.uint8))
    assert similarity(ink, expected) > 0.97
    assert ink[expected == 0].max() < 0.15


def test_faint_pencil_is_found_and_brought_to_full_brightness(expected):
    page = np.asarray(draw_spiral(paper=228, ink=205), dtype=float)
    page += 2 * np.random.default_rng(0).standard_normal(page.shape)
    ink = transform_one(np.round(page).astype(np.uint8))
    assert similarity(ink, expected) > 0.95
    assert ink[expected == 0].max() < 0.2


# Geometry


def bounds(ink, threshold=0.2):
    rows, columns = (
        np.flatnonzero((ink > threshold).any(axis=1)),
        np.flatnonzero((ink > threshold).any(axis=0)),
    )
    return rows[0], rows[-1] + 1, columns[0], columns[-1] + 1


@pytest.mark.parametrize("center", [(0.3, 0.3), (0.75, 0.3), (0.5, 0.8)])
def test_ink_is_centred_wherever_it_was(center):
    top, bottom, left, right = bounds(transform_one(draw_spiral(400, radius=0.15, center=center)))
    assert abs(top - (64 - bottom)) <= 2
    assert abs(left - (64 - right)) <= 2


@pytest.mark.parametrize("margin", [0, 0.1, 0.25])
def test_ink_fills_the_image_up_to_the_margin(margin):
    top, bottom, left, right = bounds(transform_one(draw_spiral(400, radius=0.2), margin=margin))
    filled = max(bottom - top, right - left)
    assert abs(filled - 64 * (1 - 2 * margin)) <= 3


@pytest.mark.parametrize(("height", "width"), [(64, 64), (32, 96), (96, 32)])
def test_aspect_is_kept(height, width):
    page = Image.new("L", (300, 300), 240)
    ImageDraw.Draw(page).rectangle((40, 100, 240, 200), outline=20, width=4)
    top, bottom, left, right = bounds(transform_one(page, image_shape=(height, width)))
    assert (right - left) / (bottom - top) == pytest.approx(2, rel=0.1)


def test_ink_at_the_page_s_edge_gets_a_margin_too():
    page = Image.new("L", (200, 200), 240)
    ImageDraw.Draw(page).rectangle((0, 0, 199, 199), outline=20, width=6)
    top, bottom, left, right = bounds(transform_one(page))
    assert (top, bottom, left, right) == (3, 61, 3, 61)


def test_without_crop_the_whole_page_is_shown():
    page = draw_spiral(256, radius=0.1, center=(0.25, 0.25))
    _, bottom, _, right = bounds(transform_one(page, crop=False))
    assert max(bottom, right) <= 32 * 0.75


def test_dust_does_not_loosen_the_crop():
    page = draw_spiral(512, width=4, radius=0.2)
    pen = ImageDraw.Draw(page)
    for x, y in [(20, 30), (480, 60), (50, 470), (490, 490)]:
        pen.ellipse((x, y, x + 4, y + 4), fill=60)
    assert_allclose(transform_one(page), transform_one(draw_spiral(512, width=4, radius=0.2)), atol=0.1)


def test_scan_edges_do_not_loosen_the_crop():
    page = draw_spiral(512, width=4, radius=0.2)
    clean = transform_one(page)
    pen = ImageDraw.Draw(page)
    pen.rectangle((0, 0, 7, 511), fill=10)
    pen.rectangle((0, 500, 511, 511), fill=20)
    assert_allclose(transform_one(page), clean, atol=0.1)


def test_dot_of_a_letter_is_not_dust():
    page = Image.new("L", (600, 300), 240)
    pen = ImageDraw.Draw(page)
    pen.line([(30, 250), (560, 250), (560, 120)], fill=20, width=16)
    pen.ellipse((550, 70, 570, 90), fill=20)
    ink = transform_one(page)
    top = bounds(ink)[0]
    assert ink[top : top + 3, 40:].max() > 0.3
    assert (bounds(ink)[1] - top) / 58 == pytest.approx(190 / 540, rel=0.15)


@pytest.mark.parametrize("amplitude", [2, 3])
def test_fine_tremor_survives_reduction_better_than_with_nearest(amplitude):
    x = np.linspace(0, 1024, 4000)
    tremor = amplitude * np.sin(2 * np.pi * x / 4 / 20)  # one swing in 20 of 256 pixels
    page = Image.new("L", (1024, 1024), 235)
    ImageDraw.Draw(page).line(list(zip(x, 512 + 4 * tremor, strict=True)), fill=60, width=12)
    page = page.resize((256, 256), Image.Resampling.BOX)
    ours = transform_one(page, crop=False)
    nearest = 1 - np.asarray(page.resize((64, 64), Image.Resampling.NEAREST)) / 235

    def height_of_line(ink):
        return (ink * np.arange(64)[:, np.newaxis]).sum(axis=0) / ink.sum(axis=0)

    truth = tremor.reshape(-1, 4000).mean(axis=0) / 4
    truth = np.interp(np.arange(64) + 0.5, x / 16, truth) + 31.5
    error, nearest_error = (np.std((height_of_line(ink) - truth)[2:-2]) for ink in (ours, nearest))
    assert error < 0.5 * np.std(truth)
    assert error < 0.6 * nearest_error


def test_fine_pattern_is_averaged_rather_than_aliased():
    page = np.full((512, 512), 240, dtype=np.uint8)
    page[192:320, 192:320:2] = 0  # lines closer than pixels of the result
    ink = transform_one(page)[8:56, 8:56]
    assert ink.min() > 0.7
    assert ink.std() < 0.1


def test_small_drawings_are_enlarged_smoothly():
    ink = transform_one(draw_spiral(24, width=2, turns=1))
    steps = np.abs(np.diff(ink, axis=0)).max()
    assert steps < 0.6
    assert len(np.unique(ink)) > 200


# Output


def test_uint8_is_float_in_255_steps(spiral, expected):
    ink = transform_one(spiral, dtype="uint8")
    assert ink.dtype == np.uint8
    assert_array_equal(ink, np.rint(255 * expected))


def test_float_output_is_float32(expected):
    assert expected.dtype == np.float32


@pytest.mark.parametrize("n_jobs", [2, -1])
@pytest.mark.parametrize("backend", ["threading", "loky"])
def test_n_jobs_changes_nothing(n_jobs, backend, tmp_path):
    pages = [draw_spiral(size) for size in range(40, 80, 3)]
    pages[0].save(tmp_path / "page.png")
    images = [*pages, tmp_path / "page.png"]
    with parallel_config(backend=backend):
        drawn = CurveImageTransformer(n_jobs=n_jobs).transform(images)
    assert_array_equal(drawn, CurveImageTransformer().transform(images))


def test_no_images_are_refused():
    with pytest.raises(ValueError, match=r"at least one image, got shape \(0, 8, 8, 3\)"):
        CurveImageTransformer().transform(np.zeros((0, 8, 8, 3), np.uint8))


def test_feature_names_tell_row_and_column():
    names = CurveImageTransformer(image_shape=(2, 3)).get_feature_names_out()
    assert list(names) == ["pixel_0_0", "pixel_0_1", "pixel_0_2", "pixel_1_0", "pixel_1_1", "pixel_1_2"]


def test_set_output_pandas_names_the_pixels(spiral):
    transformer = CurveImageTransformer(image_shape=(4, 4)).set_output(transform="pandas")
    frame = transformer.fit_transform(pd.Series([encode(spiral)], index=["first"]))
    assert frame.columns[-1] == "pixel_3_3"
    assert list(frame.index) == ["first"]


# Rows of numbers


def test_rows_and_stacks_give_the_same_as_images():
    pages = np.stack([np.asarray(draw_spiral(40, turns=turns)) for turns in (2, 3)])
    expected = CurveImageTransformer().transform(list(pages))
    for X in (
        pages,
        pages.reshape(2, -1),
        pd.DataFrame(pages.reshape(2, -1)),
        np.stack([pages] * 3, axis=-1),
    ):
        assert_array_equal(CurveImageTransformer().fit_transform(X), expected)


def test_input_shape_tells_the_shape_of_rows():
    page = np.asarray(draw_mark())
    transformer = CurveImageTransformer(input_shape=page.shape)
    assert_array_equal(transformer.fit_transform(page.reshape(1, -1))[0], transform_one(page).ravel())


def test_shape_seen_in_fit_is_used_in_transform():
    pages = np.asarray(draw_mark())[np.newaxis]
    transformer = CurveImageTransformer().fit(pages)
    assert transformer.input_shape_ == (160, 200)
    assert_array_equal(transformer.transform(pages.reshape(1, -1)), transformer.transform(pages))


def test_input_shape_must_hold_the_pixels():
    with pytest.raises(ValueError, match="12 features"):
        CurveImageTransformer(input_shape=(3, 5)).fit(np.ones((2, 12)))


def test_files_after_numbers_leave_no_trace_of_numbers(spiral):
    transformer = CurveImageTransformer().fit(np.ones((2, 16))).fit([spiral])
    assert not hasattr(transformer, "n_features_in_")
    assert not hasattr(transformer, "input_shape_")


# Bad input


def bad_sources(folder):
    good = encode(draw_spiral(64))
    contents = {"empty.png": b"", "text.png": b"no image", "truncated.png": good[: len(good) // 2]}
    for name, content in contents.items():
        (folder / name).write_bytes(content)
    nan = np.full((8, 8), np.nan)
    return [*(folder / name for name in contents), folder / "missing.png", folder, good[:100], nan, None, 3]


def test_one_error_lists_every_bad_image(tmp_path):
    bad = bad_sources(tmp_path)
    images = [draw_spiral(64), *bad, draw_spiral(64)]
    with pytest.raises(ValueError, match=f"{len(bad)} of {len(images)} images cannot be read") as error:
        CurveImageTransformer(n_jobs=2).transform(images)
    lines = str(error.value).splitlines()[1:]
    assert [int(line.split("]")[0].strip(" [")) for line in lines] == list(range(1, len(bad) + 1))
    for name, line in zip(["empty", "text", "truncated", "missing"], lines, strict=False):
        assert str(tmp_path / f"{name}.png") in line
    assert all(line.split(": ", 1)[1] for line in lines)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_pixels_must_be_finite(value):
    page = np.ones((8, 8))
    page[3, 3] = value
    with pytest.raises(ValueError, match="NaN or inf"):
        CurveImageTransformer().transform([page])
    with pytest.raises(ValueError, match=r"NaN|infinity"):
        CurveImageTransformer().transform(page.reshape(1, -1))


@pytest.mark.parametrize("times", [1.5, 3])
def test_decompression_bomb_is_an_error(times, spiral, monkeypatch):
    monkeypatch.setattr("sparsecnn.preprocessing._pages.MAX_PIXELS", int(256 * 256 / times))
    with pytest.raises(ValueError, match=r"\[0\] bytes: .*pixels"):
        transform_one(encode(spiral))


@pytest.mark.parametrize("shape", [(0, 5), (5, 5, 2), (5, 5, 5), (2, 5, 5, 3)])
def test_arrays_of_other_shapes_are_refused(shape):
    with pytest.raises(ValueError, match="got \\("):
        CurveImageTransformer().transform([np.ones(shape)])


@pytest.mark.parametrize(
    "single", ["page.png", Path("page.png"), b"bytes", io.BytesIO(), Image.new("L", (5, 5)), iter([])]
)
@pytest.mark.parametrize("method", ["fit", "transform"])
def test_single_image_must_be_wrapped(single, method):
    with pytest.raises(ValueError, match="must be a list"):
        getattr(CurveImageTransformer(), method)(single)


@pytest.mark.parametrize("image_shape", [(8,), (8, 0), (8, 8, 8), (8, 2.5)])
def test_image_shape_must_be_two_positive_integers(image_shape):
    with pytest.raises(ValueError, match="two positive integers"):
        CurveImageTransformer(image_shape=image_shape).fit([draw_spiral(32)])


@pytest.mark.parametrize("noise", [0, 4])
@pytest.mark.parametrize("brightness", [10, 128, 240])
def test_blank_page_is_a_warning_and_all_zeros(noise, brightness, spiral):
    blank = brightness + noise * np.random.default_rng(0).standard_normal((200, 200))
    blank = np.clip(blank, 0, 255).astype(np.uint8)
    with pytest.warns(UserWarning, match=r"1 of 3 pages: \[1\]"):
        X = CurveImageTransformer().transform([spiral, blank, spiral])
    assert not X[1].any()
    assert X[0].any()


def test_blank_pages_share_one_warning(tmp_path):
    path = tmp_path / "blank.png"
    Image.new("RGBA", (50, 50)).save(path)
    with pytest.warns(UserWarning, match=r"blank\.png, \[1\]") as warned:
        CurveImageTransformer().transform([path, Image.new("1", (50, 50), 1)])
    assert len(warned) == 1


# Estimator


def test_transform_needs_no_fit(spiral, expected):
    assert_array_equal(CurveImageTransformer().fit_transform([spiral]), [expected.ravel()])


def test_transformer_can_be_pickled_cloned_and_shown(spiral, expected):
    transformer = CurveImageTransformer(n_jobs=2)
    for copy in (pickle.loads(pickle.dumps(transformer)), clone(transformer)):
        assert_array_equal(copy.transform([spiral]), [expected.ravel()])
    assert "CurveImageTransformer" in transformer._repr_html_()


def test_transformer_works_in_a_pipeline(spiral):
    pipeline = make_pipeline(CurveImageTransformer(image_shape=(4, 4)), FunctionTransformer())
    assert pipeline.fit_transform([spiral]).shape == (1, 16)


def test_scanned_spirals_have_thin_ink_on_clean_paper():
    folder = os.environ.get("SPARSECNN_DATA")
    if folder is None:
        pytest.skip("set SPARSECNN_DATA to a folder that holds spirals/ to test on real scans")
    files = sorted(Path(folder, "spirals").glob("*/*/*.png"))
    X = CurveImageTransformer().transform(files)
    coverage = (X > 0.2).mean(axis=1)
    assert len(X) == len(files) > 0
    assert coverage.min() > 0.05
    assert coverage.max() < 0.3
    assert (np.mean(X == 0, axis=1) > 0.5).all()


# Unsteadiness


def _drawn_line(amplitude, shape=(256, 256)):
    """Bright waves on black: an evenly bent line, with a wiggle of so many pixels."""
    height, width = shape
    x = np.linspace(0.08 * width, 0.92 * width, 4000)
    y = height / 2 + 0.25 * height * np.sin(2 * np.pi * x / width) + amplitude * np.sin(2 * np.pi * x / 24)
    page = Image.new("L", (width, height))
    ImageDraw.Draw(page).line(list(zip(x, y, strict=True)), fill=255, width=3)
    return page


@pytest.mark.parametrize("image_shape", [(64, 64), (32, 96)])
def test_unsteadiness_shows_a_wiggle_and_hides_an_even_bend(image_shape):
    transformer = CurveImageTransformer(image_shape, unsteadiness=1.0)
    shape = tuple(4 * side for side in image_shape)
    steady, shaky = transformer.fit_transform([_drawn_line(0, shape), _drawn_line(4, shape)])
    assert shaky.mean() > 3 * steady.mean()


def test_unsteadiness_of_a_part_keeps_the_shape_visible():
    page = _drawn_line(0)
    whole, part = (
        CurveImageTransformer(unsteadiness=share).fit_transform([page])[0] for share in (1e-9, 0.8)
    )
    assert part.mean() > 0.15 * whole.mean()
    assert (part <= whole + 1e-6).all()


def test_unsteadiness_does_not_depend_on_how_the_page_lies():
    page = np.asarray(_drawn_line(4))
    transformer = CurveImageTransformer(unsteadiness=1.0)
    images = transformer.fit_transform([page, page[::-1].copy(), page.T.copy()]).reshape(3, 64, 64)
    np.testing.assert_allclose(images[1][::-1], images[0], atol=0.05)
    np.testing.assert_allclose(images[2].T, images[0], atol=0.05)


def test_unsteadiness_of_a_blank_page_is_none():
    with pytest.warns(UserWarning, match="No ink found on 1 of 1 pages"):
        assert not CurveImageTransformer(unsteadiness=1.0).fit_transform([np.zeros((64, 64))]).any()


@pytest.mark.parametrize("share", [-0.1, 1.1, None])
def test_unsteadiness_must_be_a_share(share):
    with pytest.raises(ValueError, match="unsteadiness"):
        CurveImageTransformer(unsteadiness=share).fit([np.zeros((8, 8))])


def test_unsteadiness_scale_finds_the_tremor_of_its_own_wavelength():
    x = np.linspace(20, 236, 4000)
    lines = [128 + amplitude * np.sin(2 * np.pi * x / wave) for amplitude, wave in ((1.5, 10), (8, 60))]
    pages = [Image.new("L", (256, 256)) for _ in lines]
    for page, y in zip(pages, lines, strict=True):
        ImageDraw.Draw(page).line(list(zip(x, y, strict=True)), fill=255, width=2)
        ImageDraw.Draw(page).rectangle((20, 20, 236, 236), outline=255)
    fine, coarse = (
        CurveImageTransformer(crop=False, unsteadiness=1.0, unsteadiness_scale=scale).fit_transform(pages)
        for scale in (1 / 76, 1 / 9.5)
    )
    assert fine[0].sum() / fine[1].sum() > 1.5 * coarse[0].sum() / coarse[1].sum()


@pytest.mark.parametrize("scale", [0, 0.6, "auto"])
def test_unsteadiness_scale_must_be_a_part_of_the_side(scale):
    with pytest.raises(ValueError, match=r"'unsteadiness_scale' .* must be .* in the range \(0.0, 0.5\]"):
        CurveImageTransformer(unsteadiness=0.8, unsteadiness_scale=scale).fit([np.zeros((8, 8))])


# Shapes of pages


@pytest.mark.parametrize(
    ("size", "expected"), [((256, 256), (64, 64)), ((170, 512), (112, 40)), ((5000, 10), (24, 184))]
)
def test_suggest_image_shape_keeps_aspect_and_area(tmp_path, size, expected):
    for name, shape in (("a", size), ("b", size), ("odd", (300, 20))):
        Image.new("L", shape).save(tmp_path / f"{name}.png")
    shape = suggest_image_shape(sorted(tmp_path.glob("*.png")), 64)
    assert sorted(shape) == sorted(expected)
    assert (shape[1] > shape[0]) == (size[0] > size[1])


def test_suggest_image_shape_turns_photographs_upright(tmp_path):
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    Image.new("L", (512, 170)).save(tmp_path / "photo.jpg", exif=exif)
    assert suggest_image_shape([tmp_path / "photo.jpg"], 64) == (112, 40)


@pytest.mark.parametrize(
    ("files", "options", "message"),
    [
        ([], {"side": 64}, "files is empty"),
        (["text.png"], {"side": 64}, r"'.*text.png' cannot be read: not an image"),
        ([], {"side": 0}, "side must be a positive integer, got 0"),
        ([], {"side": 64, "multiple": 2.5}, "multiple must be a positive integer, got 2.5"),
    ],
)
def test_suggest_image_shape_refuses_what_it_cannot_use(tmp_path, files, options, message):
    (tmp_path / "text.png").write_text("no image")
    with pytest.raises(ValueError, match=message):
        suggest_image_shape([tmp_path / name for name in files], **options)


# Tables and missing files


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
