"""Thresholds, probabilities and sets of answers for other persons, and a warning of other images."""

import pickle
import warnings

import numpy as np
import pytest
from PIL import Image
from scipy.stats import norm
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.dummy import DummyClassifier
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import balanced_accuracy_score, roc_auc_score
from sklearn.model_selection import (
    GridSearchCV,
    KFold,
    LeaveOneGroupOut,
    StratifiedGroupKFold,
    cross_val_predict,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sparsecnn import CurveImageTransformer, SparseCurveCNNClassifier
from sparsecnn.datasets import make_shaky_spirals
from sparsecnn.exceptions import GroupLeakWarning, ShiftWarning
from sparsecnn.export import to_numpy
from sparsecnn.inference._shift import _energy_distances
from sparsecnn.model_selection import ScreeningClassifier, average_by_group
from sparsecnn.model_selection._thresholds import (
    coverage_limits,
    share_with_interval,
    threshold_for_sensitivity,
    threshold_for_specificity,
)


def draw_persons(n_persons=40, n_images=3, seed=0, shift=0.0, sought=None):
    """Return rows of five numbers by persons, who differ, half of them of class "ill"."""
    rng = np.random.default_rng(seed)
    is_ill = np.arange(n_persons) % 2 == 1 if sought is None else np.full(n_persons, sought)
    centres = rng.normal(size=(n_persons, 5)) + shift + is_ill[:, None] * [1.2, 0.6, 0, 0, 0]
    X = np.repeat(centres, n_images, axis=0) + 0.5 * rng.normal(size=(n_persons * n_images, 5))
    groups = np.repeat([f"p{i:03}" for i in range(n_persons)], n_images)
    return X, np.repeat(np.where(is_ill, "ill", "well"), n_images), groups


# Few persons, or a network of two epochs; where it matters, tests catch the warning.
pytestmark = pytest.mark.filterwarnings("ignore:The .* persons held back are not told apart")
X, Y, GROUPS = draw_persons()
LINEAR = LogisticRegression()


class FlatLinear(LogisticRegression):
    """Takes images of shape (n, height, width)."""

    def fit(self, X, y):
        return super().fit(X.reshape(len(X), -1) / 255, y)

    def predict_proba(self, X):
        return super().predict_proba(X.reshape(len(X), -1) / 255)


def screen(estimator=LINEAR, data=(X, Y, GROUPS), **params):
    return ScreeningClassifier(estimator, **{"pos_label": "ill"} | params).fit(*data[:2], groups=data[2])


def test_persons_held_back_are_those_of_a_cross_validation_by_person():
    found = screen(calibrate=False).held_back_
    proba = cross_val_predict(LINEAR, X, Y, groups=GROUPS, cv=StratifiedGroupKFold(5), method="predict_proba")
    expected = average_by_group(proba, GROUPS, Y)
    np.testing.assert_allclose(found.proba, expected.proba)
    assert found.target.tolist() == expected.target.tolist()
    assert found.groups.tolist() == expected.groups.tolist()


@pytest.mark.parametrize("share", [0.05, 0.5, 0.8, 0.95, 1.0])
def test_threshold_is_the_highest_of_a_sensitivity_and_the_lowest_of_a_specificity(share):
    found = screen(sensitivity=share)
    proba = found.held_back_.proba[found.held_back_.target == "ill", 0]
    reached = np.array([np.mean(proba >= t) for t in proba])
    assert found.threshold_ == max(proba[reached >= share - 1e-12])
    assert found.sensitivity_.value == np.mean(proba >= found.threshold_) >= share - 1e-12
    found = screen(specificity=share)
    proba = found.held_back_.proba[found.held_back_.target == "well", 0]
    below = min(t for t in proba if np.mean(proba <= t) >= share - 1e-12)
    assert below < found.threshold_ <= below + 1e-12
    assert found.specificity_.value == np.mean(proba < found.threshold_) >= share - 1e-12


def test_threshold_of_highest_balanced_accuracy_is_the_share_of_the_sought():
    few = np.isin(GROUPS, [f"p{i:03}" for i in range(20, 40, 2)])  # half of the well
    data = X[~few], Y[~few], GROUPS[~few]
    assert screen(data=data).threshold_ == pytest.approx(20 / 30)
    calibrated, raw = screen(data=data), screen(data=data, calibrate=False)
    assert calibrated.predict(X).tolist() == raw.predict(X).tolist()
    assert calibrated.sensitivity_ == raw.sensitivity_
    reached = (calibrated.sensitivity_.value + calibrated.specificity_.value) / 2
    proba, target = calibrated.held_back_.proba[:, 0], calibrated.held_back_.target == "ill"
    assert reached > max(balanced_accuracy_score(target, proba >= t) for t in proba) - 0.1


def test_confidence_is_the_share_of_fits_that_reach_the_sensitivity_among_all_people():
    rng = np.random.default_rng(0)
    sought = np.repeat([True, False], 40)
    # Of uniform probabilities, 1 - t are at least t.
    thresholds = [
        threshold_for_sensitivity(rng.uniform(size=80), sought, 0.8, 0.9, "ill") for _ in range(2000)
    ]
    reached = np.mean(1 - np.array(thresholds) >= 0.8)
    assert 0.9 - 0.02 < reached < 0.97  # one person fewer reaches it in less than 0.9
    thresholds = [
        threshold_for_specificity(rng.uniform(size=80), sought, 0.8, 0.9, "well") for _ in range(2000)
    ]
    assert np.mean(np.array(thresholds) >= 0.8) == pytest.approx(reached, abs=0.03)


@pytest.mark.parametrize(("coverage", "n_persons"), [(0.8, 4), (0.9, 9), (0.9, 25), (0.75, 40), (1e-300, 4)])
def test_coverage_of_each_class_is_at_least_the_wanted_and_little_more(coverage, n_persons):
    rng = np.random.default_rng(0)
    sought = np.repeat([True, False], n_persons)
    limits = [coverage_limits(rng.uniform(size=2 * n_persons), sought, coverage, "ab") for _ in range(4000)]
    low, high = np.array(limits).T
    for covered in (1 - low.mean(), high.mean()):
        assert coverage - 0.01 < covered < coverage + 1 / (n_persons + 1) + 0.01


def test_frozen_classifier_covers_new_persons_of_either_class():
    score = FrozenEstimator(LogisticRegression().fit([[-1.0], [0.0], [1.0], [0.5]], [0, 0, 1, 1]))
    rng = np.random.default_rng(1)
    covered = []
    for _ in range(40):
        y, fresh_y = (np.repeat([0, 1], n) for n in (19, 100))
        x, fresh = (
            norm.rvs(size=(len(labels), 1), random_state=rng) + labels[:, None] for labels in (y, fresh_y)
        )
        found = ScreeningClassifier(score, coverage=0.9, shift_level=None).fit(x, y, range(38))
        sets = found.predict_persons(fresh, np.arange(200)).prediction_set
        covered.append([sets[:100, 0].mean(), sets[100:, 1].mean()])
    # Beta(18, 2) has a standard deviation of 0.065 over the fits.
    assert np.abs(np.mean(covered, axis=0) - 0.9).max() < 4 * 0.07 / np.sqrt(40)


def test_set_of_classes_says_who_cannot_be_judged():
    low, high = (found := screen(coverage=0.9)).coverage_limits_
    people = found.predict_persons(X, GROUPS)
    ill = people.proba[:, 0]
    assert people.prediction_set[:, 0].tolist() == (ill >= low).tolist()
    assert people.prediction_set[:, 1].tolist() == (ill <= high).tolist()
    assert 0 < np.sum(people.prediction_set.sum(axis=1) == 2) < len(ill)
    assert screen().predict_persons(X, GROUPS).prediction_set is None


def test_interval_of_a_share_is_exact():
    found = share_with_interval(np.full(14, True))
    assert (found.value, found.high, found.n_persons) == (1, 1, 14)
    assert found.low == pytest.approx(0.025 ** (1 / 14))


def test_calibration_is_that_of_scikit_learn_for_images():
    frozen = FrozenEstimator(LogisticRegression(C=100).fit(X[:60], Y[:60]))
    ours = ScreeningClassifier(frozen, pos_label="well").fit(X[60:], Y[60:], range(60))
    theirs = CalibratedClassifierCV(frozen, method="sigmoid").fit(X[60:], Y[60:])
    np.testing.assert_allclose(ours.predict_proba(X), theirs.predict_proba(X), atol=1e-4)


BACKWARDS = FrozenEstimator(LogisticRegression().fit(X, np.where(Y == "ill", "well", "ill")))


def test_persons_who_are_told_apart_are_not_warned_of():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        screen(sensitivity=0.9, coverage=0.8)


def test_classifier_that_learnt_nothing_is_warned_of_with_the_figures():
    warned = 0
    for seed in range(20):
        x, _, groups = draw_persons(28, seed=seed)
        labels = np.random.default_rng(seed).permutation(np.repeat(["ill", "well"], 14))
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            found = screen(data=(x, np.repeat(labels, 3), groups), sensitivity=0.8, calibrate=False)
        auc = roc_auc_score(found.held_back_.target == "ill", found.held_back_.proba[:, 0])
        assert all(f"their AUC is {auc:.2f} (p = " in str(one.message) for one in caught)
        assert caught or auc > 0.6
        warned += len(caught)
    assert warned >= 18  # of 20, one is expected to be significant at 0.05


@pytest.mark.parametrize(
    ("params", "answer", "share"),
    [
        ({"sensitivity": 0.8}, "ill", "sensitivity_"),
        ({"specificity": 0.8}, "well", "specificity_"),
        ({"sensitivity": 0.5, "confidence": 0.9}, "ill", "sensitivity_"),
    ],
    ids=str,
)
def test_rule_of_a_constant_probability_keeps_its_promise_and_cannot_tell(params, answer, share):
    with pytest.warns(UserWarning, match=f"slope of the calibration 0. .* predicted to be {answer}"):
        found = screen(BACKWARDS, coverage=0.8, **params)
    people = found.predict_persons(X, GROUPS)
    assert set(people.prediction) == {answer}
    assert getattr(found, share).value == 1
    assert people.prediction_set.all()


def test_calibration_of_what_ranks_persons_worse_than_chance_is_constant():
    found = screen(BACKWARDS)
    assert np.ptp(found.predict_proba(X)[:, 0]) == 0
    assert found.predict_proba(X)[0, 0] == pytest.approx(0.5)
    assert found.sensitivity_.value + found.specificity_.value == 1


def test_pos_label_only_exchanges_the_classes():
    ill, well = screen(), screen(pos_label="well")
    np.testing.assert_allclose(ill.predict_proba(X), well.predict_proba(X), atol=1e-9)
    one, other = screen(sensitivity=0.9), screen(pos_label="well", specificity=0.9)
    assert one.predict(X).tolist() == other.predict(X).tolist()
    assert one.sensitivity_ == other.specificity_


def test_persons_are_judged_by_the_mean_of_their_images():
    found = screen(sensitivity=0.9)
    people = found.predict_persons(X, GROUPS)
    raw = average_by_group(found.estimator_.predict_proba(X), GROUPS)
    order = np.argsort(raw.proba[:, 0])
    assert (np.diff(people.proba[order, 0]) > 0).all()
    assert people.groups.tolist() == raw.groups.tolist()
    assert people.n_images.tolist() == [3] * 40
    assert (people.prediction == "ill").tolist() == (people.proba[:, 0] >= found.threshold_).tolist()
    single = found.predict_persons(X, np.arange(len(X)))
    assert single.prediction.tolist() == found.predict(X).tolist()


def test_weights_of_zero_leave_persons_out():
    weight = np.ones(len(X))
    weight[GROUPS >= "p030"] = 0
    folds = list(StratifiedGroupKFold(3).split(X, Y, GROUPS))
    found = ScreeningClassifier(LINEAR, cv=folds).fit(X, Y, groups=GROUPS, sample_weight=weight)
    assert max(found.held_back_.groups.tolist()) < "p030"
    few = X[weight > 0], Y[weight > 0]
    np.testing.assert_allclose(found.estimator_.coef_, LogisticRegression().fit(*few).coef_, atol=1e-3)


def test_arguments_of_the_classifier_go_with_their_images():
    pipe = make_pipeline(StandardScaler(), LogisticRegression(class_weight={"ill": 2.0, "well": 1.0}))
    weight = np.linspace(0.5, 1.5, len(X))
    found = ScreeningClassifier(pipe).fit(X, Y, groups=GROUPS, logisticregression__sample_weight=weight)
    again = clone(pipe).fit(X, Y, logisticregression__sample_weight=weight)
    np.testing.assert_allclose(found.estimator_[-1].coef_, again[-1].coef_)


def test_pages_are_screened_from_files(tmp_path):
    spirals = make_shaky_spirals(60, persons=12, image_shape=(32, 32), random_state=0)
    files = [tmp_path / f"{i}.png" for i in range(60)]
    for file, image in zip(files, spirals.images, strict=True):
        Image.fromarray(255 - image).save(file)
    reader = make_pipeline(CurveImageTransformer((16, 16)), LogisticRegression(C=1e-2))
    search = GridSearchCV(reader, {"logisticregression__C": [1e-3, 1e-2]}, cv=StratifiedGroupKFold(2))
    for estimator in (reader, search):
        found = ScreeningClassifier(estimator, cv=3).fit(files, spirals.target, groups=spirals.groups)
        people = found.predict_persons(files, spirals.groups)
        assert people.shift.p_value > 0.01
        assert people.prediction.shape == (12,)
    with pytest.raises(ValueError, match="shift_level needs images as numbers"):
        ScreeningClassifier(DummyClassifier(), cv=3).fit(files, spirals.target, groups=spirals.groups)


def test_network_is_screened_on_images():
    spirals = make_shaky_spirals(40, persons=8, image_shape=(32, 32), random_state=0)
    quick = SparseCurveCNNClassifier(channels=(4, 4, 4), max_iter=2, finetune_iter=1, random_state=0)
    found = ScreeningClassifier(quick, cv=2, sensitivity=0.8).fit(
        spirals.images, spirals.target, groups=spirals.groups
    )
    assert found.predict_persons(spirals.images, spirals.groups).proba.shape == (8, 2)
    assert found.sensitivity_.value >= 0.8


def test_screening_can_be_cloned_and_stored():
    found = screen(sensitivity=0.9, coverage=0.8)
    again = pickle.loads(pickle.dumps(found))
    assert again.predict_persons(X, GROUPS).proba.tolist() == found.predict_persons(X, GROUPS).proba.tolist()
    assert clone(found).set_params(estimator__C=7, sensitivity=None).estimator.C == 7


# Images that look like those of fit, and others


def test_energy_distance_is_that_of_its_definition():
    rng = np.random.default_rng(0)
    known, new = rng.normal(size=(6, 2)), rng.normal(size=(4, 2)) + 1
    points = np.concatenate([known, new])
    distances = np.linalg.norm(points[:, None] - points, axis=2)

    def mean_distance(a, b):
        return np.mean([[np.linalg.norm(p - q) for q in b] for p in a])

    energy, between = _energy_distances(distances, np.array([[0.0] * 6 + [1.0] * 4]))
    expected = 2 * mean_distance(known, new) - mean_distance(known, known) - mean_distance(new, new)
    assert energy[0] == pytest.approx(2.4 * expected)
    assert between[0] == pytest.approx(2.4 * 2 * mean_distance(known, new))


@pytest.mark.parametrize(
    "others", [{}, {"n_images": 1}, {"n_images": 9}, {"sought": True}, {"sought": False}], ids=str
)
def test_new_persons_of_the_same_kind_rarely_look_different(others):
    p = []
    for seed in range(60):
        fresh, _, persons = draw_persons(12, seed=1000 + seed, **others)
        p.append(screen(cv=2, data=draw_persons(30, seed=seed)).check_shift(fresh, persons).p_value)
    p = np.array(p)
    assert np.mean(p <= 0.05) <= 0.12
    assert np.mean(p <= 0.5) > 0.3


def test_other_images_are_warned_of_and_a_smaller_shift_less():
    found = screen()
    fresh, _, persons = draw_persons(10, seed=5, shift=2.0)
    with pytest.warns(ShiftWarning, match=r"these 10 persons do not look like.*p = 0.00"):
        people = found.predict_persons(fresh, persons)
    assert people.shift.p_value <= 0.01
    assert found.check_shift(fresh - 1, persons).distance < people.shift.distance < 1
    assert found.set_params(shift_level=None).predict_persons(fresh, persons).shift is None


def test_persons_of_a_probability_not_known_are_compared_with_all():
    found = screen(DummyClassifier())
    assert found.check_shift(X, GROUPS).p_value > 0.9
    assert found.check_shift(X + 5, GROUPS).p_value == 0.001


def test_images_that_are_all_alike_are_no_shift():
    found = screen(data=(np.ones((120, 5)), Y, GROUPS))
    assert found.check_shift(np.ones((6, 5)), list("aabbcc")) == {"distance": 0.0, "p_value": 1.0}


# Persons of whom no image shows anything


@pytest.mark.parametrize("place", ["pages", "files", "network", "images", "without torch"])
def test_person_of_blank_images_only_is_named_and_cannot_be_told(place, tmp_path):
    spirals = make_shaky_spirals(48, persons=12, image_shape=(32, 32), random_state=0)
    quick = SparseCurveCNNClassifier(channels=(4, 4, 4), max_iter=2, finetune_iter=1, random_state=0)
    images = spirals.images.copy()
    blank = np.flatnonzero(np.isin(spirals.groups, [3, 5]))
    images[blank] = 0
    images[np.flatnonzero(spirals.groups == 7)[0]] = 0  # others of this person show something
    shown = images
    estimator: object = quick
    if place in ("pages", "files"):
        estimator = make_pipeline(CurveImageTransformer((32, 32)), LogisticRegression(C=1e-2))
    if place == "files":
        shown = [tmp_path / f"{i}.png" for i in range(48)]
        for file, image in zip(shown, images, strict=True):
            Image.fromarray(image).save(file)
    elif place == "images":
        estimator = FlatLinear()
    y = spirals.target
    for coverage in (0.7, None):
        found = ScreeningClassifier(estimator, cv=3, coverage=coverage)
        found.fit(spirals.images, y, groups=spirals.groups)
        judge = to_numpy(found) if place == "without torch" else found
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "No ink found")
            warnings.simplefilter("ignore", ShiftWarning)
            with pytest.warns(UserWarning, match=r"2 of the 12 persons are blank \(3, 5\)") as caught:
                people = judge.predict_persons(shown, spirals.groups)
        assert any("both classes" in str(one.message) for one in caught) == (coverage is not None)
        if coverage is not None:
            assert people.prediction_set[[3, 5]].all()


def test_rows_that_are_no_images_are_never_blank():
    found = screen(coverage=0.8)
    constant = np.repeat([[5.0], [-5.0]], 5, axis=1)
    people = found.set_params(shift_level=None).predict_persons(constant, ["ann", "bob"])
    assert people.prediction_set.sum(axis=1).tolist() == [1, 1]


# Bad input, by name

BAD = {
    "sensitivity of 0": ({"sensitivity": 0.0}, "'sensitivity' parameter"),
    "sensitivity in percent": ({"sensitivity": 90}, "'sensitivity' parameter"),
    "sensitivity of True": ({"sensitivity": True}, "sensitivity must be a number .*, got True"),
    "coverage of False": ({"coverage": False}, "'coverage' parameter"),
    "both": ({"sensitivity": 0.9, "specificity": 0.9}, "sensitivity or specificity, not both"),
    "confidence of nothing": ({"confidence": 0.9}, "confidence=0.9 needs a sensitivity"),
    "confidence of all": ({"sensitivity": 1, "confidence": 0.9}, "confidence=0.9 needs .* below 1, got 1"),
    "too confident": (
        {"sensitivity": 0.9, "confidence": 0.95},
        "sensitivity=0.9 with confidence=0.95 needs at least 29 persons of class ill, got 20",
    ),
    "too few to leave in peace": (
        {"specificity": 0.9, "confidence": 0.95},
        "needs at least 29 persons of class well, got 20",
    ),
    "too much coverage": (
        {"coverage": 0.96},
        "coverage=0.96 needs at least 24 persons of class well, got 20",
    ),
    "unknown pos_label": ({"pos_label": "sick"}, "pos_label must be one of the classes, .*got 'sick'"),
    "many folds": ({"cv": 21}, "cv=21 folds need at least 21 persons of each class, got 20 of ill"),
    "no partition": ({"cv": [(np.arange(60), np.arange(60, 120))]}, "cv must test every image once"),
    "no estimator": ({"estimator": "linear"}, "'estimator' parameter"),
    "shift_level of 0": ({"shift_level": 0}, "'shift_level' parameter"),
}


@pytest.mark.parametrize(("params", "message"), BAD.values(), ids=BAD)
def test_bad_parameter_is_refused_by_name(params, message):
    found = screen()
    threshold = found.threshold_
    with pytest.raises(ValueError, match=message):
        found.set_params(**params).fit(X, Y, groups=GROUPS)
    assert found.threshold_ == threshold


def test_least_number_of_persons_for_a_promise_is_enough():
    for n_persons, params in ((18, {"coverage": 0.9}), (14, {"sensitivity": 0.7, "confidence": 0.9})):
        screen(data=draw_persons(n_persons), **params)
        with pytest.raises(ValueError, match=f"needs at least {n_persons // 2} persons of class"):
            screen(data=draw_persons(n_persons - 2), **params)


def both_classes():
    return X, np.where(np.arange(120) == 4, "well", Y), GROUPS


DATA = {
    "one class": ((X, np.full(120, "ill"), GROUPS), "y must have two classes, got 1 class, ill"),
    "three classes": ((X, np.arange(120) % 3, None), "Only binary classification is supported"),
    "person of both classes": (both_classes(), "group p001 has images of several classes"),
    "one person of a class": (
        (X, Y, np.where(Y == "ill", "p001", GROUPS)),
        "class ill has only one group, p001",
    ),
    "groups of another length": ((X, Y, GROUPS[:5]), r"groups must have one label per image, shape \(120,\)"),
    "group missing": ((X, Y, [None, *GROUPS[1:]]), "groups must have a label for each image, got None"),
    "groups of several types": (
        (X, Y, np.array([1, *GROUPS[1:]], dtype=object)),
        "groups must be labels of one type, such as all texts or all numbers, got int and str",
    ),
    "pixel missing": ((np.full((120, 5), np.nan), Y, GROUPS), "NaN"),
}


@pytest.mark.parametrize(("data", "message"), DATA.values(), ids=DATA)
def test_bad_data_is_refused_by_name(data, message):
    with pytest.raises((TypeError, ValueError), match=message):
        ScreeningClassifier(LINEAR).fit(data[0], data[1], groups=data[2])


def test_frozen_classifier_of_other_classes_is_refused():
    frozen = FrozenEstimator(LogisticRegression().fit(X, np.where(Y == "ill", 1, 0)))
    with pytest.raises(ValueError, match=r"estimator knows the classes \[0, 1\], but y has ill"):
        screen(frozen)


def test_missing_groups_are_refused_by_name():
    found = screen()
    for method in (found.predict_persons, found.check_shift):
        with pytest.raises(ValueError, match="groups must have one label per image"):
            method(X, None)
        with pytest.raises(ValueError, match=r"groups must have one label per image, shape \(120,\)"):
            method(X, GROUPS[:7])
    with pytest.raises(NotFittedError):
        ScreeningClassifier(LINEAR).predict_persons(X, GROUPS)


def test_shift_is_unknown_to_what_was_fitted_without():
    found = screen(shift_level=None)
    with pytest.raises(AttributeError, match="fitted with shift_level=None"):
        found.check_shift(X, GROUPS)
    with pytest.raises(AttributeError, match="fitted with shift_level=None"):
        found.set_params(shift_level=0.05).predict_persons(X, GROUPS)


def test_weights_that_a_pipeline_does_not_take_are_refused():
    with pytest.raises(ValueError, match="sample_weight is no argument of the fit of Pipeline"):
        ScreeningClassifier(make_pipeline(LINEAR)).fit(X, Y, sample_weight=np.ones(120))
    with pytest.raises(ValueError, match="sample_weight must not be zero for all images of class ill"):
        ScreeningClassifier(LINEAR).fit(X, Y, sample_weight=(Y == "well").astype(float))


def test_persons_on_both_sides_of_a_fold_are_warned_of():
    with pytest.warns(GroupLeakWarning, match="StratifiedGroupKFold"):
        screen(cv=list(KFold(7).split(X)))
    screen(cv=LeaveOneGroupOut())
    with pytest.raises(ValueError, match="cv leaves images of class well only to fit fold 0 with"):
        ScreeningClassifier(LINEAR, cv=list(KFold(2).split(X))).fit(X, np.sort(Y), range(120))
