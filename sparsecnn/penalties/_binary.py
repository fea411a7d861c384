"""Weights of two or three values in each output filter: -α, α, and 0."""

import torch
from torch import Tensor

from sparsecnn.penalties._base import Penalty
from sparsecnn.penalties._checks import check_step, check_weights
from sparsecnn.penalties._group_axis import from_group_rows, group_rows, widest

__all__ = ["Binary", "Ternary"]


class _FewValues(Penalty):
    """A penalty that allows only weights of one magnitude, or zero, in each slice along axis 0."""

    unit = "tensor"
    confines = True
    allows_zero: bool

    def value(self, w: Tensor) -> Tensor:
        """Return the sum of P over all weights.

        It tells whether weights are in the set to which the penalty confines them; `prox` always returns such
        ones.

        Parameters
        ----------
        w : Tensor
            Weights of any shape, device and floating dtype.

        Returns
        -------
        Tensor of shape ()
            Infinite unless all weights of each output filter have one magnitude, besides zeros where these
            are allowed. In the dtype of `w`.

        See Also
        --------
        prox : The nearest weights of finite value.

        Examples
        --------
        >>> import torch
        >>> from sparsecnn.penalties import Binary, Ternary
        >>> w = torch.tensor([[-2.0, 0.0, 2.0]])
        >>> Binary().value(w), Ternary().value(w)
        (tensor(inf), tensor(2.))
        """
        magnitude = group_rows(w, axis=0).abs()
        if w.numel() == 0:
            return w.new_zeros(())
        top = magnitude.amax(1, keepdim=True)
        allowed = magnitude == top
        if self.allows_zero:
            allowed |= magnitude == 0
        zero = w.new_zeros(())
        return torch.where(
            allowed.all(), w.count_nonzero().to(w.dtype) if self.allows_zero else zero, torch.inf
        )

    def prox(self, w: Tensor, step: float) -> Tensor:
        step = check_step(step)
        rows = group_rows(check_weights(w), axis=0).to(widest(w))
        if w.numel() == 0:
            return w.clone()
        magnitude = rows.abs()
        scale = magnitude.amax(1, keepdim=True).clamp(min=torch.finfo(rows.dtype).smallest_normal)
        chosen = self._choose(magnitude.div_(scale), step, scale).mul_(scale)
        x = torch.where(rows < 0, -chosen, chosen).to(w.dtype).add_(0.0)  # no zero is left negative
        return from_group_rows(x, w, 0, 1)

    def _choose(self, relative: Tensor, step: float, scale: Tensor) -> Tensor:
        """Return the magnitudes for rows of magnitudes, all divided by the scales of the rows."""
        raise NotImplementedError


class Binary(_FewValues):
    """Weights of two values, -α and α, with one α for each output filter: a projection, whatever the step.

    For networks whose weights take one bit each. Training takes gradients at the two values, so that it never
    leaves them; ``penalty=Binary()`` with ``penalized="hidden"`` spares the first and the last layer.

    See Also
    --------
    Ternary : Allows zeros too.
    sparsecnn.binarization.binarize : Removes channels first, and binarizes the others.

    Notes
    -----
    ``P(x)`` is 0 for such weights and infinite for others. Along axis 0 of a tensor, the nearest such weights
    to a filter w are ``α·sign(w)`` with α the mean of ``|w|`` [1]_; the sign of 0 is taken as 1. No weight
    becomes zero, unless its whole filter is, so there is no λ for a sparsity. In a vector, each entry is a
    filter.

    References
    ----------
    .. [1] M. Rastegari, V. Ordonez, J. Redmon and A. Farhadi, "XNOR-Net: ImageNet classification using binary
       convolutional neural networks", ECCV 2016.

    Examples
    --------
    >>> import torch
    >>> from sparsecnn.penalties import Binary
    >>> Binary().prox(torch.tensor([[-2.0, 0.5, 0.5], [1.0, 0.0, -2.0]]), step=0.5)
    tensor([[-1.,  1.,  1.],
            [ 1.,  1., -1.]])
    """

    allows_zero = False

    def critical_step(self, magnitude: float) -> float:
        """Return infinity: no step zeroes a weight.

        `lam_for_sparsity` and target sparsities find λ by it; infinity tells them that there is none.

        Parameters
        ----------
        magnitude : float
            Of a weight.

        Returns
        -------
        float
            Infinity.

        See Also
        --------
        Ternary : Weights of few values that can become zero.

        Examples
        --------
        >>> from sparsecnn.penalties import Binary
        >>> Binary().critical_step(0.1)
        inf
        """
        return float("inf")

    def _choose(self, relative: Tensor, step: float, scale: Tensor) -> Tensor:
        return relative.mean(1, keepdim=True).expand_as(relative).clone()


class Ternary(_FewValues):
    """Weights of three values, -α, 0 and α, with one α for each output filter; their number is penalised.

    For networks of few bits for each weight that can still be sparse: a larger λ, or a target sparsity, gives
    more zeros.

    See Also
    --------
    Binary : Allows no zeros.
    sparsecnn.binarization.stored_bytes : What such weights take to store.

    Notes
    -----
    ``P(x)`` is the number of weights other than 0 where those of each filter, along axis 0 of a tensor, have
    one magnitude, and infinite elsewhere. With ``c_k`` the sum of the k largest ``|w|`` of a filter, the
    proximal map keeps the k for which ``c_k²/(2k) - step·k`` is largest, with ``α = c_k/k``, and makes the
    filter zero if that is not above 0. A step of 0 gives the nearest ternary filter, which has zeros of its
    own. In a vector, each entry is a filter.

    Examples
    --------
    >>> import torch
    >>> from sparsecnn.penalties import Ternary
    >>> Ternary().prox(torch.tensor([[-2.0, 1.0, 0.25], [0.3, 0.2, -0.3]]), step=0.1)
    tensor([[-1.5000,  1.5000,  0.0000],
            [ 0.0000,  0.0000,  0.0000]])
    """

    allows_zero = True

    def _choose(self, relative: Tensor, step: float, scale: Tensor) -> Tensor:
        ordered, places = relative.sort(dim=1, descending=True)
        counts = torch.arange(1, ordered.shape[1] + 1, dtype=ordered.dtype, device=ordered.device)
        sums = ordered.cumsum(1)
        fall, last = (sums.square() / (2 * counts) - step / scale / scale * counts).max(1, keepdim=True)
        alpha = torch.where(fall > 0, sums.gather(1, last) / (last + 1), 0.0)
        return torch.empty_like(ordered).scatter_(1, places, alpha * (counts <= last + 1))
