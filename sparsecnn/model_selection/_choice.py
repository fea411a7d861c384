"""Choose between sparsity and accuracy with scikit-learn's own searches."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

__all__ = ["sparsest_within_one_se", "sparsity_scorer"]


def sparsity_scorer(estimator: Any, X: ArrayLike | None = None, y: ArrayLike | None = None) -> float:
    """Return the sparsity of a fitted classifier, for ``scoring={"sparsity": sparsity_scorer, ...}``.

    Parameters
    ----------
    estimator : estimator
        A fitted `SparseCurveCNNClassifier`, or a pipeline or search that ends in one.
    X, y : ignored
        So that the function is a scorer.

    Returns
    -------
    sparsity : float
        Fraction of the penalised weights that are exactly zero.

    Raises
    ------
    TypeError
        If no fitted sparse classifier is found.

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
    found = estimator
    while not hasattr(found, "sparsity_"):
        if hasattr(found, "steps"):
            found = found.steps[-1][1]
        elif hasattr(found, "best_estimator_"):
            found = found.best_estimator_
        else:
            raise TypeError(f"sparsity_scorer needs a fitted SparseCurveCNNClassifier, got {estimator!r}.")
    return found.sparsity_


def sparsest_within_one_se(
    cv_results: Mapping[str, Any], *, accuracy: str = "accuracy", sparsity: str = "sparsity"
) -> int:
    """Pick the sparsest candidate whose score is within one standard error of the best: a ``refit`` callable.

    Parameters
    ----------
    cv_results : dict
        ``cv_results_`` of a scikit-learn search with several scorers.
    accuracy : str, default="accuracy"
        Name of the scorer that must not suffer. Bind another one with `functools.partial`.
    sparsity : str, default="sparsity"
        Name of the scorer to be made as large as that allows.

    Returns
    -------
    best_index : int
        Among equally sparse candidates, that of the best score.

    Raises
    ------
    ValueError
        If a scorer is missing, or every candidate failed.

    Notes
    -----
    The standard error is that of the best candidate's mean over the k folds, ``std / √(k - 1)`` with the
    ``std_test_score`` of scikit-learn, which divides by k. With one fold it is 0.

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
    for name in (accuracy, sparsity):
        if f"mean_test_{name}" not in cv_results:
            raise ValueError(
                f"cv_results has no scorer {name!r}: give the search scoring={{{name!r}: ..., ...}}, or "
                "bind another one's name: functools.partial(sparsest_within_one_se, accuracy=...)."
            )
    scores = np.asarray(cv_results[f"mean_test_{accuracy}"], dtype=float)
    zeros = np.asarray(cv_results[f"mean_test_{sparsity}"], dtype=float)
    if np.isnan(scores).all():
        raise ValueError("Every candidate failed: all mean test scores are NaN.")
    best = np.nanargmax(scores)
    error = standard_errors(cv_results, accuracy)[best]
    within = np.flatnonzero(scores >= scores[best] - error)
    return int(max(within, key=lambda i: (zeros[i], scores[i])))


def standard_errors(cv_results: Mapping[str, Any], name: str) -> np.ndarray:
    """Return the standard error of each candidate's mean score, from the scorer `name`; 0 with one fold."""
    n_splits = sum(key.startswith("split") and key.endswith(f"_test_{name}") for key in cv_results)
    return np.asarray(cv_results[f"std_test_{name}"], dtype=float) / (math.sqrt(n_splits - 1) or np.inf)
