"""Checks of the generators' arguments."""

from collections.abc import Sequence
from numbers import Real
from typing import Any

import numpy as np
from sklearn.utils import check_random_state

from sparsecnn._image_shape import is_integer

MOST = 1e6  # of amplitudes, frequencies and the like; an image shows nothing of larger ones
MOST_SCALES = 32  # octaves; finer waves than a pixel of any image


def check_count(name: str, value: Any, smallest: int = 1, largest: int = 2**31 - 1) -> None:
    """Raise unless `value` is an integer from `smallest` to `largest`."""
    if not is_integer(value):
        raise TypeError(f"{name} must be an integer, got {value!r}.")
    if value < smallest:
        raise ValueError(f"{name} must be at least {smallest}, got {value}.")
    if value > largest:
        raise ValueError(f"{name} must be at most {largest}, got {value}.")


def check_flag(name: str, value: Any) -> None:
    """Raise unless `value` is a bool."""
    if not isinstance(value, (bool, np.bool_)):
        raise TypeError(f"{name} must be True or False, got {value!r}.")


def check_range(
    name: str, value: float | tuple[float, float], *, open_low: bool = False
) -> tuple[float, float]:
    """Return `value` as (low, high), a number for both; raise if negative, or if 0 with `open_low`."""
    ends = [value, value] if isinstance(value, Real) else list(value) if np.iterable(value) else []
    if len(ends) != 2 or not all(_is_finite(end) for end in ends) or ends[0] > ends[1]:
        raise ValueError(f"{name} must be a number or a pair (low, high) of finite numbers, got {value!r}.")
    if ends[1] > MOST:
        raise ValueError(f"{name} must be at most {MOST:g}, got {value!r}.")
    if ends[0] < 0 or (open_low and ends[0] == 0):
        raise ValueError(f"{name} must be {'positive' if open_low else 'non-negative'}, got {value!r}.")
    return float(ends[0]), float(ends[1])


def _is_finite(value: Any) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool) and bool(np.isfinite(float(value)))


def check_choice(name: str, chosen: str | Sequence[str], known: Sequence[str]) -> np.ndarray:
    """Return the indices into `known` of the names in `chosen`."""
    names = [chosen] if isinstance(chosen, str) else list(chosen) if np.iterable(chosen) else []
    if not names or not all(isinstance(each, str) and each in known for each in names):
        raise ValueError(f"{name} must be one or several of {list(known)}, got {chosen!r}.")
    return np.array([known.index(each) for each in names])


def make_generator(random_state: int | np.random.RandomState | None) -> np.random.Generator:
    """Return a generator seeded by `random_state`."""
    try:
        state = check_random_state(random_state)
    except (TypeError, ValueError) as error:
        raise ValueError(
            "random_state must be an integer from 0 to 2**32 - 1, a RandomState instance or None, "
            f"got {random_state!r}."
        ) from error
    return np.random.default_rng(state.randint(2**31, size=4))
