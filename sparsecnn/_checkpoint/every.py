"""How often a run is saved, as the user says it."""

from __future__ import annotations

import math
import re
from numbers import Real
from typing import Any

UNITS = {"s": 1.0, "min": 60.0, "h": 3600.0}
PERIOD = re.compile(rf"(\d+(?:\.\d+)?) ?({'|'.join(UNITS)})")


def check_every(every: Any) -> tuple[float, float]:
    """Return after how many epochs, and after how many seconds, a run is to be saved; one is infinite.

    Parameters
    ----------
    every : float or str
        Epochs, or a time such as "30s", "10min" or "1.5h".

    Raises
    ------
    ValueError
        If it is neither, or not above 0.
    """
    if isinstance(every, str) and (found := PERIOD.fullmatch(every)) and float(found[1]):
        return math.inf, float(found[1]) * UNITS[found[2]]
    if isinstance(every, Real) and not isinstance(every, bool) and float(every) > 0:
        return float(every), math.inf
    raise ValueError(
        "checkpoint_every must be a number of epochs above 0, or a time such as '30s', '10min' or '1.5h', "
        f"got {every!r}."
    )
