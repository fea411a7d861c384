"""Hoyer's measure: the ℓ1 norm over the ℓ2 norm, which does not depend on the scale of the weights."""

import math

import torch
from torch import Tensor
from torch.linalg import vector_norm

from sparsecnn.penalties._base import Penalty
from sparsecnn.penalties._group_axis import widest

__all__ = ["Hoyer"]

_NEWTON_STEPS = 60
# Of slopes, so that no minimum at the end of an interval is missed.
_ROUNDING = 1e-9


class Hoyer(Penalty):
    """The ratio of the ℓ1 norm to the ℓ2 norm of a whole tensor, which does not depend on its scale.

    It pushes small weights to zero and lets large ones grow. It needs `lam`: as λ grows, the zeros of one map
    jump from some two thirds of the weights to all but one, so that no λ gives a target sparsity.

    See Also
    --------
    L1MinusL2 : The difference of the two norms.
    L0 : Also independent of the scale of weights.

    Notes
    -----
    ``P(w) = ‖w‖₁/‖w‖₂``, from 1 for one nonzero weight to √n for n equal ones [1]_ [2]_, and its lower
    limit 1 at zero. The proximal map is exact. Of all x with the norm r, the best is ``r·v/‖v‖`` with
    ``v = max(|w| - step/r, 0)``, and its objective is

        ``G(r) = r²/2 - ‖max(r|w| - step, 0)‖ + ‖w‖²/2``.

    Between two r at which a weight becomes zero, G is first concave, then convex, with a convex derivative:
    each such interval has at most one local minimum, whose existence its ends and its point of inflection
    tell, and which Newton's method finds from the right end. The best of them is compared with the largest
    weight alone, which has ``P = 1``. It takes a sort of the weights.

    References
    ----------
    .. [1] P. O. Hoyer, "Non-negative matrix factorization with sparseness constraints", J. Machine Learning
       Research 5, 2004.
    .. [2] H. Yang, W. Wen and H. Li, "DeepHoyer: learning sparser neural network with differentiable
       scale-invariant sparsity measures", ICLR 2020.

    Examples
    --------
    >>> import torch
    >>> from sparsecnn.penalties import Hoyer
    >>> Hoyer().prox(torch.tensor([-2.0, 0.5, 1.5]), step=0.5)
    tensor([-2.0431,  0.3438,  1.4767])
    """

    unit = "tensor"
    no_target = "the zeros of its map jump, as λ grows, to all weights but one"

    def value(self, w: Tensor) -> Tensor:
        if not w.any():
            return w.new_ones(())
        relative = w.to(widest(w))
        relative = relative / relative.abs().max()
        return (vector_norm(relative, ord=1) / vector_norm(relative)).to(w.dtype)

    def _shrink(self, magnitude: Tensor, step: float) -> Tensor:
        if not magnitude.any() or not magnitude.isfinite().all():
            return magnitude
        scale, highest = float(magnitude.max()), torch.finfo(magnitude.dtype).max
        relative = magnitude.to(widest(magnitude)) / scale
        relative_step = step / scale / scale
        norm = _best_norm(relative.flatten().sort(descending=True).values, relative_step)
        if norm is None:
            return _largest_alone(magnitude)
        direction = (norm * relative - relative_step).clamp_(min=0)
        # Survivors may grow beyond the largest number.
        return (direction * (norm / vector_norm(direction)) * scale).clamp_(max=highest).to(magnitude.dtype)


def _best_norm(w: Tensor, step: float) -> float | None:
    """Return the norm of the map of `w`, in descending order from 1, or None if the first is alone."""
    counts = torch.arange(1, len(w) + 1, dtype=w.dtype, device=w.device)
    pieces = _Pieces(w.cumsum(0), w.square().cumsum(0), counts, step)
    left = step / w
    # Beyond ‖w‖, G increases.
    right = torch.minimum(torch.cat([left[1:], left.new_full((1,), math.inf)]), 1.001 * pieces.squares.sqrt())
    lowest = torch.minimum(torch.maximum(left, pieces.inflection()), right)
    minima = (left < right) & (pieces.slope(lowest) < _ROUNDING) & (pieces.slope(right) > -_ROUNDING)
    minima[0] = False
    if not minima.any():
        return None
    pieces, norm, lowest = pieces[minima], right[minima], lowest[minima]
    for _ in range(_NEWTON_STEPS):
        lower = norm - pieces.slope(norm) / pieces.curvature(norm)
        lower = torch.maximum(lower, lowest).minimum(norm)
        if torch.equal(lower, norm):
            break
        norm = lower
    objective, best = pieces.objective(norm).min(0)
    return float(norm[best]) if objective < step - 0.5 else None


def _largest_alone(magnitude: Tensor) -> Tensor:
    """Return `magnitude` with zeros in place of all but its largest entry, the first of several."""
    alone, place = torch.zeros_like(magnitude), int(magnitude.argmax())
    alone.view(-1)[place] = magnitude.max()
    return alone


class _Pieces:
    """G and its derivatives where the k largest weights survive, for several k.

    With the sums A of these weights and B of their squares, ``‖max(r·w - step, 0)‖`` is ``√Q`` with
    ``Q = B·r² - 2·A·step·r + k·step²``. Its second derivative is ``D·step²/Q^(3/2)`` with ``D = B·k - A²``.
    """

    def __init__(self, sums: Tensor, squares: Tensor, counts: Tensor, step: float):
        self.sums, self.squares, self.counts, self.step = sums, squares, counts, step
        self.spread = (squares * counts - sums.square()).clamp_(min=0).mul_(step * step)

    def __getitem__(self, chosen: Tensor) -> "_Pieces":
        return _Pieces(self.sums[chosen], self.squares[chosen], self.counts[chosen], self.step)

    def inflection(self) -> Tensor:
        """Return the r at which ``Q^(3/2) = D·step²``, right of which G is convex."""
        root = (self.squares * self.spread.pow(2 / 3) - self.spread).clamp_(min=0).sqrt_()
        return (self.sums * self.step + root) / self.squares

    def slope(self, norm: Tensor) -> Tensor:
        steepest = self.squares.sqrt()
        pull = (self.squares * norm - self.sums * self.step) / self._root(norm)
        return norm - torch.where(pull.isnan(), steepest, pull).clamp_(min=0).minimum(steepest)

    def curvature(self, norm: Tensor) -> Tensor:
        least = torch.finfo(norm.dtype).smallest_normal
        return (1 - self.spread / self._root(norm).pow(3).clamp_(min=least)).clamp_(min=least)

    def objective(self, norm: Tensor) -> Tensor:
        """Return ``G(r) - ‖w‖²/2``."""
        return norm.square() / 2 - self._root(norm)

    def _root(self, norm: Tensor) -> Tensor:
        step = self.step
        square = norm * (self.squares * norm - 2 * step * self.sums) + self.counts * step * step
        return square.clamp_(min=0).sqrt_()
