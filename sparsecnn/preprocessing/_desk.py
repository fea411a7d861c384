"""Where the page lies in a picture that shows along some of its edges a desk, or the dark rim of a scan."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from sparsecnn.preprocessing._percentile import percentile

LEAST_SIDE = 48  # pixels of the thumbnail; smaller pictures are not photographs of a page
DEEPEST = 0.25  # of the side that a desk may cover
SHALLOWEST = 0.5  # pixels of the thumbnail; the rim of a scan is as narrow as one
LEAST_STEP = 0.05  # of brightness, from paper to desk
SHARP = 2  # pixels to either side of the boundary
LEAST_DROP = 0.6  # of the step must lie between them; a shadow is softer
CORNER = 0.15  # of the side; what lies nearer to a corner may be the desk along the next edge
GRAIN = 9  # pixels along the edge; the grain of a desk is averaged over them
STRAIGHT = 2  # pixels between the boundary and a straight line
MOST_CROSSINGS = 0.12  # of the boundary that ink or a hand may interrupt


def find_page(thumbnail: np.ndarray) -> tuple[slice, slice]:
    """Return the rows and columns of a photograph that show the page and not the desk.

    Parameters
    ----------
    thumbnail : ndarray of shape (height, width), float32
        Brightness from 0 to 1.

    Returns
    -------
    rows, columns : slice
        All of them if there is no desk.
    """
    height, width = thumbnail.shape
    if min(height, width) < LEAST_SIDE:
        return slice(0, height), slice(0, width)
    # Each edge in turn is made the upper one.
    views = [thumbnail, thumbnail[::-1], thumbnail.T, thumbnail.T[::-1]]
    depths = [_measure_depth(view) if _is_stepped(view) else None for view in views]
    corners = [int(CORNER * view.shape[1]) for view in views]
    cuts = [_cut(depth, corner, corner) for depth, corner in zip(depths, corners, strict=True)]
    if any(cuts):  # now that the other edges' desks are known, the rest of each boundary must be straight
        beside = [(cut + GRAIN // 2 if cut else 0) for cut in cuts]
        cuts = [
            _cut(depth, *(beside[2:] if edge < 2 else beside[:2])) if cuts[edge] else 0
            for edge, depth in enumerate(depths)
        ]
    return slice(cuts[0], height - cuts[1]), slice(cuts[2], width - cuts[3])


def _is_stepped(view: np.ndarray) -> bool:
    """Return whether the upper edge departs from the slope of what lies below a desk's reach; fast."""
    reach = int(DEEPEST * len(view))
    return abs(percentile(view[0] - 2 * view[reach] + view[2 * reach], 50)) >= LEAST_STEP


def _measure_depth(view: np.ndarray) -> np.ndarray | None:
    """Return how far a desk reaches down from the upper edge in each column, or None without a sharp step."""
    reach = int(DEEPEST * len(view))
    inner, next_inner = view[reach : 2 * reach], view[2 * reach : 3 * reach]
    slope = (percentile(inner, 50) - percentile(next_inner, 50)) / reach
    paper = percentile(inner, 50, axis=0) + slope * (1.5 * reach - np.arange(reach))[:, np.newaxis]
    height = percentile(view[0] - paper[0], 50)
    if abs(height) < LEAST_STEP:
        return None
    step = ndimage.uniform_filter1d(view[:reach], GRAIN, axis=1, mode="nearest") - paper
    step /= height  # 1 on the desk, 0 on paper
    depth = np.logical_and.accumulate(step > 0.5, axis=0).sum(axis=0)
    inside, outside = (np.clip(depth + offset, 0, reach - 1)[np.newaxis] for offset in (-SHARP - 1, SHARP))
    drop = np.take_along_axis(step, inside, axis=0) - np.take_along_axis(step, outside, axis=0)
    return depth if percentile(drop, 50) >= LEAST_DROP else None


def _cut(depth: np.ndarray | None, left: int, right: int) -> int:
    """Return how many rows to cut off, with `left` and `right` columns disregarded; 0 without a desk."""
    if depth is None:
        return 0
    reach = depth[left : depth.size - right]
    columns = np.arange(reach.size)
    third = reach.size // 3
    start, end = percentile(reach[:third], 50), percentile(reach[-third:], 50)
    line = start + (end - start) * (columns - third / 2) / (reach.size - third)
    if np.mean(np.abs(reach - line) > STRAIGHT) > MOST_CROSSINGS or line.mean() < SHALLOWEST:
        return 0
    return int(np.ceil(line.max())) + 1
