"""Generators of curve images, regular and shaky, and a loader of one's own drawings."""

from ._drawings import load_drawings
from ._fonts import load_fonts, load_words
from ._spirals import make_shaky_spirals
from ._words import make_shaky_words

__all__ = ["load_drawings", "load_fonts", "load_words", "make_shaky_spirals", "make_shaky_words"]
