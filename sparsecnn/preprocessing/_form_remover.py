"""The transformer that takes the print of a form off its pages, whatever the colour of the pen."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import chain
from numbers import Integral, Real
from typing import Any, ClassVar, Self

import numpy as np
from joblib import Parallel, delayed, effective_n_jobs
from sklearn.base import TransformerMixin, _fit_context, clone
from sklearn.utils import Tags, gen_even_slices
from sklearn.utils._param_validation import Interval, StrOptions

from sparsecnn._warn import warn_user
from sparsecnn.preprocessing._form_page import FormPage, draw_distance, find_pen, find_print, read_form
from sparsecnn.preprocessing._form_template import LEAST_PAGES, Template, find_template
from sparsecnn.preprocessing._image_list import SAW_LIST, check_images
from sparsecnn.preprocessing._page_list import PageListTransformer
from sparsecnn.preprocessing._pages import describe_error
from sparsecnn.preprocessing._registration import Registration
from sparsecnn.preprocessing._sources import name_of, raise_unreadable

__all__ = ["PrintedFormRemover"]

PAGE_SIDE = 1024  # pixels; pages of twice this side or more are reduced by a whole factor
LEAST_SIDE = 64  # pixels; on smaller pages no print is looked for
LOOKED_AT = 50  # pages, to find the print
LARGEST_ASPECT = 1.25  # width by height, times or divided by that of the pages of `fit`
LARGEST_SIZE = 4.0  # longer side, times or divided by that of the pages of `fit`
SEEN_IN_FIT = (
    *("template_", "guide_", "page_shape_", "in_colour_"),
    *("input_shape_", "n_features_in_", "feature_names_in_", SAW_LIST),
)


class PrintedFormRemover(TransformerMixin, PageListTransformer):
    """Take the print of a form off its pages, and leave the pen's line.

    On many forms, people trace a printed guide, or draw within a frame, below a caption. In gray, print and
    pen are one ink. The print is found in `fit` as what nearly all pages share, to within the width of a
    line, once they are laid over each other. In `transform`, it is looked for on each page and painted as
    paper; the pen's line is continued where it crosses the print or runs under it.

    Parameters
    ----------
    output : {"pages", "distance"}, default="pages"
        "pages" gives the pages without the print. "distance" gives pages on which the pen is the darker the
        further it is from the guide, the print that most pens follow: the deviation from the guide.
    reach : float, default=0.1
        Distance from the middle of the guide at which the pen is black, as a fraction of the longer side of
        the box around the guide, above 0 and up to 1. Unused for "pages".
    lines : {"auto", "keep"}, default="auto"
        "auto" also takes off the lines of lined or squared paper, found on each page on its own: at least 6
        straight lines across the whole page at equal distances. "keep" leaves them.
    polarity : {"auto", "dark", "light"}, default="auto"
        Whether ink is darker or lighter than its paper; "auto" decides for each page. Pages with light ink
        are inverted: all results are dark on light.
    input_shape : tuple of two ints, default=None
        (height, width) of the images in rows of numbers. None takes it from a 3-D array, from column names
        "pixel_{row}_{column}", else from a square, else takes images of one row.
    n_jobs : int, default=None
        Number of threads that compare pages. None is 1 except in a :obj:`joblib.parallel_config` context; -1
        is all processors.

    Attributes
    ----------
    template_ : ndarray of shape (height, width), uint8, or None
        The print: 255 on paper, dark in print. Its frame is wider than a page. None if the pages share none.
    guide_ : ndarray of shape (height, width), bool, or None
        Which print most pens follow, in the frame of `template_`.
    page_shape_ : tuple of two ints
        Median (height, width) of the pages seen in `fit`.
    in_colour_ : bool
        Whether the pages seen in `fit` have colours.
    input_shape_ : tuple of two ints
        (height, width) of the images seen in `fit`, if X was an array of numbers.
    n_features_in_ : int
        Number of pixels of the images seen in `fit`, if X was an array of numbers.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the columns seen in `fit`, if X was a data frame with string names.

    See Also
    --------
    sparsecnn.CurveImageTransformer : Takes the pages; with ``ink="pen"``, it tells a coloured pen from black
        print by itself.

    Notes
    -----
    X is as :class:`~sparsecnn.CurveImageTransformer` takes it: a list of files or images of any sizes, or an
    array of shape (n, pixels) or (n, height, width). Pages of 2048 pixels or more on their longer side
    are reduced by a whole factor, to no less than 1024; rows of numbers keep their size.

    `fit` reads at most 50 pages; the print must be on 7 of 10 of them, and on 5. Pages are compared at a
    longer side of 512 pixels. One of those with little ink is the first guess; the others are laid over it by
    correlation over all turns up to 6°, scales from 1/1.25 to 1.25, and shifts, then by Gauss-Newton steps
    over affine maps, in which what differs counts little. The print is where at least 9 of 10 pages that show
    the place are dark (0.25 of the way from paper to black, or more), with a tolerance of 1 pixel; the pages
    are laid over that again, twice. Pieces of less than a tenth of the longer side are left out, and print of
    less than 1/20 of the ink of a page is none: lines of different hands meet by chance. So free drawings of
    one shape share no print, and a small stamp stays. Nor do forms of
    :func:`~sparsecnn.datasets.make_shaky_drawings`: each has a guide of its own. Forms to try it on are made
    as in the example below.

    On a page, the print counts as found if 87 % of it are dark, 70 % of it on the page. The pen is all ink
    beyond 3 pixels of 512 around it, and what touches that ink. It is continued where it is seen on both
    sides of the print, where the print hides a part of its width, and along stretches of print that join two
    parts of its line which nothing else joins, if they are at most twice as long as the gap between the parts
    and four widths of the line. What else runs under the print, and beyond the ends of what is seen, is lost.
    If most ink beside the print has a colour, ink in a colour is the pen's also on the print.

    Distances are measured from the middle of the print's lines, in the frame of the template.

    Examples
    --------
    Ten gray pages with a printed circle, each with a line drawn across it:

    >>> import numpy as np
    >>> from PIL import Image, ImageDraw
    >>> from sparsecnn.preprocessing import CurveImageTransformer, PrintedFormRemover
    >>> pages = []
    >>> for i in range(10):
    ...     page = Image.new("L", (256, 256), 240)
    ...     draw = ImageDraw.Draw(page)
    ...     draw.ellipse((48, 48, 208, 208), outline=20, width=3)
    ...     draw.line((20, 40 + 20 * i, 236, 60 + 18 * i), fill=40, width=3)
    ...     pages.append(page)
    >>> remover = PrintedFormRemover().fit(pages)
    >>> clean = remover.transform(pages)
    >>> bool(np.asarray(pages[0]).min(1)[208] < 30), int(clean[0][200:212].min()) > 200
    (True, True)

    In a pipeline, images of the pen follow:

    >>> from sklearn.pipeline import make_pipeline
    >>> make_pipeline(remover, CurveImageTransformer((32, 32))).fit_transform(pages).shape
    (10, 1024)
    """

    _parameter_constraints: ClassVar[dict] = {
        "output": [StrOptions({"pages", "distance"})],
        "reach": [Interval(Real, 0, 1, closed="right")],
        "lines": [StrOptions({"auto", "keep"})],
        "polarity": [StrOptions({"auto", "dark", "light"})],
        "input_shape": [tuple, list, None],
        "n_jobs": [Integral, None],
    }

    def __init__(
        self,
        output: str = "pages",
        *,
        reach: float = 0.1,
        lines: str = "auto",
        polarity: str = "auto",
        input_shape: tuple[int, int] | None = None,
        n_jobs: int | None = None,
    ):
        self.output = output
        self.reach = reach
        self.lines = lines
        self.polarity = polarity
        self.input_shape = input_shape
        self.n_jobs = n_jobs

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: Any, y: Any = None) -> Self:
        """Find the print that the pages share.

        At most 50 pages are read, evenly over X. A fit that fails leaves the transformer as it was.

        Parameters
        ----------
        X : list of images, or array-like of shape (n, pixels) or (n, height, width)
            See the notes of the class; at least 5 pages.
        y : object, default=None
            Ignored.

        Returns
        -------
        PrintedFormRemover
            The transformer itself.

        Raises
        ------
        ValueError
            If a parameter is out of range, if there are fewer than 5 pages, if pages cannot be read, if pages
            in gray and in colour are mixed, or if the ratio of their sides or their sizes differ too much.
            With ``output="distance"``, also if the pages share no print.

        Warns
        -----
        UserWarning
            If the pages share no print, or if some do not show it; the message lists them.

        See Also
        --------
        transform : Takes the print off pages, also of others than those of `fit`.

        Examples
        --------
        >>> import numpy as np
        >>> from sparsecnn.preprocessing import PrintedFormRemover
        >>> pages = np.full((6, 200, 200), 255, dtype=np.uint8)
        >>> pages[:, 20:180, 40:43] = pages[:, 177:180, 40:180] = 0
        >>> remover = PrintedFormRemover().fit(pages)
        >>> int(remover.template_.min()), remover.in_colour_
        (0, False)
        """
        fresh = clone(self)
        pages = check_images(fresh, X, reset=True)
        if len(pages) < LEAST_PAGES:
            raise ValueError(
                f"X must hold at least {LEAST_PAGES} pages, to tell print from pens by what they share, got "
                f"n_samples = {len(pages)}."
            )
        fresh._find_print(pages)
        # All at once, and only now: an earlier fit may have seen numbers, this one files.
        kept = {name: value for name, value in vars(self).items() if name not in SEEN_IN_FIT}
        seen = {name: value for name, value in vars(fresh).items() if name in SEEN_IN_FIT}
        self.__dict__ = kept | seen
        return self

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        tags.transformer_tags.preserves_dtype = []
        return tags

    def _find_print(self, pages: list[Any] | np.ndarray) -> None:
        looked_at = np.unique(np.linspace(0, len(pages) - 1, LOOKED_AT).astype(int))
        names = [f"[{index}] {name_of(pages[index])}" for index in looked_at]
        read, unreadable = self._read(_summarize, [pages[index] for index in looked_at], names, PAGE_SIDE)
        raise_unreadable(unreadable, len(names), "pages")
        shapes, colours, reduced = zip(*read, strict=True)
        if len(set(colours)) > 1:
            gray = [name for name, colour in zip(names, colours, strict=True) if not colour]
            raise ValueError(
                f"X mixes {len(names) - len(gray)} pages in colour with {len(gray)} in gray, whose pens are "
                f"told from print in different ways: {', '.join(gray)}. Leave one sort out, or turn all gray."
            )
        self.page_shape_ = tuple(int(side) for side in np.median(shapes, axis=0))
        self.in_colour_ = bool(colours[0])
        _refuse(
            [(name, self._misfit(shape, self.in_colour_)) for name, shape in zip(names, shapes, strict=True)]
        )
        template = find_template(reduced, self.n_jobs) if min(self.page_shape_) >= LEAST_SIDE else None
        self.template_ = self.guide_ = None
        if template is None:
            message = f"The {len(names)} pages share no print"
            if self.output == "distance":
                raise ValueError(f"X: {message[0].lower()}{message[1:]}, which output='distance' needs.")
            warn_user(f"{message}; transform takes nothing but the lines of lined or squared paper off them.")
            return
        self.template_ = np.rint(255 * (1 - template.darkness)).astype(np.uint8)
        self.guide_ = template.guide
        lost = [name for i, name in enumerate(names) if i not in template.aligned]
        if lost:
            warn_user(f"The print is not found on {len(lost)} of {len(names)} pages: {', '.join(lost)}.")

    def _transform_pages(self, pages: Sequence[Any] | np.ndarray) -> list[np.ndarray]:
        self._validate_params()
        template = self._template()
        if self.output == "distance" and template is None:
            raise ValueError("output='distance' needs print, and the pages of fit share none.")
        search = None if template is None else Registration(template.darkness)
        names = [f"[{index}] {name_of(page)}" for index, page in enumerate(pages)]
        side = max(pages.shape[1:]) if isinstance(pages, np.ndarray) else PAGE_SIDE

        def draw(page: FormPage) -> tuple[np.ndarray, str, bool]:
            misfit = self._misfit(page.shape, page.has_colour)
            return (page.pixels, misfit, True) if misfit else self._draw(page, template, search)

        drawn, unreadable = self._read(draw, pages, names, side)
        raise_unreadable(unreadable, len(names), "pages")
        result, misfits, found = zip(*drawn, strict=True)
        _refuse(list(zip(names, misfits, strict=True)))
        lost = [name for name, is_found in zip(names, found, strict=True) if not is_found]
        if lost:
            message = f"The print is not found on {len(lost)} of {len(names)} pages"
            if self.output == "distance":
                raise ValueError(f"{message}, and output='distance' needs it: {', '.join(lost)}.")
            warn_user(f"{message}, which keep it: {', '.join(lost)}.")
        return list(result)

    def _draw(
        self, page: FormPage, template: Template | None, search: Registration | None
    ) -> tuple[np.ndarray, str, bool]:
        """Return the page without print, no misfit, and whether the print was found."""
        if template is None or search is None:
            return page.pixels, "", True
        where = find_print(page, template, search)
        if where is None:
            return page.pixels, "", False
        pen = find_pen(page, template, where)
        if self.output == "distance":
            return draw_distance(page, pen, template.guide, where, self.reach), "", True
        return page.painted(pen).pixels, "", True

    def _template(self) -> Template | None:
        if self.template_ is None or self.guide_ is None:
            return None
        return Template(1 - self.template_.astype(np.float32) / 255, self.guide_, [])

    def _misfit(self, shape: tuple[int, int], in_colour: bool) -> str:
        """Return how a page differs too much from the pages of fit, or nothing."""
        height, width = self.page_shape_
        if in_colour != self.in_colour_:
            kinds = ("gray", "colour")
            return f"expected a page in {kinds[self.in_colour_]}, as in fit, got one in {kinds[in_colour]}"
        if abs(np.log(shape[1] / shape[0] * height / width)) > np.log(LARGEST_ASPECT):
            return (
                f"expected width by height within {LARGEST_ASPECT:g} times {width / height:.3g}, as in fit, "
                f"got {shape[1]} by {shape[0]} pixels"
            )
        if abs(np.log(max(shape) / max(height, width))) > np.log(LARGEST_SIZE):
            return (
                f"expected a longer side within {LARGEST_SIZE:g} times {max(height, width)} pixels, as in "
                f"fit, got {max(shape)}"
            )
        return ""

    def _read(
        self,
        function: Callable[[FormPage], Any],
        pages: Sequence[Any] | np.ndarray,
        names: list[str],
        side: int,
    ) -> tuple[list[Any], list[str]]:
        """Return what a function makes of each page, and a line for each that cannot be read."""

        def read_some(part: slice) -> tuple[list[Any], list[str]]:
            results: list[Any] = []
            unreadable: list[str] = []
            for source, name in zip(pages[part], names[part], strict=True):
                try:
                    page = read_form(source, side, polarity=self.polarity, rulings=self.lines == "keep")
                except Exception as error:  # decoders raise nearly anything on damaged files
                    unreadable.append(f"{name}: {describe_error(error)}")
                    continue
                results.append(function(page))
            return results, unreadable

        n_jobs = effective_n_jobs(self.n_jobs)
        slices = gen_even_slices(len(names), 1 if n_jobs == 1 else 4 * n_jobs)
        reports = Parallel(n_jobs=self.n_jobs, prefer="threads")(delayed(read_some)(part) for part in slices)
        results, unreadable = zip(*reports, strict=True)
        return list(chain(*results)), list(chain(*unreadable))


def _summarize(page: FormPage) -> tuple[tuple[int, int], bool, np.ndarray]:
    """Return the shape of a page, whether it has colours, and its darkness, reduced."""
    return page.shape, page.has_colour, page.reduced()


def _refuse(misfits: list[tuple[str, str]]) -> None:
    lines = [f"{name}: {misfit}" for name, misfit in misfits if misfit]
    if lines:
        raise ValueError(
            f"{len(lines)} of {len(misfits)} pages do not fit the form:\n  " + "\n  ".join(lines)
        )
