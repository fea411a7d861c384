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
        """Fraction of the `penalized` weights that are exactly zero.

        It is counted in the network itself, so that it is what a file or an export holds.

        See Also
        --------
        layer_sparsity_ : The same of every layer.
        n_nonzero_ : The number of weights that are left.

        Examples
        --------
        >>> from sparsecnn.pretrained import load_reader
        >>> load_reader("words")[-1].sparsity_
        0.75
        """
        return zero_fraction(self._penalized_weights())

    @property
    def n_nonzero_(self) -> int:
        """Number of `penalized` weights that are not zero.

        What is left of the penalised layers; those that are not `penalized` are dense.

        See Also
        --------
        sparsity_ : The same as a fraction.
        sparsecnn.inspection.NetworkReport : Counts of every layer, channels and multiply-adds too.

        Examples
        --------
        >>> from sparsecnn.pretrained import load_reader
        >>> load_reader("words")[-1].n_nonzero_
        7396
        """
        return sum(int(torch.count_nonzero(w)) for w in self._penalized_weights())

    @property
    def layer_sparsity_(self) -> dict[str, float]:
        """Fraction of zeros of every convolution and fully connected layer.

        It shows where one λ for all layers has cut most, layers that are not `penalized` included.

        See Also
        --------
        sparsity_ : Of all penalised layers together.
        sparsecnn.inspection.NetworkReport : Counts of every layer, channels and multiply-adds too.

        Examples
        --------
        >>> from sparsecnn.pretrained import load_reader
        >>> {name: round(zeros, 2) for name, zeros in load_reader("words")[-1].layer_sparsity_.items()}
        {'conv1': 0.1, 'conv2': 0.55, 'conv3': 0.77, 'fc': 0.84}
        """
        check_is_fitted(self)
        return {name: zero_fraction([w]) for name, w in layer_weights(self.module_).items()}

    def _penalized_weights(self) -> list[torch.Tensor]:
        check_is_fitted(self)
        return list(select_weights(self.module_, self.penalized).values())
