"""The classes that penalties derive from."""

import abc
import math
from typing import ClassVar, Literal

import torch
from sklearn.base import BaseEstimator
from torch import Tensor

from sparsecnn.penalties._checks import check_step, check_weights, is_number

# Steps within which the formulas keep their digits in single precision.
_SINGLE_PRECISION_STEPS = (1e-12, 1e12)


class Penalty(BaseEstimator, abc.ABC):
    """A sparsity penalty P with its proximal map.

    A subclass defines `value` and one of two: `prox`, or ``_shrink(magnitude, step)``, the proximal map of
    magnitudes. The latter gets a tensor of single or double precision, which it may overwrite; `prox` turns
    negative results into zeros. A subclass with a closed form for the step that zeroes a unit derives from
    `ClosedFormPenalty`.

    Attributes
    ----------
    unit : {"weight", "group", "tensor"}, default="weight"
        What the proximal map treats as one. Targets, quantiles and counts go by units.

        * "weight": each weight is mapped by itself, whatever the others are.
        * "group": all weights of a group, such as a filter, become zero together.
        * "tensor": the map of a weight depends on all weights of its tensor. Weights still become zero one by
          one, so each counts as a unit, but the map must always be given whole tensors.
    depends_on_step : bool, default=False
        Whether the shape of P depends on the step, which `value` then takes as its second argument.
    confines : bool, default=False
        Whether P is infinite outside of a set, such as that of binary weights. Training then takes gradients
        at the proximal map, and never leaves the set.
    no_target : str or None, default=None
        Why there is no λ for a target sparsity, which is then refused with this reason.

    See Also
    --------
    ClosedFormPenalty : With the step that zeroes a unit in closed form.
    get_penalty : What else can be a penalty.

    Examples
    --------
    A penalty of your own, P(x) = x²/2, which shrinks weights and zeroes none:

    >>> import torch
    >>> from sparsecnn.penalties import Penalty
    >>> class HalfSquare(Penalty):
    ...     def value(self, w):
    ...         return w.square().sum() / 2
    ...
    ...     def _shrink(self, magnitude, step):
    ...         return magnitude / (1 + step)
    >>> HalfSquare().prox(torch.tensor([-3.0, 1.5]), 0.5)
    tensor([-2.,  1.])
    """

    unit: ClassVar[Literal["weight", "group", "tensor"]] = "weight"
    depends_on_step: ClassVar[bool] = False
    confines: ClassVar[bool] = False
    no_target: ClassVar[str | None] = None

    @abc.abstractmethod
    def value(self, w: Tensor) -> Tensor:
        """Return the sum of P over all weights.

        RVSM needs it for the Lagrangian only, which it reports; training itself uses `prox` alone.

        Parameters
        ----------
        w : Tensor
            Weights of any shape, device and floating dtype.

        Returns
        -------
        Tensor of shape ()
            In the dtype of `w`.

        See Also
        --------
        prox : The proximal map of P.

        Examples
        --------
        >>> import torch
        >>> from sparsecnn.penalties import L0, L1
        >>> w = torch.tensor([[2.0, -1.0], [0.5, 0.0]])
        >>> L0().value(w), L1().value(w)
        (tensor(3.), tensor(3.5000))
        """

    def prox(self, w: Tensor, step: float) -> Tensor:
        """Return the minimiser x of ``(x - w)²/2 + step·P(x)``, with exact zeros.

        The step of RVSM that makes weights zero: of the points near w, it finds the one that trades distance
        for penalty best.

        Parameters
        ----------
        w : Tensor
            Weights of any shape, device and floating dtype.
        step : float
            The ratio λ/β, at least 0.

        Returns
        -------
        Tensor
            Like `w`.

        Raises
        ------
        ValueError
            If `w` is no tensor of floating dtype, or `step` or a parameter of the penalty is out of range.

        See Also
        --------
        value : The P of the formula.

        Examples
        --------
        >>> import torch
        >>> from sparsecnn.penalties import L0, L1
        >>> w = torch.tensor([-2.0, 0.5, 1.5])
        >>> L0().prox(w, step=0.5)
        tensor([-2.0000,  0.0000,  1.5000])
        >>> L1().prox(w, step=0.5)
        tensor([-1.5000,  0.0000,  1.0000])
        """
        step = check_step(step)
        magnitude = check_weights(w).abs()
        if step == 0:
            return w.clone()
        magnitude = magnitude.to(_working_dtype(w, step))
        shrunk = self._shrink(magnitude, step).clamp_(min=0).to(w.dtype)
        # Adding 0 leaves no zero negative; copysign and torch.where take several times as long.
        return w.sign().mul_(shrunk).add_(0.0)

    def magnitudes(self, w: Tensor) -> Tensor:
        """Return how large each unit is: the smaller, the smaller the step that zeroes it.

        Quantiles of them give λ for a target sparsity. A subclass overrides it where weights do not become
        zero in the order of ``|w|``, or where its units are groups.

        Parameters
        ----------
        w : Tensor
            Weights of any shape, device and floating dtype.

        Returns
        -------
        Tensor of shape (n_units,)
            By default ``|w|``. At least 0, and 0 exactly where all weights of the unit are zero.

        See Also
        --------
        unit_magnitudes : The same, of objects without this method too.

        Examples
        --------
        >>> import torch
        >>> from sparsecnn.penalties import L1, L1MinusL2
        >>> w = torch.tensor([[2.0, -1.0], [0.5, 0.0]])
        >>> L1().magnitudes(w)
        tensor([2.0000, 1.0000, 0.5000, 0.0000])
        >>> L1MinusL2().magnitudes(w)  # the largest weight never becomes zero
        tensor([   inf, 1.0000, 0.5000, 0.0000])
        """
        return w.abs().flatten()

    def _shrink(self, magnitude: Tensor, step: float) -> Tensor:
        raise NotImplementedError(f"{type(self).__name__} has neither prox nor _shrink.")

    def _check_parameter(self, name: str, low: float, high: float = math.inf, closed: bool = False) -> float:
        """Return the parameter `name`, between `low` and `high`: both excluded, or both included."""
        value = getattr(self, name)
        if is_number(value) and (low <= value <= high if closed else low < value < high):
            return float(value)
        wanted = f"{low} <= {name} <= {high}" if closed else f"{name} > {low}"
        if high < math.inf and not closed:
            wanted = f"{low} < {name} < {high}"
        raise ValueError(f"{type(self).__name__} needs a finite {wanted}, got {name}={value!r}.")


class ClosedFormPenalty(Penalty):
    """A penalty with a closed form for the step that zeroes a unit, by which λ for a target is found.

    Derive from it instead of `Penalty` where the step is known: it saves the bisection at every update of λ,
    and penalties of groups need it for a target sparsity.

    See Also
    --------
    Penalty : Needs no closed form.
    lam_for_sparsity : Makes use of it.

    Examples
    --------
    A penalty of your own, P(x) = 2·abs(x): soft thresholding at twice the step.

    >>> import torch
    >>> from sparsecnn.penalties import ClosedFormPenalty, lam_for_sparsity
    >>> class TwiceL1(ClosedFormPenalty):
    ...     def value(self, w):
    ...         return 2 * w.abs().sum()
    ...
    ...     def _shrink(self, magnitude, step):
    ...         return magnitude - 2 * step
    ...
    ...     def critical_step(self, magnitude):
    ...         return magnitude / 2
    >>> w = torch.tensor([-4.0, 1.0, 2.0])
    >>> TwiceL1().prox(w, 1.0)
    tensor([-2.,  0.,  0.])
    >>> round(lam_for_sparsity(TwiceL1(), w, beta=1.0, sparsity=1 / 3), 9)
    0.5
    """

    @abc.abstractmethod
    def critical_step(self, magnitude: float) -> float:
        """Return the least step whose proximal map zeroes a unit.

        The inverse of the threshold: from a magnitude to the step. It must grow with the magnitude, since the
        quantile of the magnitudes gives λ for a target.

        Parameters
        ----------
        magnitude : float
            Of the unit, as `magnitudes` returns it.

        Returns
        -------
        float
            The ratio λ/β.

        See Also
        --------
        magnitudes : What it takes.
        lam_for_sparsity : The λ for a fraction of zeros, of many weights.

        Examples
        --------
        >>> from sparsecnn.penalties import L0, L1
        >>> L0().critical_step(0.5), L1().critical_step(0.5)  # w²/2 and w
        (0.125, 0.5)
        """


class StepPenalty(Penalty):
    """A penalty whose shape depends on the step."""

    depends_on_step = True

    @abc.abstractmethod
    def value(self, w: Tensor, step: float = 1.0) -> Tensor:
        """Return the sum of P over all weights.

        Parameters
        ----------
        w : Tensor
            Weights of any shape, device and floating dtype.
        step : float, default=1.0
            The ratio λ/β.

        Returns
        -------
        Tensor of shape ()
            In the dtype of `w`.
        """


def _working_dtype(w: Tensor, step: float) -> torch.dtype:
    """Return the dtype to compute a proximal map in: double where single precision has too small a range."""
    low, high = _SINGLE_PRECISION_STEPS
    if low <= step <= high or w.device.type == "mps":  # which has no double precision
        return torch.promote_types(w.dtype, torch.float32)
    return torch.float64
