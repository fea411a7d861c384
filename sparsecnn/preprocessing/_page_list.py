"""A transformer of lists of pages that stay pages, or of arrays of numbers that stay arrays."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator
from sklearn.utils._set_output import _wrap_data_with_container
from sklearn.utils.validation import _check_feature_names_in, check_is_fitted

from sparsecnn._image_shape import pixel_names
from sparsecnn._pixel_rows import PixelRows
from sparsecnn.preprocessing._image_list import check_images


class PageListTransformer(BaseEstimator):
    """The base of transformers that return a page for each page.

    `transform` is here, and not in a subclass with scikit-learn's `TransformerMixin`, since that would turn
    every result to a table under ``set_output``, and a list of pages is none.
    """

    input_shape: tuple[int, int] | None

    def transform(self, X: Any) -> Any:
        """Return the pages, each of its own size, without the print.

        Each page is compared with the print that was found in `fit`, on its own.

        Parameters
        ----------
        X : list of n images, or array-like of shape (n, pixels) or (n, height, width)
            See the notes of the class.

        Returns
        -------
        list of n ndarrays, or ndarray of shape (n, pixels), uint8
            An array for an array. Pages have the shape (height, width), or (height, width, 3) if they have
            colours. Paper is light, and ink is dark.

        Raises
        ------
        ValueError
            If pages cannot be read, or differ from those of `fit` in colour, in the ratio of their sides, or
            in their size; and, with ``output="distance"``, if there is no print or it is not on each page.
            The message lists the pages, with reasons.
        NotFittedError
            Before `fit`.

        Warns
        -----
        UserWarning
            If the print is not found on pages, and stays on them; the message lists them.

        See Also
        --------
        sparsecnn.CurveImageTransformer : Turns the pages to images of their ink.

        Examples
        --------
        >>> import numpy as np
        >>> from sparsecnn.preprocessing import PrintedFormRemover
        >>> pages = np.full((6, 200, 200), 255, dtype=np.uint8)
        >>> pages[:, 20:180, 40:43] = pages[:, 177:180, 40:180] = 0  # the print
        >>> across = np.arange(10, 170)
        >>> for i, page in enumerate(pages):
        ...     for width in range(4):  # the pen
        ...         page[80 + width + i * across // 20, across] = 60
        >>> remover = PrintedFormRemover().fit(list(pages))
        >>> clean = remover.transform(list(pages))
        >>> int(clean[0][140, 41]), int(clean[0][82, 100])
        (255, 60)
        """
        check_is_fitted(self)
        pages = check_images(self, X, reset=False)
        result = self._transform_pages(pages)
        if isinstance(pages, list):
            return result
        return _wrap_data_with_container("transform", PixelRows.of(np.stack(result)), X, self)

    def get_feature_names_out(self, input_features: ArrayLike | None = None) -> np.ndarray:
        """Return the names of the pixels of pages that are rows of numbers.

        They are those of the columns seen in `fit`, or "pixel_0_0", "pixel_0_1", ..., by row and column.

        Parameters
        ----------
        input_features : array-like of str, default=None
            Checked against the names seen in `fit`.

        Returns
        -------
        ndarray of shape (`n_features_in_`,), of str objects
            One name, "page", if `fit` saw a list of pages.

        See Also
        --------
        transform : Returns the pages.

        Examples
        --------
        >>> import numpy as np
        >>> from sparsecnn.preprocessing import PrintedFormRemover
        >>> pages = np.full((6, 100, 80), 255, dtype=np.uint8)
        >>> pages[:, 10:90, 20:23] = pages[:, 87:90, 20:70] = 0
        >>> PrintedFormRemover().fit(pages).get_feature_names_out()[-1]
        'pixel_99_79'
        """
        check_is_fitted(self)
        if not hasattr(self, "input_shape_"):
            return np.array(["page"], dtype=object)
        _check_feature_names_in(self, input_features, generate_names=False)
        names = getattr(self, "feature_names_in_", pixel_names(self.input_shape_))
        return np.asarray(names if input_features is None else input_features, dtype=object)

    def _transform_pages(self, pages: Sequence[Any] | np.ndarray) -> list[np.ndarray]:
        raise NotImplementedError
