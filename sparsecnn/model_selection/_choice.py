"""Choice between sparsity and accuracy in scikit-learn's searches."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import rankdata

from sparsecnn._estimator import fitted_sparse

__all__ = ["sparsest_within_one_se", "sparsity_scorer"]


def sparsity_scorer(estimator: Any, X: ArrayLike | None = None, y: ArrayLike | None = None) -> float:
    """Return the sparsity of a fitted classifier or regressor: a scorer for scikit-learn's searches.

    Beside a scorer of accuracy it puts the number of zeros into ``cv_results_``, where
    `sparsest_within_one_se` and displays look for it.

    Parameters
    ----------
    estimator : estimator
        Fitted `SparseCurveCNNClassifier`, `SparseCurveCNNRegressor` or `SparseCurveEnsemble`, or a fitted
        pipeline or search that ends in one.
    X : array-like, default=None
        Ignored; scikit-learn passes it to every scorer.
    y : array-like, default=None
        Ignored; scikit-learn passes it to every scorer.

    Returns
    -------
    float
        Fraction of the penalised weights that are exactly zero, ``sparsity_``.

    Raises
    ------
    TypeError
        If `estimator` is none of these and ends in none.
    NotFittedError
        If it is not fitted.

    See Also
    --------
    sparsest_within_one_se : Chooses by both scorers.
    sparsecnn.inspection.TradeoffDisplay : Draws one against the other.

    Examples
    --------
    >>> from sklearn.model_selection import GridSearchCV
    >>> from sparsecnn import SparseCurveCNNClassifier
    >>> from sparsecnn.model_selection import sparsest_within_one_se, sparsity_scorer
    >>> search = GridSearchCV(
    ...     SparseCurveCNNClassifier(),
    ...     {"lam": [1e-4, 1e-3]},
    ...     scoring={"accuracy": "accuracy", "sparsity": sparsity_scorer},
    ...     refit=sparsest_within_one_se,
    ... )
    """
    return fitted_sparse(estimator).sparsity_


def sparsest_within_one_se(
    cv_results: Mapping[str, Any], *, accuracy: str = "accuracy", sparsity: str = "sparsity"
) -> int:
    """Return the sparsest candidate within one standard error of the best: a callable for ``refit``.

    Among candidates that the folds cannot tell apart in accuracy, it takes the smallest network. scikit-learn
    calls it once all candidates have been scored, and fits the one that it returns.

    Parameters
    ----------
    cv_results : dict
        ``cv_results_`` of a scikit-learn search with several scorers.
    accuracy : str, default="accuracy"
        Name of the scorer whose best mean, less one standard error, a candidate must reach. For another name
        pass ``functools.partial(sparsest_within_one_se, accuracy=...)`` as ``refit``.
    sparsity : str, default="sparsity"
        Name of the scorer to maximise among those candidates.

    Returns
    -------
    int
        Index of the candidate. Among equally sparse ones, that of the highest mean `accuracy`.

    Raises
    ------
    ValueError
        If `cv_results` lacks a scorer, or a scorer failed for every candidate.

    See Also
    --------
    sparsity_scorer : The scorer of sparsity.
    sparsecnn.inspection.TradeoffDisplay : Draws the candidates and the choice.

    Notes
    -----
    The standard error is that of the best candidate's mean over k folds, ``std / √(k - 1)``, with the
    ``std_test_<accuracy>`` of scikit-learn, which divides by k. For k = 1 it is 0.

    Examples
    --------
    >>> from sparsecnn.model_selection import sparsest_within_one_se
    >>> results = {
    ...     "mean_test_accuracy": [0.97, 0.96, 0.80],
    ...     "std_test_accuracy": [0.02, 0.02, 0.02],
    ...     "split0_test_accuracy": [0.99, 0.98, 0.82],
    ...     "split1_test_accuracy": [0.95, 0.94, 0.78],
    ...     "mean_test_sparsity": [0.5, 0.9, 0.99],
    ... }
    >>> sparsest_within_one_se(results)
    1
    """
    scores = _mean_scores(cv_results, "accuracy", accuracy)
    zeros = _mean_scores(cv_results, "sparsity", sparsity)
    best = int(scores.argmax())
    within = np.flatnonzero(scores >= scores[best] - standard_errors(cv_results, accuracy)[best])
    return int(max(within, key=lambda i: (zeros[i], scores[i])))


def _mean_scores(cv_results: Mapping[str, Any], argument: str, name: str) -> np.ndarray:
    """Return the mean test scores of the scorer `name`, -inf where it failed; or raise ValueError."""
    if f"mean_test_{name}" not in cv_results:
        known = [key.removeprefix("mean_test_") for key in cv_results if key.startswith("mean_test_")]
        raise ValueError(
            f"{argument}={name!r} must be a scorer of cv_results, which has {known}: search with "
            f"scoring={{{name!r}: ..., ...}}, or pass functools.partial(sparsest_within_one_se, "
            f"{argument}=...) as refit."
        )
    scores = np.asarray(cv_results[f"mean_test_{name}"], dtype=float)
    if np.isnan(scores).all():
        raise ValueError(
            f"cv_results[{f'mean_test_{name}'!r}] is NaN for every candidate: all of them failed."
        )
    return np.where(np.isnan(scores), -np.inf, scores)


def standard_errors(cv_results: Mapping[str, Any], name: str) -> np.ndarray:
    """Return the standard error of each candidate's mean score by the scorer `name`; 0 for one fold."""
    n_splits = sum(key.startswith("split") and key.endswith(f"_test_{name}") for key in cv_results)
    return np.asarray(cv_results[f"std_test_{name}"], dtype=float) / (math.sqrt(n_splits - 1) or np.inf)


def format_results(points: list[dict[str, float]], rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Return `cv_results_` from what each fold measured at each point."""
    results: dict[str, Any] = {"params": points}
    for name in points[0]:
        given = [point[name] for point in points]
        results[f"param_{name}"] = np.ma.array(given, mask=np.zeros(len(points), dtype=bool))
    for name in rows[0]:
        values = np.array([row[name] for row in rows])
        if name.startswith("test"):
            results |= {f"split{k}_{name}": value for k, value in enumerate(values)}
        results[f"mean_{name}"], results[f"std_{name}"] = values.mean(0), values.std(0)
    means = np.nan_to_num(results["mean_test_score"], nan=-np.inf)
    results["rank_test_score"] = rankdata(-means, method="min").astype(np.int32)
    return results
