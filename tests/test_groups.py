"""Evaluation by person: groups in fitting and cross-validation, probabilities and intervals of persons."""

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.metrics import accuracy_score, roc_auc_score
from sklearn.model_selection import (
    GridSearchCV,
    KFold,
    LeaveOneGroupOut,
    StratifiedGroupKFold,
    cross_validate,
)
from sklearn.pipeline import make_pipeline

from sparsecnn import (
    CurveImageTransformer,
    SparseCurveCNNClassifier,
    SparseCurveCNNClassifierCV,
    SparseCurveEnsemble,
)
from sparsecnn._training.validation_split import train_validation_split
from sparsecnn.datasets import make_shaky_spirals
from sparsecnn.exceptions import GroupLeakWarning
from sparsecnn.model_selection import (
    ScreeningClassifier,
    average_by_group,
    bootstrap_interval,
    validate_groups,
)

QUICK = SparseCurveCNNClassifier(channels=(4, 4, 4), max_iter=2, finetune_iter=1, random_state=0)


@pytest.fixture(scope="module")
def spirals():
    return make_shaky_spirals(48, image_shape=(32, 32), persons=12, random_state=0)


def test_persons_get_the_mean_probability_of_their_images():
    persons = average_by_group([0.2, 0.9, 0.4], ["b", "a", "b"], y=["no", "yes", "no"])
    assert persons.groups.tolist() == ["a", "b"]
    np.testing.assert_allclose(persons.proba, [0.9, 0.3])
    assert persons.target.tolist() == ["yes", "no"]
    assert persons.n_images.tolist() == [1, 2]


def test_persons_keep_the_columns_of_probabilities():
    proba = np.array([[0.5, 0.5], [0.1, 0.9], [0.3, 0.7]])
    persons = average_by_group(proba, [1, 0, 1])
    np.testing.assert_allclose(persons.proba, [[0.1, 0.9], [0.4, 0.6]])
    assert persons.target is None


@pytest.mark.parametrize(
    ("y", "groups", "message"),
    [
        ([0, 1, 0, 0, 1, 1], list("aabbcc"), r"group a has images of several classes"),
        ([0, 0, 0, 1, 1, 1], list("aabbcc"), r"group b has images of several classes"),
        ([0, 0, 0, 0, 1, 1], list("aabbcc"), r"class 1 has only one group, c, expected at least two"),
        ([0, 0, 0, 1, 1, 1], list("aabccd"), r"group b has 1 image, expected at least min_images=2"),
    ],
)
def test_groups_that_cannot_be_judged_are_named(y, groups, message):
    with pytest.raises(ValueError, match=message):
        validate_groups(y, groups)


def test_groups_of_one_image_pass_on_request():
    assert validate_groups([0, 0, 1, 1], list("abcd"), min_images=1).tolist() == list("abcd")


MIXED = ["ann", "ann", 7, 7, "bob", "bob", 8, 8]
TAKE_GROUPS = {
    "validate_groups": lambda y, groups: validate_groups(y, groups),
    "average_by_group": lambda y, groups: average_by_group(y, groups),
    "bootstrap_interval": lambda y, groups: bootstrap_interval(accuracy_score, y, y, groups=groups),
    "classifier": lambda y, groups: clone(QUICK).fit(IMAGES, y, groups=groups),
    "ensemble": lambda y, groups: SparseCurveEnsemble(QUICK, n_members=1).fit(IMAGES, y, groups=groups),
    "search": lambda y, groups: SparseCurveCNNClassifierCV(QUICK, cv=2).fit(IMAGES, y, groups=groups),
    "screening": lambda y, groups: ScreeningClassifier(QUICK, cv=2).fit(IMAGES, y, groups=groups),
}
IMAGES = np.random.default_rng(0).random((8, 2, 16, 16))


@pytest.mark.parametrize("take", TAKE_GROUPS.values(), ids=TAKE_GROUPS)
@pytest.mark.parametrize("mixed", [MIXED, np.array(MIXED, dtype=object)], ids=["list", "objects"])
def test_groups_of_several_types_are_refused_alike(take, mixed):
    with pytest.raises(ValueError, match=r"groups must be labels of one type, .*, got int and str"):
        take([0, 0, 1, 1, 0, 0, 1, 1], mixed)


def test_averaging_refuses_a_person_of_two_classes():
    with pytest.raises(ValueError, match=r"group a has images of several classes, \[0, 1\], expected one"):
        average_by_group([0.1, 0.2], ["a", "a"], y=[0, 1])


def test_interval_counts_persons_not_images():
    rng = np.random.default_rng(0)
    y = np.repeat([0, 1], 40)
    persons = np.repeat(np.arange(8), 10)
    proba = np.where(rng.random(8) < 0.7, y[::10], 1 - y[::10])[persons]  # all images of a person alike

    def accuracy(y, proba):
        return accuracy_score(y, proba > 0.5)

    by_person = bootstrap_interval(accuracy, y, proba, groups=persons, n_resamples=300, random_state=0)
    by_image = bootstrap_interval(accuracy, y, proba, n_resamples=300, random_state=0)
    assert by_person.value == by_image.value
    assert by_person.low <= by_person.value <= by_person.high
    assert by_person.high - by_person.low > 1.5 * (by_image.high - by_image.low)


def test_interval_without_groups_takes_every_image_for_a_group():
    y, proba = np.arange(40) % 3, np.random.default_rng(0).random((40, 3))

    def accuracy(y, proba):
        return accuracy_score(y, proba.argmax(1))

    by_image = bootstrap_interval(accuracy, y, proba, n_resamples=20, random_state=0)
    by_group = bootstrap_interval(accuracy, y, proba, groups=np.arange(40), n_resamples=20, random_state=0)
    assert np.unique(by_image.resampled).size > 5
    np.testing.assert_array_equal(by_image.resampled, by_group.resampled)
    assert by_image.value == by_group.value == accuracy(y, proba)


@pytest.mark.filterwarnings("ignore:All resamples have the same metric")
def test_interval_draws_images_with_replacement_within_each_class():
    y = np.repeat([0, 1], [3, 5])
    drawn = []

    def record(y, rows):
        drawn.append(rows)
        return 0.0

    bootstrap_interval(record, y, np.arange(8), n_resamples=50, random_state=0)
    resamples = drawn[1:]
    assert all((y[rows] == y).all() for rows in resamples)
    assert set(np.concatenate(resamples)) == set(range(8))
    assert any(len(set(rows)) < 8 for rows in resamples)


@pytest.mark.filterwarnings("ignore:All resamples have the same metric")
def test_interval_draws_whole_persons():
    drawn = []

    def record(y, rows):
        drawn.append(np.bincount(rows, minlength=9))
        return 0.0

    groups = list("aabbbccdd")
    bootstrap_interval(record, [0] * 5 + [1] * 4, np.arange(9), groups=groups, n_resamples=50, random_state=0)
    for counts in drawn:
        assert all(len(set(counts[[i for i in range(9) if groups[i] == name]])) == 1 for name in "abcd")
        assert counts[0] + counts[2] == counts[5] + counts[7] == 2


def test_interval_without_width_warns():
    with pytest.warns(UserWarning, match="same metric, 1, so the interval has no width"):
        bootstrap_interval(lambda y, proba: 1.0, [0, 0, 1, 1], [0.1, 0.2, 0.8, 0.9], random_state=0)


def test_interval_is_that_of_the_quantiles():
    rng = np.random.default_rng(0)
    y, proba = np.arange(60) % 2, rng.random(60)
    auc = bootstrap_interval(roc_auc_score, y, proba, confidence=0.8, n_resamples=101, random_state=0)
    resampled = np.sort(auc.resampled)
    assert (auc.low, auc.high) == pytest.approx((resampled[10], resampled[90]))


def test_interval_takes_predicted_labels():
    accuracy = bootstrap_interval(accuracy_score, list("ppqq"), list("ppqp"), n_resamples=20)
    assert accuracy.value == 0.75


VALID = {
    validate_groups: {"y": [0, 0, 1, 1], "groups": list("abcd"), "min_images": 1},
    average_by_group: {"proba": [0.1, 0.2, 0.3, 0.4], "groups": list("abcd"), "y": [0, 0, 1, 1]},
    bootstrap_interval: {
        "metric": accuracy_score,
        "y": [0, 0, 1, 1],
        "proba": [0, 1, 1, 1],
        "groups": list("abcd"),
        "confidence": 0.9,
        "n_resamples": 5,
        "random_state": 0,
    },
}


@pytest.mark.parametrize(
    ("function", "argument", "value", "error", "message"),
    [
        (validate_groups, "y", [], ValueError, r"y must .* shape \(n,\), got shape \(0,\)"),
        (validate_groups, "y", 3, ValueError, r"y must .* shape \(n,\), got shape \(\)"),
        (validate_groups, "y", [0, 0, 1, np.nan], ValueError, "y must have a label .* got nan for image 3"),
        (validate_groups, "groups", list("abc"), ValueError, r"groups must .* \(4,\), got shape \(3,\)"),
        (validate_groups, "groups", ["a", None, "b", "c"], ValueError, "groups must .* got None for image 1"),
        (validate_groups, "min_images", 1.5, TypeError, "min_images must be an instance of int, not float"),
        (validate_groups, "min_images", 0, ValueError, "min_images == 0, must be >= 1"),
        (average_by_group, "proba", 0.5, ValueError, r"proba must have shape .* got shape \(\)"),
        (average_by_group, "proba", [0.1, np.nan, 1, 1], ValueError, "proba must be finite, got nan"),
        (average_by_group, "proba", ["p", "q", "p", "p"], ValueError, "proba must be numbers"),
        (average_by_group, "groups", list("ab"), ValueError, r"groups must .* \(4,\), got shape \(2,\)"),
        (average_by_group, "y", [[0], [0], [1], [1]], ValueError, r"y must .* got shape \(4, 1\)"),
        (bootstrap_interval, "metric", "accuracy", TypeError, "metric must be a callable .* got 'accuracy'"),
        (bootstrap_interval, "metric", lambda y, p: np.nan, ValueError, "metric must .* finite .* got nan"),
        (bootstrap_interval, "y", [0, 1, None, 1], ValueError, "y must .* got None for image 2"),
        (bootstrap_interval, "proba", [0.5], ValueError, r"proba must have 4 rows.* got shape \(1,\)"),
        (bootstrap_interval, "groups", list("aba"), ValueError, r"groups must .* \(4,\), got shape \(3,\)"),
        (bootstrap_interval, "groups", list("abad"), ValueError, "group a has images of several classes"),
        (bootstrap_interval, "confidence", 95, ValueError, "confidence must be between 0 and 1, got 95"),
        (bootstrap_interval, "confidence", "0.9", TypeError, "confidence must be a number .* got '0.9'"),
        (bootstrap_interval, "n_resamples", 0, ValueError, "n_resamples == 0, must be >= 1"),
        (
            bootstrap_interval,
            "n_resamples",
            10.0,
            TypeError,
            "n_resamples must be an instance of int, not float",
        ),
        (bootstrap_interval, "random_state", "now", ValueError, "'now' cannot be used to seed"),
    ],
)
def test_bad_argument_is_named(function, argument, value, error, message):
    function(**VALID[function])
    with pytest.raises(error, match=message):
        function(**VALID[function] | {argument: value})


@pytest.mark.parametrize("sizes", [[50, 1, 1], range(1, 13)])
def test_inner_split_by_groups_is_near_its_share_and_random(sizes):
    other = [10] * len(sizes)
    groups = np.repeat(np.arange(2 * len(sizes)), [*sizes, *other])
    y = np.repeat([0, 1], [sum(sizes), sum(other)])
    splits = [train_validation_split(y, groups, 0.1, np.random.RandomState(seed)) for seed in range(20)]
    for train, validation in splits:
        assert not set(groups[train]) & set(groups[validation])
        assert 0.05 <= len(validation) / len(y) <= 0.25
    assert len({tuple(np.unique(groups[validation])) for _, validation in splits}) > 1


def test_search_warns_of_a_person_on_both_sides(spirals):
    search = SparseCurveCNNClassifierCV(QUICK, sparsities=[0, 0.5], cv=list(KFold(2).split(spirals.data)))
    with pytest.warns(
        GroupLeakWarning, match=r"a training set and its test set.*StratifiedGroupKFold"
    ) as given:
        search.fit(spirals.data, spirals.target, groups=spirals.groups)
    assert given[0].filename == __file__


@pytest.mark.parametrize("cv", [2, StratifiedGroupKFold(2)])
def test_search_is_silent_where_persons_stay_together(spirals, cv):
    search = SparseCurveCNNClassifierCV(QUICK, sparsities=[0, 0.5], cv=cv)
    assert search.fit(spirals.data, spirals.target, groups=spirals.groups).n_splits_ == 2


def test_groups_reach_early_stopping_in_cross_validation(spirals):
    stopping = clone(QUICK).set_params(early_stopping=True, validation_fraction=0.3)
    reader = make_pipeline(CurveImageTransformer((32, 32)), stopping)
    folds = list(LeaveOneGroupOut().split(spirals.images, spirals.target, spirals.groups))[:2]
    found = cross_validate(
        reader,
        spirals.images,
        spirals.target,
        cv=folds,
        params={"sparsecurvecnnclassifier__groups": spirals.groups},
        return_estimator=True,
    )
    X = reader[0].fit_transform(spirals.images)
    for fitted, (train, test) in zip(found["estimator"], folds, strict=True):
        data = X[train], spirals.target[train]
        alone = clone(stopping).fit(*data, groups=spirals.groups[train])
        np.testing.assert_array_equal(fitted[-1].decision_function(X[test]), alone.decision_function(X[test]))
        without = clone(stopping).fit(*data)
        assert (without.decision_function(X[test]) != alone.decision_function(X[test])).any()


def test_grid_search_chooses_a_scale_of_unsteadiness_inside_the_persons_of_each_fold(spirals):
    scales = [1 / 76, 1 / 19]
    search = GridSearchCV(
        make_pipeline(CurveImageTransformer((16, 16), unsteadiness=0.8), clone(QUICK)),
        {"curveimagetransformer__unsteadiness_scale": scales},
        scoring="neg_log_loss",
        cv=StratifiedGroupKFold(2),
    )
    found = cross_validate(
        search,
        spirals.images,
        spirals.target,
        groups=spirals.groups,
        cv=StratifiedGroupKFold(3),
        params={"groups": spirals.groups},
        return_estimator=True,
    )
    for fitted in found["estimator"]:
        losses = -fitted.cv_results_["mean_test_score"]
        chosen = fitted.best_estimator_[0].unsteadiness_scale
        assert chosen == scales[int(np.argmin(losses))]
        assert losses[0] != losses[1]
