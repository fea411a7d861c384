"""Scores of a path on one fold."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import clone
from sklearn.utils import _safe_indexing

from sparsecnn._checkpoint import Run
from sparsecnn._compute import clean_torch_state, shared_threads
from sparsecnn._estimator import SparseCurveCNNClassifier, check_training_data
from sparsecnn.model_selection._kept import KeptSearch
from sparsecnn.model_selection._tasks import Follow
from sparsecnn.model_selection._walk import walk_path


def score_with(scorer: Callable, fitted: Any, X: Any, y: ArrayLike, weight: ArrayLike | None) -> float:
    """Return the score of a fitted classifier; the scorer need not take weights where there are none."""
    return scorer(fitted, X, y) if weight is None else scorer(fitted, X, y, sample_weight=weight)


def score_path(
    estimator: SparseCurveCNNClassifier,
    scorer: Callable,
    points: list[dict[str, float]],
    X: Any,
    y: np.ndarray,
    weight: np.ndarray | None,
    kept: KeptSearch,
    train: np.ndarray,
    test: np.ndarray,
    name: str,
    follow: Follow,
) -> tuple[dict[str, Any], list[str]]:
    """Return scores, sparsities and seconds of every point on one fold, and a line for every dead layer."""
    with kept.open(name) as run:
        if run.result is None:
            result = _train_and_score(estimator, scorer, points, X, y, weight, train, test, run, follow)
            run.finish(result)
            return result
        row, lines = run.result
        return row, lines


def _train_and_score(
    estimator: SparseCurveCNNClassifier,
    scorer: Callable,
    points: list[dict[str, float]],
    X: Any,
    y: np.ndarray,
    weight: np.ndarray | None,
    train: np.ndarray,
    test: np.ndarray,
    run: Run,
    follow: Follow,
) -> tuple[dict[str, Any], list[str]]:
    start = time.perf_counter()
    estimator = clone(estimator)
    train_weight, test_weight = (None, None) if weight is None else (weight[train], weight[test])
    with shared_threads(), clean_torch_state():
        X_train, y_train = _safe_indexing(X, train), y[train]
        data = check_training_data(estimator, X_train, y_train, train_weight)
        tasks = follow and follow(X_train, y_train, train_weight)
        path = list(walk_path(estimator, data, points, run, tasks=tasks))
    fitted = time.perf_counter()
    X_test = _safe_indexing(X, test)
    try:
        scores = [score_with(scorer, network, X_test, y[test], test_weight) for network, _ in path]
    except (TypeError, ValueError) as error:
        raise ValueError(f"scoring by {scorer!r} fails: {error}") from error
    seconds = fitted - start, time.perf_counter() - fitted
    row = {
        "test_score": scores,
        "test_sparsity": [network.sparsity_ for network, _ in path],
        "fit_time": np.full(len(points), seconds[0] / len(points)),
        "score_time": np.full(len(points), seconds[1] / len(points)),
    }
    return row, [line for _, lines in path for line in lines]
