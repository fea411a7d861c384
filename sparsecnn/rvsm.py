"""The relaxed variable splitting method, around any torch optimizer."""

import contextlib
import functools
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer

from sparsecnn._rvsm_checks import check_base, check_one_goal, check_split
from sparsecnn._rvsm_weights import SplitWeights

__all__ = ["RVSM"]

# Recompute λ for a target sparsity every 16 steps: the quantile costs more than the proximal map.
LAM_INTERVAL = 16


class RVSM(SplitWeights):
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
    confined : bool
        Whether the penalty confines u to a set, such as that of binary weights: its ``confines`` is True.

    Raises
    ------
    ValueError
        If `base` is no optimizer, `params` holds anything but floating parameters that it optimizes, `lam`,
        `beta` or `target_sparsity` is out of range, not exactly one of `lam` and `target_sparsity` is given,
        or `penalty` is no penalty.

    See Also
    --------
    sparsecnn.SparseCurveCNNClassifier : Trains a network for images in this way, with a schedule of λ.
    sparsecnn.penalties.Penalty : The class of a penalty of your own.

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

    If the penalty confines u, take the gradient at u, within `gradient_weights`. The step is then the blended
    one of [3]_: ``w ← (1 - ηβ) w + ηβ u - η ∇f(u)``; momentum and adaptive rates act on ``∇f(u)`` alone.

    References
    ----------
    .. [1] F. Xue and J. Xin, arXiv:1902.07419.
    .. [2] T. Dinh and J. Xin, "Convergence of a Relaxed Variable Splitting Method for Learning Sparse
       Neural Networks via ℓ1, ℓ0, and transformed-ℓ1 Penalties", arXiv:1812.05719.
    .. [3] P. Yin, S. Zhang, J. Lyu, S. Osher, Y. Qi and J. Xin, "Blended Coarse Gradient Descent for Full
       Quantization of Deep Neural Networks", arXiv:1808.05240.

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

    _checkpointed = ("lam", "beta", "target_sparsity", "sparsity_scope", "support_fixed", "_n_steps")
    _pickled = (
        *("penalty", "split_params", "_penalties", "_lam", "_beta", "_target_sparsity"),
        *("sparsity_scope", "restriction", "support_fixed", "confined", "_n_steps"),
    )

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
        self.split_params, self._penalties = check_split(params, base, penalty)
        self.confined = any(getattr(one, "confines", False) for one in self._penalties)
        several = isinstance(penalty, Sequence) and not isinstance(penalty, str)
        self.penalty: Any = self._penalties if several else next(iter(self._penalties), None)
        self.restriction: Callable[[], Sequence[Tensor | None]] | None = None
        check_one_goal(lam, target_sparsity, sparsity_scope)
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

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Update u, then let the base optimizer step on the loss plus ``(β/2)‖w - u‖²``.

        Call it after ``backward``, as that of any optimizer. Once the support is fixed it is a step on the
        loss alone, after which zeros are set to zero again.

        Parameters
        ----------
        closure : callable, default=None
            Clears the gradients, computes the loss, calls ``backward`` and returns the loss. Optimizers such
            as LBFGS require it.

        Returns
        -------
        Tensor or None
            What the base optimizer returns: with a closure, the loss plus ``(β/2)‖w - u‖²``.

        See Also
        --------
        finalize : Makes the network sparse after the last step.
        gradient_weights : Where to compute the gradient under a penalty that confines weights.

        Examples
        --------
        >>> import torch
        >>> from sparsecnn import RVSM
        >>> w = torch.nn.Parameter(torch.tensor([1.0, 3.0]))
        >>> optimizer = RVSM(torch.optim.SGD([w], lr=0.5), [w], "l0", lam=2.0, beta=1.0)
        >>> w.grad = torch.zeros(2)
        >>> optimizer.step()
        >>> w.tolist()  # the weight that is zero in u is pulled halfway to it
        [0.5, 3.0]
        """
        if self._holds_support():
            return self._step_on_support(closure)
        self._refresh_u()
        self._n_steps += 1
        if self.confined:
            self._approach(zip(self.split_params, self.u, strict=True), self.beta)
            return self.base.step(closure)
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
    def finalize(self) -> None:
        """Update u from the present w and write it into the network.

        From then on the network is the sparse one, with exact zeros. Call it after the last step, or before
        `fix_support`.

        See Also
        --------
        fix_support : Goes on to train the weights that are left.
        sparse_weights : Writes u for a while only.

        Examples
        --------
        >>> import torch
        >>> from sparsecnn import RVSM
        >>> net = torch.nn.Linear(10, 2)
        >>> sgd = torch.optim.SGD(net.parameters(), lr=0.1)
        >>> optimizer = RVSM(sgd, [net.weight], "l0", target_sparsity=0.8)
        >>> optimizer.finalize()
        >>> torch.count_nonzero(net.weight).item()
        4
        """
        self.update_u()
        self._write(self.u)

    def fix_support(self) -> None:
        """Hold zero weights at zero: further steps fine-tune the others, without penalty.

        Call `finalize` first, which sets the weights to zero. A penalty that confines u goes on: there is
        nothing to fine-tune outside of its set.

        See Also
        --------
        finalize : Sets the weights to zero.

        Examples
        --------
        >>> import torch
        >>> from sparsecnn import RVSM
        >>> w = torch.nn.Parameter(torch.tensor([1.0, 3.0]))
        >>> optimizer = RVSM(torch.optim.SGD([w], lr=0.5), [w], "l0", lam=2.0)
        >>> optimizer.finalize()
        >>> optimizer.fix_support()
        >>> w.grad = torch.ones(2)
        >>> optimizer.step()
        >>> w.tolist()
        [0.0, 2.5]
        """
        self.support_fixed = True
        self.update_u()

    @contextlib.contextmanager
    def sparse_weights(self) -> Iterator[None]:
        """Put the sparse weights into the network within a ``with`` block, for example to validate it.

        u is computed anew first. Training then goes on from the dense weights.

        Yields
        ------
        None
            The dense weights are put back when the block is left.

        See Also
        --------
        finalize : Leaves the sparse weights in the network.
        gradient_weights : For the training step instead of validation.

        Examples
        --------
        >>> import torch
        >>> from sparsecnn import RVSM
        >>> net = torch.nn.Linear(10, 2)
        >>> sgd = torch.optim.SGD(net.parameters(), lr=0.1)
        >>> optimizer = RVSM(sgd, [net.weight], "l0", target_sparsity=0.8)
        >>> with optimizer.sparse_weights():
        ...     torch.count_nonzero(net.weight).item()
        4
        >>> torch.count_nonzero(net.weight).item()
        20
        """
        self.update_u()
        with self._holding_u():
            yield

    @contextlib.contextmanager
    def gradient_weights(self) -> Iterator[None]:
        """Put the weights at which the gradient is due into the network within a ``with`` block.

        These are the sparse weights if the penalty confines them to a set, else the weights as they are.

        Yields
        ------
        None
            Compute the loss and call ``backward`` in the block, and `step` after it.

        See Also
        --------
        sparse_weights : The sparse weights under every penalty, for validation.

        Examples
        --------
        >>> import torch
        >>> from sparsecnn import RVSM
        >>> from sparsecnn.penalties import Binary
        >>> net = torch.nn.Linear(4, 1, bias=False)
        >>> optimizer = RVSM(torch.optim.SGD(net.parameters(), lr=0.1), [net.weight], Binary(), lam=0.0)
        >>> with optimizer.gradient_weights():
        ...     net(torch.ones(3, 4)).square().mean().backward()
        ...     net.weight.abs().unique().numel()  # one magnitude
        1
        >>> optimizer.step()
        """
        if self.confined:
            self._refresh_u()
        with self._holding_u() if self.confined else contextlib.nullcontext():
            yield

    @contextlib.contextmanager
    def _holding_u(self) -> Iterator[None]:
        dense = [w.detach().clone() for w in self.split_params]
        self._write(self.u)
        try:
            yield
        finally:
            self._write(dense)

    @torch.no_grad()
    def _write(self, weights: Sequence[Tensor]) -> None:
        for w, value in zip(self.split_params, weights, strict=True):
            w.copy_(value)

    @torch.no_grad()
    def _refresh_u(self) -> None:
        """Set u as a step does: λ for a target is up to 16 steps old."""
        if self._n_steps % LAM_INTERVAL == 0:
            self._update_lam()
        self._threshold()

    def _step_on_support(self, closure: Callable[[], Any] | None) -> Any:
        """Let the base optimizer step on the loss alone, and keep the zeros."""
        if self._kept is None:
            self._kept = [(u != 0).to(u.dtype) for u in self.u]
        if closure is None:
            self._mask_gradients()
            loss = self.base.step()
        else:
            loss = self.base.step(functools.partial(self._masked, closure))
        if self.split_params:
            torch._foreach_mul_(self.split_params, self._kept)
            torch._foreach_add_(self.split_params, 0.0)  # no zero is left negative
        return loss

    def _masked(self, closure: Callable[[], Any]) -> Any:
        with torch.enable_grad():
            loss = closure()
        self._mask_gradients()
        return loss

    @torch.no_grad()
    def _mask_gradients(self) -> None:
        """Clear the gradients of zeros, which optimizers of whole matrices would mix with the others."""
        assert self._kept is not None
        for w, kept in zip(self.split_params, self._kept, strict=True):
            if w.grad is not None:
                w.grad.mul_(kept)

    @torch.no_grad()  # optimizers with a closure call it with gradients enabled
    def _add_pull(self) -> None:
        """Add ``β (w - u)`` to the gradients."""
        pairs = zip(self.split_params, self.u, strict=True)
        pulled = [(w.grad, w, u) for w, u in pairs if w.grad is not None]
        if pulled:
            gradients, weights, copies = zip(*pulled, strict=True)
            torch._foreach_add_(gradients, torch._foreach_sub(weights, copies), alpha=self.beta)
