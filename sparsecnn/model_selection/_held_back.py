"""Probabilities of images by classifiers that know none of their persons."""

from __future__ import annotations

from typing import Any

import numpy as np
from joblib import Parallel, delayed
from sklearn.base import clone
from sklearn.utils import _safe_indexing
from sklearn.utils.validation import _check_method_params

from sparsecnn.inference import proba_of
from sparsecnn.model_selection._screening_data import ScreeningData


def held_back_proba(estimator: Any, data: ScreeningData, n_jobs: int | None) -> np.ndarray:
    """Return the probability of the sought class for each image, by a clone fitted without its fold.

    Unlike in `cross_val_predict`, the labels stay as they are, so that `class_weight` can name them.
    """
    _check_folds(data)
    parts = Parallel(n_jobs=n_jobs)(
        delayed(_fit_and_predict)(estimator, data.X, data.y, data.sought, *fold, data.fit_params)
        for fold in data.folds
    )
    proba = np.empty(len(data.y))
    for (_, test), part in zip(data.folds, parts, strict=True):
        proba[test] = part
    return proba


def _fit_and_predict(
    estimator: Any,
    X: Any,
    y: np.ndarray,
    sought: Any,
    train: np.ndarray,
    test: np.ndarray,
    params: dict[str, Any],
) -> np.ndarray:
    fit_params = _check_method_params(X, params, train)
    fitted = clone(estimator).fit(_safe_indexing(X, train), y[train], **fit_params)
    return proba_of(fitted, _safe_indexing(X, test), sought)


def _check_folds(data: ScreeningData) -> None:
    """Raise ValueError unless each image is tested once, by a fit that knows both classes."""
    images = np.arange(len(data.y))
    times = np.bincount(np.concatenate([images[test] for _, test in data.folds]), minlength=len(images))
    if (times != 1).any():
        image = np.flatnonzero(times != 1)[0]
        raise ValueError(f"cv must test every image once, but tests image {image} {times[image]} times.")
    for k, (train, _) in enumerate(data.folds):
        known = np.unique(data.y[train])
        if len(known) < 2:
            raise ValueError(
                f"cv leaves images of class {known[0]!s} only to fit fold {k} with, expected both."
            )
