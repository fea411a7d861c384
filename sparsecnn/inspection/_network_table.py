"""The report of a network as text and as HTML."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING

from sparsecnn._html_table import Cell, html_table
from sparsecnn.inspection._network_counts import LayerCounts, NetworkCounts

if TYPE_CHECKING:
    from sparsecnn.inspection._network_report import NetworkReport

# The headings of the columns, in groups.
COLUMNS = (
    ("", ("layer",)),
    ("weights", ("shape", "number", "non-zero", "zeros")),
    ("channels", ("read", "written")),
    ("multiply-adds", ("dense", "living", "non-zero")),
    ("bytes", ("dense", "sparse")),
)
N_LEFT = 2  # columns that are aligned to the left
UNKNOWN = "?"


def amount(n: float) -> str:
    """Return a number in four digits, such as 19.47 M."""
    if n < 10_000:
        return f"{n:,.0f}"
    unit, factor = next((u, f) for u, f in (("T", 1e12), ("G", 1e9), ("M", 1e6), ("k", 1e3)) if n >= f)
    return f"{n / factor:.4g} {unit}"


def as_text(report: NetworkReport) -> str:
    """Return the report as an aligned table, with sentences above and below it."""
    rows = [[cell.text for cell in row] for row in _rows(report)]
    names = [name for _, group in COLUMNS for name in group]
    widths = [max(map(len, column)) for column in zip(names, *rows, strict=True)]
    line = "-" * len(_line(names, widths))
    table = [_group_line(widths), _line(names, widths), line, *(_line(row, widths) for row in rows)]
    table.insert(-1, line)
    above, *below = _sentences(report)
    wrapped = [textwrap.fill(sentence, max(len(line), 80)) for sentence in below]
    return "\n".join([above, "", *(text.rstrip() for text in table), "", *wrapped])


def _line(texts: Sequence[str], widths: Sequence[int]) -> str:
    cells = zip(texts, widths, strict=True)
    return "  ".join(
        text.ljust(width) if i < N_LEFT else text.rjust(width) for i, (text, width) in enumerate(cells)
    )


def _group_line(widths: list[int]) -> str:
    """Return the headings of the groups, each above the middle of its columns."""
    parts, start = [], 0
    for title, names in COLUMNS:
        own = widths[start : start + len(names)]
        parts.append(title.center(sum(own) + 2 * (len(own) - 1)))
        start += len(names)
    return "  ".join(parts)


def as_html(report: NetworkReport) -> str:
    """Return the report as an HTML table in the colours of the page that shows it."""
    above, *below = _sentences(report)
    return html_table(above, COLUMNS, _rows(report), n_left=N_LEFT, below=below, has_total=True)


def _rows(report: NetworkReport) -> list[list[Cell]]:
    """Return the cells of each layer, of what belongs to none, if anything does, and of the sums."""
    most_macs = max(layer.macs for layer in report.layers)
    most_bytes = max(layer.bytes for layer in report.layers)
    rows = [_layer_row(layer, most_macs, most_bytes) for layer in report.layers]
    if report.totals.other_macs or report.totals.other_bytes:
        rows.append(_other_row(report.totals))
    return [*rows, _total_row(report.totals)]


def _layer_row(layer: LayerCounts, most_macs: int, most_bytes: int) -> list[Cell]:
    macs = (layer.macs, layer.living_macs, layer.nonzero_macs)
    return [
        Cell(layer.name or layer.kind),
        Cell("×".join(map(str, layer.shape))),
        *_weight_cells(layer),
        Cell(_channels(layer.n_read_living, layer.n_read)),
        Cell(_channels(layer.n_written_living, layer.n_written)),
        *(_number_cell(n, most_macs) for n in macs),
        *(_number_cell(n, most_bytes) for n in (layer.bytes, layer.sparse_bytes)),
    ]


def _other_row(totals: NetworkCounts) -> list[Cell]:
    macs = amount(totals.other_macs)
    living = UNKNOWN if totals.living_macs is None else macs
    texts = ["other", *[""] * 6, macs, living, macs, *[amount(totals.other_bytes)] * 2]
    return [Cell(text) for text in texts]


def _total_row(totals: NetworkCounts) -> list[Cell]:
    numbers = (totals.macs, totals.living_macs, totals.nonzero_macs, totals.bytes, totals.sparse_bytes)
    empty = Cell("")
    return [Cell("total"), empty, *_weight_cells(totals), empty, empty, *map(_number_cell, numbers)]


def _weight_cells(counts: LayerCounts | NetworkCounts) -> list[Cell]:
    return [Cell(f"{counts.n_weights:,}"), Cell(f"{counts.n_nonzero:,}"), Cell(percent_zero(counts))]


def _number_cell(n: int | None, most: int = 0) -> Cell:
    return Cell(UNKNOWN) if n is None else Cell(amount(n), n / most if most else None)


def percent_zero(counts: LayerCounts | NetworkCounts) -> str:
    """Return the percentage of zeros, 100.0% only where no weight is left."""
    percent = f"{counts.sparsity:.1%}"
    return ">99.9%" if percent == "100.0%" and counts.n_nonzero else percent


def _channels(living: int | None, n_channels: int) -> str:
    return str(n_channels) if living in (None, n_channels) else f"{living} of {n_channels}"


def _sentences(report: NetworkReport) -> list[str]:
    """Return what the table says in words: a heading, then what removal and storing non-zeros save."""
    totals = report.totals
    height, width = report.image_shape
    sentences = [
        f"{type(report.module).__name__} for images of {height}×{width} pixels: {len(report.layers)} layers, "
        f"{totals.n_weights:,} weights, {percent_zero(totals)} of them zero",
        _saved_macs(report),
        f"{_saved_bytes(totals)} Any zero makes files smaller; only whole channels make the network faster.",
    ]
    return [*sentences, _latency(report)] if report.latency_ else sentences


def _saved_macs(report: NetworkReport) -> str:
    totals = report.totals
    if totals.living_macs is None:
        return f"Living channels are not counted. {report.why_unknown}"
    if totals.living_macs == totals.macs:
        return "Every channel is living, so removal of dead channels would save nothing."
    if not totals.living_macs:
        return "No channel carries anything from the image to a score: all images get the same scores."
    return (
        f"Removing dead channels: {amount(totals.macs)} -> {amount(totals.living_macs)} multiply-adds "
        f"({totals.macs / totals.living_macs:.1f} times fewer)."
    )


def _saved_bytes(totals: NetworkCounts) -> str:
    if totals.sparse_bytes == totals.bytes:
        return "There are too few zeros for a smaller file."
    return (
        f"Storing only non-zeros: {_bytes(totals.bytes)} -> {_bytes(totals.sparse_bytes)} "
        f"({totals.bytes / max(1, totals.sparse_bytes):.1f} times smaller)."
    )


def _bytes(n: int) -> str:
    text = amount(n)
    return f"{text}B" if text[-1].isalpha() else f"{text} B"


def _latency(report: NetworkReport) -> str:
    times = ", ".join(
        f"{milliseconds:.3g} ms for {n_images} image{'s' if n_images > 1 else ''}"
        for n_images, milliseconds in (report.latency_ or {}).items()
    )
    return f"Latency: {times} ({report.latency_conditions_})."
