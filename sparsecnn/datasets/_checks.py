"""Checks of the generators' arguments."""

from collections.abc import Sequence
from numbers import Integral, Real

import numpy as np


def check_count(name: str, value: int, smallest: int = 1) -> None:
    """Raise unless `value` is an integer of at least `smallest`."""
    if not isinstance(value, Integral) or isinstance(value, bool):
        raise TypeError(f"{name} must be an integer, got {value!r}.")
    if value < smallest:
        raise ValueError(f"{name} must be at least {smallest}, got {value}.")


def check_image_shape(image_shape: tuple[int, int], smallest: int) -> tuple[int, int]:
    """`image_shape` as a pair of integers, each of at least `smallest`."""
    pair = isinstance(image_shape, (Sequence, np.ndarray)) and len(image_shape) == 2
    if not pair or not all(isinstance(side, Integral) for side in image_shape):
        raise ValueError(f"image_shape must be two integers (height, width), got {image_shape!r}.")
    if min(image_shape) < smallest:
        raise ValueError(f"image_shape must be at least ({smallest}, {smallest}), got {tuple(image_shape)}.")
    return int(image_shape[0]), int(image_shape[1])


def check_range(
    name: str, value: float | tuple[float, float], *, open_low: bool = False
) -> tuple[float, float]:
    """`value` as (low, high): one number stands for both ends; neither is negative, nor 0 with `open_low`."""
    ends = [value, value] if isinstance(value, Real) else list(value) if np.iterable(value) else []
    finite = len(ends) == 2 and all(isinstance(end, Real) and np.isfinite(float(end)) for end in ends)
    if not finite or ends[0] > ends[1]:
        raise ValueError(f"{name} must be a number or a pair (low, high) of finite numbers, got {value!r}.")
    if ends[0] < 0 or (open_low and ends[0] == 0):
        raise ValueError(f"{name} must be {'positive' if open_low else 'non-negative'}, got {value!r}.")
    return float(ends[0]), float(ends[1])


def check_kinds(kinds: Sequence[str], known: Sequence[str]) -> np.ndarray:
    """Indices of `kinds` in `known`."""
    chosen = [kinds] if isinstance(kinds, str) else list(kinds)
    unknown = [kind for kind in chosen if kind not in known]
    if unknown or not chosen:
        raise ValueError(f"kinds must be chosen from {list(known)}, got {kinds!r}.")
    return np.array([known.index(kind) for kind in chosen])
