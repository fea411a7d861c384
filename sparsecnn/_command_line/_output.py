"""Answers as a table or as JSON, and complaints; any file name prints safely on one line."""

from __future__ import annotations

import json
import sys
import unicodedata
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

HEADINGS = "file", "answer", "probability"


def complain(message: str, name: str | None = None) -> None:
    """Print a line of the error output.

    Parameters
    ----------
    message : str
        What is wrong.
    name : str, default=None
        The file that it is about.
    """
    lines = " ".join(message.split("\n"))
    about = "" if name is None else f"{printable(name) or repr(name)}: "
    print(f"sparsecnn: {about}{printable(lines)}", file=sys.stderr, flush=True)


def printable(name: str) -> str:
    """Return a text with escapes in place of line ends, control characters and undecodable bytes."""
    return "".join(c if c.isprintable() else _escape(c) for c in name)


def _escape(character: str) -> str:
    byte = ord(character) - 0xDC00  # how Python stands for a byte of a name that is no text
    return f"\\x{byte:02x}" if 0x80 <= byte <= 0xFF else repr(character)[1:-1]


class Table:
    """Prints answers in columns."""

    def __init__(self, names: Sequence[str], classes: np.ndarray):
        self._classes = [printable(str(label)) for label in classes]
        columns = map(printable, names), self._classes
        self._widths = [
            max(map(_width, [*column, heading])) for column, heading in zip(columns, HEADINGS, strict=False)
        ]
        self._is_empty = True

    def print(self, names: Sequence[str], probabilities: np.ndarray) -> None:
        """Print rows, and before the first the headings.

        Parameters
        ----------
        names : sequence of str
            Files.
        probabilities : ndarray of shape (n, n_classes)
            Their probabilities.
        """
        if self._is_empty:
            self._print_row(*HEADINGS)
            self._is_empty = False
        for name, row in zip(names, probabilities, strict=True):
            best = int(row.argmax())
            self._print_row(printable(name), self._classes[best], f"{100 * row[best]:.1f} %")
        sys.stdout.flush()

    def _print_row(self, name: str, answer: str, probability: str) -> None:
        cells = [
            text + " " * (width - _width(text))
            for text, width in zip((name, answer), self._widths, strict=True)
        ]
        print("  ".join([*cells, probability.rjust(len(HEADINGS[2]))]))


def _width(text: str) -> int:
    """Return how many columns of a terminal a text takes."""
    wide = sum(unicodedata.east_asian_width(c) in "WF" for c in text)
    return len(text) + wide - sum(unicodedata.combining(c) > 0 for c in text)


class JsonLines:
    """Prints answers as lines of JSON, in ASCII."""

    def __init__(self, classes: np.ndarray):
        self._classes = classes.tolist()

    def print(self, names: Sequence[str], probabilities: np.ndarray) -> None:
        """Print a line for each file.

        Parameters
        ----------
        names : sequence of str
            Files.
        probabilities : ndarray of shape (n, n_classes)
            Their probabilities.
        """
        for name, row in zip(names, probabilities.tolist(), strict=True):
            best = row.index(max(row))
            line: dict[str, Any] = {"file": name, "answer": self._classes[best], "probability": row[best]}
            line["probabilities"] = {
                str(label): value for label, value in zip(self._classes, row, strict=True)
            }
            print(json.dumps(line, allow_nan=False))
        sys.stdout.flush()
