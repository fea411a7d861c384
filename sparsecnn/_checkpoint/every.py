"""How often a run is saved, and other times, as the user says them."""

from __future__ import annotations

import math
import re
from numbers import Real
from typing import Any

UNITS = {"s": 1.0, "min": 60.0, "h": 3600.0}
PERIOD = re.compile(rf"(\d+(?:\.\d+)?) ?({'|'.join(UNITS)})")


def parse_time(time: Any) -> float | None:
    """Return the seconds of a time such as "30s", "10min" or "1.5h", or None if it is none above 0."""
    found = PERIOD.fullmatch(time) if isinstance(time, str) else None
    return float(found[1]) * UNITS[found[2]] or None if found else None


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
    seconds = parse_time(every)
    if seconds is not None:
        return math.inf, seconds
    if isinstance(every, Real) and not isinstance(every, bool) and float(every) > 0:
        return float(every), math.inf
    raise ValueError(
        "checkpoint_every must be a number of epochs above 0, or a time such as '30s', '10min' or '1.5h', "
        f"got {every!r}."
    )
