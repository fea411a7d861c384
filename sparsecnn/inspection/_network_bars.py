"""The multiply-adds of parts of a network as bars."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sparsecnn.inspection._network_counts import Counts
from sparsecnn.inspection._network_table import amount

KINDS = {"dense": "macs", "living": "living_macs", "non-zero": "nonzero_macs"}
# Light to dark, and of different hue also to the colour-blind.
COLOURS = {"dense": "#b8b8b8", "living": "#e69f00", "non-zero": "#0072b2"}


def draw_bars(ax: Any, parts: Mapping[str, Counts], has_living: bool) -> dict[str, Any]:
    """Draw the bars of each part, from top to bottom, and return them by the kind of multiply-adds.

    Parameters
    ----------
    ax : matplotlib Axes
    parts : mapping from str to Counts
        By label.
    has_living : bool
        Whether to draw those between living channels.
    """
    kinds = [kind for kind in KINDS if has_living or kind != "living"]
    height = 0.8 / len(kinds)
    drawn = {}
    for i, kind in enumerate(kinds):
        macs = [getattr(counts, KINDS[kind]) or 0 for counts in parts.values()]
        places = [row + (i - (len(kinds) - 1) / 2) * height for row in range(len(parts))]
        bars = ax.barh(places, [n / 1e6 for n in macs], height, label=kind, color=COLOURS[kind])
        ax.bar_label(bars, [amount(n) for n in macs], padding=2, fontsize="small")
        drawn[kind] = bars
    ax.set_yticks(range(len(parts)), list(parts))
    ax.set(xlabel="multiply-adds for one image (millions)", ylim=(len(parts) - 0.5, -0.5))
    ax.margins(x=0.16)
    ax.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=3, frameon=False)
    return drawn
