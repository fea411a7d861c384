"""A coloured pen and the black print of a form are told apart, on paper of any tint and in any light."""

import numpy as np
import pytest
from pages import draw_spiral, encode, similarity, transform_one
from PIL import Image, ImageChops, ImageDraw
from sklearn.exceptions import NotFittedError

from sparsecnn.datasets import make_shaky_drawings
from sparsecnn.preprocessing import CurveImageTransformer

BLUE, RED, GREEN, BLACK = (40, 50, 190), (200, 40, 50), (20, 140, 60), (25, 25, 25)
PAPER = (235, 235, 245)
TREMOR = {"tremor": 4, "width": 4}


def inked(strokes, ink):
    """Return transmitted light of strokes (dark on white) in an ink, which multiplies that of the paper."""
    strength = 1 - np.asarray(strokes, dtype=float)[..., np.newaxis] / 255
    return 1 - strength * (1 - np.array(ink) / 255)


def draw_form(pen=BLUE, print_ink=BLACK, paper=PAPER, light=None, **stroke):
    """Return a page in colour, with a printed spiral that a pen has traced, and the pen's strokes alone."""
    stroke = {"paper": 255, "ink": 0, "radius": 0.37, **TREMOR} | stroke
    drawn = draw_spiral(400, center=(0.52, 0.5), **stroke)
    printed = draw_spiral(400, paper=255, ink=0, width=3, radius=0.46)
    page = np.array(paper) * inked(drawn, pen) * inked(printed, print_ink)
    page *= 1 if light is None else light[..., np.newaxis]
    return Image.fromarray(np.rint(page).astype(np.uint8)), drawn


def ink_of(source, **params):
    return transform_one(source, **{"image_shape": (64, 64), "crop": False} | params)


@pytest.fixture(scope="module")
def form():
    return draw_form()


@pytest.mark.parametrize("ink", ["pen", "blue"])
def test_pen_is_drawn_without_the_print(form, ink):
    page, drawn = form
    alone = ink_of(drawn)
    assert similarity(ink_of(page, ink=ink), alone) > 0.93
    assert similarity(ink_of(page), alone) < 0.9  # all ink


def test_crop_follows_the_pen_not_the_print():
    page, drawn = draw_form(radius=0.2)
    alone = ink_of(drawn, crop=True)
    assert similarity(ink_of(page, ink="pen", crop=True), alone) > 0.8
    assert similarity(ink_of(page, crop=True), alone) < 0.4


def test_black_is_the_print_without_the_pen(form):
    page, _ = form
    printed = ink_of(draw_spiral(400, width=3, radius=0.46))
    assert similarity(ink_of(page, ink="black"), printed) > 0.95


@pytest.mark.parametrize(("pen", "name"), [(RED, "red"), (GREEN, "green"), (BLUE, "blue")])
def test_colours_are_told_apart_by_name(pen, name):
    page, drawn = draw_form(pen)
    alone = ink_of(drawn)
    assert similarity(ink_of(page, ink=name), alone) > 0.93
    for other in {"red", "green", "blue"} - {name}:
        with pytest.warns(UserWarning, match="No ink"):
            assert not ink_of(page, ink=other).any()


@pytest.mark.parametrize("paper", [(255, 255, 255), (240, 228, 190), (205, 215, 240)], ids=str)
def test_tint_of_the_paper_is_no_colour(form, paper):
    page, _ = draw_form(paper=paper)
    assert similarity(ink_of(page, ink="pen"), ink_of(form[0], ink="pen")) > 0.97


def test_shade_over_the_page_is_no_ink(form):
    across, down = np.meshgrid(np.linspace(0, 1, 400), np.linspace(0, 1, 400))
    page, _ = draw_form(light=1 - 0.3 * across - 0.2 * down)
    assert similarity(ink_of(page, ink="pen"), ink_of(form[0], ink="pen")) > 0.97


@pytest.mark.parametrize("options", [{"quality": 90}, {"quality": 75, "subsampling": 2}], ids=str)
def test_compression_of_colours_leaves_no_print(form, options):
    page, drawn = form
    read = ink_of(encode(page, "JPEG", **options), ink="pen")
    assert similarity(read, ink_of(page, ink="pen")) > 0.95
    assert similarity(read, ink_of(drawn)) > 0.92


def test_line_is_continued_where_it_crosses_the_print():
    drawn = Image.new("L", (400, 400), 255)
    ImageDraw.Draw(drawn).line([(40, 200), (360, 200)], fill=0, width=5)
    printed = Image.new("L", (400, 400), 255)
    for x in (120, 200, 280):
        ImageDraw.Draw(printed).line([(x, 60), (x, 340)], fill=0, width=7)
    page = Image.fromarray(np.rint(PAPER * inked(drawn, BLUE) * inked(printed, BLACK)).astype(np.uint8))
    line = ink_of(page, ink="pen", crop=False)[31:33].max(0)
    assert line[8:56].min() > 0.6


def test_other_forms_of_the_same_page_give_the_same(form):
    page, _ = form
    array = np.asarray(page)
    expected = ink_of(page, ink="pen")
    clear = page.convert("RGBA")
    for same in (
        encode(page),
        array,
        array / 255.0,
        array.astype(np.uint16) * 257,
        clear,
        encode(clear, "PNG"),
    ):
        np.testing.assert_allclose(ink_of(same, ink="pen"), expected, atol=0.02)


def test_strokes_on_transparent_ground_are_on_paper(form):
    page, _ = form
    alpha = ImageChops.invert(page.convert("L")).point(lambda value: min(255, 4 * max(0, value - 40)))
    page = page.copy()
    page.putalpha(alpha)
    assert similarity(ink_of(page, ink="pen"), ink_of(form[0], ink="pen")) > 0.9


def test_desk_around_a_photograph_is_no_coloured_ink(form):
    page, _ = form
    photo = Image.new("RGB", (500, 480), (150, 95, 45))
    photo.paste(page, (0, 0))
    assert similarity(ink_of(photo, ink="pen", crop=True), ink_of(page, ink="pen", crop=True)) > 0.8


def test_large_pages_are_reduced_to_the_same(form):
    page, _ = form
    large = page.resize((2400, 2400), Image.Resampling.BICUBIC)
    assert similarity(ink_of(large, ink="pen"), ink_of(page, ink="pen")) > 0.95


def test_auto_finds_the_pen_of_forms_in_fit(form):
    page, _ = form
    transformer = CurveImageTransformer((32, 32), ink="auto").fit([page, encode(page)])
    assert transformer.ink_ == "pen"
    alone = CurveImageTransformer((32, 32), ink="pen").transform([page])
    np.testing.assert_array_equal(transformer.transform([page]), alone)


@pytest.mark.parametrize(
    "make",
    [
        lambda: draw_form(BLACK)[0],
        lambda: draw_form(BLUE, BLUE)[0],
        lambda: draw_spiral(300),
        lambda: draw_spiral(300).convert("RGB"),
        lambda: np.asarray(draw_spiral(300)),
    ],
    ids=["black alone", "blue alone", "gray", "gray in three channels", "array"],
)
def test_auto_shows_all_ink_of_other_pages(make):
    page = make()
    transformer = CurveImageTransformer((32, 32), ink="auto").fit([page])
    assert transformer.ink_ == "all"
    alone = CurveImageTransformer((32, 32)).transform([page])
    np.testing.assert_array_equal(transformer.transform([page]), alone)


def test_auto_does_not_take_a_stamp_or_pale_rulings_for_the_pen():
    page, _ = draw_form(BLACK)
    stamped = page.copy()
    ImageDraw.Draw(stamped).ellipse((300, 320, 380, 390), outline=RED, width=6)
    ruled = Image.new("RGB", (400, 400), PAPER)
    for y in range(20, 400, 25):
        ImageDraw.Draw(ruled).line([(0, y), (400, y)], fill=(180, 205, 240), width=2)
    ruled = ImageChops.multiply(ruled, page)
    assert CurveImageTransformer(ink="auto").fit([stamped, ruled]).ink_ == "all"


def test_auto_before_fit_is_an_error(form):
    with pytest.raises(NotFittedError):
        CurveImageTransformer(ink="auto").transform([form[0]])


def test_auto_forgets_what_an_earlier_fit_found(form):
    transformer = CurveImageTransformer(ink="auto").fit([form[0]])
    assert transformer.fit([draw_spiral(300)]).ink_ == "all"
    assert not hasattr(transformer.set_params(ink="pen").fit([form[0]]), "ink_")


def test_auto_refuses_forms_in_colour_mixed_with_gray_ones(form):
    page, _ = form
    transformer = CurveImageTransformer(ink="auto")
    with pytest.raises(ValueError, match=r"mixes forms in colour.*gray.*\[2\] .*ink='all'"):
        transformer.fit([page, page, page.convert("L")])
    assert not hasattr(transformer, "ink_")


@pytest.mark.parametrize("ink", ["pen", "black", "red"])
def test_page_without_colours_is_refused_by_name(form, ink):
    page, _ = form
    transformer = CurveImageTransformer(ink=ink)
    with pytest.raises(ValueError, match=rf"1 of 2 images.*\n.*\[1\].*shades of gray.*ink='{ink}'"):
        transformer.transform([page, page.convert("L")])
    with pytest.raises(ValueError, match=r"2 of 2 images.*\n.*\[0\].*shades of gray"):
        transformer.transform(np.zeros((2, 40, 40)))


def test_light_ink_has_no_colours():
    with pytest.raises(ValueError, match=r"ink='pen'.*polarity='light'"):
        CurveImageTransformer(ink="pen", polarity="light").fit([draw_spiral()])


def test_files_that_cannot_be_read_do_not_decide_the_ink(form, tmp_path):
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"no image")
    transformer = CurveImageTransformer(ink="auto").fit([broken, form[0]])
    assert transformer.ink_ == "pen"
    with pytest.raises(ValueError, match=r"broken\.png"):
        transformer.transform([broken])


@pytest.mark.parametrize("pen", ["black", "pencil"])
@pytest.mark.parametrize("ink", ["pen", "blue"])
def test_colours_of_noise_are_no_pen(pen, ink):
    pages = make_shaky_drawings(4, pen=pen, capture="scan", image_shape=(256, 256), random_state=0).images
    with pytest.warns(UserWarning, match=rf"No ink found with ink='{ink}' on 4 of 4 pages: \[0\] ndarray"):
        assert not CurveImageTransformer((32, 32), ink=ink).transform(list(pages)).any()


def test_pages_whose_pen_does_not_show_are_named_with_auto(form):
    pencil = make_shaky_drawings(1, pen="pencil", capture="scan", image_shape=(256, 256), random_state=0)
    transformer = CurveImageTransformer((32, 32), ink="auto").fit([form[0], form[0], pencil.images[0]])
    with pytest.warns(UserWarning, match=r"with ink='pen' on 1 of 2 pages: \[1\] ndarray\."):
        drawn = transformer.transform([form[0], pencil.images[0]])
    assert drawn.any(1).tolist() == [True, False]


def test_small_signature_on_a_full_page_keeps_its_ink():
    page = Image.new("RGB", (800, 1100), "white")
    for y in range(60, 900, 20):
        ImageDraw.Draw(page).line([(60, y), (740, y)], fill="black", width=4)
    ImageDraw.Draw(page).line([(500, 1000), (560, 960), (580, 1010)], fill=BLUE, width=4)
    assert ink_of(page, ink="pen", crop=True).any()
