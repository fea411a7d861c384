"""What all penalties share."""

import abc
import math

import torch
from sklearn.base import BaseEstimator
from torch import Tensor


class Penalty(BaseEstimator, abc.ABC):
    """A sparsity penalty P with its proximal map.

    A subclass has `value` and either `prox` or ``_shrink(magnitude, step)``, the
    proximal map of magnitudes: a tensor of at least single precision, which may be overwritten. Negative
    values stand for zero. With ``critical_step(magnitude)`` as well, λ for a target sparsity is found at once.

    Attributes
    ----------
    depends_on_step : bool
        Whether the shape of P depends on the step, so that `value` takes it as a second argument.
    """

    depends_on_step = False

    @abc.abstractmethod
    def value(self, w: Tensor) -> Tensor:
        """Return the sum of P over all weights, as a scalar tensor of w's dtype.

        Parameters
        ----------
        w : Tensor of any shape, device and floating dtype

        Returns
        -------
        value : Tensor of no dimension
        """

    def prox(self, w: Tensor, step: float) -> Tensor:
        """Return the minimiser x of ``(x - w)²/2 + step·P(x)``, with exact zeros.

        Parameters
        ----------
        w : Tensor of any shape, device and floating dtype
        step : float
            λ/β, at least 0.

        Returns
        -------
        x : Tensor like w

        Raises
        ------
        ValueError
            If `step` or a parameter of the penalty is out of range.
        """
        step = check_step(step)
        if step == 0:
            return w.clone()
        # Half precision has too few digits for the formulas.
        magnitude = w.abs().to(torch.promote_types(w.dtype, torch.float32))
        shrunk = self._shrink(magnitude, step).clamp_(min=0).to(w.dtype)
        # Added to 0, no zero is left negative; copysign and torch.where take several times as long.
        return w.sign().mul_(shrunk).add_(0.0)

    def _shrink(self, magnitude: Tensor, step: float) -> Tensor:
        raise NotImplementedError(f"{type(self).__name__} has neither prox nor _shrink.")

    def _check_parameter(self, name, low, high=math.inf, closed=False):
        """Return the parameter `name`, between `low` and `high`: both excluded, or both included."""
        value = getattr(self, name)
        if (low <= value <= high) if closed else (low < value < high):
            return value
        wanted = f"{low} <= {name} <= {high}" if closed else f"{name} > {low}"
        raise ValueError(f"{type(self).__name__} needs a finite {wanted}, got {name}={value!r}.")


class ClosedFormPenalty(Penalty):
    """A penalty that tells which step zeroes a weight, so that λ for a target sparsity is found at once."""

    @abc.abstractmethod
    def critical_step(self, magnitude: float) -> float:
        """Return the least step whose proximal map zeroes a weight.

        Parameters
        ----------
        magnitude : float
            Of the weight.

        Returns
        -------
        step : float
        """


class StepPenalty(Penalty):
    """A penalty whose shape depends on the step."""

    depends_on_step = True

    @abc.abstractmethod
    def value(self, w: Tensor, step: float = 1.0) -> Tensor:
        """Return the sum of P over all weights, as a scalar tensor of w's dtype.

        Parameters
        ----------
        w : Tensor of any shape, device and floating dtype
        step : float, default=1.0
            λ/β.

        Returns
        -------
        value : Tensor of no dimension
        """


def check_step(step):
    """Return `step` as a float, or raise ValueError unless it is finite and at least 0."""
    step = float(step)
    if not 0 <= step < math.inf:
        raise ValueError(f"step (lam / beta) must be finite and at least 0, got {step!r}.")
    return step


def keep_if_better(shrunk, magnitude, penalty_value):
    """Return `shrunk` where its objective, with ``step·P = penalty_value``, is below that of 0; else 0."""
    better = (shrunk - magnitude).square() / 2 + penalty_value < magnitude.square() / 2
    return shrunk * better
