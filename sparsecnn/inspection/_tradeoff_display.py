"""Display of accuracy against sparsity in a search."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils import check_consistent_length
from sklearn.utils.validation import check_is_fitted

from sparsecnn.inspection._pyplot import OKABE_ITO, import_pyplot, one_panel
from sparsecnn.inspection._weights_left import add_legend, label_axes, percent_left
from sparsecnn.model_selection import standard_errors

MARKERS = "osD^vPX*"


class TradeoffDisplay:
    """Score against the percentage of penalised weights left, of all candidates of a search.

    Use `from_search` for `GridSearchCV` and the like.

    Parameters
    ----------
    sparsities : array-like of shape (n_candidates,)
        Mean fraction of the penalised weights that are zero.
    scores : array-like of shape (n_candidates,)
        Mean score.
    sparsity_errors : array-like of shape (n_candidates,), default=None
        Standard error of each sparsity.
    errors : array-like of shape (n_candidates,), default=None
        Standard error of each score.
    best_index : int, default=None
        Index of the candidate to mark as chosen.
    score_name : str, default="score"
        Label of the vertical axis.
    kinds : array-like of shape (n_candidates,), default=None
        What each candidate is, such as its penalty: each kind has its own colour and marker.

    Attributes
    ----------
    front_ : ndarray of int
        The Pareto front: indices of the candidates to which no other is better in one of score and sparsity
        and at least equal in the other, from dense to sparse.
    errorbars_ : dict of str to matplotlib ErrorbarContainer
        The candidates with their errors, by kind; under "candidates" without kinds.
    front_line_ : matplotlib Line2D
        The Pareto front, as steps: the best score for at least that sparsity.
    band_ : matplotlib Rectangle or None
        The scores within one standard error of the best; None without errors.
    chosen_ : matplotlib Line2D or None
        Ring around the chosen candidate.
    ax_ : matplotlib Axes
        Axes of the display.
    figure_ : matplotlib Figure
        Figure of the axes.

    See Also
    --------
    sparsecnn.model_selection.sparsity_scorer : The scorer of the horizontal axis.
    sparsecnn.model_selection.sparsest_within_one_se : Chooses the candidate that is marked.
    SparsityPathDisplay : The same for one path.

    Examples
    --------
    >>> from sparsecnn.inspection import TradeoffDisplay
    >>> display = TradeoffDisplay([0.2, 0.5, 0.6, 0.9], [0.93, 0.95, 0.90, 0.92], best_index=3).plot()
    >>> display.front_
    array([1, 3])
    """

    def __init__(
        self,
        sparsities: ArrayLike,
        scores: ArrayLike,
        sparsity_errors: ArrayLike | None = None,
        errors: ArrayLike | None = None,
        best_index: int | None = None,
        score_name: str = "score",
        kinds: ArrayLike | None = None,
    ):
        self.sparsities = sparsities
        self.scores = scores
        self.sparsity_errors = sparsity_errors
        self.errors = errors
        self.best_index = best_index
        self.score_name = score_name
        self.kinds = kinds

    @classmethod
    def from_search(
        cls,
        search: Any,
        *,
        accuracy: str = "accuracy",
        sparsity: str = "sparsity",
        by: str | None = None,
        ax: Any = None,
        **kwargs: Any,
    ) -> Self:
        """Plot the candidates of a fitted search with several scorers.

        The picture shows what each zero costs, which candidates are worth a thought, those of the front, and
        which one ``refit`` chose.

        Parameters
        ----------
        search : GridSearchCV, RandomizedSearchCV, HalvingGridSearchCV or the like
            Fitted, with a scorer of sparsity among others, such as `sparsity_scorer`. Of successive halving,
            the candidates of the last iteration are plotted, which alone have seen all images.
        accuracy : str, default="accuracy"
            Name of the scorer of the vertical axis; larger is better.
        sparsity : str, default="sparsity"
            Name of the scorer of the horizontal axis, a fraction of zeros.
        by : str, default=None
            Name of a parameter of the search, such as "penalty", each value of which has its own colour and
            marker.
        ax : matplotlib Axes, default=None
            Axes to plot in; None makes a new figure.
        **kwargs : dict
            Passed to ``matplotlib.axes.Axes.errorbar``.

        Returns
        -------
        TradeoffDisplay
            The display, plotted.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        NotFittedError
            If `search` is not fitted.
        TypeError
            If `search` is no search.
        ValueError
            If `search` lacks a scorer or the parameter `by`, or a scorer failed for every candidate.

        Warns
        -----
        UserWarning
            If a candidate has no weights left, which a logarithmic axis cannot show.

        See Also
        --------
        sparsecnn.model_selection.sparsest_within_one_se : A rule for ``refit``.

        Examples
        --------
        >>> from sklearn.model_selection import GridSearchCV
        >>> from sparsecnn import SparseCurveCNNClassifier
        >>> from sparsecnn.datasets import make_shaky_spirals
        >>> from sparsecnn.inspection import TradeoffDisplay
        >>> from sparsecnn.model_selection import sparsest_within_one_se, sparsity_scorer
        >>> X, y = make_shaky_spirals(60, image_shape=(32, 32), return_X_y=True, random_state=0)
        >>> search = GridSearchCV(
        ...     SparseCurveCNNClassifier(channels=(4, 4, 4), max_iter=3, finetune_iter=1, random_state=0),
        ...     {"penalty": ["l0", "l1"], "target_sparsity": [0.5, 0.9]},
        ...     scoring={"accuracy": "accuracy", "sparsity": sparsity_scorer},
        ...     refit=sparsest_within_one_se,
        ...     cv=2,
        ... )
        >>> display = TradeoffDisplay.from_search(search.fit(X, y), by="penalty")
        >>> sorted(display.errorbars_)
        ['l0', 'l1']
        """
        results, best_index = _last_results(search)
        for argument, name in (("accuracy", accuracy), ("sparsity", sparsity)):
            _check_scorer(results, argument, name)
        display = cls(
            results[f"mean_test_{sparsity}"],
            results[f"mean_test_{accuracy}"],
            standard_errors(results, sparsity),
            standard_errors(results, accuracy),
            best_index,
            accuracy.replace("_", " "),
            None if by is None else _values_of(results, by),
        )
        return display.plot(ax=ax, **kwargs)

    def plot(self, ax: Any = None, **kwargs: Any) -> Self:
        """Plot the candidates, the Pareto front, the scores near the best and the chosen candidate.

        Candidates on the front are the only ones to choose from; those within the grey band are as good as
        the best, as far as the folds can tell.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Axes to plot in; None makes a new figure.
        **kwargs : dict
            Passed to ``matplotlib.axes.Axes.errorbar``.

        Returns
        -------
        TradeoffDisplay
            The display itself.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        ValueError
            If the arrays differ in length.

        Warns
        -----
        UserWarning
            If a candidate has no weights left, which a logarithmic axis cannot show.

        See Also
        --------
        from_search : Takes the candidates from a search.

        Examples
        --------
        >>> from sparsecnn.inspection import TradeoffDisplay
        >>> scores, errors = [0.93, 0.95, 0.92], [0.01, 0.02, 0.01]
        >>> display = TradeoffDisplay([0.2, 0.5, 0.9], scores, errors=errors, kinds=["l0", "l1", "l0"]).plot()
        >>> sorted(display.errorbars_)
        ['l0', 'l1']
        """
        check_consistent_length(self.sparsities, self.scores, self.sparsity_errors, self.errors, self.kinds)
        self.ax_ = one_panel(ax)
        self.figure_ = self.ax_.figure
        left, scores = percent_left(self.sparsities), np.asarray(self.scores, dtype=float)
        self.front_ = _pareto_front(left, scores)
        self._plot_candidates(left, scores, kwargs)
        front = {"color": "0.5", "linewidth": 1.5, "drawstyle": "steps-pre", "zorder": 1}
        self.front_line_ = self.ax_.plot(
            left[self.front_], scores[self.front_], label="Pareto front", **front
        )[0]
        self._plot_band(scores)
        self.chosen_ = None
        if self.best_index is not None:
            ring = {"marker": "o", "markersize": 15, "fillstyle": "none", "linestyle": "none"}
            self.chosen_ = self.ax_.plot(
                left[self.best_index],
                scores[self.best_index],
                label=f"chosen: {1 - left[self.best_index] / 100:.1%} zeros",
                color=import_pyplot().rcParams["text.color"],
                **ring,
            )[0]
        label_axes(self.ax_, self.score_name)
        parts = (*self.errorbars_.values(), self.front_line_, self.band_, self.chosen_)
        add_legend(self.ax_, ax is None, handles=[part for part in parts if part is not None])
        return self

    def _plot_candidates(self, left: np.ndarray, scores: np.ndarray, options: dict[str, Any]) -> None:
        kinds = np.full(len(left), "candidates") if self.kinds is None else np.asarray(self.kinds)
        both = self.errors, self.sparsity_errors
        errors, left_errors = (None if one is None else np.asarray(one, dtype=float) for one in both)
        self.errorbars_ = {}
        for i, kind in enumerate(dict.fromkeys(kinds.tolist())):
            own = kinds == kind
            style = {"marker": MARKERS[i % len(MARKERS)], "color": OKABE_ITO[i % len(OKABE_ITO)]}
            self.errorbars_[str(kind)] = self.ax_.errorbar(
                left[own],
                scores[own],
                None if errors is None else errors[own],
                None if left_errors is None else 100 * left_errors[own],
                **{"label": str(kind), "linestyle": "none", "elinewidth": 1, "capsize": 2} | style | options,
            )

    def _plot_band(self, scores: np.ndarray) -> None:
        self.band_ = None
        if self.errors is not None and not np.isnan(scores).all():
            best = int(np.nanargmax(scores))
            lowest = scores[best] - np.asarray(self.errors, dtype=float)[best]
            label = "within one standard error of the best"
            self.band_ = self.ax_.axhspan(
                lowest, scores[best], color="0.5", alpha=0.2, linewidth=0, label=label
            )


def _last_results(search: Any) -> tuple[dict[str, Any], int | None]:
    """Return the results of a search, of its last iteration if it has several, and the index of the best."""
    wrong = "search must be a fitted search, such as GridSearchCV, got {got}."
    if not hasattr(search, "fit") or isinstance(search, type):
        raise TypeError(wrong.format(got=repr(search)))
    check_is_fitted(search)
    if not hasattr(search, "cv_results_"):
        raise TypeError(wrong.format(got=f"a fitted {type(search).__name__}"))
    results, best_index = search.cv_results_, getattr(search, "best_index_", None)
    if "iter" not in results:
        return results, best_index
    rows = np.flatnonzero(results["iter"] == np.max(results["iter"]))
    last = {key: [values[i] for i in rows] for key, values in results.items()}
    return last, None if best_index is None else rows.tolist().index(best_index)


def _check_scorer(results: Mapping[str, Any], argument: str, name: str) -> None:
    """Raise ValueError if a search has no scorer of that name, or it never worked."""
    if f"mean_test_{name}" not in results:
        known = [key.removeprefix("mean_test_") for key in results if key.startswith("mean_test_")]
        raise ValueError(
            f"{argument}={name!r} must be a scorer of search, which has {known}: search with "
            'scoring={"accuracy": "accuracy", "sparsity": sparsity_scorer} and refit=sparsest_within_one_se, '
            f"or give {argument} another name."
        )
    if np.isnan(np.asarray(results[f"mean_test_{name}"], dtype=float)).all():
        raise ValueError(f"{argument}={name!r} of search is NaN for every candidate: all of them failed.")


def _values_of(results: Mapping[str, Any], by: str) -> list[str]:
    if f"param_{by}" not in results:
        known = [key.removeprefix("param_") for key in results if key.startswith("param_")]
        raise ValueError(f"by must be None or one of the parameters of search, {known}, got {by!r}.")
    return [str(value) for value in results[f"param_{by}"]]


def _pareto_front(left: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """Return the indices of points of which no other has a better score with as few weights, by weights."""
    front: list[int] = []
    for i in np.lexsort((-scores, left)):
        if left[i] > 0 and scores[i] > (scores[front[-1]] if front else -np.inf):
            front.append(int(i))
    return np.array(front[::-1], dtype=int)
