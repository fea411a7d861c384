"""Display of a score against the sparsity along a path."""

from __future__ import annotations

from typing import Any, Self

from numpy.typing import ArrayLike
from sklearn.base import is_regressor
from sklearn.utils import check_consistent_length
from sklearn.utils.validation import check_is_fitted

from sparsecnn.inspection._pyplot import one_panel
from sparsecnn.inspection._weights_left import add_legend, label_axes, percent_left
from sparsecnn.model_selection import SparseCurveCNNClassifierCV, SparsityPath, standard_errors


class SparsityPathDisplay:
    """Score against the percentage of penalised weights left, along a path.

    Use `from_estimator` for a cross-validated search and `from_path` for one path and test data.

    Parameters
    ----------
    sparsities : array-like of shape (n_points,)
        Fraction of the penalised weights that are zero, at each point of the path.
    scores : array-like of shape (n_points,)
        Score at each point.
    errors : array-like of shape (n_points,), default=None
        Standard error of each score.
    best_index : int, default=None
        Index of the point to mark as chosen.
    score_name : str, default="score"
        Label of the vertical axis.

    Attributes
    ----------
    errorbar_ : matplotlib ErrorbarContainer
        The scores, with their errors if there are any.
    ax_ : matplotlib Axes
        Axes of the display.
    figure_ : matplotlib Figure
        Figure of the axes.

    See Also
    --------
    sparsecnn.model_selection.sparsity_path : Trains the networks of a path.
    TradeoffDisplay : The same for searches of scikit-learn.

    Examples
    --------
    >>> from sparsecnn.inspection import SparsityPathDisplay
    >>> display = SparsityPathDisplay([0.0, 0.5, 0.9], [0.95, 0.96, 0.91], best_index=1).plot()
    >>> display.ax_.get_legend().get_texts()[0].get_text()
    'chosen: 50.0% zeros'
    """

    def __init__(
        self,
        sparsities: ArrayLike,
        scores: ArrayLike,
        errors: ArrayLike | None = None,
        best_index: int | None = None,
        score_name: str = "score",
    ):
        self.sparsities = sparsities
        self.scores = scores
        self.errors = errors
        self.best_index = best_index
        self.score_name = score_name

    @classmethod
    def from_estimator(cls, estimator: SparseCurveCNNClassifierCV, *, ax: Any = None, **kwargs: Any) -> Self:
        """Plot the mean score of the folds with its standard error, and mark the chosen point.

        The picture shows what the choice cost: the chosen point is the sparsest whose mean score is within
        one standard error of the best.

        Parameters
        ----------
        estimator : SparseCurveCNNClassifierCV
            Fitted search.
        ax : matplotlib Axes, default=None
            Axes to plot in; None makes a new figure.
        **kwargs : dict
            Passed to ``matplotlib.axes.Axes.errorbar``.

        Returns
        -------
        SparsityPathDisplay
            The display, plotted.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        ValueError
            If `estimator` is not a fitted SparseCurveCNNClassifierCV.

        See Also
        --------
        from_path : Plots one path on test data.
        sparsecnn.SparseCurveCNNClassifierCV : The search.

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
        results = getattr(estimator, "cv_results_", {})
        if "mean_test_sparsity" not in results or "mean_test_score" not in results:
            raise ValueError(
                "estimator must be a fitted SparseCurveCNNClassifierCV, whose cv_results_ have scores and "
                f"sparsities, got a {type(estimator).__name__}."
            )
        display = cls(
            results["mean_test_sparsity"],
            results["mean_test_score"],
            standard_errors(results, "score"),
            estimator.best_index_,
            _score_name(estimator.scoring),
        )
        return display.plot(ax=ax, **kwargs)

    @classmethod
    def from_path(
        cls, path: SparsityPath, X: ArrayLike, y: ArrayLike, *, ax: Any = None, **kwargs: Any
    ) -> Self:
        """Plot the accuracy of each classifier of a path; of regressors, R².

        There is one network for each point and no fold, so there are no errors to show; take test images that
        training has not seen.

        Parameters
        ----------
        path : SparsityPath
            Fitted estimators, as `sparsity_path` returns them.
        X : array-like of shape (n, pixels) or (n, height, width)
            Test images.
        y : array-like of shape (n,) or (n, n_outputs)
            Labels or targets of the test images.
        ax : matplotlib Axes, default=None
            Axes to plot in; None makes a new figure.
        **kwargs : dict
            Passed to ``matplotlib.axes.Axes.errorbar``.

        Returns
        -------
        SparsityPathDisplay
            The display, plotted.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        TypeError
            If `path` is not a `SparsityPath`.

        See Also
        --------
        from_estimator : Plots the scores of folds, with errors.
        sparsecnn.model_selection.sparsity_path : Trains the networks of a path.

        Examples
        --------
        >>> from sparsecnn import SparseCurveCNNClassifier
        >>> from sparsecnn.datasets import make_shaky_spirals
        >>> from sparsecnn.inspection import SparsityPathDisplay
        >>> from sparsecnn.model_selection import sparsity_path
        >>> X, y = make_shaky_spirals(100, image_shape=(32, 32), return_X_y=True, random_state=0)
        >>> quick = SparseCurveCNNClassifier(channels=(4, 8, 8), max_iter=4, finetune_iter=1, random_state=0)
        >>> path = sparsity_path(X[:80], y[:80], estimator=quick, sparsities=[0, 0.5, 0.9])
        >>> SparsityPathDisplay.from_path(path, X[80:], y[80:]).ax_.get_ylabel()
        'accuracy'
        """
        if not isinstance(path, SparsityPath):
            raise TypeError(f"path must be a SparsityPath, got a {type(path).__name__}.")
        score_name = "R²" if len(path) and is_regressor(path[0]) else "accuracy"
        display = cls(path.sparsities, path.score(X, y), score_name=score_name)
        return display.plot(ax=ax, **kwargs)

    def plot(self, ax: Any = None, **kwargs: Any) -> Self:
        """Plot the scores against the weights left on a logarithmic axis, from dense on the left to sparse.

        The axis runs from 100 % down, and each decade has the same length, since the last weights matter
        most.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Axes to plot in; None makes a new figure.
        **kwargs : dict
            Passed to ``matplotlib.axes.Axes.errorbar``.

        Returns
        -------
        SparsityPathDisplay
            The display itself.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        ValueError
            If `sparsities`, `scores` and `errors` differ in length.

        Warns
        -----
        UserWarning
            If a point has no weights left, which a logarithmic axis cannot show.

        See Also
        --------
        from_estimator : Takes the scores from a search.
        from_path : Takes them from a path and test data.

        Examples
        --------
        >>> from sparsecnn.inspection import SparsityPathDisplay
        >>> display = SparsityPathDisplay([0.0, 0.5, 0.9], [0.95, 0.96, 0.91], score_name="AUC").plot()
        >>> display.ax_.get_ylabel()
        'AUC'
        """
        check_consistent_length(self.sparsities, self.scores, self.errors)
        self.ax_ = one_panel(ax)
        self.figure_ = self.ax_.figure
        left = percent_left(self.sparsities)
        options: dict[str, Any] = {"marker": "o", "capsize": 3} | kwargs
        self.errorbar_ = self.ax_.errorbar(left, self.scores, self.errors, **options)
        if self.best_index is not None:
            label = f"chosen: {1 - left[self.best_index] / 100:.1%} zeros"
            self.ax_.axvline(left[self.best_index], color="0.5", linestyle="--", label=label)
        if self.best_index is not None or "label" in kwargs:
            add_legend(self.ax_, ax is None)
        label_axes(self.ax_, self.score_name)
        return self


def _score_name(scoring: Any) -> str:
    """Return the label of scores by `scoring`."""
    if scoring is None:
        return "accuracy"
    return scoring.replace("_", " ") if isinstance(scoring, str) else "score"
