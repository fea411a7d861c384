"""Answers as a table or as JSON, and complaints; any file name prints safely on one line."""

from __future__ import annotations

import json
import sys
import unicodedata
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sparsecnn._command_line._answers import Answer, Kind

CANNOT_TELL = "cannot tell"


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
    """Prints answers in columns.

    Parameters
    ----------
    names : sequence of str
        Of files or persons.
    kind : Kind
        What the answers are about.
    """

    def __init__(self, names: Sequence[str], kind: Kind):
        self._kind = kind
        of_persons = ["images"] if kind.unit == "person" else []
        sought = None if kind.sought is None else printable(str(kind.sought))
        numbers = ["probability"] if sought is None else [f"probability of {sought}", "threshold"]
        self._headings = [kind.unit, "answer", *of_persons, *numbers]
        answers = [*kind.classes, CANNOT_TELL] if kind.has_sets else kind.classes
        texts = [*map(printable, names)], [printable(str(answer)) for answer in answers]
        self._widths = [
            max(map(_width, [*text, heading])) for text, heading in zip(texts, self._headings, strict=False)
        ]
        self._widths += map(_width, self._headings[2:])
        self._is_empty = True

    def print(self, answers: Iterable[Answer]) -> None:
        """Print rows, and before the first the headings.

        Parameters
        ----------
        answers : iterable of Answer
        """
        if self._is_empty:
            self._print_row(self._headings)
            self._is_empty = False
        for answer in answers:
            self._print_row(self._cells(answer))
        sys.stdout.flush()

    def _cells(self, answer: Answer) -> list[str]:
        kind = self._kind
        images = [str(answer.n_images)] if kind.unit == "person" else []
        numbers = [_probability(answer, kind)] + ([] if kind.threshold is None else [kind.threshold])
        text = CANNOT_TELL if answer.cannot_tell else printable(str(answer.label))
        return [printable(answer.name), text, *images, *(f"{100 * number:.1f} %" for number in numbers)]

    def _print_row(self, cells: Sequence[str]) -> None:
        padding = [" " * (width - _width(cell)) for cell, width in zip(cells, self._widths, strict=True)]
        left = [cell + pad for cell, pad in zip(cells[:2], padding[:2], strict=True)]
        right = [pad + cell for cell, pad in zip(cells[2:], padding[2:], strict=True)]
        print("  ".join([*left, *right]))


def _width(text: str) -> int:
    """Return how many columns of a terminal a text takes."""
    wide = sum(unicodedata.east_asian_width(c) in "WF" for c in text)
    return len(text) + wide - sum(unicodedata.combining(c) > 0 for c in text)


class JsonLines:
    """Prints answers as lines of JSON, in ASCII.

    Parameters
    ----------
    kind : Kind
        What the answers are about.
    """

    def __init__(self, kind: Kind):
        self._kind = kind

    def print(self, answers: Iterable[Answer]) -> None:
        """Print a line for each file or person.

        Parameters
        ----------
        answers : iterable of Answer
        """
        for answer in answers:
            print(json.dumps(self._line(answer), allow_nan=False))
        sys.stdout.flush()

    def _line(self, answer: Answer) -> dict[str, Any]:
        kind = self._kind
        line: dict[str, Any] = {kind.unit: answer.name}
        line |= {"n_images": answer.n_images} if kind.unit == "person" else {}
        line |= {"answer": None if answer.cannot_tell else answer.label}
        line |= {"probability": _probability(answer, kind)}
        line["probabilities"] = {
            str(label): value for label, value in zip(kind.classes, answer.probabilities, strict=True)
        }
        if kind.sought is not None:
            line |= {"sought": kind.sought, "threshold": kind.threshold, "by_threshold": answer.label}
            line |= {"possible": answer.possible} if kind.has_sets else {}
            line |= {"shift": answer.shift} if answer.shift else {}
        return line


def _probability(answer: Answer, kind: Kind) -> float:
    """Return the probability of the sought class; without one, of the answer."""
    label = answer.label if kind.sought is None else kind.sought
    return answer.probabilities[kind.classes.index(label)]
