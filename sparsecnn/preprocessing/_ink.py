"""The ink of a page: bright strokes on black, for any paper and light."""

from functools import lru_cache
from typing import Any

import numpy as np
from PIL import Image
from scipy import ndimage

from sparsecnn.preprocessing._desk import find_page
from sparsecnn.preprocessing._percentile import percentile

THUMBNAIL_SIDE = 128  # pixels; paper, polarity and crop are judged on a thumbnail of this size
PAPER_BLOCKS = 16  # a side of the page; each block gives one brightness of the paper
WIDEST_STROKE = 5  # blocks; what is narrower is not paper
REACH = WIDEST_STROKE - 1  # blocks; how far the opening looks
MEDIAN_BLOCKS = 7  # wide enough for the boldest strokes to cover less than half of it
CELLS = 32  # a side of the page; ink in touching cells belongs together
TOUCHING = np.ones((3, 3), dtype=bool)  # corners count
SPECK_SHARE = 0.02  # of all ink; a group of cells that holds less is dust
EDGE_CELLS = 2  # a group of cells no further from the page's edge is a shadow of the scanner
LEAST_NOISE = 0.002  # of the range from black to white; half a step of 8 bits
LEAST_HEADROOM = 0.2  # keeps the deepest shade from being brightened beyond five times


def draw_ink(
    page: np.ndarray,
    image_shape: tuple[int, int],
    *,
    polarity: str = "auto",
    crop: bool = True,
    margin: float = 0.05,
) -> np.ndarray | None:
    """Return the ink of one page, or None if the page is blank.

    Parameters
    ----------
    page : ndarray of shape (height, width), float32 or uint8
        Brightness from 0 (black) to 1 (white), or to 255.
    image_shape : tuple of two ints
        (height, width) of the result.
    polarity : {"auto", "dark", "light"}, default="auto"
        Whether ink is darker or lighter than paper.
    crop : bool, default=True
        Whether to zoom to the ink. False shows the whole page.
    margin : float, default=0.05
        Empty border around cropped ink, as a fraction of each side of the result.

    Returns
    -------
    ink : ndarray of shape image_shape, float32, or None
        0 on paper, 1 where ink is strongest.
    """
    thumbnail, reduction = _thumbnail(page)
    rows, columns = find_page(thumbnail)
    inner = thumbnail[rows, columns]
    if inner.size < thumbnail.size:
        within = page[_enlarge(rows, reduction), _enlarge(columns, reduction)]
        ink = _draw(within, inner, reduction, image_shape, polarity, crop, margin)
        if ink is not None:  # else what looked like a desk is all the ink there is
            return ink
    return _draw(page, thumbnail, reduction, image_shape, polarity, crop, margin)


def cut_desk(page: np.ndarray) -> tuple[slice, slice]:
    """Return the rows and columns of a page without a desk; all of them if there is none."""
    thumbnail, reduction = _thumbnail(page)
    rows, columns = find_page(thumbnail)
    return _enlarge(rows, reduction), _enlarge(columns, reduction)


def find_polarity(page: np.ndarray) -> str:
    """Return "light" if the ink of a page is lighter than its paper, else, or without ink, "dark"."""
    thumbnail, _ = _thumbnail(page)
    thumbnail = thumbnail[find_page(thumbnail)]
    side = -(-max(thumbnail.shape) // PAPER_BLOCKS)
    blocks = _sorted_blocks(thumbnail, side)
    if _find_polarity(blocks) == "dark":
        return "dark"
    *_, strokes = _find_bright_ink(thumbnail, blocks, side)
    return "light" if strokes.any() else "dark"


def measure_light(page: np.ndarray) -> np.ndarray:
    """Return the brightness of paper, from 0 to 1, at every pixel of a page whose ink is darker."""
    thumbnail, reduction = _thumbnail(page)
    side = -(-max(thumbnail.shape) // PAPER_BLOCKS)
    paper = _estimate_paper(1 - _sorted_blocks(thumbnail, side)[..., ::-1])
    return 1 - _enlarge_blocks(paper, page.shape, side * reduction)


def _thumbnail(page: np.ndarray) -> tuple[np.ndarray, int]:
    """Return the page, reduced to at most `THUMBNAIL_SIDE`, and the factor."""
    reduction = -(-max(page.shape) // THUMBNAIL_SIDE)
    return _reduce(page, reduction), reduction


def _enlarge(part: slice, factor: int) -> slice:
    return slice(part.start * factor, part.stop * factor)


def _draw(
    page: np.ndarray,
    thumbnail: np.ndarray,
    reduction: int,
    image_shape: tuple[int, int],
    polarity: str,
    crop: bool,
    margin: float,
) -> np.ndarray | None:
    """Return the ink of a page without a desk; `thumbnail` is the page, reduced by `reduction`."""
    side = -(-max(thumbnail.shape) // PAPER_BLOCKS)
    blocks = _sorted_blocks(thumbnail, side)
    if polarity == "auto":
        polarity = _find_polarity(blocks)
    if polarity == "dark":
        thumbnail, blocks = 1 - thumbnail, 1 - blocks[..., ::-1]  # now ink is the brighter
    paper, contrast, level, strokes = _find_bright_ink(thumbnail, blocks, side)
    if not strokes.any():
        return None
    box = np.array([0, 0, *page.shape], dtype=float)
    if crop:
        box = np.minimum(_find_box(strokes) * reduction, box[[2, 3, 2, 3]])
    window, scale = _fit_window(box, image_shape, margin if crop else 0)
    # Half of the resizing is done by plain averages: much faster, without a visible difference.
    halfway = max(1, int(0.5 / scale))
    if halfway != reduction:
        reduced = _reduce(page, halfway)
        reduced = 1 - reduced if polarity == "dark" else reduced
        contrast = _subtract_paper(reduced, paper, side * reduction / halfway)
    return _normalize(_cut_window(contrast - level, window / halfway, image_shape))


def _reduce(page: np.ndarray, factor: int) -> np.ndarray:
    """Return the averages of squares of factor * factor pixels, from 0 to 1, as float32."""
    white = 255 if page.dtype == np.uint8 else 1
    sums = page.astype(np.float32) if factor == 1 else _sum_rows(_sum_rows(page, factor).T, factor).T
    sums /= factor * factor * white  # in place: half the time of np.divide from uint8
    return sums


def _sum_rows(page: np.ndarray, factor: int) -> np.ndarray:
    """Return the sums of every `factor` rows; past the end the last row goes on."""
    # Sums of up to 257 bytes fit into 16 bits, which add up in half the time of floats.
    short = page.dtype == np.uint8 and factor <= 257
    sums: np.ndarray[Any, np.dtype[Any]] = page[::factor].astype(
        np.uint16 if short else np.float32, order="K"
    )
    for i in range(1, factor):
        rows = page[i::factor]
        sums[: len(rows)] += rows
        sums[len(rows) :] += page[-1]
    return sums


def _pad_to_multiple(array: np.ndarray, factor: int) -> np.ndarray:
    missing = [(0, -length % factor) for length in array.shape]
    return np.pad(array, missing, mode="edge") if np.any(missing) else array


def _sorted_blocks(thumbnail: np.ndarray, side: int) -> np.ndarray:
    """Return the pixels of each block of side * side in order: shape (rows, columns, side * side)."""
    padded = _pad_to_multiple(thumbnail, side)
    rows, columns = padded.shape[0] // side, padded.shape[1] // side
    blocks = padded.reshape(rows, side, columns, side).swapaxes(1, 2).reshape(rows, columns, -1)
    return np.sort(blocks, axis=-1)


def _find_polarity(blocks: np.ndarray) -> str:
    """Return "dark" or "light": on which side of the paper's brightness the sparser pixels lie.

    Ink covers less than paper does, so brightness around its local median is skewed towards ink;
    noise, and paper that darkens slowly, are not skewed.
    """
    n_pixels = blocks.shape[-1]
    medians = (blocks[..., (n_pixels - 1) // 2] + blocks[..., n_pixels // 2]) / 2
    paper = np.sort(medians.ravel()[_windows(medians.shape)], axis=-1)[..., MEDIAN_BLOCKS**2 // 2]
    deviation = blocks - paper[..., np.newaxis]
    return "light" if np.mean(deviation * deviation * deviation) > 0 else "dark"


@lru_cache(maxsize=64)
def _windows(shape: tuple[int, int]) -> np.ndarray:
    """Return the indices of the blocks around each block, for a median filter in a fifth of scipy's time."""
    padded = np.pad(np.arange(shape[0] * shape[1]).reshape(shape), MEDIAN_BLOCKS // 2, mode="edge")
    windows = np.lib.stride_tricks.sliding_window_view(padded, (MEDIAN_BLOCKS, MEDIAN_BLOCKS))
    return windows.reshape(*shape, -1)


def _find_bright_ink(
    thumbnail: np.ndarray, blocks: np.ndarray, side: int
) -> tuple[np.ndarray, np.ndarray, float, np.ndarray]:
    """Return the paper of each block, the contrast of pixels to it, its level on paper, and where ink is."""
    paper = _estimate_paper(blocks)
    contrast = _subtract_paper(thumbnail, paper, side)
    level, noise = _measure_paper(contrast)
    return paper, contrast, level, _find_strokes(contrast - level, noise)


def _estimate_paper(blocks: np.ndarray) -> np.ndarray:
    """Return the paper's brightness in each block, where ink is brighter.

    A low percentile of a block is paper unless ink fills the block; the opening then replaces
    blocks filled by ink with the paper around them.
    """
    paper = blocks[..., int(0.3 * (blocks.shape[-1] - 1))]
    if max(paper.shape) < WIDEST_STROKE:  # too few to tell a slope from a stroke
        return np.full_like(paper, paper.min())
    above, left = (_continuation(n) for n in paper.shape)
    return _slide(np.maximum, _slide(np.minimum, above @ paper @ left.T))


def _slide(extreme: np.ufunc, blocks: np.ndarray) -> np.ndarray:
    """Return the extreme in each square of WIDEST_STROKE blocks; on few blocks faster than scipy."""
    for _ in ("rows", "columns"):
        n_windows = len(blocks) - WIDEST_STROKE + 1
        blocks = extreme.reduce([blocks[i : i + n_windows] for i in range(WIDEST_STROKE)]).T
    return blocks


@lru_cache(maxsize=64)
def _continuation(n_blocks: int) -> np.ndarray:
    """Return the matrix that continues a row of blocks past its ends, along its slope.

    Without it the opening would flatten a slope there, and the paper would pass for ink.
    """
    return np.pad(
        np.eye(n_blocks, dtype=np.float32), ((REACH, REACH), (0, 0)), mode="reflect", reflect_type="odd"
    )


def _enlarge_blocks(blocks: np.ndarray, shape: tuple[int, int], side: float) -> np.ndarray:
    """Interpolate blocks to every pixel, and continue their slopes to the page's edges."""
    return _stretch(_stretch(blocks.T, shape[1], side).T, shape[0], side)


def _stretch(blocks: np.ndarray, length: int, side: float) -> np.ndarray:
    before, after, weights = _interpolation(len(blocks), length, side)
    start, step = blocks[before], blocks[after]
    step -= start
    step *= weights
    start += step
    return start


@lru_cache(maxsize=64)
def _interpolation(n_blocks: int, length: int, side: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return, for each of `length` pixels, the blocks before and after it and the latter's weight."""
    positions = (np.arange(length) + 0.5) / side - 0.5
    before = np.clip(positions.astype(int), 0, max(n_blocks - 2, 0))
    weights = (positions - before).astype(np.float32)[:, np.newaxis]
    return before, np.minimum(before + 1, n_blocks - 1), weights


def _subtract_paper(page: np.ndarray, paper: np.ndarray, side: float) -> np.ndarray:
    """Return how far pixels are from paper (about 0) towards the brightest possible ink (1).

    Dividing by the whole way undoes shade: ink in the shade reflects less light, but so does its paper.
    """
    paper = _enlarge_blocks(paper, page.shape, side)
    contrast = page - paper
    headroom = np.subtract(1, paper, out=paper)
    contrast /= np.maximum(headroom, LEAST_HEADROOM, out=headroom)
    return contrast


def _measure_paper(contrast: np.ndarray) -> tuple[float, float]:
    """Return the level and the standard deviation of paper, from the lower half of the pixels."""
    if contrast.size < 64:  # too few to tell noise from ink
        return 0.0, 1e-7
    low, level = percentile(contrast, 10), percentile(contrast, 40)
    return level, max((level - low) / 1.03, LEAST_NOISE)  # 1.03: their distance in a normal distribution


def _find_strokes(contrast: np.ndarray, noise: float) -> np.ndarray:
    """Return where a thumbnail is ink beyond doubt."""
    strokes = contrast > 5 * noise
    if strokes.any():
        strokes &= contrast > 0.12 * percentile(contrast[strokes], 90)
    return strokes


def _find_box(strokes: np.ndarray) -> np.ndarray:
    """Return (top, left, bottom, right) of the strokes.

    Dust and shadows at the edges of a scan do not count, unless there is nothing else.
    """
    pixels = np.array(np.divmod(np.flatnonzero(strokes), strokes.shape[1]))
    side = -(-max(strokes.shape) // CELLS)
    cells = pixels[0] // side * CELLS + pixels[1] // side
    n_pixels = np.bincount(cells, minlength=CELLS * CELLS).reshape(CELLS, CELLS)
    groups, n_groups = ndimage.label(n_pixels, structure=TOUCHING)
    if n_groups > 1:
        sizes = np.bincount(groups.ravel(), weights=n_pixels.ravel())
        rows, columns = -(-np.array(strokes.shape) // side)
        inside = np.zeros(n_groups + 1, dtype=bool)
        inside[groups[EDGE_CELLS : rows - EDGE_CELLS, EDGE_CELLS : columns - EDGE_CELLS]] = True
        kept = (inside & (sizes >= SPECK_SHARE * sizes.sum()))[groups.ravel()[cells]]
        if kept.any():
            pixels = pixels[:, kept]
    top, left = pixels.min(axis=1)
    bottom, right = pixels.max(axis=1) + 1
    return np.array([top, left, bottom, right])


def _fit_window(box: np.ndarray, image_shape: tuple[int, int], margin: float) -> tuple[np.ndarray, float]:
    """Return the part of the page to show, in which `box` is central, and the scale to show it at."""
    shape = np.array(image_shape)
    inner = np.maximum(shape - 2 * np.round(margin * shape), 1)
    scale = np.min(inner / (box[2:] - box[:2]))
    center, half = (box[:2] + box[2:]) / 2, shape / scale / 2
    return np.concatenate([center - half, center + half]), scale


def _cut_window(contrast: np.ndarray, window: np.ndarray, image_shape: tuple[int, int]) -> np.ndarray:
    """Return the window, which may reach past the page, resized to `image_shape`."""
    top, left = np.floor(window[:2]).astype(int)
    bottom, right = np.ceil(window[2:]).astype(int)
    # Past the page's edges crop() fills in 0, which is paper here.
    part = Image.fromarray(contrast).crop((left, top, right, bottom))
    y0, x0, y1, x1 = window - (top, left, top, left)
    box = (x0, y0, min(x1, part.width), min(y1, part.height))  # rounding may exceed the part
    return np.asarray(part.resize(image_shape[::-1], Image.Resampling.BICUBIC, box=box))


def _normalize(ink: np.ndarray) -> np.ndarray | None:
    """Return ink from 0 to 1, with paper's noise and the ripples of resampling made 0; None without ink."""
    below = ink[ink < 0]
    noise = -1.5 * percentile(below, 50) if below.size else 0  # only noise is less than paper
    floor = max(3.5 * noise, 0.05 * ink.max())
    strokes = ink[ink > floor]
    if not strokes.size:
        return None
    return np.clip((ink - floor) / (percentile(strokes, 90) - floor), 0, 1)
