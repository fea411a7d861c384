"""How a page shows the views that its networks see."""

from __future__ import annotations

from collections.abc import Sequence

INK = "ink"
INK_LABEL = "The ink that the network sees"
MOST_COLUMNS = 5

CANVAS = '<canvas class="view seen" role="img" aria-label="{}"></canvas>'
TILE = "<figure>\n{}\n<figcaption>{}</figcaption>\n</figure>"


def view_figures(views: Sequence[str | float], seeing: Sequence[int]) -> str:
    """Return the HTML of a canvas for each view; if there are several, each with a caption.

    Parameters
    ----------
    views : sequence of "ink" or float
        Those that networks see. A number is the scale of a view of unsteadiness.
    seeing : sequence of int
        The first view of each network.
    """
    if len(views) == 1:
        return CANVAS.format(INK_LABEL)
    tiles = []
    for i, view in enumerate(views):
        caption = _short_name(view)
        if len(seeing) > 1:
            caption += f"<br>{list(seeing).count(i)} of {len(seeing)}"
        label = INK_LABEL if view == INK else f"Unsteadiness at {_of_the_side([view])}"
        tiles.append(TILE.format(CANVAS.format(label), caption))
    rows = -(-len(views) // MOST_COLUMNS)
    columns = -(-len(views) // rows)
    return "\n".join([f'<div class="tiles" style="--columns: {columns}">', *tiles, "</div>"])


def views_caption(views: Sequence[str | float], n_networks: int) -> str:
    """Return what all views together are called."""
    what = "What the network sees" if n_networks == 1 else "What the networks see"
    if n_networks > 1 and len(views) > 1:
        what += ", and how many of them"
    scales = [view for view in views if view != INK]
    if not scales:
        return what
    return f"{what}: {'ink, and ' if INK in views else ''}unsteadiness at {_of_the_side(scales)}"


def _of_the_side(scales: Sequence[str | float]) -> str:
    return f"{', '.join(map(_short_name, scales))} of the drawing’s side"


def _short_name(view: str | float) -> str:
    """Return the name of a view: "ink", or its scale as a fraction."""
    return view if isinstance(view, str) else f"1/{round(1 / view, 1):g}"
