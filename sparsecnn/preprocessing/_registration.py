"""Two pages of one printed form laid over each other: turned, scaled and shifted a little."""

from __future__ import annotations

import math
from functools import cached_property

import numpy as np
from scipy import fft, ndimage

COARSE_SIDE = 96  # pixels, at which all turns and scales are tried
LARGEST_TURN = 6.0  # degrees to either side
LARGEST_SCALE = 1.25  # and its inverse
LARGEST_STRETCH = 1.1  # of one side against the other
SLACK = 1.05  # by which the steps of turns and scales are exceeded
TURNS = np.arange(-LARGEST_TURN, LARGEST_TURN + 1, 2)
SCALES = LARGEST_SCALE ** np.linspace(-1, 1, 15)
SHIFTS = (np.arange(2 * COARSE_SIDE) + COARSE_SIDE - 1) % (2 * COARSE_SIDE) - COARSE_SIDE + 1.0
NARROW = np.sqrt((1 + SCALES**2) / 2).astype(np.float32)
# Of two lines that match equally, the print is that which is moved less: a pen may draw its copy.
PREFERENCES = np.exp(-np.add.outer((TURNS / 20) ** 2, 3 * np.log(SCALES) ** 2)).ravel().astype(np.float32)
BLURS = (8.0, 4.0, 2.0, 1.2)  # pixels; from a rough position to that of a line
STEPS = 8  # for each blur
# Ways to change the matrix of a map: turn, scale and shift, or each entry.
SIMILAR = np.array([[1, 0, 0, 0, 1, 0], [0, -1, 0, 1, 0, 0], [0, 0, 1, 0, 0, 0], [0, 0, 0, 0, 0, 1]])
AFFINE = np.eye(6)
FINE = 2.0  # pixels of blur, from which the sides of a page may be stretched unlike
MOST_POINTS = 12000  # of the print, compared in each step
NEAR = 0.02  # of the blurred print's darkness, from which points are compared
OUTLIER = 0.25  # of darkness; the pen differs by more from the print


class Registration:
    """The search for the print of a form, a map of darkness, on pages."""

    def __init__(self, darkness: np.ndarray):
        self.darkness = darkness
        self._reduction = COARSE_SIDE / max(darkness.shape)
        self._levels = [_prepare_level(darkness, blur) for blur in BLURS]

    @cached_property
    def _spectra(self) -> np.ndarray:
        """The conjugate spectra of the print in all turns and scales."""
        coarse = _blur(_resize(self.darkness, self._reduction))
        views = [_turn(coarse, turn, scale) for turn in TURNS for scale in SCALES]
        # The share of the print that is matched: more print would not be a better match. Lines of a smaller
        # view are narrower, and match those of the page by so much better.
        views = [view / max(float(np.sum(view * view)), 1e-9) for view in views]
        views = [view * narrow for view, narrow in zip(views, np.tile(NARROW, len(TURNS)), strict=True)]
        return np.asarray(np.conj(fft.rfft2(np.stack(views))))

    def find(self, darkness: np.ndarray, start: np.ndarray | None = None, attempt: int = 0) -> np.ndarray:
        """Return where the print lies on a page.

        Parameters
        ----------
        darkness : ndarray of shape (height, width), float32
            The page, at the scale of the print or up to `LARGEST_SCALE` from it.
        start : ndarray of shape (2, 3), default=None
            An earlier result. None looks everywhere.
        attempt : int, default=0
            From 0 to 2: which of the best matches turned to the left, to the right and not to begin with, in
            their order. A spiral that is turned lies nearly on itself.

        Returns
        -------
        ndarray of shape (2, 3)
            The affine map from (row, column, 1) of the print to (row, column) of the page.
        """
        levels = self._levels
        if start is None:
            start = self._search(darkness, attempt)
        else:
            levels = levels[2:]
        for blur, points, values, slopes in levels:
            smooth = ndimage.gaussian_filter(darkness, blur)
            directions = AFFINE if blur <= FINE else SIMILAR
            start = _refine(smooth, start, points, values, slopes, directions)
        return start

    def _search(self, darkness: np.ndarray, attempt: int) -> np.ndarray:
        """Return the best of turns, scales and shifts; see `find`."""
        canvas = np.zeros((2 * COARSE_SIDE, 2 * COARSE_SIDE), dtype=np.float32)
        page = _blur(_resize(darkness, self._reduction))[: 2 * COARSE_SIDE, : 2 * COARSE_SIDE]
        canvas[: page.shape[0], : page.shape[1]] = page
        matches = fft.irfft2(fft.rfft2(canvas) * self._spectra, canvas.shape)
        matches *= PREFERENCES[:, np.newaxis, np.newaxis] * self._prefer_center(darkness.shape)
        best = matches.reshape(len(TURNS), -1).max(1)
        groups = sorted((TURNS < -2, np.abs(TURNS) <= 2, TURNS > 2), key=lambda group: -best[group].max())
        matches[~np.repeat(groups[attempt], len(SCALES))] = -np.inf
        view, row, column = np.unravel_index(matches.argmax(), matches.shape)
        shift = np.array([SHIFTS[row], SHIFTS[column]])
        turn, scale = TURNS[view // len(SCALES)], SCALES[view % len(SCALES)]
        center = (COARSE_SIDE - 1) / 2
        linear = _rotation(turn) * scale
        offset = center - linear @ [center, center] + shift
        offset = (offset + 0.5 - linear @ [0.5, 0.5]) / self._reduction - 0.5 + linear @ [0.5, 0.5]
        return np.column_stack([linear, offset])

    def _prefer_center(self, page_shape: tuple[int, ...]) -> np.ndarray:
        """Return a factor for each shift, the larger the nearer the middles of print and page are."""
        middle = [
            (page - own) * self._reduction / 2
            for page, own in zip(page_shape, self.darkness.shape, strict=True)
        ]
        rows, columns = (((SHIFTS - part) / COARSE_SIDE) ** 2 for part in middle)
        return np.exp(-2 * np.add.outer(rows, columns)).astype(np.float32)


def is_plausible(where: np.ndarray) -> bool:
    """Return whether a map turns, scales and distorts no more than a scan of the same form does."""
    stretches = np.linalg.svd(where[:, :2], compute_uv=False)
    turn = math.degrees(math.atan2(where[1, 0] - where[0, 1], where[0, 0] + where[1, 1]))
    within = stretches[1] > 1 / (LARGEST_SCALE * SLACK) and stretches[0] < LARGEST_SCALE * SLACK
    return bool(within and stretches[0] / stretches[1] < LARGEST_STRETCH and abs(turn) < LARGEST_TURN + 2)


def lay_over(page: np.ndarray, where: np.ndarray, shape: tuple[int, int], outside: float = 0) -> np.ndarray:
    """Return a page resampled in the frame of the print that lies on it at `where`."""
    return np.asarray(
        ndimage.affine_transform(
            page, where[:, :2], where[:, 2], shape, order=1, cval=outside, mode="constant"
        )
    )


def invert(where: np.ndarray) -> np.ndarray:
    """Return the map from the page to the print."""
    linear = np.linalg.inv(where[:, :2])
    return np.column_stack([linear, -linear @ where[:, 2]])


def rescale(where: np.ndarray, factor: float) -> np.ndarray:
    """Return the map to a page that is `factor` times as large; centers of pixels are at whole numbers."""
    scaled = factor * where
    scaled[:, 2] += (factor - 1) / 2
    return scaled


def _resize(image: np.ndarray, factor: float) -> np.ndarray:
    """Return an image reduced by a factor below 1, smoothed first."""
    smooth = ndimage.gaussian_filter(image, 0.4 / factor)
    shape = tuple(max(1, round(side * factor)) for side in image.shape)
    step = 1 / factor
    return ndimage.affine_transform(
        smooth, step * np.eye(2), [(step - 1) / 2] * 2, shape, order=1, mode="nearest"
    )


def _blur(image: np.ndarray) -> np.ndarray:
    """Return lines against their surroundings, so that matches are narrow and paper counts for nothing."""
    return ndimage.gaussian_filter(image, 1) - ndimage.gaussian_filter(image, 5)


def _rotation(degrees: float) -> np.ndarray:
    turn = math.radians(degrees)
    return np.array([[math.cos(turn), -math.sin(turn)], [math.sin(turn), math.cos(turn)]])


def _turn(image: np.ndarray, degrees: float, scale: float) -> np.ndarray:
    """Return an image turned and scaled about the center of the coarse square, on one of twice its side."""
    center = (COARSE_SIDE - 1) / 2
    linear = np.linalg.inv(_rotation(degrees) * scale)
    margin = COARSE_SIDE // 2
    middle = center + margin
    shape = (2 * COARSE_SIDE, 2 * COARSE_SIDE)
    turned = ndimage.affine_transform(
        image, linear, center - linear @ [middle, middle], shape, order=1, mode="constant"
    )
    return np.roll(turned, (-margin, -margin), (0, 1)).astype(np.float32)


def _prepare_level(darkness: np.ndarray, blur: float) -> tuple[float, np.ndarray, np.ndarray, np.ndarray]:
    """Return points around the print, its darkness there, and how that changes with an affine map."""
    smooth = ndimage.gaussian_filter(darkness, blur)
    down, across = np.gradient(smooth)
    near = np.flatnonzero(smooth > NEAR)
    near = near[:: -(-near.size // MOST_POINTS) or 1]
    points = np.array(np.divmod(near, smooth.shape[1]), dtype=float)
    return blur, points, smooth.ravel()[near], np.stack([down.ravel()[near], across.ravel()[near]])


def _refine(
    page: np.ndarray,
    where: np.ndarray,
    points: np.ndarray,
    values: np.ndarray,
    slopes: np.ndarray,
    directions: np.ndarray,
) -> np.ndarray:
    """Return the affine map improved by Gauss-Newton steps on what differs, the pen left out as outliers."""
    if points.shape[1] < 50:
        return where
    homogeneous = np.vstack([points, np.ones(points.shape[1])])
    middle = points.mean(1, keepdims=True)
    spread = max(float(points.std()), 1)
    local = np.vstack([(points - middle) / spread, np.ones(points.shape[1])])
    jacobian = directions @ np.concatenate([slopes[0] * local, slopes[1] * local])
    for _ in range(STEPS):
        seen = ndimage.map_coordinates(page, where @ homogeneous, order=1, mode="constant")
        scale = OUTLIER * max(float(values.max()), 1e-6)
        residual = seen - values
        weights = 1 / (1 + (residual / scale) ** 2) ** 2
        normal = (jacobian * weights) @ jacobian.T
        normal[np.diag_indices_from(normal)] += 1e-6 * np.trace(normal) + 1e-12
        step = np.linalg.solve(normal, (jacobian * weights) @ residual) @ directions
        step = step.reshape(2, 3)
        # The page at where(x) is as the print at x + step: undo the step before the map.
        linear = np.column_stack([step[:, :2] / spread, step[:, 2] - step[:, :2] @ middle[:, 0] / spread])
        inner = np.eye(2) + linear[:, :2]
        undo = np.linalg.inv(inner)
        where = np.column_stack([where[:, :2] @ undo, where[:, 2] - where[:, :2] @ undo @ linear[:, 2]])
        if np.abs(step).max() < 0.01:
            break
    return where
