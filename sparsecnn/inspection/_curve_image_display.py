"""Display of what the transformer makes of pages."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Integral
from typing import Any, Self

import numpy as np
from sklearn.utils import check_scalar

from sparsecnn.inspection._pyplot import import_pyplot
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
    images : ndarray of shape (n_images, height, width)
        The transformed pages, ink bright on black.

    Attributes
    ----------
    axes_ : ndarray of matplotlib Axes of shape (2, n_images)
        Pages in the first row, images in the second.
    figure_ : matplotlib Figure
        The figure of the axes.
    """

    def __init__(self, pages: Sequence[np.ndarray], images: np.ndarray):
        self.pages = pages
        self.images = images

    @classmethod
    def from_transformer(
        cls, transformer: CurveImageTransformer, X: Any, *, n_images: int = 4, figure: Any = None
    ) -> Self:
        """Read and transform the first pages of X, and plot both.

        Parameters
        ----------
        transformer : CurveImageTransformer
            How to transform; it need not be fitted.
        X : list of images
            Paths, bytes, open files, PIL images or arrays, as the transformer takes them.
        n_images : int, default=4
            Number of pages to plot, or all if there are fewer.
        figure : matplotlib Figure, default=None
            Figure to plot in; None makes a new one.

        Returns
        -------
        display : CurveImageDisplay
            The display, plotted.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        TypeError
            If `transformer` is no `CurveImageTransformer`, or `n_images` no integer.
        ValueError
            If `n_images` is below 1, or a page cannot be read.

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
        images = np.asarray(transformer.transform(shown)).reshape(len(shown), *transformer.image_shape)
        return cls([read_page(page, PAGE_SIDE) for page in shown], images).plot(figure)

    def plot(self, figure: Any = None) -> Self:
        """Plot the pages in a first row, and the images below them.

        Parameters
        ----------
        figure : matplotlib Figure, default=None
            Figure to plot in; None makes a new one.

        Returns
        -------
        display : CurveImageDisplay
            The display, plotted.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        """
        plt = import_pyplot()
        n_images = len(self.pages)
        if figure is None:
            figure = plt.figure(figsize=(2 * n_images + 0.5, 4.2), layout="constrained")
        self.figure_ = figure
        self.axes_ = figure.subplots(2, n_images, squeeze=False)
        for row, (name, pictures) in enumerate([("page", self.pages), ("image", self.images)]):
            for ax, picture in zip(self.axes_[row], pictures, strict=True):
                white = 255 if picture.dtype == np.uint8 else 1
                ax.imshow(picture, cmap="gray", vmin=0, vmax=white)
                ax.set(xticks=[], yticks=[])
            self.axes_[row, 0].set_ylabel(name)
        return self
