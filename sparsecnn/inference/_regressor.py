"""Regressors that need nothing but numpy."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from sparsecnn.inference._predictor import NumpyPredictor
from sparsecnn.inference._records import SavedRegressor


class NumpyRegressor(NumpyPredictor):
    """A fitted regressor that predicts with numpy alone.

    `load` and `sparsecnn.export.to_numpy` make it.

    Parameters
    ----------
    saved : SavedRegressor
        What a file says of the regressor.
    transformer : dict, default=None
        Parameters of the transformer that makes its images.

    Attributes
    ----------
    n_outputs_ : int
        Number of targets.
    target_mean_, target_scale_ : ndarray of shape (`n_outputs_`,)
        A prediction is the score of the network times the scale plus the mean.
    n_features_in_ : int
        Number of pixels of an image, in all channels.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Column names; defined only if the images trained on had them.
    image_shape_ : tuple of two ints
        (height, width) of an image.
    in_channels_ : int
        Number of channels of an image.
    pixel_scale_ : float
        Pixels are divided by it.
    transformer_ : dict or None
        Parameters, other than the defaults, of the `CurveImageTransformer` that makes images for this
        regressor; None if it was saved without one.
    layers_ : list of Layer
        What computes the scores.

    See Also
    --------
    load : Reads a saved file.
    sparsecnn.export.to_numpy : Makes one of a fitted estimator.

    Examples
    --------
    >>> from sparsecnn import SparseCurveCNNRegressor
    >>> from sparsecnn.datasets import make_shaky_drawings
    >>> from sparsecnn.export import to_numpy
    >>> drawings = make_shaky_drawings(60, drawings="wave", image_shape=(32, 32), random_state=0)
    >>> quick = SparseCurveCNNRegressor(channels=(4, 4, 4), max_iter=2, finetune_iter=1, random_state=0)
    >>> without_torch = to_numpy(quick.fit(drawings.images, drawings.severity))
    >>> bool(abs(without_torch.predict(drawings.images) - quick.predict(drawings.images)).max() < 1e-5)
    True
    """

    def __init__(self, saved: SavedRegressor, transformer: dict[str, Any] | None = None):
        super().__init__([saved], transformer)
        self.n_outputs_ = saved.n_outputs
        self.target_mean_, self.target_scale_ = saved.mean, saved.scale

    def predict(self, X: ArrayLike) -> np.ndarray:
        """Return the targets of each image.

        They are those of the estimator that was saved, but for rounding.

        Parameters
        ----------
        X : array-like of shape (n, pixels), (n, height, width) or (n, channels, height, width)
            Images, ink bright on black, as the network was trained on.

        Returns
        -------
        ndarray of float64 of shape (n,) for one target, else (n, n_outputs)
            In the unit of the y that training saw.

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
        sparsecnn.SparseCurveCNNRegressor.predict : The same with torch.

        Examples
        --------
        >>> from sparsecnn import SparseCurveCNNRegressor
        >>> from sparsecnn.datasets import make_shaky_drawings
        >>> from sparsecnn.export import to_numpy
        >>> drawings = make_shaky_drawings(60, drawings="wave", image_shape=(32, 32), random_state=0)
        >>> quick = SparseCurveCNNRegressor(channels=(4, 4, 4), max_iter=2, finetune_iter=1, random_state=0)
        >>> to_numpy(quick.fit(drawings.images, drawings.severity)).predict(drawings.images[:3]).shape
        (3,)
        """
        scores = self._members[0].apply(self._check_pixels(X), np.asarray)
        targets = scores.astype(np.float64) * self.target_scale_ + self.target_mean_
        return targets[:, 0] if self.n_outputs_ == 1 else targets

    def __repr__(self) -> str:
        targets = f"{self.n_outputs_} target{'s' if self.n_outputs_ > 1 else ''}"
        return f"NumpyRegressor({targets}, images of shape {self._shape})"
