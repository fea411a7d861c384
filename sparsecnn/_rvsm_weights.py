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
        """Weight λ of the penalty: one for all, or one for each split tensor.

        It may be set between steps, for example to raise it slowly, to finite numbers of at least 0; u
        follows at the next step. While there is a target sparsity, steps set it themselves.

        See Also
        --------
        target_sparsity : The fraction of zeros from which λ is found.
        sparsecnn.penalties.lam_for_sparsity : The λ for a fraction of zeros.

        Examples
        --------
        >>> import torch
        >>> from sparsecnn import RVSM
        >>> net = torch.nn.Linear(4, 3)
        >>> optimizer = RVSM(torch.optim.SGD(net.parameters(), lr=0.1), [net.weight], "l0", lam=0.0)
        >>> for step in range(4):
        ...     optimizer.lam = 0.01 * step
        >>> optimizer.lam
        0.03
        """
        return self._lam

    @lam.setter
    def lam(self, lam: float | Sequence[float]) -> None:
        self._lam = check_lam(lam, len(self.split_params))

    @property
    def beta(self) -> float:
        """Weight β of ``‖w - u‖²/2``.

        It may be set between steps, to a finite number above 0; u follows at the next step. A larger β pulls
        w closer to u, and at a given λ makes fewer weights zero.

        See Also
        --------
        lam : The other half of the threshold.
        distance : How far apart w and u are.

        Examples
        --------
        >>> import torch
        >>> from sparsecnn import RVSM
        >>> net = torch.nn.Linear(4, 3)
        >>> optimizer = RVSM(torch.optim.SGD(net.parameters(), lr=0.1), [net.weight], "l0", lam=0.01)
        >>> optimizer.beta = 4.0
        >>> optimizer.beta
        4.0
        """
        return self._beta

    @beta.setter
    def beta(self, beta: float) -> None:
        if not is_number(beta) or beta <= 0:
            raise ValueError(f"beta must be a finite number above 0, got {beta!r}.")
        self._beta = float(beta)

    @property
    def target_sparsity(self) -> float | tuple[float, ...] | None:
        """Fraction of units that are zero in u, or None if `lam` is set by hand.

        It may be set between steps, for example to raise it slowly. λ follows at the next `update_u` or
        `finalize`, and within 16 steps.

        See Also
        --------
        unit_sparsity : The fraction that has been reached.
        lam : The λ that was found.

        Examples
        --------
        >>> import torch
        >>> from sparsecnn import RVSM
        >>> net = torch.nn.Linear(10, 2)
        >>> sgd = torch.optim.SGD(net.parameters(), lr=0.1)
        >>> optimizer = RVSM(sgd, [net.weight], "l0", target_sparsity=0.5)
        >>> optimizer.target_sparsity = 0.9
        >>> optimizer.update_u()
        >>> optimizer.unit_sparsity()
        0.9
        """
        return self._target_sparsity

    @target_sparsity.setter
    def target_sparsity(self, target_sparsity: float | Sequence[float] | None) -> None:
        self._target_sparsity = check_target(target_sparsity, len(self.split_params))

    @property
    def u(self) -> list[Tensor]:
        """The sparse copies, in the order of the split weights.

        They are as of the last step or `update_u`, and the network does not use them until `finalize` or
        within `sparse_weights`.

        See Also
        --------
        update_u : Computes them anew.

        Examples
        --------
        >>> import torch
        >>> from sparsecnn import RVSM
        >>> net = torch.nn.Linear(10, 2)
        >>> sgd = torch.optim.SGD(net.parameters(), lr=0.1)
        >>> optimizer = RVSM(sgd, [net.weight], "l0", target_sparsity=0.8)
        >>> [tuple(u.shape) for u in optimizer.u], int((optimizer.u[0] != 0).sum())
        ([(2, 10)], 4)
        """
        return [self.state[w]["u"] for w in self.split_params]

    @torch.no_grad()
    def update_u(self) -> None:
        """Set u to ``prox_{(λ/β)P}(w)``, or to w if the support is fixed; first λ, if there is a target.

        Steps do this by themselves. Call it to look at u after w, λ, β or the target was changed by hand.

        See Also
        --------
        u : What is computed.
        finalize : Writes it into the network too.

        Examples
        --------
        >>> import torch
        >>> from sparsecnn import RVSM
        >>> w = torch.nn.Parameter(torch.tensor([-2.0, 0.5, 1.5]))
        >>> optimizer = RVSM(torch.optim.SGD([w], lr=0.1), [w], "l0", lam=0.5)
        >>> optimizer.u
        [tensor([-2.0000,  0.0000,  1.5000])]
        >>> optimizer.lam = 1.5
        >>> optimizer.update_u()
        >>> optimizer.u
        [tensor([-2.,  0.,  0.])]
        """
        self._update_lam()
        self._threshold()

    @torch.no_grad()
    def lagrangian(self, loss: float | Tensor) -> float:
        """Return ``loss + λ P(u) + (β/2)‖w - u‖²``, with u as of the last step.

        It is what training minimises: record it each epoch to see whether training descends and when it has
        settled.

        Parameters
        ----------
        loss : float or Tensor
            The value of f at the present weights.

        Returns
        -------
        float
            The Lagrangian L(w, u).

        See Also
        --------
        distance : The distance in its last term.
        sparsecnn.inspection.TrainingCurveDisplay : Draws it over epochs.

        Examples
        --------
        >>> import torch
        >>> from sparsecnn import RVSM
        >>> w = torch.nn.Parameter(torch.tensor([-2.0, 0.5, 1.5]))
        >>> optimizer = RVSM(torch.optim.SGD([w], lr=0.1), [w], "l0", lam=0.5, beta=1.0)
        >>> optimizer.lagrangian(loss=1.0)  # 1 + 0.5 · 2 nonzero weights + 0.5² / 2
        2.125
        """
        penalty = penalty_value(self._penalties, self.u, self._each(self.lam), self.beta)
        return float(loss) + penalty + float(self._pull())

    @torch.no_grad()
    def distance(self) -> float:
        """Return ``‖w - u‖``, over all split weights.

        The nearer to 0, the less the network changes when u takes the place of w. If it stays large, give
        training more steps or a larger β before `finalize`.

        Returns
        -------
        float
            The Euclidean distance.

        See Also
        --------
        lagrangian : Has its square as a term.
        sparsecnn.inspection.TrainingCurveDisplay : Draws it over epochs.

        Examples
        --------
        >>> import torch
        >>> from sparsecnn import RVSM
        >>> w = torch.nn.Parameter(torch.tensor([-2.0, 0.3, 0.4]))
        >>> optimizer = RVSM(torch.optim.SGD([w], lr=0.1), [w], "l0", lam=0.5)
        >>> round(optimizer.distance(), 6)  # both small weights are zero in u
        0.5
        """
        pairs = zip(self.split_params, self.u, strict=True)
        return math.sqrt(sum(float((w - u).square().sum()) for w, u in pairs))

    @torch.no_grad()
    def unit_sparsity(self) -> float:
        """Return the fraction of units of u that are zero: of weights, or of groups of a group penalty.

        It is what `target_sparsity` speaks of. Tensors that only a restriction sets to zero do not count.

        Returns
        -------
        float
            From 0 to 1; 0 if nothing is split.

        See Also
        --------
        target_sparsity : The fraction asked for.

        Examples
        --------
        >>> import torch
        >>> from sparsecnn import RVSM
        >>> conv = torch.nn.Conv2d(3, 8, 5)
        >>> sgd = torch.optim.SGD(conv.parameters(), lr=0.1)
        >>> optimizer = RVSM(sgd, [conv.weight], "group_l0", target_sparsity=0.25)
        >>> optimizer.unit_sparsity()  # two of eight filters
        0.25
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
