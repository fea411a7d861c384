"""Ink told apart by its colour: a coloured pen, and the black print of a form."""

from __future__ import annotations

import cmath
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy import ndimage

from sparsecnn.preprocessing._ink import cut_desk, measure_light
from sparsecnn.preprocessing._pages import read_page
from sparsecnn.preprocessing._percentile import percentile
from sparsecnn.preprocessing._sources import name_of

COLOURS_SIDE = 512  # pixels; pages of twice this side or more are reduced before colours are told apart
LOOKED_AT = 50  # images, to find out which ink to show
HUES = {"red": 0.0, "green": 120.0, "blue": 240.0}  # degrees; a colour reaches 60 to either side
COLOURED = 0.35  # saturation halfway between black and coloured ink
SLOPE = 0.2  # of saturation, over which ink turns from black to coloured
LEAST_DARKNESS = 0.05  # below this, paper has no colour to speak of
LEAST_LIGHT = 0.05  # of the range from black to white; what is darker is no paper
STROKE = 0.3  # darkness of a stroke; printed rulings are paler
FAINT = 0.15  # darkness of ink; the noise of scans is paler
SPECK = 1 / 50  # of the longer side; what reaches less far may be noise
WIDEST_PRINT = 1 / 32  # of the longer side; the print under which a pen's line is continued
LEAST_SHARE = {"pen": 0.03, "black": 0.1}  # of all ink on a form with both
LEAST_SPAN = 0.5  # of the sides of the box around all ink, that each of both must span


def read_ink(source: Any, side: int, ink: str) -> np.ndarray:
    """Return the brightness of an image, on which ink of other colours has become paper.

    Parameters
    ----------
    source, side
        As `read_page` takes them. Colours are told apart at `COLOURS_SIDE`, or `side` if that is smaller.
    ink : {"all", "pen", "black", "red", "green", "blue"}
        What to keep: "pen" is ink of any colour.

    Returns
    -------
    page : ndarray of shape (height, width), float32 or uint8
        From 0 (black) to 1 (white), or to 255.

    Raises
    ------
    ValueError
        If `ink` is a colour and the image has none.
    Exception
        Whatever `read_page` raises.
    """
    if ink == "all":
        return read_page(source, side)
    page = read_page(source, min(side, COLOURS_SIDE), in_colour=True)
    if not has_colour(page):
        raise ValueError(f"it has shades of gray only, and ink={ink!r} needs colours")
    return draw_colour(page, ink)


def find_ink(images: Sequence[Any] | np.ndarray) -> str:
    """Return "pen" if most images are forms with a coloured pen and black print, else "all".

    At most `LOOKED_AT` images are read. Those that cannot be read are left out.

    Raises
    ------
    ValueError
        If most images in colour are such forms, but others are gray, so that their pen cannot be told.
    """
    looked_at = np.unique(np.linspace(0, len(images) - 1, LOOKED_AT).astype(int))
    forms, gray = [], []
    for index in looked_at:
        try:
            page = read_page(images[index], COLOURS_SIDE, in_colour=True)
        except Exception:  # decoders raise nearly anything on damaged files; `transform` names them
            continue
        if has_colour(page):
            forms.append(_is_form(page))
        else:
            gray.append(f"[{index}] {name_of(images[index])}")
    if not forms or np.mean(forms) <= 0.5:
        return "all"
    if gray:
        raise ValueError(
            f"X mixes forms in colour, whose pen can be told from their print, with images in gray, where it "
            f"cannot: {', '.join(gray)}. Leave one sort out, or set ink='all'."
        )
    return "pen"


def has_colour(page: np.ndarray) -> bool:
    return page.ndim == 3 and bool((page.max(2) != page.min(2)).any())


def draw_colour(colours: np.ndarray, ink: str) -> np.ndarray:
    """Return the brightness of a page on which ink of other colours has become paper.

    Parameters
    ----------
    colours : ndarray of shape (height, width, 3), float32 or uint8
        Red, green and blue, from 0 to 1, or to 255. Paper is lighter than ink.
    ink : {"pen", "black", "red", "green", "blue"}
        What to keep: "pen" is ink of any colour. Where a coloured line crosses other ink, it is continued.

    Returns
    -------
    page : ndarray of shape (height, width), float32
        From 0 (ink) to 1 (paper); all paper if what has the colour may be noise. A desk around the page is
        cut off.
    """
    darkness, coloured, hue = measure_colours(_without_desk(colours))
    shares = {"pen": coloured, "black": 1 - coloured}
    share = shares[ink] if ink in shares else coloured * _likeness(hue, ink)
    drawn = darkness * share
    if not _is_ink(drawn, darkness):
        return np.ones_like(darkness)
    return 1 - (drawn if ink == "black" else _continue_lines(drawn, darkness * (1 - share)))


def _is_ink(drawn: np.ndarray, darkness: np.ndarray) -> bool:
    """Return whether what is drawn in a colour is a share of all ink, or a line; noise is neither."""
    inked = darkness > FAINT
    if drawn[inked].sum() > LEAST_SHARE["pen"] * darkness[inked].sum():
        return True
    pieces, _ = ndimage.label(drawn > STROKE, np.ones((3, 3)))
    reaches = (part.stop - part.start for box in ndimage.find_objects(pieces) for part in box)
    return max(reaches, default=0) >= SPECK * max(drawn.shape)


def _is_form(colours: np.ndarray) -> bool:
    """Return whether a page has both coloured and black ink, each over at least half of what is drawn."""
    darkness, coloured, _ = measure_colours(_without_desk(colours))
    strokes = np.where(darkness > STROKE, darkness, 0)
    inks = {"pen": strokes * coloured, "black": strokes * (1 - coloured)}
    total, spans = strokes.sum(), _spans(strokes)
    return all(
        inks[name].sum() > share * total and (_spans(inks[name]) >= LEAST_SPAN * spans).all()
        for name, share in LEAST_SHARE.items()
    )


def _without_desk(colours: np.ndarray) -> np.ndarray:
    rows, columns = cut_desk(colours.max(2))
    return colours[rows, columns]


def measure_colours(colours: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return darkness and colouredness, from 0 to 1, and the hue, a complex number, of each pixel of a page.

    They are of the light that ink lets through: red, green and blue as parts of those of the paper, so that
    neither shade nor a tint of the paper is a colour.
    """
    white = 255 if colours.dtype == np.uint8 else 1
    light = np.stack([_transmitted(colours[..., i], white) for i in range(3)])
    lowest, highest = light.min(0), light.max(0)
    darkness = 1 - lowest
    saturation = (highest - lowest) / np.maximum(darkness, LEAST_DARKNESS)
    red, green, blue = light
    hue = red - (green + blue) / 2 + 1j * math.sqrt(3) / 2 * (green - blue)
    return darkness, _rise(saturation, COLOURED, SLOPE), hue


def _transmitted(channel: np.ndarray, white: int) -> np.ndarray:
    paper = np.maximum(measure_light(np.ascontiguousarray(channel)), LEAST_LIGHT)
    light: np.ndarray = np.minimum(channel / (white * paper), 1, dtype=np.float32)
    return light


def _likeness(hue: np.ndarray, name: str) -> np.ndarray:
    """Return 1 where a hue is within 60 degrees of that of a colour by name, less beyond, down to 0."""
    turned = hue * cmath.exp(-1j * math.radians(HUES[name]))
    return _rise(turned.real / np.maximum(np.abs(turned), 1e-9), 0.5, SLOPE)


def _rise(x: np.ndarray, middle: float, width: float) -> np.ndarray:
    return np.clip((x - middle) / width + 0.5, 0, 1).astype(np.float32)


def _continue_lines(pen: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Return the pen, with gaps closed where other ink lies over it."""
    covered = other > STROKE
    if not covered.any():
        return pen
    widths = 2 * ndimage.distance_transform_edt(covered)[covered]
    side = 2 * int(min(percentile(widths, 95), WIDEST_PRINT * max(pen.shape))) + 3
    return np.where(covered, np.maximum(pen, ndimage.grey_closing(pen, (side, side))), pen)


def _spans(ink: np.ndarray) -> np.ndarray:
    """Return height and width of the box around ink."""
    drawn = ink > STROKE
    return np.array([np.ptp(np.flatnonzero(drawn.any(axis))) + 1 if drawn.any() else 0 for axis in (1, 0)])
