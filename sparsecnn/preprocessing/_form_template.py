"""The print that the pages of one form share, found where nearly all of them agree."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from joblib import Parallel, delayed
from scipy import ndimage

from sparsecnn.preprocessing._registration import Registration, is_plausible, lay_over

FORM_SIDE = 512  # pixels; pages are compared at a longer side of this length
MARGIN = FORM_SIDE // 8  # around the first page; others may show more of the form
AGREEING = (
    0.7,
    0.8,
    0.9,
    0.9,
)  # of the pages must be dark where there is print, in each round of aligning them
TOLERANCE = 1  # pixels; how far apart the lines of two aligned pages may lie
DARK = 0.25  # darkness of print
COVERED = 0.87  # of the print must be dark on a page beyond chance, or else it is no page of this form
LEAST_INSIDE = 0.7  # of the print must lie on a page
LEAST_PAGES = 5  # must show the print: on fewer, lines of pens meet by chance
LEAST_ALIGNED = 0.7  # of the pages must show the print
LEAST_AT_FIRST = 0.4  # of the pages, while some are not yet laid over it
LEAST_SPAN = 0.1  # of `FORM_SIDE`, that a piece of print must reach; lines of pens meet by chance
PIECE_GAP = 6  # pixels; print that is as near belongs together
GROUP_GAP = 18  # pixels; print that is as near belongs to one caption
LEAST_SHARE = 0.05  # of what is drawn on a page in the median, that must be print
REFERENCES = 2  # pages that are tried as the first guess
GUIDE_REACH = 0.04  # of `FORM_SIDE`; pens run so near to the print that they follow
GUIDE_SHARE = 0.5  # of the pens along the print most followed, from which other print is a guide too


@dataclass
class Template:
    """The print of a form.

    Parameters
    ----------
    darkness : ndarray of shape (height, width), float32
        0 on paper, up to 1 in the print; its frame is wider than a page.
    guide : ndarray of shape (height, width), bool
        The print that pens follow, without frames and captions.
    aligned : list of int
        Indices of the pages on which the print was found.
    """

    darkness: np.ndarray
    guide: np.ndarray
    aligned: list[int]


def find_template(pages: Sequence[np.ndarray], n_jobs: int | None = None) -> Template | None:
    """Return the print that pages share, or None if they share none.

    Parameters
    ----------
    pages : list of ndarray of shape (height, width), float32
        Darkness, with a longer side of `FORM_SIDE`.
    n_jobs : int, default=None
        Number of threads.
    """
    best: Template | None = None
    for first in _references(pages):
        template = _grow(pages, first, n_jobs)
        if template is not None and (best is None or len(template.aligned) > len(best.aligned)):
            best = template
        if best is not None and len(best.aligned) >= AGREEING[-1] * len(pages):
            break
    return best


def coverage(darkness: np.ndarray, page: np.ndarray, where: np.ndarray) -> float:
    """Return the share of the print that is dark on a page, beyond what chance would give.

    It is 0 if too little of the print lies on the page.
    """
    if not is_plausible(where):
        return 0.0
    points = np.array(np.nonzero(darkness > DARK))
    rows, columns = np.rint(where[:, :2] @ points + where[:, 2:]).astype(int)
    inside = (rows >= 0) & (rows < page.shape[0]) & (columns >= 0) & (columns < page.shape[1])
    if not inside.size or inside.mean() < LEAST_INSIDE:
        return 0.0
    dark = _near_dark(page)
    by_chance = float(dark.mean())
    share = float(dark[rows[inside], columns[inside]].mean())
    return (share - by_chance) / max(1 - by_chance, 1e-6)


def _references(pages: Sequence[np.ndarray]) -> list[int]:
    """Return the pages to begin with: those with little ink, on which pens hide little of the print."""
    ink = np.array([np.count_nonzero(page > DARK) for page in pages])
    order = np.argsort(ink, kind="stable")
    order = order[ink[order] >= 0.5 * np.median(ink)]  # without blank pages
    return [int(order[int(part * (len(order) - 1))]) for part in np.linspace(0.1, 0.5, REFERENCES)]


def _grow(pages: Sequence[np.ndarray], first: int, n_jobs: int | None) -> Template | None:
    """Return the print found with one page as the first guess."""
    guess = np.pad(pages[first], MARGIN)
    shape = guess.shape[0], guess.shape[1]
    starts: list[Any] = [None] * len(pages)
    aligned = list(range(len(pages)))
    for agreeing in AGREEING:
        form = Registration(guess)
        places = Parallel(n_jobs=n_jobs, prefer="threads")(
            delayed(form.find)(page, start) for page, start in zip(pages, starts, strict=True)
        )
        guess = _agreement(pages, places, aligned, shape, agreeing)
        aligned = [i for i, page in enumerate(pages) if coverage(guess, page, places[i]) >= COVERED]
        if len(aligned) == len(pages) and agreeing == AGREEING[-1]:
            break
        starts = [place if i in aligned else None for i, place in enumerate(places)]
        if len(aligned) < LEAST_AT_FIRST * len(pages):
            return None
    if len(aligned) < max(LEAST_PAGES, LEAST_ALIGNED * len(pages)):
        return None
    darkness = _drop_chance(_agreement(pages, places, aligned, shape, AGREEING[-1]))
    drawn = np.median([np.count_nonzero(pages[i] > DARK) for i in aligned])
    if np.count_nonzero(darkness > DARK) < max(1, LEAST_SHARE * drawn):
        return None
    guide = _find_guide(darkness > DARK, [pages[i] for i in aligned], [places[i] for i in aligned])
    return Template(darkness, guide, aligned)


def _agreement(
    pages: Sequence[np.ndarray],
    places: Sequence[Any],
    aligned: list[int],
    shape: tuple[int, int],
    agreeing: float,
) -> np.ndarray:
    """Return the mean darkness where nearly all of the pages that show the place are dark, else 0."""
    known, near, dark, total = np.zeros((4, *shape), dtype=np.float32)
    for i in aligned:
        laid = lay_over(pages[i], places[i], shape, np.nan)
        on_page = np.isfinite(laid)
        laid[~on_page] = 0
        known += on_page
        near += _near_dark(laid)
        dark += laid > DARK
        total += laid
    agreed = (near >= agreeing * known) & (dark >= 0.5 * known) & (known >= 0.5 * len(aligned))
    return np.where(agreed, total / np.maximum(known, 1), 0)


def _near_dark(page: np.ndarray) -> np.ndarray:
    return ndimage.maximum_filter(page, 2 * TOLERANCE + 1) > DARK


def _drop_chance(darkness: np.ndarray) -> np.ndarray:
    """Return the print without what is as small as where lines of pens meet by chance; 0 without any line.

    Letters of a caption are small, but stand in groups.
    """
    printed = darkness > DARK
    if not _is_long(_label_pieces(printed)).any():
        return np.zeros_like(darkness)
    groups = _label_pieces(printed, GROUP_GAP)
    return np.where(_is_long(groups)[groups], darkness, 0)


def _label_pieces(printed: np.ndarray, gap: int = PIECE_GAP) -> np.ndarray:
    """Return print, and what lies between, numbered by pieces further apart than a gap in pixels."""
    pieces, _ = ndimage.label(ndimage.distance_transform_edt(~printed) <= gap / 2)
    return np.asarray(pieces)


def _is_long(pieces: np.ndarray) -> np.ndarray:
    """Return for each number of a piece whether it reaches far enough to be print; 0 is none."""
    found = np.zeros(pieces.max() + 1, dtype=bool)
    for number, box in enumerate(ndimage.find_objects(pieces), 1):
        found[number] = max(part.stop - part.start for part in box) >= LEAST_SPAN * FORM_SIDE
    return found


def _find_guide(printed: np.ndarray, pages: Sequence[np.ndarray], places: Sequence[np.ndarray]) -> np.ndarray:
    """Return the pieces of print along which most pens run; all if no pen is seen near any."""
    drawn = np.zeros(printed.shape)
    shape = printed.shape[0], printed.shape[1]
    for page, place in zip(pages, places, strict=True):
        drawn += lay_over(page, place, shape) > DARK
    pieces = _label_pieces(printed)
    apart, nearest = ndimage.distance_transform_edt(~printed, return_indices=True)
    around = (apart > 2 * TOLERANCE + 1) & (apart <= GUIDE_REACH * FORM_SIDE)
    owners = pieces[tuple(nearest)][around]
    room = np.bincount(owners, minlength=pieces.max() + 1)
    followed = np.bincount(owners, weights=drawn[around], minlength=pieces.max() + 1) / np.maximum(room, 1)
    followed *= _is_long(pieces)
    if not followed.any():
        return printed
    return printed & (followed >= GUIDE_SHARE * followed.max())[pieces]
