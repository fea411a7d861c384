"""Generators and the loader of drawings."""

import os
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from sklearn.ensemble import RandomForestClassifier
from sklearn.model_selection import train_test_split

from sparsecnn.datasets import load_drawings, load_fonts, load_words, make_shaky_spirals, make_shaky_words
from sparsecnn.datasets._fonts import _FONTS, find_words
from sparsecnn.datasets._paper import blur
from sparsecnn.datasets._tremor import KINDS, tremor_field, wave_field

GENERATORS = pytest.mark.parametrize("make", [make_shaky_words, make_shaky_spirals])


# Both generators


@GENERATORS
def test_generator_returns_the_documented_bunch(make):
    data = make(7, random_state=0)
    assert data.data.shape == (7, 4096)
    assert data.data.dtype == np.uint8
    assert data.images.shape == (7, 64, 64)
    assert np.shares_memory(data.images, data.data)
    assert data.target.shape == data.groups.shape == (7,)
    assert data.target_names.tolist() == ["regular", "shaky"]
    assert "7 images" in data.DESCR


@GENERATORS
def test_generator_returns_the_same_arrays_as_the_bunch(make):
    data = make(6, random_state=3)
    X, y = make(6, random_state=3, return_X_y=True)
    np.testing.assert_array_equal(X, data.data)
    np.testing.assert_array_equal(y, data.target)


@GENERATORS
def test_generator_repeats_itself_for_a_seed_and_not_for_another(make):
    first, again, other = (make(8, random_state=seed).data for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


@GENERATORS
def test_generator_takes_and_advances_a_random_state(make):
    state = np.random.RandomState(1)
    first, second = make(4, random_state=state).data, make(4, random_state=state).data
    np.testing.assert_array_equal(first, make(4, random_state=1).data)
    assert (first != second).any()


@GENERATORS
def test_generator_leaves_the_global_random_state_alone(make):
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    make(4, random_state=0)
    np.testing.assert_array_equal(np.random.get_state()[1], before)  # noqa: NPY002


@GENERATORS
@pytest.mark.parametrize("n_samples", [1, 2, 301])
def test_generator_balances_and_shuffles_the_classes(make, n_samples):
    target = make(n_samples, random_state=0, return_X_y=True)[1]
    assert target.sum() == n_samples // 2
    if n_samples > 2:
        assert 50 < np.count_nonzero(np.diff(target)) < 250


@GENERATORS
def test_generator_follows_image_shape(make):
    data = make(4, image_shape=(40, 96), random_state=0)
    assert data.images.shape == (4, 40, 96)
    assert (data.images.max(axis=(1, 2)) > 100).all()


@GENERATORS
def test_zero_amplitude_makes_shaky_images_regular(make):
    still, shaking = make(60, amplitude=0, random_state=0), make(60, random_state=0)
    changed = (still.data != shaking.data).any(axis=1)
    np.testing.assert_array_equal(changed, still.target == 1)


@GENERATORS
def test_tremor_neither_adds_nor_removes_ink(make):
    still, shaking = (make(400, random_state=0, **options) for options in ({"amplitude": 0}, {}))
    shaky = shaking.target == 1
    ratio = shaking.data[shaky].mean() / still.data[shaky].mean()
    assert ratio == pytest.approx(1, abs=0.06)


@GENERATORS
def test_larger_amplitude_moves_more_ink(make):
    still = make(100, amplitude=0, random_state=0).data.astype(float)
    weak, strong = (make(100, amplitude=a, random_state=0).data.astype(float) for a in (0.1, 0.2))
    assert 0 < np.abs(weak - still).mean() < np.abs(strong - still).mean()


@GENERATORS
@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"n_samples": 0}, ValueError, "n_samples must be at least 1, got 0"),
        ({"n_samples": 2.5}, TypeError, "n_samples must be an integer, got 2.5"),
        ({"image_shape": (64, 16)}, ValueError, r"image_shape must be at least \(32, 32\), got \(64, 16\)"),
        ({"image_shape": 64}, ValueError, "image_shape must be two integers"),
        ({"amplitude": -0.1}, ValueError, "amplitude must be non-negative, got -0.1"),
        ({"amplitude": (0.3, 0.1)}, ValueError, r"amplitude must be a number or a pair \(low, high\)"),
        ({"amplitude": np.nan}, ValueError, "amplitude must be .* finite"),
        ({"frequency": 0}, ValueError, "frequency must be positive, got 0"),
        ({"frequency": "high"}, ValueError, "frequency must be a number or a pair"),
        ({"frequency": None}, ValueError, "frequency must be a number or a pair .* got None"),
        ({"scales": 0}, ValueError, "scales must be at least 1, got 0"),
        ({"random_state": "seed"}, ValueError, "cannot be used to seed"),
    ],
)
def test_generator_rejects_bad_arguments(make, options, error, message):
    with pytest.raises(error, match=message):
        make(**{"n_samples": 2, **options})


# Fonts and words


def test_fonts_are_many_and_licensed():
    fonts = load_fonts()
    assert len(fonts) >= 30
    for font in fonts:
        licence = (_FONTS / "licences" / f"{font}.txt").read_text(encoding="utf-8")
        assert "SIL OPEN FONT LICENSE" in licence.upper() or "Apache License" in licence
        assert "Copyright" in licence


def test_fonts_draw_every_shipped_word():
    paths = [str(_FONTS / f"{font}.woff") for font in load_fonts()]
    assert find_words(None, paths) == load_words()


def test_words_are_many_different_and_short():
    words = load_words()
    assert len(words) == len(set(words)) > 300
    assert {len(word) for word in words} == set(range(1, 9))


def test_split_lists_give_disjoint_images():
    fonts, words = load_fonts(), load_words()
    train = make_shaky_words(100, fonts=fonts[::2], words=words[::2], random_state=0)
    test = make_shaky_words(100, fonts=fonts[1::2], words=words[1::2], random_state=0)
    assert set(train.groups) <= set(fonts[::2])
    assert not set(train.groups) & set(test.groups)
    assert not set(train.words) & set(test.words)


def test_words_accept_a_font_file():
    path = _FONTS / "caveat.woff"
    own = make_shaky_words(5, fonts=[path], words=["hello"], random_state=0)
    shipped = make_shaky_words(5, fonts=["caveat"], words=["hello"], random_state=0)
    np.testing.assert_array_equal(own.data, shipped.data)
    assert set(own.groups) == {str(path)}


@pytest.mark.parametrize("word", ["i", "two words", "extraordinarily", "It's!", "Zoë"])
def test_words_of_any_length_fit_the_image(word):
    images = make_shaky_words(20, words=[word], random_state=0).images
    assert (images.max(axis=(1, 2)) > 60).all()
    frame = np.concatenate([images[:, 0], images[:, -1]], axis=1)
    assert frame.mean() < 60


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"fonts": ["caveet"]}, ValueError, "'caveet' is neither a shipped font nor a file.*'caveat'"),
        ({"fonts": ["Indie Flower"]}, ValueError, "Did you mean 'indie-flower'"),
        ({"fonts": []}, ValueError, "fonts must be a list .* empty"),
        ({"fonts": "caveat"}, TypeError, "fonts must be a list of names"),
        ({"fonts": [3]}, TypeError, "fonts must hold names .* got 3"),
        ({"words": []}, ValueError, "words must be a list of strings, got an empty list"),
        ({"words": "hello"}, TypeError, "words must be a list of strings, got 'hello'"),
        ({"words": ["ok", " "]}, ValueError, "words must be non-empty strings, got ' '"),
        ({"words": ["ok", 1]}, ValueError, "words must be non-empty strings, got 1"),
        ({"words": ["日本"]}, ValueError, "cannot draw .*'日'.*'本'"),
        ({"kinds": "essential"}, ValueError, "kinds must be chosen from .* got 'essential'"),
        ({"kinds": []}, ValueError, "kinds must be chosen from"),
    ],
)
def test_words_reject_bad_lists(options, error, message):
    with pytest.raises(error, match=message):
        make_shaky_words(2, **options)


def test_words_reject_a_file_that_is_no_font(tmp_path):
    path = tmp_path / "font.ttf"
    path.write_bytes(b"nothing of a font")
    with pytest.raises(ValueError, match=r"font\.ttf' cannot be read as a font"):
        make_shaky_words(2, fonts=[path])


def test_words_are_hard_for_raw_pixels():
    fonts, test_fonts = train_test_split(load_fonts(), test_size=10, random_state=0)
    words, test_words = train_test_split(load_words(), test_size=200, random_state=0)
    X, y = make_shaky_words(1000, fonts=fonts, words=words, random_state=0, return_X_y=True)
    X_test, y_test = make_shaky_words(
        400, fonts=test_fonts, words=test_words, random_state=1, return_X_y=True
    )
    forest = RandomForestClassifier(60, random_state=0).fit(X, y)
    assert forest.score(X_test, y_test) < 0.75


# The tremor


def test_wave_field_is_the_sum_of_its_waves():
    rng = np.random.default_rng(0)
    vectors, weights, phases = rng.normal(size=(2, 3, 2)), rng.normal(size=(2, 3, 1)), rng.normal(size=(2, 3))
    y, x = np.indices((5, 7))
    angle = vectors[:, :, 0, None, None] * x + vectors[:, :, 1, None, None] * y + phases[..., None, None]
    expected = (weights[..., None] * np.sin(angle)).sum(axis=1)
    np.testing.assert_allclose(wave_field(vectors, weights, phases, (5, 7))[:, 0], expected, atol=1e-5)


def field_of(kind, scales=1, length=8.0, amplitude=2.0, n=64):
    kinds = np.full(n, KINDS.index(kind))
    lengths = np.full(n, length)
    return tremor_field(np.random.default_rng(0), np.full(n, amplitude), lengths, scales, kinds, (64, 64))


@pytest.mark.parametrize("kind", KINDS)
def test_tremor_has_the_power_of_its_amplitude(kind):
    assert field_of(kind).var() == pytest.approx(2.0**2 / 2, rel=0.15)


@pytest.mark.parametrize("kind", ["sinusoidal", "noise"])
def test_tremor_lies_in_its_band(kind):
    # One octave about 8 cycles across 64 pixels, and what its waxing and waning adds on both sides.
    assert band_power(field_of(kind), 4, 16) > 0.95


def test_more_scales_add_higher_frequencies():
    coarse, fine = (band_power(field_of("noise", scales, length=16.0), 6, 32) for scales in (1, 3))
    assert fine > coarse + 0.1


def band_power(field, low, high):
    """Part of the power of `field` that lies between `low` and `high` cycles across the image."""
    window = np.hanning(64)[:, None] * np.hanning(64)
    power = (np.abs(np.fft.fft2(field * window)) ** 2).sum(axis=(0, 1))
    cycles = np.fft.fftfreq(64, 1 / 64)
    radius = np.hypot(cycles[:, None], cycles)
    return power[(radius >= low) & (radius < high)].sum() / power.sum()


def test_blur_keeps_the_ink_and_spreads_it():
    dot = np.zeros((2, 21, 31), dtype=np.float32)
    dot[:, 10, 15] = 1
    blurred = blur(dot, np.array([1.0, 2.0]))
    np.testing.assert_allclose(blurred.sum(axis=(1, 2)), 1, rtol=1e-3)
    spread = (blurred * (np.arange(31) - 15) ** 2).sum(axis=(1, 2))
    np.testing.assert_allclose(spread, [1.0, 4.0], rtol=0.02)


# Spirals


def test_spirals_keep_a_person_in_one_class():
    spirals = make_shaky_spirals(200, persons=range(10), random_state=0)
    np.testing.assert_array_equal(spirals.target, spirals.groups % 2)
    assert np.bincount(spirals.groups).tolist() == [20] * 10


def test_spirals_are_of_the_persons_asked_for():
    spirals = make_shaky_spirals(50, persons=range(10, 14), random_state=0)
    assert set(spirals.groups) == {10, 11, 12, 13}


def test_spirals_of_a_person_resemble_each_other():
    mass = []
    for seed in (0, 1):
        spirals = make_shaky_spirals(400, persons=range(20), random_state=seed)
        mass.append([spirals.data[spirals.groups == person].mean() for person in range(20)])
    assert np.corrcoef(mass)[0, 1] > 0.5


@pytest.mark.parametrize(
    ("persons", "error", "message"),
    [
        (1, ValueError, "persons must be at least 2, got 1"),
        ([0, 2], ValueError, r"at least one even \(regular\) and one odd \(shaky\), got \[0, 2\]"),
        ([-1, 2], ValueError, "numbers from 0"),
        ([], ValueError, "at least one even"),
        (["a"], TypeError, "persons must be an integer or an iterable of integers"),
        (2.5, TypeError, "persons must be an integer or an iterable of integers, got 2.5"),
    ],
)
def test_spirals_reject_bad_persons(persons, error, message):
    with pytest.raises(error, match=message):
        make_shaky_spirals(2, persons=persons)


# Drawings


@pytest.fixture
def folder(tmp_path):
    for name in (
        "training/healthy/V01HE1.png",
        "training/healthy/V02HE1.PNG",
        "training/patients/V01PE1.png",
        "testing/healthy/V01HE2.png",
        "testing/patients/V03PE1.jpg",
    ):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("L", (4, 4)).save(path)
    (tmp_path / "training" / "healthy" / "notes.txt").write_text("not an image")
    (tmp_path / "testing" / "patients" / "report.pdf").write_bytes(b"%PDF-1.4")  # Pillow only writes these
    (tmp_path / "testing" / "patients" / "table.h5").write_bytes(b"\x89HDF")  # and these not at all
    (tmp_path / ".cache").mkdir()
    return tmp_path


def test_drawings_take_the_class_from_the_innermost_folder(folder):
    drawings = load_drawings(folder)
    assert drawings.target_names.tolist() == ["healthy", "patients"]
    assert drawings.target.tolist() == [0, 1, 0, 0, 1]
    assert drawings.groups is None
    assert "Left aside: 3 files" in drawings.DESCR


def test_drawings_are_sorted_files(folder):
    filenames = load_drawings(str(folder)).filenames
    relative = [Path(name).relative_to(folder).as_posix() for name in filenames]
    assert relative == sorted(relative)
    assert len(relative) == 5


@pytest.mark.parametrize("pattern", [r"V\d+", r"^(V\d+)[A-Z]+", re.compile("V..")])
def test_drawings_group_by_class_and_person(folder, pattern):
    groups = load_drawings(folder, group_pattern=pattern).groups
    assert groups.tolist() == ["healthy/V01", "patients/V03", "healthy/V01", "healthy/V02", "patients/V01"]


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        ("(V", r"group_pattern must be a regular expression, got '\(V'"),
        (5, "group_pattern must be a regular expression, got 5"),
        ("W", "group_pattern 'W' finds no person in the file name 'V01HE2.png'"),
        ("(V09)?", "finds no person in the file name"),
    ],
)
def test_drawings_reject_a_bad_pattern(folder, pattern, message):
    with pytest.raises(ValueError, match=message):
        load_drawings(folder, group_pattern=pattern)


def test_drawings_reject_a_missing_folder(tmp_path):
    with pytest.raises(FileNotFoundError, match="nowhere' does not exist"):
        load_drawings(tmp_path / "nowhere")


def test_drawings_reject_a_file(folder):
    with pytest.raises(NotADirectoryError, match="is a file"):
        load_drawings(folder / "training" / "healthy" / "notes.txt")


def test_drawings_reject_a_folder_without_images(tmp_path):
    with pytest.raises(ValueError, match="holds no images"):
        load_drawings(tmp_path)


def test_drawings_reject_an_empty_class_folder(folder):
    (folder / "training" / "others").mkdir()
    with pytest.raises(ValueError, match=r"the class folder 'training.others' holds no images"):
        load_drawings(folder)


def test_drawings_reject_a_single_class(tmp_path):
    (tmp_path / "healthy").mkdir()
    Image.new("L", (4, 4)).save(tmp_path / "healthy" / "V01.png")
    with pytest.raises(ValueError, match="one class only, 'healthy'; expected at least two"):
        load_drawings(tmp_path)


def test_drawings_reject_images_outside_class_folders(folder):
    Image.new("L", (4, 4)).save(folder / "stray.png")
    with pytest.raises(ValueError, match=r"'stray.png' lies directly in"):
        load_drawings(folder)


@pytest.mark.skipif("SPARSECNN_DATA" not in os.environ, reason="SPARSECNN_DATA names no folder of data")
def test_drawings_of_the_public_spirals():
    path = Path(os.environ["SPARSECNN_DATA"]) / "spirals"
    if not path.is_dir():
        pytest.skip(f"SPARSECNN_DATA holds no spirals: {path}")
    drawings = load_drawings(path, group_pattern=r"^V\d+")
    assert drawings.target_names.tolist() == ["healthy", "parkinson"]
    assert np.bincount(drawings.target).tolist() == [51, 51]
