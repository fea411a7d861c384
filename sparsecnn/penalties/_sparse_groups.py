"""Penalties of groups and of the weights within them."""

import math
from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.linalg import vector_norm

from sparsecnn.penalties._base import Penalty
from sparsecnn.penalties._checks import check_step, check_weights
from sparsecnn.penalties._group_axis import from_group_rows, group_rows, widest
from sparsecnn.penalties._lookup import SCALAR_PENALTIES, find_penalty
from sparsecnn.penalties._norm_search import shrink_by_search
from sparsecnn.penalties._norms import L0, L1, L1MinusL2, LHalf, TransformedL1
from sparsecnn.penalties._row_maps import shrink_l0_and_norm, shrink_l1_and_norm
from sparsecnn.penalties._units import unit_of

__all__ = ["SparseGroupPenalty"]

# The names of the elements for which the map is exact with either penalty of groups.
ELEMENT_NAMES = tuple(
    name for name, penalty in SCALAR_PENALTIES.items() if penalty in (L0, L1, L1MinusL2, LHalf, TransformedL1)
)


class SparseGroupPenalty(Penalty):
    """A penalty of groups, such as filters or neurons, and of the single weights of those that survive.

    For networks that are to be both fast, by fewer channels, and small in a file, by zeros within them. The
    names "sparse_group_l0", "sparse_group_tl1" and so on stand for objects of this class.

    Parameters
    ----------
    element : str or object, default="l0"
        The penalty p of single weights: a name, or an object, whose parameters a grid reaches as
        ``element__a``. With ``group="l0"``, every penalty of single weights will do, and `L1MinusL2`; with
        ``group="l1"``, only "l0", "l1", "tl1", "l_half" and "l1_minus_l2", or objects of their classes.
        ℓ1 - α ℓ2 is taken over each group, not over the whole tensor.
    group : {"l0", "l1"}, default="l0"
        The penalty G of groups: "l0" counts the weights of groups other than zero, so that living groups are
        not shrunk by it; "l1" is the group lasso.
    group_ratio : float, default=0.5
        The share of G, from 0, which leaves the penalty of single weights alone, to 1, which leaves G alone.
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
        Whether the shape of P depends on the step, as that of the element does.

    See Also
    --------
    GroupPenalty : Zeroes whole groups only.
    group_rows : Which weights form a group.
    sparsecnn.export.compress : Removes the channels that are zero.

    Notes
    -----
    ``P(x) = (1 - group_ratio)·Σ_i p(x_i) + group_ratio·G(x)``, where ``G(x) = Σ_g n_g·1[x_g ≠ 0]`` or
    ``Σ_g √n_g·‖x_g‖`` over groups of ``n_g`` weights. The proximal map is exact. With ``t₁`` and ``t₂`` the
    step times both shares, for a group w:

    * "l0": with z the map of ``t₁·p``, z if ``Σ_i [w_i²/2 - (z_i - w_i)²/2 - t₁·p(z_i)] > t₂·n_g``, else 0.
      The left side is what `gains` returns.
    * "l1" and p = ℓ1: z, scaled by ``max(1 - t₂√n_g/‖z‖, 0)``: the sparse group lasso [1]_.
    * "l1" and p = ℓ1 - α ℓ2: the norms add up to one of either sign, whose map with ℓ1 is closed.
    * "l1" and p = ℓ0: the weights in order of size give the best number of survivors.
    * "l1" and others: a search over the norm of the group, some 50 times as expensive as the map of p.
      Scaling z as for ℓ1 would not give the minimiser.

    Weights become zero one by one, so that targets of sparsity count single weights.

    References
    ----------
    .. [1] N. Simon, J. Friedman, T. Hastie and R. Tibshirani, "A sparse-group lasso", J. Computational and
       Graphical Statistics 22, 2013.

    Examples
    --------
    >>> import torch
    >>> from sparsecnn.penalties import SparseGroupPenalty
    >>> filters = torch.tensor([[[3.0, -4.0, 0.1]], [[0.8, 0.1, 0.1]]])
    >>> SparseGroupPenalty("l0", group="l0").prox(filters, step=0.5)
    tensor([[[ 3., -4.,  0.]],
    <BLANKLINE>
            [[ 0.,  0.,  0.]]])
    >>> SparseGroupPenalty("l1", group="l1").prox(filters, step=0.5)
    tensor([[[ 2.4939, -3.4008,  0.0000]],
    <BLANKLINE>
            [[ 0.1170,  0.0000,  0.0000]]])
    """

    unit = "tensor"

    def __init__(
        self,
        element: Any = "l0",
        group: str = "l0",
        group_ratio: float = 0.5,
        axis: int | None = None,
        pixels: int = 1,
    ):
        self.element = element
        self.group = group
        self.group_ratio = group_ratio
        self.axis = axis
        self.pixels = pixels

    @property
    def depends_on_step(self) -> bool:  # type: ignore[override]
        """Whether the shape of P depends on the step, as that of the element does.

        Where it does, `value` needs the step, as for elements "scad" and "mcp".

        See Also
        --------
        value : Takes the step.

        Examples
        --------
        >>> from sparsecnn.penalties import SparseGroupPenalty
        >>> SparseGroupPenalty("l0").depends_on_step, SparseGroupPenalty("mcp").depends_on_step
        (False, True)
        """
        return bool(getattr(self._element(), "depends_on_step", False))

    def value(self, w: Tensor, step: float = 1.0) -> Tensor:
        """Return P, summed over all weights and groups.

        The penalty of single weights and that of groups, each times its share.

        Parameters
        ----------
        w : Tensor
            Weights of any shape, device and floating dtype.
        step : float, default=1.0
            The ratio λ/β, for an element whose shape depends on it.

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
        >>> from sparsecnn.penalties import SparseGroupPenalty
        >>> filters = torch.tensor([[[3.0, 0.0]], [[0.0, 0.0]]])
        >>> SparseGroupPenalty("l0").value(filters)  # half of 1 weight, and half of 2 in living groups
        tensor(1.5000)
        """
        ratio, rows = self._ratio(), self._rows(w)
        n_weights = rows.shape[1]
        if self.group == "l1":
            groups = math.sqrt(n_weights) * vector_norm(rows, dim=1).sum()
        else:
            groups = n_weights * (rows != 0).any(1).sum().to(rows.dtype)
        elements = self._element_values(rows, (1 - ratio) * step).sum()
        return ((1 - ratio) * elements + ratio * groups).to(w.dtype)

    def prox(self, w: Tensor, step: float) -> Tensor:
        ratio, step = self._ratio(), check_step(step)
        rows = self._rows(check_weights(w))
        self._element()
        if step == 0 or w.numel() == 0:
            return w.clone()
        shrink = self._shrink_l0 if self.group == "l0" else self._shrink_l1
        shrunk = shrink(rows.abs(), (1 - ratio) * step, ratio * step)
        # Adding 0 leaves no zero negative.
        x = rows.sign().mul_(shrunk).to(w.dtype).add_(0.0)
        return from_group_rows(x, w, self.axis, self.pixels)

    def gains(self, w: Tensor, step: float) -> Tensor:
        """Return how much the objective falls if a group is kept: the larger, the more it is worth.

        With ``group="l0"``, groups whose gain is not above ``group_ratio·step`` times their size become zero.
        A target of multiply-adds removes channels in the order of their gains.

        Parameters
        ----------
        w : Tensor
            Weights of any shape, device and floating dtype.
        step : float
            The ratio λ/β, at least 0.

        Returns
        -------
        Tensor of shape (n_groups,)
            With z the proximal map of the element for ``t₁ = (1 - group_ratio)·step``, for each group,
            ``Σ_i [w_i²/2 - (z_i - w_i)²/2 - t₁·p(z_i)]``. In double precision where the device has it.

        Raises
        ------
        ValueError
            If `w` is no tensor of floating dtype, or `step` or a parameter of the penalty is out of range.

        See Also
        --------
        prox : Keeps the groups of large gain.

        Examples
        --------
        >>> import torch
        >>> from sparsecnn.penalties import SparseGroupPenalty
        >>> filters = torch.tensor([[[3.0, -4.0]], [[1.0, 0.25]]])
        >>> SparseGroupPenalty("l0").gains(filters, step=0.5).tolist()
        [12.0, 0.25]
        """
        element_step = (1 - self._ratio()) * check_step(step)
        magnitude = self._rows(check_weights(w)).abs()
        if w.numel() == 0:
            return magnitude.new_zeros(len(magnitude))
        gains, scale = self._gains(magnitude, self._shrink_elements(magnitude, element_step), element_step)
        return gains * scale * scale

    def _shrink_l0(self, magnitude: Tensor, element_step: float, group_step: float) -> Tensor:
        z = self._shrink_elements(magnitude, element_step)
        if group_step == 0:
            return z
        gains, scale = self._gains(magnitude, z, element_step)
        kept = gains > group_step / scale * magnitude.shape[1] / scale
        return z.where(kept.unsqueeze(1), 0.0)

    def _shrink_l1(self, magnitude: Tensor, element_step: float, group_step: float) -> Tensor:
        element = self._element()
        norm_step = group_step * math.sqrt(magnitude.shape[1])
        if type(element) is L1:
            return shrink_l1_and_norm(magnitude, element_step, norm_step)
        if type(element) is L1MinusL2:
            return shrink_l1_and_norm(
                magnitude, element_step, norm_step - element._check_alpha() * element_step
            )
        if type(element) is L0 or element_step == 0:
            return shrink_l0_and_norm(magnitude, element_step, norm_step)
        if norm_step == 0:
            return element.prox(magnitude, element_step)
        return shrink_by_search(element, magnitude, element_step, norm_step)

    def _shrink_elements(self, magnitude: Tensor, element_step: float) -> Tensor:
        """Return the proximal map of the penalty of single weights."""
        element = self._element()
        if type(element) is L1MinusL2:
            return shrink_l1_and_norm(magnitude, element_step, -element._check_alpha() * element_step)
        return element.prox(magnitude, element_step)

    def _gains(self, magnitude: Tensor, z: Tensor, element_step: float) -> tuple[Tensor, Tensor]:
        """Return the gains of rows divided by the square of a scale, and these scales."""
        scale = magnitude.amax(1).clamp(min=torch.finfo(magnitude.dtype).smallest_normal)
        w, x = magnitude / scale.unsqueeze(1), z / scale.unsqueeze(1)
        falls = (w.sub_(x / 2).mul_(x)).sum(1)
        return falls - self._element_values(z, element_step) / scale * element_step / scale, scale

    def _element_values(self, rows: Tensor, element_step: float) -> Tensor:
        """Return the sum of p over each row."""
        if element_step == 0 or rows.numel() == 0:
            return rows.new_zeros(len(rows))
        value = self._element().value
        if self.depends_on_step:
            value = partial(value, step=element_step)
        return torch.func.vmap(value)(rows)

    def _rows(self, w: Tensor) -> Tensor:
        return group_rows(w, self.axis, self.pixels).to(widest(w))

    def _ratio(self) -> float:
        return self._check_parameter("group_ratio", 0, 1, closed=True)

    def _element(self) -> Any:
        """Return the penalty of single weights, or raise ValueError if there is no exact map with it."""
        if self.group not in ("l0", "l1"):
            raise ValueError(f"group must be 'l0' or 'l1', got {self.group!r}.")
        element = find_penalty(self.element, SCALAR_PENALTIES, "element")
        if self.group == "l1" and type(element) not in map(SCALAR_PENALTIES.get, ELEMENT_NAMES):
            raise ValueError(
                f"element must be one of {list(ELEMENT_NAMES)} or an object of such a class with group='l1', "
                f"got {element!r}: with others there is no exact proximal map."
            )
        if unit_of(element) != "weight" and type(element) is not L1MinusL2:
            raise ValueError(f"element must be a penalty of single weights, got {element!r}.")
        return element
