"""A classifier that chooses its own sparsity by cross-validation."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable
from itertools import chain
from numbers import Integral, Real
from typing import Any, ClassVar, Self

import numpy as np
from joblib import Parallel, delayed
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, ClassifierMixin, MetaEstimatorMixin, _fit_context
from sklearn.metrics import check_scoring, get_scorer_names
from sklearn.utils import indexable
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils._repr_html.estimator import _VisualBlock
from sklearn.utils.validation import check_is_fitted, column_or_1d

from sparsecnn._compute import gathered
from sparsecnn._estimator import (
    CallbackSupportMixin,
    PredictionMixin,
    SparseCurveCNNClassifier,
    all_or_nothing,
    called_repeatedly,
    check_training_data,
    warn_of_dead_layers,
)
from sparsecnn.model_selection._choice import format_results, sparsest_within_one_se
from sparsecnn.model_selection._fold import score_path, score_with
from sparsecnn.model_selection._folds import make_folds
from sparsecnn.model_selection._groups import warn_of_shared_groups
from sparsecnn.model_selection._kept import LAST, keep_search
from sparsecnn.model_selection._sparsity_path import path_start, target_points
from sparsecnn.model_selection._tasks import SearchTasks
from sparsecnn.model_selection._walk import path_identity, reach_points


class SparseCurveCNNClassifierCV(
    CallbackSupportMixin, PredictionMixin, ClassifierMixin, MetaEstimatorMixin, BaseEstimator
):
    """Classify curve images with a network as sparse as its accuracy allows, found by cross-validation.

    Each fold trains one path from dense to very sparse (see `sparsity_path`). The sparsest point whose mean
    score is within one standard error of the best is chosen, and the same path is trained on all images, up
    to that point.

    Parameters
    ----------
    estimator : SparseCurveCNNClassifier, default=None
        Classifier to fit; its `lam`, `early_stopping` and the target that the points give are not used. None
        is ``SparseCurveCNNClassifier()``.
    sparsities : int or array-like of floats, default=20
        Points of the path: their number, or fractions of zeros, ascending, from 0 to below 1.
    macs : array-like of floats, default=None
        Instead of `sparsities`, for penalties of groups: values of `target_macs`, descending, from at most 1.
    cv : int, splitter or iterable of splits, default=None
        Folds. None is 5. An integer gives stratified folds; if groups are passed to `fit`, no group is in
        two of them.
    scoring : str or callable, default=None
        Scorer, as scikit-learn names it; None is accuracy.
    n_jobs : int, default=None
        Number of folds to train at a time. None is 1 unless in a ``joblib.parallel_config`` context; -1 is
        all cores.
    checkpoint : path-like, default=None
        Folder that keeps what every fold and the last path have reached, so that a killed search goes on
        where it was, bit for bit but for the times; it is made if it is missing. None keeps nothing.
    checkpoint_every : float or str, default=1
        Epochs between two checkpoints, or a time such as "30s" or "10min".
    resume : {"auto", True, False}, default="auto"
        Whether `fit` goes on from the checkpoint: "auto" if there is one, True only if there is one. False
        begins anew, and replaces it. The checkpoint of other data or parameters is refused.

    Attributes
    ----------
    best_estimator_ : SparseCurveCNNClassifier
        The chosen point of the path on all images. `predict` and the other methods are its own, and so is
        every fitted attribute that is not listed here, such as ``classes_``, ``module_`` or ``sparsity_``.
    best_params_ : dict
        ``{"target_sparsity": ...}``, or with `macs` ``{"target_macs": ...}``, of the chosen point. If the
        path on all images was interrupted, that of the last finished point.
    best_index_ : int
        Row of that point in `cv_results_`.
    best_score_ : float
        Its mean score over the folds.
    cv_results_ : dict of ndarrays
        As that of `GridSearchCV`, with one row for each point: "params", "param_target_sparsity" or the like,
        "split0_test_score", ..., "mean_test_score", "std_test_score", "rank_test_score", the same of
        "sparsity" without a rank, and the times; those of a fold are divided evenly among its points.
    n_splits_ : int
        Number of folds; those of all processes, where one fit has several.
    scorer_ : callable
        The scorer of `scoring`.

    See Also
    --------
    sparsecnn.inspection.SparsityPathDisplay : Draws `cv_results_`.
    sparsecnn.model_selection.sparsest_within_one_se : The rule of choice, for `GridSearchCV`.

    Examples
    --------
    >>> from sparsecnn import SparseCurveCNNClassifier, SparseCurveCNNClassifierCV
    >>> from sparsecnn.datasets import make_shaky_spirals
    >>> spirals = make_shaky_spirals(200, image_shape=(32, 32), random_state=0)
    >>> quick = SparseCurveCNNClassifier(channels=(4, 8, 8), max_iter=6, finetune_iter=2, random_state=0)
    >>> search = SparseCurveCNNClassifierCV(quick, sparsities=[0, 0.5, 0.9], cv=2)
    >>> search.fit(spirals.data, spirals.target, groups=spirals.groups).cv_results_["mean_test_score"].shape
    (3,)
    """

    _parameter_constraints: ClassVar[dict] = {
        "estimator": [SparseCurveCNNClassifier, None],
        "sparsities": [Interval(Integral, 2, None, closed="left"), "array-like"],
        "macs": ["array-like", None],
        "cv": ["cv_object"],
        "scoring": [StrOptions(set(get_scorer_names())), callable, None],
        "n_jobs": [Integral, None],
        "checkpoint": [str, os.PathLike, None],
        "checkpoint_every": [Interval(Real, 0, None, closed="neither"), str],
        "resume": ["boolean", StrOptions({"auto"})],
    }

    def __init__(
        self,
        estimator: SparseCurveCNNClassifier | None = None,
        *,
        sparsities: int | ArrayLike = 20,
        macs: ArrayLike | None = None,
        cv: Any = None,
        scoring: str | Callable | None = None,
        n_jobs: int | None = None,
        checkpoint: str | os.PathLike[str] | None = None,
        checkpoint_every: float | str = 1,
        resume: bool | str = "auto",
    ):
        self.estimator = estimator
        self.sparsities = sparsities
        self.macs = macs
        self.cv = cv
        self.scoring = scoring
        self.n_jobs = n_jobs
        self.checkpoint = checkpoint
        self.checkpoint_every = checkpoint_every
        self.resume = resume

    @_fit_context(prefer_skip_nested_validation=False)
    def fit(
        self,
        X: ArrayLike,
        y: ArrayLike,
        groups: ArrayLike | None = None,
        sample_weight: ArrayLike | None = None,
    ) -> Self:
        """Cross-validate a path, choose a sparsity, and train the path up to it on all images.

        Every fold trains one path, not one network for each sparsity. With a `checkpoint`, a search that was
        killed goes on where it was.

        Parameters
        ----------
        X : array-like of shape (n, pixels) or (n, height, width)
            Images, ink bright on black.
        y : array-like of shape (n,)
            Labels of any type.
        groups : array-like of shape (n,), default=None
            Person, font or other source of each image, for folds that share none.
        sample_weight : array-like of shape (n,), default=None
            Weight of each image in training and in the scores of the folds.

        Returns
        -------
        SparseCurveCNNClassifierCV
            The estimator itself.

        Raises
        ------
        ValueError
            If a parameter or the data is unusable, or the checkpoint is of another search. The estimator is
            then as before.
        FileFormatError
            If a file of the checkpoint is damaged, or no checkpoint.
        OSError
            If the checkpoint cannot be written, or another process searches with it.

        Warns
        -----
        DeadLayerWarning
            If all penalised weights of a layer became zero at a point of a path: one warning for all.
        GroupLeakWarning
            If `cv` is a splitter or a list of splits that has a group on both sides.
        TrainingInterruptedWarning
            If the path on all images was interrupted from the keyboard; its last finished point is kept.
            Within another search the interrupt is raised instead.

        See Also
        --------
        sparsecnn.inspection.SparsityPathDisplay : Draws the scores and the choice.

        Examples
        --------
        >>> from sparsecnn import SparseCurveCNNClassifier, SparseCurveCNNClassifierCV
        >>> from sparsecnn.datasets import make_shaky_spirals
        >>> X, y = make_shaky_spirals(40, image_shape=(32, 32), return_X_y=True, random_state=0)
        >>> quick = SparseCurveCNNClassifier(channels=(4, 4, 4), max_iter=2, finetune_iter=1, random_state=0)
        >>> SparseCurveCNNClassifierCV(quick, sparsities=[0, 0.5], cv=2).fit(X, y).n_splits_
        2
        """
        keep_interrupted = not called_repeatedly()
        tasks = SearchTasks(self, X, y, sample_weight)
        with all_or_nothing(self) as draft:
            dead = draft._search(X, y, groups, sample_weight, keep_interrupted, tasks)
            tasks.end(vars(draft))
        warn_of_dead_layers(dead)
        return self

    def _search(
        self,
        X: ArrayLike,
        y: ArrayLike,
        groups: ArrayLike | None,
        sample_weight: ArrayLike | None,
        keep_interrupted: bool,
        tasks: SearchTasks,
    ) -> list[str]:
        """Set the fitted attributes, and return a line for every dead layer."""
        estimator = path_start(self.estimator, self.macs)
        data = check_training_data(estimator, X, y, sample_weight, groups)
        points = target_points(estimator, data, self.sparsities, self.macs)
        # A cluster may hold this array, by its identity.
        labels = y if isinstance(y, np.ndarray) and y.ndim == 1 else column_or_1d(y)
        X, labels = indexable(X, labels)
        weight = None if sample_weight is None else np.asarray(sample_weight)
        folds = self._folds(X, labels, groups)
        warn_of_shared_groups(folds, groups)
        self.scorer_ = check_scoring(estimator, self.scoring)
        given = {"X": X, "y": y, "sample_weight": sample_weight, "groups": groups, "cv": folds}
        kept = keep_search(
            self.checkpoint,
            self.checkpoint_every,
            self.resume,
            self.n_jobs,
            lambda: path_identity(estimator, points, given, scoring=self.scoring),
        )
        with kept.open(LAST) as run:
            score_fold = functools.partial(
                score_path, estimator, self.scorer_, points, X, labels, weight, kept
            )
            with tasks.folds(len(folds)) as follows:
                reports = Parallel(n_jobs=self.n_jobs)(
                    delayed(score_fold)(train, test, f"fold{k}", follow)
                    for k, ((train, test), follow) in enumerate(zip(folds, follows, strict=True))
                )
            reports = list(chain(*gathered(reports)))
            rows = [row for row, _ in reports]
            self.n_splits_ = len(rows)
            self.cv_results_ = format_results(points, rows)
            best = sparsest_within_one_se(self.cv_results_, accuracy="score")
            chosen = self.cv_results_["params"][: best + 1]
            reached, dead = reach_points(
                estimator, data, chosen, run, len(points), keep_interrupted, tasks.last_path()
            )
        self.best_estimator_ = reached[-1]
        self.best_index_ = len(reached) - 1
        self.best_params_ = self.cv_results_["params"][self.best_index_]
        self.best_score_ = self.cv_results_["mean_test_score"][self.best_index_]
        return dead + [line for _, lines in reports for line in lines]

    def score(self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> float:
        """Return the score of the predictions for X by `scoring`.

        For images that took no part in the search: `best_score_` is of the folds that made the choice.

        Parameters
        ----------
        X : array-like of shape (n, pixels) or (n, height, width)
            Images, ink bright on black.
        y : array-like of shape (n,)
            True labels.
        sample_weight : array-like of shape (n,), default=None
            Weight of each image, if the scorer takes weights.

        Returns
        -------
        float
            By `scoring`; larger is better.

        See Also
        --------
        predict : The predictions of the chosen network.

        Examples
        --------
        >>> from sparsecnn import SparseCurveCNNClassifier, SparseCurveCNNClassifierCV
        >>> from sparsecnn.datasets import make_shaky_spirals
        >>> X, y = make_shaky_spirals(60, image_shape=(32, 32), return_X_y=True, random_state=0)
        >>> quick = SparseCurveCNNClassifier(channels=(4, 4, 4), max_iter=2, finetune_iter=1, random_state=0)
        >>> search = SparseCurveCNNClassifierCV(quick, sparsities=[0, 0.5], cv=2).fit(X[:40], y[:40])
        >>> 0 <= search.score(X[40:], y[40:]) <= 1
        True
        """
        check_is_fitted(self)
        return score_with(self.scorer_, self.best_estimator_, X, y, sample_weight)

    def __getattr__(self, name: str) -> Any:
        # Fitted attributes of the chosen classifier; called only for names that are not found.
        best = vars(self).get("best_estimator_")
        if best is not None and name.endswith("_") and not name.startswith("_"):
            return getattr(best, name)
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

    def _scores(self, X: ArrayLike, finish: Callable[[np.ndarray], np.ndarray] = np.asarray) -> np.ndarray:
        check_is_fitted(self)
        return self.best_estimator_._scores(X, finish)

    def _folds(self, X: Any, y: np.ndarray, groups: ArrayLike | None) -> list[tuple]:
        folds = make_folds(5 if self.cv is None else self.cv, X, y, groups)
        n_folds = gathered(len(folds))
        if len(set(n_folds)) > 1:
            raise ValueError(f"cv must make as many folds in every process of this fit, got {n_folds}.")
        return folds

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        return tags

    def _sk_visual_block_(self) -> Any:
        # As GridSearchCV draws itself: around its estimator, or once fitted the chosen one.
        best = vars(self).get("best_estimator_")
        shown = best or self.estimator or SparseCurveCNNClassifier()
        name = f"{'estimator' if best is None else 'best_estimator_'}: {type(shown).__name__}"
        return _VisualBlock("parallel", [shown], names=[name], name_details=[str(shown)])
