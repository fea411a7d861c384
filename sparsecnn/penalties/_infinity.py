"""The sum over groups of the largest magnitude of each."""

import torch
from torch import Tensor

from sparsecnn.penalties._base import ClosedFormPenalty
from sparsecnn.penalties._checks import check_step, check_weights
from sparsecnn.penalties._group_axis import from_group_rows, group_rows, widest

__all__ = ["L1Infinity"]


class L1Infinity(ClosedFormPenalty):
    """The largest magnitude of each group: ℓ1,∞, which caps the weights of a group until all are zero.

    Filters and neurons become zero together, as by the group lasso. The largest weights of the others become
    equal, and small ones stay as they are.

    Parameters
    ----------
    axis : int, default=None
        The axis of a weight tensor that numbers the groups. None takes axis 0, the output filters, of tensors
        of more than two dimensions; axis 1, the input neurons, of matrices; and each entry by itself of
        vectors, such as the scales of batch normalisation.
    pixels : int, default=1
        So many consecutive entries along the axis belong to one group, such as all pixels of a channel in the
        flattened input of a fully connected layer.

    See Also
    --------
    GroupPenalty : Scales all weights of a group alike.
    group_rows : Which weights form a group.

    Notes
    -----
    ``P(w) = Σ_g n_g·max |w_g|`` over groups of ``n_g`` weights [1]_. By Moreau's decomposition, the proximal
    map is w less its projection to the ℓ1 ball of radius ``step·n_g``: magnitudes are capped at the θ for
    which ``Σ max(|w| - θ, 0) = step·n_g``, found from the sorted weights, and a group is zero where the mean
    of ``|w|`` is at most the step.

    References
    ----------
    .. [1] A. Quattoni, X. Carreras, M. Collins and T. Darrell, "An efficient projection for ℓ1,∞
       regularization", ICML 2009.

    Examples
    --------
    >>> import torch
    >>> from sparsecnn.penalties import L1Infinity
    >>> L1Infinity(axis=0).prox(torch.tensor([[-2.0, 0.5, 1.5], [0.2, 0.1, 0.0]]), step=0.5)
    tensor([[-1.0000,  0.5000,  1.0000],
            [ 0.0000,  0.0000,  0.0000]])
    """

    unit = "group"

    def __init__(self, axis: int | None = None, pixels: int = 1):
        self.axis = axis
        self.pixels = pixels

    def value(self, w: Tensor) -> Tensor:
        magnitude = self._rows(w).abs()
        return (magnitude.amax(1).sum() * magnitude.shape[1] if w.numel() else w.new_zeros(())).to(w.dtype)

    def prox(self, w: Tensor, step: float) -> Tensor:
        step = check_step(step)
        rows = self._rows(check_weights(w))
        if step == 0 or w.numel() == 0:
            return w.clone()
        means = _means(rows)
        ordered = rows.abs().sort(dim=1, descending=True).values
        counts = torch.arange(1, rows.shape[1] + 1, dtype=rows.dtype, device=rows.device)
        # The sum of the k largest less step·n, over k, is largest at the right k.
        share = counts / rows.shape[1]  # by which no sum overflows
        caps = ((ordered / rows.shape[1]).cumsum(1) - step).div_(share).amax(1, keepdim=True)
        caps = caps.where(means.unsqueeze(1) > step, 0.0)
        x = rows.clamp(-caps, caps).where(means.isfinite().unsqueeze(1), torch.nan)
        return from_group_rows(x.to(w.dtype).add_(0.0), w, self.axis, self.pixels)

    def magnitudes(self, w: Tensor) -> Tensor:
        return _means(self._rows(w))

    def critical_step(self, magnitude: float) -> float:
        return magnitude

    def _rows(self, w: Tensor) -> Tensor:
        return group_rows(w, self.axis, self.pixels).to(widest(w))


def _means(rows: Tensor) -> Tensor:
    """Return the mean magnitude of each row, above 0 unless all are zero."""
    if rows.numel() == 0:
        return rows.new_zeros(len(rows))
    least = torch.finfo(rows.dtype).smallest_normal * torch.finfo(rows.dtype).eps
    means = (rows.abs() / rows.shape[1]).sum(1)
    return torch.where(rows.any(1), means.clamp(min=least), 0.0)
