"""Thresholds, probabilities and sets of answers for persons, found on persons held back."""

from __future__ import annotations

from dataclasses import replace
from numbers import Integral, Real
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, ClassifierMixin, MetaEstimatorMixin, _fit_context, clone
from sklearn.utils import _safe_indexing, get_tags
from sklearn.utils._param_validation import HasMethods, Interval

from sparsecnn._estimator import all_or_nothing
from sparsecnn.inference import PersonImages, pick_images
from sparsecnn.model_selection._held_back import held_back_proba
from sparsecnn.model_selection._screening_data import ScreeningData, check_screening_data
from sparsecnn.model_selection._screening_prediction import ScreeningPredictionMixin, rows_of, see
from sparsecnn.model_selection._screening_rule import find_rule
from sparsecnn.model_selection._thresholds import share_with_interval


class ScreeningClassifier(ScreeningPredictionMixin, ClassifierMixin, MetaEstimatorMixin, BaseEstimator):
    """Judge persons by their images, with a threshold and probabilities found on persons held back.

    `fit` predicts the images of each fold of persons with a classifier that knows none of them, and averages
    the probabilities by person. On these it calibrates probabilities, finds a threshold and, with `coverage`,
    the range in which it cannot tell. Then it fits the classifier to all images.

    Parameters
    ----------
    estimator : classifier or Pipeline
        For two classes, with `predict_proba`. A :class:`~sklearn.frozen.FrozenEstimator` is not fitted: all
        persons of `fit` then serve for calibration, and guarantees are exact (see Notes).
    sensitivity : float, default=None
        Share of the sought persons to find, above 0 and at most 1. The threshold is the highest that does so
        among the persons held back. Without it and `specificity`, the threshold has the highest balanced
        accuracy if probabilities are calibrated: it is the share of the sought among the persons of `fit`.
    specificity : float, default=None
        Instead: share of the other persons to leave in peace. The threshold is the lowest that does so.
    confidence : float, default=None
        Between 0 and 1: choose the threshold so that, with this probability over the persons of `fit`, the
        share is reached among all people, not only among those held back.
    pos_label : int, float, bool or str, default=None
        The sought class. None is the second in sorted order.
    calibrate : bool, default=True
        Whether probabilities are corrected by Platt scaling of the logits, fitted to persons. False leaves
        them as they are.
    coverage : float, default=None
        Between 0 and 1: probability that the set of classes that `predict_persons` returns holds the right
        one, for the persons of either class. None makes no sets.
    cv : int, splitter or iterable of splits, default=5
        Folds. An integer gives stratified folds; if groups are passed to `fit`, no person is in two of them.
        None is 5.
    shift_level : float, default=0.01
        Level of `check_shift` below which `predict_persons` warns: the share of false alarms. For this, up to
        500 persons' images, at most 8 of each, are kept. None keeps none, and does not warn.
    n_jobs : int, default=None
        Number of folds to fit at a time. None is 1 unless in a ``joblib.parallel_config`` context; -1 is all
        cores.

    Attributes
    ----------
    estimator_ : classifier or Pipeline
        The classifier fitted to all images.
    classes_ : ndarray of shape (2,)
        The classes, sorted.
    threshold_ : float
        Who has at least this probability is predicted to be of the sought class. In the unit of
        `predict_proba`, so after calibration.
    sensitivity_, specificity_ : :class:`~sklearn.utils.Bunch`
        Share of the persons held back that the threshold judges rightly, `value`, with the ends `low` and
        `high` of its exact 95 % interval for `n_persons` (Clopper and Pearson).
    coverage_limits_ : tuple of two floats or None
        A person may be of the sought class from the first probability on, and of the other class up to the
        second. None without `coverage`.
    held_back_ : :class:`~sklearn.utils.Bunch`
        The persons held back, as `predict_persons` returns them: `groups`, `proba` of shape (n_groups, 2),
        `n_images`, and `target`.
    n_features_in_ : int
        Number of features, if the classifier has it.
    feature_names_in_ : ndarray of str
        Names of the features, if the classifier has them.

    See Also
    --------
    bootstrap_interval : Sensitivity and specificity on other persons, with their intervals.
    sklearn.calibration.CalibratedClassifierCV : Probabilities of images.
    sklearn.model_selection.TunedThresholdClassifierCV : A threshold for images, by any score.

    Notes
    -----
    Where the threshold judges k of the n persons held back of its class rightly, the share among all people
    has the distribution Beta(k, n + 1 - k), if new persons are drawn as these were: on average k / (n + 1),
    and at least `sensitivity` in a share `confidence` of all fits. `coverage` is such an average, by class:
    class-conditional conformal prediction [1]_, which needs coverage / (1 - coverage) persons of each class.

    Where the probabilities rank the persons held back no better than chance, `fit` warns. If the slope of the
    calibration is 0, everyone has the same probability: all are predicted to be sought to reach a
    `sensitivity`, none to reach a `specificity`, and with `coverage` both classes are possible.

    All this counts persons, each once, and is exact where one function gives the probabilities of the persons
    held back and of the new ones: with a `FrozenEstimator`. Else those of the former come from classifiers
    that were fitted to fewer persons.

    References
    ----------
    .. [1] V. Vovk, "Conditional validity of inductive conformal predictors", Machine Learning 92, 2013.

    Examples
    --------
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sparsecnn import CurveImageTransformer
    >>> from sparsecnn.datasets import make_shaky_drawings
    >>> from sparsecnn.model_selection import ScreeningClassifier
    >>> train = make_shaky_drawings(112, drawings="spiral", persons=28, random_state=0)
    >>> test = make_shaky_drawings(40, drawings="spiral", persons=range(28, 48), random_state=1)
    >>> ink = CurveImageTransformer((24, 24), unsteadiness=0.8)
    >>> linear = LogisticRegression(C=0.1, max_iter=1000)
    >>> screening = ScreeningClassifier(linear, sensitivity=0.9, coverage=0.8)
    >>> screening = screening.fit(ink.fit_transform(train.images), train.target, groups=train.groups)
    >>> screening.sensitivity_.value >= 0.9
    True
    >>> people = screening.predict_persons(ink.transform(test.images), test.groups)
    >>> people.prediction.shape, people.prediction_set.shape
    ((20,), (20, 2))
    """

    _parameter_constraints: ClassVar[dict] = {
        "estimator": [HasMethods(["fit", "predict_proba"])],
        "sensitivity": [Interval(Real, 0, 1, closed="right"), None],
        "specificity": [Interval(Real, 0, 1, closed="right"), None],
        "confidence": [Interval(Real, 0, 1, closed="neither"), None],
        "pos_label": [Real, str, "boolean", None],
        "calibrate": ["boolean"],
        "coverage": [Interval(Real, 0, 1, closed="neither"), None],
        "cv": ["cv_object"],
        "shift_level": [Interval(Real, 0, 1, closed="neither"), None],
        "n_jobs": [Integral, None],
    }

    def __init__(
        self,
        estimator: Any,
        *,
        sensitivity: float | None = None,
        specificity: float | None = None,
        confidence: float | None = None,
        pos_label: Any = None,
        calibrate: bool = True,
        coverage: float | None = None,
        cv: Any = 5,
        shift_level: float | None = 0.01,
        n_jobs: int | None = None,
    ):
        self.estimator = estimator
        self.sensitivity = sensitivity
        self.specificity = specificity
        self.confidence = confidence
        self.pos_label = pos_label
        self.calibrate = calibrate
        self.coverage = coverage
        self.cv = cv
        self.shift_level = shift_level
        self.n_jobs = n_jobs

    @_fit_context(prefer_skip_nested_validation=False)
    def fit(
        self,
        X: Any,
        y: ArrayLike,
        groups: ArrayLike | None = None,
        sample_weight: ArrayLike | None = None,
        **fit_params: Any,
    ) -> Self:
        """Find calibration and threshold on persons held back, and fit the classifier to all images.

        There are as many fits as folds, and one more.

        Parameters
        ----------
        X : array-like of shape (n, ...) or list of n files
            Images, as the classifier takes them.
        y : array-like of shape (n,)
            Labels of two classes, the same for all images of a person.
        groups : array-like of shape (n,), default=None
            The person of each image. None takes each image as one of another person, and warns. Groups go on
            to whatever splits images by group within the classifier: to steps of a Pipeline that have them as
            an argument of `fit`, and to folds of a search such as `GridSearchCV`, unless given in
            `fit_params`.
        sample_weight : array-like of shape (n,), default=None
            Weight of each image in fits of the classifier; a person's mean weight counts in calibration and
            in the balanced accuracy. Images of weight 0 are absent.
        **fit_params : dict
            Further arguments of the `fit` of the classifier, such as ``logisticregression__sample_weight``.
            Those with one entry for each image are divided as X is.

        Returns
        -------
        ScreeningClassifier
            The estimator itself.

        Raises
        ------
        ValueError
            If a parameter is out of its range or two exclude each other; if there are not two classes, a
            person has both, a class has fewer persons than there are folds, or too few for what `confidence`
            or `coverage` promise. The estimator is then as before.

        Warns
        -----
        GroupLeakWarning
            If `cv` is a splitter or a list of splits that has a person on both sides; if there are no groups;
            or if groups cannot reach what splits images within the classifier, such as a `GridSearchCV` whose
            `cv` knows none.
        UserWarning
            If the sought persons held back do not have higher probabilities than the others at the level 0.05
            of the test of Mann and Whitney: the threshold then says little of new persons.

        See Also
        --------
        predict_persons : Judges new persons.

        Examples
        --------
        >>> from sklearn.datasets import make_blobs
        >>> from sklearn.linear_model import LogisticRegression
        >>> from sparsecnn.model_selection import ScreeningClassifier
        >>> X, y = make_blobs(100, centers=2, random_state=1)
        >>> screening = ScreeningClassifier(LogisticRegression(), specificity=0.9)
        >>> screening.fit(X, y, groups=range(100)).specificity_.n_persons
        50
        """
        with all_or_nothing(self) as draft:
            draft._fit(check_screening_data(draft, X, y, groups, sample_weight, fit_params))
        return self

    def _fit(self, data: ScreeningData) -> None:
        """Set the fitted attributes."""
        proba = held_back_proba(self.estimator, data, self.n_jobs)
        self._rule, self.held_back_ = find_rule(self, data, proba)
        self.classes_, self.threshold_ = data.classes, self._rule.threshold
        self.coverage_limits_ = self._rule.limits
        sought = self.held_back_.target == data.sought
        right = self._rule.decide(self.held_back_.proba) == self.held_back_.target
        self.sensitivity_, self.specificity_ = (share_with_interval(right[of]) for of in (sought, ~sought))
        self.estimator_ = clone(self.estimator).fit(data.X, data.y, **data.fit_params)
        for name in ("n_features_in_", "feature_names_in_"):
            if hasattr(self.estimator_, name):
                setattr(self, name, getattr(self.estimator_, name))
        self._known_persons = None
        if self.shift_level is not None:
            present = np.flatnonzero(data.weight)
            numbers, images = pick_images(data.persons[present])
            features, _ = see(self.estimator_, _safe_indexing(data.X, present[images.ravel()]))
            is_upper = self._screen.is_upper(self.held_back_.proba)[numbers]
            picked = rows_of(features, np.arange(images.size))
            self._known_persons = PersonImages.of(picked, images, is_upper)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_class = False
        inner = get_tags(self.estimator).input_tags
        tags.input_tags = replace(inner, allow_nan=inner.allow_nan and self.shift_level is None)
        return tags
