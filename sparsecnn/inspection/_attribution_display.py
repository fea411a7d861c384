"""Display of what speaks for and against a class, or a larger prediction, in images."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Integral
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils import _safe_indexing, check_consistent_length, check_scalar
from sklearn.utils.validation import _num_samples

from sparsecnn._ensemble import SparseCurveEnsemble
from sparsecnn._estimator import fitted_sparse, flat_steps
from sparsecnn._image_shape import full_shape, images_of_rows
from sparsecnn.inspection._integrated_gradients import integrated_gradients
from sparsecnn.inspection._pyplot import make_panels
from sparsecnn.inspection._signed_image import signed_colours

# Attributions above this quantile of those that are not zero have the colour of the quantile.
LARGEST = 0.99


class AttributionDisplay:
    """Images, and below each how much every pixel speaks for or against a class.

    What speaks against the class is blue, the stronger the darker; what speaks for it is orange, the stronger
    the paler; grey pixels, such as those without ink, add nothing. For a regressor, orange makes the
    prediction larger. Use `from_estimator`.

    Parameters
    ----------
    images : array-like of shape (n_images, height, width)
        Ink bright on black, at most 1.
    attributions : array-like of shape (n_images, height, width)
        What each pixel adds to the score of the class, as `integrated_gradients` returns it.
    titles : sequence of str, default=None
        Title of each image.

    Attributes
    ----------
    attribution_images_ : list of matplotlib AxesImage
        The attributions.
    colorbar_ : matplotlib Colorbar
        Scale of the attributions.
    axes_ : ndarray of matplotlib Axes of shape (2, n_images)
        Images in the first row, attributions in the second.
    figure_ : matplotlib Figure
        The figure of the panels.

    See Also
    --------
    integrated_gradients : Computes the attributions.

    Examples
    --------
    >>> from sparsecnn import SparseCurveCNNClassifier
    >>> from sparsecnn.datasets import make_shaky_spirals
    >>> from sparsecnn.inspection import AttributionDisplay
    >>> X, y = make_shaky_spirals(60, image_shape=(32, 32), return_X_y=True, random_state=0)
    >>> classifier = SparseCurveCNNClassifier(channels=(4, 4, 4), max_iter=3, random_state=0).fit(X, y)
    >>> display = AttributionDisplay.from_estimator(classifier, X, y, n_images=3)
    >>> display.axes_.shape, display.attributions.shape
    ((2, 3), (3, 32, 32))
    """

    def __init__(self, images: ArrayLike, attributions: ArrayLike, titles: Sequence[str] | None = None):
        self.images = images
        self.attributions = attributions
        self.titles = titles

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: Any,
        y: ArrayLike | None = None,
        *,
        target: Any = None,
        n_images: int = 4,
        ax: Any = None,
        **kwargs: Any,
    ) -> Self:
        """Attribute the score of a class, or a prediction, to the pixels of the first images of X; plot both.

        The images are drawn as the estimator gets them, behind the other steps of a pipeline, under titles
        that name the predicted class and its probability, or the predicted target. Of images of several
        channels, the mean is drawn, and below it the sum of the attributions of all channels; of an ensemble,
        the mean of the channels that its members see.

        Parameters
        ----------
        estimator : SparseCurveCNNClassifier, SparseCurveCNNRegressor, SparseCurveEnsemble, Pipeline or search
            Fitted: an estimator, a pipeline that ends in one, or a search for either, such as `GridSearchCV`,
            of which its ``best_estimator_`` is used.
        X : array-like or list of n images
            What `estimator` predicts from.
        y : array-like of shape (n,) or (n, n_outputs), default=None
            True labels or targets, for the titles.
        target : class label or int, default=None
            Class whose score to attribute; None is the one that is predicted for each image. Of a regressor,
            the number of the target, from 0; None is the only one.
        n_images : int, default=4
            Number of images to plot, or all if there are fewer.
        ax : matplotlib Axes or array-like of Axes, default=None
            One Axes to divide into panels, or as many as there are panels; None makes a new figure.
        **kwargs : dict
            Passed to ``matplotlib.axes.Axes.imshow`` for the attributions.

        Returns
        -------
        AttributionDisplay
            The display, plotted.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        NotFittedError
            If `estimator` is not fitted.
        TypeError
            If `estimator` is no such estimator, or `n_images` no integer.
        ValueError
            If X is unusable, X and y differ in length, `target` is no class or target, `n_images` is below
            1, or the number of axes is wrong.

        Warns
        -----
        ConvergenceWarning
            If the attributions of an image do not add up to its score: see `integrated_gradients`.

        See Also
        --------
        integrated_gradients : The attributions as numbers.
        CurveImageDisplay : Shows what the transformer made of the pages.

        Examples
        --------
        >>> from sparsecnn import SparseCurveCNNClassifier
        >>> from sparsecnn.datasets import make_shaky_spirals
        >>> from sparsecnn.inspection import AttributionDisplay
        >>> X, y = make_shaky_spirals(40, image_shape=(32, 32), return_X_y=True, random_state=0)
        >>> classifier = SparseCurveCNNClassifier(channels=(4, 4, 4), max_iter=2, random_state=0).fit(X, y)
        >>> AttributionDisplay.from_estimator(classifier, X, target=1, n_images=2).axes_.shape
        (2, 2)
        """
        fitted = fitted_sparse(estimator)
        check_scalar(n_images, "n_images", Integral, min_val=1)
        check_consistent_length(X, y)
        first = np.arange(min(n_images, _num_samples(X)))
        X = _safe_indexing(X, first)
        for step in flat_steps(estimator)[:-1]:
            X = step.transform(X)
        truth = None if y is None else _safe_indexing(np.asarray(y), first)
        of_kind = _of_classes if hasattr(fitted, "classes_") else _of_targets
        attributions, names = of_kind(fitted, X, truth, target)
        if fitted.in_channels_ > 1:
            attributions = attributions.sum(axis=1)
        return cls(_mean_channel(fitted, X), attributions, names).plot(ax=ax, **kwargs)

    def plot(self, ax: Any = None, **kwargs: Any) -> Self:
        """Plot the images in a first row, and the attributions below them.

        All attributions share one scale, so that images can be compared.

        Parameters
        ----------
        ax : matplotlib Axes or array-like of Axes, default=None
            One Axes to divide into panels, or as many as there are panels; None makes a new figure.
        **kwargs : dict
            Passed to ``matplotlib.axes.Axes.imshow`` for the attributions.

        Returns
        -------
        AttributionDisplay
            The display itself.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        ValueError
            If `images`, `attributions` and `titles` differ in length, or the number of axes is wrong.

        See Also
        --------
        from_estimator : Computes the attributions and plots them.

        Examples
        --------
        >>> import numpy as np
        >>> from sparsecnn.inspection import AttributionDisplay
        >>> image, attribution = np.zeros((2, 1, 8, 8))
        >>> image[0, 3], attribution[0, 3] = 1.0, np.linspace(-1, 1, 8)
        >>> AttributionDisplay(image, attribution, ["a line"]).plot().axes_[0, 0].get_title()
        'a line'
        """
        check_consistent_length(self.images, self.attributions, self.titles)
        images, attributions = np.asarray(self.images), np.asarray(self.attributions)
        n_images = len(images)
        self.axes_ = make_panels(ax, 2 * n_images, n_images, (2.1, 2.3)).reshape(2, n_images)
        self.figure_ = self.axes_[0, 0].figure
        sizes = np.abs(attributions[attributions != 0])
        limit = np.quantile(sizes, LARGEST) if sizes.size else 1.0
        signed = {"cmap": signed_colours(through_grey=True), "vmin": -limit, "vmax": limit}
        shape = {"aspect": "auto"} if images.shape[1] == 1 else {}
        self.attribution_images_ = []
        for i, (image_ax, signed_ax) in enumerate(self.axes_.T):
            image_ax.imshow(images[i], cmap="gray", vmin=min(0, images.min()), vmax=1, **shape)
            image_ax.set(xticks=[], yticks=[], title="" if self.titles is None else self.titles[i])
            self.attribution_images_.append(signed_ax.imshow(attributions[i], **signed | shape | kwargs))
            signed_ax.set(xticks=[], yticks=[])
        self.axes_[0, 0].set_ylabel("image")
        self.axes_[1, 0].set_ylabel("attribution")
        self.colorbar_ = self.figure_.colorbar(
            self.attribution_images_[0],
            ax=list(self.axes_[1]),
            label="added to the score",
            extend="both",
        )
        return self


def _mean_channel(fitted: Any, X: Any) -> np.ndarray:
    """Return the mean of the channels of each image; of an ensemble, of those that its members see."""
    if isinstance(fitted, SparseCurveEnsemble):
        seen = [_mean_channel(member, channel) for member, channel in fitted.members_and_images(X)]
        return np.mean(seen, axis=0)
    pixels = fitted._check_pixels(X) / fitted.pixel_scale_
    return images_of_rows(pixels, fitted.image_shape_, fitted.in_channels_).mean(axis=1)


def _of_classes(classifier: Any, X: Any, truth: Any, target: Any) -> tuple[np.ndarray, list[str]]:
    """Return the attributions of the score of a class, and the title of each image."""
    probabilities = classifier.predict_proba(X)
    found = probabilities.argmax(axis=1)
    names = [f"{classifier.classes_[i]} ({p[i]:.0%})" for i, p in zip(found, probabilities, strict=True)]
    if truth is not None:
        names = [f"{name}\ntrue: {label}" for name, label in zip(names, truth, strict=True)]
    if target is not None:
        return integrated_gradients(classifier, X, target=target), names
    attributions = np.empty((len(found), *full_shape(classifier.image_shape_, classifier.in_channels_)))
    for i in np.unique(found):
        own = np.flatnonzero(found == i)
        its = _safe_indexing(X, own)
        attributions[own] = integrated_gradients(classifier, its, target=classifier.classes_[i])
    return attributions, names


def _of_targets(regressor: Any, X: Any, truth: Any, target: Any) -> tuple[np.ndarray, list[str]]:
    """Return the attributions of a predicted target, and the title of each image."""
    attributions = integrated_gradients(regressor, X, target=target)
    shape = len(attributions), regressor.n_outputs_
    values = regressor.predict(X).reshape(shape)[:, target or 0]
    names = [f"{value:.3g}" for value in values]
    if truth is not None:
        known = np.asarray(truth, dtype=float).reshape(shape)[:, target or 0]
        names = [f"{name}\ntrue: {value:.3g}" for name, value in zip(names, known, strict=True)]
    return attributions, names
