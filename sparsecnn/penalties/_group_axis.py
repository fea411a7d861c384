"""Which weights of a tensor form a group: slices along one axis, seen as rows."""

from numbers import Integral
from typing import Any

import torch
from torch import Tensor

__all__ = ["group_rows"]


def group_rows(w: Tensor, axis: int | None = None, pixels: int = 1) -> Tensor:
    """Return the groups of a tensor as the rows of a matrix.

    It says which weights `GroupPenalty` and `SparseGroupPenalty` take together; use it to count or to plot
    living filters and neurons.

    Parameters
    ----------
    w : Tensor
        Weights of any shape.
    axis : int, default=None
        The axis of `w` that numbers the groups. None takes axis 0, the output filters, of tensors of more
        than two dimensions; axis 1, the input neurons, of matrices; and each entry by itself of vectors, such
        as the scales of batch normalisation.
    pixels : int, default=1
        So many consecutive entries along the axis belong to one group, such as all pixels of a channel in the
        flattened input of a fully connected layer.

    Returns
    -------
    Tensor of shape (n_groups, n_weights)
        A view of `w` where its layout in memory allows that, otherwise a copy.

    Raises
    ------
    ValueError
        If `w` does not have that axis, or `pixels` does not divide its length.

    See Also
    --------
    GroupPenalty : Takes the same `axis` and `pixels`.
    unit_magnitudes : How large each group is.

    Examples
    --------
    >>> import torch
    >>> from sparsecnn.penalties import group_rows
    >>> group_rows(torch.tensor([[1, 2, 3, 4], [5, 6, 7, 8]]), pixels=2)
    tensor([[1, 2, 5, 6],
            [3, 4, 7, 8]])
    >>> group_rows(torch.zeros(16, 3, 5, 5)).shape
    torch.Size([16, 75])
    """
    split, axis = split_groups(w, axis, pixels)
    n_groups = split.shape[axis]
    return split.movedim(axis, 0).reshape(n_groups, w.numel() // max(1, n_groups))


def from_group_rows(rows: Tensor, w: Tensor, axis: int | None, pixels: int) -> Tensor:
    """Return `rows`, laid out as `group_rows` does it, in the shape of `w`."""
    split, axis = split_groups(w, axis, pixels)
    return rows.reshape(split.movedim(axis, 0).shape).movedim(0, axis).reshape(w.shape)


def split_groups(w: Tensor, axis: int | None, pixels: int) -> tuple[Tensor, int]:
    """Return a view of `w` with one index along an axis for each group, and that axis.

    The entries of a group along the axis are moved to a new axis after it.
    """
    axis = _check_axis(w, axis)
    w = w.reshape(1) if w.dim() == 0 else w
    length = w.shape[axis]
    if not _is_integer(pixels) or pixels < 1 or length % pixels:
        raise ValueError(
            f"pixels must be a positive integer that divides the length of axis {axis} of weights of shape "
            f"{tuple(w.shape)}, {length}, got {pixels!r}."
        )
    return w.unflatten(axis, (length // pixels, int(pixels))), axis


def expand_groups(values: Tensor, split: Tensor, axis: int) -> Tensor:
    """Return one value of each group in a shape that multiplies what `split_groups` returned."""
    return values.reshape([-1 if i == axis else 1 for i in range(split.dim())])


def group_dims(split: Tensor, axis: int) -> list[int]:
    """Return all axes of what `split_groups` returned but the one that numbers the groups."""
    return [i for i in range(split.dim()) if i != axis]


def widest(w: Tensor) -> torch.dtype:
    """Return the dtype to sum over groups in: double precision, unless the device has none."""
    return torch.float32 if w.device.type == "mps" else torch.float64


def _check_axis(w: Tensor, axis: Any) -> int:
    """Return the axis of `w` that numbers the groups, from 0, or raise ValueError."""
    if axis is None:
        return 1 if w.dim() == 2 else 0
    n_axes = max(1, w.dim())
    if not _is_integer(axis) or not -n_axes <= axis < n_axes:
        raise ValueError(
            f"axis must be None or an integer from {-n_axes} to {n_axes - 1} for weights of shape "
            f"{tuple(w.shape)}, got {axis!r}."
        )
    return int(axis) % n_axes


def _is_integer(value: Any) -> bool:
    return isinstance(value, Integral) and not isinstance(value, bool)
