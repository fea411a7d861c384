"""The views of a page: its ink, and how unsteady the line is at one scale or several."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from numbers import Real
from typing import Any

import numpy as np

from sparsecnn.preprocessing._colours import read_ink
from sparsecnn.preprocessing._ink import draw_ink
from sparsecnn.preprocessing._pages import describe_error
from sparsecnn.preprocessing._sources import name_of
from sparsecnn.preprocessing._unsteadiness import fineness, weigh_by_unsteadiness

INK = "ink"
LARGEST_SCALE = 0.5  # of the drawing's side
SIDES_READ = 16  # times the result's longer side; larger images are first reduced, to no less than this

View = str | float


def check_views(views: Any, unsteadiness: float, unsteadiness_scale: float) -> tuple[View, ...]:
    """Return the views of a page, `INK` or the scale of a channel of unsteadiness, or raise ValueError.

    Parameters
    ----------
    views : sequence of views or None
        None is one view, of unsteadiness if that is above 0.
    unsteadiness, unsteadiness_scale : float
    """
    if views is None:
        return (float(unsteadiness_scale),) if unsteadiness else (INK,)
    if not len(views):
        raise ValueError("views must hold at least one view, 'ink' or a number, got none.")
    checked = tuple(_check_view(view) for view in views)
    if len(set(checked)) < len(checked):
        raise ValueError(f"views must differ from one another, got {tuple(views)!r}.")
    if not unsteadiness and set(checked) != {INK}:
        raise ValueError(
            f"views={tuple(views)!r} has numbers, which are channels of unsteadiness: set unsteadiness, "
            "their share of the brightness, above 0, such as 1.0."
        )
    return checked


def _check_view(view: Any) -> View:
    if isinstance(view, str) and view == INK:
        return INK
    if isinstance(view, Real) and not isinstance(view, bool) and 0 < float(view) <= LARGEST_SCALE:
        return float(view)
    raise ValueError(f"views must be 'ink' or numbers above 0, up to {LARGEST_SCALE}, got {view!r}.")


def names_of_views(views: Sequence[View]) -> tuple[str | None, ...]:
    """Return with what the names of the pixels of each view begin; None if there is but one."""
    return (None,) if len(views) == 1 else tuple(str(view) for view in views)


def describe_views(views: Sequence[View], unsteadiness: float) -> list[str]:
    """Return what each view shows, for rows of pixels to carry."""
    return [
        view if isinstance(view, str) else f"unsteadiness {unsteadiness:g} at {view:.4g}" for view in views
    ]


@dataclass(frozen=True)
class Drawing:
    """How pages are drawn.

    Attributes
    ----------
    image_shape : tuple of two ints
    views : tuple of "ink" or float
        As `check_views` returns them.
    unsteadiness : float
        Share of the brightness in views of unsteadiness.
    dtype : {"float32", "uint8"}
    ink : str
        Which ink to show, as `read_ink` takes it.
    polarity : {"auto", "dark", "light"}
    crop : bool
    margin : float
    """

    image_shape: tuple[int, int]
    views: tuple[View, ...]
    unsteadiness: float
    dtype: str
    ink: str
    polarity: str
    crop: bool
    margin: float

    def draw(self, images: Sequence[Any] | np.ndarray, first: int) -> tuple[np.ndarray, list[str], list[str]]:
        """Draw images, the first of which has index `first` in X.

        Return them, of shape (n, views, height, width), a line for each one that cannot be read, and the
        names of the blank ones.
        """
        drawn = np.zeros((len(images), len(self.views), *self.image_shape), dtype=self.dtype)
        unreadable: list[str] = []
        blank: list[str] = []
        for image, views, index in zip(images, drawn, range(first, first + len(images)), strict=True):
            name = f"[{index}] {name_of(image)}"
            try:
                page = read_ink(image, SIDES_READ * max(self.image_shape), self.ink)
            except Exception as error:  # decoders raise nearly anything on damaged files
                unreadable.append(f"{name}: {describe_error(error)}")
                continue
            pictures = self._views_of(page)
            if any(picture is None for picture in pictures):
                blank.append(name)
            for view, picture in zip(views, pictures, strict=True):
                if picture is not None:
                    view[:] = picture if self.dtype == "float32" else np.rint(255 * picture)
        return drawn, unreadable, blank

    def _views_of(self, page: np.ndarray) -> list[np.ndarray | None]:
        """Return all views of a page that was read, from 0 to 1; None for those without ink."""
        scales = [view for view in self.views if not isinstance(view, str)]
        plain = self._strokes(page, 1) if INK in self.views else None
        weighed: dict[View, np.ndarray | None] = {INK: plain}
        fine = self._strokes(page, fineness(self.image_shape)) if scales else None
        if fine is not None:
            found = weigh_by_unsteadiness(fine, self.image_shape, self.unsteadiness, scales)
            weighed |= zip(scales, found, strict=True)
        return [weighed.get(view) for view in self.views]

    def _strokes(self, page: np.ndarray, times: int) -> np.ndarray | None:
        """Return the ink of a page in so many times the resolution, or None if the page is blank."""
        shape = times * self.image_shape[0], times * self.image_shape[1]
        polarity = self.polarity if self.ink == "all" else "dark"
        return draw_ink(page, shape, polarity=polarity, crop=self.crop, margin=self.margin)
