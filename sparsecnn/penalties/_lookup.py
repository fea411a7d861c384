"""From names to penalties."""

import difflib
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from sparsecnn.penalties._base import Penalty
from sparsecnn.penalties._concave import MCP, SCAD, CappedL1, LogSum
from sparsecnn.penalties._norms import L0, L1, L1MinusL2, LHalf, TransformedL1

__all__ = ["PENALTIES", "get_penalty"]

# A new penalty is one class in one file of this package, plus one row here.
PENALTIES: Mapping[str, type[Penalty]] = MappingProxyType(
    {
        "capped_l1": CappedL1,
        "l0": L0,
        "l1": L1,
        "l1_minus_l2": L1MinusL2,
        "l_half": LHalf,
        "log_sum": LogSum,
        "mcp": MCP,
        "scad": SCAD,
        "tl1": TransformedL1,
    }
)


def get_penalty(penalty: Any) -> Any:
    """Return the penalty object of a name, or the object itself.

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

    Examples
    --------
    >>> from sparsecnn.penalties import get_penalty
    >>> get_penalty("tl1")
    TransformedL1()
    """
    if isinstance(penalty, str):
        if penalty not in PENALTIES:
            near = difflib.get_close_matches(penalty, PENALTIES, n=1)
            hint = f" Did you mean {near[0]!r}?" if near else ""
            raise ValueError(f"penalty must be one of {sorted(PENALTIES)}, got {penalty!r}.{hint}")
        return PENALTIES[penalty]()
    needed = f"penalty must be one of {sorted(PENALTIES)} or an object with value(w) and prox(w, step), got "
    if isinstance(penalty, type):
        raise ValueError(f"{needed}the class {penalty.__name__}: call it.")
    if not all(callable(getattr(penalty, method, None)) for method in ("value", "prox")):
        raise ValueError(f"{needed}{penalty!r}.")
    _check_unit(penalty)
    return penalty


def _check_unit(penalty: Any) -> None:
    """Raise ValueError if the units of `penalty` are other than single weights, but not defined."""
    unit = getattr(penalty, "unit", "weight")
    if unit not in ("weight", "group", "tensor"):
        raise ValueError(
            f"unit of penalty must be 'weight', 'group' or 'tensor', got {unit!r} of {penalty!r}."
        )
    if hasattr(penalty, "unit") != hasattr(penalty, "magnitudes"):
        raise ValueError(f"penalty must have both unit and magnitudes(w), or neither, got {penalty!r}.")
