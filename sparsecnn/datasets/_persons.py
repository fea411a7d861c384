"""Who draws: each person is regular or shaky, and has a style."""

from collections.abc import Iterable, Mapping

import numpy as np

from sparsecnn._image_shape import is_integer
from sparsecnn.datasets._bunch import TARGET_NAMES
from sparsecnn.datasets._checks import check_count

# For each habit: its lower and upper bound over persons, and by what fraction of this range it varies from
# drawing to drawing.
Habits = Mapping[str, tuple[float, float, float]]

_LARGEST = 2**62
# Seeds the classes. With this one, `GroupKFold` of 20 to 100 persons of equally many images has both classes
# in each fold of four persons or more.
_SEED = 3420


def person_class(number: int) -> int:
    """Return the class of a person: 0 for regular, 1 for shaky.

    Of the persons 2 i and 2 i + 1 one is regular and one shaky, in an order that is a random bit of i:
    range(k) is balanced for each even k, and the classes of every second, third, ... person are still mixed.
    """
    pair, second = divmod(int(number), 2)
    bit = int(np.random.SeedSequence([pair, _SEED]).generate_state(1)[0]) & 1
    return bit ^ second


def check_persons(persons: int | Iterable[int]) -> np.ndarray:
    """Return the numbers of the persons, sorted, some of each class; an integer k stands for range(k)."""
    if is_integer(persons):
        check_count("persons", persons, smallest=2)
        return np.arange(persons)
    listed = list(persons) if np.iterable(persons) and not isinstance(persons, str) else [persons]
    if not all(is_integer(number) for number in listed):
        raise TypeError(f"persons must be an integer or an iterable of integers, got {persons!r}.")
    if not listed or not all(0 <= number <= _LARGEST for number in listed):
        raise ValueError(
            f"persons must be an integer or at least two numbers from 0 to 2**62, got {persons!r}."
        )
    numbers = np.unique(np.array(listed, dtype=np.int64))
    _check_both_classes(numbers)
    return numbers


def _check_both_classes(numbers: np.ndarray) -> None:
    present = {person_class(number) for number in numbers}
    if len(present) < 2:
        got, missing = TARGET_NAMES[min(present)], TARGET_NAMES[1 - min(present)]
        raise ValueError(
            f"persons must hold a regular and a shaky person, got {numbers.tolist()}, all {got}; "
            f"{missing} persons to add are, for example, {(numbers[:3] ^ 1).tolist()}."
        )


def assign_persons(
    rng: np.random.Generator, n_samples: int, numbers: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return the class and the person of every image, in random order."""
    classes = np.array([person_class(number) for number in numbers])
    target = np.arange(n_samples) % 2
    groups = np.empty(n_samples, dtype=np.int64)
    for label in (0, 1):
        members = rng.permutation(numbers[classes == label])
        groups[label::2] = np.resize(members, len(groups[label::2]))
    order = rng.permutation(n_samples)
    return target[order], groups[order]


def person_styles(groups: np.ndarray, habits: Habits, stream: int = 0) -> np.ndarray:
    """Return the styles (n, habits) of the persons of all drawings, from 0 to 1, fixed for a person.

    Different sets of habits need a `stream` of random numbers each.
    """
    seeds = {number: [number, stream] if stream else number for number in np.unique(groups).tolist()}
    styles = {number: np.random.default_rng(seed).random(len(habits)) for number, seed in seeds.items()}
    return np.array([styles[number] for number in groups])


def vary_habits(rng: np.random.Generator, habits: Habits, styles: np.ndarray) -> dict[str, np.ndarray]:
    """Return each habit's values, of shape (...), in drawings by persons of `styles` (..., habits)."""
    low, high, jitter = np.array(list(habits.values())).T
    styles = np.clip(styles + jitter * rng.uniform(-1, 1, styles.shape), 0, 1)
    return dict(zip(habits, (low + (high - low) * styles).T, strict=True))
