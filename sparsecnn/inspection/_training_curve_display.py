"""Display of training, epoch by epoch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import is_regressor

from sparsecnn._estimator import fitted_network
from sparsecnn.inspection._pyplot import LINE_STYLES, OKABE_ITO, make_panels


class _Panel(NamedTuple):
    """Label of the vertical axis, whether it is in percent, and the label of each curve by its name."""

    label: str
    is_percent: bool
    curves: dict[str, str]


PANELS = {
    "loss": _Panel("cross-entropy (nats)", False, {"loss": "weights w", "sparse_loss": "sparse copy u"}),
    "validation_score": _Panel("validation accuracy (%)", True, {"validation_score": "sparse copy u"}),
    "sparsity": _Panel("penalised weights zero (%)", True, {"sparsity": "sparse copy u"}),
    "lagrangian": _Panel("Lagrangian (nats)", False, {"lagrangian": "Lagrangian"}),
    "distance": _Panel("distance ‖w - u‖", False, {"distance": "distance"}),
    "lam": _Panel("λ", False, {"lam": "λ"}),
}
# What differs where targets are standardised: 1 is the variance of the targets, and the loss of their mean.
REGRESSION = {
    "loss": PANELS["loss"]._replace(label="squared error / variance"),
    "validation_score": PANELS["validation_score"]._replace(label="validation R²", is_percent=False),
    "lagrangian": PANELS["lagrangian"]._replace(label="Lagrangian / variance"),
}


class TrainingCurveDisplay:
    """Losses, sparsity, Lagrangian and the like after each epoch of training, in one panel each.

    Use `from_estimator` for a fitted classifier or regressor, and the constructor for a training loop of your
    own.

    Parameters
    ----------
    history : mapping from str to array-like of shape (n_epochs,)
        One or more curves, by the names of ``history_``: "loss" of the weights w and "sparse_loss" of their
        sparse copy u, "validation_score", "sparsity", "lagrangian", "distance" (‖w - u‖) and "lam".
    finetune_start : int, default=None
        Number of epochs before fine-tuning. None marks none.
    regression : bool, default=False
        Whether losses are squared errors and scores R², rather than cross-entropies and accuracies.

    Attributes
    ----------
    lines_ : dict of str to matplotlib Line2D
        The curves, by name.
    axes_ : ndarray of matplotlib Axes of shape (n_panels,)
        The panels.
    figure_ : matplotlib Figure
        The figure of the panels.

    See Also
    --------
    sparsecnn.SparseCurveCNNClassifier : Keeps the curves in ``history_``.
    sparsecnn.RVSM : Gives the numbers for a loop of your own.

    Examples
    --------
    >>> from sparsecnn.inspection import TrainingCurveDisplay
    >>> display = TrainingCurveDisplay({"loss": [0.7, 0.4, 0.3], "sparsity": [0.0, 0.5, 0.9]}).plot()
    >>> [ax.get_ylabel() for ax in display.axes_]
    ['cross-entropy (nats)', 'penalised weights zero (%)']
    """

    def __init__(
        self, history: Mapping[str, ArrayLike], finetune_start: int | None = None, regression: bool = False
    ):
        self.history = history
        self.finetune_start = finetune_start
        self.regression = regression

    @classmethod
    def from_estimator(
        cls, estimator: Any, *, quantities: str | Sequence[str] | None = None, ax: Any = None, **kwargs: Any
    ) -> Self:
        """Plot the training of a fitted classifier or regressor.

        Look here when a network is worse than hoped: whether the loss was still falling, where the cut cost
        accuracy, and whether fine-tuning took it back.

        Parameters
        ----------
        estimator : SparseCurveCNNClassifier or Regressor, a search for one, or a Pipeline that ends in one
            Fitted. For a search, such as `GridSearchCV`, its ``best_estimator_`` is used.
        quantities : str or sequence of str, default=None
            What to plot, one panel each: "loss", "validation_score", "sparsity", "lagrangian", "distance" or
            "lam". None plots all; validation scores with early stopping only.
        ax : matplotlib Axes or array-like of Axes, default=None
            One Axes to divide into panels, or as many as there are panels; None makes a new figure.
        **kwargs : dict
            Passed to ``matplotlib.axes.Axes.plot``.

        Returns
        -------
        TrainingCurveDisplay
            The display, plotted.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        NotFittedError
            If `estimator` is not fitted.
        TypeError
            If `estimator` is no such estimator, or an ensemble: give one of its ``members_``.
        ValueError
            If one of `quantities` is unknown or was not recorded, the estimator comes from a file, which has
            no history, or the number of axes is wrong.

        See Also
        --------
        plot : The same for curves that are at hand.

        Examples
        --------
        >>> from sparsecnn import SparseCurveCNNClassifier
        >>> from sparsecnn.datasets import make_shaky_spirals
        >>> from sparsecnn.inspection import TrainingCurveDisplay
        >>> X, y = make_shaky_spirals(100, image_shape=(32, 32), return_X_y=True, random_state=0)
        >>> quick = SparseCurveCNNClassifier(channels=(4, 8, 8), max_iter=4, finetune_iter=2, random_state=0)
        >>> display = TrainingCurveDisplay.from_estimator(quick.fit(X, y), quantities=["loss", "sparsity"])
        >>> display.axes_.shape, display.finetune_start
        ((2,), 4)
        """
        fitted = fitted_network(estimator)
        if not hasattr(fitted, "history_"):
            raise ValueError(f"{fitted!r} has no history_, which files of networks leave out.")
        display = cls(fitted.history_, _finetune_start(fitted.history_), is_regressor(fitted))
        return display.plot(quantities, ax=ax, **kwargs)

    def plot(self, quantities: str | Sequence[str] | None = None, *, ax: Any = None, **kwargs: Any) -> Self:
        """Plot one panel for each quantity, with epochs of fine-tuning on grey.

        Percentages and losses have panels of their own, and curves of one panel differ in line style too.

        Parameters
        ----------
        quantities : str or sequence of str, default=None
            What to plot, as in `from_estimator`. None plots all that `history` has.
        ax : matplotlib Axes or array-like of Axes, default=None
            One Axes to divide into panels, or as many as there are panels; None makes a new figure.
        **kwargs : dict
            Passed to ``matplotlib.axes.Axes.plot``.

        Returns
        -------
        TrainingCurveDisplay
            The display itself.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        ValueError
            If one of `quantities` is unknown or was not recorded, or the number of axes is wrong.

        See Also
        --------
        from_estimator : Takes the curves of a fitted classifier.

        Examples
        --------
        >>> from sparsecnn.inspection import TrainingCurveDisplay
        >>> history = {"loss": [0.7, 0.4, 0.3], "sparsity": [0.0, 0.5, 0.9]}
        >>> display = TrainingCurveDisplay(history, finetune_start=2).plot("loss")
        >>> display.axes_.shape, list(display.lines_)
        ((1,), ['loss'])
        """
        from matplotlib.ticker import MaxNLocator, PercentFormatter

        names = self._check_quantities(quantities)
        panels = PANELS | REGRESSION if self.regression else PANELS
        self.axes_ = make_panels(ax, len(names), min(3, len(names)), (3.6, 2.8))
        self.figure_ = self.axes_[0].figure
        self.lines_: dict[str, Any] = {}
        for panel_ax, name in zip(self.axes_, names, strict=True):
            panel = panels[name]
            self._plot_curves(panel_ax, panel, kwargs)
            panel_ax.set(xlabel="epoch", ylabel=panel.label)
            panel_ax.xaxis.set_major_locator(MaxNLocator(integer=True))
            if panel.is_percent:
                panel_ax.yaxis.set_major_formatter(PercentFormatter(1, symbol=""))
            panel_ax.grid(alpha=0.3)
            if panel_ax is self.axes_[0] or len(panel.curves) > 1:
                panel_ax.legend()
        return self

    def _plot_curves(self, ax: Any, panel: _Panel, options: dict[str, Any]) -> None:
        shown = {name: label for name, label in panel.curves.items() if self._has(name)}
        for (name, label), color, style in zip(shown.items(), OKABE_ITO, LINE_STYLES, strict=False):
            values = np.asarray(self.history[name], dtype=float)
            epochs = np.arange(1, len(values) + 1)
            line = {"label": label, "color": color, "linestyle": style, "marker": "."} | options
            self.lines_[name] = ax.plot(epochs, values, **line)[0]
        if self.finetune_start is not None:
            span = self.finetune_start + 0.5, len(values) + 0.5
            ax.axvspan(*span, color="0.5", alpha=0.2, linewidth=0, label="fine-tuning")

    def _has(self, name: str) -> bool:
        values = np.asarray(self.history.get(name, ()), dtype=float)
        return not np.isnan(values).all()

    def _check_quantities(self, quantities: str | Sequence[str] | None) -> list[str]:
        recorded = [name for name, panel in PANELS.items() if any(map(self._has, panel.curves))]
        wanted = recorded if quantities is None else quantities
        names = [wanted] if isinstance(wanted, str) else list(wanted)
        for name in names:
            if name not in recorded:
                reason = "was not recorded" if name in PANELS else "is unknown"
                hint = " without early_stopping" if name == "validation_score" else ""
                raise ValueError(
                    f"quantities must be some of {recorded}, got {name!r}, which {reason}{hint}."
                )
        if not names:
            raise ValueError(f"quantities must name at least one of {recorded}, got none.")
        return names


def _finetune_start(history: dict[str, list[float]]) -> int | None:
    """Return the number of epochs before fine-tuning, or None if there was none."""
    return history["finetuning"].index(1.0) if any(history["finetuning"]) else None
