"""Words in real fonts, written by a regular or a shaky hand."""

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from sklearn.utils import Bunch, check_random_state, gen_batches

from sparsecnn.datasets._checks import check_count, check_image_shape, check_kinds, check_range
from sparsecnn.datasets._fonts import draw_words, find_fonts, find_words, measure
from sparsecnn.datasets._paper import PART, photograph
from sparsecnn.datasets._tremor import (
    KINDS,
    PATH_PER_LETTER,
    SHORTEST_WAVE,
    SMALLEST_AMPLITUDE,
    STEEPEST,
    log_uniform,
    slow_field,
    tremor_field,
)

TARGET_NAMES = ("regular", "shaky")
_MARGIN = 2.0
_SMALLEST_LETTER = 10.0  # in pixels, where the word then fits
_LARGEST_LETTER = 0.55  # in parts of the image's height
_CHUNK = 128  # images drawn at a time, if they are of 64 x 64 pixels; fewer of larger ones
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
    kinds: str | Sequence[str] = KINDS,
    return_X_y: bool = False,
    random_state: int | np.random.RandomState | None = None,
) -> Bunch | tuple[np.ndarray, np.ndarray]:
    r"""Generate images of words in real fonts, written by a regular or by a shaky hand.

    Every image has its own word, font, size and place, slant, rotation and width of the letters, weight of
    the strokes, strength of the ink, blur, paper and noise, and a slow waviness such as every hand has. The
    images of both classes come about in exactly the same way; the shaky ones differ by a tremor only, at
    one or several scales.

    Parameters
    ----------
    n_samples : int, default=1000
        Number of images. The classes are equally frequent (up to one image).
    image_shape : tuple (height, width), default=(64, 64)
        In pixels, each at least 32. The words are fitted into the image.
    fonts : list of str or Path, default=None
        Names of shipped fonts (see :func:`load_fonts`) or paths of font files (``.ttf``, ``.otf``,
        ``.woff``). None stands for all that are shipped.
    words : list of str, default=None
        The words to write. None stands for :func:`load_words`.
    amplitude : float or (low, high), default=(0.08, 0.18)
        Amplitude of the tremor in parts of the letter height, one number for all images or a range. It is
        raised to 1.1 pixels where smaller, for less cannot be seen, and limited to 0.16 wavelengths, beyond
        which strokes would tear. With 0 the classes are the same.
    frequency : float or (low, high), default=(3.0, 8.0)
        Frequency of the slowest scale of the tremor in cycles per letter, lowered where a cycle would be
        shorter than 7 pixels.
    scales : int, default=3
        Number of octaves of the tremor: each scale has twice the frequency of the one before, and half its
        amplitude. Scales finer than 3 pixels are left out.
    kinds : str or list of str, default=("sinusoidal", "noise", "jerky")
        Kinds of tremor, drawn at random for every image: ``"sinusoidal"``, regular waves across the strokes;
        ``"noise"``, a band of frequencies, alike in all directions or mostly along one; ``"jerky"``, the same
        with sudden moves between two rests.
    return_X_y : bool, default=False
        Return ``(data, target)`` only.
    random_state : int, RandomState instance or None, default=None
        Seed of everything that is drawn.

    Returns
    -------
    words : :class:`~sklearn.utils.Bunch`
        With the attributes

        data : ndarray of uint8, shape (n_samples, height * width)
            Grey values, ink bright on dark paper.
        images : ndarray of uint8, shape (n_samples, height, width)
            The same values, a view of `data`.
        target : ndarray of int, shape (n_samples,)
            0 for regular, 1 for shaky.
        target_names : ndarray of str, shape (2,)
            ``["regular", "shaky"]``.
        groups : ndarray of str, shape (n_samples,)
            The font of each image, as given in `fonts`: a group splitter keeps fonts apart.
        words : ndarray of str, shape (n_samples,)
            The word of each image.
        DESCR : str
            Description of the data.
    (data, target) : tuple
        With ``return_X_y=True``.

    Raises
    ------
    TypeError, ValueError
        If an argument is out of its range, a font is neither shipped nor a readable file, or a font cannot
        draw a character of `words`.

    See Also
    --------
    make_shaky_spirals : Spirals drawn by hand.
    load_fonts, load_words : What is drawn by default, to be split into parts for training and test.

    Notes
    -----
    A pixel :math:`p` of an image shows the ink of the word at :math:`A^{-1}(p + s(p) + y\,d(p))`, where
    :math:`A` places the word, :math:`s` is the slow waviness, :math:`d` the tremor and :math:`y` the class.
    Both fields are sums of plane waves, :math:`\sum_j u_j \sin(k_j \cdot p + \varphi_j)`. The tremor moves
    ink without adding or removing any on average, and blurs nothing.

    The pen travels about three letter heights :math:`h` to write one letter, so that :math:`f` cycles per
    letter are waves of length :math:`3h/f`. The rest tremor of Parkinson's disease lies at 4 to 6 Hz,
    essential tremor at 4 to 12 Hz [1]_. For a hand that writes one to two letters a second, 4 to 6 Hz are 2
    to 6 cycles per letter, and up to 8 for slower writing; the default covers most of that. The slow
    waviness of both classes has less than one cycle per letter.

    References
    ----------
    .. [1] G. Deuschl, P. Bain, M. Brin and an ad hoc scientific committee, "Consensus statement of the
       Movement Disorder Society on tremor", Movement Disorders 13 (S3), 2-23, 1998.

    Examples
    --------
    Training and test data that share neither a font nor a word:

    >>> from sklearn.model_selection import train_test_split
    >>> from sparsecnn.datasets import load_fonts, load_words, make_shaky_words
    >>> fonts, test_fonts = train_test_split(load_fonts(), test_size=0.25, random_state=0)
    >>> words, test_words = train_test_split(load_words(), test_size=0.25, random_state=0)
    >>> train = make_shaky_words(40, fonts=fonts, words=words, random_state=0)
    >>> test = make_shaky_words(20, fonts=test_fonts, words=test_words, random_state=1)
    >>> train.images.shape, train.target.sum()
    ((40, 64, 64), np.int64(20))
    >>> set(train.groups) & set(test.groups), set(train.words) & set(test.words)
    (set(), set())
    """
    check_count("n_samples", n_samples)
    shape = check_image_shape(image_shape, smallest=32)
    check_count("scales", scales)
    bounds = check_range("amplitude", amplitude), check_range("frequency", frequency, open_low=True)
    tremor = *bounds, scales, check_kinds(kinds, KINDS)
    labels, paths = find_fonts(fonts)
    texts = find_words(words, paths)
    rng = np.random.default_rng(check_random_state(random_state).randint(2**31, size=4))

    target = rng.permutation(np.arange(n_samples) % 2)
    font = rng.integers(len(paths), size=n_samples)
    word = rng.integers(len(texts), size=n_samples)
    images = np.empty((n_samples, *shape), dtype=np.uint8)
    chunk = min(_CHUNK, max(1, _CHUNK_PIXELS // math.prod(shape)))
    for part in gen_batches(n_samples, chunk):
        pairs = [(paths[f], texts[w]) for f, w in zip(font[part], word[part], strict=True)]
        images[part] = _write(rng, pairs, target[part], tremor, shape)
    data = images.reshape(n_samples, -1)
    if return_X_y:
        return data, target
    return Bunch(
        data=data,
        images=images,
        target=target,
        target_names=np.array(TARGET_NAMES),
        groups=np.array(labels)[font],
        words=np.array(texts)[word],
        DESCR=_DESCR.format(n=n_samples, shape=shape, fonts=len(paths), words=len(texts)),
    )


_DESCR = """Words written by regular and shaky hands (generated)

{n} images of {shape} pixels, ink bright on dark paper: {words} words in {fonts} fonts (`groups`), written
by a regular (target 0) or a shaky hand (target 1).
"""


def _write(rng, texts, target, tremor, shape):
    """Images of `texts`, pairs of font path and word, shaky where `target` is 1."""
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
        places = field[part].reshape(-1, 2, ink[0].size).astype(np.float64)  # of one type: far faster
        x, y = (maps[part] @ places + middles[part, :, None]).swapaxes(0, 1)
        top, height, width = boxes[part].T[..., None]
        inside = np.flatnonzero((x > 0) & (x < width - 1) & (y > 0) & (y < height - 1))
        y += top
        ink[part].ravel()[inside] = _interpolate(sheet, x.ravel()[inside], y.ravel()[inside])
    ink /= 255
    return photograph(ink, rng)


def _interpolate(sheet, x, y):
    """Values of `sheet` between its pixels, which lie at whole numbers of x and y."""
    column, row = x.astype(np.intp), y.astype(np.intp)
    x, y = x - column, y - row
    pixels, width = sheet.ravel(), sheet.shape[1]
    corner = row * width + column
    above = (1 - x) * pixels[corner] + x * pixels[corner + 1]
    below = (1 - x) * pixels[corner + width] + x * pixels[corner + width + 1]
    return (1 - y) * above + y * below


def _layout(rng, sizes, shape):
    """Font size, linear map, centre and letter height of every word, at random but within the image."""
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


def _matrices(a, b, c, d):
    """Matrices ((a, b), (c, d)), shape (n, 2, 2)."""
    return np.stack([a, b, c, d], axis=-1).reshape(-1, 2, 2)
