"""Activations of one bit, trained by a coarse gradient."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

# The derivative μ' of each proxy, as a mask; None is 1 everywhere.
PROXIES: dict[str, Callable[[Tensor], Tensor] | None] = {
    "identity": None,
    "relu": lambda x: x > 0,
    "clipped_relu": lambda x: (x > 0) & (x < 1),
    "hard_tanh": lambda x: x.abs() < 1,
}


class BinaryActivation(nn.Module):
    """1 where the input is above 0, else 0: an activation of one bit.

    Between layers of binary weights, products become operations on bits. Training passes the gradient of a
    proxy through the step, whose own is 0.

    Parameters
    ----------
    proxy : {"clipped_relu", "hard_tanh", "relu", "identity"}, default="clipped_relu"
        The function μ whose derivative takes the place of that of the step, which is 0 almost everywhere:
        ``min(max(x, 0), 1)``, ``min(max(x, -1), 1)``, ``max(x, 0)`` or x. "hard_tanh", which passes the
        gradient on both sides of 0, bears high learning rates.

    Raises
    ------
    ValueError
        If there is no such proxy.

    See Also
    --------
    sparsecnn.SparseCurveCNNClassifier : Takes it as the parameter `activation`.
    sparsecnn.penalties.Binary : Binary weights.

    Notes
    -----
    The coarse gradient of a loss f at the input x of the activation σ is ``∂f/∂σ · μ'(x)``, with μ' 0 where μ
    bends. It is the gradient of no function, so training may increase the Lagrangian of RVSM [1]_. For
    networks of one hidden layer its expectation under μ = ReLU is a descent direction [2]_.

    References
    ----------
    .. [1] T. Dinh and J. Xin, "Convergence of a Relaxed Variable Splitting Coarse Gradient Descent Method for
       Learning Sparse Weight Binarized Activation Neural Networks", arXiv:1901.09731.
    .. [2] P. Yin, J. Lyu, S. Zhang, S. Osher, Y. Qi and J. Xin, "Understanding Straight-Through Estimator in
       Training Activation Quantized Neural Nets", arXiv:1903.05662.

    Examples
    --------
    >>> import torch
    >>> from sparsecnn import BinaryActivation
    >>> x = torch.tensor([-0.5, 0.5, 1.5], requires_grad=True)
    >>> BinaryActivation()(x).tolist()
    [0.0, 1.0, 1.0]
    >>> BinaryActivation()(x).sum().backward()
    >>> x.grad.tolist()
    [0.0, 1.0, 0.0]
    """

    def __init__(self, proxy: str = "clipped_relu"):
        super().__init__()
        if not isinstance(proxy, str) or proxy not in PROXIES:
            raise ValueError(f"proxy must be one of {sorted(PROXIES)}, got {proxy!r}.")
        self.proxy = proxy

    def forward(self, x: Tensor) -> Tensor:
        """Return 1 where x is above 0, else 0.

        What calling the module does. ``backward`` multiplies gradients by the derivative of the proxy at `x`.

        Parameters
        ----------
        x : Tensor
            Of any shape and floating dtype.

        Returns
        -------
        Tensor
            Like `x`.

        See Also
        --------
        sparsecnn.SparseCurveCNNClassifier : Takes it as the parameter `activation`.

        Examples
        --------
        >>> import torch
        >>> from sparsecnn import BinaryActivation
        >>> BinaryActivation().forward(torch.tensor([-0.5, 0.0, 1.5]))
        tensor([0., 0., 1.])
        """
        if torch.is_grad_enabled() and x.requires_grad:
            return _CoarseStep.apply(x, PROXIES[self.proxy])
        return _step(x)

    def extra_repr(self) -> str:
        return f"proxy={self.proxy!r}"


class _CoarseStep(torch.autograd.Function):
    """The step function, with the derivative of another function."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, derivative: Callable[[Tensor], Tensor] | None) -> Tensor:
        ctx.save_for_backward(*([] if derivative is None else [derivative(x)]))
        return _step(x)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        for passed in ctx.saved_tensors:
            gradient = gradient * passed
        return gradient, None


def _step(x: Tensor) -> Tensor:
    return (x > 0).to(x.dtype)


def make_activation(activation: Any) -> nn.Module:
    """Return a new activation.

    Parameters
    ----------
    activation : {"relu", "binary"}, BinaryActivation or nn.ReLU

    Raises
    ------
    ValueError
        If it is none of these.
    """
    if isinstance(activation, (BinaryActivation, nn.ReLU)):
        return copy.deepcopy(activation)
    if activation == "relu":
        return nn.ReLU()
    if activation == "binary":
        return BinaryActivation()
    raise ValueError(f"activation must be 'relu', 'binary' or a BinaryActivation, got {activation!r}.")
