"""Sparsity penalties P and their proximal maps, on torch tensors.

A penalty has two methods: ``value(w)``, the sum of P over all weights, and ``prox(w, step)``, the
minimiser of ``(x - w)² / 2 + step * P(x)``. It knows nothing of who uses it.
"""

import difflib
import math
from typing import Any

import torch
from sklearn.base import BaseEstimator
from torch import Tensor
from torch.nn.functional import hardshrink, softshrink

__all__ = ["L0", "L1", "PENALTIES", "TransformedL1", "get_penalty", "lam_for_sparsity"]


class L0(BaseEstimator):
    """Number of non-zero weights: the penalty that does not shrink what survives.

    Notes
    -----
    ``P(x) = 1[x ≠ 0]``. Its proximal map is hard thresholding: w where ``|w| > √(2·step)``, else 0 [1]_.

    References
    ----------
    .. [1] F. Xue and J. Xin, "Learning Sparse Neural Networks via ℓ0 and Tℓ1 by a Relaxed Variable
       Splitting Method with Application to Multi-scale Curve Classification", arXiv:1902.07419.

    Examples
    --------
    >>> import torch
    >>> from sparsecnn.penalties import L0
    >>> L0().prox(torch.tensor([-2.0, 0.5, 1.5]), step=0.5)
    tensor([-2.0000,  0.0000,  1.5000])
    """

    def value(self, w: Tensor) -> Tensor:
        """Return the number of non-zero weights, as a scalar tensor of w's dtype."""
        return torch.count_nonzero(w).to(w.dtype)

    def prox(self, w: Tensor, step: float) -> Tensor:
        """Return w with every weight of magnitude at most ``√(2·step)`` set to exactly zero.

        Parameters
        ----------
        w : Tensor of any shape, device and floating dtype
        step : float
            λ/β, at least 0.
        """
        return hardshrink(w, math.sqrt(2 * _check_step(step)))


class L1(BaseEstimator):
    """Sum of magnitudes: the convex penalty, which shrinks every survivor by the same amount.

    Notes
    -----
    ``P(x) = |x|``. Its proximal map is soft thresholding: ``sign(w)·max(|w| - step, 0)``.

    Examples
    --------
    >>> import torch
    >>> from sparsecnn.penalties import L1
    >>> L1().prox(torch.tensor([-2.0, 0.5, 1.5]), step=0.5)
    tensor([-1.5000,  0.0000,  1.0000])
    """

    def value(self, w: Tensor) -> Tensor:
        """Return the sum of ``|w|``, as a scalar tensor."""
        return w.abs().sum()

    def prox(self, w: Tensor, step: float) -> Tensor:
        """Return w moved towards zero by `step`, and exactly zero within it.

        Parameters
        ----------
        w : Tensor of any shape, device and floating dtype
        step : float
            λ/β, at least 0.
        """
        return softshrink(w, _check_step(step))


class TransformedL1(BaseEstimator):
    """Transformed ℓ1: between ℓ0 (small `a`) and ℓ1 (large `a`).

    Parameters
    ----------
    a : float, default=0.002
        Shape, above 0. The default is on the scale of a network's weights; the weights of a regression
        on standardised features ask for about 1.

    Notes
    -----
    ``P(x) = (a + 1)|x| / (a + |x|)``. The proximal map is in closed form [1]_: zero up to the threshold
    ``step·(a + 1)/a`` where ``step ≤ a²/(2(a + 1))``, else up to ``√(2·step·(a + 1)) - a/2``; above it

        ``sign(w)·[⅔(a + |w|)·cos(φ/3) - 2a/3 + |w|/3]``, ``φ = arccos(1 - 27·step·a(a + 1)/(2(a + |w|)³))``,

    which is computed in the equal form ``|w| - (4/3)(a + |w|)·sin²(arcsin(√s)/3)`` with
    ``s = 27·step·a(a + 1)/(4(a + |w|)³)``, free of cancellation for large `a`.

    References
    ----------
    .. [1] S. Zhang and J. Xin, "Minimization of transformed L1 penalty: closed form representation and
       iterative thresholding algorithms", Commun. Math. Sci. 15(2), 2017.

    Examples
    --------
    >>> import torch
    >>> from sparsecnn.penalties import TransformedL1
    >>> TransformedL1(a=1.0).prox(torch.tensor([-2.0, 0.5, 1.5]), step=0.5)
    tensor([-1.8794,  0.0000,  1.3131])
    """

    def __init__(self, a: float = 0.002):
        self.a = a

    def value(self, w: Tensor) -> Tensor:
        """Return the sum of ``(a + 1)|w| / (a + |w|)``, as a scalar tensor."""
        a = self._check_a()
        magnitude = w.abs()
        return ((a + 1) * magnitude / (a + magnitude)).sum()

    def prox(self, w: Tensor, step: float) -> Tensor:
        """Return the proximal map at w, exactly zero up to the threshold.

        Parameters
        ----------
        w : Tensor of any shape, device and floating dtype
        step : float
            λ/β, at least 0.

        Raises
        ------
        ValueError
            If `a` is not above 0.
        """
        a, step = self._check_a(), _check_step(step)
        magnitude = w.abs().to(
            torch.promote_types(w.dtype, torch.float32)
        )  # half precision has too few digits
        shifted = a + magnitude
        s = (27 / 4 * step * (a / shifted) * ((a + 1) / shifted) / shifted).clamp(max=1)
        shrunk = magnitude - 4 / 3 * shifted * (s.sqrt().asin() / 3).sin().square()
        survives = (magnitude > self._threshold(step)) & (shrunk > 0)
        return torch.where(survives, shrunk.copysign(w), 0).to(w.dtype)

    def _threshold(self, step):
        a = self.a
        if step <= a**2 / (2 * (a + 1)):
            return step * (a + 1) / a
        return math.sqrt(2 * step * (a + 1)) - a / 2

    def _check_a(self):
        if not 0 < self.a < math.inf:
            raise ValueError(f"TransformedL1 needs a finite a > 0, got a={self.a!r}.")
        return self.a


PENALTIES = {"l0": L0, "l1": L1, "tl1": TransformedL1}


def get_penalty(penalty: Any) -> Any:
    """Return the penalty object of a name, or the object itself.

    Parameters
    ----------
    penalty : str or object
        A name in `PENALTIES`, or any object with the methods ``value(w)`` and ``prox(w, step)``.

    Raises
    ------
    ValueError
        If the name is unknown, or the object lacks a method.

    Examples
    --------
    >>> from sparsecnn.penalties import get_penalty
    >>> get_penalty("tl1")
    TransformedL1()
    """
    if isinstance(penalty, str):
        if penalty not in PENALTIES:
            near = difflib.get_close_matches(penalty, PENALTIES, n=1)
            hint = f" Did you mean {near[0]!r}?" if near else ""
            raise ValueError(f"penalty must be one of {sorted(PENALTIES)}, got {penalty!r}.{hint}")
        return PENALTIES[penalty]()
    for method in ("value", "prox"):
        if isinstance(penalty, type) or not callable(getattr(penalty, method, None)):
            raise ValueError(
                f"penalty must be one of {sorted(PENALTIES)} or an object with value(w) and prox(w, step), "
                f"got {penalty!r}."
            )
    return penalty


def lam_for_sparsity(penalty: Any, w: Tensor, beta: float, sparsity: float) -> float:
    """Return the λ at which the proximal map of `penalty` zeroes a wanted fraction of the weights.

    Parameters
    ----------
    penalty : object
        With ``prox(w, step)``, acting on each weight by itself.
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
    λ/β is the step that just zeroes the `sparsity`-quantile of ``|w|``, found by bisection; for ℓ0 it is
    half the square of that quantile.

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
    n_zeros = round(sparsity * w.numel())
    if n_zeros == 0:
        return 0.0
    largest_zero = w.detach().abs().flatten().kthvalue(n_zeros, keepdim=True).values.cpu().double()
    if not largest_zero.any():
        return 0.0
    low, high = 1e-30, 1.0
    while penalty.prox(largest_zero, high).any():
        high *= 16
        if high > 1e30:
            raise ValueError(f"{penalty!r} does not set weights to zero, whatever lam is.")
    while high / low > 1 + 1e-12:
        middle = math.sqrt(low * high)
        if penalty.prox(largest_zero, middle).any():
            low = middle
        else:
            high = middle
    return beta * high


def _check_step(step):
    step = float(step)
    if not 0 <= step < math.inf:
        raise ValueError(f"step (lam / beta) must be finite and at least 0, got {step!r}.")
    return step
