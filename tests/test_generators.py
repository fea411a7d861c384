"""What the generators of images have in common, and bad arguments of every function."""

import inspect

import numpy as np
import pytest
from PIL import Image
from sklearn.pipeline import make_pipeline

from sparsecnn import SparseCurveCNNClassifier
from sparsecnn.datasets import load_drawings, make_shaky_drawings, make_shaky_spirals, make_shaky_words
from sparsecnn.pretraining import pretrain_on_drawings

GENERATORS = pytest.mark.parametrize("make", [make_shaky_words, make_shaky_spirals])


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
        ({"image_shape": 64}, ValueError, "image_shape must be two positive integers"),
        ({"amplitude": -0.1}, ValueError, "amplitude must be non-negative, got -0.1"),
        ({"amplitude": (0.3, 0.1)}, ValueError, r"amplitude must be a number or a pair \(low, high\)"),
        ({"amplitude": np.nan}, ValueError, "amplitude must be .* finite"),
        ({"frequency": 0}, ValueError, "frequency must be positive, got 0"),
        ({"frequency": "high"}, ValueError, "frequency must be a number or a pair"),
        ({"frequency": None}, ValueError, "frequency must be a number or a pair .* got None"),
        ({"scales": 0}, ValueError, "scales must be at least 1, got 0"),
        ({"amplitude": True}, ValueError, "amplitude must be a number or a pair .* got True"),
        ({"random_state": "seed"}, ValueError, "random_state must be an integer .* got 'seed'"),
        ({"random_state": -1}, ValueError, "random_state must be an integer from 0 .* got -1"),
        ({"return_X_y": "no"}, TypeError, "return_X_y must be True or False, got 'no'"),
    ],
)
def test_generator_rejects_bad_arguments(make, options, error, message):
    with pytest.raises(error, match=message):
        make(**{"n_samples": 2, **options})


BAD_VALUES = (None, "x", -1, np.nan, [], object())
MAY_BE_NONE = ("fonts", "words", "pen", "random_state", "group_pattern")
FUNCTIONS = (make_shaky_words, make_shaky_spirals, make_shaky_drawings, load_drawings, pretrain_on_drawings)


def parameters_of(function):
    """Return the names of a function's parameters but ``**params``."""
    parameters = inspect.signature(function).parameters.values()
    return [each.name for each in parameters if each.kind is not inspect.Parameter.VAR_KEYWORD]


@pytest.fixture(scope="module")
def good(tmp_path_factory):
    """Good values of the parameters that have no default."""
    folder = tmp_path_factory.mktemp("drawings")
    for name in ("healthy", "patients"):
        (folder / name).mkdir()
        Image.new("L", (4, 4)).save(folder / name / "V01.png")
    reader = make_pipeline(SparseCurveCNNClassifier(random_state=0))
    return {"n_samples": 2, "folder": folder, "reader": reader}


@pytest.mark.parametrize(
    ("function", "name"), [(each, name) for each in FUNCTIONS for name in parameters_of(each)]
)
@pytest.mark.parametrize("value", BAD_VALUES, ids=lambda value: type(value).__name__ + str(value)[:4])
def test_bad_value_is_refused_by_the_name_of_its_parameter(good, function, name, value):
    if value is None and name in MAY_BE_NONE:
        value = 3.5
    arguments = {key: good[key] for key in parameters_of(function) if key in good}
    with pytest.raises((TypeError, ValueError, OSError), match=rf"\b{name}\b"):
        function(**{**arguments, name: value})
