"""Recorded hands, and the sheets that drawings are on: guides, pens, paper, scans."""

import hashlib
from pathlib import Path

import numpy as np
import pytest
from classifiers import small
from numpy.testing import assert_array_equal

import sparsecnn
from sparsecnn import CurveImageTransformer
from sparsecnn.datasets import DRAWING_KINDS, make_shaky_drawings
from sparsecnn.datasets._hands import draw_characters, recorded_habits
from sparsecnn.datasets._pen_line import pen_down, pen_time

HANDS = Path(sparsecnn.__file__).parent / "datasets" / "hands"
SHEETS = {
    "guide": ["none", "black", "gray"],
    "pen": ["blue", "black", "red", "pencil"],
    "paper": ["plain", "lined", "squared", "framed"],
    "capture": ["clean", "scan", "phone"],
}
EARLIER = [  # means of the quarters of six drawings, before there were hands and sheets
    [28.27, 24.22, 33.04, 29.18],
    [20.36, 42.83, 24.74, 62.09],
    [27.63, 23.09, 26.10, 23.40],
    [8.90, 5.53, 3.98, 3.35],
    [22.83, 16.22, 18.98, 11.88],
    [35.51, 27.66, 24.68, 18.28],
]


def draw(n=4, **options):
    return make_shaky_drawings(n, **{"image_shape": (96, 96), "random_state": 0} | options)


# What was before


def test_defaults_written_out_change_nothing():
    plain = draw(8)
    written = draw(8, hands="synthetic", guide="none", pen=None, paper="plain", capture="clean")
    np.testing.assert_array_equal(plain.data, written.data)
    assert set(draw(60, image_shape=(32, 32)).drawings) == set(DRAWING_KINDS)


def test_default_drawings_are_those_of_earlier_versions():
    """Their coarse picture is; pixels may be rounded otherwise on another machine."""
    images = draw(6, image_shape=(128, 128)).images.astype(float)
    coarse = images.reshape(6, 2, 64, 2, 64).mean(axis=(2, 4)).reshape(6, 4)
    np.testing.assert_allclose(coarse, EARLIER, atol=0.5)


# Hands


def test_recorded_hand_is_a_habit_of_the_person():
    rng = np.random.default_rng(0)
    persons = [[list(recorded_habits(rng, number).values()) for _ in range(20)] for number in range(40)]
    values = np.array(persons)
    within, between = values.std(axis=1).mean(axis=0), values.mean(axis=1).std(axis=0)
    assert (between > 0.4 * within).all()
    again = [list(recorded_habits(np.random.default_rng(0), 3).values()) for _ in range(2)]
    assert again[0] == again[1]


def test_recorded_hands_draw_the_same_for_a_seed_and_other_than_synthetic_ones():
    first, again, other = (draw(hands="recorded", random_state=seed).data for seed in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()
    assert (first != draw().data).any()


def test_only_the_tremor_tells_recorded_hands_apart():
    still, shaking = (draw(12, hands="recorded", guide="gray", severity=s, random_state=0) for s in (0, 1))
    changed = (still.data != shaking.data).any(axis=1)
    np.testing.assert_array_equal(changed, still.target == 1)


def test_pen_is_slower_and_darker_in_bends():
    angle = np.linspace(0, np.pi, 200)
    line = np.linspace(0, 100, 200)
    bend = np.stack([10 * np.sin(angle), 10 - 10 * np.cos(angle)])
    path = np.concatenate([np.stack([line - 100, 0 * line]), bend[:, 1:]], axis=1)
    along = np.concatenate([[0], np.cumsum(np.hypot(*np.diff(path, axis=1)))]) / 100
    habits = {"slowing": 0.4, "unevenness": 0.0}
    time, ink = pen_time(np.random.default_rng(0), path, along, 100, habits)
    pace = np.diff(time) / np.diff(along)
    assert (np.diff(time) > 0).all()
    assert time[-1] == pytest.approx(along[-1])
    assert pace[250:350].min() > 1.2 * pace[20:150].max()
    assert ink[250:350].min() > ink[20:150].max()


def test_characters_come_in_strokes_between_which_the_pen_is_up():
    path, lifts = draw_characters(np.random.default_rng(0), 3, joins=0.0)
    assert lifts.size >= 2
    length = np.concatenate([[0], np.cumsum(np.hypot(*np.diff(path, axis=1)))])
    even = np.linspace(0, length[-1], 2000)
    down = pen_down(path, lifts, even)
    jumps = sum(length[lift] - length[lift - 1] for lift in lifts)
    assert 1 - down.mean() == pytest.approx(jumps / length[-1], abs=0.02)
    images = draw(8, drawings="characters").images
    assert (images.max(axis=(1, 2)) > 100).all()


def test_files_of_hands_are_small_and_carry_their_licence():
    assert sum(path.stat().st_size for path in HANDS.glob("*.npz")) < 100_000
    assert "Copyright (c) 2015 Brenden Lake" in (HANDS / "licences" / "omniglot.txt").read_text()


# Sheets


@pytest.mark.parametrize("capture", SHEETS["capture"])
@pytest.mark.parametrize("paper", SHEETS["paper"])
def test_pages_in_gray_are_bright_on_dark_and_in_colour_dark_on_light(capture, paper):
    gray = draw(guide="black", paper=paper, capture=capture)
    assert gray.images.shape == (4, 96, 96)
    assert np.median(gray.images) < 128
    colour = draw(guide="gray", pen=["blue", "red"], paper=paper, capture=capture)
    assert colour.images.shape == (4, 96, 96, 3)
    assert colour.images.dtype == np.uint8
    assert colour.data.shape == (4, 96 * 96 * 3)
    assert np.shares_memory(colour.images, colour.data)
    assert np.median(colour.images) > 128
    assert (colour.images.max(axis=3) != colour.images.min(axis=3)).any()


def test_data_of_colour_pages_has_its_channels_as_estimators_take_them():
    X, y = draw(8, pen="blue", image_shape=(48, 64), return_X_y=True)
    pages = draw(8, pen="blue", image_shape=(48, 64)).images
    assert_array_equal(X.reshape(8, 3, 48, 64), np.moveaxis(pages, -1, 1))
    fitted = small(max_iter=1, batch_size=4).fit(255 - X, y)
    assert (fitted.in_channels_, fitted.image_shape_) == (3, (48, 64))
    expected = fitted.predict_proba(255 - np.moveaxis(pages, -1, 1))
    for rows in (255 - X, 255 - np.asarray(X)):
        assert_array_equal(fitted.predict_proba(rows), expected)
    with pytest.raises(ValueError, match=r"3 channels, expected one; .* shape \(n, height, width, 3\)"):
        CurveImageTransformer((32, 32)).fit_transform(X)


def test_data_of_gray_pages_keep_a_shape_that_is_no_square():
    gray = draw(8, image_shape=(32, 128))
    fitted = small(max_iter=1, batch_size=4).fit(gray.data, gray.target)
    assert fitted.image_shape_ == (32, 128)
    ink = CurveImageTransformer((32, 32))
    assert_array_equal(ink.fit_transform(gray.data), ink.fit_transform(gray.images))


@pytest.mark.parametrize("pen", ["blue", "red"])
@pytest.mark.parametrize("hands", ["synthetic", "recorded"])
def test_line_is_the_same_on_every_paper(pen, hands):
    options = {"pen": pen, "hands": hands, "image_shape": (160, 160)}
    plain, lined = (draw(**options, paper=paper) for paper in ("plain", "squared"))
    ink = [CurveImageTransformer((96, 96), ink="pen", crop=False).transform(d.images) for d in (plain, lined)]
    assert np.corrcoef(ink[0].ravel(), ink[1].ravel())[0, 1] > 0.9
    assert (plain.data != lined.data).any()


@pytest.mark.parametrize("pen", ["blue", "red"])
@pytest.mark.parametrize("guide", ["black", "gray"])
def test_pen_is_told_from_the_guide_by_its_colour(pen, guide):
    options = {"image_shape": (160, 160), "drawings": "spiral", "severity": 1.0, "pen": pen}
    traced, free = draw(6, guide=guide, **options), draw(6, **options)
    kinds = {
        ink: CurveImageTransformer((160, 160), ink=ink, crop=False).transform(traced.images)
        for ink in ("all", "pen", "black")
    }
    alone = CurveImageTransformer((160, 160), ink="pen", crop=False).transform(free.images)
    assert kinds["pen"].sum() < 0.75 * kinds["all"].sum()  # the guide is gone,
    assert kinds["pen"].sum() > 0.6 * alone.sum()  # and the pen is there
    still = draw(6, guide=guide, **options | {"severity": 0})
    prints = CurveImageTransformer((160, 160), ink="black", crop=False).transform(still.images)
    assert np.corrcoef(kinds["black"].ravel(), prints.ravel())[0, 1] > 0.8  # a guide does not shake


def test_scans_and_photographs_have_margins_and_noise():
    clean, scan, phone = (
        draw(20, drawings="spiral", capture=c).images.astype(float) for c in SHEETS["capture"]
    )

    def columns_with_ink(images):
        ink = images > images.max(axis=(1, 2), keepdims=True) * 0.6
        return ink.any(axis=1).sum(axis=1).mean()

    assert columns_with_ink(scan) < 0.95 * columns_with_ink(clean)
    uneven = [np.std(images[:, [0, 0, -1, -1], [0, -1, 0, -1]], axis=1).mean() for images in (clean, phone)]
    assert uneven[1] > 2 * uneven[0]


def test_several_guides_pens_papers_and_captures_take_turns():
    mixed = draw(24, **SHEETS)
    again = draw(24, **SHEETS)
    np.testing.assert_array_equal(mixed.data, again.data)
    assert len({hashlib.sha256(image.tobytes()).digest() for image in mixed.images}) == 24


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"hands": "real"}, r"hands must be one or several of \['synthetic', 'recorded'\], got \['real'\]"),
        ({"hands": None}, "hands must be one or several of"),
        ({"guide": None}, r"guide must be one or several of \['none', 'black', 'gray'\], got None"),
        ({"guide": ["black", "blue"]}, "guide must be one or several of"),
        ({"pen": "green"}, r"pen must be one or several of \['blue', .*'pencil'\], got 'green'"),
        ({"pen": []}, "pen must be one or several of"),
        ({"pen": ""}, "pen must be one or several of"),
        ({"paper": 3}, "paper must be one or several of"),
        ({"capture": ["scan", 1]}, "capture must be one or several of"),
    ],
)
def test_sheets_of_unknown_names_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        draw(**options)
