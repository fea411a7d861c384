"""Checks of the numbers and tensors that penalties are given."""

import functools
import math
import sys
from numbers import Real
from typing import Any

import torch
from torch import Tensor


def is_number(value: Any) -> bool:
    """Return whether `value` is a finite real number; a bool is none."""
    number = isinstance(value, Real) and not isinstance(value, bool)
    return number and -sys.float_info.max <= value <= sys.float_info.max  # also of integers beyond floats


def check_step(step: Any) -> float:
    """Return `step` as a float, or raise ValueError unless it is finite and at least 0."""
    if type(step) is float and 0 <= step < math.inf:  # the usual case, in a quarter of the time
        return step
    if not is_number(step) or step < 0:
        raise ValueError(f"step (lam / beta) must be a finite number of at least 0, got {step!r}.")
    return float(step)


def check_weights(w: Any) -> Tensor:
    """Return `w`, or raise ValueError unless it is a tensor of real floating dtype, of 16 bits or more."""
    if not isinstance(w, Tensor) or not w.is_floating_point() or w.element_size() < 2:
        got = f"a tensor of {w.dtype}" if isinstance(w, Tensor) else repr(w)
        raise ValueError(f"w must be a tensor of a real floating dtype, got {got}.")
    return w


@functools.lru_cache(maxsize=1024)
def round_down(value: float, dtype: torch.dtype) -> float:
    """Return the largest finite number of `dtype` up to `value`, which is at least 0.

    Numbers of that dtype are over the result exactly if they are over `value`.
    """
    info = torch.finfo(dtype)
    if value >= info.max:
        return info.max
    spacing = info.eps * max(2.0 ** (math.frexp(value)[1] - 1), info.smallest_normal)
    return math.floor(value / spacing) * spacing
