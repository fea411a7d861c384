"""What a penalty sets to zero together, and how large that is."""

from typing import Any

from torch import Tensor

__all__ = ["unit_magnitudes"]


def unit_of(penalty: Any) -> str:
    """Return what a penalty treats as one: a single weight, unless it names another unit."""
    return getattr(penalty, "unit", "weight")


def unit_name(penalty: Any) -> str:
    """Return what the units of a penalty are called in messages: single weights, or groups of them."""
    return "groups" if unit_of(penalty) == "group" else "weights"


def check_has_target(penalty: Any) -> None:
    """Raise ValueError if no λ of a penalty gives a target sparsity."""
    reason = getattr(penalty, "no_target", None)
    if reason is not None:
        raise ValueError(
            f"{penalty!r} has no λ for a target sparsity, since {reason}: give lam a number instead."
        )


def unit_magnitudes(penalty: Any, w: Tensor) -> Tensor:
    """Return the magnitude of each unit of a tensor: of each weight, or of each group of weights.

    Units become zero in this order as λ grows. Use it to count the units that are zero, or to see how near
    the others are.

    Parameters
    ----------
    penalty : object
        Its ``magnitudes(w)`` is used if it has that method; otherwise the units are the single weights.
    w : Tensor
        Weights of one layer, of any shape.

    Returns
    -------
    Tensor of shape (n_units,)
        At least 0, and 0 exactly where all weights of the unit are zero. Detached from the graph.

    See Also
    --------
    lam_for_sparsity : The λ that zeroes a fraction of the units.
    group_rows : Which weights form a group.

    Examples
    --------
    >>> import torch
    >>> from sparsecnn.penalties import L0, unit_magnitudes
    >>> unit_magnitudes(L0(), torch.tensor([[2.0, -1.0], [0.0, 3.0]]))
    tensor([2., 1., 0., 3.])
    """
    w = w.detach()
    magnitudes = getattr(penalty, "magnitudes", None)
    return w.abs().flatten() if magnitudes is None else magnitudes(w)
