"""Drawings of several kinds, as clinics ask for them, by steady and by shaky hands."""

from collections.abc import Iterable, Sequence

import numpy as np
from sklearn.utils import Bunch, check_random_state

from sparsecnn.datasets._checks import check_count, check_image_shape, check_kinds, check_range
from sparsecnn.datasets._paper import blur, deposit, photograph
from sparsecnn.datasets._pen_paths import DRAWERS
from sparsecnn.datasets._persons import assign_persons, check_persons, person_styles, vary_habits
from sparsecnn.datasets._words import TARGET_NAMES

DRAWING_KINDS = tuple(DRAWERS)
# A person's habits: each is uniform between two bounds over persons, and varies by a part of that range from
# drawing to drawing. Lengths are parts of the drawing's side.
_HABITS = {
    "size": (0.75, 1.0, 0.2),
    "stretch": (0.8, 1.25, 0.2),
    "slant": (-0.3, 0.3, 0.2),
    "turn": (-0.15, 0.15, 0.3),
    "drift": (0.0, 0.06, 0.3),  # how far the whole path is bent, at less than one wave a drawing
    "wobble": (0.002, 0.014, 0.4),  # slow waviness, which steady hands have as well
    "wobble_length": (0.22, 0.6, 0.3),
    "width": (0.0025, 0.008, 0.2),  # of the pen
    "pressure": (0.5, 2.5, 0.2),
    "fading": (0.0, 0.6, 0.3),  # how much the pressure varies along the path
    "grain": (0.0, 0.9, 0.3),  # of pencil on rough paper
    "jitter": (0.0, 0.0015, 0.3),  # the finest roughness of a line, which steady hands have as well
    "severity": (0.0, 1.0, 0.2),
    "tremor_length": (0.05, 0.18, 0.2),
    "jerk": (0.0, 1.0, 0.3),
    "bursts": (0.0, 1.2, 0.3),
    "axis": (0.0, np.pi, 0.1),
    "one_sided": (0.0, 0.8, 0.2),  # how much the tremor keeps to its axis
}
_LARGEST_TREMOR = 0.03  # of the drawing's side, at severity 1
_WAVES = 12


def make_shaky_drawings(
    n_samples: int = 1000,
    *,
    kinds: str | Sequence[str] = DRAWING_KINDS,
    image_shape: tuple[int, int] = (128, 128),
    persons: int | Iterable[int] = 40,
    severity: float | tuple[float, float] = (0.15, 1.0),
    return_X_y: bool = False,
    random_state: int | np.random.RandomState | None = None,
) -> Bunch | tuple[np.ndarray, np.ndarray]:
    """Generate drawings such as clinics ask for, by regular and by shaky persons.

    Spirals, meanders, waves, cursive loops and cursive words, drawn with a pen or pencil and scanned. Every
    person has a style (size, slant, drift, slow waviness, width and pressure of the pen, roughness of the
    paper), which a shaky and a regular person draw alike; a shaky person's pen trembles on top of it, with a
    wavelength, an axis, a jerkiness and a severity that are the person's own.

    Parameters
    ----------
    n_samples : int, default=1000
        Number of images. The classes are equally frequent (up to one image), and so are the persons of a
        class.
    kinds : str or list of str, default=("spiral", "meander", "wave", "loops", "word")
        What is drawn, at random for every image.
    image_shape : tuple (height, width), default=(128, 128)
        In pixels, each at least 32. Wide images have more waves, loops and letters.
    persons : int or iterable of int, default=40
        Numbers of the persons who draw; an integer ``k`` stands for ``range(k)``. Persons of even number are
        regular, those of odd number shaky. A number is the same person with the same style in every call,
        whatever `random_state`: take ``range(40)`` to train and ``range(40, 60)`` to test on strangers.
    severity : float or (low, high), default=(0.15, 1.0)
        Severity of the tremor, one number for all shaky persons or a range. At 1 its amplitude is about 3 %
        of the drawing's side. With 0 the classes are the same.
    return_X_y : bool, default=False
        Return ``(data, target)`` only.
    random_state : int, RandomState instance or None, default=None
        Seed of the drawings.

    Returns
    -------
    drawings : :class:`~sklearn.utils.Bunch`
        With the attributes

        data : ndarray of uint8, shape (n_samples, height * width)
            Grey values, ink bright on dark paper.
        images : ndarray of uint8, shape (n_samples, height, width)
            The same values, a view of `data`.
        target : ndarray of int, shape (n_samples,)
            0 for regular, 1 for shaky.
        target_names : ndarray of str, shape (2,)
            ``["regular", "shaky"]``.
        groups : ndarray of int, shape (n_samples,)
            The person who drew each image.
        kinds : ndarray of str, shape (n_samples,)
            What each image shows.
        severity : ndarray of float, shape (n_samples,)
            Severity of the tremor in each image, 0 for regular persons.
        DESCR : str
            Description of the data.
    (data, target) : tuple
        With ``return_X_y=True``.

    Raises
    ------
    TypeError, ValueError
        If an argument is out of its range or a kind is unknown; if `persons` holds a negative number, or no
        person of one class.

    See Also
    --------
    make_shaky_spirals : Spirals of 64 pixels, made faster.
    sparsecnn.pretraining.pretrain_on_drawings : Trains a reader on these drawings.

    Notes
    -----
    Along the pen's path, displacements are sums of sines with random phases: the slow waviness of every hand
    at 0.22 to 0.6 of the drawing's side, the tremor at 0.05 to 0.18 with an octave above it, waxing and
    waning in bursts. Ink is laid down along the path, missing the hollows of rough paper, and photographed.

    Examples
    --------
    >>> from sparsecnn.datasets import make_shaky_drawings
    >>> drawings = make_shaky_drawings(20, kinds=["wave", "loops"], image_shape=(64, 192), random_state=0)
    >>> drawings.images.shape, sorted(set(drawings.kinds.tolist()))
    ((20, 64, 192), ['loops', 'wave'])
    >>> bool((drawings.severity[drawings.target == 0] == 0).all())
    True
    """
    check_count("n_samples", n_samples)
    shape = check_image_shape(image_shape, smallest=32)
    bounds = check_range("severity", severity)
    chosen = check_kinds(kinds, DRAWING_KINDS)
    numbers = check_persons(persons)
    rng = np.random.default_rng(check_random_state(random_state).randint(2**31, size=4))

    target, groups = assign_persons(rng, n_samples, numbers)
    styles = person_styles(groups, _HABITS)
    kind = rng.choice(chosen, n_samples)
    images = np.empty((n_samples, *shape), dtype=np.uint8)
    degree = np.zeros(n_samples)
    for i in range(n_samples):
        habits = vary_habits(rng, _HABITS, styles[i])
        degree[i] = target[i] * (bounds[0] + (bounds[1] - bounds[0]) * habits["severity"])
        images[i] = _draw(rng, DRAWING_KINDS[kind[i]], habits, degree[i], shape)
    data = images.reshape(n_samples, -1)
    if return_X_y:
        return data, target
    return Bunch(
        data=data,
        images=images,
        target=target,
        target_names=np.array(TARGET_NAMES),
        groups=groups,
        kinds=np.array(DRAWING_KINDS)[kind],
        severity=degree,
        DESCR=_DESCR.format(n=n_samples, shape=shape, persons=len(numbers)),
    )


_DESCR = """Drawings by steady and shaky hands (generated)

{n} images of {shape} pixels, ink bright on dark paper, by {persons} persons (`groups`), each of them either
regular (target 0) or shaky (target 1).
"""


def _draw(rng, kind, habits, severity, shape):
    """One image."""
    path, side = _place(rng, DRAWERS[kind](rng, shape), habits, shape)
    path, length = _resample(path)
    along = length / side  # in sides of the drawing
    bend = habits["drift"] * _noise(rng, along, along[-1], 0.7)
    wobble = habits["wobble"] * _noise(rng, along, habits["wobble_length"], 0.4)
    jitter = habits["jitter"] * _noise(rng, along, 0.012, 0.5)
    path = path + side * (bend + wobble + jitter + _tremor(rng, along, habits, severity))
    points, steps = (path[:, 1:] + path[:, :-1]) / 2, np.hypot(*np.diff(path, axis=1))
    fading = np.exp(habits["fading"] * _noise(rng, along, along[-1] / 3, 0.5)[0, 1:])
    width = max(habits["width"] * side, 0.45)
    ink = deposit(points[:, None], (steps * fading)[None], shape)
    ink = _add_grain(rng, blur(ink, np.array([width])), habits["grain"])
    gain = habits["pressure"] * np.sqrt(2 * np.pi) * width
    return photograph(1 - np.exp(-gain * ink), rng)[0]


def _place(rng, path, habits, shape):
    """The path in pixels, within the image, and the side of the drawing: the root of its area, in pixels."""
    stretch = np.sqrt(habits["stretch"])
    cos, sin = np.cos(habits["turn"]), np.sin(habits["turn"])
    path = np.array([[cos, -sin], [sin, cos]]) @ [[stretch, habits["slant"]], [0, 1 / stretch]] @ path
    low, high = path.min(axis=1), path.max(axis=1)
    room = np.array(shape[::-1]) * 0.84
    scale = habits["size"] * np.min(room / (high - low))
    box = scale * (high - low)
    slack = np.maximum(room - box, 0) / 2
    centre = np.array(shape[::-1]) / 2 + slack * rng.uniform(-1, 1, 2)
    return scale * (path.T - (low + high) / 2).T + centre[:, None], np.sqrt(box.prod())


def _resample(path):
    """Points about half a pixel apart, and how far along the path each lies."""
    length = np.concatenate([[0], np.cumsum(np.hypot(*np.diff(path, axis=1)))])
    even = np.linspace(0, length[-1], int(2 * length[-1]) + 2)
    return np.stack([np.interp(even, length, axis) for axis in path]), even


def _noise(rng, along, wavelength, spread):
    """Displacement (2, points) of power 1/2, around a wavelength, within so many octaves.

    The points lie evenly `along` the path, from 0. Cut into rows of equal length, each is the sum of its
    row's start a and its own place b in the first row: sin(a + b) = sin a cos b + cos a sin b makes the sum
    over the waves a product of two thin matrices.
    """
    waves = wavelength * np.exp2(spread * rng.standard_normal((2, _WAVES, 1)))
    phases = rng.uniform(0, 2 * np.pi, waves.shape)
    row = int(np.sqrt(along.size)) + 1
    starts, places = 2 * np.pi * along[::row] / waves + phases, 2 * np.pi * along[:row] / waves
    left = np.concatenate([np.sin(starts), np.cos(starts)], axis=1)
    right = np.concatenate([np.cos(places), np.sin(places)], axis=1)
    return (left.swapaxes(1, 2) @ right).reshape(2, -1)[:, : along.size] / np.sqrt(_WAVES)


def _tremor(rng, along, habits, severity):
    """Displacement by the tremor: two octaves, more or less jerky, in bursts, mostly along one axis."""
    wave = habits["tremor_length"]
    noise = _noise(rng, along, wave, 0.25) + 0.5 * _noise(rng, along, wave / 2, 0.3)
    noise += habits["jerk"] * (np.tanh(3 * noise) - noise)
    envelope = np.exp(habits["bursts"] * _noise(rng, along, 12 * wave, 0.5)[0])
    envelope /= np.sqrt(np.mean(envelope**2))
    axis = np.array([np.cos(habits["axis"]), np.sin(habits["axis"])])
    noise -= habits["one_sided"] * np.outer(axis, axis @ noise)
    size = _LARGEST_TREMOR * np.sqrt(wave / 0.12)  # slower tremors are larger
    return severity * size * envelope * noise


def _add_grain(rng, ink, grain):
    """Ink that misses the hollows of rough paper."""
    return ink * np.clip(1 + grain * rng.standard_normal(ink.shape), 0, None)
