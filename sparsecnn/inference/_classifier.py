"""Classifiers that need nothing but numpy."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from sparsecnn.inference._predictor import NumpyPredictor
from sparsecnn.inference._records import SavedClassifier, SavedEnsemble


class NumpyClassifier(NumpyPredictor):
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
        Number of pixels of an image, in all channels.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Column names; defined only if the images trained on had them.
    image_shape_ : tuple of two ints
        (height, width) of an image.
    in_channels_ : int
        Number of channels of an image.
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
        if isinstance(saved, SavedEnsemble):
            super().__init__(saved.members, transformer, saved.views)
            self._weights = saved.weights
        else:
            super().__init__([saved], transformer)
            self._weights = None
        self.classes_ = saved.classes

    def predict_proba(self, X: ArrayLike) -> np.ndarray:
        """Return the probability of each class.

        They are those of the estimator that was saved, but for rounding.

        Parameters
        ----------
        X : array-like of shape (n, pixels), (n, height, width) or (n, channels, height, width)
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
        seen = self._members_and_images(pixels)
        probabilities = [member.apply(images, _softmax) for member, images in seen]
        return probabilities[0] if len(probabilities) == 1 else self._average(probabilities)

    def predict(self, X: ArrayLike) -> np.ndarray:
        """Return the most probable class of each image.

        Labels are of the type that training saw. For how sure the network is, call `predict_proba`.

        Parameters
        ----------
        X : array-like of shape (n, pixels), (n, height, width) or (n, channels, height, width)
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

    def __repr__(self) -> str:
        several = f", {len(self._members)} members" if len(self._members) > 1 else ""
        return f"NumpyClassifier({len(self.classes_)} classes, images of shape {self._shape}{several})"


def _softmax(scores: np.ndarray) -> np.ndarray:
    exponentials = np.exp(scores - scores.max(axis=1, keepdims=True))
    return exponentials / exponentials.sum(axis=1, keepdims=True)
