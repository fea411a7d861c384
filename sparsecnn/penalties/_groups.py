"""Penalties of groups of weights: a penalty of single weights, applied to the norm of each group."""

import math
from typing import Any

import torch
from torch import Tensor
from torch.linalg import vector_norm

from sparsecnn.penalties._base import ClosedFormPenalty
from sparsecnn.penalties._checks import check_step, check_weights
from sparsecnn.penalties._group_axis import expand_groups, group_dims, split_groups, widest
from sparsecnn.penalties._lookup import SCALAR_PENALTIES, find_penalty
from sparsecnn.penalties._step_to_zero import step_to_zero
from sparsecnn.penalties._units import unit_magnitudes, unit_of

__all__ = ["GroupPenalty"]


class GroupPenalty(ClosedFormPenalty):
    """A penalty of groups of weights, such as filters or neurons, which become zero together.

    Zero filters and neurons can be removed, which makes a network faster; single zeros only make its file
    smaller. The names "group_l0", "group_tl1" and so on stand for objects of this class.

    Parameters
    ----------
    base : str or object, default="l0"
        The penalty of the norms: the name of one of single weights, such as "l0" or "tl1", or an object, such
        as ``TransformedL1(a=0.01)``, whose parameters a grid reaches as ``base__a``.
    axis : int, default=None
        The axis of a weight tensor that numbers the groups. None takes axis 0, the output filters, of tensors
        of more than two dimensions; axis 1, the input neurons, of matrices; and each entry by itself of
        vectors, such as the scales of batch normalisation.
    pixels : int, default=1
        So many consecutive entries along the axis belong to one group, such as all pixels of a channel in the
        flattened input of a fully connected layer.

    Attributes
    ----------
    depends_on_step : bool
        Whether the shape of P depends on the step, as that of the base does.

    See Also
    --------
    SparseGroupPenalty : Zeroes single weights of the groups that survive too.
    group_rows : Which weights form a group.
    sparsecnn.export.compress : Removes the channels that are zero.

    Notes
    -----
    With the root mean square ``r_g = ‖w_g‖/√n_g`` of the ``n_g`` weights of a group,
    ``P(w) = Σ_g n_g·φ(r_g)`` with φ the base. Along ``w_g``, the objective of the proximal map is
    ``n_g·[(r - r_g)²/2 + step·φ(r)]``, and off it, it is larger: the map is

        ``w_g·prox_{step·φ}(r_g)/r_g``, and 0 where ``r_g = 0``.

    For "l1" that is the group lasso, ``P(w) = Σ_g √n_g·‖w_g‖`` [1]_; for "l0", P is the number of weights in
    groups other than zero. Steps, thresholds and parameters of the base stay on the scale of single weights,
    however large the groups are.

    References
    ----------
    .. [1] M. Yuan and Y. Lin, "Model selection and estimation in regression with grouped variables", J. Royal
       Statistical Society B 68, 2006.

    Examples
    --------
    >>> import torch
    >>> from sparsecnn.penalties import GroupPenalty
    >>> filters = torch.tensor([[[3.0, -4.0]], [[0.3, 0.4]]])
    >>> GroupPenalty("l0").prox(filters, step=0.5)
    tensor([[[ 3., -4.]],
    <BLANKLINE>
            [[ 0.,  0.]]])
    >>> GroupPenalty("l0").magnitudes(filters)
    tensor([3.5355, 0.3536], dtype=torch.float64)
    """

    unit = "group"

    def __init__(self, base: Any = "l0", axis: int | None = None, pixels: int = 1):
        self.base = base
        self.axis = axis
        self.pixels = pixels

    @property
    def depends_on_step(self) -> bool:  # type: ignore[override]
        """Whether the shape of P depends on the step, as that of the base does.

        Where it does, `value` needs the step, as for "group_scad" and "group_mcp".

        See Also
        --------
        value : Takes the step.

        Examples
        --------
        >>> from sparsecnn.penalties import GroupPenalty
        >>> GroupPenalty("l0").depends_on_step, GroupPenalty("mcp").depends_on_step
        (False, True)
        """
        return bool(getattr(self._base(), "depends_on_step", False))

    def value(self, w: Tensor, step: float = 1.0) -> Tensor:
        """Return the sum of P over all groups.

        Each group counts the base's value at the root mean square of its weights, times their number;
        "group_l0" thus counts the weights of living groups.

        Parameters
        ----------
        w : Tensor
            Weights of any shape, device and floating dtype.
        step : float, default=1.0
            The ratio λ/β, for a base whose shape depends on it.

        Returns
        -------
        Tensor of shape ()
            In the dtype of `w`.

        See Also
        --------
        prox : The proximal map of P.

        Examples
        --------
        >>> import torch
        >>> from sparsecnn.penalties import GroupPenalty
        >>> filters = torch.tensor([[[3.0, -4.0]], [[0.0, 0.0]]])
        >>> GroupPenalty("l0").value(filters)
        tensor(2.)
        """
        base, norms = self._base(), self._norms(w)
        shape = (step,) if self.depends_on_step else ()
        return (base.value(norms, *shape) * (w.numel() / max(1, len(norms)))).to(w.dtype)

    def prox(self, w: Tensor, step: float) -> Tensor:
        base, step = self._base(), check_step(step)
        norms = self._norms(check_weights(w))
        if step == 0:
            return w.clone()
        factors = base.prox(norms, step) / norms.clamp(min=_least(norms.dtype))
        split, axis = split_groups(w, self.axis, self.pixels)
        factors = expand_groups(factors.to(torch.promote_types(w.dtype, torch.float32)), split, axis)
        # Adding 0 leaves no zero negative.
        return (split * factors).to(w.dtype).add_(0.0).reshape(w.shape)

    def magnitudes(self, w: Tensor) -> Tensor:
        """Return how large each group is: the smaller, the smaller the step that zeroes it.

        Groups become zero in this order, so that its quantiles give λ for a fraction of zero groups. The
        norms are divided by the root of the group's size, to compare large groups with small ones.

        Parameters
        ----------
        w : Tensor
            Weights of any shape, device and floating dtype.

        Returns
        -------
        Tensor of shape (n_groups,)
            What the base takes for the magnitudes of the norms ``r_g``: usually these themselves, and 0
            exactly where all weights of the group are zero. In double precision where the device has it.

        See Also
        --------
        group_rows : The weights of each group.

        Examples
        --------
        >>> import torch
        >>> from sparsecnn.penalties import GroupPenalty
        >>> filters = torch.tensor([[[3.0, -4.0, 0.0, 0.0]], [[0.5, 0.5, 0.5, 0.5]]])
        >>> GroupPenalty("l0").magnitudes(filters).tolist()
        [2.5, 0.5]
        """
        return unit_magnitudes(self._base(), self._norms(w))

    def critical_step(self, magnitude: float) -> float:
        return step_to_zero(self._base(), magnitude)

    def _base(self) -> Any:
        """Return the penalty of the norms, or raise ValueError if it is none of a vector."""
        base = find_penalty(self.base, SCALAR_PENALTIES, "base")
        if unit_of(base) == "group":
            raise ValueError(f"base must be a penalty of single weights, got {base!r} of unit 'group'.")
        return base

    def _norms(self, w: Tensor) -> Tensor:
        """Return the root mean square of each group, free of underflow and overflow of its squares."""
        split, axis = split_groups(w, self.axis, self.pixels)
        dims, dtype = group_dims(split, axis), widest(w)
        if w.numel() == 0:
            return w.new_zeros(split.shape[axis], dtype=dtype)
        root = math.sqrt(w.numel() / split.shape[axis])
        if w.dtype != dtype:  # whose numbers have squares in double precision
            return vector_norm(split, dim=dims, dtype=dtype) / root
        top = split.detach().abs().amax(dims, keepdim=True)
        scale = top.clamp(min=torch.finfo(dtype).smallest_normal)
        norms = vector_norm(split / scale, dim=dims) * (scale.flatten() / root)
        return torch.where(top.flatten() > 0, norms.clamp(min=_least(dtype)), 0.0)


def _least(dtype: torch.dtype) -> float:
    """Return the smallest number of `dtype` above 0."""
    return torch.finfo(dtype).smallest_normal * torch.finfo(dtype).eps
