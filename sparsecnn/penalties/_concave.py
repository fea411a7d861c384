"""Concave penalties of regression: SCAD, MCP, log and capped ℓ1, which leave large weights (nearly) alone."""

import torch
from torch import Tensor
from torch.nn.functional import softshrink

from sparsecnn.penalties._base import Penalty, StepPenalty, keep_if_better

__all__ = ["MCP", "SCAD", "CappedL1", "LogSum"]


class SCAD(StepPenalty):
    """Smoothly clipped absolute deviation: ℓ1 near zero, constant for large weights.

    Parameters
    ----------
    a : float, default=3.7
        Above 2. Weights of magnitude over ``a·step`` are not shrunk.

    Notes
    -----
    With ``t = step``, ``t·P(x)`` is ``t|x|`` up to t, ``(2at|x| - x² - t²)/(2(a - 1))`` up to at, and
    ``t²(a + 1)/2`` beyond [1]_: the shape follows the step. The proximal map is soft thresholding by t up to
    2t, ``((a - 1)w - sign(w)·at)/(a - 2)`` up to at, and w beyond.

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
        middle = (2 * a * x - x.square() / step - step) / (2 * (a - 1))
        flat = step * (a + 1) / 2
        return torch.where(x <= step, x, torch.where(x <= a * step, middle, flat)).sum()

    def _shrink(self, magnitude, step):
        a = self._check_parameter("a", 2)
        middle = ((a - 1) * magnitude - a * step) / (a - 2)
        large = torch.where(magnitude <= a * step, middle, magnitude)
        return torch.where(magnitude <= 2 * step, softshrink(magnitude, step), large)


class MCP(StepPenalty):
    """Minimax concave penalty: the least concave one that shrinks no weight over ``gamma·step``.

    Parameters
    ----------
    gamma : float, default=3.0
        Above 1. Near 1 it is hard thresholding, for large values soft thresholding.

    Notes
    -----
    With ``t = step``, ``t·P(x)`` is ``t|x| - x²/(2γ)`` up to γt, and ``γt²/2`` beyond [1]_: the shape
    follows the step. The proximal map is ``sign(w)·max(|w| - t, 0)/(1 - 1/γ)`` up to γt, and w beyond.

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
        curved = x - x.square() / (2 * gamma * step)
        return torch.where(x < gamma * step, curved, gamma * step / 2).sum()

    def _shrink(self, magnitude, step):
        gamma = self._check_parameter("gamma", 1)
        small = softshrink(magnitude, step) / (1 - 1 / gamma)
        return torch.where(magnitude <= gamma * step, small.clamp(max=gamma * step), magnitude)


class LogSum(Penalty):
    """Logarithm of magnitudes: reweighted ℓ1.

    Parameters
    ----------
    epsilon : float, default=0.002
        Above 0, on the scale of the weights: small values come near ℓ0, large ones near ℓ1.

    Notes
    -----
    ``P(x) = log(1 + |x|/ε)`` [1]_. Its proximal map is the better of 0 and
    ``(|w| - ε + √((|w| + ε)² - 4·step))/2``, with the sign of w.

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
        return (w.abs() / self._check_parameter("epsilon", 0)).log1p().sum()

    def _shrink(self, magnitude, step):
        epsilon = self._check_parameter("epsilon", 0)
        shifted = magnitude + epsilon
        root = (shifted.square() - 4 * step).clamp(min=0).sqrt()
        # (|w| - ε + root)/2 without the cancellation of small weights.
        shrunk = (magnitude - 2 * step / (shifted + root)).clamp(min=0)
        return keep_if_better(shrunk, magnitude, step * (shrunk / epsilon).log1p())


class CappedL1(Penalty):
    """Magnitudes, capped: ℓ1 up to `theta`, and no shrinkage beyond.

    Parameters
    ----------
    theta : float, default=0.02
        Above 0, on the scale of the weights.

    Notes
    -----
    ``P(x) = min(|x|, θ)`` [1]_. Its proximal map is the better of ``min(θ, max(|w| - step, 0))`` and
    ``max(θ, |w|)``, with the sign of w.

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

    def _shrink(self, magnitude, step):
        theta = self._check_parameter("theta", 0)
        low = softshrink(magnitude, step).clamp(max=theta)
        high = magnitude.clamp(min=theta)
        excess = step * (theta - low) + (high - magnitude).square() / 2 - (low - magnitude).square() / 2
        return torch.where(excess < 0, high, low)
