"""Words in real fonts, written by a regular or a shaky hand."""

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from sklearn.utils import Bunch, gen_batches

from sparsecnn._image_shape import check_image_shape
from sparsecnn.datasets._bunch import pack
from sparsecnn.datasets._checks import (
    MOST_SCALES,
    check_choice,
    check_count,
    check_flag,
    check_range,
    make_generator,
)
from sparsecnn.datasets._fonts import draw_words, find_fonts, find_words, measure
from sparsecnn.datasets._paper import PART, photograph
from sparsecnn.datasets._tremor import (
    PATH_PER_LETTER,
    SHORTEST_WAVE,
    SMALLEST_AMPLITUDE,
    STEEPEST,
    TREMORS,
    log_uniform,
    slow_field,
    tremor_field,
)

_MARGIN = 2.0
_SMALLEST_LETTER = 10.0  # in pixels, if the word then fits
_LARGEST_LETTER = 0.55  # as a fraction of the image's height
_CHUNK = 128  # images of 64 x 64 pixels drawn at once; fewer of larger ones
_CHUNK_PIXELS = _CHUNK * 64 * 64


def make_shaky_words(
    n_samples: int = 1000,
    *,
    image_shape: tuple[int, int] = (64, 64),
    fonts: Sequence[str | Path] | None = None,
    words: Sequence[str] | None = None,
    amplitude: float | tuple[float, float] = (0.08, 0.18),
    frequency: float | tuple[float, float] = (3.0, 8.0),
    scales: int = 3,
    tremor: str | Sequence[str] = TREMORS,
    return_X_y: bool = False,
    random_state: int | np.random.RandomState | None = None,
) -> Bunch | tuple[np.ndarray, np.ndarray]:
    r"""Generate images of words in real fonts, written by a regular or by a shaky hand.

    For each image are drawn at random: word, font, size, place, slant, rotation, width of the letters, weight
    of the strokes, strength of the ink, blur, paper, noise and a slow waviness. Their distributions are those
    of both classes. Shaky images have a tremor in addition, at one or several scales.

    Parameters
    ----------
    n_samples : int, default=1000
        Number of images. The classes are equally frequent (up to one image).
    image_shape : tuple (height, width), default=(64, 64)
        In pixels, each at least 32. The words fit into the image.
    fonts : list of str or Path, default=None
        Names of shipped fonts (see :func:`list_fonts`) or paths of font files (``.ttf``, ``.otf``,
        ``.woff``). None stands for all shipped fonts.
    words : list of str, default=None
        The words to write. None stands for :func:`list_words`.
    amplitude : float or (low, high), default=(0.08, 0.18)
        Amplitude of the tremor as a fraction of the letter height, one number for all images or a range.
        Positive amplitudes are at least 1.1 pixels, to be visible, and at most 0.16 wavelengths, so that
        strokes do not tear; at 0 the classes do not differ.
    frequency : float or (low, high), default=(3.0, 8.0)
        Frequency of the slowest scale of the tremor in cycles per letter, one number or a range. It is
        lowered where a cycle would be shorter than 7 pixels.
    scales : int, default=3
        Number of octaves of the tremor, at most 32: each scale has twice the frequency and half the amplitude
        of the previous one. Scales with waves shorter than 3 pixels are omitted.
    tremor : str or list of str, default=("sinusoidal", "noise", "jerky")
        Kinds of tremor, drawn at random for each image: ``"sinusoidal"``, regular waves across the strokes;
        ``"noise"``, a band of frequencies, isotropic or mostly along one axis; ``"jerky"``, the same with
        sudden moves between two rests.
    return_X_y : bool, default=False
        Return ``(data, target)`` only.
    random_state : int, RandomState instance or None, default=None
        Seed of the images; an integer from 0 to 2**32 - 1.

    Returns
    -------
    words : :class:`~sklearn.utils.Bunch`
        With the attributes

        data : ndarray of uint8, shape (n_samples, height * width)
            Grey values, ink bright on dark paper. It carries its `image_shape` to the estimators.
        images : ndarray of uint8, shape (n_samples, height, width)
            The same values, a view of `data`.
        target : ndarray of int, shape (n_samples,)
            0 for regular, 1 for shaky.
        target_names : ndarray of str, shape (2,)
            ``["regular", "shaky"]``.
        groups : ndarray of str, shape (n_samples,)
            The font of each image, as given in `fonts`, for a splitter such as
            :class:`~sklearn.model_selection.StratifiedGroupKFold`, which keeps a font in one fold and
            balances the classes of the folds.
        words : ndarray of str, shape (n_samples,)
            The word of each image.
        DESCR : str
            Description of the data.
    (data, target) : tuple
        With ``return_X_y=True``.

    Raises
    ------
    TypeError, ValueError
        If an argument is of the wrong type or out of its range, a font is neither shipped nor a readable
        file, or a font has no ink for a character of `words`.

    See Also
    --------
    make_shaky_spirals : Generate spirals drawn by hand.
    list_fonts : List the fonts used by default, to split them into training and test fonts.
    list_words : List the words used by default, to split them into training and test words.

    Notes
    -----
    A pixel :math:`p` of an image shows the ink of the word at :math:`A^{-1}(p + s(p) + y\,d(p))`, where
    :math:`A` places the word, :math:`s` is the slow waviness, :math:`d` the tremor and :math:`y` the class.
    Both fields are sums of plane waves, :math:`\sum_j u_j \sin(k_j \cdot p + \varphi_j)`. The tremor keeps
    the mean amount of ink and does not blur it.

    The pen travels about three letter heights :math:`h` per letter, so that :math:`f` cycles per letter are
    waves of length :math:`3h/f`. The rest tremor of Parkinson's disease has 4 to 6 Hz, essential tremor 4 to
    12 Hz [1]_. At one to two letters per second, 4 to 6 Hz are 2 to 6 cycles per letter, and up to 8 for
    slower writing; the default covers most of these. The slow waviness of both classes has less than one
    cycle per letter.

    References
    ----------
    .. [1] G. Deuschl, P. Bain, M. Brin and an ad hoc scientific committee, "Consensus statement of the
       Movement Disorder Society on tremor", Movement Disorders 13 (S3), 2-23, 1998.

    Examples
    --------
    Training and test data that share neither a font nor a word:

    >>> from sklearn.model_selection import train_test_split
    >>> from sparsecnn.datasets import list_fonts, list_words, make_shaky_words
    >>> fonts, test_fonts = train_test_split(list_fonts(), test_size=0.25, random_state=0)
    >>> words, test_words = train_test_split(list_words(), test_size=0.25, random_state=0)
    >>> train = make_shaky_words(40, fonts=fonts, words=words, random_state=0)
    >>> test = make_shaky_words(20, fonts=test_fonts, words=test_words, random_state=1)
    >>> train.images.shape, int(train.target.sum())
    ((40, 64, 64), 20)
    >>> set(train.groups) & set(test.groups), set(train.words) & set(test.words)
    (set(), set())
    """
    check_count("n_samples", n_samples)
    shape = check_image_shape(image_shape, smallest=32)
    check_count("scales", scales, largest=MOST_SCALES)
    check_flag("return_X_y", return_X_y)
    bounds = check_range("amplitude", amplitude), check_range("frequency", frequency, open_low=True)
    tremors = check_choice("tremor", tremor, TREMORS)
    labels, paths = find_fonts(fonts)
    texts = find_words(words, paths)
    rng = make_generator(random_state)

    target = rng.permutation(np.arange(n_samples) % 2)
    font = rng.integers(len(paths), size=n_samples)
    word = rng.integers(len(texts), size=n_samples)
    images = np.empty((n_samples, *shape), dtype=np.uint8)
    chunk = min(_CHUNK, max(1, _CHUNK_PIXELS // math.prod(shape)))
    for part in gen_batches(n_samples, chunk):
        pairs = [(paths[f], texts[w]) for f, w in zip(font[part], word[part], strict=True)]
        images[part] = _write(rng, pairs, target[part], (*bounds, scales, tremors), shape)
    return pack(
        images,
        target,
        return_X_y,
        groups=np.array(labels)[font],
        words=np.array(texts)[word],
        DESCR=_DESCR.format(n=n_samples, shape=shape, fonts=len(paths), words=len(texts)),
    )


_DESCR = """Words written by regular and shaky hands (generated)

{n} images of {shape} pixels, ink bright on dark paper: {words} words in {fonts} fonts (`groups`), written
by a regular (target 0) or a shaky hand (target 1).
"""


def _write(
    rng: np.random.Generator,
    texts: Sequence[tuple[str, str]],
    target: np.ndarray,
    tremor: tuple[tuple[float, float], tuple[float, float], int, np.ndarray],
    shape: tuple[int, int],
) -> np.ndarray:
    """Return images of `texts`, pairs of font path and word, shaky where `target` is 1."""
    amplitude, frequency, scales, kinds = tremor
    n = len(texts)
    scale, matrices, centres, heights = _layout(rng, np.array([measure(*text) for text in texts]), shape)
    lengths = PATH_PER_LETTER * heights / log_uniform(rng, frequency, n)
    lengths = np.maximum(lengths, SHORTEST_WAVE)
    amplitudes = log_uniform(rng, amplitude, n) * heights
    visible = np.clip(amplitudes, SMALLEST_AMPLITUDE, STEEPEST * lengths)
    amplitudes = np.where(amplitudes > 0, visible, 0.0) * target
    field = slow_field(rng, heights, centres, shape)
    field += tremor_field(rng, amplitudes, lengths, scales, rng.choice(kinds, n), shape)
    strokes = rng.uniform(0.0, 0.04, n) * (rng.random(n) < 0.4)
    sheet, boxes, drawn = draw_words(texts, scale, strokes)
    field += np.indices(shape, dtype=np.float32)[::-1]
    maps = np.linalg.inv(matrices).astype(np.float32) * (drawn / scale)[:, None, None]
    middles = (boxes[:, :0:-1] - 1) / 2 - (maps @ centres[..., None])[..., 0]
    ink = np.zeros((n, *shape), dtype=np.float32)
    for part in gen_batches(n, PART):
        places = field[part].reshape(-1, 2, ink[0].size).astype(np.float64)  # of one type: much faster
        x, y = (maps[part] @ places + middles[part, :, None]).swapaxes(0, 1)
        top, height, width = boxes[part].T[..., None]
        inside = np.flatnonzero((x > 0) & (x < width - 1) & (y > 0) & (y < height - 1))
        y += top
        ink[part].ravel()[inside] = _interpolate(sheet, x.ravel()[inside], y.ravel()[inside])
    ink /= 255
    return photograph(ink, rng)


def _interpolate(sheet: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return bilinear values of `sheet`, whose pixels lie at integers x and y."""
    column, row = x.astype(np.intp), y.astype(np.intp)
    x, y = x - column, y - row
    pixels, width = sheet.ravel(), sheet.shape[1]
    corner = row * width + column
    above = (1 - x) * pixels[corner] + x * pixels[corner + 1]
    below = (1 - x) * pixels[corner + width] + x * pixels[corner + width + 1]
    return (1 - y) * above + y * below


def _layout(
    rng: np.random.Generator, sizes: np.ndarray, shape: tuple[int, int]
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Draw font size, linear map, centre and letter height of each word, within the image."""
    n = len(sizes)
    width, height, letter = sizes.T
    stretch, slant, angle = rng.uniform([[0.85], [-0.3], [-0.2]], [[1.2], [0.3], [0.2]], (3, n))
    matrices = _matrices(np.cos(angle), -np.sin(angle), np.sin(angle), np.cos(angle))
    matrices = matrices @ _matrices(stretch, slant, np.zeros(n), np.ones(n))
    extent = (np.abs(matrices) @ np.stack([width, height], -1)[..., None])[..., 0]
    room = np.array(shape[::-1]) - 2 * _MARGIN
    fit = (room / extent).min(axis=1)
    scale = fit * rng.uniform(0.65, 1.0, n)
    scale = np.maximum(scale, np.minimum(fit, _SMALLEST_LETTER / letter))
    scale = np.minimum(scale, _LARGEST_LETTER * shape[0] / letter)
    slack = (room - scale[:, None] * extent) / 2
    centres = (np.array(shape[::-1]) - 1) / 2 + slack * rng.uniform(-1, 1, (n, 2))
    return scale, matrices, centres, scale * letter


def _matrices(a: np.ndarray, b: np.ndarray, c: np.ndarray, d: np.ndarray) -> np.ndarray:
    """Return the matrices ((a, b), (c, d)), shape (n, 2, 2)."""
    return np.stack([a, b, c, d], axis=-1).reshape(-1, 2, 2)
