import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from pages import bounds, draw_spiral, similarity, transform_one
from PIL import Image, ImageDraw, ImageOps


@pytest.fixture(scope="module")
def spiral():
    return draw_spiral()


@pytest.fixture(scope="module")
def expected(spiral):
    return transform_one(spiral)


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
