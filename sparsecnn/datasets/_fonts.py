"""Fonts and words that the handwriting generator draws with."""

from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from functools import cache, lru_cache
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

_DATA = Path(__file__).parent
_FONTS = _DATA / "fonts"
# Words are measured at one size and drawn at the next of these, so that resampling never shrinks a mask by
# more than a factor of about sqrt(2), which bilinear interpolation handles without jagged edges.
_REFERENCE_SIZE = 96
_SIZES = np.array([8, 12, 17, 24, 34, 48, 68, 96, 136, 192, 272])
_ABSENT = "\U0010ffff"


def load_fonts() -> list[str]:
    """Names of the shipped fonts.

    A hundred open typefaces, two thirds of them handwriting or script, the others print (serif, sans, slab,
    mono). Their licences lie beside them in the package, in ``datasets/fonts``.

    Returns
    -------
    names : list of str
        In alphabetical order. Every name is accepted by the parameter `fonts` of :func:`make_shaky_words`.

    Examples
    --------
    >>> from sklearn.model_selection import train_test_split
    >>> from sparsecnn.datasets import load_fonts
    >>> train, test = train_test_split(load_fonts(), test_size=10, random_state=0)
    >>> len(train), len(test), set(train) & set(test)
    (90, 10, set())
    """
    return list(_shipped())


@cache
def _shipped() -> tuple[str, ...]:
    return tuple(sorted(path.stem for path in _FONTS.glob("*.woff")))


def load_words() -> list[str]:
    """Words that :func:`make_shaky_words` writes by default.

    Common English words and names of one to eight characters, most of them in lower case, some capitalised or
    in capitals, a few numbers.

    Returns
    -------
    words : list of str
        All different.

    Examples
    --------
    >>> from sparsecnn.datasets import load_words
    >>> words = load_words()
    >>> len(words) > 300, max(len(word) for word in words)
    (True, 8)
    """
    return (_DATA / "words.txt").read_text(encoding="utf-8").split()


def find_fonts(fonts: Sequence[str | Path] | None) -> tuple[list[str], list[str]]:
    """Labels and paths of `fonts`, shipped names or paths of font files; None stands for all shipped."""
    if fonts is None:
        fonts = load_fonts()
    fonts = _as_list(fonts, "fonts", "names of shipped fonts or paths of font files")
    return [str(font) for font in fonts], [_font_path(font) for font in fonts]


def find_words(words: Sequence[str] | None, paths: Sequence[str]) -> list[str]:
    """`words`, checked to be drawable with every font of `paths`; None stands for the shipped list."""
    if words is None:
        words = load_words()
    words = _as_list(words, "words", "strings")
    for word in words:
        if not isinstance(word, str) or not word.strip():
            raise ValueError(f"words must be non-empty strings, got {word!r}.")
    characters = sorted(set("".join(words)) - {" "})
    for path in paths:
        missing = [c for c in characters if not _has_glyph(path, c)]
        if missing:
            raise ValueError(f"The font {Path(path).stem!r} cannot draw {missing} of the given words.")
    return words


def _as_list(values: Iterable, name: str, expected: str) -> list:
    if isinstance(values, (str, bytes, Path)) or not isinstance(values, Iterable):
        raise TypeError(f"{name} must be a list of {expected}, got {values!r}.")
    values = list(values)
    if not values:
        raise ValueError(f"{name} must be a list of {expected}, got an empty list.")
    return values


def _font_path(font: str | Path) -> str:
    if not isinstance(font, (str, Path)):
        raise TypeError(f"fonts must hold names of shipped fonts or paths of font files, got {font!r}.")
    shipped = _shipped()
    path = _FONTS / f"{font}.woff" if str(font) in shipped else Path(font)
    if not path.is_file():
        close = get_close_matches(str(font).lower().replace(" ", "-"), shipped, n=3)
        hint = (
            f" Did you mean {' or '.join(map(repr, close))}?" if close else " See load_fonts() for the names."
        )
        raise ValueError(f"fonts: {str(font)!r} is neither a shipped font nor a file.{hint}")
    try:
        _face(str(path), _REFERENCE_SIZE)
    except OSError as error:
        raise ValueError(f"fonts: {str(path)!r} cannot be read as a font ({error}).") from error
    return str(path)


@lru_cache(maxsize=2048)  # every shipped font in every size
def _face(path: str, size: int) -> ImageFont.FreeTypeFont:
    # Basic layout: the drawing must not depend on whether libraqm is installed.
    return ImageFont.truetype(path, size, layout_engine=ImageFont.Layout.BASIC)


@cache
def _has_glyph(path: str, character: str) -> bool:
    return _glyph(path, character) not in (_glyph(path, _ABSENT), _glyph(path, " "))


def _glyph(path, character):
    mask = _face(path, 24).getmask(character)
    return mask.size, bytes(mask)


@cache
def _letter_height(path: str, character: str) -> float:
    _, top, _, bottom = _face(path, _REFERENCE_SIZE).getbbox(character)
    return (bottom - top) / _REFERENCE_SIZE


@lru_cache(maxsize=1 << 15)
def _ink_box(path: str, word: str) -> np.ndarray:
    """Left, top, right and bottom of a word's ink, for a font of size 1."""
    return np.array(_face(path, _REFERENCE_SIZE).getbbox(word)) / _REFERENCE_SIZE


def measure(path: str, word: str) -> tuple[float, float, float]:
    """Width and height of a word's ink and the mean height of its letters, for a font of size 1."""
    left, top, right, bottom = _ink_box(path, word)
    letters = [_letter_height(path, c) for c in word if c != " "]
    return right - left, bottom - top, sum(letters) / len(letters)


def draw_words(
    texts: Sequence[tuple[str, str]], sizes: np.ndarray, strokes: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Draw words bright on black, one below the other on one sheet, each in the middle of an empty border.

    Parameters
    ----------
    texts : sequence of (str, str)
        Font file and word.
    sizes : ndarray of shape (n,)
        Font sizes wanted, in pixels.
    strokes : ndarray of shape (n,)
        Width added on both sides of every stroke, in parts of the font size.

    Returns
    -------
    sheet : ndarray of uint8, shape (height, width)
        The ink.
    boxes : ndarray of int, shape (n, 3)
        Of each word, top row, height and width, with the border; it starts in the first column.
    drawn_sizes : ndarray of int, shape (n,)
        The font sizes of the sheet: the next larger ones of a fixed series.
    """
    drawn = _SIZES[np.searchsorted(_SIZES[:-1], sizes)]
    added = (strokes * drawn).astype(int)
    # Room for the added stroke and for hinting, which moves outlines by up to a pixel.
    borders = added + 2
    ink = np.array([_ink_box(*text) for text in texts]) * drawn[:, None]
    width, height = (np.ceil(ink[:, 2:] - ink[:, :2]).astype(int) + 2 * borders[:, None]).T
    top = np.cumsum(height) - height
    sheet = Image.new("L", (int(width.max()), int(height.sum())))
    words = zip(texts, drawn.tolist(), added.tolist(), width.tolist(), height.tolist(), strict=True)
    starts = (borders[:, None] - ink[:, :2]).tolist()
    for ((path, word), size, stroke, *shape), start, row in zip(words, starts, top.tolist(), strict=True):
        mask = Image.new("L", shape)
        ImageDraw.Draw(mask).text(start, word, font=_face(path, size), fill=255, stroke_width=stroke)
        sheet.paste(mask, (0, row))
    return np.asarray(sheet), np.stack([top, height, width], axis=1), drawn
