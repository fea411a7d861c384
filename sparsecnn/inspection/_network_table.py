"""The report of a network as text and as HTML."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING

from sparsecnn._html_table import Cell, html_table
from sparsecnn.inspection._network_counts import Counts, LayerCounts, NetworkCounts

if TYPE_CHECKING:
    from sparsecnn.inspection._network_report import NetworkReport

Columns = tuple[tuple[str, tuple[str, ...]], ...]

# The headings of the columns, in groups.
COSTS: Columns = (("multiply-adds", ("dense", "living", "non-zero")), ("bytes", ("dense", "sparse")))
OF_LAYERS: Columns = (
    ("", ("layer",)),
    ("weights", ("shape", "number", "non-zero", "zeros")),
    ("channels", ("read", "written")),
    *COSTS,
)
OF_MEMBERS: Columns = (
    ("", ("member", "channel")),
    ("weights", ("number", "non-zero", "zeros")),
    *COSTS,
)
N_LEFT = 2  # columns that are aligned to the left
UNKNOWN = "?"


def amount(n: float) -> str:
    """Return a number in four digits, such as 19.47 M."""
    if n < 10_000:
        return f"{n:,.0f}"
    unit, factor = next((u, f) for u, f in (("T", 1e12), ("G", 1e9), ("M", 1e6), ("k", 1e3)) if n >= f)
    return f"{n / factor:.4g} {unit}"


def counted(n: int, noun: str) -> str:
    """Return a number and a noun, such as 4 layers."""
    return f"{n} {noun}" if n == 1 else f"{n} {noun}s"


def as_text(report: NetworkReport) -> str:
    """Return the report as an aligned table, with sentences above and below it."""
    rows = [[cell.text for cell in row] for row in _rows(report)]
    columns = _columns(report)
    names = [name for _, group in columns for name in group]
    widths = [max(map(len, column)) for column in zip(names, *rows, strict=True)]
    line = "-" * len(_line(names, widths))
    table = [_group_line(columns, widths), _line(names, widths), line, *(_line(row, widths) for row in rows)]
    table.insert(-1, line)
    above, *below = _sentences(report)
    wrapped = [textwrap.fill(sentence, max(len(line), 80)) for sentence in below]
    return "\n".join([above, "", *(text.rstrip() for text in table), "", *wrapped])


def _line(texts: Sequence[str], widths: Sequence[int]) -> str:
    cells = zip(texts, widths, strict=True)
    return "  ".join(
        text.ljust(width) if i < N_LEFT else text.rjust(width) for i, (text, width) in enumerate(cells)
    )


def _group_line(columns: Columns, widths: list[int]) -> str:
    """Return the headings of the groups, each above the middle of its columns."""
    parts, start = [], 0
    for title, names in columns:
        own = widths[start : start + len(names)]
        parts.append(title.center(sum(own) + 2 * (len(own) - 1)))
        start += len(names)
    return "  ".join(parts)


def as_html(report: NetworkReport) -> str:
    """Return the report as an HTML table in the colours of the page that shows it."""
    above, *below = _sentences(report)
    return html_table(above, _columns(report), _rows(report), n_left=N_LEFT, below=below, has_total=True)


def _columns(report: NetworkReport) -> Columns:
    return OF_MEMBERS if report.members else OF_LAYERS


def _rows(report: NetworkReport) -> list[list[Cell]]:
    """Return the cells of each part, of what belongs to no layer, if anything does, and of the sums."""
    parts = [member.totals for member in report.members] or report.layers
    most = max(part.macs for part in parts), max(part.bytes for part in parts)
    if report.members:
        pairs = zip(report.views, report.members, strict=True)
        rows = [_member_row(i, view, member.totals, most) for i, (view, member) in enumerate(pairs)]
        return [*rows, _total_row(report.totals, n_empty=0)]
    rows = [_layer_row(layer, most) for layer in report.layers]
    if report.totals.other_macs or report.totals.other_bytes:
        rows.append(_other_row(report.totals))
    return [*rows, _total_row(report.totals, n_empty=2)]


def _member_row(i: int, view: int, totals: NetworkCounts, most: tuple[int, int]) -> list[Cell]:
    return [Cell(str(i)), Cell(str(view)), *_weight_cells(totals), *_cost_cells(totals, *most)]


def _layer_row(layer: LayerCounts, most: tuple[int, int]) -> list[Cell]:
    return [
        Cell(layer.name or layer.kind),
        Cell("×".join(map(str, layer.shape))),
        *_weight_cells(layer),
        Cell(_channels(layer.n_read_living, layer.n_read)),
        Cell(_channels(layer.n_written_living, layer.n_written)),
        *_cost_cells(layer, *most),
    ]


def _other_row(totals: NetworkCounts) -> list[Cell]:
    macs = amount(totals.other_macs)
    living = UNKNOWN if totals.living_macs is None else macs
    texts = ["other", *[""] * 6, macs, living, macs, *[amount(totals.other_bytes)] * 2]
    return [Cell(text) for text in texts]


def _total_row(totals: NetworkCounts, n_empty: int) -> list[Cell]:
    """Return the cells of the sums, of which those of channels, if there are any, are empty."""
    empty = Cell("")
    return [Cell("total"), empty, *_weight_cells(totals), *[empty] * n_empty, *_cost_cells(totals)]


def _cost_cells(counts: Counts, most_macs: int = 0, most_bytes: int = 0) -> list[Cell]:
    macs = counts.macs, counts.living_macs, counts.nonzero_macs
    sizes = counts.bytes, counts.sparse_bytes
    return [*(_number_cell(n, most_macs) for n in macs), *(_number_cell(n, most_bytes) for n in sizes)]


def _weight_cells(counts: Counts) -> list[Cell]:
    return [Cell(f"{counts.n_weights:,}"), Cell(f"{counts.n_nonzero:,}"), Cell(percent_zero(counts))]


def _number_cell(n: int | None, most: int = 0) -> Cell:
    return Cell(UNKNOWN) if n is None else Cell(amount(n), n / most if most else None)


def percent_zero(counts: Counts) -> str:
    """Return the percentage of zeros, 100.0% only where no weight is left."""
    percent = f"{counts.sparsity:.1%}"
    return ">99.9%" if percent == "100.0%" and counts.n_nonzero else percent


def _channels(living: int | None, n_channels: int) -> str:
    return str(n_channels) if living in (None, n_channels) else f"{living} of {n_channels}"


def _sentences(report: NetworkReport) -> list[str]:
    """Return what the table says in words: a heading, then what removal and storing non-zeros save."""
    totals = report.totals
    sentences = [
        f"{_networks(report)}: {counted(len(report.layers), 'layer')}, {totals.n_weights:,} weights, "
        f"{percent_zero(totals)} of them zero",
        _saved_macs(report),
        f"{_saved_bytes(totals)} Any zero makes files smaller; only whole channels make the network faster.",
    ]
    if report.members:
        sentences.append("The layers of member i are those of members[i] of this report.")
    return [*sentences, _latency(report)] if report.latency_ else sentences


def _networks(report: NetworkReport) -> str:
    height, width = report.image_shape
    images = f"images of {height}×{width} pixels"
    if not report.members:
        return f"{type(report.module).__name__} for {images}"
    name, n_channels = type(report.members[0].module).__name__, report.module.in_channels
    seen = f", each for one of {n_channels} channels of" if n_channels != 1 else " for"
    return f"{len(report.members)} × {name}{seen} {images}"


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
        f"{milliseconds:.3g} ms for {counted(n_images, 'image')}"
        for n_images, milliseconds in (report.latency_ or {}).items()
    )
    return f"Latency: {times} ({report.latency_conditions_})."
