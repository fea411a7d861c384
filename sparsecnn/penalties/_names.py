"""From names to penalties, of single weights, of groups and of whole tensors."""

from collections.abc import Callable, Mapping
from functools import partial
from types import MappingProxyType
from typing import Any

from sparsecnn.penalties._base import Penalty
from sparsecnn.penalties._exclusive import CombinedExclusive, Exclusive
from sparsecnn.penalties._groups import GroupPenalty
from sparsecnn.penalties._hoyer import Hoyer
from sparsecnn.penalties._infinity import L1Infinity
from sparsecnn.penalties._lookup import SCALAR_PENALTIES, find_penalty
from sparsecnn.penalties._nuclear import NuclearNorm
from sparsecnn.penalties._sparse_groups import ELEMENT_NAMES, SparseGroupPenalty

__all__ = ["PENALTIES", "get_penalty"]

# What makes a penalty of default parameters: its class, or a class with its first argument.
PENALTIES: Mapping[str, Callable[[], Penalty]] = MappingProxyType(
    {
        **SCALAR_PENALTIES,
        **{f"group_{name}": partial(GroupPenalty, name) for name in SCALAR_PENALTIES},
        **{f"sparse_group_{name}": partial(SparseGroupPenalty, name) for name in ELEMENT_NAMES},
        "combined_exclusive": CombinedExclusive,
        "exclusive": Exclusive,
        "hoyer": Hoyer,
        "l1_inf": L1Infinity,
        "nuclear": NuclearNorm,
    }
)


def get_penalty(penalty: Any) -> Any:
    """Return the penalty object of a name, or the object itself.

    It is how `RVSM` and the classifier understand their parameter `penalty`; call it to reach a penalty by
    the name that a user gives.

    Parameters
    ----------
    penalty : str or object
        A name in `PENALTIES`, or any object with the methods ``value(w)`` and ``prox(w, step)``. Its units
        are single weights unless it has the attribute ``unit`` and the method ``magnitudes(w)`` of `Penalty`.

    Returns
    -------
    object
        A new one of default parameters for a name, otherwise `penalty` itself.

    Raises
    ------
    ValueError
        If the name is unknown, or the object lacks a method.

    See Also
    --------
    Penalty : Has all that an object may have.

    Examples
    --------
    >>> from sparsecnn.penalties import get_penalty
    >>> get_penalty("tl1")
    TransformedL1()
    """
    return find_penalty(penalty, PENALTIES, "penalty")
