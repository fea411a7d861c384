"""Tables that show themselves in a notebook, in the colours of its page."""

from __future__ import annotations

import html
from collections.abc import Sequence
from typing import NamedTuple


class Cell(NamedTuple):
    """Text of one cell, and the length of its bar, from 0 to 1, or None for no bar."""

    text: str
    bar: float | None = None


def html_table(
    above: str,
    columns: Sequence[tuple[str, Sequence[str]]],
    rows: Sequence[Sequence[Cell]],
    *,
    n_left: int,
    below: Sequence[str] = (),
    has_total: bool = False,
) -> str:
    """Return a table between sentences as HTML, light or dark as the page that shows it.

    Parameters
    ----------
    above : str
        Sentence above the table.
    columns : sequence of (str, sequence of str)
        The headings of the columns, in groups with a heading of their own, or "".
    rows : sequence of sequences of Cell
    n_left : int
        Number of columns that are aligned to the left; the others are to the right.
    below : sequence of str, default=()
        Sentences below the table.
    has_total : bool, default=False
        Whether the last row has the sums of the others.
    """
    sides = ["left" if i < n_left else "right" for i in range(sum(len(names) for _, names in columns))]
    titles = "".join(_heading(title, len(names), "center") for title, names in columns)
    names = [name for _, group in columns for name in group]
    heads = "".join(_heading(name, 1, side) for name, side in zip(names, sides, strict=True))
    body = "".join(_row(row, sides, has_total and row is rows[-1]) for row in rows)
    titles = f"<tr>{titles}</tr>" if any(title for title, _ in columns) else ""
    notes = "".join(f'<p style="margin: 0.3em 0">{html.escape(sentence)}</p>' for sentence in below)
    return (
        '<div style="color: inherit; overflow-x: auto">'
        f'<p style="margin: 0.3em 0"><b>{html.escape(above)}</b></p>'
        '<table style="border-collapse: collapse; color: inherit; font-variant-numeric: tabular-nums">'
        f"<thead>{titles}<tr>{heads}</tr></thead><tbody>{body}</tbody></table>{notes}</div>"
    )


def _heading(text: str, n_columns: int, side: str) -> str:
    style = f"text-align: {side}; padding: 0.1em 0.6em; white-space: nowrap"
    return f'<th colspan="{n_columns}" style="{style}">{html.escape(text)}</th>'


def _row(row: Sequence[Cell], sides: Sequence[str], is_total: bool) -> str:
    line = "border-top: 1px solid currentColor; font-weight: bold; " if is_total else ""
    cells = "".join(_cell(cell, side, line) for cell, side in zip(row, sides, strict=True))
    return f'<tr style="background: transparent; color: inherit">{cells}</tr>'


def _cell(cell: Cell, side: str, line: str) -> str:
    bar = ""
    if cell.bar is not None:
        bar = (
            '<div style="height: 0.3em; background: currentColor; opacity: 0.35; margin-left: auto; '
            f'width: {cell.bar:.1%}"></div>'
        )
    style = f"{line}text-align: {side}; padding: 0.1em 0.6em; white-space: nowrap; vertical-align: top"
    return f'<td style="{style}">{html.escape(cell.text)}{bar}</td>'
