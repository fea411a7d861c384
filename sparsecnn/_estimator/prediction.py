"""What a fitted network predicts."""

from __future__ import annotations

import copy
import functools

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import log_softmax, softmax
from sklearn.utils.validation import check_is_fitted, validate_data

from sparsecnn._compute import autocast_for, resolve_device, shared
from sparsecnn._estimator.validation import warn_of_other_scale
from sparsecnn._image_shape import flatten_images
from sparsecnn._training.images import Images, best_class, predict

PIXEL_TYPES = [np.float32, np.float64, np.uint8]


class PredictionMixin:
    """The predicting methods of an estimator with a fitted ``module_``."""

    classes_: np.ndarray

    def decision_function(self, X: ArrayLike) -> np.ndarray:
        """Return the scores of X: of the second class over the first, or of each of several classes.

        Parameters
        ----------
        X : array-like of shape (n, pixels) or (n, height, width)

        Returns
        -------
        scores : ndarray of shape (n,) for two classes, else (n, n_classes)
        """
        scores = self._scores(X)
        return scores[:, 1] - scores[:, 0] if len(self.classes_) == 2 else scores

    def predict(self, X: ArrayLike) -> np.ndarray:
        """Return the most probable class of each image.

        Parameters
        ----------
        X : array-like of shape (n, pixels) or (n, height, width)

        Returns
        -------
        labels : ndarray of shape (n,)
        """
        best = self._scores(X, best_class)
        return self.classes_[best]

    def predict_proba(self, X: ArrayLike) -> np.ndarray:
        """Return the probability of each class.

        Parameters
        ----------
        X : array-like of shape (n, pixels) or (n, height, width)

        Returns
        -------
        probability : ndarray of shape (n, n_classes)
        """
        return self._scores(X, functools.partial(softmax, axis=1))

    def predict_log_proba(self, X: ArrayLike) -> np.ndarray:
        """Return the logarithm of `predict_proba`.

        Parameters
        ----------
        X : array-like of shape (n, pixels) or (n, height, width)

        Returns
        -------
        log_probability : ndarray of shape (n, n_classes)
        """
        return self._scores(X, functools.partial(log_softmax, axis=1))

    @shared
    def _scores(self, X, finish=np.asarray):
        check_is_fitted(self)
        X = self._check_pixels(X)
        device = resolve_device(self.device)
        # A copy, so that the fitted network stays where any machine can load it.
        module = self.module_ if device.type == "cpu" else copy.deepcopy(self.module_).to(device)
        images = Images(X, self.image_shape_, self.pixel_scale_, device).on(module)
        return predict(module, images, autocast_for(self.precision, device), finish)

    def _check_pixels(self, X, y="no_validation"):
        X, shape = flatten_images(X)
        if shape not in (None, self.image_shape_):
            raise ValueError(
                f"X holds images of shape {shape}, but {type(self).__name__} was fitted on images of shape "
                f"{self.image_shape_}."
            )
        checked = validate_data(self, X, y, reset=False, dtype=PIXEL_TYPES)
        pixels = checked if isinstance(checked, np.ndarray) else checked[0]
        warn_of_other_scale(pixels, self.pixel_scale_, self.image_shape_)
        return checked
