"""How sparse a fitted network is."""

from __future__ import annotations

import torch
from sklearn.utils.validation import check_is_fitted
from torch import nn

from sparsecnn._network import layer_weights, select_weights, zero_fraction


class SparsityMixin:
    """The attributes of a fitted classifier that count zeros."""

    module_: nn.Module
    penalized: str

    @property
    def sparsity_(self) -> float:
        """Fraction of the `penalized` weights that are exactly zero."""
        return zero_fraction(self._penalized_weights())

    @property
    def n_nonzero_(self) -> int:
        """Number of `penalized` weights that are not zero."""
        return sum(int(torch.count_nonzero(w)) for w in self._penalized_weights())

    @property
    def layer_sparsity_(self) -> dict[str, float]:
        """Fraction of zeros of every convolution and fully connected layer."""
        check_is_fitted(self)
        return {name: zero_fraction([w]) for name, w in layer_weights(self.module_).items()}

    def _penalized_weights(self) -> list[torch.Tensor]:
        check_is_fitted(self)
        return list(select_weights(self.module_, self.penalized).values())
