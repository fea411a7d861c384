"""Generators of curve images, regular and shaky, and a loader of your own drawings."""

from sparsecnn.datasets._drawings import compile_pattern as compile_pattern
from sparsecnn.datasets._drawings import load_drawings
from sparsecnn.datasets._drawings import person_in_name as person_in_name
from sparsecnn.datasets._fonts import list_fonts, list_words
from sparsecnn.datasets._shaky_drawings import DRAWING_KINDS as DRAWING_KINDS
from sparsecnn.datasets._shaky_drawings import make_shaky_drawings
from sparsecnn.datasets._spirals import make_shaky_spirals
from sparsecnn.datasets._words import make_shaky_words

__all__ = [
    "list_fonts",
    "list_words",
    "load_drawings",
    "make_shaky_drawings",
    "make_shaky_spirals",
    "make_shaky_words",
]
