"""Muon for the filters of a network, Adam for everything else."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.optim import Adam

# Of the quintic iteration that takes singular values near to 1, as published with Muon.
COEFFICIENTS = (3.4445, -4.7750, 2.0315)
N_ITERATIONS = 5
MOMENTUM = 0.95
# Largest singular value of a step of a wide matrix, relative to the learning rate.
STEP = 10.0
# Decay of filters in a step, relative to the learning rate. Batch normalisation undoes their scale, so that
# steps of one size would turn ever larger filters ever less.
DECAY = 2.5


class Muon(Adam):
    """Adam, but for groups with ``orthogonal=True``, whose steps are orthogonal matrices.

    The momentum of such a weight, a row for each filter, goes to the nearest matrix with orthonormal rows or
    columns, so that all directions that gradients have pointed to move alike [1]_. Its steps do not depend
    on the size of gradients, so an L2 term in the loss would do nothing: the weight decays by itself.

    References
    ----------
    .. [1] K. Jordan, "Muon: An optimizer for hidden layers in neural networks", 2024.
    """

    def __init__(self, params: Any, lr: float):
        super().__init__(params, lr=lr, fused=True)

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Take a step; with a closure, compute the loss by it first and return it."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        filters = [
            (w, w.grad, float(group["lr"]))
            for group in self.param_groups
            if group.get("orthogonal", False)
            for w in group["params"]
            if w.grad is not None
        ]
        for w, gradient, rate in filters:
            self._step_orthogonally(w, gradient, rate)
            w.grad = None  # so that Adam leaves it as it is
        super().step()
        for w, gradient, _ in filters:
            w.grad = gradient
        return loss

    def _step_orthogonally(self, w: Tensor, gradient: Tensor, rate: float) -> None:
        state = self.state[w]
        if "exp_avg" not in state:  # the names and types of Adam, which restores a saved state
            state |= {"step": torch.zeros(()), "exp_avg": torch.zeros_like(w)}
        state["step"] += 1
        average = state["exp_avg"].lerp_(gradient, 1 - MOMENTUM)
        direction = orthogonalised(torch.lerp(gradient, average, MOMENTUM).flatten(1))
        n_filters, n_weights = direction.shape
        size = STEP * math.sqrt(max(1, n_filters / n_weights))
        w.mul_(1 - rate * DECAY).add_(direction.view_as(w), alpha=-rate * size)


def orthogonalised(matrix: Tensor) -> Tensor:
    """Return about the nearest matrix with orthonormal rows, or columns if these are fewer.

    Singular values end between 0.7 and 1.2, which serves as well as 1.
    """
    tall = matrix.shape[0] > matrix.shape[1]
    x = matrix.T if tall else matrix
    x = x / (x.norm() + 1e-30)
    a, b, c = COEFFICIENTS
    for _ in range(N_ITERATIONS):
        gram = x @ x.T
        x = torch.addmm(x, torch.addmm(gram, gram, gram, beta=b, alpha=c), x, beta=a)
    return x.T if tall else x
