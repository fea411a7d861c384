"""The transformer: images of curves, from files or memory, as bright ink on black of one size."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from numbers import Integral, Real
from typing import Any, ClassVar, Self

import numpy as np
from joblib import Parallel, delayed, effective_n_jobs
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, TransformerMixin, _fit_context, clone
from sklearn.utils import Tags, gen_even_slices
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import _check_feature_names_in, check_is_fitted

from sparsecnn._image_shape import check_image_shape, pixel_names
from sparsecnn._pixel_rows import PixelRows
from sparsecnn._warn import warn_user
from sparsecnn.preprocessing._colours import find_ink
from sparsecnn.preprocessing._image_list import SAW_LIST, check_images
from sparsecnn.preprocessing._sources import raise_unreadable
from sparsecnn.preprocessing._views import Drawing, check_views, describe_views, names_of_views

__all__ = ["CurveImageTransformer"]

SEEN_IN_FIT = ("input_shape_", "n_features_in_", "feature_names_in_", "ink_", SAW_LIST)


class CurveImageTransformer(TransformerMixin, BaseEstimator):
    """Convert scans, photographs and drawings of curves to rows of pixels: bright ink on black.

    Each image is turned upright; a desk around the page and the brightness of the paper (dark or light,
    evenly lit or not) are removed; the ink is cropped and resized with antialiasing, at a constant aspect
    ratio, to the centre of an image of `image_shape`. Every image is processed on its own; nothing is
    learned from the data but, with ``ink="auto"``, which ink to show.

    Parameters
    ----------
    image_shape : tuple of two ints, default=(64, 64)
        (height, width) of the resulting images in pixels.
    dtype : {"float32", "uint8"}, default="float32"
        "float32" gives ink from 0 to 1, "uint8" from 0 to 255 in a quarter of the memory.
    polarity : {"auto", "dark", "light"}, default="auto"
        Whether ink is darker or lighter than its paper; "auto" decides for each image.
    ink : {"all", "auto", "pen", "black", "red", "green", "blue"}, default="all"
        Which ink to show, on paper that is lighter. "pen" is ink of any colour, without the black print of a
        form; where the print covers a line, the line is continued. A colour shows ink of that colour only,
        and "black" also that of gray. "auto" is found in `fit`: "pen" if most pages have both coloured and
        black ink over at least half of what is drawn, else "all".
    crop : bool, default=True
        Whether to zoom to the ink. False shows the whole page.
    margin : float, default=0.05
        Empty border around the cropped ink, as a fraction of each side, from 0 to below 0.5.
        Unused without `crop`.
    unsteadiness : float, default=0.0
        Fraction of the brightness of ink that measures how unsteady the line is, from 0 to 1. With 0, all ink
        is bright. With 1, brightness is the angle between the direction of the line and that of its smoothed
        course, so that steady lines vanish. In between, the shape of the drawing stays visible. Lines are
        measured at about 256 pixels a side for every `image_shape`, and thin strokes count like broad ones.
    unsteadiness_scale : float, default=1/19
        Width of the Gaussian window that smooths the course of a line, as a fraction of the drawing's side,
        above 0 and up to 0.5; the direction of the line is averaged over half of it. Tremor of a short
        wavelength shows best in narrow windows. Unused without `unsteadiness`, and with `views`.
    views : sequence of "ink" and numbers, default=None
        Views of a page, each of which becomes a channel of its image: "ink" is all ink bright, and a number
        is the `unsteadiness_scale` of a channel of unsteadiness, of which `unsteadiness`, above 0, is the
        fraction. A page is read once for all of them. None is one view, as `unsteadiness` says.
    input_shape : tuple of two ints, default=None
        (height, width) of the images in rows of numbers. None takes it from a 3-D array, from column names
        "pixel_{row}_{column}", else from a square, else takes images of one row.
    n_jobs : int, default=None
        Number of threads that read images. None is 1 except in a :obj:`joblib.parallel_config` context; -1
        is all processors. In ``parallel_config(backend="loky")`` it is the number of processes: they take
        seconds to start, then share the work better; open files and memoryviews cannot be sent to them.

    Attributes
    ----------
    input_shape_ : tuple of two ints
        (height, width) of the images seen in `fit`, if X was an array of numbers.
    n_features_in_ : int
        Number of pixels of the images seen in `fit`, if X was an array of numbers.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the columns seen in `fit`, if X was a data frame with string names.
    ink_ : {"all", "pen"}
        The ink found in `fit`; defined only if `ink` is "auto".

    See Also
    --------
    sparsecnn.SparseCurveCNNClassifier : Classifies the resulting images.
    sparsecnn.preprocessing.suggest_image_shape : Chooses `image_shape` for pages that are not square.
    sparsecnn.inspection.CurveImageDisplay : Draws pages above their ink.

    Notes
    -----
    X is one of

    * a list (or tuple, Series, 1-D array) of images of any sizes: paths, the bytes of image files (also as
      bytearray or memoryview), open binary files, :class:`PIL.Image.Image` objects, or arrays of shape
      (height, width), (height, width, 3) or (height, width, 4), also mixed;
    * an array-like of shape (n, pixels) or (n, height, width).

    After a `fit` on a list, rows of numbers are taken as one page without its brackets, and refused, unless
    `input_shape` or X itself tells the shape of flat images. A 3-D array may hold pages of another shape than
    that of `fit`.

    Files are regular files of at most 80 million pixels (A3 at 600 dpi has 70 million) in AVIF, BMP, GIF,
    HEIF (with pillow-heif), JPEG, JPEG 2000, PCX, PNG, PPM, PSD, TGA, TIFF or WebP. The first frame of an
    animation and the first page of a document are read. Large JPEG files are decoded at reduced size.

    A border of other brightness along an edge of the image is a desk, or the rim of a scan, if its inner
    boundary is sharp, nearly straight, at most a quarter of the side deep, and free of ink; it is cut off,
    however thin. It is looked for at a longer side of up to 128 pixels, unless the shorter side is then below
    48. The brightness of the paper is taken from percentiles of blocks of the page, opened by a window of
    about a third of the page. Ink lies on the side of the paper's brightness to which pixels are skewed,
    since ink covers less than paper. Specks, and narrow shadows at the edges of scans, do not count when the
    image is cropped.

    Colours are those of the light that ink lets through, as parts of the red, green and blue of the paper
    around it. Ink is coloured if its saturation, ``(largest - smallest) / (1 - smallest)`` of the three, is
    above 0.35, with a smooth transition from 0.25 to 0.45. Hues reach 60° to either side. A page is blank if
    the ink sought is less than 3 % of all that darkens paper by 0.15 or more, and no line of it, darker than
    0.3, reaches 1/50 of the longer side: the noise of a scan has colours too.

    Numbers are brightnesses. White is 1 for floats and masks up to 1, 255 or 65535 for numbers whose largest
    is near; other ranges are stretched from their smallest to their largest value.

    Examples
    --------
    >>> from PIL import Image, ImageDraw
    >>> from sparsecnn.preprocessing import CurveImageTransformer
    >>> page = Image.new("RGB", (300, 200), "ivory")
    >>> ImageDraw.Draw(page).arc((50, 40, 250, 160), 0, 300, fill="navy", width=4)
    >>> X = CurveImageTransformer(image_shape=(32, 32)).fit_transform([page])
    >>> X.shape, X.dtype
    ((1, 1024), dtype('float32'))
    >>> float(X.min()), float(X.max())
    (0.0, 1.0)

    A steady line is dim where only unsteadiness is bright, here in the second of two channels:

    >>> two = CurveImageTransformer((32, 32), unsteadiness=1.0, views=("ink", 1 / 38)).fit_transform([page])
    >>> two.shape, bool(two[0, 1024:].mean() < 0.5 * two[0, :1024].mean())
    ((1, 2048), True)
    """

    _parameter_constraints: ClassVar[dict] = {
        "image_shape": [tuple, list],
        "dtype": [StrOptions({"float32", "uint8"})],
        "polarity": [StrOptions({"auto", "dark", "light"})],
        "ink": [StrOptions({"all", "auto", "pen", "black", "red", "green", "blue"})],
        "crop": ["boolean"],
        "margin": [Interval(Real, 0, 0.5, closed="left")],
        "unsteadiness": [Interval(Real, 0, 1, closed="both")],
        "unsteadiness_scale": [Interval(Real, 0, 0.5, closed="right")],
        "views": [tuple, list, None],
        "input_shape": [tuple, list, None],
        "n_jobs": [Integral, None],
    }

    def __init__(
        self,
        image_shape: tuple[int, int] = (64, 64),
        *,
        dtype: str = "float32",
        polarity: str = "auto",
        ink: str = "all",
        crop: bool = True,
        margin: float = 0.05,
        unsteadiness: float = 0.0,
        unsteadiness_scale: float = 1 / 19,
        views: Sequence[str | float] | None = None,
        input_shape: tuple[int, int] | None = None,
        n_jobs: int | None = None,
    ):
        self.image_shape = image_shape
        self.dtype = dtype
        self.polarity = polarity
        self.ink = ink
        self.crop = crop
        self.margin = margin
        self.unsteadiness = unsteadiness
        self.unsteadiness_scale = unsteadiness_scale
        self.views = views
        self.input_shape = input_shape
        self.n_jobs = n_jobs

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: Any, y: Any = None) -> Self:
        """Check the parameters and, if X is an array of numbers, store its shape.

        Files are read only with ``ink="auto"``: at most 50 of them. A fit that fails leaves the transformer
        as it was.

        Parameters
        ----------
        X : list of images, or array-like of shape (n, pixels) or (n, height, width)
            See the notes of the class.
        y : object, default=None
            Ignored.

        Returns
        -------
        CurveImageTransformer
            The transformer itself.

        Raises
        ------
        ValueError
            If a parameter is out of range, if `views` has numbers and `unsteadiness` is 0, if X is a single
            image, if numbers in X are not finite or do not fit `input_shape`, or if forms in gray and in
            colour are mixed.

        See Also
        --------
        transform : Draws the images; it works without `fit` for files.

        Examples
        --------
        >>> import numpy as np
        >>> from sparsecnn import CurveImageTransformer
        >>> pages = np.zeros((3, 20, 30))
        >>> CurveImageTransformer().fit(pages).input_shape_
        (20, 30)
        """
        check_image_shape(self.image_shape)
        self._views()
        fresh = clone(self)
        images = fresh._check_images(X, reset=True)
        if self.ink == "auto":
            fresh.ink_ = find_ink(images)
        # All at once, and only now: an earlier fit may have seen numbers, this one files.
        kept = {name: value for name, value in vars(self).items() if name not in SEEN_IN_FIT}
        seen = {name: value for name, value in vars(fresh).items() if name in SEEN_IN_FIT}
        self.__dict__ = kept | seen
        return self

    def transform(self, X: Any) -> np.ndarray:
        """Return each image's ink.

        Each image is read, cleaned and drawn on its own, so that new ones look as those that a classifier was
        trained on.

        Parameters
        ----------
        X : list of n images, or array-like of shape (n, pixels) or (n, height, width)
            See the notes of the class.

        Returns
        -------
        ndarray of shape (n, channels * height * width), of type `dtype`
            Ink is bright (1, or 255) and paper is 0. Blank pages are all 0. There is one channel unless
            `views` has several; each is what a transformer of that view alone gives.

        Raises
        ------
        ValueError
            If an image cannot be read, or has no colour where `ink` needs it; the message lists all such
            images, with reasons.
        NotFittedError
            If `ink` is "auto" before `fit`.

        Warns
        -----
        UserWarning
            If pages are blank, or have no ink of the colour sought; the message lists them.

        See Also
        --------
        sparsecnn.inspection.CurveImageDisplay : Draws pages above their ink.

        Examples
        --------
        >>> from sparsecnn import CurveImageTransformer
        >>> from sparsecnn.datasets import make_shaky_drawings
        >>> pages = [255 - page for page in make_shaky_drawings(2, random_state=0).images]  # dark on white
        >>> ink = CurveImageTransformer((32, 32), dtype="uint8").transform(pages)
        >>> ink.shape, int(ink.max())
        ((2, 1024), 255)
        """
        images = self._check_images(X, reset=False)
        drawing = self._drawing()
        n_jobs = effective_n_jobs(self.n_jobs)
        slices = gen_even_slices(len(images), 1 if n_jobs == 1 else 4 * n_jobs)
        # Threads unless the caller chooses: Pillow and numpy release the interpreter lock, in part.
        reports = Parallel(n_jobs=self.n_jobs, prefer="threads")(
            delayed(drawing.draw)(images[part], part.start) for part in slices
        )
        drawn, unreadable, blank = zip(*reports, strict=True)
        raise_unreadable(list(chain(*unreadable)), len(images), "images")
        names = list(chain(*blank))
        if names:
            sought = "" if drawing.ink == "all" else f" with ink={drawing.ink!r}"
            warn_user(f"No ink found{sought} on {len(names)} of {len(images)} pages: {', '.join(names)}.")
        shown = describe_views(drawing.views, drawing.unsteadiness)
        return PixelRows.of(np.concatenate(drawn), shown)

    def get_feature_names_out(self, input_features: ArrayLike | None = None) -> np.ndarray:
        """Return the names of the resulting pixels: "pixel_0_0", "pixel_0_1", ..., by row and column.

        With several `views`, those of each channel begin with its view: "ink_pixel_0_0". They are the columns
        of the data frame under ``set_output(transform="pandas")``.

        Parameters
        ----------
        input_features : array-like of str, default=None
            Checked against the names seen in `fit`, otherwise unused.

        Returns
        -------
        ndarray of shape (channels * height * width,), of str objects
            Names from which `SparseCurveCNNClassifier` takes the shape and the channels of the images.

        See Also
        --------
        transform : Returns the pixels.

        Examples
        --------
        >>> from sparsecnn import CurveImageTransformer
        >>> CurveImageTransformer((8, 16)).get_feature_names_out()[[0, 1, -1]].tolist()
        ['pixel_0_0', 'pixel_0_1', 'pixel_7_15']
        """
        _check_feature_names_in(self, input_features, generate_names=False)
        shape, views = check_image_shape(self.image_shape), names_of_views(self._views())
        return np.array(pixel_names(shape, views), dtype=object)

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.requires_fit = False
        tags.input_tags.three_d_array = True
        tags.transformer_tags.preserves_dtype = []
        return tags

    def _check_images(self, X: Any, reset: bool) -> Sequence[Any] | np.ndarray:
        """Return X as a sequence of images; with `reset`, store the shape of images made of numbers."""
        if self.ink != "all" and self.polarity == "light":
            raise ValueError(f"ink={self.ink!r} needs paper that is lighter than ink, got polarity='light'.")
        return check_images(self, X, reset)

    def _views(self) -> tuple[str | float, ...]:
        return check_views(self.views, self.unsteadiness, self.unsteadiness_scale)

    def _drawing(self) -> Drawing:
        """Return how pages are drawn, or raise ValueError or NotFittedError."""
        return Drawing(
            image_shape=check_image_shape(self.image_shape),
            views=self._views(),
            unsteadiness=self.unsteadiness,
            dtype=self.dtype,
            ink=self._ink_to_show(),
            polarity=self.polarity,
            crop=self.crop,
            margin=self.margin,
        )

    def _ink_to_show(self) -> str:
        if self.ink != "auto":
            return self.ink
        check_is_fitted(self, "ink_")
        return self.ink_
