"""Persons of the generators: class, style, and splits that keep them together."""

import numpy as np
import pytest
from sklearn.model_selection import GroupKFold

from sparsecnn.datasets import make_shaky_drawings, make_shaky_spirals
from sparsecnn.datasets._persons import check_persons, person_class

BY_PERSONS = pytest.mark.parametrize("make", [make_shaky_spirals, make_shaky_drawings])


def classes_of(data):
    """Return the class of each person, by number."""
    return {person: set(data.target[data.groups == person]) for person in set(data.groups.tolist())}


@BY_PERSONS
def test_person_has_the_same_class_in_every_call(make):
    first = classes_of(make(40, image_shape=(32, 32), persons=20, random_state=0))
    again = classes_of(make(90, image_shape=(32, 32), persons=range(5, 50), random_state=1))
    assert all(len(labels) == 1 for labels in (first | again).values())
    assert all(first[person] == again[person] for person in range(5, 20))
    assert first == {person: {person_class(person)} for person in range(20)}


def test_class_is_not_a_pattern_of_the_number():
    classes = np.array([person_class(number) for number in range(2000)])
    np.testing.assert_array_equal(classes[::2] + classes[1::2], 1)
    for step in range(1, 11):
        for start in range(step):
            assert 0.3 < classes[start::step].mean() < 0.7


@BY_PERSONS
@pytest.mark.parametrize("n_splits", [2, 4, 6, 8, 10])
def test_group_folds_of_the_default_persons_have_both_classes(make, n_splits):
    data = make(80, image_shape=(32, 32), random_state=0)
    assert len(set(data.groups)) == 40
    for _, test in GroupKFold(n_splits).split(data.data, data.target, data.groups):
        assert len(set(data.target[test])) == 2


@BY_PERSONS
def test_persons_of_a_class_draw_equally_often(make):
    data = make(200, image_shape=(32, 32), persons=range(10), random_state=0)
    assert data.target.sum() == 100
    assert np.bincount(data.groups).tolist() == [20] * 10


def test_spirals_are_of_the_persons_asked_for():
    spirals = make_shaky_spirals(50, persons=range(10, 14), random_state=0)
    assert set(spirals.groups) == {10, 11, 12, 13}


def test_spirals_of_a_person_resemble_each_other():
    mass = []
    for seed in (0, 1):
        spirals = make_shaky_spirals(400, persons=range(20), random_state=seed)
        mass.append([spirals.data[spirals.groups == person].mean() for person in range(20)])
    assert np.corrcoef(mass)[0, 1] > 0.5


@pytest.mark.parametrize(("label", "missing"), [("regular", "shaky"), ("shaky", "regular")])
def test_persons_of_one_class_are_refused_with_numbers_that_help(label, missing):
    members = [number for number in range(20) if person_class(number) == (label == "shaky")][:3]
    helpful = [number ^ 1 for number in members]
    with pytest.raises(
        ValueError, match=rf"persons must hold .*all {label}; {missing} persons to add"
    ) as error:
        make_shaky_spirals(2, persons=members)
    assert f"{members}, all" in str(error.value)
    assert str(error.value).endswith(f"{helpful}.")
    for number in helpful:
        assert check_persons([*members, number]).tolist() == sorted([*members, number])


@BY_PERSONS
@pytest.mark.parametrize(
    ("persons", "error", "message"),
    [
        (1, ValueError, "persons must be at least 2, got 1"),
        ([-1, 2], ValueError, r"persons must be .* numbers from 0 to 2\*\*62, got \[-1, 2\]"),
        ([0, 2**70], ValueError, r"persons must be .* numbers from 0 to 2\*\*62"),
        ([], ValueError, r"persons must be .* numbers .* got \[\]"),
        (["a"], TypeError, "persons must be an integer or an iterable of integers"),
        (np.array(3), TypeError, "persons must be an integer or an iterable of integers"),
        ([True, 2], TypeError, "persons must be an integer or an iterable of integers"),
        (2.5, TypeError, "persons must be an integer or an iterable of integers, got 2.5"),
    ],
)
def test_persons_must_be_numbers(make, persons, error, message):
    with pytest.raises(error, match=message):
        make(2, persons=persons)
