"""One page of a form: read, compared with the print, and painted without it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image
from scipy import ndimage

from sparsecnn.preprocessing._colours import has_colour, measure_colours
from sparsecnn.preprocessing._form_pen import Pen, trace_over, trace_pen
from sparsecnn.preprocessing._form_template import COVERED, DARK, FORM_SIDE, Template, coverage
from sparsecnn.preprocessing._ink import cut_desk, find_polarity, measure_light
from sparsecnn.preprocessing._pages import read_page
from sparsecnn.preprocessing._registration import Registration, invert, lay_over, rescale
from sparsecnn.preprocessing._rulings import find_rulings

LEAST_LIGHT = 0.05  # of the range from black to white; what is darker is no paper
SPECK = 1 / 50  # of the longer side; what reaches less far is dust, the further from the guide the darker
COLOURED = 0.5  # of the ink beside the print must have a colour for the pen to be told by it


@dataclass
class FormPage:
    """A page and its ink.

    Parameters
    ----------
    pixels : ndarray of shape (height, width) or (height, width, 3), uint8
        Brightness or colours.
    light : ndarray of the same shape, float32
        Brightness or colours of the paper, from 0 to 1.
    darkness : ndarray of shape (height, width), float32
        0 on paper and on a desk around the page, 1 in the blackest ink.
    """

    pixels: np.ndarray
    light: np.ndarray
    darkness: np.ndarray

    @property
    def has_colour(self) -> bool:
        return self.pixels.ndim == 3

    @property
    def shape(self) -> tuple[int, int]:
        return self.darkness.shape[0], self.darkness.shape[1]

    def reduced(self) -> np.ndarray:
        """Return the darkness, with a longer side of `FORM_SIDE`."""
        factor = FORM_SIDE / max(self.shape)
        size = [max(1, round(side * factor)) for side in self.shape[::-1]]
        ink = Image.fromarray(self.darkness)
        return np.clip(np.asarray(ink.resize((size[0], size[1]), Image.Resampling.BICUBIC)), 0, 1)

    def painted(self, pen: Pen) -> FormPage:
        """Return the page with paper where the print was, and the pen where that hid it."""
        pixels, darkness = self.pixels.copy(), self.darkness.copy()
        pixels[pen.erased] = np.rint(255 * self.light[pen.erased])
        darkness[pen.erased] = 0
        if pen.hidden.any():
            strong = pen.seen & (darkness >= np.median(darkness[pen.seen]))
            nearest = ndimage.distance_transform_edt(~strong, return_distances=False, return_indices=True)
            source = tuple(nearest[:, pen.hidden])
            pixels[pen.hidden], darkness[pen.hidden] = pixels[source], darkness[source]
        return FormPage(pixels, self.light, darkness)


def read_form(source: Any, side: int, *, polarity: str, rulings: bool) -> FormPage:
    """Return a page as `read_page` reads it, and its ink, without the lines of paper unless `rulings`.

    Where ink is lighter than paper, by `polarity` or found with "auto", the page is inverted first.
    """
    pixels = read_page(source, side, in_colour=True)
    if pixels.dtype != np.uint8:
        pixels = np.rint(255 * pixels).astype(np.uint8)
    if pixels.ndim == 3 and not has_colour(pixels):
        pixels = np.ascontiguousarray(pixels[..., 0])
    channels = pixels[..., np.newaxis] if pixels.ndim == 2 else pixels
    if polarity == "auto":
        polarity = find_polarity(channels.mean(2, dtype=np.float32) / 255)
    if polarity == "light":
        pixels, channels = 255 - pixels, 255 - channels
    rows, columns = cut_desk(channels.max(2))
    light = np.ones(channels.shape, dtype=np.float32)
    for i in range(channels.shape[2]):
        light[rows, columns, i] = measure_light(np.ascontiguousarray(channels[rows, columns, i]))
    light = np.clip(light, LEAST_LIGHT, 1)
    through = channels / (255 * light)
    darkness = np.zeros(pixels.shape[:2], dtype=np.float32)
    darkness[rows, columns] = np.clip(1 - through.mean(2), 0, 1)[rows, columns]
    page = FormPage(pixels, light.reshape(pixels.shape), darkness)
    lines = np.zeros(0) if rulings else find_rulings(darkness)
    return page.painted(trace_over(darkness, lines)) if lines.any() else page


def find_print(page: FormPage, template: Template, search: Registration) -> np.ndarray | None:
    """Return the map from the template to the page, or None if its print is not there."""
    reduced = page.reduced()
    for attempt in range(3):
        where = search.find(reduced, attempt=attempt)
        if coverage(template.darkness, reduced, where) >= COVERED:
            return rescale(where, max(page.shape) / FORM_SIDE)
    return None


def find_pen(page: FormPage, template: Template, where: np.ndarray) -> Pen:
    """Return the pen on a page on which the print lies at `where`."""
    printed = lay_over(template.darkness, invert(where), page.shape) > DARK
    return trace_pen(page.darkness, printed, _coloured(page, printed))


def draw_distance(page: FormPage, pen: Pen, guide: np.ndarray, where: np.ndarray, reach: float) -> np.ndarray:
    """Return a page on which the pen is the darker the further it is from the guide.

    Parameters
    ----------
    page, pen : FormPage, Pen
        The page, and its pen.
    guide : ndarray of shape (height, width), bool
        The guide, in the frame of the template.
    where : ndarray of shape (2, 3)
        The map from the template to the page.
    reach : float
        Distance at which the pen is black, in parts of the longer side of the box around the guide.

    Returns
    -------
    ndarray of shape (height, width), uint8
        255 on paper and where the pen is on the middle of the guide.
    """
    spans = [np.ptp(np.flatnonzero(guide.any(axis))) + 1 for axis in (0, 1)]
    scale = np.sqrt(abs(np.linalg.det(where[:, :2])))
    # In the frame of the template, where no part of the guide is cut off.
    distance = ndimage.distance_transform_edt(~_ridge(guide)) * scale
    away = lay_over(distance.astype(np.float32), invert(where), page.shape, float(distance.max()))
    brightness = 1 - np.clip(away / (reach * max(spans) * scale), 0, 1)
    drawn = _drop_specks(pen.seen | pen.hidden)
    return np.where(drawn, np.rint(255 * brightness), 255).astype(np.uint8)


def _drop_specks(ink: np.ndarray) -> np.ndarray:
    pieces, n_pieces = ndimage.label(ink, np.ones((3, 3)))
    kept = np.zeros(n_pieces + 1, dtype=bool)
    for number, box in enumerate(ndimage.find_objects(pieces), 1):
        kept[number] = max(part.stop - part.start for part in box) >= SPECK * max(ink.shape)
    return kept[pieces]


def _ridge(mask: np.ndarray) -> np.ndarray:
    """Return the middle of lines."""
    depth = ndimage.distance_transform_edt(mask)
    return np.asarray(mask & (depth >= ndimage.maximum_filter(depth, 3)))


def _coloured(page: FormPage, printed: np.ndarray) -> np.ndarray | None:
    """Return where ink has a colour, or None if most ink beside the print has none."""
    if not page.has_colour:
        return None
    _, coloured, _ = measure_colours(page.pixels)
    beside = (page.darkness > DARK) & ~ndimage.binary_dilation(printed, iterations=3)
    in_colour = coloured > 0.5
    if not beside.any() or in_colour[beside].mean() < COLOURED:
        return None
    return in_colour & (page.darkness > DARK)
