"""Judging by person: groups through fitting and cross-validation, persons' probabilities and intervals."""

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.metrics import accuracy_score
from sklearn.model_selection import (
    GridSearchCV,
    KFold,
    LeaveOneGroupOut,
    StratifiedGroupKFold,
    cross_val_predict,
    cross_validate,
)
from sklearn.pipeline import make_pipeline

from sparsecnn import CurveImageTransformer, SparseCurveCNNClassifier, SparseCurveCNNClassifierCV
from sparsecnn._training.validation_split import train_validation_split
from sparsecnn.datasets import make_shaky_spirals
from sparsecnn.exceptions import GroupLeakWarning
from sparsecnn.model_selection import average_by_group, bootstrap_interval, validate_groups

QUICK = SparseCurveCNNClassifier(channels=(4, 4, 4), max_iter=2, refine_iter=1, random_state=0)


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
        ([0, 1, 0, 0, 1, 1], list("aabbcc"), r"group a has images of several classes, \[0, 1\], expected one"),
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


def test_averaging_refuses_a_person_of_two_classes():
    with pytest.raises(ValueError, match="group a has images of several classes"):
        average_by_group([0.1, 0.2], ["a", "a"], y=[0, 1])


def test_interval_counts_persons_not_images():
    rng = np.random.default_rng(0)
    y = np.repeat([0, 1], 40)
    persons = np.repeat(np.arange(8), 10)
    proba = np.where(rng.random(8) < 0.7, y[::10], 1 - y[::10])[persons]  # all images of a person alike

    def accuracy(y, proba):
        return accuracy_score(y, proba > 0.5)

    by_person = bootstrap_interval(accuracy, y, proba, groups=persons, n_resamples=300, random_state=0)
    by_image = bootstrap_interval(accuracy, y, proba, groups=np.arange(80), n_resamples=300, random_state=0)
    assert by_person.value == by_image.value
    assert by_person.low <= by_person.value <= by_person.high
    assert by_person.high - by_person.low > 1.5 * (by_image.high - by_image.low)


def test_interval_has_both_classes_in_every_resample():
    y, proba = [0, 0, 1, 1], [0.1, 0.2, 0.8, 0.9]
    seen = bootstrap_interval(
        lambda y, _: len(set(y.tolist())), y, proba, groups=list("abcd"), n_resamples=50
    )
    assert seen.low == 2


def test_interval_refuses_a_confidence_of_a_whole():
    with pytest.raises(ValueError, match="confidence must be between 0 and 1, got 95"):
        bootstrap_interval(accuracy_score, [0, 1], [0, 1], groups=["a", "b"], confidence=95)


def test_interval_takes_predicted_labels():
    accuracy = bootstrap_interval(
        accuracy_score, list("ppqq"), list("ppqp"), groups=list("abcd"), n_resamples=20
    )
    assert accuracy.value == 0.75


def test_interval_refuses_no_resamples():
    with pytest.raises(ValueError, match="n_resamples must be at least 1, got 0"):
        bootstrap_interval(accuracy_score, [0, 1], [0, 1], groups=["a", "b"], n_resamples=0)


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
    with pytest.warns(GroupLeakWarning, match=r"same group in a training set and its test set.*StratifiedGroupKFold"):
        search.fit(spirals.data, spirals.target, groups=spirals.groups)


@pytest.mark.parametrize("cv", [2, StratifiedGroupKFold(2)])
def test_search_is_silent_where_persons_stay_together(spirals, cv):
    search = SparseCurveCNNClassifierCV(QUICK, sparsities=[0, 0.5], cv=cv)
    assert search.fit(spirals.data, spirals.target, groups=spirals.groups).n_splits_ == 2


def test_groups_reach_early_stopping_in_cross_validation(spirals, monkeypatch):
    seen = []
    split = SparseCurveCNNClassifier._split_validation

    def spy(self, images, groups, rng):
        seen.append(set(groups))
        return split(self, images, groups, rng)

    monkeypatch.setattr(SparseCurveCNNClassifier, "_split_validation", spy)
    stopping = clone(QUICK).set_params(early_stopping=True, validation_fraction=0.3)
    reader = make_pipeline(CurveImageTransformer((32, 32)), stopping)
    proba = cross_val_predict(
        reader,
        spirals.images,
        spirals.target,
        groups=spirals.groups,
        cv=LeaveOneGroupOut(),
        method="predict_proba",
        params={"sparsecurvecnnclassifier__groups": spirals.groups},
    )
    assert proba.shape == (48, 2)
    assert sorted(map(len, seen)) == [11] * 12


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
