"""The network that training keeps."""

from __future__ import annotations

import math
from typing import Any

from torch import Tensor

from sparsecnn._training.epoch_end import EpochEnd


class Best:
    """The last network, or with validation scores the best since λ reached its final value.

    Parameters
    ----------
    n_iter_no_change : int
        Epochs without improvement after which a phase is over.
    tol : float
        Improvement that counts.
    """

    def __init__(self, n_iter_no_change: int, tol: float):
        self.n_iter_no_change = n_iter_no_change
        self.tol = tol
        self.weights: dict[str, Tensor] | None = None
        self.score = -math.inf
        self.lam: Any = 0.0
        self.settled = False
        self.n_epochs = 0
        self.begin_phase()

    def begin_phase(self) -> None:
        """Count epochs without improvement from 0."""
        self.n_no_change = 0

    @property
    def is_stale(self) -> bool:
        """Whether the phase should end."""
        return self.n_no_change >= self.n_iter_no_change

    def offer(self, end: EpochEnd) -> None:
        """Keep the sparse network of a finished epoch if it is the one to keep."""
        scored = end.settled and not math.isnan(end.score)
        # Of equal networks the later is the sparser, or the longer fine-tuned.
        keep = not scored or end.score >= self.score
        if scored:
            improved = end.score > self.score + self.tol
            self.n_no_change = 0 if improved else self.n_no_change + 1
            self.score = max(self.score, end.score)
        if keep:
            self.weights, self.lam, self.settled = end.weights, end.lam, end.settled
        self.n_epochs = end.epoch

    def state_dict(self) -> dict[str, Any]:
        """Return everything that goes on from one epoch to the next."""
        return vars(self).copy()

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore what `state_dict` returned."""
        vars(self).update(state)
