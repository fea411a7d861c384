"""What is known at the end of an epoch."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from torch import Tensor


@dataclass(frozen=True)
class EpochEnd:
    """What hooks are given at the end of an epoch.

    Attributes
    ----------
    epoch : int
        Epochs trained so far.
    weights : dict of str to Tensor
        State of the sparse network.
    score : float
        Validation accuracy of the sparse network; NaN without validation images.
    settled : bool
        Whether λ has reached its final value.
    lam : float or tuple of floats
        λ of the optimizer.
    history : dict of str to list
        One value for each epoch so far.
    """

    epoch: int
    weights: dict[str, Tensor]
    score: float
    settled: bool
    lam: Any
    history: dict[str, list[float]]


Hook = Callable[[EpochEnd], None]
