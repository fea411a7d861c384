"""A classifier that chooses its own sparsity by cross-validation."""

from __future__ import annotations

import time
from collections.abc import Callable
from itertools import chain
from numbers import Integral
from typing import Any, ClassVar, Self

import numpy as np
from joblib import Parallel, delayed
from numpy.typing import ArrayLike
from scipy.stats import rankdata
from sklearn.base import BaseEstimator, ClassifierMixin, MetaEstimatorMixin, _fit_context, clone
from sklearn.metrics import check_scoring, get_scorer_names
from sklearn.model_selection import StratifiedGroupKFold, check_cv
from sklearn.utils import _safe_indexing, indexable
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import check_is_fitted, column_or_1d

from sparsecnn._compute import gathered
from sparsecnn._estimator import SparseCurveCNNClassifier
from sparsecnn._estimator.prediction import PredictionMixin
from sparsecnn._estimator.validation import all_or_nothing
from sparsecnn.model_selection._choice import sparsest_within_one_se
from sparsecnn.model_selection._groups import warn_of_shared_groups
from sparsecnn.model_selection._sparsity_path import path_start, reach_points, target_sparsities, walk_path

_TAKEN_OVER = ("classes_", "n_features_in_", "feature_names_in_", "image_shape_", "module_", "sparsity_")


class SparseCurveCNNClassifierCV(PredictionMixin, ClassifierMixin, MetaEstimatorMixin, BaseEstimator):
    """Classify curve images with a network as sparse as its accuracy allows, found by cross-validation.

    On each fold one path is trained from dense to very sparse (see `sparsity_path`). The sparsest point whose
    mean score is within one standard error of the best is chosen, and the same path is trained on all images,
    up to that point.

    Parameters
    ----------
    estimator : SparseCurveCNNClassifier, default=None
        What to fit; its `lam`, `target_sparsity` and `early_stopping` are not used. None is
        ``SparseCurveCNNClassifier()``.
    sparsities : int or array-like of floats, default=20
        Points of the path: how many, or the wanted fractions of zeros, ascending, from 0 to below 1.
    cv : int, splitter or iterable of splits, default=None
        Folds. None is 5. So many folds are stratified, and where groups are passed to `fit`, no group is in
        two of them.
    scoring : str or callable, default=None
        Scorer, as scikit-learn names it; None is accuracy.
    n_jobs : int, default=None
        Folds to train at a time. None is 1 unless in a ``joblib.parallel_config`` context, -1 all cores.

    Attributes
    ----------
    best_estimator_ : SparseCurveCNNClassifier
        That point of the path on all images. `predict` and the other methods are its own.
    best_params_ : dict
        ``{"target_sparsity": ...}``, the choice.
    best_index_ : int
        Its place in `cv_results_`.
    best_score_ : float
        Its mean score over the folds.
    cv_results_ : dict of ndarrays
        As that of `GridSearchCV`, with one row for each point: "params", "param_target_sparsity",
        "split0_test_score", ..., "mean_test_score", "std_test_score", "rank_test_score", the like of
        "sparsity" without a rank, and the times, those of a fold shared evenly among its points.
    classes_ : ndarray of shape (n_classes,)
    n_features_in_ : int
        Pixels of an image.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Defined only where X had column names.
    image_shape_ : tuple of two ints
        (height, width) of an image.
    module_ : torch.nn.Module
        The sparse network of `best_estimator_`.
    sparsity_ : float
        Fraction of its penalised weights that are exactly zero.
    n_splits_ : int
        Number of folds; those of all processes, where one fit has several.
    scorer_ : callable
        What `scoring` stands for.

    See Also
    --------
    sparsecnn.inspection.SparsityPathDisplay : Draws `cv_results_`.
    sparsest_within_one_se : The rule of choice, for `GridSearchCV`.

    Examples
    --------
    >>> from sparsecnn import SparseCurveCNNClassifier, SparseCurveCNNClassifierCV
    >>> from sparsecnn.datasets import make_shaky_spirals
    >>> spirals = make_shaky_spirals(200, image_shape=(32, 32), random_state=0)
    >>> quick = SparseCurveCNNClassifier(channels=(4, 8, 8), max_iter=6, refine_iter=2, random_state=0)
    >>> search = SparseCurveCNNClassifierCV(quick, sparsities=[0, 0.5, 0.9], cv=2)
    >>> search.fit(spirals.data, spirals.target, groups=spirals.groups).cv_results_["mean_test_score"].shape
    (3,)
    """

    _parameter_constraints: ClassVar[dict] = {
        "estimator": [SparseCurveCNNClassifier, None],
        "sparsities": [Interval(Integral, 2, None, closed="left"), "array-like"],
        "cv": ["cv_object"],
        "scoring": [StrOptions(set(get_scorer_names())), callable, None],
        "n_jobs": [Integral, None],
    }

    def __init__(
        self,
        estimator: SparseCurveCNNClassifier | None = None,
        *,
        sparsities: int | ArrayLike = 20,
        cv: Any = None,
        scoring: str | Callable | None = None,
        n_jobs: int | None = None,
    ):
        self.estimator = estimator
        self.sparsities = sparsities
        self.cv = cv
        self.scoring = scoring
        self.n_jobs = n_jobs

    @_fit_context(prefer_skip_nested_validation=False)
    def fit(self, X: ArrayLike, y: ArrayLike, groups: ArrayLike | None = None) -> Self:
        """Cross-validate a path, choose a sparsity, and walk the path to it on all images.

        Parameters
        ----------
        X : array-like of shape (n, pixels) or (n, height, width)
            Images, ink bright on black.
        y : array-like of shape (n,)
            Labels of any type.
        groups : array-like of shape (n,), default=None
            The person, font or other source of each image, for folds that share none.

        Returns
        -------
        self : SparseCurveCNNClassifierCV

        Raises
        ------
        ValueError
            If a parameter or the data is unusable. The estimator is then as before.

        Warns
        -----
        GroupLeakWarning
            If `cv` is a splitter or a list of splits that has a group on both sides.
        TrainingInterruptedWarning
            If the path on all images was interrupted from the keyboard; its last finished point is kept.
        """
        estimator = path_start(self.estimator)
        images, _ = estimator._check_training_data(X, y, None, groups, reset=True)
        points = target_sparsities(estimator, images, self.sparsities)
        X, y = indexable(X, column_or_1d(y))
        folds = self._folds(X, y, groups)
        warn_of_shared_groups(folds, groups, stacklevel=4)
        scorer = check_scoring(estimator, self.scoring)
        rows = Parallel(n_jobs=self.n_jobs)(
            delayed(_score_path)(estimator, scorer, points, X, y, train, test) for train, test in folds
        )
        rows = list(chain(*gathered(rows)))
        with all_or_nothing(self):
            for name in _TAKEN_OVER:
                self.__dict__.pop(name, None)
            self.n_splits_, self.scorer_ = len(rows), scorer
            self.cv_results_ = _format_results(points, rows)
            self.best_index_ = sparsest_within_one_se(self.cv_results_, accuracy="score")
            self.best_params_ = self.cv_results_["params"][self.best_index_]
            self.best_score_ = self.cv_results_["mean_test_score"][self.best_index_]
            chosen = self.cv_results_["params"][: self.best_index_ + 1]
            self.best_estimator_ = reach_points(estimator, images, chosen, len(points), stacklevel=4)[-1]
            for name in _TAKEN_OVER:
                if hasattr(self.best_estimator_, name):
                    setattr(self, name, getattr(self.best_estimator_, name))
        return self

    def score(self, X: ArrayLike, y: ArrayLike) -> float:
        """Return the score of the predictions for X by `scoring`.

        Parameters
        ----------
        X : array-like of shape (n, pixels) or (n, height, width)
        y : array-like of shape (n,)

        Returns
        -------
        score : float
        """
        fitted = self._fitted()
        return self.scorer_(fitted, X, y)

    def _scores(self, X, finish=np.asarray):
        return self._fitted()._scores(X, finish)

    def _fitted(self):
        check_is_fitted(self)
        return self.best_estimator_

    def _folds(self, X, y, groups):
        cv = 5 if self.cv is None else self.cv
        if groups is not None and isinstance(cv, Integral):
            cv = StratifiedGroupKFold(cv)
        folds = list(check_cv(cv, y, classifier=True).split(X, y, groups))
        n_folds = gathered(len(folds))
        if len(set(n_folds)) > 1:
            raise ValueError(f"cv must make as many folds in every process of this fit, got {n_folds}.")
        return folds

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        return tags


def _score_path(estimator, scorer, points, X, y, train, test):
    """Return scores, sparsities and the seconds for fitting and scoring, of every point on one fold."""
    start = time.perf_counter()
    estimator = clone(estimator)
    images, _ = estimator._check_training_data(_safe_indexing(X, train), y[train], None, None, reset=True)
    path = list(walk_path(estimator, images, [{"target_sparsity": point} for point in points]))
    fitted = time.perf_counter()
    X_test = _safe_indexing(X, test)
    scores = [scorer(network, X_test, y[test]) for network in path]
    seconds = fitted - start, time.perf_counter() - fitted
    return {
        "test_score": scores,
        "test_sparsity": [network.sparsity_ for network in path],
        "fit_time": np.full(len(points), seconds[0] / len(points)),
        "score_time": np.full(len(points), seconds[1] / len(points)),
    }


def _format_results(points, rows):
    """Return `cv_results_` from what each fold measured at each point."""
    results = {"params": [{"target_sparsity": point} for point in points]}
    results["param_target_sparsity"] = np.ma.array(points, mask=np.zeros(len(points), dtype=bool))
    for name in rows[0]:
        values = np.array([row[name] for row in rows])
        if name.startswith("test"):
            results |= {f"split{k}_{name}": value for k, value in enumerate(values)}
        results[f"mean_{name}"], results[f"std_{name}"] = values.mean(0), values.std(0)
    means = np.nan_to_num(results["mean_test_score"], nan=-np.inf)
    results["rank_test_score"] = rankdata(-means, method="min").astype(np.int32)
    return results
