"""The line of a pen on a page whose print is known, continued where the print hides it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import ndimage, sparse
from scipy.sparse import csgraph
from scipy.spatial import cKDTree

from sparsecnn.preprocessing._percentile import percentile

DARK = 0.3  # darkness of a stroke
FAINT = 0.4  # of the pen's darkness; below it, pixels are paper
LEAST_FAINT = 0.15  # of darkness; the noise of scans stays below
EDGE = 1 / 340  # of the longer side; print is blurred, and lies apart from the template, by this
SURE = 1 / 200  # of the longer side; ink that reaches further from the print is the pen's
HALF = 0.45  # of a line's width, as the distance from its sides to its middle
MIDDLE = 0.7  # of that distance, beyond which a pixel is in the middle
DETOUR = 2.0  # times the gap between two parts of the line, that the print between them may be long
NEAR = 4.0  # widths of the line, by which it may be longer
TOUCHING = np.ones((3, 3), dtype=bool)


@dataclass
class Pen:
    """The pen's line on one page.

    Parameters
    ----------
    seen : ndarray of shape (height, width), bool
        Where it is seen beside the print.
    hidden : ndarray of shape (height, width), bool
        Where it is continued under the print.
    erased : ndarray of shape (height, width), bool
        The print and its edges, without the pen.
    """

    seen: np.ndarray
    hidden: np.ndarray
    erased: np.ndarray


def trace_pen(darkness: np.ndarray, printed: np.ndarray, coloured: np.ndarray | None = None) -> Pen:
    """Return the pen's line on a page.

    Parameters
    ----------
    darkness : ndarray of shape (height, width), float32
        The page: 0 on paper, 1 in the blackest ink.
    printed : ndarray of shape (height, width), bool
        The print, as it lies on the page.
    coloured : ndarray of shape (height, width), bool, default=None
        Where ink is the pen's by its colour, if pen and print differ by it.
    """
    side = max(darkness.shape)
    apart = ndimage.distance_transform_edt(~printed)
    covered = apart <= max(1.0, EDGE * side)
    around = apart <= max(2.0, SURE * side)
    sure = (darkness > DARK) & ~around
    if coloured is not None:
        sure |= coloured & (darkness > DARK)
    if not sure.any():
        return Pen(np.zeros_like(printed), np.zeros_like(printed), around)
    faint = max(LEAST_FAINT, FAINT * percentile(darkness[sure], 75))
    ink = (darkness > faint) & ~covered
    if coloured is not None:
        ink |= coloured & (darkness > faint)
    seen = ndimage.binary_propagation(sure & ink, TOUCHING, mask=ink)
    covered &= ~seen
    width = _width(seen & (darkness > faint), ~around)
    hidden = _cross(seen, printed, covered) | _widen(seen, covered, width)
    hidden |= _follow(seen | hidden, printed & ~seen, width)
    return Pen(seen, hidden, around & ~seen & ~hidden)


def trace_over(darkness: np.ndarray, rulings: np.ndarray) -> Pen:
    """Return what is drawn over ruled lines, which are as dark as given: what is darker, or crosses them."""
    ruled = rulings > 0
    seen = darkness > np.maximum(DARK, rulings + LEAST_FAINT)
    hidden = _cross(seen, ruled, ruled & ~seen)
    return Pen(seen, hidden, ruled & ~seen & ~hidden)


def _width(ink: np.ndarray, beside: np.ndarray) -> float:
    """Return the width of the pen's line in pixels, from where it runs beside the print, if it does."""
    inner = ndimage.distance_transform_edt(ink)
    depths = inner[ink & beside]
    return 2 * float(percentile(depths, 90)) if depths.size else 1.0


def _cross(seen: np.ndarray, printed: np.ndarray, covered: np.ndarray) -> np.ndarray:
    """Return the parts under the print of lines that are seen on both sides of it."""
    widths = 2 * ndimage.distance_transform_edt(covered)[printed & covered]
    if not widths.size:
        return np.zeros_like(seen)
    reach = int(percentile(widths, 90)) + 1
    return _close(seen, reach) & covered


def _close(mask: np.ndarray, reach: int) -> np.ndarray:
    """Return a mask closed by a disc of this radius."""
    padded = np.pad(mask, reach + 1)
    grown = ndimage.distance_transform_edt(~padded) <= reach
    closed = ndimage.distance_transform_edt(grown) > reach
    return np.asarray(closed[reach + 1 : -reach - 1, reach + 1 : -reach - 1])


def _widen(seen: np.ndarray, covered: np.ndarray, width: float) -> np.ndarray:
    """Return what completes the width of a line that the print hides along one side."""
    touching = seen & ndimage.binary_dilation(covered, TOUCHING)
    visible = ndimage.distance_transform_edt(seen | covered)
    thickness = ndimage.maximum_filter(visible * seen, 2 * int(width) + 1)
    # At the sides of a line that runs into the print, nothing is missing.
    side = (thickness >= HALF * width) & (visible < MIDDLE * thickness)
    missing = np.where(touching & ~side, width - visible, 0)
    found = np.zeros_like(seen)
    for radius in range(1, int(width) + 1):
        centers = missing >= radius
        if not centers.any():
            break
        found |= ndimage.distance_transform_edt(~centers) <= radius
    return found & covered


def _follow(pen: np.ndarray, printed: np.ndarray, width: float) -> np.ndarray:
    """Return the stretches of print that join parts of the pen's line which nothing else joins.

    The shortest are joined first. Where the line is seen all the way from one end of a stretch to the other,
    or nearly so, it was not drawn along the stretch.
    """
    apart = ndimage.distance_transform_edt(~pen)
    parts, n_parts = ndimage.label(apart <= max(1.5, width / 2), TOUCHING)
    joined = np.arange(n_parts + 1)
    points = 2 * np.argwhere(pen[::2, ::2])
    owners = parts[tuple(points.T)]
    stretches, n_stretches = ndimage.label(printed & (apart > width), TOUCHING)
    found = np.zeros_like(pen)
    boxes = ndimage.find_objects(stretches)
    sizes = np.bincount(stretches.ravel(), minlength=n_stretches + 1)[1:]
    margin = 2 * int(width) + 3
    for index in np.argsort(sizes, kind="stable"):
        box = tuple(slice(max(0, part.start - margin), part.stop + margin) for part in boxes[index])
        reach = ndimage.distance_transform_edt(stretches[box] != index + 1) <= 1.5 * width
        reach &= printed[box]
        met = np.where(reach, joined[parts[box]], 0)
        first, *others = np.unique(met[met > 0]) if met.any() else [0]
        for other in others:
            length, way = _shortest_way(reach, met == first, met == other, 2 * width)
            gap = _distance(points[joined[owners] == first], points[joined[owners] == other])
            if length <= DETOUR * gap + NEAR * width:
                joined[joined == other] = first
                found[box] |= way
    return found & _core(printed, width) & ~pen


def _distance(points: np.ndarray, others: np.ndarray) -> float:
    """Return the distance between the nearest points of two parts."""
    if not len(points) or not len(others):
        return 0.0
    return float(cKDTree(points).query(others)[0].min())


def _shortest_way(
    printed: np.ndarray, start: np.ndarray, end: np.ndarray, slack: float
) -> tuple[float, np.ndarray]:
    """Return the length of the shortest way on the print from a start to an end, and the print along it."""
    length = _walk(printed, start) + _walk(printed, end)
    return float(length.min()), length <= length.min() + slack


def _walk(printed: np.ndarray, start: np.ndarray) -> np.ndarray:
    """Return the length of the way on the print from a start to each pixel; infinite beside the print."""
    # int32, as csgraph of older SciPy wants it.
    numbers: np.ndarray[Any, np.dtype[np.int32]] = np.full(printed.shape, -1, dtype=np.int32)
    numbers[printed] = np.arange(np.count_nonzero(printed))
    pairs, lengths = [], []
    for down, across in ((0, 1), (1, 0), (1, 1), (1, -1)):
        here = numbers[: len(numbers) - down, max(0, -across) : numbers.shape[1] - max(0, across)]
        there = numbers[down:, max(0, across) : numbers.shape[1] + min(0, across)]
        both = (here >= 0) & (there >= 0)
        pairs.append(np.stack([here[both], there[both]]))
        lengths.append(np.full(np.count_nonzero(both), np.hypot(down, across)))
    n_pixels = int(numbers.max()) + 1
    graph = sparse.csr_array((np.concatenate(lengths), np.concatenate(pairs, axis=1)), (n_pixels, n_pixels))
    walked = csgraph.dijkstra(graph, directed=False, indices=numbers[start & printed], min_only=True)
    return np.where(printed, walked[numbers], np.inf)


def _core(printed: np.ndarray, width: float) -> np.ndarray:
    """Return the middle of the print, as wide as the pen."""
    depth = ndimage.distance_transform_edt(printed)
    ridge = ndimage.maximum_filter(depth, 2 * int(width) + 1)
    return np.asarray(printed & (depth >= ridge - width / 2))
