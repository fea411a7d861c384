"""The step that zeroes a unit, in closed form or by bisection."""

import math
from typing import Any

import numpy as np
import torch
from torch import Tensor

from sparsecnn.penalties._units import unit_of


def step_to_zero(penalty: Any, magnitude: float, survivors: np.ndarray | None = None) -> float:
    """Return the least step whose proximal map zeroes a unit of that magnitude.

    It is ``critical_step(magnitude)`` of a penalty with that method. For others it is found by bisection, on
    the unit together with `survivors`, whose dtype it takes; their units must be single weights.
    """
    if hasattr(penalty, "critical_step"):
        return penalty.critical_step(magnitude)
    _check_single_weights(penalty)
    others = np.empty(0) if survivors is None else survivors
    return _bisect_step(penalty, torch.tensor(np.append(others, others.dtype.type(magnitude))))


def _check_single_weights(penalty: Any) -> None:
    """Raise ValueError unless the units of `penalty` are single weights."""
    unit = unit_of(penalty)
    if unit != "weight":
        raise ValueError(
            f"{penalty!r} of unit {unit!r} needs to see whole layers, so λ cannot be found without them: "
            "give lam, or the penalty a method critical_step(magnitude)."
        )


def _bisect_step(penalty: Any, weights: Tensor) -> float:
    """Return the least step whose proximal map zeroes the last of `weights`."""
    low, high = 1e-60, 1.0
    try:
        while penalty.prox(weights, high)[-1] != 0:
            high *= 16
            if high > 1e36:
                raise ValueError(f"{penalty!r} does not set weights to zero, whatever lam is.")
    except (IndexError, RuntimeError) as error:
        raise ValueError(
            f"{penalty!r} needs to see whole layers, so λ cannot be found from their weights one by one: "
            f"give lam, or the penalty a method critical_step(magnitude). ({error})"
        ) from error
    while high / low > 1 + 1e-12:
        middle = math.sqrt(low * high)
        if penalty.prox(weights, middle)[-1] != 0:
            low = middle
        else:
            high = middle
    return high
