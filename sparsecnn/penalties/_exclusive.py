"""Exclusive sparsity: the weights of a group compete, by the square of its ℓ1 norm."""

import math
from typing import Any

import torch
from torch import Tensor
from torch.linalg import vector_norm

from sparsecnn.penalties._base import ClosedFormPenalty, Penalty
from sparsecnn.penalties._checks import check_step, check_weights
from sparsecnn.penalties._group_axis import from_group_rows, group_rows, widest

__all__ = ["CombinedExclusive", "Exclusive"]

# Halvings of the range of exponents of double precision, to that precision.
_HALVINGS, _LEAST_POWER = 66, -1074.0


class Exclusive(ClosedFormPenalty):
    """Half the square of the ℓ1 norm of each group: the exclusive lasso, whose groups never die.

    Weights within a group, such as those that read one input neuron, compete, and at least the largest
    survives: each neuron is read by few others. It is the opposite of a penalty that zeroes groups.

    Parameters
    ----------
    axis : int, default=None
        The axis of a weight tensor that numbers the groups. None takes axis 0, the output filters, of tensors
        of more than two dimensions; axis 1, the input neurons, of matrices; and each entry by itself of
        vectors.

    See Also
    --------
    CombinedExclusive : Zeroes whole groups too.
    group_rows : Which weights form a group.

    Notes
    -----
    ``P(w) = Σ_g ‖w_g‖₁²/2`` [1]_. The proximal map is soft thresholding of each group by its own θ: with
    ``A_k`` the sum of the k largest ``|w|``, ``θ = step·A_k/(1 + k·step)`` for the largest k whose k-th
    largest weight is above it.

    Hence the j-th largest weight ``w_j`` of a group becomes zero at the step ``w_j/(A_j - j·w_j)``, and one
    as large as the largest never does: `magnitudes` returns these steps. A group of one weight is shrunk by
    the factor ``1/(1 + step)``.

    References
    ----------
    .. [1] Y. Zhou, R. Jin and S. C. H. Hoi, "Exclusive lasso for multi-task feature selection", AISTATS 2010.

    Examples
    --------
    >>> import torch
    >>> from sparsecnn.penalties import Exclusive
    >>> Exclusive(axis=0).prox(torch.tensor([[-2.0, 0.5, 1.5], [0.2, 0.1, 0.0]]), step=0.5)
    tensor([[-1.1250,  0.0000,  0.6250],
            [ 0.1250,  0.0250,  0.0000]])
    """

    unit = "tensor"

    def __init__(self, axis: int | None = None):
        self.axis = axis

    def value(self, w: Tensor) -> Tensor:
        return (_rows(w, self.axis).abs().sum(1).square().sum() / 2).to(w.dtype)

    def prox(self, w: Tensor, step: float) -> Tensor:
        step = check_step(step)
        rows = _rows(check_weights(w), self.axis)
        if step == 0 or w.numel() == 0:
            return w.clone()
        (ordered, _), scale, counts = _in_order(rows)
        # What the largest keeps, without a difference of large numbers; the smallest is that of the right k.
        top = ordered[:, :1]
        one, by = (1.0, step) if step < 1 else (1 / step, 1.0)  # neither overflows
        kept = (one * top + by * (top - ordered).cumsum(1)) / (one + by * counts)
        z = _surplus(top - rows.abs() / scale, kept.amin(1, keepdim=True))
        return _signed(z * scale, rows, w, self.axis)

    def magnitudes(self, w: Tensor) -> Tensor:
        rows = _rows(w, self.axis)
        if w.numel() == 0:
            return rows.flatten()
        (ordered, places), _, counts = _in_order(rows)
        steps = ordered / (ordered.cumsum(1) - counts * ordered)
        steps = torch.where(ordered == ordered[:, :1], torch.inf, steps).where(ordered > 0, 0.0)
        rows = torch.empty_like(steps).scatter_(1, places, steps)
        return from_group_rows(rows, w, self.axis, 1).flatten()

    def critical_step(self, magnitude: float) -> float:
        return magnitude


class CombinedExclusive(Penalty):
    """Group lasso and exclusive lasso over the same groups: some groups die, and the others are sparse.

    For neurons that share little of what they read, in a network that reads few. A larger `group_ratio` gives
    fewer groups, and more weights in each.

    Parameters
    ----------
    group_ratio : float, default=0.5
        The share of the group lasso, from 0, which leaves the exclusive lasso alone, to 1, which leaves the
        group lasso alone.
    axis : int, default=None
        The axis of a weight tensor that numbers the groups. None takes axis 0, the output filters, of tensors
        of more than two dimensions; axis 1, the input neurons, of matrices; and each entry by itself of
        vectors.

    See Also
    --------
    Exclusive : The case ``group_ratio=0``, with λ for a target in closed form.
    GroupPenalty : ``GroupPenalty("l1")`` is the case ``group_ratio=1``.
    SparseGroupPenalty : Zeroes groups and weights without competition.

    Notes
    -----
    ``P(w) = Σ_g [group_ratio·√n_g·‖w_g‖₂ + (1 - group_ratio)·‖w_g‖₁²/2]`` over groups of ``n_g`` weights
    [1]_. The proximal map is exact. With ``a`` and ``b`` the step times both factors, a group is zero where
    ``‖w_g‖ ≤ a``. Otherwise it is ``z·(1 - a/‖z‖)``, z the soft threshold of ``w_g`` by the zero of
    ``θ - b·‖z‖₁·(1 - a/‖z‖)``, which increases with θ and is found by bisection. The map of one
    penalty after that of the other is not the minimiser.

    As the step grows, the weights of a group that is about to die come back first, so a target sparsity gives
    at least so many zeros.

    References
    ----------
    .. [1] J. Yoon and S. J. Hwang, "Combined group and exclusive sparsity for deep neural networks", ICML
       2017.

    Examples
    --------
    >>> import torch
    >>> from sparsecnn.penalties import CombinedExclusive
    >>> CombinedExclusive(axis=0).prox(torch.tensor([[-2.0, 0.5, 1.5], [0.2, 0.1, 0.0]]), step=0.5)
    tensor([[-1.1552,  0.0114,  0.7739],
            [ 0.0000,  0.0000,  0.0000]])
    """

    unit = "tensor"

    def __init__(self, group_ratio: float = 0.5, axis: int | None = None):
        self.group_ratio = group_ratio
        self.axis = axis

    def value(self, w: Tensor) -> Tensor:
        ratio, rows = self._check_parameter("group_ratio", 0, 1, closed=True), _rows(w, self.axis)
        groups = math.sqrt(rows.shape[1]) * vector_norm(rows, dim=1)
        return (ratio * groups + (1 - ratio) * rows.abs().sum(1).square() / 2).sum().to(w.dtype)

    def prox(self, w: Tensor, step: float) -> Tensor:
        ratio, step = self._check_parameter("group_ratio", 0, 1, closed=True), check_step(step)
        rows = _rows(check_weights(w), self.axis)
        if step == 0 or w.numel() == 0:
            return w.clone()
        norm_step, square_step = ratio * step * math.sqrt(rows.shape[1]), (1 - ratio) * step
        scale = _scale(rows)
        magnitude, norm_steps = rows.abs() / scale, norm_step / scale
        if square_step == 0:
            return _signed(magnitude * _factor(magnitude, norm_steps) * scale, rows, w, self.axis)
        # By what the largest keeps, in powers of 2: under a large step, no difference from θ holds it.
        top = magnitude.amax(1, keepdim=True)
        below = top - magnitude
        low, high = torch.full_like(scale, _LEAST_POWER), torch.zeros_like(scale)
        for _ in range(_HALVINGS):
            power = (low + high) / 2
            z = _surplus(below, power.exp2())
            grows = top - power.exp2() >= square_step * (z.sum(1, keepdim=True) * _factor(z, norm_steps))
            low, high = torch.where(grows, power, low), torch.where(grows, high, power)
        z, threshold = _surplus(below, low.exp2()), top - low.exp2()
        # Where the norm of z is nearly that at which the group dies, the factor is what θ asks for.
        asked = threshold / square_step / z.sum(1, keepdim=True)
        factor = torch.where(threshold > top / 2, asked.clamp(max=1), _factor(z, norm_steps))
        return _signed(z * factor * scale, rows, w, self.axis)


def _rows(w: Tensor, axis: int | None) -> Tensor:
    return group_rows(w, axis).to(widest(w))


def _scale(rows: Tensor) -> Tensor:
    """Return the largest magnitude of each row, by which its sums cannot overflow."""
    return rows.abs().amax(1, keepdim=True).clamp(min=torch.finfo(rows.dtype).smallest_normal)


def _in_order(rows: Tensor) -> tuple[Any, Tensor, Tensor]:
    """Return the magnitudes of each row, sorted relative to their largest; these; and the places from 1."""
    scale = _scale(rows)
    ordered = (rows.abs() / scale).sort(dim=1, descending=True)
    return ordered, scale, torch.arange(1, rows.shape[1] + 1, dtype=rows.dtype, device=rows.device)


def _surplus(below: Tensor, kept: Tensor) -> Tensor:
    """Return what weights keep that are so far below the largest of their row, of which so much is kept."""
    return (kept - below).clamp_(min=0)


def _factor(z: Tensor, norm_step: Tensor) -> Tensor:
    """Return the factor by which the group lasso scales each row."""
    norm = vector_norm(z, dim=1, keepdim=True)
    return (1 - norm_step / norm.clamp(min=torch.finfo(z.dtype).smallest_normal)).clamp_(min=0)


def _signed(magnitude: Tensor, rows: Tensor, w: Tensor, axis: int | None) -> Tensor:
    """Return magnitudes with the signs of `rows`, in the shape and dtype of the weights `w`."""
    return from_group_rows((magnitude * rows.sign()).to(w.dtype).add_(0.0), w, axis, 1)
