"""The nuclear norm: low rank instead of zeros."""

import torch
from torch import Tensor

from sparsecnn.penalties._base import Penalty
from sparsecnn.penalties._checks import check_step, check_weights
from sparsecnn.penalties._group_axis import group_rows, widest

__all__ = ["NuclearNorm"]


class NuclearNorm(Penalty):
    """The sum of the singular values of each layer: lowers the rank of its matrix, and zeroes no weight.

    Each row is an output neuron, or all weights of an output filter. A matrix of low rank is the product of
    two thin ones. It needs `lam`: sparsities stay 0, and there is no λ for a target sparsity. `rank` tells
    what was reached.

    See Also
    --------
    GroupPenalty : Lowers the rank by zero filters or neurons.

    Notes
    -----
    ``P(w) = Σ_i σ_i`` over the singular values of the matrix. The proximal map is soft thresholding of these,
    ``U·diag(max(σ - step, 0))·Vᵀ`` [1]_, a singular value decomposition at each step of training.

    References
    ----------
    .. [1] J.-F. Cai, E. J. Candès and Z. Shen, "A singular value thresholding algorithm for matrix
       completion", SIAM J. Optimization 20(4), 2010.

    Examples
    --------
    >>> import torch
    >>> from sparsecnn.penalties import NuclearNorm
    >>> w = torch.tensor([[2.0, 2.0], [2.0, 2.5]])
    >>> x = NuclearNorm().prox(w, step=0.5)
    >>> x
    tensor([[1.6493, 1.8682],
            [1.8682, 2.1163]])
    >>> NuclearNorm().rank(w), NuclearNorm().rank(x)
    (2, 1)
    """

    unit = "tensor"
    no_target = "it lowers the rank of layers, and zeroes no weights"

    def value(self, w: Tensor) -> Tensor:
        if w.numel() == 0:
            return w.new_zeros(())
        matrix, scale = _scaled_matrix(w)
        return (torch.linalg.svdvals(matrix).sum() * scale).to(w.dtype)

    def prox(self, w: Tensor, step: float) -> Tensor:
        step = check_step(step)
        check_weights(w)
        if step == 0 or w.numel() == 0:
            return w.clone()
        if not w.isfinite().all():
            return torch.full_like(w, torch.nan)  # as of a network that has diverged
        matrix, scale = _scaled_matrix(w)
        u, values, v = torch.linalg.svd(matrix, full_matrices=False)
        shrunk = (values - step / scale).clamp_(min=0)
        highest = torch.finfo(w.dtype).max
        x = ((u * shrunk) @ v * scale).clamp_(-highest, highest)
        return x.to(w.dtype).add_(0.0).reshape(w.shape)

    def rank(self, w: Tensor) -> int:
        """Return the rank of the matrix of a layer.

        The layer can be written as two, with so many channels or neurons in between.

        Parameters
        ----------
        w : Tensor
            Weights of one layer, of any shape, device and floating dtype.

        Returns
        -------
        int
            The number of singular values that are not zero to the precision of `w`.

        See Also
        --------
        prox : Lowers it.

        Examples
        --------
        >>> import torch
        >>> from sparsecnn.penalties import NuclearNorm
        >>> NuclearNorm().rank(torch.ones(8, 3, 5, 5))
        1
        """
        if w.numel() == 0:
            return 0
        matrix, _ = _scaled_matrix(w.detach())
        tolerance = max(matrix.shape) * torch.finfo(w.dtype).eps
        return int(torch.linalg.matrix_rank(matrix, rtol=tolerance))


def _scaled_matrix(w: Tensor) -> tuple[Tensor, float]:
    """Return the matrix of weights, a row for each output, over the largest magnitude; and that."""
    rows = group_rows(w, axis=0).to(widest(w))
    scale = max(float(rows.detach().abs().max()), torch.finfo(rows.dtype).smallest_normal)
    return rows / scale, scale
