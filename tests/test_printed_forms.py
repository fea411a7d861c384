"""Print that pages share is told from pens of its own colour, and taken off; what no page shares stays."""

import pickle

import numpy as np
import pytest
from pages import encode
from PIL import Image, ImageDraw
from scipy import ndimage
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import make_pipeline

from sparsecnn.datasets import make_shaky_drawings
from sparsecnn.preprocessing import CurveImageTransformer, PrintedFormRemover
from sparsecnn.preprocessing._form_pen import trace_pen
from sparsecnn.preprocessing._registration import Registration, invert, lay_over
from sparsecnn.preprocessing._rulings import find_rulings

SIDE = 240
ANGLE = np.linspace(0.3, 1, 2000) * 5 * np.pi


def draw_lines(*lines, side=SIDE, width=3, rotation=0.0, shift=(0, 0), scale=1.0):
    """Return lines of points in parts of the side as strokes, dark on white, turned about the middle."""
    page = Image.new("L", (4 * side, 4 * side), 255)
    turn = scale * np.exp(1j * np.radians(rotation))
    for line in lines:
        points = (np.asarray(line) - 0.5) @ [1, 1j] * turn + 0.5 + 0.5j + complex(*shift) / side
        flat = np.stack([points.real, points.imag], 1) * 4 * side
        ImageDraw.Draw(page).line([tuple(point) for point in flat], fill=0, width=4 * width, joint="curve")
    return np.asarray(page.resize((side, side), Image.Resampling.BOX))


def spiral(radius=0.38, wobble=0.0, phase=0.0):
    radii = radius * ANGLE / ANGLE[-1] + wobble * np.sin(7 * ANGLE / 3 + phase)
    return np.stack([0.5 + radii * np.cos(ANGLE), 0.52 + radii * np.sin(ANGLE)], 1)


GUIDE = spiral()
FRAME = np.array([[0.06, 0.06], [0.94, 0.06], [0.94, 0.95], [0.06, 0.95], [0.06, 0.06]])


def draw_page(seed, guide=GUIDE, **place):
    """Return a gray page with print and a pen that follows it, what the pen drew, and what is printed."""
    rng = np.random.default_rng(seed)
    place = {"rotation": rng.uniform(-2, 2), "shift": rng.uniform(-4, 4, 2)} | place
    place["scale"] = rng.uniform(0.96, 1.03)
    drawn = draw_lines(spiral(0.38 + rng.uniform(-0.03, 0.03), 0.02, rng.uniform(0, 6)), **place)
    printed = draw_lines(guide, FRAME, **place)
    light = 235 * (1 - 0.75 * (1 - drawn / 255)) * (1 - 0.85 * (1 - printed / 255))
    page = light + rng.normal(0, 2, light.shape)
    return np.clip(page, 0, 255).astype(np.uint8), drawn < 128, printed < 128


@pytest.fixture(scope="module")
def forms():
    return [draw_page(seed) for seed in range(7)]


@pytest.fixture(scope="module")
def remover(forms):
    return PrintedFormRemover().fit([page for page, _, _ in forms])


@pytest.fixture(scope="module")
def others():
    return [draw_page(seed) for seed in (20, 21, 22)]


def is_ink(page):
    return page < 170


def near(mask, distance=1.5):
    return ndimage.distance_transform_edt(~mask) <= distance


def test_print_of_unseen_pages_is_taken_off_and_the_pen_stays(remover, others):
    for clean, (page, drawn, printed) in zip(
        remover.transform([page for page, _, _ in others]), others, strict=True
    ):
        assert clean.shape == page.shape
        assert clean.dtype == np.uint8
        found = is_ink(clean)
        assert (found & near(drawn)).sum() > 0.93 * found.sum()
        assert (drawn & near(found)).sum() > 0.93 * drawn.sum()
        alone = printed & ~near(drawn, 8)
        assert alone.sum() > 300
        assert (clean[alone] > 200).mean() > 0.97
        untouched = ~near(printed, 4)
        np.testing.assert_array_equal(clean[untouched], page[untouched])


def test_template_is_the_print_and_the_guide_is_what_pens_follow(remover):
    assert remover.template_.dtype == np.uint8
    printed = remover.template_ < 255 * 0.75
    assert (remover.guide_ & printed).sum() == remover.guide_.sum()
    assert 0.2 < remover.guide_.sum() / printed.sum() < 0.8  # not the frame
    assert remover.in_colour_ is False
    assert remover.page_shape_ == (SIDE, SIDE)


def test_pages_of_either_polarity_come_out_dark_on_light(remover, forms, others):
    pages = [page for page, _, _ in others]
    expected = remover.transform(pages)
    found = remover.transform([255 - pages[0], *pages[1:]])
    np.testing.assert_array_equal(found, expected)
    np.testing.assert_array_equal(
        clone(remover).set_params(polarity="light").fit([255 - page for page, _, _ in forms]).template_,
        remover.template_,
    )
    mixed = [255 - page if i % 2 else page for i, (page, _, _) in enumerate(forms)]
    np.testing.assert_array_equal(clone(remover).fit(mixed).template_, remover.template_)


@pytest.mark.parametrize("level", [40, 128, 250])
def test_page_without_ink_is_not_inverted(remover, level):
    page = np.clip(np.random.default_rng(0).normal(level, 2, (SIDE, SIDE)), 0, 255).astype(np.uint8)
    with pytest.warns(UserWarning, match="print is not found"):
        np.testing.assert_array_equal(remover.transform([page])[0], page)


@pytest.mark.parametrize("shape", ["spiral", "frame", "cross"])
def test_registration_finds_turn_scale_and_shift(shape):
    lines = {"spiral": [GUIDE], "frame": [FRAME], "cross": [FRAME[:3], GUIDE[::40] ** 2]}[shape]
    printed = 1 - draw_lines(*lines, side=512, width=4).astype(np.float32) / 255
    turn, scale = np.radians(4.0), 0.9
    linear = scale * np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    truth = np.column_stack([linear, [20.0, 55.0]])
    page = lay_over(printed, invert(truth), (500, 520))
    corners = np.array([[0, 0, 1], [0, 511, 1], [511, 0, 1], [511, 511, 1]]).T
    np.testing.assert_allclose(Registration(printed).find(page) @ corners, truth @ corners, atol=1)


def test_line_is_continued_where_it_crosses_the_print():
    page, printed = np.zeros((2, 200, 200))
    printed[:, 98:103] = page[:, 98:103] = page[100:104, 20:180] = 1
    pen = trace_pen(page.astype(np.float32), printed > 0)
    assert (pen.seen | pen.hidden)[101, 25:175].all()
    assert not (pen.seen | pen.hidden)[:90].any()
    assert pen.erased[:90, 98:103].all()


def test_line_that_runs_into_the_print_and_out_again_is_continued_along_it():
    page, printed = np.zeros((2, 200, 200))
    printed[100:104, 5:195] = 1
    page[printed > 0] = 1
    for x in range(50):  # from above into the print, and out of it below
        page[100 - x : 104 - x, 50 - x] = page[100 + x : 104 + x, 150 + x - 1] = 0.7
    found = trace_pen(page.astype(np.float32), printed > 0)
    line = found.seen | found.hidden
    assert line[100:104, 60:140].any(0).all()
    assert not line[:, 170:][98:106].any()  # the print beyond is no pen


def test_print_beside_a_line_seen_all_along_is_not_the_pen():
    page, printed = np.zeros((2, 200, 200))
    printed[100:104, 5:195] = 1
    page[printed > 0] = 1
    for x in range(20, 180):  # a bow from the print and back
        y = int(100 - 30 * np.sin(np.pi * (x - 20) / 160))
        page[y : y + 4, x] = 0.7
    found = trace_pen(page.astype(np.float32), printed > 0)
    assert not (found.seen | found.hidden)[100:104, 60:140].any()


def test_free_drawings_of_one_shape_share_no_print():
    drawings = make_shaky_drawings(
        5, drawings="spiral", image_shape=(160, 160), persons=2, severity=0.1, random_state=0
    )
    pages = [(240 - 0.8 * page).astype(np.uint8) for page in drawings.images]
    with pytest.warns(UserWarning, match="5 pages share no print"):
        remover = PrintedFormRemover().fit(pages)
    assert remover.template_ is None
    assert remover.guide_ is None
    for clean, page in zip(remover.transform(pages), pages, strict=True):
        np.testing.assert_array_equal(clean, page)
    with pytest.raises(ValueError, match="output='distance'"):
        remover.set_params(output="distance").transform(pages)
    blank = np.full((5, 80, 80), 240, dtype=np.uint8)
    with pytest.raises(ValueError, match=r"5 pages share no print.*output='distance'"):
        PrintedFormRemover("distance").fit(blank)


def test_distance_is_that_from_the_guide():
    circle = np.exp(1j * np.linspace(0, 2 * np.pi, 200))
    center = np.stack([circle.real, circle.imag], 1)
    radii = (0.2, 0.24, 0.33, 0.36, 0.38)
    pages = [draw_lines(0.5 + 0.3 * center, 0.5 + r * center, shift=(i, -i)) for i, r in enumerate(radii)]
    pages = [np.minimum(page, 240) for page in pages]
    remover = PrintedFormRemover("distance", reach=0.25).fit(pages)
    distances = remover.transform(pages)
    for page, radius in zip(distances, radii, strict=True):
        assert page.shape == (SIDE, SIDE)
        assert page.dtype == np.uint8
        expected = abs(radius - 0.3) / (2 * 0.3 + 3 / SIDE) / 0.25
        assert abs(np.mean(1 - page[page < 255] / 255) - expected) < 0.03
    images = CurveImageTransformer((32, 32)).fit_transform(distances)
    assert images.shape == (5, 1024)
    assert images.max(1).min() > 0.9


def test_page_without_the_print_is_named_and_left(remover, others):
    other = draw_page(3, spiral(0.3, 0.03)[:, ::-1] * [1, 0.8])[0]
    pages = [others[0][0], other]
    with pytest.warns(UserWarning, match=r"not found on 1 of 2 pages, which keep it: \[1\] ndarray"):
        clean = remover.transform(pages)
    np.testing.assert_array_equal(clean[1], other)
    assert (clean[0] != pages[0]).any()
    distance = clone_of(remover).set_params(output="distance")
    with pytest.raises(ValueError, match=r"not found on 1 of 2 pages.*output='distance'.*\[1\]"):
        distance.transform(pages)


def clone_of(remover):
    return pickle.loads(pickle.dumps(remover))


@pytest.mark.slow
def test_page_of_another_form_among_those_of_fit_is_named(forms):
    pages = [page for page, _, _ in forms[:6]] + [np.full((SIDE, SIDE), 230, dtype=np.uint8)]
    with pytest.warns(UserWarning, match=r"not found on 1 of 7 pages: \[6\]"):
        remover = PrintedFormRemover().fit(pages)
    assert remover.template_ is not None


def test_every_kind_of_source_gives_the_same(remover, others, tmp_path):
    page = others[0][0]
    image = Image.fromarray(page)
    image.save(tmp_path / "page.png")
    sources = [page, page / 255.0, image, image.convert("RGB"), encode(image), tmp_path / "page.png"]
    expected, *found = remover.transform(sources)
    for clean in found:
        np.testing.assert_array_equal(clean, expected)
    one = remover.set_params(n_jobs=2).transform(sources)
    np.testing.assert_array_equal(one[3], expected)
    remover.set_params(n_jobs=None)


def test_arrays_give_rows_and_lists_give_pages_under_set_output(remover, forms):
    pandas = pytest.importorskip("pandas")
    pages = [page for page, _, _ in forms]
    rows = PrintedFormRemover().fit(np.stack(pages[:5]))
    clean = rows.transform(np.stack(pages[5:]))
    assert clean.shape == (2, SIDE * SIDE)
    np.testing.assert_array_equal(clean.reshape(-1, SIDE, SIDE), rows.transform(pages[5:]))
    frame = rows.set_output(transform="pandas").transform(np.stack(pages[:1]))
    assert isinstance(frame, pandas.DataFrame)
    assert frame.columns[-1] == f"pixel_{SIDE - 1}_{SIDE - 1}"
    pipeline = make_pipeline(clone_of(remover), CurveImageTransformer((16, 16))).set_output(
        transform="pandas"
    )
    assert isinstance(pipeline[0].transform(pages[:1]), list)
    assert pipeline.transform(pages[:2]).shape == (2, 256)
    assert list(pipeline.get_feature_names_out()[:1]) == ["pixel_0_0"]


def test_pen_in_colour_is_told_from_black_print_by_it():
    pages, pens = [], []
    for seed in range(5):
        _, drawn, printed = draw_page(seed)
        light = np.full((SIDE, SIDE, 3), 238.0)
        light[drawn] = 60, 70, 200
        light[printed & ~drawn] = 20
        pages.append(ndimage.gaussian_filter(light, (0.5, 0.5, 0)).astype(np.uint8))
        pens.append(drawn)
    remover = PrintedFormRemover().fit(pages)
    assert remover.in_colour_
    for clean, pen in zip(remover.transform(pages), pens, strict=True):
        assert clean.shape == (SIDE, SIDE, 3)
        found = is_ink(clean.min(2))
        assert (found & near(pen)).sum() > 0.95 * found.sum()
        assert (pen & near(found)).sum() > 0.98 * pen.sum()


def draw_rulings(distances, squared=False, slope=0.01):
    page = Image.new("L", (1200, 1600), 240)
    draw = ImageDraw.Draw(page)
    for y in np.cumsum(distances):
        draw.line([(0, 4 * y), (1200, 4 * y + 1200 * slope)], fill=170, width=6)
        if squared:
            draw.line([(4 * y, 0), (4 * y - 1600 * slope, 1600)], fill=170, width=6)
    return np.asarray(page.resize((300, 400), Image.Resampling.BOX))


@pytest.fixture(scope="module")
def blank():
    with pytest.warns(UserWarning, match="5 pages share no print"):
        return PrintedFormRemover().fit([np.full((400, 300), 240, dtype=np.uint8)] * 5)


@pytest.mark.parametrize("squared", [False, True])
def test_lines_of_paper_are_taken_off_each_page(blank, squared):
    pen = np.full((400, 300), 255)
    pen[40:260, 30:270] = draw_lines(GUIDE, FRAME[:2])[10:230]
    page = np.minimum(draw_rulings([16] * 24, squared), np.maximum(pen, 60)).astype(np.uint8)
    clean = blank.transform([page])[0]
    found, drawn = is_ink(clean), pen < 128
    assert (drawn & near(found)).mean() > 0.98 * drawn.mean()
    assert (found & near(drawn, 2.5)).mean() > 0.97 * found.mean()
    assert (clean[~near(drawn, 6)] > 225).mean() > 0.99
    kept = clone_of(blank).set_params(lines="keep").transform([page])[0]
    np.testing.assert_array_equal(kept, page)


@pytest.mark.parametrize(
    "distances", [[16, 22, 14, 40, 18, 25, 16, 37, 16, 12], [16] * 4, [60] * 3], ids=["uneven", "4", "3"]
)
def test_lines_at_uneven_distances_or_too_few_are_no_ruled_paper(distances):
    page = draw_rulings(distances)
    assert not find_rulings((1 - page / 240).astype(np.float32)).any()


def test_too_few_pages_are_an_error(forms):
    with pytest.raises(ValueError, match=r"X must hold at least 5 pages.*n_samples = 1\b"):
        PrintedFormRemover().fit([forms[0][0]])
    with pytest.raises(ValueError, match="got an empty list"):
        PrintedFormRemover().fit([])
    with pytest.raises(ValueError, match="X must be a list of images, got the path 'pages'"):
        PrintedFormRemover().fit("pages")


def test_gray_and_coloured_pages_are_not_mixed(remover, forms):
    pages = [page for page, _, _ in forms]
    coloured = np.stack([pages[0]] * 3, axis=2)
    coloured[..., 2] |= 7
    with pytest.raises(ValueError, match=r"X mixes 1 pages in colour with 6 in gray.*\[1\] ndarray, \[2\]"):
        PrintedFormRemover().fit([coloured, *pages[1:]])
    with pytest.raises(ValueError, match=r"1 of 2 pages.*\n.*\[1\].*page in gray, as in fit, got one in col"):
        remover.transform([pages[0], coloured])


def test_pages_of_other_aspect_or_size_are_refused_by_name(remover, forms):
    page = forms[0][0]
    with pytest.raises(
        ValueError, match=r"\[1\].*width by height within 1.25 times 1, as in fit.*240 by 120"
    ):
        remover.transform([page, page[::2]])
    with pytest.raises(ValueError, match=r"\[0\].*longer side within 4 times 240 pixels, as in fit, got 40"):
        remover.transform([page[::6, ::6], page])
    with pytest.raises(ValueError, match=r"1 of 6 pages do not fit.*\n.*\[5\].*width by height"):
        PrintedFormRemover().fit([page] * 5 + [page[::2]])


def test_unreadable_pages_are_named(remover, forms, tmp_path):
    (tmp_path / "broken.png").write_bytes(b"no image")
    with pytest.raises(ValueError, match=r"1 of 2 pages cannot be read:\n.*\[1\].*broken.png"):
        remover.transform([forms[0][0], tmp_path / "broken.png"])


def test_failed_fit_leaves_the_transformer_as_it_was(remover, forms):
    used = clone_of(remover)
    with pytest.raises(ValueError, match="at least 5"):
        used.fit([forms[0][0]])
    np.testing.assert_array_equal(used.template_, remover.template_)
    with pytest.raises(NotFittedError):
        clone(used).transform([forms[0][0]])


@pytest.mark.parametrize("params", [{"output": "guide"}, {"reach": 0}, {"lines": "all"}, {"n_jobs": 1.5}])
def test_parameters_out_of_range_are_refused_by_name(params, forms):
    with pytest.raises(ValueError, match=f"The '{next(iter(params))}' parameter"):
        PrintedFormRemover(**params).fit([page for page, _, _ in forms])
