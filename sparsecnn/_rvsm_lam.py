"""λ and the penalty's value over several split tensors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import Tensor

from sparsecnn.penalties import lam_for_sparsity


def lams_for_target(
    penalties: Sequence[Any],
    weights: Sequence[Tensor],
    beta: float,
    target: float | Sequence[float],
    one_lam: bool,
) -> float | list[float]:
    """Return the λ at which a fraction of the units becomes zero: one, or one for each tensor.

    Parameters
    ----------
    penalties : sequence of objects
        Of each tensor; None for those that have no λ, which is 0 if there is one for each tensor.
    weights : sequence of Tensors
    beta : float
    target : float or sequence of floats
        Fraction of zero units of all tensors, or of each.
    one_lam : bool
        Whether a single `target` is met by one λ for all tensors, rather than by one for each.
    """
    penalized = [w for penalty, w in zip(penalties, weights, strict=True) if penalty is not None]
    if isinstance(target, float):
        if one_lam:
            penalty = next(penalty for penalty in penalties if penalty is not None)
            return lam_for_sparsity(penalty, penalized, beta, target)
        target = [target] * len(weights)
    triples = zip(penalties, weights, target, strict=True)
    return [
        0.0 if penalty is None else lam_for_sparsity(penalty, w, beta, fraction)
        for penalty, w, fraction in triples
    ]


def penalty_value(
    penalties: Sequence[Any], weights: Sequence[Tensor], lams: Sequence[float], beta: float
) -> float:
    """Return ``Σ λ P(w)`` over tensors with their penalties, None of which have none."""
    total = 0.0
    for penalty, w, lam in zip(penalties, weights, lams, strict=True):
        if penalty is not None:
            shape = (lam / beta,) if getattr(penalty, "depends_on_step", False) else ()
            total += lam * float(penalty.value(w, *shape))
    return total
