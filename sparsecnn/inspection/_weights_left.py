"""The axes of scores against the weights that are left."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from sparsecnn._warn import warn_user


def percent_left(sparsities: ArrayLike) -> np.ndarray:
    """Return the percentage of weights left, and warn of points that a logarithmic axis cannot show."""
    left = 100 * (1 - np.asarray(sparsities, dtype=float))
    if (left <= 0).any():
        warn_user(f"{(left <= 0).sum()} of {len(left)} points have no weights left and are not shown.")
    return left


def label_axes(ax: Any, score_name: str) -> None:
    """Make the horizontal axis one of weights left, from dense on the left to sparse, and label both."""
    from matplotlib.ticker import FuncFormatter, LogFormatter

    ax.set(xscale="log", xlabel="penalised weights left (%)", ylabel=score_name)
    ax.xaxis.set_major_formatter(FuncFormatter(lambda percent, _: f"{percent:g}"))
    ax.xaxis.set_minor_formatter(LogFormatter())
    ax.grid(alpha=0.3)
    if not ax.xaxis_inverted():
        ax.invert_xaxis()


def add_legend(ax: Any, own_figure: bool, **options: Any) -> None:
    """Add a legend: below the axes, where it covers no error bar, or within axes that have no room around."""
    below = {
        "loc": "upper center",
        "bbox_to_anchor": (0.5, 0),
        "borderaxespad": 4,
        "ncols": 2,
        "frameon": False,
    }
    legend = ax.legend(**(below if own_figure else {}), **options)
    legend.set_in_layout(own_figure)  # within small axes, it would take all of their room
