"""Proximal maps that look at a whole row of magnitudes, for all rows of a matrix at once."""

import torch
from torch import Tensor
from torch.linalg import vector_norm
from torch.nn.functional import softshrink


def shrink_l1_and_norm(magnitude: Tensor, l1_step: float, norm_step: float) -> Tensor:
    """Return the minimiser of ``‖x - m‖²/2 + l1_step·‖x‖₁ + norm_step·‖x‖₂`` for each row m.

    `norm_step` may be negative, down to ``-l1_step``. With z the soft threshold of m, the minimiser is
    ``z·max(1 - norm_step/‖z‖, 0)``; only where z is zero and `norm_step` negative may the largest entry of
    the row survive, shrunk by ``l1_step + norm_step``.
    """
    z = softshrink(magnitude, l1_step)
    top = z.amax(1, keepdim=True)
    info = torch.finfo(z.dtype)
    scale = top.clamp(min=info.smallest_normal)  # the squares could underflow
    norm = vector_norm(z / scale, dim=1, keepdim=True) * scale
    factor = (1 - norm_step / norm.clamp(min=info.smallest_normal)).clamp_(0, info.max)
    shrunk = torch.minimum(magnitude, z.mul_(factor))
    if norm_step < 0 and not top.all():
        largest, place = magnitude.max(1, keepdim=True)
        alone = (largest - (l1_step + norm_step)).clamp_(min=0).where(top == 0, shrunk.gather(1, place))
        shrunk.scatter_(1, place, alone)
    return shrunk


def shrink_l0_and_norm(magnitude: Tensor, l0_step: float, norm_step: float) -> Tensor:
    """Return the minimiser of ``‖x - m‖²/2 + l0_step·‖x‖₀ + norm_step·‖x‖₂`` for each row m.

    If k entries survive, they are the largest. With ``R_k`` their norm, they become
    ``m·(1 - norm_step/R_k)``, and the objective falls by ``max(R_k - norm_step, 0)²/2 - l0_step·k`` below
    that of zero: the best k is found from the sorted row.
    """
    ordered, places = magnitude.sort(dim=1, descending=True)
    scale = ordered[:, :1].clamp(min=torch.finfo(magnitude.dtype).smallest_normal)
    norms = (ordered / scale).square_().cumsum(1).sqrt_()
    counts = torch.arange(1, magnitude.shape[1] + 1, dtype=norms.dtype, device=norms.device)
    falls = (norms - norm_step / scale).clamp_(min=0).square_().div_(2) - l0_step / scale / scale * counts
    fall, last = falls.max(1, keepdim=True)
    factor = torch.where(fall > 0, 1 - norm_step / scale / norms.gather(1, last), 0.0)
    kept = ordered.mul_(factor).where(counts <= last + 1, 0.0)
    return torch.empty_like(kept).scatter_(1, places, kept)
