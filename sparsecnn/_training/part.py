"""An epoch that is not over."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from torch import Tensor


@dataclass
class PartOfEpoch:
    """How much of an epoch is done.

    Attributes
    ----------
    rng : dict
        State of the generator before the images were shuffled.
    n_batches : int
    loss : Tensor
        Sum over the images of these batches.
    """

    rng: dict[str, Any]
    n_batches: int
    loss: Tensor
