"""Screenings that need nothing but numpy."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
from numpy.typing import ArrayLike

from sparsecnn._pixels import blank_images
from sparsecnn.inference._classifier import NumpyClassifier
from sparsecnn.inference._records import SavedScreening
from sparsecnn.inference._screen import Screen


class NumpyScreening:
    """A fitted screening that judges persons with numpy alone.

    `load` and `sparsecnn.export.to_numpy` make it.

    Parameters
    ----------
    saved : SavedScreening
        What a file says of the screening.
    estimator : NumpyClassifier
        Its classifier.

    Attributes
    ----------
    estimator_ : NumpyClassifier
        The classifier, which knows neither calibration nor threshold.
    classes_ : ndarray of shape (2,)
        The classes, sorted.
    pos_label_ : int, float, bool or str
        The sought class.
    threshold_ : float
        Who has at least this probability is predicted to be of the sought class.
    sensitivity_, specificity_ : SimpleNamespace
        Share of the persons held back that the threshold judges rightly, `value`, with the ends `low` and
        `high` of its exact 95 % interval for `n_persons`.
    coverage_limits_ : tuple of two floats or None
        A person may be of the sought class from the first probability on, and of the other class up to the
        second. None without `coverage`.
    shift_level : float or None
        Level of `check_shift` below which `predict_persons` warns.
    transformer_ : dict or None
        Parameters, other than the defaults, of the `CurveImageTransformer` that makes its images; None if it
        was saved without one.

    See Also
    --------
    load : Reads a saved file.
    sparsecnn.model_selection.ScreeningClassifier : What is saved.

    Examples
    --------
    >>> from sparsecnn import SparseCurveCNNClassifier
    >>> from sparsecnn.datasets import make_shaky_spirals
    >>> from sparsecnn.export import to_numpy
    >>> from sparsecnn.model_selection import ScreeningClassifier
    >>> spirals = make_shaky_spirals(80, image_shape=(32, 32), random_state=0)
    >>> quick = SparseCurveCNNClassifier(channels=(4, 8, 8), max_iter=6, finetune_iter=2, random_state=0)
    >>> screening = ScreeningClassifier(quick, cv=2).fit(spirals.data, spirals.target, groups=spirals.groups)
    >>> people = to_numpy(screening).predict_persons(spirals.data, spirals.groups)
    >>> same = screening.predict_persons(spirals.data, spirals.groups)
    >>> bool(abs(people.proba - same.proba).max() < 1e-4), people.shift.p_value == same.shift.p_value
    (True, True)
    """

    def __init__(self, saved: SavedScreening, estimator: NumpyClassifier):
        self.estimator_ = estimator
        self.transformer_ = estimator.transformer_
        self.shift_level = saved.shift_level
        self._rule = rule = saved.rule
        self.classes_, self.threshold_, self.coverage_limits_ = rule.classes, rule.threshold, rule.limits
        self.pos_label_ = rule.classes.tolist()[rule.column]
        self.sensitivity_, self.specificity_ = (SimpleNamespace(**share) for share in saved.shares)
        self._screen = Screen(rule, float(np.median(saved.proba[:, 1])), saved.known, SimpleNamespace)

    def predict_proba(self, X: ArrayLike) -> np.ndarray:
        """Return the calibrated probabilities of single images.

        Each as the only image of a person: the calibration is fitted to means of persons.

        Parameters
        ----------
        X : array-like of shape (n, pixels), (n, height, width) or (n, channels, height, width)
            Images, ink bright on black, as the network was trained on.

        Returns
        -------
        ndarray of shape (n, 2)
            Probabilities of `classes_`, those of the screening that was saved, but for rounding.

        Raises
        ------
        ValueError
            If X is of another shape, or holds anything but finite numbers.

        Warns
        -----
        UserWarning
            If X has another range or background than the images trained on.

        See Also
        --------
        predict_persons : The probabilities of persons.

        Examples
        --------
        >>> from sparsecnn import SparseCurveCNNClassifier
        >>> from sparsecnn.datasets import make_shaky_spirals
        >>> from sparsecnn.export import to_numpy
        >>> from sparsecnn.model_selection import ScreeningClassifier
        >>> X, y = make_shaky_spirals(24, image_shape=(32, 32), return_X_y=True, random_state=0)
        >>> quick = SparseCurveCNNClassifier(channels=(4, 4, 4), max_iter=2, finetune_iter=1, random_state=0)
        >>> to_numpy(ScreeningClassifier(quick, cv=2).fit(X, y, range(24))).predict_proba(X[:3]).shape
        (3, 2)
        """
        return self._rule.calibrated(self._rule.proba_of(self.estimator_, X))

    def predict(self, X: ArrayLike) -> np.ndarray:
        """Return the class of single images by the threshold for persons.

        Each as the only image of a person. The shares that the threshold reaches are shares of persons.

        Parameters
        ----------
        X : array-like of shape (n, pixels), (n, height, width) or (n, channels, height, width)
            Images, ink bright on black, as the network was trained on.

        Returns
        -------
        ndarray of shape (n,)
            Labels, those of the screening that was saved, unless rounding moves a probability across the
            threshold.

        Raises
        ------
        ValueError
            If X is of another shape, or holds anything but finite numbers.

        Warns
        -----
        UserWarning
            If X has another range or background than the images trained on.

        See Also
        --------
        predict_persons : The classes of persons.

        Examples
        --------
        >>> from sparsecnn import SparseCurveCNNClassifier
        >>> from sparsecnn.datasets import make_shaky_spirals
        >>> from sparsecnn.export import to_numpy
        >>> from sparsecnn.model_selection import ScreeningClassifier
        >>> X, y = make_shaky_spirals(24, image_shape=(32, 32), return_X_y=True, random_state=0)
        >>> quick = SparseCurveCNNClassifier(channels=(4, 4, 4), max_iter=2, finetune_iter=1, random_state=0)
        >>> to_numpy(ScreeningClassifier(quick, cv=2).fit(X, y, range(24))).predict(X[:3]).shape
        (3,)
        """
        return self._rule.decide(self.predict_proba(X))

    def predict_persons(self, X: ArrayLike, groups: ArrayLike) -> SimpleNamespace:
        """Judge persons by the mean probability of their images.

        The images are also compared with those of the fit, unless `shift_level` is None.

        Parameters
        ----------
        X : array-like of shape (n, pixels), (n, height, width) or (n, channels, height, width)
            Images, ink bright on black, as the network was trained on.
        groups : array-like of shape (n,)
            The person of each image.

        Returns
        -------
        SimpleNamespace
            With the attributes `groups`, `proba`, `prediction`, `prediction_set`, `n_images` and `shift` that
            `predict_persons` of the `ScreeningClassifier` returns.

        Raises
        ------
        ValueError
            If `groups` is not one label for each image, or X is of another shape, or holds anything but
            finite numbers.

        Warns
        -----
        ShiftWarning
            If the p value of `check_shift` is below `shift_level`.
        UserWarning
            If all images of a person are blank, which makes both classes possible, or if X has another range
            or background than the images trained on.

        See Also
        --------
        sparsecnn.model_selection.ScreeningClassifier.predict_persons : Says what each attribute is.

        Examples
        --------
        >>> from sparsecnn import SparseCurveCNNClassifier
        >>> from sparsecnn.datasets import make_shaky_spirals
        >>> from sparsecnn.export import to_numpy
        >>> from sparsecnn.model_selection import ScreeningClassifier
        >>> X, y = make_shaky_spirals(24, image_shape=(32, 32), return_X_y=True, random_state=0)
        >>> quick = SparseCurveCNNClassifier(channels=(4, 4, 4), max_iter=2, finetune_iter=1, random_state=0)
        >>> screening = to_numpy(ScreeningClassifier(quick, cv=2).fit(X, y, range(24)))
        >>> screening.predict_persons(X[:4], ["ann", "ann", "bob", "bob"]).groups.tolist()
        ['ann', 'bob']
        """
        images = np.asarray(X)
        proba = self._rule.proba_of(self.estimator_, X)
        return self._screen.judge(proba, groups, images.__getitem__, self.shift_level, blank_images(images))

    def check_shift(self, X: ArrayLike, groups: ArrayLike) -> SimpleNamespace:
        """Test whether images of new persons look like those of the fit.

        Persons are compared, not images, by the energy distance between their mean images.

        Parameters
        ----------
        X : array-like of shape (n, pixels), (n, height, width) or (n, channels, height, width)
            Images, ink bright on black, as the network was trained on.
        groups : array-like of shape (n,)
            The person of each image.

        Returns
        -------
        SimpleNamespace
            With the attributes `distance` and `p_value` that `check_shift` of the `ScreeningClassifier`
            returns.

        Raises
        ------
        AttributeError
            If the screening was fitted with ``shift_level=None``.
        ValueError
            If `groups` is not one label for each image, or X is of another shape, or holds anything but
            finite numbers.

        See Also
        --------
        sparsecnn.model_selection.ScreeningClassifier.check_shift : Says what is compared.

        Examples
        --------
        >>> from sparsecnn import SparseCurveCNNClassifier
        >>> from sparsecnn.datasets import make_shaky_spirals
        >>> from sparsecnn.export import to_numpy
        >>> from sparsecnn.model_selection import ScreeningClassifier
        >>> X, y = make_shaky_spirals(24, image_shape=(32, 32), return_X_y=True, random_state=0)
        >>> quick = SparseCurveCNNClassifier(channels=(4, 4, 4), max_iter=2, finetune_iter=1, random_state=0)
        >>> to_numpy(ScreeningClassifier(quick, cv=2).fit(X, y, range(24))).check_shift(X, range(24)).p_value
        1.0
        """
        images = np.asarray(X)
        return self._screen.check_shift(self._rule.proba_of(self.estimator_, X), groups, images.__getitem__)

    def __repr__(self) -> str:
        return f"NumpyScreening({self.pos_label_!r} from {self.threshold_:.3g} on, {self.estimator_!r})"
