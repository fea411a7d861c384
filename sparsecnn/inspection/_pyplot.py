"""matplotlib, which only the displays need, and what these share of it."""

from __future__ import annotations

from typing import Any

import numpy as np

# Colours by M. Okabe and K. Ito, which the colour-blind tell apart, from the one to use first.
OKABE_ITO = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#f0e442", "#999999")
# As many styles, so that lines can be told apart without colours.
LINE_STYLES = ("-", "--", "-.", ":", (0, (9, 2)), (0, (5, 1, 1, 1, 1, 1)), (0, (2, 1)), (0, (1, 4)))


def import_pyplot() -> Any:
    """Return ``matplotlib.pyplot``, or raise ImportError, which names the extra to install."""
    try:
        import matplotlib.pyplot as plt
    except ImportError as error:
        raise ImportError("Displays need matplotlib: pip install sparsecnn[plot].") from error
    return plt


def one_panel(ax: Any, size: tuple[float, float] | None = None) -> Any:
    """Return the Axes given, or that of a new figure."""
    plt = import_pyplot()
    return plt.subplots(figsize=size, layout="constrained")[1] if ax is None else ax


def make_panels(ax: Any, n_panels: int, n_columns: int, size: tuple[float, float]) -> np.ndarray:
    """Return Axes for some panels, row by row.

    Parameters
    ----------
    ax : matplotlib Axes, array-like of Axes, or None
        One Axes to divide, an Axes for each panel, or None for a new figure.
    n_panels : int
    n_columns : int
    size : tuple of two floats
        Width and height of a panel of a new figure, in inches.

    Returns
    -------
    panels : ndarray of Axes of shape (n_panels,)
    """
    plt = import_pyplot()
    n_rows = -(-n_panels // n_columns)
    if isinstance(ax, plt.Axes) and n_panels > 1:
        ax.set_axis_off()
        grid = ax.get_subplotspec().subgridspec(n_rows, n_columns)
        return np.array([ax.figure.add_subplot(grid[divmod(i, n_columns)]) for i in range(n_panels)])
    if ax is not None:
        panels = np.array(ax, dtype=object).ravel()
        if len(panels) != n_panels:
            raise ValueError(f"ax must be one Axes, or one for each of {n_panels} panels, got {len(panels)}.")
        return panels
    figure = plt.figure(figsize=(n_columns * size[0], n_rows * size[1]), layout="constrained")
    figure.get_layout_engine().set(w_pad=0.08, h_pad=0.06)
    panels = figure.subplots(n_rows, n_columns, squeeze=False).ravel()
    for unused in panels[n_panels:]:
        unused.remove()
    return panels[:n_panels]
