"""What is known at the end of an epoch, and who is told of phases and epochs."""

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
        Validation score of the sparse network; NaN without validation images.
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

SPLITTING, FINETUNING, PATH = "splitting", "fine-tuning", "path"
EPOCH = "epoch"


class Tasks:
    """Is told when phases of training and their epochs begin and end; this one does nothing.

    A True at the end of an epoch ends its phase, and at the end of a phase, training. A path is one phase,
    which no True ends.
    """

    def begin_phase(self, name: str, n_epochs: int, n_done: int) -> None:
        """Note that a phase of so many epochs begins, or goes on after `n_done`."""

    def end_phase(self) -> bool:
        """Return whether training is to end."""
        return False

    def begin_epoch(self) -> None:
        """Note that an epoch begins."""

    def end_epoch(self) -> bool:
        """Return whether the phase is to end."""
        return False
