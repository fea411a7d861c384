"""Who draws: persons of even number are regular, those of odd number shaky; each has a style."""

from collections.abc import Iterable, Mapping
from numbers import Integral

import numpy as np

from sparsecnn.datasets._checks import check_count

# By name of the habit: its bounds over all persons, and by which part of that range it varies from drawing to
# drawing.
Habits = Mapping[str, tuple[float, float, float]]


def check_persons(persons: int | Iterable[int]) -> np.ndarray:
    """Numbers of the persons, sorted, some of each class; an integer stands for so many, from 0."""
    if isinstance(persons, (int, np.integer)) and not isinstance(persons, bool):
        check_count("persons", int(persons), smallest=2)
        return np.arange(persons)
    listed = list(persons) if isinstance(persons, Iterable) and not isinstance(persons, str) else [persons]
    if not all(isinstance(number, Integral) and not isinstance(number, bool) for number in listed):
        raise TypeError(f"persons must be an integer or an iterable of integers, got {persons!r}.")
    numbers = np.unique(np.array(listed, dtype=np.int64))
    if (numbers < 0).any() or len(set((numbers % 2).tolist())) < 2:
        raise ValueError(
            "persons must be numbers from 0, at least one even (regular) and one odd (shaky), "
            f"got {numbers.tolist()}."
        )
    return numbers


def assign_persons(
    rng: np.random.Generator, n_samples: int, numbers: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Class and person of every image, in random order."""
    target = np.arange(n_samples) % 2
    groups = np.empty(n_samples, dtype=np.int64)
    for label in (0, 1):
        members = rng.permutation(numbers[numbers % 2 == label])
        groups[label::2] = np.resize(members, len(groups[label::2]))
    order = rng.permutation(n_samples)
    return target[order], groups[order]


def person_styles(groups: np.ndarray, habits: Habits) -> np.ndarray:
    """Styles (n, habits) of the persons of all drawings, from 0 to 1; a person's own are always the same."""
    styles = {number: np.random.default_rng(number).random(len(habits)) for number in np.unique(groups)}
    return np.array([styles[number] for number in groups])


def vary_habits(rng: np.random.Generator, habits: Habits, styles: np.ndarray) -> dict[str, np.ndarray]:
    """Values of each habit, of shape (...), in drawings by persons of `styles` (..., habits)."""
    low, high, jitter = np.array(list(habits.values())).T
    styles = np.clip(styles + jitter * rng.uniform(-1, 1, styles.shape), 0, 1)
    return dict(zip(habits, (low + (high - low) * styles).T, strict=True))
