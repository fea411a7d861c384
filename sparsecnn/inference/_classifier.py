"""Classifiers that need nothing but numpy."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from sparsecnn._pixels import warn_of_other_pixels
from sparsecnn.inference._build import build_layers
from sparsecnn.inference._layers import Layer
from sparsecnn.inference._saved import SavedClassifier, SavedEnsemble

# Pixels of the images that are computed at once.
BATCH_PIXELS = 2**18
PIXEL_TYPES = ("uint8", "float32", "float64")


class NumpyClassifier:
    """A fitted classifier, or an ensemble of several, that predicts with numpy alone.

    `load` and `sparsecnn.export.to_numpy` make it.

    Parameters
    ----------
    saved : SavedClassifier or SavedEnsemble
        What a file says of the classifier.
    transformer : dict, default=None
        Parameters of the transformer that makes its images.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Class labels.
    n_features_in_ : int
        Number of pixels of an image.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Column names; defined only if the images trained on had them.
    image_shape_ : tuple of two ints
        (height, width) of an image.
    pixel_scale_ : float
        Pixels are divided by it. Of an ensemble, that of the first member.
    transformer_ : dict or None
        Parameters, other than the defaults, of the `CurveImageTransformer` that makes images for this
        classifier; None if it was saved without one.
    layers_ : list of Layer
        What computes the scores. Of an ensemble, that of the first member.

    See Also
    --------
    load : Reads a saved file.
    sparsecnn.export.to_numpy : Makes one of a fitted estimator.

    Examples
    --------
    >>> from sparsecnn import SparseCurveCNNClassifier
    >>> from sparsecnn.datasets import make_shaky_spirals
    >>> from sparsecnn.export import to_numpy
    >>> X, y = make_shaky_spirals(100, image_shape=(32, 32), return_X_y=True, random_state=0)
    >>> quick = SparseCurveCNNClassifier(channels=(4, 8, 8), max_iter=6, finetune_iter=2, random_state=0)
    >>> without_torch = to_numpy(quick.fit(X, y))
    >>> bool(abs(without_torch.predict_proba(X) - quick.predict_proba(X)).max() < 1e-5)
    True
    """

    def __init__(self, saved: SavedClassifier | SavedEnsemble, transformer: dict[str, Any] | None = None):
        members = saved.members if isinstance(saved, SavedEnsemble) else [saved]
        self._members = [_Member(member) for member in members]
        self._weights = saved.weights if isinstance(saved, SavedEnsemble) else None
        first = members[0]
        self.classes_ = saved.classes
        self.image_shape_ = first.image_shape
        self.pixel_scale_ = first.pixel_scale
        self.n_features_in_ = math.prod(first.image_shape)
        self.transformer_ = transformer
        if first.feature_names is not None:
            self.feature_names_in_ = first.feature_names

    @property
    def layers_(self) -> list[Layer]:
        """Layers of the network; of an ensemble, those of its first member.

        With their weights as arrays, to look into a network or to port it to another language. Batch
        normalisation is an "affine" layer, or is folded into the layer before.

        See Also
        --------
        Layer : What each computes.

        Examples
        --------
        >>> from sparsecnn.export import to_numpy
        >>> from sparsecnn.pretrained import load_reader
        >>> [layer.kind for layer in to_numpy(load_reader("words")).layers_[:4]]
        ['conv2d', 'max_pool', 'relu', 'conv2d']
        """
        return self._members[0].layers

    def predict_proba(self, X: ArrayLike) -> np.ndarray:
        """Return the probability of each class.

        They are those of the estimator that was saved, but for rounding.

        Parameters
        ----------
        X : array-like of shape (n, pixels) or (n, height, width)
            Images, ink bright on black, as the network was trained on.

        Returns
        -------
        ndarray of shape (n, n_classes)
            Sums to 1 for each image; columns are in the order of `classes_`. Of an ensemble, the mean over
            its members, with their weights.

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
        predict : The most probable class.

        Examples
        --------
        >>> from sparsecnn.datasets import make_shaky_words
        >>> from sparsecnn.export import to_numpy
        >>> from sparsecnn.pretrained import load_reader
        >>> words, shaky = make_shaky_words(4, return_X_y=True, random_state=0)
        >>> reader = load_reader("words")
        >>> to_numpy(reader).predict_proba(reader[:-1].transform(words))[:, 1].round(1)  # of "shaky"
        array([0.8, 1. , 0.1, 0. ], dtype=float32)
        """
        pixels = self._check_pixels(X)
        probabilities = [member.predict_proba(pixels) for member in self._members]
        return probabilities[0] if len(probabilities) == 1 else self._average(probabilities)

    def predict(self, X: ArrayLike) -> np.ndarray:
        """Return the most probable class of each image.

        Labels are of the type that training saw. For how sure the network is, call `predict_proba`.

        Parameters
        ----------
        X : array-like of shape (n, pixels) or (n, height, width)
            Images, ink bright on black, as the network was trained on.

        Returns
        -------
        ndarray of shape (n,)
            The class with the highest probability.

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
        predict_proba : The probabilities behind it.

        Examples
        --------
        >>> from sparsecnn.datasets import make_shaky_words
        >>> from sparsecnn.export import to_numpy
        >>> from sparsecnn.pretrained import load_reader
        >>> words, shaky = make_shaky_words(4, return_X_y=True, random_state=0)
        >>> reader = load_reader("words")
        >>> to_numpy(reader).predict(reader[:-1].transform(words)).tolist()
        ['shaky', 'shaky', 'regular', 'regular']
        """
        return self.classes_[self.predict_proba(X).argmax(axis=1)]

    def _average(self, probabilities: list[np.ndarray]) -> np.ndarray:
        return np.average(probabilities, axis=0, weights=self._weights)

    def _check_pixels(self, X: ArrayLike) -> np.ndarray:
        """Return X as rows of pixels, or raise ValueError."""
        self._check_names(X)
        pixels = np.asarray(X)
        if pixels.dtype.name not in PIXEL_TYPES:
            if pixels.dtype.kind not in "buif":
                raise ValueError(f"X must hold pixels, got an array of dtype {pixels.dtype}.")
            pixels = pixels.astype(np.float32)
        wanted = f"(n, {self.n_features_in_}) or (n, {self.image_shape_[0]}, {self.image_shape_[1]})"
        if pixels.shape[1:] not in ((self.n_features_in_,), self.image_shape_) or not len(pixels):
            raise ValueError(f"X must be of shape {wanted} with n at least 1, got {pixels.shape}.")
        pixels = pixels.reshape(len(pixels), -1)
        if pixels.dtype != np.uint8 and not np.isfinite(pixels).all():
            raise ValueError("X must hold finite numbers, but a pixel is NaN or infinite.")
        if min(self.image_shape_) > 1:  # curves have no common range
            for member in self._members:
                member.warn_of_other_pixels(pixels)
        return pixels

    def _check_names(self, X: Any) -> None:
        names, columns = getattr(self, "feature_names_in_", None), getattr(X, "columns", None)
        if names is not None and columns is not None and list(columns) != list(names):
            raise ValueError(
                f"X must have the columns that the network was trained on, {names[0]!r} to {names[-1]!r}, in "
                "their order."
            )

    def __repr__(self) -> str:
        several = f", {len(self._members)} members" if len(self._members) > 1 else ""
        return f"NumpyClassifier({len(self.classes_)} classes, images of shape {self.image_shape_}{several})"


class _Member:
    """The network of one classifier."""

    def __init__(self, saved: SavedClassifier):
        if saved.network.kind == "own":
            raise ValueError(
                f"it holds a network of the class {saved.network.name}, but not which layers that has. Save "
                "sparsecnn.export.compress(estimator) instead, which describes chains of layers."
            )
        self._saved = saved
        self.layers = build_layers(saved.network.specs(), saved.image_shape, len(saved.classes))
        self._dtype = next(layer.arrays["weight"].dtype for layer in self.layers if layer.arrays)

    def warn_of_other_pixels(self, pixels: np.ndarray) -> None:
        saved = self._saved
        warn_of_other_pixels(pixels, saved.pixel_scale, saved.largest_pixel, saved.background)

    def predict_proba(self, pixels: np.ndarray) -> np.ndarray:
        size = max(1, BATCH_PIXELS // pixels.shape[1])
        parts = range(0, len(pixels), size)
        return np.concatenate([self._predict_some(pixels[i : i + size]) for i in parts])

    def _predict_some(self, pixels: np.ndarray) -> np.ndarray:
        pixels = pixels.astype(np.float32) if pixels.dtype == np.uint8 else pixels
        with np.errstate(all="ignore"):  # what is not finite in the end is an error
            # Divided before large numbers are rounded.
            x = (pixels / pixels.dtype.type(self._saved.pixel_scale)).astype(self._dtype)
            x = x.reshape(-1, 1, *self._saved.image_shape)
            for layer in self.layers:
                x = layer(x)
        if not np.isfinite(x).all():
            raise ValueError(
                "The network's scores are NaN or infinite: pixels of X are too large for it, or its weights."
            )
        scores = np.exp(x - x.max(axis=1, keepdims=True))
        return scores / scores.sum(axis=1, keepdims=True)
