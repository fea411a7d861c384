"""From a target sparsity to λ, for every penalty."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from sparsecnn.penalties._checks import check_weights, is_number
from sparsecnn.penalties._step_to_zero import step_to_zero
from sparsecnn.penalties._units import check_has_target, unit_magnitudes, unit_of

# Relative, of steps at which groups become zero.
BISECTION_TOLERANCE = 1e-6


def lam_for_sparsity(penalty: Any, w: Tensor | Sequence[Tensor], beta: float, sparsity: float) -> float:
    """Return the λ at which the proximal map of `penalty` sets a given fraction of the units to zero.

    For a training loop of your own, or to see what a λ means: one call turns a fraction of zeros into λ for
    weights as they are.

    Parameters
    ----------
    penalty : object
        With ``prox(w, step)``, and ``critical_step(magnitude)`` if its units are groups.
    w : Tensor or sequence of Tensors
        Weights of any shape, of one layer or of several that share one λ.
    beta : float
        Weight β of ``‖w - u‖²/2``, above 0.
    sparsity : float
        Fraction of the units that become zero, from 0 to 1. Units are single weights, or groups of them for
        penalties of groups (see `unit_magnitudes`).

    Returns
    -------
    float
        0 where no λ is needed.

    Raises
    ------
    ValueError
        If `sparsity` or `beta` is out of range, `penalty` has no ``prox``, `w` holds no tensors or others, no
        finite λ makes `penalty` zero the units, or `penalty` has groups for units and no
        ``critical_step(magnitude)``, or a reason in ``no_target``.

    See Also
    --------
    sparsecnn.RVSM : Calls it while it has a target sparsity.
    unit_magnitudes : The magnitudes whose quantile it takes.

    Notes
    -----
    λ/β is the step that just zeroes the `sparsity`-quantile of the magnitudes; for ℓ0 it is half the square
    of that quantile. It is ``critical_step(magnitude)`` of a penalty with that method, and is found by
    bisection for others. For penalties over whole tensors without that method, it is found by bisection on
    the maps of these tensors, of which at least the given fraction becomes zero: weights of one group may
    only become zero together.

    Examples
    --------
    >>> import torch
    >>> from sparsecnn.penalties import L0, lam_for_sparsity
    >>> round(lam_for_sparsity(L0(), torch.tensor([4.0, -1.0, 3.0, 2.0]), beta=1.0, sparsity=0.5), 6)
    2.0
    """
    if not is_number(sparsity) or not 0 <= sparsity <= 1:
        raise ValueError(f"sparsity must be a number from 0 to 1, got {sparsity!r}.")
    if not is_number(beta) or beta <= 0:
        raise ValueError(f"beta must be a finite number above 0, got {beta!r}.")
    if not callable(getattr(penalty, "prox", None)):
        raise ValueError(f"penalty must be an object with prox(w, step), got {penalty!r}.")
    several = np.iterable(w) and not isinstance(w, Tensor)
    weights = [check_weights(one) for one in (w if several else [w])]
    if not weights:
        raise ValueError("w must hold at least one tensor, got none.")
    magnitudes = np.concatenate([_as_numpy(penalty, wi) for wi in weights])
    n_zeros = round(sparsity * len(magnitudes))
    if n_zeros == 0:
        return 0.0
    check_has_target(penalty)
    largest_zero = np.partition(magnitudes, n_zeros - 1)[n_zeros - 1]  # ten times as fast as in torch
    if largest_zero == 0:
        return 0.0
    if unit_of(penalty) == "tensor" and not hasattr(penalty, "critical_step"):
        step = _bisect_zeros(penalty, weights, n_zeros, float(largest_zero))
    else:
        # The largest comes along for penalties of the user that look at all weights at once.
        survivors = magnitudes.max(keepdims=True) if n_zeros < len(magnitudes) else magnitudes[:0]
        step = step_to_zero(penalty, float(largest_zero), survivors) * (1 + 1e-12)  # safe from rounding
    if not beta * step < math.inf:
        raise ValueError(
            f"{penalty!r} does not set {n_zeros} of {len(magnitudes)} units to zero, whatever finite lam is: "
            "sparsity must be smaller."
        )
    return beta * step


def _as_numpy(penalty: Any, w: Tensor) -> np.ndarray:
    """Return the magnitudes of the units of `w` as an array of at least single precision."""
    magnitudes = unit_magnitudes(penalty, w)
    return magnitudes.to("cpu", torch.promote_types(magnitudes.dtype, torch.float32)).numpy()


def _bisect_zeros(penalty: Any, weights: Sequence[Tensor], n_zeros: int, magnitude: float) -> float:
    """Return nearly the least step whose proximal map zeroes `n_zeros` units of `weights`.

    The search starts where ℓ0 would zero the given magnitude, and ends early at exactly `n_zeros`. It returns
    infinity where no step is large enough.
    """

    def excess(step: float) -> int:
        return (
            sum(int((unit_magnitudes(penalty, penalty.prox(w, step)) == 0).sum()) for w in weights) - n_zeros
        )

    if excess(0.0) >= 0:
        return 0.0
    high = max(magnitude * magnitude / 2, 1e-290)
    while (found := excess(high)) < 0:
        high *= 16
        if high > 1e60:
            return math.inf
    low = high / 16
    while found > 0 and low > 1e-300 and (found_low := excess(low)) >= 0:
        low, high, found = low / 16, low, found_low
    while found > 0 and high / low > 1 + BISECTION_TOLERANCE:
        middle = math.sqrt(low) * math.sqrt(high)
        found_middle = excess(middle)
        if found_middle < 0:
            low = middle
        else:
            high, found = middle, found_middle
    return high
