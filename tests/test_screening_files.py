"""Screenings in files, without torch, compressed, and refused where they have no form."""

import contextlib
import pickle
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from classifiers import OwnNetwork, own_network, quick
from conftest import make_stripes
from PIL import Image
from regressors import regressor
from saved import assert_same_params, description, split, with_description
from sklearn.base import clone
from sklearn.ensemble import BaggingClassifier, VotingClassifier
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import (
    GridSearchCV,
    StratifiedGroupKFold,
    StratifiedKFold,
    TunedThresholdClassifierCV,
)
from sklearn.pipeline import make_pipeline

from sparsecnn import CurveImageTransformer, SparseCurveEnsemble, inference
from sparsecnn.datasets import make_shaky_drawings
from sparsecnn.exceptions import FileFormatError, ShiftWarning
from sparsecnn.export import compress, load, save, to_html, to_numpy, to_onnx
from sparsecnn.export._save import from_bytes, to_bytes
from sparsecnn.inspection import NetworkReport
from sparsecnn.model_selection import ScreeningClassifier

pytestmark = [
    pytest.mark.filterwarnings("ignore:The .* persons held back are not told apart"),
    pytest.mark.filterwarnings("ignore:ScreeningClassifier.fit got no groups"),
]
X, Y = make_stripes(96, random_state=0)
X = np.where(np.random.default_rng(1).random(96)[:, None, None] < 0.3, X[::-1], X)  # some are hard
PERSONS = np.array([f"{label}{i // 2 % 12:02}" for i, label in enumerate(Y)])
STRANGERS, _ = make_stripes(40, random_state=5)
OTHERS = np.repeat(np.arange(20), 2)
SMALL = {"max_iter": 4, "finetune_iter": 2, "batch_size": 8}


def tiny(**params):
    return quick(**SMALL | params)


def screen(estimator=None, X=X, groups=PERSONS, **params):
    params = {"cv": 2, "sensitivity": 0.8, "coverage": 0.75, "pos_label": "down"} | params
    return ScreeningClassifier(tiny() if estimator is None else estimator, **params).fit(X, Y, groups=groups)


@pytest.fixture(scope="module")
def screening():
    return screen()


@pytest.fixture(scope="module")
def data(screening):
    return to_bytes(screening)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "screening.safetensors"


def judged(screening, X, groups):
    """Return what `predict_persons` says, and the warnings of a shift."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", ShiftWarning)
        people = screening.predict_persons(X, groups)
    return people, [str(one.message) for one in caught if one.category is ShiftWarning]


def assert_same(found, expected, name):
    """Check that two fitted attributes have the same bits and types."""
    if isinstance(expected, dict):
        assert found.keys() == expected.keys()
        for key in expected:
            assert_same(found[key], expected[key], f"{name}.{key}")
    elif isinstance(expected, np.ndarray):
        assert found.dtype == expected.dtype, name
        np.testing.assert_array_equal(found, expected, name)
    else:
        assert type(found) is type(expected), name
        assert found == expected, name


def assert_same_answers(found, expected, X=STRANGERS, groups=OTHERS):
    assert_same(found.predict_proba(X), expected.predict_proba(X), "predict_proba")
    assert_same(found.predict(X), expected.predict(X), "predict")
    people, warned = judged(found, X, groups)
    same, warned_before = judged(expected, X, groups)
    assert_same(people, same, "people")
    assert warned == warned_before
    return people, warned


def assert_close_answers(without_torch, expected, X, images, groups):
    """Check that a screening without torch answers the same, of images as its network sees them."""
    np.testing.assert_allclose(without_torch.predict_proba(images), expected.predict_proba(X), atol=1e-4)
    people, warned = judged(without_torch, images, groups)
    same, warned_before = judged(expected, X, groups)
    np.testing.assert_allclose(people.proba, same.proba, atol=1e-4)
    for name in ("groups", "n_images", "prediction", "prediction_set"):
        assert_same(getattr(people, name), same[name], name)
    if same.shift is not None:
        assert (people.shift.distance, people.shift.p_value) == (same.shift.distance, same.shift.p_value)
    assert warned == warned_before


def saved_and_loaded(screening, path, X=STRANGERS, groups=OTHERS, **options):
    save(screening, path)
    loaded = load(path, **options)
    assert type(loaded) is type(screening)
    assert_same_answers(loaded, screening, X, groups)
    return loaded


FITS = {
    "sensitivity": {},
    "specificity": {"sensitivity": None, "specificity": 0.7, "pos_label": "across"},
    "confidence": {"sensitivity": 0.5, "confidence": 0.6},
    "default threshold": {"sensitivity": None, "pos_label": None},
    "not calibrated": {"calibrate": False, "coverage": None},
    "no shift": {"shift_level": None},
    "another shift": {"shift_level": np.float64(0.2)},
    "images": {"groups": None},
    "numbers": {"groups": np.unique(PERSONS, return_inverse=True)[1].astype(np.int16)},
    "objects": {"groups": PERSONS.astype(object)},
}


@pytest.mark.parametrize("params", FITS.values(), ids=FITS)
def test_load_returns_what_was_saved(params, path):
    fitted = screen(**params)
    loaded = saved_and_loaded(fitted, path)
    assert vars(loaded).keys() == vars(fitted).keys()
    for name in ("classes_", "threshold_", "coverage_limits_", "held_back_", "n_features_in_"):
        assert_same(getattr(loaded, name), getattr(fitted, name), name)
    assert loaded.sensitivity_ == fitted.sensitivity_
    assert loaded.specificity_ == fitted.specificity_
    assert_same(loaded._rule._asdict(), fitted._rule._asdict(), "_rule")
    if fitted.shift_level is not None:
        assert_same(loaded._known_persons._asdict(), fitted._known_persons._asdict(), "_known_persons")
        assert_same(loaded.check_shift(X, PERSONS), fitted.check_shift(X, PERSONS), "shift")
        fitted.shift_level = float(fitted.shift_level)
    assert_same_params(loaded, fitted)
    save(loaded, path.with_suffix(".again"))
    assert path.with_suffix(".again").read_bytes() == path.read_bytes()
    assert_close_answers(inference.load(path), fitted, STRANGERS, STRANGERS, OTHERS)


def test_other_images_are_warned_of_after_loading(screening, path):
    _, warned = assert_same_answers(
        saved_and_loaded(screening, path), screening, STRANGERS[:, ::-1] // 2 + 90
    )
    assert "these 20 persons do not look like" in warned[0]
    _, without_torch = judged(inference.load(path), STRANGERS[:, ::-1] // 2 + 90, OTHERS)
    assert without_torch == warned


def test_loaded_screening_is_cloned_fitted_and_pickled(screening, path):
    loaded = saved_and_loaded(screening, path)
    assert_same_answers(pickle.loads(pickle.dumps(loaded)), screening)
    assert_same_answers(clone(loaded).fit(X, Y, groups=PERSONS), screening)
    assert not hasattr(loaded.estimator, "module_")


ESTIMATORS = {
    "compressed": lambda: compress(tiny(penalized="all").fit(X, Y)),
    "ensemble": lambda: SparseCurveEnsemble(tiny(), n_members=2, cv=2, random_state=0),
    "vote": lambda: VotingClassifier([("a", tiny()), ("b", tiny(random_state=1))], voting="soft"),
    "search": lambda: GridSearchCV(tiny(), {"max_iter": [2, 3]}, cv=StratifiedGroupKFold(2)),
    "frozen": lambda: FrozenEstimator(tiny().fit(X[:48], Y[:48])),
    "frozen search": lambda: FrozenEstimator(GridSearchCV(tiny(), {"max_iter": [2]}, cv=2).fit(X, Y)),
}


@pytest.mark.parametrize("make", ESTIMATORS.values(), ids=ESTIMATORS)
def test_any_estimator_that_can_be_saved_is_saved_within(make, path):
    rows, strangers = X.reshape(96, -1), STRANGERS.reshape(40, -1)
    fitted = screen(make(), X=rows)
    loaded = saved_and_loaded(fitted, path, strangers)
    assert isinstance(loaded.estimator_, FrozenEstimator) == isinstance(fitted.estimator_, FrozenEstimator)
    assert_close_answers(inference.load(path), fitted, strangers, strangers, OTHERS)
    assert_close_answers(to_numpy(fitted), fitted, strangers, STRANGERS, OTHERS)


def test_bag_is_saved_as_a_vote(path):
    fitted = screen(BaggingClassifier(tiny(), n_estimators=2, random_state=0), X=X.reshape(96, -1))
    save(fitted, path)
    assert type(load(path).estimator_) is VotingClassifier
    strangers = STRANGERS.reshape(40, -1)
    assert_close_answers(load(path), fitted, strangers, strangers, OTHERS)
    assert_close_answers(inference.load(path), fitted, strangers, strangers, OTHERS)


def test_classifier_of_more_classes_than_the_persons_have_is_saved_within(path):
    frozen = FrozenEstimator(tiny().fit(X, np.where(np.arange(96) % 5, Y, "unclear")))
    fitted = screen(frozen)
    loaded = saved_and_loaded(fitted, path)
    assert (len(loaded.estimator_.classes_), len(loaded.classes_)) == (3, 2)
    assert_close_answers(inference.load(path), fitted, STRANGERS, STRANGERS, OTHERS)


def test_search_for_a_screening_is_saved_as_the_best(path):
    grid = GridSearchCV(ScreeningClassifier(tiny(), cv=2), {"coverage": [0.6, 0.7]}, cv=StratifiedKFold(2))
    grid.fit(X, Y)
    save(grid, path)
    assert_same_answers(load(path), grid.best_estimator_)


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    """Files of drawings by 8 persons, their labels and persons, and files and persons of 8 others."""
    folder = tmp_path_factory.mktemp("pages")
    drawn = make_shaky_drawings(64, drawings="spiral", image_shape=(64, 64), persons=16, random_state=0)
    files = [folder / f"{i}.png" for i in range(64)]
    for image, file in zip(drawn.images, files, strict=True):
        Image.fromarray(255 - image).save(file)
    by_class = sorted(set(zip(drawn.target.tolist(), drawn.groups.tolist(), strict=True)))
    known, others = (
        np.flatnonzero(np.isin(drawn.groups, [person for _, person in by_class[start::2]]))
        for start in (0, 1)
    )
    return (
        ([files[i] for i in known], drawn.target[known], drawn.groups[known]),
        ([files[i] for i in others], drawn.groups[others]),
    )


@pytest.mark.parametrize(("place", "n_views"), [("outside", 2), ("outside", 1), ("inside", 1), ("frozen", 1)])
def test_pipeline_inside_or_around_is_saved(place, n_views, pages, path):
    (files, y, groups), (others, persons) = pages
    several = {"unsteadiness": 0.8, "views": ("ink", 1 / 19)} if n_views == 2 else {}
    ink = CurveImageTransformer((16, 16), **several)
    network = tiny() if n_views == 1 else SparseCurveEnsemble(tiny(), n_members=2, cv=2, random_state=0)
    images = ink.fit_transform(others)
    if place == "inside":
        fitted = make_pipeline(ink, ScreeningClassifier(network, cv=2, coverage=0.6))
        fitted.fit(files, y, screeningclassifier__groups=groups)
        save(fitted, path)
        assert_same(load(path).predict(others), fitted.predict(others), "labels")
        assert_same_answers(load(path)[-1], fitted[-1], images, persons)
        assert_close_answers(inference.load(path), fitted[-1], images, images, persons)
        return
    reader = make_pipeline(ink, network)
    if place == "frozen":
        reader = FrozenEstimator(reader.fit(files, y))
    fitted = ScreeningClassifier(reader, cv=2, coverage=0.6).fit(files, y, groups=groups)
    saved_and_loaded(fitted, path, others, persons)
    assert_close_answers(inference.load(path), fitted, others, images, persons)
    assert inference.load(path).transformer_["image_shape"] == [16, 16]


def test_names_of_columns_are_saved(path):
    frame = pd.DataFrame(X.reshape(96, -1), columns=[f"pixel_{i}_{j}" for i in range(16) for j in range(16)])
    fitted = screen(X=frame)
    loaded = saved_and_loaded(fitted, path, frame, PERSONS)
    assert_same(loaded.feature_names_in_, fitted.feature_names_in_, "names")
    with pytest.raises(ValueError, match="columns"):
        inference.load(path).predict(frame[frame.columns[::-1]])
    assert_close_answers(inference.load(path), fitted, frame, frame, PERSONS)


@pytest.mark.parametrize("dtype", [np.uint8, np.float32, np.float64, np.int32])
def test_images_of_persons_keep_their_numbers(dtype, path):
    noise = np.random.default_rng(0).random(X.shape) if dtype == np.float64 else 0
    fitted = screen(X=(X + noise).astype(dtype))
    loaded = saved_and_loaded(fitted, path, STRANGERS.astype(dtype))
    expected = "float64" if dtype == np.int32 else np.dtype(dtype).name
    assert loaded._known_persons.images.dtype == expected
    assert_close_answers(inference.load(path), fitted, *[STRANGERS.astype(dtype)] * 2, OTHERS)


def test_drawn_images_take_the_bytes_of_their_ink(pages):
    (files, y, groups), _ = pages
    sizes = []
    for shift_level in (None, 0.01):
        reader = make_pipeline(CurveImageTransformer((32, 32)), tiny())
        fitted = ScreeningClassifier(reader, cv=2, shift_level=shift_level).fit(files, y, groups=groups)
        sizes.append(len(to_bytes(fitted)))
    images = fitted._known_persons.images
    n_ink = np.count_nonzero(images)
    assert n_ink < 0.4 * images.size
    assert 4 * n_ink < sizes[1] - sizes[0] < 4 * n_ink + images.size / 8 + 400


def test_images_of_persons_are_left_out_of_what_does_not_compare_them(screening, path):
    silent = pickle.loads(pickle.dumps(screening)).set_params(shift_level=None)
    loaded = saved_and_loaded(silent, path)
    assert loaded._known_persons is None
    with pytest.raises(AttributeError, match="shift_level=None"):
        inference.load(path).check_shift(STRANGERS, OTHERS)
    silent.held_back_.groups = np.arange(24)
    save(silent, path)
    assert "across00" not in str(split(path.read_bytes())[0])


def test_weights_may_be_rounded_but_not_what_was_found(screening, path):
    for dtype in ("float16", "int8"):
        save(screening, path, dtype=dtype)
        loaded = load(path)
        assert_same(loaded.held_back_, screening.held_back_, "held_back_")
        assert_same(loaded._known_persons._asdict(), screening._known_persons._asdict(), "_known_persons")
        np.testing.assert_allclose(loaded.predict_proba(X), screening.predict_proba(X), atol=0.1)


def test_own_network_is_saved_by_its_numbers(path):
    fitted = screen(tiny(module=own_network()))
    saved_and_loaded(fitted, path, module=OwnNetwork())
    with pytest.raises(FileFormatError, match="OwnNetwork"):
        inference.load(path)
    assert_close_answers(to_numpy(fitted), fitted, STRANGERS, STRANGERS, OTHERS)


def test_attributes_without_torch_are_those_of_the_screening(screening, path):
    save(screening, path)
    without_torch = inference.load(path)
    for name in ("classes_", "threshold_", "coverage_limits_", "shift_level"):
        assert_same(getattr(without_torch, name), getattr(screening, name), name)
    assert vars(without_torch.sensitivity_) == screening.sensitivity_
    assert vars(without_torch.specificity_) == screening.specificity_
    assert without_torch.pos_label_ == "down"
    assert without_torch.transformer_ is None
    assert repr(without_torch) == (
        f"NumpyScreening('down' from {screening.threshold_:.3g} on, "
        "NumpyClassifier(2 classes, images of shape (16, 16)))"
    )
    with pytest.raises(AttributeError, match="shift_level=None"):
        to_numpy(screen(shift_level=None)).check_shift(X, PERSONS)
    with pytest.raises(ValueError, match="groups must have one label per image"):
        without_torch.predict_persons(X, PERSONS[:3])
    with pytest.raises(ValueError, match="X must be of shape"):
        without_torch.predict_persons(X[:, :8], PERSONS)


BLOCKED = """
import sys

class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {"torch", "sklearn", "scipy", "joblib", "PIL", "tqdm", "safetensors"}:
            raise ImportError(f"{name} is blocked")

sys.meta_path.insert(0, Blocked())
import numpy as np
from sparsecnn import inference

screening = inference.load(sys.argv[1])
with np.load(sys.argv[2]) as images:
    people = screening.predict_persons(images["X"], images["groups"])
np.savez(sys.argv[3], proba=people.proba, prediction=people.prediction, p_value=people.shift.p_value)
"""


def test_persons_are_judged_without_torch_scikit_learn_and_scipy(screening, path, tmp_path):
    save(screening, path)
    np.savez(tmp_path / "images.npz", X=STRANGERS, groups=OTHERS)
    command = [sys.executable, "-c", BLOCKED, path, tmp_path / "images.npz", tmp_path / "people.npz"]
    subprocess.run(command, check=True, cwd=Path(inference.__file__).parents[2])
    expected, _ = judged(screening, STRANGERS, OTHERS)
    with np.load(tmp_path / "people.npz") as people:
        np.testing.assert_allclose(people["proba"], expected.proba, atol=1e-4)
        assert people["prediction"].tolist() == expected.prediction.tolist()
        assert people["p_value"] == expected.shift.p_value


# Other forms


def test_compressed_screening_keeps_its_threshold(path):
    fitted = screen(tiny(penalized="all", channels=(8, 8, 8)))
    small = compress(fitted)
    assert sum(small.estimator_.channels) < 24
    assert fitted.estimator_.channels == (8, 8, 8)
    assert small.estimator.channels == (8, 8, 8)
    assert (small.threshold_, small.held_back_.n_images.tolist()) == (
        fitted.threshold_,
        fitted.held_back_.n_images.tolist(),
    )
    np.testing.assert_allclose(small.predict_proba(X), fitted.predict_proba(X), atol=1e-4)
    saved_and_loaded(small, path)
    frozen = compress(screen(FrozenEstimator(fitted.estimator_)))
    assert isinstance(frozen.estimator_, FrozenEstimator)
    assert sum(frozen.estimator_.channels) < 24
    with pytest.raises(NotFittedError):
        compress(clone(fitted))


@pytest.mark.parametrize("wrapped", [lambda s: s, lambda s: make_pipeline("passthrough", s)])
def test_forms_without_a_threshold_refuse_a_screening_and_say_what_to_do(wrapped, screening, tmp_path):
    for refused in (
        lambda s: to_onnx(s, tmp_path / "screening.onnx"),
        lambda s: to_html(s, tmp_path / "screening.html"),
        NetworkReport.from_estimator,
    ):
        with pytest.raises(
            TypeError, match=r"a fitted ScreeningClassifier: pass its estimator_, which has neither"
        ):
            refused(wrapped(screening))
    assert not list(tmp_path.iterdir())
    to_html(screening.estimator_, tmp_path / "screening.html")


def test_other_wrapped_classifiers_are_refused_with_the_same_advice(tmp_path):
    tuned = TunedThresholdClassifierCV(tiny(), cv=2).fit(X, Y)
    with pytest.raises(TypeError, match=r"a fitted TunedThresholdClassifierCV: pass its estimator_"):
        to_html(tuned, tmp_path / "tuned.html")
    bag = BaggingClassifier(tiny(), n_estimators=1).fit(X.reshape(96, -1), Y)
    with pytest.raises(TypeError, match=r"a fitted BaggingClassifier\."):  # its estimator_ is not fitted
        to_html(bag, tmp_path / "bag.html")


def refused_to_save(estimator, path, error, message):
    with pytest.raises(error, match=message):
        save(estimator, path)
    assert not path.exists()


def test_what_has_no_place_in_a_file_is_refused_by_name(screening, path):
    refused_to_save(ScreeningClassifier(tiny()), path, NotFittedError, "not fitted")
    refused_to_save(
        screen(LogisticRegression(C=1e-6), X=X.reshape(96, -1)), path, TypeError, "got LogisticRegression"
    )
    nested = ScreeningClassifier(ScreeningClassifier(tiny(), cv=2), cv=2).fit(X, Y)
    refused_to_save(nested, path, TypeError, "estimator must be .* got ScreeningClassifier")
    splitter = screen(cv=StratifiedKFold(2), groups=None)
    refused_to_save(splitter, path, ValueError, r"cv=StratifiedKFold.*set_params\(cv=3\)")
    save(splitter.set_params(cv=3), path)
    path.unlink()
    days = np.datetime64("2026-01-01") + np.unique(PERSONS, return_inverse=True)[1]
    dated = screen(groups=days)
    refused_to_save(
        dated, path, ValueError, "persons of held_back_.groups cannot be stored.*Name them by texts"
    )
    dated.held_back_.groups = dated.held_back_.groups.astype(str)
    save(dated, path)


# Files that somebody has changed

CHANGES = {
    "no classes": (lambda s: s.pop("classes"), "lacks the entry 'classes'"),
    "unknown": (lambda s: s.update(more=1), "unknown entry 'more'"),
    "three classes": (lambda s: s.update(classes=["across", "down", "up"]), "of 3, not of two"),
    "other class": (
        lambda s: s.update(classes=["across", "up"]),
        "seeks 'up', which its classifier does not",
    ),
    "column": (lambda s: s.update(sought=2), "seeks class 2"),
    "truth as column": (lambda s: s.update(sought=True), "seeks class True"),
    "falling": (lambda s: s["calibration"].__setitem__(0, -1.0), "slope -1.0, below 0"),
    "no intercept": (lambda s: s["calibration"].pop(), "slope and intercept"),
    "threshold": (lambda s: s.update(threshold=1.5), "threshold is 1.5, not between 0 and 1"),
    "text": (lambda s: s.update(threshold="0.5"), "threshold is 0.5"),
    "limit": (lambda s: s.update(limits=[0.5, -0.1]), "limits are 0.5 and -0.1"),
    "one limit": (lambda s: s.update(limits=[0.5]), "limits of both classes"),
    "level": (lambda s: s.update(shift_level=1), "shift_level=1"),
    "frozen": (lambda s: s.update(frozen=1), "frozen=1"),
    "other threshold": (lambda s: s.update(threshold=1.0), "interval of the sensitivity is from"),
    "intervals": (lambda s: s["intervals"].pop(), "has 1 intervals"),
    "no interval": (lambda s: s["intervals"][1].reverse(), "interval of the specificity is from"),
    "interval": (lambda s: s["intervals"][0].__setitem__(1, 2), "interval of the sensitivity .* to 2"),
    "persons": (lambda s: s["persons"].update(n=5), "5 persons held back, but names"),
    "many persons": (lambda s: s.update(persons={"n": 2**60, "dtype": "int64"}), "too large"),
    "one person": (lambda s: s["persons"].update(n=1), "has 1 persons held back"),
    "order": (lambda s: s["persons"]["names"].reverse(), "names of its persons are not in order"),
    "twice": (lambda s: s["persons"]["names"].__setitem__(1, s["persons"]["names"][0]), "not in order"),
    "list as name": (lambda s: s["persons"]["names"].__setitem__(0, []), "but names"),
    "kind of name": (lambda s: s["persons"].update(dtype="<i8"), "not of the dtype <i8"),
    "objects": (lambda s: s["persons"].update(dtype="V8"), "of the dtype V8"),
    "no names": (lambda s: s["persons"].pop("names"), "persons are of the dtype <U"),
    "pixels": (lambda s: s["known"].update(shape=[24, 4, 255]), "255 pixels, those of its classifier 256"),
    "no images": (lambda s: s["known"].update(shape=[24, 0, 256]), r"of the shape \[24, 0, 256\]"),
    "huge images": (lambda s: s["known"].update(shape=[2**40, 4, 256]), "too large"),
    "type": (lambda s: s["known"].update(dtype="int64"), "and int64"),
    "code": (lambda s: s["known"].update(code=[3, 0, 1]), "no code of"),
    "left over": (lambda s: s.pop("known"), "belong to no layer"),
    "parameter": (lambda s: s["params"].update(coverage=3), "'coverage' parameter"),
    "no parameter": (lambda s: s["params"].update(threshold=3), "no parameter 'threshold'"),
    "estimator": (lambda s: s["params"].update(estimator=None), "no parameter 'estimator'"),
}


@pytest.mark.parametrize(("change", "reason"), CHANGES.values(), ids=CHANGES)
def test_inconsistent_numbers_with_a_right_digest_are_refused(change, reason, data, path):
    entry = description(data)
    change(entry["screening"])
    path.write_bytes(with_description(data, entry))
    with pytest.raises(FileFormatError, match=reason) as caught:
        load(path)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda s: s.held_back_.update(proba=s.held_back_.proba * 2), "is not between 0 and 1"),
        (lambda s: s.held_back_.update(proba=s.held_back_.proba * np.nan), "NaN or infinite"),
        (lambda s: s.held_back_.update(n_images=s.held_back_.n_images * 0), "has no images"),
        (lambda s: s.held_back_.update(target=np.full(24, "across")), "all of one class"),
        (lambda s: s.sensitivity_.update(low=1.0), "interval of the sensitivity"),
    ],
)
def test_fitted_attributes_that_somebody_has_changed_are_not_saved(change, reason, screening, path):
    changed = pickle.loads(pickle.dumps(screening))
    change(changed)
    refused_to_save(changed, path, ValueError, f"cannot be stored in a file: .*{reason}")


def test_screening_of_a_regressor_or_of_a_screening_is_refused(data, path):
    entry = description(data)
    real = to_bytes(regressor(**SMALL).fit(X, np.arange(96.0)))
    around = {"names": ["a", "b"], "transformer": {}, "last": entry}
    for file, estimator, reason in (
        (real, description(real), "of another screening, or of a regressor"),
        (data, around, "of another screening, or of a regressor"),
        (data, entry, "unknown entry 'estimator'"),
    ):
        path.write_bytes(with_description(file, entry | {"estimator": estimator}))
        with pytest.raises(FileFormatError, match=reason):
            load(path)


def test_version_is_newer_for_screenings_only(screening, data):
    assert split(data)[0]["__metadata__"]["version"] == "3"
    assert split(to_bytes(screening.estimator_))[0]["__metadata__"]["version"] == "2"
    pipeline = make_pipeline(CurveImageTransformer((16, 16)), screening)
    assert split(to_bytes(pipeline))[0]["__metadata__"]["version"] == "3"


def test_every_cut_and_changed_byte_is_refused(data):
    for place in range(0, len(data), 7):
        changed = bytearray(data)
        changed[place] ^= 0x20
        for damaged in (data[:place], bytes(changed)):
            with contextlib.suppress(FileFormatError):
                from_bytes(damaged)
                raise AssertionError(f"a file damaged at {place} is read")
