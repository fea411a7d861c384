"""Display of the weights of a layer, with its zeros."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import nn

from sparsecnn._compute import clean_torch_state
from sparsecnn._estimator import fitted_network
from sparsecnn.inspection._layer_images import layer_images
from sparsecnn.inspection._pyplot import make_panels
from sparsecnn.inspection._signed_image import draw_signed, in_a_square, side_by_side

WEIGHTS_PER_INCH = 60  # at most, so that each has a pixel of the figure


class WeightsDisplay:
    """The weights of a convolution or a fully connected layer as images, exact zeros in grey.

    Negative weights are blue, the larger the darker; positive ones orange, the larger the paler. Use
    `from_estimator` for a fitted classifier and `from_module` for any torch network.

    Parameters
    ----------
    weights : array-like of shape (n_written, n_read, height, width)
        For a convolution, the filters. For a fully connected layer, the weights of each pixel of each channel
        that it reads, or images of one pixel where it reads single numbers.
    layer : str, default=""
        Name of the layer.
    classes : array-like of shape (n_written,), default=None
        Classes whose scores the layer writes, with one panel each. None draws all in one panel.

    Attributes
    ----------
    images_ : list of matplotlib AxesImage
        The weights of each panel, side by side, masked where they are zero.
    colorbar_ : matplotlib Colorbar
        Scale of the weights.
    axes_ : ndarray of matplotlib Axes of shape (n_panels,)
        The panels.
    figure_ : matplotlib Figure
        The figure of the panels.

    See Also
    --------
    NetworkReport : Counts the zeros of every layer.
    AttributionDisplay : What the network makes of single images.

    Notes
    -----
    A panel has a small image for every pair of a channel read and one written: in rows and columns of nearly
    equal number if all belong to one channel, else with the channels read from top to bottom and those
    written from left to right, or the other way round where there are more of the former.

    Examples
    --------
    >>> import torch
    >>> from sparsecnn.inspection import WeightsDisplay
    >>> net = torch.nn.Sequential(torch.nn.Conv2d(1, 4, 3), torch.nn.Flatten(), torch.nn.Linear(144, 2))
    >>> WeightsDisplay.from_module(net, (8, 8), layer="0").weights.shape
    (4, 1, 3, 3)
    >>> WeightsDisplay.from_module(net, (8, 8), classes=["regular", "shaky"]).weights.shape
    (2, 4, 6, 6)
    """

    def __init__(self, weights: ArrayLike, layer: str = "", classes: ArrayLike | None = None):
        self.weights = weights
        self.layer = layer
        self.classes = classes

    @classmethod
    def from_estimator(
        cls, estimator: Any, *, layer: str | None = None, ax: Any = None, **kwargs: Any
    ) -> Self:
        """Plot the weights of a layer of a fitted classifier.

        The last layer of a curve network has one panel for each class, which shows where in the image its
        score looks.

        Parameters
        ----------
        estimator : SparseCurveCNNClassifier or Regressor, a search for one, or a Pipeline that ends in one
            Fitted. For a search, such as `GridSearchCV`, its ``best_estimator_`` is used.
        layer : str, default=None
            Name of the layer, such as "conv1" or "fc". None is the last fully connected layer, or else the
            last convolution.
        ax : matplotlib Axes or array-like of Axes, default=None
            One Axes to divide into panels, or as many as there are panels; None makes a new figure.
        **kwargs : dict
            Passed to ``matplotlib.axes.Axes.imshow``.

        Returns
        -------
        WeightsDisplay
            The display, plotted.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        NotFittedError
            If `estimator` is not fitted.
        TypeError
            If `estimator` is no such estimator, or an ensemble: give one of its ``members_``.
        ValueError
            If the network has no such layer, or the number of axes is wrong.

        See Also
        --------
        from_module : The same for a network of torch.

        Examples
        --------
        >>> from sparsecnn import SparseCurveCNNClassifier
        >>> from sparsecnn.datasets import make_shaky_spirals
        >>> from sparsecnn.inspection import WeightsDisplay
        >>> X, y = make_shaky_spirals(100, image_shape=(32, 32), return_X_y=True, random_state=0)
        >>> quick = SparseCurveCNNClassifier(channels=(4, 8, 8), max_iter=4, random_state=0).fit(X, y)
        >>> display = WeightsDisplay.from_estimator(quick, layer="fc")
        >>> display.weights.shape, round(float((display.weights == 0).mean()), 2)
        ((2, 8, 4, 4), 0.9)
        """
        if isinstance(estimator, nn.Module):
            raise TypeError(f"{type(estimator).__name__} is a torch network: use WeightsDisplay.from_module.")
        fitted = fitted_network(estimator)
        return cls.from_module(
            fitted.module_,
            fitted.image_shape_,
            layer=layer,
            classes=getattr(fitted, "classes_", None),
            ax=ax,
            **kwargs,
        )

    @classmethod
    def from_module(
        cls,
        module: nn.Module,
        image_shape: tuple[int, int],
        *,
        layer: str | None = None,
        classes: ArrayLike | None = None,
        ax: Any = None,
        **kwargs: Any,
    ) -> Self:
        """Plot the weights of a layer of any torch network.

        The network is applied to one image, to find out which channels and pixels a fully connected layer
        reads.

        Parameters
        ----------
        module : torch.nn.Module
            Network from images of shape (n, channels, height, width), of as many channels as its first
            convolution reads, else one. It is applied to one image and not changed.
        image_shape : tuple of two ints
            (height, width).
        layer : str, default=None
            Name of the layer. None is the last fully connected layer, or else the last convolution.
        classes : array-like of shape (n_classes,), default=None
            Names of the scores that the last layer writes, for one panel each, if it reads images.
        ax : matplotlib Axes or array-like of Axes, default=None
            One Axes to divide into panels, or as many as there are panels; None makes a new figure.
        **kwargs : dict
            Passed to ``matplotlib.axes.Axes.imshow``.

        Returns
        -------
        WeightsDisplay
            The display, plotted.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        TypeError
            If `module` is no torch network.
        ValueError
            If the network has no such layer or cannot be applied to such images, or the number of axes is
            wrong.

        See Also
        --------
        from_estimator : The same for a fitted classifier.

        Examples
        --------
        >>> import torch
        >>> from sparsecnn.inspection import WeightsDisplay
        >>> net = torch.nn.Sequential(torch.nn.Conv2d(1, 4, 3), torch.nn.Flatten(), torch.nn.Linear(144, 2))
        >>> WeightsDisplay.from_module(net, (8, 8), classes=["regular", "shaky"]).axes_.shape
        (2,)
        """
        if not isinstance(module, nn.Module):
            raise TypeError(f"module must be a torch.nn.Module, got a {type(module).__name__}.")
        with clean_torch_state(), torch.no_grad():
            name, weights, is_last = layer_images(module, image_shape, layer)
        named = classes is not None and is_last and len(np.asarray(classes)) == len(weights)
        return cls(weights, name, classes if named and weights[0, 0].size > 1 else None).plot(ax=ax, **kwargs)

    def plot(self, ax: Any = None, **kwargs: Any) -> Self:
        """Plot one panel for each class, or one for all weights.

        All panels share one scale, symmetric about 0.

        Parameters
        ----------
        ax : matplotlib Axes or array-like of Axes, default=None
            One Axes to divide into panels, or as many as there are panels; None makes a new figure.
        **kwargs : dict
            Passed to ``matplotlib.axes.Axes.imshow``.

        Returns
        -------
        WeightsDisplay
            The display itself.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        ValueError
            If the number of axes is wrong.

        See Also
        --------
        from_estimator : Takes the weights of a fitted classifier.
        from_module : Takes the weights of a network of torch.

        Examples
        --------
        >>> import numpy as np
        >>> from sparsecnn.inspection import WeightsDisplay
        >>> filters = np.random.default_rng(0).normal(size=(4, 1, 3, 3))
        >>> WeightsDisplay(filters, layer="conv1").plot().axes_.shape
        (1,)
        """
        weights = np.asarray(self.weights, dtype=float)
        titles, parts = [self.layer], [weights]
        if self.classes is not None:
            titles = [f"{self.layer}: {name}" for name in np.asarray(self.classes).tolist()]
            parts = list(weights[:, None])
        pictures = [side_by_side(_arrange(part)) for part in parts]
        limit = np.abs(weights).max() or 1.0
        self.axes_ = make_panels(ax, len(parts), min(4, len(parts)), _panel_size(pictures[0], len(parts)))
        self.figure_ = self.axes_[0].figure
        self.images_ = []
        for panel_ax, picture, part, title in zip(self.axes_, pictures, parts, titles, strict=True):
            self.images_.append(draw_signed(panel_ax, picture, limit, **kwargs))
            if len(parts) > 1:  # more room between panels than within
                panel_ax.set_xlim(-2.5, picture.shape[1] + 1.5)
            zeros = f"{(part == 0).sum():,} of {part.size:,} weights zero"
            panel_ax.set_title(f"{title}\n{zeros}" if title else zeros, fontsize="medium")
        if self.classes is None and weights.shape[1] > 1:
            self._label_channels(*weights.shape)
        label = "weight (grey: exactly zero)"
        size = {"shrink": min(1.0, 12 / (len(parts) + 3)), "aspect": 25, "fraction": 0.08}  # of three rows
        self.colorbar_ = self.figure_.colorbar(self.images_[0], ax=list(self.axes_), label=label, **size)
        return self

    def _label_channels(self, n_written: int, n_read: int, height: int, width: int) -> None:
        labels = f"{n_written:,} channels written", f"{n_read:,} channels read"
        if _is_turned((n_written, n_read, height, width)):
            labels = labels[::-1]
        self.axes_[0].set(xlabel=labels[0], ylabel=labels[1])


def _is_turned(shape: tuple[int, ...]) -> bool:
    """Return whether channels written go from top to bottom, so that the picture is not higher than wide."""
    n_written, n_read, height, width = shape
    return n_read * height > n_written * width


def _arrange(weights: np.ndarray) -> np.ndarray:
    """Return weights as tiles of shape (n_rows, n_columns, height, width)."""
    n_written, n_read, *size = weights.shape
    if 1 in (n_written, n_read):
        return in_a_square(weights.reshape(-1, *size))
    return weights if _is_turned(weights.shape) else weights.swapaxes(0, 1)


def _panel_size(picture: np.ndarray, n_panels: int) -> tuple[float, float]:
    """Return the width and height in inches of a panel of a new figure, with room for its texts.

    Large pictures get more room, so that no weight is lost between the pixels of the figure.
    """
    height, width = picture.shape
    inches = min(14.0, max(3.0 if n_panels > 1 else 6.0, max(width, height) / WEIGHTS_PER_INCH))
    scale = inches / max(width, height)
    return inches * 1.1, max(1.5, scale * height) + 0.5
