"""Fonts and words that the handwriting generator draws with."""

from collections.abc import Callable, Sequence
from difflib import get_close_matches
from functools import cache, lru_cache, wraps
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, TypeVar

import numpy as np
from PIL import Image, ImageDraw, ImageFont

_P = ParamSpec("_P")
_T = TypeVar("_T")

_DATA = Path(__file__).parent
_FONTS = _DATA / "fonts"
# Words are measured at one size and drawn at the next of these, so that resampling never shrinks a mask by
# more than a factor of about sqrt(2), which bilinear interpolation handles without jagged edges.
_REFERENCE_SIZE = 96
_SIZES = np.array([8, 12, 17, 24, 34, 48, 68, 96, 136, 192, 272])
_ABSENT = "\U0010ffff"


def list_fonts() -> list[str]:
    """List the names of the shipped fonts.

    The package ships a hundred open typefaces: two thirds are handwriting or script, the others print (serif,
    sans serif, slab serif, monospace). Their licences are in ``datasets/fonts/licences``.

    Returns
    -------
    list of str
        In alphabetical order, for the parameter `fonts` of :func:`make_shaky_words`.

    See Also
    --------
    list_words : List the words written by default.

    Examples
    --------
    >>> from sklearn.model_selection import train_test_split
    >>> from sparsecnn.datasets import list_fonts
    >>> train, test = train_test_split(list_fonts(), test_size=10, random_state=0)
    >>> len(train), len(test), set(train) & set(test)
    (90, 10, set())
    """
    return list(_shipped())


@cache
def _shipped() -> tuple[str, ...]:
    return tuple(sorted(path.stem for path in _FONTS.glob("*.woff")))


def list_words() -> list[str]:
    """List the words that :func:`make_shaky_words` writes by default.

    Common English words and names of one to eight characters, most of them in lower case, some capitalised or
    in capitals, and a few numbers.

    Returns
    -------
    list of str
        All different, for the parameter `words` of :func:`make_shaky_words`.

    See Also
    --------
    list_fonts : List the names of the shipped fonts.

    Examples
    --------
    >>> from sparsecnn.datasets import list_words
    >>> words = list_words()
    >>> len(words) > 300, max(len(word) for word in words)
    (True, 8)
    """
    return (_DATA / "words.txt").read_text(encoding="utf-8").split()


def find_fonts(fonts: Sequence[str | Path] | None) -> tuple[list[str], list[str]]:
    """Return labels and paths of `fonts`, shipped names or font files; None stands for all shipped."""
    if fonts is None:
        fonts = list_fonts()
    fonts = _as_list(fonts, "fonts", "names of shipped fonts or paths of font files")
    return [str(font) for font in fonts], [_font_path(font) for font in fonts]


def find_words(words: Sequence[str] | None, paths: Sequence[str]) -> list[str]:
    """Return `words`, which every font of `paths` must be able to draw; None stands for all shipped."""
    if words is None:
        words = list_words()
    words = _as_list(words, "words", "strings")
    for word in words:
        if not isinstance(word, str) or not word.strip():
            raise ValueError(f"words must be strings of at least one visible character, got {word!r}.")
    for path in paths:
        _check_glyphs(words, path)
    return words


def _check_glyphs(words: Sequence[str], path: str) -> None:
    """Raise unless the font leaves ink for each character of `words` but the space."""
    missing = [c for c in sorted(set("".join(words)) - {" "}) if not _has_glyph(path, c)]
    if missing:
        word = next(word for word in words if missing[0] in word)
        raise ValueError(f"words: the font {Path(path).stem!r} cannot draw {missing}, as in {word!r}.")


def _as_list(values: Any, name: str, expected: str) -> list:
    if isinstance(values, (str, bytes, Path)) or not np.iterable(values):
        raise TypeError(f"{name} must be a list of {expected}, got {values!r}.")
    values = list(values)
    if not values:
        raise ValueError(f"{name} must be a list of {expected}, got an empty list.")
    return values


def _font_path(font: Any) -> str:
    if not isinstance(font, (str, Path)):
        raise TypeError(f"fonts must hold names of shipped fonts or paths of font files, got {font!r}.")
    shipped = _shipped()
    path = _FONTS / f"{font}.woff" if str(font) in shipped else Path(font)
    if not path.is_file():
        close = get_close_matches(str(font).lower().replace(" ", "-"), shipped, n=3)
        hint = (
            f" Did you mean {' or '.join(map(repr, close))}?" if close else " See list_fonts() for the names."
        )
        raise ValueError(f"fonts: {str(font)!r} is neither a shipped font nor a file.{hint}")
    _face(str(path), _REFERENCE_SIZE)
    return str(path)


def _names_font(draw: Callable[Concatenate[str, _P], _T]) -> Callable[Concatenate[str, _P], _T]:
    """Wrap a function whose first argument is the path of a font: its errors name the font."""

    @wraps(draw)
    def named(path: str, *args: _P.args, **kwargs: _P.kwargs) -> _T:
        try:
            return draw(path, *args, **kwargs)
        except OSError as error:
            raise ValueError(f"fonts: {path!r} cannot be read as a font ({error}).") from error

    return named


@lru_cache(maxsize=2048)  # every shipped font in every size
@_names_font
def _face(path: str, size: int) -> ImageFont.FreeTypeFont:
    # Basic layout: the drawing must not depend on whether libraqm is installed.
    return ImageFont.truetype(path, size, layout_engine=ImageFont.Layout.BASIC)


@cache
def _has_glyph(path: str, character: str) -> bool:
    glyph = _glyph(path, character)
    return glyph != _glyph(path, _ABSENT) and any(glyph[1])


@_names_font
def _glyph(path: str, character: str) -> tuple[tuple[int, int], bytes]:
    mask = _face(path, 24).getmask(character)
    return mask.size, bytes(mask)


@cache
@_names_font
def _letter_height(path: str, character: str) -> float:
    _, top, _, bottom = _face(path, _REFERENCE_SIZE).getbbox(character)
    return (bottom - top) / _REFERENCE_SIZE


@lru_cache(maxsize=1 << 15)
@_names_font
def _ink_box(path: str, word: str) -> np.ndarray:
    """Return left, top, right and bottom of a word's ink, for a font of size 1."""
    return np.array(_face(path, _REFERENCE_SIZE).getbbox(word)) / _REFERENCE_SIZE


def measure(path: str, word: str) -> tuple[float, float, float]:
    """Return width and height of a word's ink and the mean height of its letters, at font size 1."""
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
        Width added on both sides of every stroke, as a fraction of the font size.

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
    starts = (borders[:, None] - ink[:, :2]).tolist()
    boxes = np.stack([top, height, width], axis=1)
    for i, (row, rows, columns) in enumerate(boxes.tolist()):
        image = _draw_word(*texts[i], int(drawn[i]), int(added[i]), (columns, rows), starts[i])
        sheet.paste(image, (0, row))
    return np.asarray(sheet), boxes, drawn


@_names_font
def _draw_word(
    path: str, word: str, size: int, stroke: int, box: tuple[int, int], start: tuple[float, float]
) -> Image.Image:
    """Draw a word at `start` (x, y) in an image of size `box` (width, height)."""
    image = Image.new("L", box)
    ImageDraw.Draw(image).text(start, word, font=_face(path, size), fill=255, stroke_width=stroke)
    return image
