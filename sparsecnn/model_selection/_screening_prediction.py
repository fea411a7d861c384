"""Predictions of a fitted screening, for images and for persons."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy.sparse import issparse
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import Pipeline
from sklearn.utils import Bunch, _safe_indexing
from sklearn.utils.validation import check_is_fitted

from sparsecnn._estimator import best_estimator
from sparsecnn._image_shape import PixelRows
from sparsecnn._pixels import blank_images
from sparsecnn.inference import PersonImages, Screen, ScreeningRule


class ScreeningPredictionMixin:
    """The methods of a screening that predict, by `estimator_` and what was found on persons held back."""

    estimator_: Any
    held_back_: Bunch
    shift_level: float | None
    _rule: ScreeningRule
    _known_persons: PersonImages | None

    def predict_proba(self, X: Any) -> np.ndarray:
        """Return the calibrated probabilities of single images.

        Each as the only image of a person: the calibration is fitted to means of persons.

        Parameters
        ----------
        X : array-like of shape (n, ...) or list of n files
            Images, as in `fit`.

        Returns
        -------
        ndarray of shape (n, 2)
            Probabilities of `classes_`.

        See Also
        --------
        predict_persons : The probabilities of persons.

        Examples
        --------
        >>> from sklearn.datasets import make_blobs
        >>> from sklearn.linear_model import LogisticRegression
        >>> from sparsecnn.model_selection import ScreeningClassifier
        >>> X, y = make_blobs(100, centers=2, random_state=1)
        >>> ScreeningClassifier(LogisticRegression()).fit(X, y, range(100)).predict_proba(X[:3]).shape
        (3, 2)
        """
        check_is_fitted(self)
        return self._rule.calibrated(self._rule.proba_of(self.estimator_, X))

    def predict(self, X: Any) -> np.ndarray:
        """Return the class of single images by the threshold for persons.

        Each as the only image of a person. The shares that the threshold reaches are shares of persons.

        Parameters
        ----------
        X : array-like of shape (n, ...) or list of n files
            Images, as in `fit`.

        Returns
        -------
        ndarray of shape (n,)
            Labels.

        See Also
        --------
        predict_persons : The classes of persons.

        Examples
        --------
        >>> from sklearn.datasets import make_blobs
        >>> from sklearn.linear_model import LogisticRegression
        >>> from sparsecnn.model_selection import ScreeningClassifier
        >>> X, y = make_blobs(100, centers=2, random_state=1)
        >>> screening = ScreeningClassifier(LogisticRegression()).fit(X, y, range(100))
        >>> screening.predict(X[:3]).tolist() == y[:3].tolist()
        True
        """
        proba = self.predict_proba(X)  # first, since it says if nothing is fitted
        return self._rule.decide(proba)

    def predict_persons(self, X: Any, groups: ArrayLike) -> Bunch:
        """Judge persons by the mean probability of their images.

        The images are also compared with those of `fit`, unless `shift_level` is None.

        Parameters
        ----------
        X : array-like of shape (n, ...) or list of n files
            Images, as in `fit`.
        groups : array-like of shape (n,)
            The person of each image.

        Returns
        -------
        :class:`~sklearn.utils.Bunch`
            With the attributes

            groups : ndarray of shape (n_groups,)
                The persons, sorted.
            proba : ndarray of shape (n_groups, 2)
                Calibrated probabilities of `classes_`.
            prediction : ndarray of shape (n_groups,)
                Label of each person.
            prediction_set : ndarray of bool of shape (n_groups, 2) or None
                Which of `classes_` are possible, by `coverage`. Two or none: cannot tell. Two of a person
                all of whose images are blank.
            n_images : ndarray of int of shape (n_groups,)
                Number of images of each person.
            shift : :class:`~sklearn.utils.Bunch` or None
                What `check_shift` returns; None without `shift_level`.

        Raises
        ------
        ValueError
            If `groups` is not one label for each image.

        Warns
        -----
        ShiftWarning
            If the p value of `check_shift` is below `shift_level`.
        UserWarning
            If all images of a person are blank, so that nothing is known of them. That shows in images from a
            `CurveImageTransformer`, in those that a network of this package sees, and in X of shape
            (n, height, width).

        See Also
        --------
        average_by_group : The means, with known labels.

        Examples
        --------
        >>> from sklearn.datasets import make_blobs
        >>> from sklearn.linear_model import LogisticRegression
        >>> from sparsecnn.model_selection import ScreeningClassifier
        >>> X, y = make_blobs(100, centers=2, random_state=1)
        >>> screening = ScreeningClassifier(LogisticRegression(), coverage=0.9).fit(X[:80], y[:80], range(80))
        >>> people = screening.predict_persons(X[80:], groups=range(20))
        >>> people.prediction.tolist() == y[80:].tolist(), people.n_images.tolist()[:3]
        (True, [1, 1, 1])
        """
        check_is_fitted(self)
        features, last = see(self.estimator_, X)
        proba = self._rule.proba_of(last, features)
        blank = blank_images(np.asarray(features)) if are_pixels(features, last) else None
        return self._screen.judge(proba, groups, partial(rows_of, features), self.shift_level, blank)

    def check_shift(self, X: Any, groups: ArrayLike) -> Bunch:
        """Test whether images of new persons look like those of `fit`.

        The energy distance between the mean images of persons, tested by 999 permutations of persons. Images
        are what the last step of a pipeline gets, with equally many, at most 8, of each person. Persons whose
        probability is above the median of those held back are compared with such persons, and the others
        with others, so that another mix of the classes is no shift.

        Parameters
        ----------
        X : array-like of shape (n, ...) or list of n files
            Images, as in `fit`.
        groups : array-like of shape (n,)
            The person of each image.

        Returns
        -------
        :class:`~sklearn.utils.Bunch`
            With the attributes

            distance : float
                Energy distance as a part of the distances between persons of both: about 0 for the same
                images, 1 for images far from each other.
            p_value : float
                Share of the permutations with as great a distance, from 0.001 to 1. One new person among n of
                the same half of the probabilities cannot have less than 1 / (n + 1).

        Raises
        ------
        AttributeError
            If `shift_level` was None in `fit`.
        ValueError
            If `groups` is not one label for each image, or an image has missing values.

        See Also
        --------
        predict_persons : Warns if the p value is below `shift_level`.

        References
        ----------
        G. J. Székely and M. L. Rizzo, "Energy statistics: a class of statistics based on distances", Journal
        of Statistical Planning and Inference 143, 2013.

        Examples
        --------
        >>> from sklearn.datasets import make_blobs
        >>> from sklearn.linear_model import LogisticRegression
        >>> from sparsecnn.model_selection import ScreeningClassifier
        >>> X, y = make_blobs(100, centers=2, random_state=1)
        >>> screening = ScreeningClassifier(LogisticRegression()).fit(X[:80], y[:80], range(80))
        >>> screening.check_shift(X[80:] + 10, groups=range(20)).p_value
        0.001
        """
        check_is_fitted(self)
        features, last = see(self.estimator_, X)
        return self._screen.check_shift(
            self._rule.proba_of(last, features), groups, partial(rows_of, features)
        )

    @property
    def _screen(self) -> Screen:
        middle = float(np.median(self.held_back_.proba[:, 1]))
        return Screen(self._rule, middle, self._known_persons, Bunch)


def see(fitted: Any, X: Any) -> tuple[Any, Any]:
    """Return what the last step of a pipeline gets of X, and that step; else X and the classifier."""
    fitted = best_estimator(fitted)
    if isinstance(fitted, FrozenEstimator):
        return see(fitted.estimator, X)
    if isinstance(fitted, Pipeline) and len(fitted) > 1:
        return fitted[:-1].transform(X), fitted[-1]
    return X, fitted


def are_pixels(features: Any, last: Any) -> bool:
    """Return whether the last step of a pipeline gets images: by their layout, or because it is a network."""
    return isinstance(features, PixelRows) or hasattr(last, "image_shape_") or np.ndim(features) > 2


def rows_of(features: Any, rows: np.ndarray) -> Any:
    """Return rows of features, of sparse ones as an array."""
    taken = _safe_indexing(features, rows)
    return taken.toarray() if issparse(taken) else taken
