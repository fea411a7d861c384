"""Penalties in the manner of a norm: ℓ0, ℓ½, ℓ1, transformed ℓ1 and ℓ1 - α ℓ2."""

import math
from typing import Any

import torch
from torch import Tensor, hardshrink
from torch.nn.functional import softshrink

from sparsecnn.penalties._base import ClosedFormPenalty
from sparsecnn.penalties._checks import check_step, check_weights, round_down
from sparsecnn.penalties._row_maps import shrink_l1_and_norm

__all__ = ["L0", "L1", "L1MinusL2", "LHalf", "TransformedL1"]


class L0(ClosedFormPenalty):
    """Number of non-zero weights: the penalty that does not shrink what survives.

    The first choice: what is left of the network is unbiased, and λ has one meaning, half the square of the
    threshold at β = 1.

    See Also
    --------
    TransformedL1 : Close to ℓ0 for a small `a`.
    GroupPenalty : The same for whole filters.
    sparsecnn.inspection.ThresholdDisplay : Draws the proximal map beside others.

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
        return (w != 0).sum().to(w.dtype)

    def prox(self, w: Tensor, step: float) -> Tensor:
        threshold = math.sqrt(2 * check_step(step))
        return hardshrink(w, round_down(threshold, check_weights(w).dtype))

    def critical_step(self, magnitude: float) -> float:
        return magnitude * magnitude / 2


class L1(ClosedFormPenalty):
    """Sum of magnitudes: the convex penalty, which shrinks every survivor by the same amount.

    The lasso, known best and a baseline for others. Its bias costs accuracy at high sparsity, which
    fine-tuning takes back.

    See Also
    --------
    L0 : Shrinks no survivor.
    L1MinusL2 : Shrinks large weights less.
    sparsecnn.inspection.ThresholdDisplay : Draws the proximal map beside others.

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
        return w.abs().sum()

    def prox(self, w: Tensor, step: float) -> Tensor:
        if check_weights(w).dtype in (torch.float16, torch.bfloat16):  # which would round the step
            return super().prox(w, step)
        # Adding 0 leaves no zero negative.
        return softshrink(w, min(check_step(step), torch.finfo(w.dtype).max)).add_(0.0)

    def _shrink(self, magnitude: Tensor, step: float) -> Tensor:
        return softshrink(magnitude, step)

    def critical_step(self, magnitude: float) -> float:
        return magnitude


class TransformedL1(ClosedFormPenalty):
    """Transformed ℓ1: between ℓ0 (small `a`) and ℓ1 (large `a`).

    One parameter goes over from counting weights to adding up their magnitudes. It is the second penalty of
    the paper of this method.

    Parameters
    ----------
    a : float, default=0.002
        Shape, above 0. The default is on the scale of a network's weights; the weights of a regression
        on standardised features ask for about 1.

    See Also
    --------
    L0 : The limit of small `a`.
    L1 : The limit of large `a`.
    sparsecnn.inspection.ThresholdDisplay : Draws the proximal map beside others.

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
        a = self._check_parameter("a", 0)
        magnitude = w.abs()
        return (magnitude / (a + magnitude) * (a + 1)).sum()

    def _shrink(self, magnitude: Tensor, step: float | Tensor) -> Tensor:
        a = self._check_parameter("a", 0)
        threshold = self._threshold(step)
        if isinstance(threshold, float) and a > 1e17 * threshold:  # ℓ1, to rounding
            return softshrink(magnitude, round_down(threshold, magnitude.dtype))
        kept = _above(magnitude, threshold)
        # y = 1/∛s is at least 1 above the threshold.
        root = _cube_root(27 / 4 * step) * math.cbrt(a + 1) * math.cbrt(a)
        if isinstance(root, float) and root < 1e-6 * threshold:  # ℓ0, to rounding
            return kept
        highest = 1e100 if magnitude.dtype == torch.float64 else 1e12
        y = magnitude.mul_(1 / root).add_(a / root).clamp_(1, highest)
        angle = y.reciprocal().pow_(3).sqrt_().asin_().mul_(1 / 3)
        if isinstance(root, Tensor):
            y, root = y.mul_(root), 1.0
        return kept.addcmul_(angle.sin_().square_(), y, value=-4 / 3 * root)

    def _threshold(self, step: Any) -> Any:
        a = self.a
        low, high = step * ((a + 1) / a), (2 * step * (a + 1)) ** 0.5 - a / 2
        is_low = step <= a / 2 * (a / (a + 1))
        if isinstance(step, Tensor):
            return torch.where(is_low, low, high)
        return low if is_low else high

    def critical_step(self, magnitude: float) -> float:
        a = self._check_parameter("a", 0)
        if magnitude <= a / 2:
            return magnitude * a / (a + 1)
        shifted = magnitude + a / 2
        return shifted * shifted / (2 * (a + 1))


class LHalf(ClosedFormPenalty):
    """Sum of the square roots of magnitudes: between ℓ0 and ℓ1, with nothing to choose.

    Small weights are shrunk more than by ℓ1, and large ones less, so that the same sparsity costs less bias.

    See Also
    --------
    L0 : Shrinks no survivor.
    TransformedL1 : Also between ℓ0 and ℓ1, with a parameter.
    sparsecnn.inspection.ThresholdDisplay : Draws the proximal map beside others.

    Notes
    -----
    ``P(x) = |x|^½``. Its proximal map is half thresholding [1]_: zero up to ``(3/2)·step^(2/3)``; above it

        ``⅔·w·[1 + cos(⅔(π - φ))]``, ``φ = arccos(σ)``, ``σ = (step/4)·(|w|/3)^(-3/2)``,

    which is computed in the equal form ``w·[1 - (4/3)·sin(π/3 + θ)·sin(θ)]``, ``θ = arcsin(σ)/3``.

    References
    ----------
    .. [1] Z. Xu, X. Chang, F. Xu and H. Zhang, "L1/2 regularization: a thresholding representation theory
       and a fast solver", IEEE Trans. Neural Networks and Learning Systems 23(7), 2012.

    Examples
    --------
    >>> import torch
    >>> from sparsecnn.penalties import LHalf
    >>> LHalf().prox(torch.tensor([-2.0, 0.5, 1.5]), step=0.5)
    tensor([-1.8144,  0.0000,  1.2789])
    """

    def value(self, w: Tensor) -> Tensor:
        return w.abs().sqrt().sum()

    def _shrink(self, magnitude: Tensor, step: float | Tensor) -> Tensor:
        kept = _above(magnitude, 1.5 * step ** (2 / 3))
        sine = magnitude.mul_(step ** (-2 / 3) * (4 ** (2 / 3) / 3)).clamp_(min=1).pow_(-1.5)
        angle = sine.asin_().mul_(1 / 3)
        factor = (angle + math.pi / 3).sin_().mul_(angle.sin_())
        return kept.mul_(factor.mul_(-4 / 3).add_(1))

    def critical_step(self, magnitude: float) -> float:
        return (2 / 3 * magnitude) ** 1.5


class L1MinusL2(ClosedFormPenalty):
    """Sum of magnitudes less `alpha` times the Euclidean norm: ℓ1 that shrinks the largest weights less.

    Of each tensor at least one weight survives where ``alpha=1``.

    Parameters
    ----------
    alpha : float, default=1.0
        From 0, which is ℓ1, to 1.

    See Also
    --------
    L1 : The case ``alpha=0``.
    TransformedL1 : Looks at weights one by one.

    Notes
    -----
    ``P(w) = ‖w‖₁ - α‖w‖₂``, over one whole tensor. With z the soft threshold of w by `step`, the proximal
    map [1]_ is ``z·(‖z‖₂ + α·step)/‖z‖₂`` where ``‖w‖∞ > step``; where
    ``(1 - α)·step < ‖w‖∞ ≤ step`` only the largest weight survives, moved by ``(1 - α)·step``; else 0.

    Hence a weight becomes zero at the step ``|w|``, except for the largest of a tensor (the first, if several
    are equal), which becomes zero at ``|w|/(1 - α)``: `magnitudes` returns these steps.

    References
    ----------
    .. [1] Y. Lou and M. Yan, "Fast L1-L2 minimization via a proximal operator", J. Sci. Comput. 74, 2018.

    Examples
    --------
    >>> import torch
    >>> from sparsecnn.penalties import L1MinusL2
    >>> L1MinusL2().prox(torch.tensor([-2.0, 0.5, 1.5]), step=0.5)
    tensor([-1.9160,  0.0000,  1.2774])
    """

    unit = "tensor"

    def __init__(self, alpha: float = 1.0):
        self.alpha = alpha

    def value(self, w: Tensor) -> Tensor:
        return w.abs().sum() - self._check_alpha() * w.norm()

    def _shrink(self, magnitude: Tensor, step: float) -> Tensor:
        alpha = self._check_alpha()
        if magnitude.numel() == 0:
            return magnitude
        return shrink_l1_and_norm(magnitude.reshape(1, -1), step, -alpha * step).view(magnitude.shape)

    def magnitudes(self, w: Tensor) -> Tensor:
        alpha = self._check_alpha()
        magnitudes = w.abs().flatten().to(torch.promote_types(w.dtype, torch.float32))
        if magnitudes.any():
            largest = magnitudes.argmax()
            magnitudes[largest] = magnitudes[largest] / (1 - alpha)
        return magnitudes

    def critical_step(self, magnitude: float) -> float:
        return magnitude

    def _check_alpha(self) -> float:
        return self._check_parameter("alpha", 0, 1, closed=True)


def _above(magnitude: Tensor, threshold: float | Tensor) -> Tensor:
    """Return the magnitudes above a threshold, or above one of each row, and 0 for the others."""
    if isinstance(threshold, Tensor):
        return magnitude.where(magnitude > threshold, 0.0)
    return hardshrink(magnitude, round_down(threshold, magnitude.dtype))


def _cube_root(number: float | Tensor) -> Any:
    return number.pow(1 / 3) if isinstance(number, Tensor) else math.cbrt(number)
