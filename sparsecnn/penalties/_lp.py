"""The penalty ℓp with 0 < p < 1, between ℓ0 and ℓ1."""

import torch
from torch import Tensor

from sparsecnn.penalties._base import ClosedFormPenalty
from sparsecnn.penalties._checks import round_down

__all__ = ["Lp"]

# Newton's method ends by itself after 9 steps or fewer.
_MAX_NEWTON_STEPS = 30


class Lp(ClosedFormPenalty):
    """Sum of the powers ``|w|^p`` of magnitudes, for any p between those of ℓ0 and ℓ1.

    One parameter goes over from counting weights (p near 0) to adding up their magnitudes (p near 1).

    Parameters
    ----------
    p : float, default=2/3
        The exponent, above 0 and below 1.

    See Also
    --------
    LHalf : The case p = ½, in closed form and faster.
    TransformedL1 : Also from ℓ0 to ℓ1, with a finite slope at zero.
    sparsecnn.inspection.ThresholdDisplay : Draws the proximal map beside others.

    Notes
    -----
    ``P(x) = |x|^p``. With ``x₀ = (2(1 - p)·step)^(1/(2 - p))``, the proximal map is 0 up to the threshold
    ``τ = x₀·(2 - p)/(2(1 - p))`` [1]_, where it jumps to x₀. Above, it is the larger zero of
    ``x - |w| + step·p·x^(p - 1)``, which is convex and increasing from x₀ to ``|w|``, so that Newton's method
    from ``|w|`` decreases monotonically to it.

    References
    ----------
    .. [1] G. Marjanovic and V. Solo, "On ℓq optimization and matrix completion", IEEE Trans. Signal
       Processing 60(11), 2012.

    Examples
    --------
    >>> import torch
    >>> from sparsecnn.penalties import Lp
    >>> Lp(p=2 / 3).prox(torch.tensor([-2.0, 0.5, 1.5]), step=0.5)
    tensor([-1.7219,  0.0000,  1.1850])
    """

    def __init__(self, p: float = 2 / 3):
        self.p = p

    def value(self, w: Tensor) -> Tensor:
        return w.abs().pow(self._check_p()).sum()

    def _shrink(self, magnitude: Tensor, step: float) -> Tensor:
        p = self._check_p()
        lowest = self._jump_over_threshold()
        # (2(1 - p)·step)^(1/(2 - p)) could overflow before the root is taken.
        threshold = (2 * (1 - p)) ** (1 / (2 - p)) * step ** (1 / (2 - p)) / lowest
        alive = ~(magnitude <= round_down(threshold, magnitude.dtype))  # NaN stays
        survivors = magnitude[alive]
        # With y = x/|w|, solve y - 1 + slope·y^(p - 1) = 0, whose slope is step·p·|w|^(p - 2).
        slope = (survivors / threshold).clamp_(min=1).pow_(p - 2).mul_(p / (2 * (1 - p)) * lowest ** (2 - p))
        return torch.zeros_like(magnitude).masked_scatter_(
            alive, survivors.mul_(_larger_zero(slope, p, lowest))
        )

    def critical_step(self, magnitude: float) -> float:
        p = self._check_p()
        return (magnitude * self._jump_over_threshold()) ** (2 - p) / (2 * (1 - p))

    def _jump_over_threshold(self) -> float:
        """Return x₀/τ, the least ratio of a survivor to its weight."""
        return 2 * (1 - self.p) / (2 - self.p)

    def _check_p(self) -> float:
        return self._check_parameter("p", 0, 1)


def _larger_zero(slope: Tensor, p: float, lowest: float) -> Tensor:
    """Return the larger zero y of ``y - 1 + slope·y^(p - 1)``, from `lowest` to 1."""
    y = torch.ones_like(slope)
    for _ in range(_MAX_NEWTON_STEPS):
        power = slope * y.pow(p - 1)
        lower = y - (y - 1 + power) / (1 + (p - 1) * power / y)
        lower = torch.minimum(lower, y).clamp_(min=lowest)
        if torch.allclose(lower, y, rtol=torch.finfo(y.dtype).eps, atol=0):
            return lower
        y = lower
    return y
