"""What predicts with nothing but numpy, whatever it predicts."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from sparsecnn._pixels import warn_of_other_pixels
from sparsecnn.inference._build import build_layers
from sparsecnn.inference._layers import Layer
from sparsecnn.inference._records import SavedEstimator, SavedViews

# Pixels of the images that are computed at once.
BATCH_PIXELS = 2**18
PIXEL_TYPES = ("uint8", "float32", "float64")

Finish = Callable[[np.ndarray], np.ndarray]


class NumpyPredictor:
    """The networks of a fitted estimator, with the images that they take.

    Parameters
    ----------
    saved : sequence of SavedEstimator
        One, or the members of an ensemble.
    transformer : dict or None
        Parameters of the transformer that makes its images.
    views : SavedViews, default=None
        Which channel each member of an ensemble sees; None if all see all.
    """

    def __init__(
        self,
        saved: Sequence[SavedEstimator],
        transformer: dict[str, Any] | None,
        views: SavedViews | None = None,
    ):
        self._members = [Member(member) for member in saved]
        first = saved[0]
        self.image_shape_ = first.image_shape
        self.pixel_scale_ = first.pixel_scale
        self.in_channels_ = first.in_channels if views is None else views.in_channels
        self.n_features_in_ = self.in_channels_ * math.prod(first.image_shape)
        self.transformer_ = transformer
        self._views = None if views is None else views.of_members
        names = first.feature_names if views is None else views.feature_names
        if names is not None:
            self.feature_names_in_ = names

    @property
    def _shape(self) -> tuple[int, ...]:
        """Shape of an image, with channels if there are several."""
        return self.image_shape_ if self.in_channels_ == 1 else (self.in_channels_, *self.image_shape_)

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

    def _check_pixels(self, X: ArrayLike) -> np.ndarray:
        """Return X as rows of pixels, or raise ValueError."""
        self._check_names(X)
        pixels = np.asarray(X)
        if pixels.dtype.name not in PIXEL_TYPES:
            if pixels.dtype.kind not in "buif":
                raise ValueError(f"X must hold pixels, got an array of dtype {pixels.dtype}.")
            pixels = pixels.astype(np.float32)
        with_channels = (self.in_channels_, *self.image_shape_)
        if pixels.shape[1:] not in ((self.n_features_in_,), self._shape, with_channels) or not len(pixels):
            wanted = f"(n, {self.n_features_in_}) or (n, {', '.join(map(str, self._shape))})"
            raise ValueError(f"X must be of shape {wanted} with n at least 1, got {pixels.shape}.")
        pixels = pixels.reshape(len(pixels), -1)
        if pixels.dtype != np.uint8 and not np.isfinite(pixels).all():
            raise ValueError("X must hold finite numbers, but a pixel is NaN or infinite.")
        if min(self.image_shape_) > 1:  # curves have no common range
            for member, images in self._members_and_images(pixels):
                member.warn_of_other_pixels(images)
        return pixels

    def _members_and_images(self, pixels: np.ndarray) -> list[tuple[Member, np.ndarray]]:
        """Return each member with what it sees of rows of pixels."""
        if self._views is None:
            return [(member, pixels) for member in self._members]
        channels = np.split(pixels, self.in_channels_, axis=1)
        return [(member, channels[view]) for member, view in zip(self._members, self._views, strict=True)]

    def _check_names(self, X: Any) -> None:
        names, columns = getattr(self, "feature_names_in_", None), getattr(X, "columns", None)
        if names is not None and columns is not None and list(columns) != list(names):
            raise ValueError(
                f"X must have the columns that the network was trained on, {names[0]!r} to {names[-1]!r}, in "
                "their order."
            )


class Member:
    """The network of one estimator.

    Parameters
    ----------
    saved : SavedEstimator
    """

    def __init__(self, saved: SavedEstimator):
        if saved.network.kind == "own":
            raise ValueError(
                f"it holds a network of the class {saved.network.name}, but not which layers that has. Save "
                "sparsecnn.export.compress(estimator) instead, which describes chains of layers."
            )
        self._saved = saved
        self.layers = build_layers(
            saved.network.specs(), saved.image_shape, saved.n_outputs, saved.in_channels
        )
        self._dtype = next(layer.arrays["weight"].dtype for layer in self.layers if layer.arrays)

    def warn_of_other_pixels(self, pixels: np.ndarray) -> None:
        """Warn of rows of pixels of another range or background than those trained on."""
        saved = self._saved
        warn_of_other_pixels(pixels, saved.pixel_scale, saved.largest_pixel, saved.background)

    def apply(self, pixels: np.ndarray, finish: Finish) -> np.ndarray:
        """Return what `finish` makes of the scores of rows of pixels, some images at a time."""
        size = max(1, BATCH_PIXELS // pixels.shape[1])
        parts = range(0, len(pixels), size)
        return np.concatenate([finish(self._scores(pixels[i : i + size])) for i in parts])

    def _scores(self, pixels: np.ndarray) -> np.ndarray:
        pixels = pixels.astype(np.float32) if pixels.dtype == np.uint8 else pixels
        with np.errstate(all="ignore"):  # what is not finite in the end is an error
            # Divided before large numbers are rounded.
            x = (pixels / pixels.dtype.type(self._saved.pixel_scale)).astype(self._dtype)
            x = x.reshape(-1, self._saved.in_channels, *self._saved.image_shape)
            for layer in self.layers:
                x = layer(x)
        if not np.isfinite(x).all():
            raise ValueError(
                "The network's scores are NaN or infinite: pixels of X are too large for it, or its weights."
            )
        return x
