"""From a wanted sparsity to λ, for whatever has a proximal map."""

import math
from typing import Any

import numpy as np
import torch
from torch import Tensor


def lam_for_sparsity(penalty: Any, w: Tensor, beta: float, sparsity: float) -> float:
    """Return the λ at which the proximal map of `penalty` zeroes a wanted fraction of the weights.

    Parameters
    ----------
    penalty : object
        With ``prox(w, step)``.
    w : Tensor
        Weights of any shape.
    beta : float
    sparsity : float
        Wanted fraction of zeros, from 0 to 1.

    Returns
    -------
    lam : float
        0 where no λ is needed.

    Notes
    -----
    λ/β is the step that just zeroes the `sparsity`-quantile of ``|w|``; for ℓ0 it is half the square of that
    quantile. A penalty that has ``critical_step(magnitude)`` is asked, for others it is found by bisection.

    Raises
    ------
    ValueError
        If `sparsity` or `beta` is out of range, or no λ makes `penalty` zero the weights.

    Examples
    --------
    >>> import torch
    >>> from sparsecnn.penalties import L0, lam_for_sparsity
    >>> round(lam_for_sparsity(L0(), torch.tensor([4.0, -1.0, 3.0, 2.0]), beta=1.0, sparsity=0.5), 6)
    2.0
    """
    if not 0 <= sparsity <= 1:
        raise ValueError(f"sparsity must be from 0 to 1, got {sparsity!r}.")
    if not 0 < beta < math.inf:
        raise ValueError(f"beta must be finite and above 0, got {beta!r}.")
    # numpy selects ten times as fast as torch does.
    magnitude = w.detach().abs().flatten().to("cpu", torch.promote_types(w.dtype, torch.float32)).numpy()
    n_zeros = round(sparsity * len(magnitude))
    if n_zeros == 0:
        return 0.0
    largest_zero = np.partition(magnitude, n_zeros - 1)[n_zeros - 1]
    if largest_zero == 0:
        return 0.0
    if hasattr(penalty, "critical_step"):
        step = penalty.critical_step(float(largest_zero)) * (1 + 1e-12)  # safe from rounding
    else:
        # A survivor comes along for the sake of penalties that look at all weights at once.
        survivor = [magnitude.max()] if n_zeros < len(magnitude) else []
        step = _bisect_step(penalty, torch.tensor(np.array([*survivor, largest_zero])))
    return beta * step


def _bisect_step(penalty, weights):
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
