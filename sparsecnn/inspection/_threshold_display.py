"""Display of the proximal maps of penalties."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import ArrayLike
from sklearn.base import clone
from torch import Tensor

from sparsecnn.inspection._pyplot import LINE_STYLES, OKABE_ITO, one_panel
from sparsecnn.penalties import (
    GroupPenalty,
    L1Infinity,
    SparseGroupPenalty,
    get_penalty,
    is_number,
    lam_for_sparsity,
    unit_of,
)

N_POINTS = 1001  # of each sign, 0 included
GROUP_SIZE = 4  # weights of each drawn group; it does not matter


class ThresholdDisplay:
    """What the proximal map of a penalty makes of a weight, or of the norm of a group.

    Where a curve runs along the diagonal, weights stay as they are; where it lies below, they are shrunk,
    which biases the network; where it is 0, they become zero. Use `from_penalty`.

    Parameters
    ----------
    weights : array-like of shape (n_points,)
        Weights before the map, ascending.
    mapped : mapping from str to array-like of shape (n_points,)
        Weights after the map of each penalty, by name. For groups it is the norm ``‖w_g‖/√n_g`` of a group of
        that norm, and NaN below 0.
    steps : mapping from str to float
        The ratio λ/β of each map.
    group_names : sequence of str, default=()
        Names of the penalties of groups.

    Attributes
    ----------
    lines_ : dict of str to matplotlib Line2D
        The map of each penalty, by name.
    identity_ : matplotlib Line2D
        The diagonal, on which weights stay as they are.
    ax_ : matplotlib Axes
        Axes of the display.
    figure_ : matplotlib Figure
        Figure of the axes.

    See Also
    --------
    sparsecnn.penalties.lam_for_sparsity : The λ that zeroes a fraction of given weights.
    TradeoffDisplay : What penalties make of a network.

    Examples
    --------
    >>> from sparsecnn.inspection import ThresholdDisplay
    >>> display = ThresholdDisplay.from_penalty(["l0", "l1"], threshold=0.02)
    >>> {name: round(step, 4) for name, step in display.steps.items()}
    {'l0': 0.0002, 'l1': 0.02}
    """

    def __init__(
        self,
        weights: ArrayLike,
        mapped: Mapping[str, ArrayLike],
        steps: Mapping[str, float],
        group_names: Sequence[str] = (),
    ):
        self.weights = weights
        self.mapped = mapped
        self.steps = steps
        self.group_names = group_names

    @classmethod
    def from_penalty(
        cls,
        penalty: Any,
        *,
        threshold: float = 0.02,
        lam: float | None = None,
        beta: float = 1.0,
        w_max: float | None = None,
        ax: Any = None,
        **kwargs: Any,
    ) -> Self:
        """Plot the proximal map of one or several penalties, at one threshold or at one λ.

        Penalties are compared best at one threshold: all zero the same weights, and the curves show what each
        does to the others.

        Parameters
        ----------
        penalty : str, penalty object, sequence of these, or mapping from names to these
            Names and objects as `SparseCurveCNNClassifier` takes them. Groups are drawn by their norms.
        threshold : float, default=0.02
            Largest weight or norm that becomes zero: each penalty gets the λ for it. Used only while `lam` is
            None.
        lam : float, default=None
            The λ of all maps, at least 0.
        beta : float, default=1.0
            The β of all maps, above 0. A map depends on λ/β only.
        w_max : float, default=None
            Largest weight to draw. None is 5 times `threshold`, or ``5·√(2·lam/beta)``.
        ax : matplotlib Axes, default=None
            Axes to plot in; None makes a new figure.
        **kwargs : dict
            Passed to ``matplotlib.axes.Axes.plot`` for each map.

        Returns
        -------
        ThresholdDisplay
            The display, plotted.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        ValueError
            If a penalty is unknown, a number is out of range, or no λ gives a penalty that threshold.

        See Also
        --------
        sparsecnn.penalties.get_penalty : The names and objects that are penalties.

        Notes
        -----
        Groups are of equal weights. Maps that look at whole tensors are applied to all drawn weights at once;
        those of groups and their weights, such as "sparse_group_l0", to groups of a single weight.

        Examples
        --------
        >>> from sparsecnn.inspection import ThresholdDisplay
        >>> display = ThresholdDisplay.from_penalty({"small a": "tl1", "lasso": "l1"}, lam=0.01)
        >>> display.steps
        {'small a': 0.01, 'lasso': 0.01}
        """
        penalties = _check_penalties(penalty)
        for name, value in {
            "threshold": threshold,
            "beta": beta,
            "w_max": 1.0 if w_max is None else w_max,
        }.items():
            if not is_number(value) or value <= 0:
                raise ValueError(f"{name} must be a finite number above 0, got {value!r}.")
        if lam is not None and not (is_number(lam) and lam >= 0):
            raise ValueError(f"lam must be None or a finite number of at least 0, got {lam!r}.")
        if w_max is None:
            w_max = 5 * (threshold if lam is None else np.sqrt(2 * lam / beta) or 1.0)
        half = torch.linspace(0, w_max, N_POINTS, dtype=torch.float64)
        weights = torch.cat([-half.flip(0)[:-1], half])
        steps = {
            name: _step(one, threshold) if lam is None else lam / beta for name, one in penalties.items()
        }
        mapped = {name: _map(one, weights, steps[name]) for name, one in penalties.items()}
        groups = [name for name, one in penalties.items() if unit_of(one) == "group"]
        return cls(weights.numpy(), mapped, steps, groups).plot(ax=ax, **kwargs)

    def plot(self, ax: Any = None, **kwargs: Any) -> Self:
        """Plot the maps, and the diagonal.

        Of groups alone, only norms of at least 0 are drawn. Later curves are thinner, so that equal ones both
        show.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Axes to plot in; None makes a new figure.
        **kwargs : dict
            Passed to ``matplotlib.axes.Axes.plot`` for each map.

        Returns
        -------
        ThresholdDisplay
            The display itself.

        Raises
        ------
        ImportError
            If matplotlib is not installed.

        See Also
        --------
        from_penalty : Computes the maps and plots them.

        Examples
        --------
        >>> from sparsecnn.inspection import ThresholdDisplay
        >>> weights = [-1.0, 0.0, 1.0]
        >>> display = ThresholdDisplay(weights, {"halved": [-0.5, 0.0, 0.5]}, {"halved": 1.0}).plot()
        >>> display.lines_["halved"].get_ydata().tolist()
        [-0.5, 0.0, 0.5]
        """
        self.ax_ = one_panel(ax, (4.8, 4.8))
        self.figure_ = self.ax_.figure
        weights = np.asarray(self.weights)
        only_groups = set(self.group_names) == set(self.mapped)
        shown = weights >= 0 if only_groups else np.full(len(weights), True)
        self.identity_ = self.ax_.plot(weights[shown], weights[shown], color="0.6", linewidth=1)[0]
        self.lines_ = {}
        for i, (name, values) in enumerate(self.mapped.items()):
            style = LINE_STYLES[(i + i // len(OKABE_ITO)) % len(LINE_STYLES)]
            # Later lines are thinner, so that earlier ones show below them.
            width = 1.5 + 2.5 * (1 - i / len(self.mapped)) if len(self.mapped) > 1 else 2.0
            line = {"label": name, "color": OKABE_ITO[i % len(OKABE_ITO)], "linestyle": style}
            line |= {"linewidth": width} | kwargs
            self.lines_[name] = self.ax_.plot(weights[shown], np.asarray(values)[shown], **line)[0]
        self._label(only_groups)
        return self

    def _label(self, only_groups: bool) -> None:
        what = "norm ‖w‖/√n of a group of n weights" if only_groups else "weight w"
        if self.group_names and not only_groups:
            what += ", or norm of a group"
        self.ax_.locator_params(nbins=5)
        self.ax_.set(xlabel=what, ylabel="after the proximal map")
        self.ax_.grid(alpha=0.3)
        self.ax_.legend(handlelength=4)  # long enough to show a style of dashes


def _check_penalties(penalty: Any) -> dict[str, Any]:
    """Return penalty objects by name, with groups laid out as `_layers` does it."""
    if not isinstance(penalty, Mapping):
        several = isinstance(penalty, Sequence) and not isinstance(penalty, str)
        penalty = {str(one): one for one in (penalty if several else [penalty])}
    if not penalty:
        raise ValueError("penalty must be one or several penalties, got none.")
    return {str(name): _with_own_groups(get_penalty(one)) for name, one in penalty.items()}


def _with_own_groups(penalty: Any) -> Any:
    if isinstance(penalty, (GroupPenalty, L1Infinity, SparseGroupPenalty)):
        return clone(penalty).set_params(axis=None, pixels=1)
    return penalty


def _layers(penalty: Any, weights: Tensor) -> Tensor:
    """Return weights as a tensor on which `penalty` acts by itself on each: groups are of equal weights."""
    if unit_of(penalty) != "group":
        return weights
    return weights.view(-1, 1, 1).expand(-1, 1, GROUP_SIZE).contiguous()


def _step(penalty: Any, threshold: float) -> float:
    """Return the step that zeroes the smaller of two weights, which are so close that no other step does."""
    two = torch.tensor([threshold, 1.0001 * threshold], dtype=torch.float64)
    return lam_for_sparsity(penalty, _layers(penalty, two), beta=1.0, sparsity=0.5)


def _map(penalty: Any, weights: Tensor, step: float) -> np.ndarray:
    if unit_of(penalty) != "group":
        return penalty.prox(weights, step).numpy()
    mapped = torch.full_like(weights, np.nan)
    mapped[weights >= 0] = penalty.prox(_layers(penalty, weights[weights >= 0]), step)[:, 0, 0]
    return mapped.numpy()
