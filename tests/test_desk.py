"""Photographs of pages with the desk at their edges."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from pages import draw_spiral, similarity, transform_one
from PIL import Image, ImageDraw, ImageFilter
from scipy.ndimage import gaussian_filter

from sparsecnn.preprocessing._desk import find_page

PAGE = draw_spiral(600, width=5)
PENCIL = draw_spiral(600, width=3, paper=225, ink=170)
BEYOND = 100  # pixels around a photograph that are cut off after turning it


def photograph(page, desk, edges, share, *, tilt=0, grain=0, shade=0.0):
    """Return a photograph of the page on a desk that covers `share` of the side at each of `edges`."""
    rng = np.random.default_rng(0)
    side, paper = page.width, page.getpixel((0, 0))
    depth = round(share * side / (1 - share))
    left, top, right, bottom = (depth * (edge in edges) for edge in ("left", "top", "right", "bottom"))
    width, height = left + side + right, top + side + bottom
    size = width + 2 * BEYOND, height + 2 * BEYOND
    sheet, cover = Image.new("L", size, paper), Image.new("L", size, 255)
    sheet.paste(page, (BEYOND + left, BEYOND + top))
    pen = ImageDraw.Draw(cover)
    for edge, box in {
        "left": (0, 0, BEYOND + left - 1, size[1]),
        "top": (0, 0, size[0], BEYOND + top - 1),
        "right": (BEYOND + left + side, 0, *size),
        "bottom": (0, BEYOND + top + side, *size),
    }.items():
        if edge in edges:
            pen.rectangle(box, fill=0)
    frame = (BEYOND, BEYOND, BEYOND + width, BEYOND + height)
    sheet, cover = (
        np.asarray(layer.rotate(tilt, Image.Resampling.BICUBIC).crop(frame), dtype=float)
        for layer in (sheet, cover)
    )
    wood = desk + grain * np.sin(np.arange(height)[:, np.newaxis] / 7 + rng.normal(0, 0.1, width).cumsum())
    photo = wood + cover / 255 * (sheet - wood)
    photo *= 1 - shade * np.linspace(1, 0, width)
    blurred = Image.fromarray(np.clip(photo, 0, 255).astype(np.uint8)).filter(ImageFilter.GaussianBlur(0.7))
    return np.clip(blurred + 3 * rng.standard_normal((height, width)), 0, 255).astype(np.uint8)


def likeness(ink, expected):
    """Return the similarity of two images that may be a pixel apart."""
    return similarity(gaussian_filter(ink, 2), gaussian_filter(expected, 2))


@pytest.mark.parametrize("page", [PAGE, PENCIL], ids=["pen", "pencil"])
@pytest.mark.parametrize("desk", [40, 120, 185, 254])
@pytest.mark.parametrize(
    "edges", [["left"], ["top"], ["bottom", "right"], ["left", "right"], ["left", "top", "right", "bottom"]]
)
@pytest.mark.parametrize("share", [0.03, 0.07, 0.12])
def test_page_on_a_desk_is_read_like_the_page_alone(page, desk, edges, share):
    if page is PAGE and desk == 254:
        desk = 200  # as bright as this paper nearly
    photo = photograph(page, desk, edges, share)
    for crop in (True, False):
        ink, expected = (transform_one(source, crop=crop) for source in (photo, page))
        assert likeness(ink, expected) > 0.9
        assert ink.sum() == pytest.approx(expected.sum(), rel=0.35)


@pytest.mark.parametrize(
    "options",
    [{"tilt": 2}, {"tilt": -3}, {"grain": 12}, {"shade": 0.4}, {"tilt": 2, "grain": 12, "shade": 0.4}],
)
@pytest.mark.parametrize("edges", [["top"], ["left", "right"], ["left", "top", "right", "bottom"]])
@pytest.mark.parametrize("desk", [40, 150])
def test_desk_may_be_tilted_grained_and_shaded(options, edges, desk):
    ink = transform_one(photograph(PAGE, desk, edges, 0.08, **options))
    expected = transform_one(PAGE.rotate(options.get("tilt", 0), Image.Resampling.BICUBIC, fillcolor=235))
    assert likeness(ink, expected) > 0.85


@pytest.mark.parametrize("size", [(128, 128), (200, 200), (256, 180), (1000, 1000)])
@pytest.mark.parametrize("rim", [1, 2, 3])
@pytest.mark.parametrize("edges", [["top"], ["left", "right"], ["left", "top", "bottom"], ["all"]])
def test_thin_dark_rim_of_a_scan_is_cut_off(size, rim, edges):
    page = np.asarray(draw_spiral(400, width=8).resize(size))
    before, after = (
        [rim * bool({edge, "all"} & set(edges)) for edge in pair]
        for pair in (("top", "left"), ("bottom", "right"))
    )
    framed = np.pad(page, list(zip(before, after, strict=True)), constant_values=20)
    for crop in (True, False):
        ink, expected = (transform_one(Image.fromarray(source), crop=crop) for source in (framed, page))
        assert likeness(ink, expected) > 0.9


def whole(thumbnail):
    return tuple(slice(0, side) for side in thumbnail.shape)


@pytest.mark.parametrize("paper", [0.2, 0.9])
def test_plain_page_has_no_desk(paper):
    noise = np.random.default_rng(0).normal(0, 0.02, (128, 100))
    thumbnail = (paper + noise).astype(np.float32)
    assert find_page(thumbnail) == whole(thumbnail)


def test_shadow_is_not_a_desk():
    y, x = np.mgrid[:128, :128] / 128
    for light in (0.3 + 0.7 * x, 0.5 + 0.5 / (1 + np.exp(-20 * (y - 0.15))), np.exp(-2 * (x - 0.5) ** 2)):
        thumbnail = light.astype(np.float32)
        assert find_page(thumbnail) == whole(thumbnail)


@pytest.mark.parametrize(
    "bars",
    [
        [(0, 0, 20, 127), (0, 0, 127, 20), (0, 54, 127, 74), (0, 107, 127, 127)],
        [(0, 0, 20, 127), (107, 0, 127, 127), (0, 54, 127, 74)],
        [(0, 0, 20, 127), (107, 0, 127, 127), (0, 0, 127, 20), (0, 54, 127, 74), (0, 107, 127, 127)],
        [(0, 0, 127, 20), (54, 0, 74, 127)],
    ],
    ids=["E", "H", "日", "T"],
)
def test_letter_that_fills_its_page_is_not_a_desk(bars):
    page = Image.new("L", (128, 128), 230)
    for bar in bars:
        ImageDraw.Draw(page).rectangle(bar, fill=20)
    thumbnail = np.asarray(page, dtype=np.float32) / 255
    assert find_page(thumbnail) == whole(thumbnail)


def test_frame_that_is_all_the_ink_there_is_stays():
    page = Image.new("L", (200, 200), 240)
    ImageDraw.Draw(page).rectangle((0, 0, 199, 199), outline=20, width=20)
    assert transform_one(page)[6:58, 4].min() > 0.5


@pytest.mark.parametrize("edge", ["left", "top", "right", "bottom"])
def test_page_is_found_to_the_pixel(edge):
    thumbnail = np.full((128, 96), 0.9, np.float32)
    desk = {"left": np.s_[:, :9], "top": np.s_[:9], "right": np.s_[:, -9:], "bottom": np.s_[-9:]}[edge]
    thumbnail[desk] = 0.3
    found = thumbnail[find_page(thumbnail)]
    assert_array_equal(found, np.float32(0.9))
    assert found.size >= thumbnail.size - 128 * 11


def test_small_image_is_taken_whole():
    thumbnail = np.full((40, 40), 0.9, np.float32)
    thumbnail[:4] = 0.2
    assert find_page(thumbnail) == whole(thumbnail)
