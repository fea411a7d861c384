"""What is on a sheet beside the drawing, and how it is copied: rulings, print, colours, scan or photo."""

import io
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image
from scipy import ndimage

from sparsecnn.datasets._paper import blur

GUIDES = ("none", "black", "gray")
PENS = ("blue", "black", "red", "pencil")
PAPERS = ("plain", "lined", "squared", "framed")
# Light that ink lets through, of red, green and blue.
_COLOURS = {
    "blue": (0.10, 0.15, 0.65),
    "red": (0.75, 0.10, 0.15),
    "black": (0.06, 0.06, 0.07),
    "gray": (0.55, 0.55, 0.55),
    "pencil": (0.35, 0.35, 0.37),
    "pale": (0.72, 0.80, 0.92),  # rulings
}
_SHADES = 0.06  # by which colours differ between sheets
_LEAST_ROOM = 0.5  # of a copied sheet, for a drawing of size 1


@dataclass(frozen=True)
class _Copy:
    """How a sheet becomes a picture."""

    turn: float  # at most, in radians
    blur: tuple[float, float]  # in pixels
    slope: float  # of the light, at most
    clouds: float  # in the paper
    noise: float  # at most
    quality: tuple[int, int] | None  # of the JPEG file


_COPIES = {
    "clean": _Copy(0.0, (0.25, 0.7), 0.03, 0.0, 0.02, None),
    "scan": _Copy(0.05, (0.3, 0.9), 0.04, 0.02, 0.03, (50, 96)),
    "phone": _Copy(0.1, (0.4, 1.2), 0.2, 0.02, 0.05, (30, 91)),
}
CAPTURES = tuple(_COPIES)


@dataclass(frozen=True)
class Sheet:
    """What a drawing is on: its guide, pen ("" for shades of gray), paper, and the way it is copied."""

    guide: str
    pen: str
    paper: str
    capture: str
    angle: float  # by which all is turned
    room: float  # of the sheet, for a drawing of size 1

    @property
    def plain(self) -> bool:
        """Whether the sheet shows shades of gray and the drawing alone, and is not copied."""
        return (self.guide, self.pen, self.paper, self.capture) == ("none", "", "plain", "clean")


def draw_sheet(rng: np.random.Generator, names: Sequence[str], room: float) -> Sheet:
    """Draw how a sheet lies; `names` are of its guide, pen, paper and capture."""
    guide, pen, paper, capture = names
    turn = _COPIES[capture].turn
    angle = float(rng.uniform(-turn, turn))
    smallest = room if capture == "clean" else _LEAST_ROOM
    return Sheet(guide, pen, paper, capture, angle, room=float(rng.uniform(smallest, room)))


def finish_sheet(
    rng: np.random.Generator, sheet: Sheet, pen: np.ndarray, guide: np.ndarray, shape: tuple[int, int]
) -> np.ndarray:
    """Return a page of uint8: (height, width, 3), dark on light; or (height, width), bright on dark.

    `pen` and `guide` are ink (height, width) from 0 to 1.
    """
    light = np.ones((3, *shape), dtype=np.float32)
    rulings, colour = _rule(rng, sheet, shape)
    layers = [(rulings, colour), (guide, sheet.guide), (pen, sheet.pen or "black")]
    for ink, name in layers:
        shade = np.clip(_COLOURS.get(name, (0, 0, 0)) + rng.uniform(-_SHADES, _SHADES, 3), 0.02, 1)
        light *= 1 - ink * (1 - shade[:, None, None])
    return _copy(rng, sheet, light if sheet.pen else light.mean(axis=0, keepdims=True))


def _rule(rng: np.random.Generator, sheet: Sheet, shape: tuple[int, int]) -> tuple[np.ndarray, str]:
    """Draw the ink of the rulings or of the frame, and the name of its colour."""
    height, width = shape
    y, x = np.mgrid[:height, :width] - np.array([height / 2, width / 2])[:, None, None]
    cos, sin = np.cos(sheet.angle), np.sin(sheet.angle)
    along, across = cos * x + sin * y, cos * y - sin * x
    thick, spacing = rng.uniform(0.4, 1.0), rng.uniform(0.05, 0.12) * min(shape)
    starts, border = rng.uniform(0, spacing, 2), rng.uniform(0.9, 0.97) / 2
    colour = str(rng.choice(["pale", "gray"]))
    if sheet.paper == "plain":
        return np.zeros(shape, dtype=np.float32), colour
    if sheet.paper == "framed":
        edges = np.maximum(np.abs(along) - border * width, np.abs(across) - border * height)
        return _stroke(edges, thick + 0.3), "black" if rng.random() < 0.5 else colour
    lines = [across + starts[0]] + ([along + starts[1]] if sheet.paper == "squared" else [])
    distances = [(line + spacing / 2) % spacing - spacing / 2 for line in lines]
    return np.maximum.reduce([_stroke(distance, thick) for distance in distances]), colour


def _stroke(distance: np.ndarray, thick: float) -> np.ndarray:
    """Return the ink of a line `thick` pixels wide, from the distance of pixels to its middle."""
    return np.clip(thick / 2 + 0.5 - np.abs(distance), 0, min(thick, 1)).astype(np.float32)


def _copy(rng: np.random.Generator, sheet: Sheet, light: np.ndarray) -> np.ndarray:
    """Return the picture, uint8, that is taken of the light (1 or 3, height, width) of a sheet."""
    copy = _COPIES[sheet.capture]
    n, shape = len(light), light.shape[1:]
    page = blur(light - 1, np.full(n, rng.uniform(*copy.blur))) * rng.uniform(0.75, 1.0)
    tint = rng.uniform(0.95, 1.0, n) * rng.uniform(0.85, 1.0)
    down, across = np.linspace(-1, 1, shape[0])[:, None], np.linspace(-1, 1, shape[1])
    lit = 1 + copy.slope * (rng.uniform(-1, 1) * down + rng.uniform(-1, 1) * across)
    lit -= copy.slope * rng.uniform(0, 0.5) * (down**2 + across**2)
    lit = lit + copy.clouds * ndimage.gaussian_filter(rng.standard_normal(shape), 3.0) * 6
    page = (page + 1) * tint[:, None, None] * lit
    page += rng.uniform(0, copy.noise) * rng.standard_normal(page.shape)
    pixels = np.rint(255 * np.clip(page, 0, 1)).astype(np.uint8)
    picture = Image.fromarray(np.ascontiguousarray(np.moveaxis(pixels, 0, -1)) if n == 3 else pixels[0])
    if copy.quality:
        picture = _recompress(picture, int(rng.integers(*copy.quality)))
    taken = np.asarray(picture)
    return taken if n == 3 else 255 - taken


def _recompress(picture: Image.Image, quality: int) -> Image.Image:
    """Return a picture as it looks after it was a JPEG file."""
    file = io.BytesIO()
    picture.save(file, "JPEG", quality=quality)
    return Image.open(file)
