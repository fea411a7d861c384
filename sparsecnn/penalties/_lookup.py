"""The scalar penalties by name, and from what a user gives to a penalty object."""

import difflib
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from sparsecnn.penalties._base import Penalty
from sparsecnn.penalties._concave import MCP, SCAD, CappedL1, LogSum
from sparsecnn.penalties._lp import Lp
from sparsecnn.penalties._norms import L0, L1, L1MinusL2, LHalf, TransformedL1
from sparsecnn.penalties._units import unit_of

# A new penalty is one class in one file of this package, plus one row here.
SCALAR_PENALTIES: Mapping[str, type[Penalty]] = MappingProxyType(
    {
        "capped_l1": CappedL1,
        "l0": L0,
        "l1": L1,
        "l1_minus_l2": L1MinusL2,
        "l_half": LHalf,
        "log_sum": LogSum,
        "lp": Lp,
        "mcp": MCP,
        "scad": SCAD,
        "tl1": TransformedL1,
    }
)


def find_penalty(penalty: Any, named: Mapping[str, Callable[[], Penalty]], parameter: str) -> Any:
    """Return the penalty of a name, or the object itself; raise ValueError if it is none.

    Parameters
    ----------
    penalty : str or object
        A name of `named`, or an object with ``value(w)`` and ``prox(w, step)``.
    named : mapping from str to callable
        What makes a penalty, by name.
    parameter : str
        What `penalty` is called in messages.

    Returns
    -------
    object
        A new one of default parameters for a name, otherwise `penalty` itself.
    """
    if isinstance(penalty, str):
        if penalty not in named:
            near = difflib.get_close_matches(penalty, named, n=1)
            hint = f" Did you mean {near[0]!r}?" if near else ""
            raise ValueError(f"{parameter} must be one of {sorted(named)}, got {penalty!r}.{hint}")
        return named[penalty]()
    needed = f"{parameter} must be one of {sorted(named)} or an object with value(w) and prox(w, step), got "
    if isinstance(penalty, type):
        raise ValueError(f"{needed}the class {penalty.__name__}: call it.")
    if not all(callable(getattr(penalty, method, None)) for method in ("value", "prox")):
        raise ValueError(f"{needed}{penalty!r}.")
    _check_unit(penalty, parameter)
    return penalty


def _check_unit(penalty: Any, parameter: str) -> None:
    """Raise ValueError if the units of `penalty` are other than single weights, but not defined."""
    unit = unit_of(penalty)
    if unit not in ("weight", "group", "tensor"):
        raise ValueError(
            f"unit of {parameter} must be 'weight', 'group' or 'tensor', got {unit!r} of {penalty!r}."
        )
    if hasattr(penalty, "unit") != hasattr(penalty, "magnitudes"):
        raise ValueError(f"{parameter} must have both unit and magnitudes(w), or neither, got {penalty!r}.")
