"""The split weights w with their sparse copies u, and the λ and β between them."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from sparsecnn._rvsm_checks import check_lam, check_target
from sparsecnn._rvsm_lam import lams_for_target, penalty_value
from sparsecnn._rvsm_wrapper import Wrapper
from sparsecnn.penalties import is_number, unit_magnitudes


class SplitWeights(Wrapper):
    """The part of `RVSM` that knows w, u, λ and β, and no steps."""

    split_params: list[Tensor]
    sparsity_scope: str
    restriction: Callable[[], Sequence[Tensor | None]] | None
    support_fixed: bool
    confined: bool
    _penalties: list[Any]
    _kept: list[Tensor] | None = None  # 1 for each weight of the fixed support, 0 for the others
    _masks: Sequence[Tensor | None] | None = None  # as of the last call of `restriction`

    @property
    def lam(self) -> float | tuple[float, ...]:
        """Weight λ of the penalty: one for all, or one for each split tensor."""
        return self._lam

    @lam.setter
    def lam(self, lam: float | Sequence[float]) -> None:
        self._lam = check_lam(lam, len(self.split_params))

    @property
    def beta(self) -> float:
        """Weight β of ``‖w - u‖²/2``."""
        return self._beta

    @beta.setter
    def beta(self, beta: float) -> None:
        if not is_number(beta) or beta <= 0:
            raise ValueError(f"beta must be a finite number above 0, got {beta!r}.")
        self._beta = float(beta)

    @property
    def target_sparsity(self) -> float | tuple[float, ...] | None:
        """Fraction of units that are zero in u, or None if `lam` is set by hand."""
        return self._target_sparsity

    @target_sparsity.setter
    def target_sparsity(self, target_sparsity: float | Sequence[float] | None) -> None:
        self._target_sparsity = check_target(target_sparsity, len(self.split_params))

    @property
    def u(self) -> list[Tensor]:
        """The sparse copies, in the order of the split weights."""
        return [self.state[w]["u"] for w in self.split_params]

    @torch.no_grad()
    def update_u(self) -> None:
        """Set u to ``prox_{(λ/β)P}(w)``, or to w if the support is fixed; first λ, if there is a target."""
        self._update_lam()
        self._threshold()

    @torch.no_grad()
    def lagrangian(self, loss: float | Tensor) -> float:
        """Return ``loss + λ P(u) + (β/2)‖w - u‖²``, with u as of the last step.

        Parameters
        ----------
        loss : float or Tensor
            The value of f at the present weights.

        Returns
        -------
        float
            The Lagrangian L(w, u).
        """
        penalty = penalty_value(self._penalties, self.u, self._each(self.lam), self.beta)
        return float(loss) + penalty + float(self._pull())

    @torch.no_grad()
    def distance(self) -> float:
        """Return ``‖w - u‖``, over all split weights.

        Returns
        -------
        float
            The Euclidean distance.
        """
        pairs = zip(self.split_params, self.u, strict=True)
        return math.sqrt(sum(float((w - u).square().sum()) for w, u in pairs))

    @torch.no_grad()
    def unit_sparsity(self) -> float:
        """Return the fraction of units of u that are zero: of weights, or of groups of a group penalty.

        Returns
        -------
        float
            From 0 to 1; 0 if nothing is split.
        """
        pairs = zip(self._penalties, self.u, strict=True)
        zero = [unit_magnitudes(penalty, u) == 0 for penalty, u in pairs if penalty is not None]
        return sum(int(z.sum()) for z in zero) / max(1, sum(len(z) for z in zero))

    def _forget(self) -> None:
        self._kept = None

    def _update_lam(self) -> None:
        """Have the masks of the restriction computed again, and set λ from the target, if there is one."""
        if self._holds_support() or not self.split_params:
            return
        self._masks = None
        if self.target_sparsity is not None:
            weights, one = self._restricted(), self.sparsity_scope == "global"
            self.lam = lams_for_target(self._penalties, weights, self.beta, self.target_sparsity, one)

    def _restricted(self) -> list[Tensor]:
        """Return the split weights, with zeros where the restriction wants them."""
        if self.restriction is None:
            return self.split_params
        self._masks = self._masks or self.restriction()
        pairs = zip(self.split_params, self._masks, strict=True)
        return [w if mask is None else w * mask for w, mask in pairs]

    def _each(self, value: Any) -> Sequence[float]:
        """Return λ or a target for each split tensor."""
        return [value] * len(self.split_params) if isinstance(value, float) else value

    def _holds_support(self) -> bool:
        """Return whether steps leave the splitting and keep zeros at zero."""
        return self.support_fixed and not self.confined

    def _threshold(self) -> None:
        """Set u from w and the present λ."""
        weights = self.split_params if (held := self._holds_support()) else self._restricted()
        triples = zip(self.split_params, weights, self._penalties, self._each(self.lam), strict=True)
        for split, w, penalty, lam in triples:
            free = held or penalty is None
            self.state[split]["u"] = w.clone() if free else penalty.prox(w, lam / self.beta)
        self._kept = None

    @torch.no_grad()
    def _pull(self) -> float | Tensor:
        """Return ``(β/2)‖w - u‖²``."""
        pairs = zip(self.split_params, self.u, strict=True)
        return self.beta / 2 * sum((w - u).square().sum() for w, u in pairs)
