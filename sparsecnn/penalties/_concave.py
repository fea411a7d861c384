"""Concave penalties of regression: SCAD, MCP, log-sum and capped ℓ1, which hardly shrink large weights."""

import functools
import math

import torch
from torch import Tensor, hardshrink
from torch.nn.functional import softshrink

from sparsecnn.penalties._base import Penalty, StepPenalty
from sparsecnn.penalties._checks import round_down

__all__ = ["MCP", "SCAD", "CappedL1", "LogSum"]


class SCAD(StepPenalty):
    """Smoothly clipped absolute deviation: ℓ1 near zero, constant for large weights.

    A weight near the threshold moves continuously, as under ℓ1, while large weights stay unbiased, as under
    ℓ0.

    Parameters
    ----------
    a : float, default=3.7
        Above 2. Weights of magnitude over ``a·step`` are not shrunk.

    See Also
    --------
    MCP : Has one piece less.
    sparsecnn.inspection.ThresholdDisplay : Draws the proximal map beside others.

    Notes
    -----
    With ``t = step``, ``t·P(x)`` is ``t|x|`` up to t, ``(2at|x| - x² - t²)/(2(a - 1))`` up to at, and
    ``t²(a + 1)/2`` beyond [1]_: the shape depends on the step. The proximal map is soft thresholding by t up
    to 2t, ``((a - 1)w - sign(w)·at)/(a - 2)`` up to at, and w beyond. With ``S(c) = max(|w| - c, 0)``, all
    three are ``sign(w)·min(|w|, S(t) + S(2t)/(a - 2))``.

    References
    ----------
    .. [1] J. Fan and R. Li, "Variable selection via nonconcave penalized likelihood and its oracle
       properties", J. American Statistical Association 96, 2001.

    Examples
    --------
    >>> import torch
    >>> from sparsecnn.penalties import SCAD
    >>> SCAD().prox(torch.tensor([-2.0, 0.5, 1.5]), step=0.5)
    tensor([-2.0000,  0.0000,  1.2941])
    """

    def __init__(self, a: float = 3.7):
        self.a = a

    def value(self, w: Tensor, step: float = 1.0) -> Tensor:
        a, x = self._check_parameter("a", 2), w.abs()
        middle = (2 * a * x - x * (x / step) - step) / (2 * (a - 1))
        flat = step * (a + 1) / 2
        return torch.where(x <= step, x, torch.where(x <= a * step, middle, flat)).sum()

    def _shrink(self, magnitude: Tensor, step: float) -> Tensor:
        a = self._check_parameter("a", 2)
        beyond = softshrink(magnitude, round_down(2 * step, magnitude.dtype)).div_(a - 2)
        return torch.minimum(magnitude, softshrink(magnitude, step).add_(beyond))


class MCP(StepPenalty):
    """Minimax concave penalty: the least concave one that shrinks no weight over ``gamma·step``.

    It goes over from zero to no shrinkage along a straight line, which keeps the map continuous: a weight
    near the threshold does not jump.

    Parameters
    ----------
    gamma : float, default=3.0
        Above 1. Near 1 it is hard thresholding, for large values soft thresholding.

    See Also
    --------
    SCAD : Shrinks a range of weights as ℓ1 does first.
    CappedL1 : Of simpler shape, with a jump.
    sparsecnn.inspection.ThresholdDisplay : Draws the proximal map beside others.

    Notes
    -----
    With ``t = step``, ``t·P(x)`` is ``t|x| - x²/(2γ)`` up to γt, and ``γt²/2`` beyond [1]_: the shape
    depends on the step. The proximal map is ``sign(w)·min(|w|, max(|w| - t, 0)·γ/(γ - 1))``.

    References
    ----------
    .. [1] C.-H. Zhang, "Nearly unbiased variable selection under minimax concave penalty", Annals of
       Statistics 38, 2010.

    Examples
    --------
    >>> import torch
    >>> from sparsecnn.penalties import MCP
    >>> MCP().prox(torch.tensor([-2.0, 0.5, 1.2]), step=0.5)
    tensor([-2.0000,  0.0000,  1.0500])
    """

    def __init__(self, gamma: float = 3.0):
        self.gamma = gamma

    def value(self, w: Tensor, step: float = 1.0) -> Tensor:
        gamma, x = self._check_parameter("gamma", 1), w.abs()
        curved = x - x * (x / (2 * gamma * step))
        return torch.where(x < gamma * step, curved, gamma * step / 2).sum()

    def _shrink(self, magnitude: Tensor, step: float) -> Tensor:
        gamma = self._check_parameter("gamma", 1)
        return torch.minimum(magnitude, softshrink(magnitude, step).mul_(gamma / (gamma - 1)))


class LogSum(Penalty):
    """Sum of the logarithms of shifted magnitudes: reweighted ℓ1.

    The more a weight exceeds `epsilon`, the less it is shrunk, but some bias is left at every size.

    Parameters
    ----------
    epsilon : float, default=0.002
        Above 0, on the scale of the weights: small values come near ℓ0, large ones near ℓ1.

    See Also
    --------
    L1 : What it weighs anew.
    CappedL1 : Leaves large weights without bias.
    sparsecnn.inspection.ThresholdDisplay : Draws the proximal map beside others.

    Notes
    -----
    ``P(x) = log(1 + |x|/ε)`` [1]_. Its proximal map is the better of 0 and
    ``(|w| - ε + √((|w| + ε)² - 4·step))/2``, with the sign of w. Up to ``step = ε²``, 0 is the better one
    exactly for ``|w| ≤ step/ε``; for larger steps, up to a threshold that is found by Newton's method.

    References
    ----------
    .. [1] E. Candès, M. Wakin and S. Boyd, "Enhancing sparsity by reweighted ℓ1 minimization", J. Fourier
       Analysis and Applications 14, 2008.

    Examples
    --------
    >>> import torch
    >>> from sparsecnn.penalties import LogSum
    >>> LogSum(epsilon=0.5).prox(torch.tensor([-2.0, 0.5, 1.5]), step=0.5)
    tensor([-1.7808,  0.0000,  1.2071])
    """

    def __init__(self, epsilon: float = 0.002):
        self.epsilon = epsilon

    def value(self, w: Tensor) -> Tensor:
        epsilon, x = self._check_parameter("epsilon", 0), w.abs()
        return torch.where(x > epsilon, (x + epsilon).log() - math.log(epsilon), (x / epsilon).log1p()).sum()

    def _shrink(self, magnitude: Tensor, step: float) -> Tensor:
        epsilon = self._check_parameter("epsilon", 0)
        threshold = _log_sum_threshold(step, epsilon)
        kept = hardshrink(magnitude, round_down(threshold, magnitude.dtype))
        # (|w| - ε + root)/2 without cancellation for small weights or overflow for large ones.
        half, root_of_step = magnitude.add_(epsilon).mul_(0.5), math.sqrt(step)
        half_root = (half - root_of_step).clamp_(min=0).sqrt_().mul_((half + root_of_step).sqrt_())
        return kept.sub_(half_root.add_(half).reciprocal_(), alpha=step)


@functools.lru_cache(maxsize=1024)
def _log_sum_threshold(step: float, epsilon: float) -> float:
    """Return the largest magnitude that the proximal map of `LogSum` sets to zero.

    There, the objective at the survivor x equals that at 0: ``x²/2 - x·m + step·P(x) = 0``. The left side is
    decreasing and concave in the magnitude m, with derivative -x, so Newton's method from above decreases
    monotonically to its zero.
    """
    if step <= epsilon * epsilon:
        return step / epsilon
    root_of_step, smaller = math.sqrt(step), math.inf
    # At least the magnitude at which keeping the weight as it is equals setting it to zero.
    m = min(
        step / epsilon, root_of_step * math.sqrt(2 * (math.log(2) + math.log(step) - 2 * math.log(epsilon)))
    )
    while True:
        half = (m + epsilon) / 2
        half_root = math.sqrt(max(half - root_of_step, 0.0)) * math.sqrt(half + root_of_step)
        x = m - step / (half + half_root)
        if x > 0:
            smaller = x / 2 + step / x * _log1p_ratio(x, epsilon)
        if not 0 < smaller < m:
            return m
        m = smaller


def _log1p_ratio(x: float, epsilon: float) -> float:
    """Return ``log(1 + x/ε)``, also where x/ε overflows."""
    return math.log1p(x / epsilon) if x < epsilon else math.log(x + epsilon) - math.log(epsilon)


class CappedL1(Penalty):
    """Magnitudes, capped: ℓ1 up to `theta`, and no shrinkage beyond.

    The simplest penalty that leaves large weights unbiased. Choose `theta` near the magnitude from which a
    weight is sure to be kept.

    Parameters
    ----------
    theta : float, default=0.02
        Above 0, on the scale of the weights.

    See Also
    --------
    L0 : Shrinks no survivor.
    MCP : Goes over from shrinking to keeping without a jump.
    sparsecnn.inspection.ThresholdDisplay : Draws the proximal map beside others.

    Notes
    -----
    ``P(x) = min(|x|, θ)`` [1]_. Its proximal map is, for ``step < 2θ``, soft thresholding by `step` up to
    ``θ + step/2`` and w beyond; for larger steps, hard thresholding: w where ``|w| > √(2θ·step)``, else 0.

    References
    ----------
    .. [1] T. Zhang, "Analysis of multi-stage convex relaxation for sparse regularization", J. Machine
       Learning Research 11, 2010.

    Examples
    --------
    >>> import torch
    >>> from sparsecnn.penalties import CappedL1
    >>> CappedL1(theta=1.0).prox(torch.tensor([-2.0, 0.5, 1.2]), step=0.5)
    tensor([-2.0000,  0.0000,  0.7000])
    """

    def __init__(self, theta: float = 0.02):
        self.theta = theta

    def value(self, w: Tensor) -> Tensor:
        return w.abs().clamp(max=self._check_parameter("theta", 0)).sum()

    def _shrink(self, magnitude: Tensor, step: float) -> Tensor:
        theta = self._check_parameter("theta", 0)
        if step >= 2 * theta:
            threshold = math.sqrt(2 * theta) * math.sqrt(step)
            return hardshrink(magnitude, round_down(threshold, magnitude.dtype))
        large = hardshrink(magnitude, round_down(theta + step / 2, magnitude.dtype))
        return torch.maximum(softshrink(magnitude, step), large)
