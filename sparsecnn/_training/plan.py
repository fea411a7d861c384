"""A training run in epochs: its schedules of learning rate, λ and sparsity."""

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class Plan:
    """A training run, in epochs: `max_iter` of splitting, then `refine_iter` on the fixed support."""

    max_iter: int
    refine_iter: int
    batch_size: int
    learning_rate_init: float
    lam: float | None
    target_sparsity: float | None = None
    decay: bool = True
    augment: bool | float | str = False
    n_iter_no_change: int = 10
    tol: float = 1e-4

    @property
    def n_epochs(self):
        """Epochs of both phases."""
        return self.max_iter + self.refine_iter

    def learning_rate(self, epoch):
        """Return the learning rate after `epoch` epochs, which may be a fraction: half a cosine down to 0."""
        if not self.decay:
            return self.learning_rate_init
        return self.learning_rate_init * (1 + math.cos(math.pi * epoch / self.n_epochs)) / 2

    def lam_at(self, epoch, lam_start):
        """Return λ after `epoch` epochs: from `lam_start` to `lam` over the first half of `max_iter`.

        Quadratic, so that the threshold √(2λ/β) of ℓ0 grows evenly.
        """
        return lam_start + (self.lam - lam_start) * self._ramp(epoch) ** 2

    def sparsity_at(self, epoch, sparsity_start):
        """Return the sparsity to ask for after `epoch` epochs: on a cubic curve to `target_sparsity`."""
        left = (1 - self._ramp(epoch)) ** 3
        return self.target_sparsity + (sparsity_start - self.target_sparsity) * left

    def lam_is_final(self, epoch):
        """Return whether λ has reached its final value."""
        return epoch >= self.max_iter // 2

    def _ramp(self, epoch):
        """Return how far λ has been brought in after `epoch` epochs, from 0 to 1."""
        return min(1.0, epoch / max(1, self.max_iter // 2))
