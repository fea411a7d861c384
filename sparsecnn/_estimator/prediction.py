"""What a fitted network predicts."""

from __future__ import annotations

import copy
import functools
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike
from sklearn.utils.validation import check_is_fitted, validate_data
from torch import nn

from sparsecnn._compute import autocast_for, clean_torch_state, resolve_device, shared_threads
from sparsecnn._image_shape import flatten_channels, full_shape, views_of_rows
from sparsecnn._naming import naming
from sparsecnn._pixel_rows import Channel, PixelRows
from sparsecnn._pixels import IMAGES_LOOKED_AT, warn_of_other_pixels
from sparsecnn._training import Images, best_class, predict

PIXEL_TYPES = [np.float32, np.float64, np.uint8]


class NetworkOutputs:
    """What the fitted ``module_`` of an estimator computes."""

    module_: nn.Module
    image_shape_: tuple[int, int]
    in_channels_: int
    pixel_scale_: float
    device: str | torch.device
    precision: str

    def _scores(self, X: ArrayLike, finish: Callable[[np.ndarray], np.ndarray] = np.asarray) -> np.ndarray:
        if not hasattr(self, "module_"):
            check_is_fitted(self)
        with shared_threads(), clean_torch_state():
            pixels = self._check_pixels(X)
            device = resolve_device(self.device)
            # A copy, so that the fitted network stays where any machine can load it.
            module = self.module_ if device.type == "cpu" else copy.deepcopy(self.module_).to(device)
            dtype = next(module.parameters()).dtype
            images = self._images(pixels, device, dtype)
            return predict(module, images, autocast_for(self.precision, device), finish)

    def _check_pixels(self, X: ArrayLike) -> np.ndarray:
        return check_pixels(self, X)

    def _images(self, pixels: np.ndarray, device: torch.device, dtype: torch.dtype = torch.float32) -> Images:
        """Return checked rows of pixels as the network takes them."""
        shape, scale = self.image_shape_, self.pixel_scale_
        return Images(pixels, shape, scale, device, dtype, in_channels=self.in_channels_)


class PredictionMixin(NetworkOutputs):
    """The predicting methods of a classifier with a fitted ``module_``."""

    classes_: np.ndarray

    def decision_function(self, X: ArrayLike) -> np.ndarray:
        """Return the scores of X: of the second class over the first, or of each of several classes.

        The scores of the network before they become probabilities, for ROC curves and thresholds of your own.

        Parameters
        ----------
        X : array-like of shape (n, pixels), (n, height, width) or (n, channels, height, width)
            Images, as `fit` takes them.

        Returns
        -------
        ndarray of shape (n,) for two classes, else (n, n_classes)
            The larger, the more probable the class.

        See Also
        --------
        predict_proba : The same as probabilities.

        Examples
        --------
        >>> from sparsecnn.datasets import make_shaky_words
        >>> from sparsecnn.pretrained import load_reader
        >>> words, shaky = make_shaky_words(4, return_X_y=True, random_state=0)
        >>> transformer, classifier = load_reader("words")
        >>> (classifier.decision_function(transformer.transform(words)) > 0).tolist(), (shaky == 1).tolist()
        ([True, True, False, False], [True, True, False, False])
        """
        scores = self._scores(X)
        return scores[:, 1] - scores[:, 0] if len(self.classes_) == 2 else scores

    def predict(self, X: ArrayLike) -> np.ndarray:
        """Return the most probable class of each image.

        The network is applied to some images at a time, so that X may be larger than memory, such as an
        ``np.memmap``.

        Parameters
        ----------
        X : array-like of shape (n, pixels), (n, height, width) or (n, channels, height, width)
            Images, as `fit` takes them.

        Returns
        -------
        ndarray of shape (n,)
            The class with the highest score.

        See Also
        --------
        predict_proba : How sure the network is.

        Examples
        --------
        >>> from sparsecnn.datasets import make_shaky_words
        >>> from sparsecnn.pretrained import load_reader
        >>> words, shaky = make_shaky_words(4, return_X_y=True, random_state=0)
        >>> transformer, classifier = load_reader("words")
        >>> classifier.predict(transformer.transform(words)).tolist()
        ['shaky', 'shaky', 'regular', 'regular']
        """
        best = self._scores(X, best_class)
        return self.classes_[best]

    def predict_proba(self, X: ArrayLike) -> np.ndarray:
        """Return the probability of each class.

        They are the softmax of the scores. Networks are often too sure of themselves: calibrate with
        ``sklearn.calibration.CalibratedClassifierCV`` where the numbers matter.

        Parameters
        ----------
        X : array-like of shape (n, pixels), (n, height, width) or (n, channels, height, width)
            Images, as `fit` takes them.

        Returns
        -------
        ndarray of shape (n, n_classes)
            Sums to 1 for each image; columns are in the order of `classes_`.

        See Also
        --------
        predict : The most probable class.
        decision_function : The scores behind the probabilities.

        Examples
        --------
        >>> from sparsecnn.datasets import make_shaky_words
        >>> from sparsecnn.pretrained import load_reader
        >>> words, shaky = make_shaky_words(4, return_X_y=True, random_state=0)
        >>> transformer, classifier = load_reader("words")
        >>> classifier.predict_proba(transformer.transform(words))[:, 1].round(1)  # of "shaky"
        array([0.8, 1. , 0.1, 0. ], dtype=float32)
        >>> classifier.classes_.tolist()
        ['regular', 'shaky']
        """
        return self._scores(X, functools.partial(_rowwise, torch.softmax))

    def predict_log_proba(self, X: ArrayLike) -> np.ndarray:
        """Return the logarithm of `predict_proba`.

        It is computed from the scores and stays finite where a probability is rounded to 0, so that sums over
        images of one person keep their digits.

        Parameters
        ----------
        X : array-like of shape (n, pixels), (n, height, width) or (n, channels, height, width)
            Images, as `fit` takes them.

        Returns
        -------
        ndarray of shape (n, n_classes)
            Columns are in the order of `classes_`.

        See Also
        --------
        predict_proba : The probabilities themselves.

        Examples
        --------
        >>> from sparsecnn.datasets import make_shaky_words
        >>> from sparsecnn.pretrained import load_reader
        >>> words, shaky = make_shaky_words(4, return_X_y=True, random_state=0)
        >>> transformer, classifier = load_reader("words")
        >>> classifier.predict_log_proba(transformer.transform(words)).argmax(axis=1).tolist()
        [1, 1, 0, 0]
        """
        return self._scores(X, functools.partial(_rowwise, torch.log_softmax))


def _rowwise(function: Callable[..., torch.Tensor], scores: np.ndarray) -> np.ndarray:
    return function(torch.from_numpy(scores), dim=1).numpy()


def check_pixels(estimator: Any, X: ArrayLike, y: Any = "no_validation", **y_options: Any) -> Any:
    """Return X, and y where it is given, as `valid_pixels` does; warn of pixels unlike those trained on."""
    checked = valid_pixels(estimator, X, y, **y_options)
    pixels = checked if isinstance(checked, np.ndarray) else checked[0]
    if min(estimator.image_shape_) > 1:  # curves have no common range
        warn_of_other_pixels(pixels, estimator.pixel_scale_, estimator._largest_pixel, estimator._background)
    return checked


def valid_pixels(estimator: Any, X: ArrayLike, y: Any = "no_validation", **y_options: Any) -> Any:
    """Return X, and y where it is given, checked against what a fitted estimator was trained on.

    Options of the check of y are those of scikit-learn's `validate_data`.
    """
    if isinstance(y, str) and _is_valid(estimator, X):
        return np.asarray(X).reshape(-1, estimator.n_features_in_)
    return _validated(estimator, X, y, y_options)


def _is_valid(estimator: Any, X: Any) -> bool:
    """Return whether all checks would accept a few images as they are: it saves half of the time of one."""
    return (
        (type(X) is np.ndarray or (type(X) is PixelRows and _has_channels_of(estimator, X)))
        and X.dtype.type in PIXEL_TYPES
        and X.dtype.isnative
        and X.shape[1:] in ((estimator.n_features_in_,), _shape_of(estimator))
        and 0 < len(X) <= IMAGES_LOOKED_AT
        and not hasattr(estimator, "feature_names_in_")
        and (X.dtype == np.uint8 or bool(np.isfinite(X).all()))
    )


def _has_channels_of(estimator: Any, rows: PixelRows) -> bool:
    """Return whether rows of pixels have the channels that an estimator was fitted on, by name."""
    views = getattr(estimator, "_view_names", None) or [None] * estimator.in_channels_
    return rows.known_channels() == tuple(Channel(estimator.image_shape_, view) for view in views)


def _validated(estimator: Any, X: ArrayLike, y: Any, y_options: dict[str, Any]) -> Any:
    fitted_shape = _shape_of(estimator)
    if getattr(X, "shape", None) == fitted_shape and fitted_shape[1] != estimator.n_features_in_:
        axes = "height, width" if len(fitted_shape) == 2 else "channels, height, width"
        raise ValueError(
            f"X is one image of shape {fitted_shape}, expected several, of shape (n, pixels) or "
            f"(n, {axes}): give X[np.newaxis]."
        )
    as_fitted, views = getattr(X, "shape", ())[1:] == fitted_shape, views_of_rows(X)
    X, shape, channels = flatten_channels(X, None, estimator.in_channels_ if as_fitted else None)
    if shape is not None and full_shape(shape, channels or 1) != fitted_shape:
        raise ValueError(
            f"X holds images of shape {full_shape(shape, channels or 1)}, but {type(estimator).__name__} was "
            f"fitted on images of shape {fitted_shape}."
        )
    _refuse_other_views(estimator, views)
    with naming("X", *([] if isinstance(y, str) else ["y"])):
        return validate_data(estimator, X, y, reset=False, dtype=PIXEL_TYPES, **y_options)


def _refuse_other_views(estimator: Any, views: tuple[str, ...] | None) -> None:
    """Raise ValueError if images show other views than those that an estimator was fitted on."""
    fitted = getattr(estimator, "_view_names", None)
    if None not in (views, fitted) and views != fitted:
        raise ValueError(
            f"X holds images whose channels show {_quoted(views)}, but {type(estimator).__name__} was fitted "
            f"on {_quoted(fitted)}: draw them as those for fit."
        )


def _quoted(views: tuple[str, ...] | None) -> str:
    return ", ".join(map(repr, views or ()))


def _shape_of(estimator: Any) -> tuple[int, ...]:
    """Return the shape of the images that an estimator was fitted on, with channels if there are several."""
    return full_shape(estimator.image_shape_, estimator.in_channels_)
