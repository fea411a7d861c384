"""Display of what the transformer makes of pages."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Integral
from typing import Any, Self

import numpy as np
from sklearn.utils import check_scalar

from sparsecnn.inspection._pyplot import make_panels
from sparsecnn.preprocessing import CurveImageTransformer, read_page

PAGE_SIDE = 512  # pixels; larger pages are drawn reduced


class CurveImageDisplay:
    """Pages as they were read, above the images that `CurveImageTransformer` made of them.

    Use it to see whether paper, desk and polarity were recognised, and whether the crop is right. Create it
    with `from_transformer`.

    Parameters
    ----------
    pages : sequence of ndarrays of shape (height, width)
        Brightness of each page, upright.
    images : ndarray of shape (n_images, height, width) or (n_images, channels, height, width)
        The transformed pages, ink bright on black.

    Attributes
    ----------
    axes_ : ndarray of matplotlib Axes of shape (1 + channels, n_images)
        Pages in the first row, images in the second; of several channels, each in a row of its own.
    figure_ : matplotlib Figure
        The figure of the panels.

    See Also
    --------
    sparsecnn.CurveImageTransformer : Makes the images.
    AttributionDisplay : Shows what a classifier sees in them.

    Examples
    --------
    >>> import numpy as np
    >>> from sparsecnn.inspection import CurveImageDisplay
    >>> page = np.full((120, 90), 200.0)
    >>> page[20:100, 40:44] = 30
    >>> ink = np.zeros((64, 64))
    >>> ink[6:58, 31:33] = 1
    >>> CurveImageDisplay([page], [ink]).plot().axes_.shape
    (2, 1)
    """

    def __init__(self, pages: Sequence[np.ndarray], images: np.ndarray):
        self.pages = pages
        self.images = images

    @classmethod
    def from_transformer(
        cls, transformer: CurveImageTransformer, X: Any, *, n_images: int = 4, ax: Any = None, **kwargs: Any
    ) -> Self:
        """Read and transform the first pages of X, and plot both.

        Only the pages that are shown are read, so that it is quick on a folder of thousands.

        Parameters
        ----------
        transformer : CurveImageTransformer
            How to transform; it need not be fitted.
        X : list of images
            Paths, bytes, open files, PIL images or arrays, as the transformer takes them.
        n_images : int, default=4
            Number of pages to plot, or all if there are fewer.
        ax : matplotlib Axes or array-like of Axes, default=None
            One Axes to divide into panels, or as many as there are panels; None makes a new figure.
        **kwargs : dict
            Passed to ``matplotlib.axes.Axes.imshow``.

        Returns
        -------
        CurveImageDisplay
            The display, plotted.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        TypeError
            If `transformer` is no `CurveImageTransformer`, or `n_images` no integer.
        ValueError
            If `n_images` is below 1, a page cannot be read, or the number of axes is wrong.

        See Also
        --------
        plot : Draws pages and images that are at hand.

        Examples
        --------
        >>> from sparsecnn import CurveImageTransformer
        >>> from sparsecnn.datasets import make_shaky_drawings
        >>> from sparsecnn.inspection import CurveImageDisplay
        >>> pages = [255 - page for page in make_shaky_drawings(3, random_state=0).images]
        >>> display = CurveImageDisplay.from_transformer(CurveImageTransformer((32, 32)), pages)
        >>> display.axes_.shape
        (2, 3)
        """
        if not isinstance(transformer, CurveImageTransformer):
            raise TypeError(
                f"transformer must be a CurveImageTransformer, got a {type(transformer).__name__}."
            )
        check_scalar(n_images, "n_images", Integral, min_val=1)
        shown = transformer._check_images(X, reset=False)[:n_images]
        rows = np.asarray(transformer.transform(shown))
        images = rows.reshape(len(shown), -1, *transformer.image_shape)
        images = images if images.shape[1] > 1 else images[:, 0]
        return cls([read_page(page, PAGE_SIDE) for page in shown], images).plot(ax, **kwargs)

    def plot(self, ax: Any = None, **kwargs: Any) -> Self:
        """Plot the pages in a first row, and the images below them.

        A page and its channels stand in one column, so that a wrong crop or a lost stroke is seen at once.

        Parameters
        ----------
        ax : matplotlib Axes or array-like of Axes, default=None
            One Axes to divide into panels, or as many as there are panels; None makes a new figure.
        **kwargs : dict
            Passed to ``matplotlib.axes.Axes.imshow``.

        Returns
        -------
        CurveImageDisplay
            The display, plotted.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        ValueError
            If the number of axes is wrong.

        See Also
        --------
        from_transformer : Reads and transforms the pages, and plots them.

        Examples
        --------
        >>> import numpy as np
        >>> from sparsecnn.inspection import CurveImageDisplay
        >>> pages, images = [np.full((90, 60), 200, np.uint8)] * 3, np.zeros((3, 32, 32))
        >>> CurveImageDisplay(pages, images).plot().axes_.shape
        (2, 3)
        """
        n_images, images = len(self.pages), np.asarray(self.images)
        channels = {"image": images}
        if images.ndim == 4:
            channels = {f"channel {i}": channel for i, channel in enumerate(images.swapaxes(0, 1))}
        rows = {"page": self.pages, **channels}
        self.axes_ = make_panels(ax, len(rows) * n_images, n_images, (2.1, 2.1)).reshape(len(rows), n_images)
        self.figure_ = self.axes_[0, 0].figure
        for row, (name, pictures) in enumerate(rows.items()):
            for panel_ax, picture in zip(self.axes_[row], pictures, strict=True):
                white = 255 if picture.dtype == np.uint8 else 1
                panel_ax.imshow(picture, **{"cmap": "gray", "vmin": 0, "vmax": white} | kwargs)
                panel_ax.set(xticks=[], yticks=[])
            self.axes_[row, 0].set_ylabel(name)
        return self
