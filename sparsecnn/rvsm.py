"""The relaxed variable splitting method, around any torch optimizer."""

import contextlib
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from numbers import Real
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer

from sparsecnn.penalties import get_penalty, lam_for_sparsity

__all__ = ["RVSM"]

# Steps between two looks at the quantiles for a target sparsity, which cost more than a step's thresholding.
LAM_INTERVAL = 16
_CHECKPOINTED = ("lam", "beta", "target_sparsity", "sparsity_scope", "support_fixed", "_n_steps")


class RVSM(Optimizer):
    """Train chosen weights towards sparsity: relaxed variable splitting around a torch optimizer.

    Each step thresholds the split weights w into a sparse copy u, then lets the base optimizer descend the
    loss plus the pull of w towards u. The sparse network is u: `finalize` writes it into the weights.

    Parameters
    ----------
    base : torch.optim.Optimizer
        The optimizer of the whole network. Its ``param_groups`` are shared, so learning-rate
        schedulers and ``zero_grad`` work on either of the two.
    params : iterable of Tensor
        The weights to split: those that shall become sparse. Each must be one that `base` optimizes.
    penalty : str or object
        A name, such as "l0", or anything with ``value(w)`` and ``prox(w, step)``, such as
        ``sparsecnn.penalties.TransformedL1(a=0.5)``. Unused, and may be None, where nothing is split.
    lam : float or sequence of floats, default=None
        λ, the weight of the penalty, at least 0: one for all split weights, or one for each tensor of them.
    beta : float, default=1.0
        β, the strength of the pull of w towards u, above 0.
    target_sparsity : float, default=None
        Instead of `lam`: the fraction of the split weights that shall be zero, from 0 to below 1. λ then
        follows the quantiles of ``|w|``.
    sparsity_scope : {"global", "layer"}, default="global"
        Whether `target_sparsity` holds for all split weights together, by one λ, or for each tensor of them.

    The attributes `lam`, `beta` and `target_sparsity` may be changed between steps, by a schedule of yours.
    While there is a target, λ is found anew from it.

    Attributes
    ----------
    split_params : list of Tensor
        The weights that are split.
    support_fixed : bool
        Whether zeros are held at zero (see `fix_support`).

    Raises
    ------
    ValueError
        If `lam`, `beta` or `target_sparsity` is out of range, not exactly one of `lam` and
        `target_sparsity` is given, `penalty` is no penalty, or a split weight is not optimized by `base`.

    Notes
    -----
    The method [1]_ minimises the Lagrangian ``L(w, u) = f(w) + λ P(u) + (β/2)‖w - u‖²`` by

        ``u ← prox_{(λ/β)P}(w)``,  ``w ← w - η ∇f(w) - η β (w - u)``.

    With full-batch gradient descent and an L-Lipschitz ``∇f``, ``η < 2/(β + L)`` makes L decrease at every
    step [2]_. Here the gradient ``β (w - u)`` is added to ``.grad`` and `base` takes the step, so that
    momentum and adaptive rates act on the whole Lagrangian. A weight without gradient takes no step.

    A target sparsity s sets λ to where the proximal map just zeroes the s-quantile of ``|w|`` (for ℓ0,
    ``β q²/2``), anew at every 16th step and whenever u is asked for.

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

    def __init__(
        self,
        base: Optimizer,
        params: Iterable[Tensor],
        penalty: Any,
        lam: float | Sequence[float] | None = None,
        beta: float = 1.0,
        target_sparsity: float | None = None,
        sparsity_scope: str = "global",
    ):
        self.base = base
        super().__init__(base.param_groups, {})
        self.support_fixed = False
        self._n_steps = 0
        self.split_params = list(params)
        self.penalty = get_penalty(penalty) if self.split_params else penalty
        self._check_split()
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
        self.update_u()

    @property
    def param_groups(self) -> list[dict[str, Any]]:
        """The parameter groups of the base optimizer."""
        return self.base.param_groups

    @param_groups.setter
    def param_groups(self, param_groups):
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
        """λ, the weight of the penalty: one for all split weights, or one for each tensor of them."""
        return self._lam

    @lam.setter
    def lam(self, lam):
        values = (lam,) if isinstance(lam, Real) else tuple(lam)
        if not all(0 <= value < math.inf for value in values):
            raise ValueError(f"lam must be finite and at least 0, got {lam!r}.")
        if not isinstance(lam, Real) and len(values) != len(self.split_params):
            raise ValueError(
                f"lam must be one number, or one for each of the {len(self.split_params)} tensors, got {lam!r}."
            )
        self._lam = float(lam) if isinstance(lam, Real) else tuple(float(value) for value in values)

    @property
    def beta(self) -> float:
        """β, the strength of the pull of w towards u."""
        return self._beta

    @beta.setter
    def beta(self, beta):
        if not 0 < beta < math.inf:
            raise ValueError(f"beta must be finite and above 0, got {beta!r}.")
        self._beta = float(beta)

    @property
    def target_sparsity(self) -> float | None:
        """The wanted fraction of zeros, or None where `lam` is set by hand."""
        return self._target_sparsity

    @target_sparsity.setter
    def target_sparsity(self, target_sparsity):
        if target_sparsity is not None and not 0 <= target_sparsity < 1:
            raise ValueError(f"target_sparsity must be from 0 to below 1, got {target_sparsity!r}.")
        self._target_sparsity = target_sparsity

    @property
    def u(self) -> list[Tensor]:
        """The sparse copies, in the order of the split weights."""
        return [self.state[w]["u"] for w in self.split_params]

    @torch.no_grad()
    def update_u(self) -> None:
        """Set u to ``prox_{(λ/β)P}(w)``, with λ for the target sparsity; with a fixed support, to w."""
        self._update_lam()
        self._threshold()

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Update u, then let the base optimizer step on the loss plus the pull of w towards u.

        Parameters
        ----------
        closure : callable, default=None
            Clears the gradients, computes the loss, calls ``backward`` and returns the loss, for optimizers
            that ask for it.

        Returns
        -------
        loss : Tensor or None
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

        def closure_with_pull():
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
        lagrangian : float
        """
        penalty = sum(lam * self._penalty_value(u, lam) for lam, u in zip(self._lams(), self.u, strict=True))
        return float(loss) + penalty + float(self._pull())

    @torch.no_grad()
    def distance(self) -> float:
        """Return ``‖w - u‖``, over all split weights.

        Returns
        -------
        distance : float
        """
        return math.sqrt(
            sum(float((w - u).square().sum()) for w, u in zip(self.split_params, self.u, strict=True))
        )

    @torch.no_grad()
    def finalize(self) -> None:
        """Write the sparse weights u, those of the present w, into the network."""
        self.update_u()
        for w, u in zip(self.split_params, self.u, strict=True):
            w.copy_(u)

    def fix_support(self) -> None:
        """Hold every weight that is now zero at zero: further steps fine-tune the others, without penalty.

        Call `finalize` first, which makes the zeros.
        """
        self.support_fixed = True
        self.update_u()

    @contextlib.contextmanager
    def sparse_weights(self) -> Iterator[None]:
        """Hold the sparse weights in the network within a ``with`` block, for instance to validate it."""
        dense = [w.detach().clone() for w in self.split_params]
        self.finalize()
        try:
            yield
        finally:
            with torch.no_grad():
                for w, kept in zip(self.split_params, dense, strict=True):
                    w.copy_(kept)

    def state_dict(self) -> dict[str, Any]:
        """Return u, λ, β, the target and the state of the base optimizer, for a checkpoint.

        Returns
        -------
        state_dict : dict
            Of tensors and numbers; ``torch.load(..., weights_only=True)`` reads it.
        """
        own = {name: getattr(self, name) for name in _CHECKPOINTED}
        return super().state_dict() | {"base": self.base.state_dict()} | own

    @torch.no_grad()
    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Restore what `state_dict` returned, on the devices of the present weights.

        Parameters
        ----------
        state_dict : dict

        Raises
        ------
        ValueError
            If other weights were split when it was saved.
        """
        if state_dict["state"].keys() != super().state_dict()["state"].keys():
            raise ValueError("The checkpoint was saved with other weights split than the present params.")
        super().load_state_dict({key: state_dict[key] for key in ("state", "param_groups")})
        self.base.load_state_dict(state_dict["base"])
        for name in _CHECKPOINTED:
            setattr(self, name, state_dict[name])
        self._kept = None

    def __getstate__(self):
        # torch's own keeps only what every optimizer has.
        own = ("base", "penalty", "split_params", "_lam", "_beta", "_target_sparsity", "_n_steps")
        own += ("sparsity_scope", "support_fixed")
        return super().__getstate__() | {name: getattr(self, name) for name in own}

    def _update_lam(self):
        if self.target_sparsity is None or self.support_fixed or not self.split_params:
            return
        tensors = [w.detach().flatten() for w in self.split_params]
        if self.sparsity_scope == "global":
            self.lam = self._lam_for_target(torch.cat(tensors))
        else:
            self.lam = [self._lam_for_target(w) for w in tensors]

    def _lam_for_target(self, w):
        return lam_for_sparsity(self.penalty, w, self.beta, self.target_sparsity)

    def _lams(self):
        return [self.lam] * len(self.split_params) if isinstance(self.lam, float) else self.lam

    def _threshold(self):
        for w, lam in zip(self.split_params, self._lams(), strict=True):
            u = w.clone() if self.support_fixed else self.penalty.prox(w, lam / self.beta)
            self.state[w]["u"] = u
        self._kept = None

    def _penalty_value(self, u, lam):
        shape = (lam / self.beta,) if getattr(self.penalty, "depends_on_step", False) else ()
        return float(self.penalty.value(u, *shape))

    def _step_on_support(self, closure):
        if self._kept is None:
            self._kept = [(u != 0).to(u.dtype) for u in self.u]
        loss = self.base.step(closure)
        if self.split_params:
            torch._foreach_mul_(self.split_params, self._kept)
            torch._foreach_add_(self.split_params, 0.0)  # no zero is left negative
        return loss

    def _add_pull(self):
        pulled = [
            (w.grad, w, u) for w, u in zip(self.split_params, self.u, strict=True) if w.grad is not None
        ]
        if pulled:
            gradients, weights, copies = zip(*pulled, strict=True)
            torch._foreach_add_(gradients, torch._foreach_sub(weights, copies), alpha=self.beta)

    def _pull(self):
        squares = [(w.detach() - u).square().sum() for w, u in zip(self.split_params, self.u, strict=True)]
        return self.beta / 2 * sum(squares)

    def _check_split(self):
        optimized = {id(w) for group in self.param_groups for w in group["params"]}
        for i, w in enumerate(self.split_params):
            if id(w) not in optimized:
                raise ValueError(
                    f"params[{i}], of shape {tuple(w.shape)}, is not optimized by the base optimizer."
                )
        if len({id(w) for w in self.split_params}) < len(self.split_params):
            raise ValueError("params holds the same tensor twice.")
