"""The relaxed variable splitting method, around any torch optimizer."""

import contextlib
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer

from sparsecnn._rvsm_checks import (
    check_base,
    check_checkpoint,
    check_lam,
    check_params,
    check_penalties,
    check_target,
)
from sparsecnn._rvsm_lam import lams_for_target, penalty_value
from sparsecnn.penalties import is_number, unit_magnitudes

__all__ = ["RVSM"]

# Recompute λ for a target sparsity every 16 steps: the quantile costs more than the proximal map.
LAM_INTERVAL = 16
_PICKLED = (
    *("base", "penalty", "split_params", "_penalties", "_lam", "_beta", "_target_sparsity"),
    *("sparsity_scope", "restriction", "support_fixed", "_n_steps"),
)
_CHECKPOINTED = ("lam", "beta", "target_sparsity", "sparsity_scope", "support_fixed", "_n_steps")


class RVSM(Optimizer):
    """Train the weights of a network to be sparse: relaxed variable splitting around a torch optimizer.

    Each step maps the split weights w to a sparse copy u, then lets the base optimizer descend the loss plus
    ``(β/2)‖w - u‖²``. The sparse network is u: `finalize` writes it into the weights.

    Parameters
    ----------
    base : torch.optim.Optimizer
        The optimizer of the whole network. Its ``param_groups`` are shared, so learning-rate
        schedulers and ``zero_grad`` work on either of the two.
    params : iterable of Tensor
        The weights to split: those that are to become sparse. Each must be a parameter that `base` optimizes.
        May be empty only if `penalty` is None.
    penalty : str, object or list of these
        A name in ``sparsecnn.penalties.PENALTIES``, such as "l0", or any object with ``value(w)`` and
        ``prox(w, step)``, such as ``sparsecnn.penalties.TransformedL1(a=0.5)``; or a list of one for each
        tensor, None for those that only `restriction` sets to zero. None if nothing is split.
    lam : float or sequence of floats, default=None
        Weight λ of the penalty, at least 0: one for all split weights, or one for each tensor of them.
        For ℓ0, a weight of u is zero if and only if ``|w| <= √(2 lam/beta)``; for ℓ1, ``|w| <= lam/beta``.
    beta : float, default=1.0
        Weight β of ``‖w - u‖²/2``, above 0.
    target_sparsity : float or sequence of floats, default=None
        Instead of `lam`: the fraction of units of the split weights that are zero in u, from 0 to below 1;
        one for all, or one for each tensor. Units are single weights, or groups of them if ``penalty.unit``
        is "group". λ is then computed from the quantiles of their magnitudes; for ℓ0, ``lam = beta·q²/2``
        with q the quantile of ``|w|``.
    sparsity_scope : {"global", "layer"}, default="global"
        Whether a single `target_sparsity` holds for all split weights together, by one λ, or for each tensor
        of them.

    Attributes
    ----------
    split_params : list of Tensor
        The weights that are split.
    restriction : callable or None
        Returns a mask for each split tensor, 0 where u must be zero whatever λ is and 1 elsewhere, or None;
        called whenever λ is recomputed. None restricts nothing.
    support_fixed : bool
        Whether zeros are held at zero (see `fix_support`).

    Raises
    ------
    ValueError
        If `base` is no optimizer, `params` holds anything but floating parameters that it optimizes, `lam`,
        `beta` or `target_sparsity` is out of range, not exactly one of `lam` and `target_sparsity` is given,
        or `penalty` is no penalty.

    Notes
    -----
    The method [1]_ minimises the Lagrangian ``L(w, u) = f(w) + λ P(u) + (β/2)‖w - u‖²`` by

        ``u ← prox_{(λ/β)P}(w)``,  ``w ← w - η ∇f(w) - η β (w - u)``.

    With full-batch gradient descent and an L-Lipschitz ``∇f``, ``η < 2/(β + L)`` makes L decrease at every
    step [2]_. Here the gradient ``β (w - u)`` is added to ``.grad`` and `base` takes the step, so that
    momentum and adaptive rates act on the whole Lagrangian. A weight without gradient takes no step.

    `lam`, `beta` and `target_sparsity` may be changed between steps, for example by a schedule. While there
    is a target sparsity s, λ is set to where the proximal map just zeroes the s-quantile of the magnitudes,
    at every 16th step and at every `update_u` and `finalize`.

    References
    ----------
    .. [1] F. Xue and J. Xin, arXiv:1902.07419.
    .. [2] T. Dinh and J. Xin, "Convergence of a Relaxed Variable Splitting Method for Learning Sparse
       Neural Networks via ℓ1, ℓ0, and transformed-ℓ1 Penalties", arXiv:1812.05719.

    Examples
    --------
    >>> import torch
    >>> from sparsecnn import RVSM
    >>> _ = torch.manual_seed(0)
    >>> net = torch.nn.Linear(20, 1)
    >>> X = torch.randn(100, 20)
    >>> y = X[:, :1]
    >>> optimizer = RVSM(torch.optim.SGD(net.parameters(), lr=0.1), [net.weight], "l0", lam=0.01, beta=1.0)
    >>> for _ in range(100):
    ...     optimizer.zero_grad()
    ...     torch.nn.functional.mse_loss(net(X), y).backward()
    ...     optimizer.step()
    >>> optimizer.finalize()
    >>> torch.count_nonzero(net.weight).item()
    1
    """

    _kept: list[Tensor] | None = None  # 1 for each weight of the fixed support, 0 for the others
    _masks: Sequence[Tensor | None] = ()  # as of the last call of `restriction`

    def __init__(
        self,
        base: Optimizer,
        params: Iterable[Tensor],
        penalty: Any,
        lam: float | Sequence[float] | None = None,
        beta: float = 1.0,
        target_sparsity: float | Sequence[float] | None = None,
        sparsity_scope: str = "global",
    ):
        self.base = check_base(base)
        self.split_params = check_params(params, base, penalty)
        self._penalties = check_penalties(penalty, len(self.split_params))
        several = isinstance(penalty, Sequence) and not isinstance(penalty, str)
        self.penalty: Any = self._penalties if several else next(iter(self._penalties), None)
        self.restriction: Callable[[], Sequence[Tensor | None]] | None = None
        if (lam is None) == (target_sparsity is None):
            raise ValueError(
                f"Give either lam or target_sparsity, got lam={lam!r}, target_sparsity={target_sparsity!r}."
            )
        if sparsity_scope not in ("global", "layer"):
            raise ValueError(f"sparsity_scope must be 'global' or 'layer', got {sparsity_scope!r}.")
        self.sparsity_scope = sparsity_scope
        self.lam = 0.0 if lam is None else lam
        self.beta = beta
        self.target_sparsity = target_sparsity
        self.support_fixed = False
        self._n_steps = 0
        super().__init__(base.param_groups, {})
        self.update_u()

    def __repr__(self) -> str:
        target = "" if self.target_sparsity is None else f"target_sparsity={self.target_sparsity}, "
        n_tensors = len(self.split_params)
        return (
            f"RVSM(penalty={self.penalty!r}, {target}lam={self.lam}, beta={self.beta}, "
            f"base={type(self.base).__name__}, split_params={n_tensors} tensor{'s' * (n_tensors != 1)})"
        )

    @property
    def param_groups(self) -> list[dict[str, Any]]:
        """The parameter groups of the base optimizer."""
        return self.base.param_groups

    @param_groups.setter
    def param_groups(self, param_groups: list[dict[str, Any]]) -> None:
        self.base.param_groups = param_groups

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Add a group to the base optimizer, with its defaults. Its weights are not split.

        Parameters
        ----------
        param_group : dict
            As torch has it: ``{"params": ...}`` and options.
        """
        self.base.add_param_group(param_group)

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
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Update u, then let the base optimizer step on the loss plus ``(β/2)‖w - u‖²``.

        Parameters
        ----------
        closure : callable, default=None
            Clears the gradients, computes the loss, calls ``backward`` and returns the loss. Optimizers such
            as LBFGS require it.

        Returns
        -------
        Tensor or None
            What the base optimizer returns: with a closure, the loss plus ``(β/2)‖w - u‖²``.
        """
        if self.support_fixed:
            return self._step_on_support(closure)
        if self._n_steps % LAM_INTERVAL == 0:
            self._update_lam()
        self._n_steps += 1
        self._threshold()
        if closure is None:
            self._add_pull()
            return self.base.step()

        def closure_with_pull() -> Any:
            with torch.enable_grad():
                loss = closure()
            self._add_pull()
            return loss + self._pull()

        return self.base.step(closure_with_pull)

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
        return math.sqrt(
            sum(float((w - u).square().sum()) for w, u in zip(self.split_params, self.u, strict=True))
        )

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

    @torch.no_grad()
    def finalize(self) -> None:
        """Update u from the present w and write it into the network."""
        self.update_u()
        for w, u in zip(self.split_params, self.u, strict=True):
            w.copy_(u)

    def fix_support(self) -> None:
        """Hold zero weights at zero: further steps fine-tune the others, without penalty.

        Call `finalize` first, which sets the weights to zero.
        """
        self.support_fixed = True
        self.update_u()

    @contextlib.contextmanager
    def sparse_weights(self) -> Iterator[None]:
        """Put the sparse weights into the network within a ``with`` block, for example to validate it.

        Yields
        ------
        None
            The dense weights are put back when the block is left.
        """
        dense = [w.detach().clone() for w in self.split_params]
        self.finalize()
        try:
            yield
        finally:
            with torch.no_grad():
                for w, kept in zip(self.split_params, dense, strict=True):
                    w.copy_(kept)

    def state_dict(self) -> dict[str, Any]:
        """Return all that a checkpoint needs to resume training bit for bit, besides the weights themselves.

        Returns
        -------
        dict
            Of u, λ, β, target, scope, whether the support is fixed, number of steps and base optimizer, but
            not of the penalty. ``torch.load(..., weights_only=True)`` reads it.
        """
        own = {name: getattr(self, name) for name in _CHECKPOINTED}
        return super().state_dict() | {"base": self.base.state_dict()} | own

    @torch.no_grad()
    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Restore what `state_dict` returned, on the devices of the present weights.

        Parameters
        ----------
        state_dict : dict
            Saved with the same weights split and a base optimizer of the same class.

        Raises
        ------
        ValueError
            If `state_dict` has missing or foreign keys, or other weights were split when it was saved.
        """
        check_checkpoint(state_dict, self.state_dict())
        super().load_state_dict({key: state_dict[key] for key in ("state", "param_groups")})
        self.base.load_state_dict(state_dict["base"])
        for name in _CHECKPOINTED:
            setattr(self, name, state_dict[name])
        self._kept = None

    def __getstate__(self) -> dict[str, Any]:
        # That of torch keeps only what every optimizer has.
        return super().__getstate__() | {name: getattr(self, name) for name in _PICKLED}

    def _update_lam(self) -> None:
        """Set the masks of the restriction, and λ from the target sparsity, if there are any."""
        if self.support_fixed or not self.split_params:
            return
        self._masks = () if self.restriction is None else self.restriction()
        if self.target_sparsity is not None:
            target, one = self.target_sparsity, self.sparsity_scope == "global"
            self.lam = lams_for_target(self._penalties, self._restricted(), self.beta, target, one)

    def _restricted(self) -> list[Tensor]:
        """Return the split weights, with zeros where the restriction wants them."""
        if not self._masks:
            return self.split_params
        pairs = zip(self.split_params, self._masks, strict=True)
        return [w if mask is None else w * mask for w, mask in pairs]

    def _each(self, value: Any) -> Sequence[float]:
        """Return λ or a target for each split tensor."""
        return [value] * len(self.split_params) if isinstance(value, float) else value

    def _threshold(self) -> None:
        """Set u from w and the present λ."""
        weights = self.split_params if self.support_fixed else self._restricted()
        triples = zip(self.split_params, weights, self._penalties, self._each(self.lam), strict=True)
        for split, w, penalty, lam in triples:
            free = self.support_fixed or penalty is None
            self.state[split]["u"] = w.clone() if free else penalty.prox(w, lam / self.beta)
        self._kept = None

    def _step_on_support(self, closure: Callable[[], Any] | None) -> Any:
        """Let the base optimizer step on the loss alone, and keep the zeros."""
        if self._kept is None:
            self._kept = [(u != 0).to(u.dtype) for u in self.u]
        loss = self.base.step(closure)
        if self.split_params:
            torch._foreach_mul_(self.split_params, self._kept)
            torch._foreach_add_(self.split_params, 0.0)  # no zero is left negative
        return loss

    @torch.no_grad()  # optimizers with a closure call it with gradients enabled
    def _add_pull(self) -> None:
        """Add ``β (w - u)`` to the gradients."""
        pairs = zip(self.split_params, self.u, strict=True)
        pulled = [(w.grad, w, u) for w, u in pairs if w.grad is not None]
        if pulled:
            gradients, weights, copies = zip(*pulled, strict=True)
            torch._foreach_add_(gradients, torch._foreach_sub(weights, copies), alpha=self.beta)

    @torch.no_grad()
    def _pull(self) -> float | Tensor:
        """Return ``(β/2)‖w - u‖²``."""
        pairs = zip(self.split_params, self.u, strict=True)
        return self.beta / 2 * sum((w - u).square().sum() for w, u in pairs)
