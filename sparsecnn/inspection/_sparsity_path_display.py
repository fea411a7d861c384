"""Pictures of fitted classifiers. Displays need matplotlib: ``pip install sparsecnn[plot]``."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils.validation import check_is_fitted

from sparsecnn.model_selection import SparseCurveCNNClassifierCV, SparsityPath, standard_errors

__all__ = ["SparsityPathDisplay"]


class SparsityPathDisplay:
    """Accuracy against the fraction of weights left, along a path.

    Use `from_estimator` for a cross-validated search, `from_path` for one path and test data.

    Parameters
    ----------
    sparsities : ndarray of shape (n_points,)
        Fraction of zeros at each point.
    scores : ndarray of shape (n_points,)
        Score at each point.
    errors : ndarray of shape (n_points,), default=None
        Standard error of each score.
    best_index : int, default=None
        The point to mark.

    Attributes
    ----------
    ax_ : matplotlib Axes
        Where it was drawn.
    figure_ : matplotlib Figure
        The figure of it.
    """

    def __init__(
        self,
        sparsities: np.ndarray,
        scores: np.ndarray,
        errors: np.ndarray | None = None,
        best_index: int | None = None,
    ):
        self.sparsities = sparsities
        self.scores = scores
        self.errors = errors
        self.best_index = best_index

    @classmethod
    def from_estimator(cls, estimator: SparseCurveCNNClassifierCV, *, ax: Any = None, **kwargs: Any) -> Self:
        """Draw the mean score over the folds with its standard error, and mark the chosen point.

        Parameters
        ----------
        estimator : SparseCurveCNNClassifierCV
            Fitted.
        ax : matplotlib Axes, default=None
            Where to draw; None makes a new figure.
        **kwargs : dict
            Passed to matplotlib's ``errorbar``.

        Returns
        -------
        display : SparsityPathDisplay

        Examples
        --------
        >>> from sparsecnn import SparseCurveCNNClassifier, SparseCurveCNNClassifierCV
        >>> from sparsecnn.datasets import make_shaky_spirals
        >>> from sparsecnn.inspection import SparsityPathDisplay
        >>> X, y = make_shaky_spirals(100, image_shape=(32, 32), return_X_y=True, random_state=0)
        >>> quick = SparseCurveCNNClassifier(channels=(4, 8, 8), max_iter=4, finetune_iter=1, random_state=0)
        >>> search = SparseCurveCNNClassifierCV(quick, sparsities=[0, 0.5, 0.9], cv=2).fit(X, y)
        >>> display = SparsityPathDisplay.from_estimator(search)
        >>> display.ax_.get_xlabel()
        'penalised weights left (%)'
        """
        check_is_fitted(estimator)
        results = estimator.cv_results_
        if "mean_test_sparsity" not in results or "mean_test_score" not in results:
            raise ValueError(
                "estimator must be a fitted SparseCurveCNNClassifierCV, whose cv_results_ have scores and "
                f"sparsities, got a {type(estimator).__name__}."
            )
        errors = standard_errors(results, "score")
        display = cls(
            results["mean_test_sparsity"], results["mean_test_score"], errors, estimator.best_index_
        )
        return display.plot(ax=ax, **kwargs)

    @classmethod
    def from_path(
        cls, path: SparsityPath, X: ArrayLike, y: ArrayLike, *, ax: Any = None, **kwargs: Any
    ) -> Self:
        """Draw the accuracy of every network of a path on X.

        Parameters
        ----------
        path : SparsityPath
        X : array-like of shape (n, pixels) or (n, height, width)
        y : array-like of shape (n,)
        ax : matplotlib Axes, default=None
            Where to draw; None makes a new figure.
        **kwargs : dict
            Passed to matplotlib's ``errorbar``.

        Returns
        -------
        display : SparsityPathDisplay
        """
        return cls(path.sparsities, path.score(X, y)).plot(ax=ax, **kwargs)

    def plot(self, ax: Any = None, **kwargs: Any) -> Self:
        """Draw the path; the weights left are on a logarithmic axis, sparse to the right.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; None makes a new figure.
        **kwargs : dict
            Passed to matplotlib's ``errorbar``.

        Returns
        -------
        display : SparsityPathDisplay

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        """
        try:
            import matplotlib.pyplot as plt
            from matplotlib.ticker import FuncFormatter
        except ImportError as error:
            raise ImportError("Pictures need matplotlib: pip install sparsecnn[plot].") from error

        self.ax_ = plt.subplots(layout="constrained")[1] if ax is None else ax
        self.figure_ = self.ax_.figure
        kept = 100 * (1 - self.sparsities)
        options: dict[str, Any] = {"marker": "o", "capsize": 3} | kwargs
        self.ax_.errorbar(kept, self.scores, self.errors, **options)
        if self.best_index is not None:
            label = f"chosen: {self.sparsities[self.best_index]:.1%} zeros"
            self.ax_.axvline(kept[self.best_index], color="0.5", linestyle="--", label=label)
            self.ax_.legend()
        self.ax_.set(xscale="log", xlabel="penalised weights left (%)", ylabel="score")
        self.ax_.xaxis.set_major_formatter(FuncFormatter(lambda percent, _: f"{percent:g}"))
        self.ax_.grid(alpha=0.3)
        if not self.ax_.xaxis_inverted():
            self.ax_.invert_xaxis()
        return self
