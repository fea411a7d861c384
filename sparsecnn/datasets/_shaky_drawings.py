"""Drawings of several kinds, as tests of tremor use them, by regular and by shaky persons."""

from collections.abc import Iterable, Sequence

import numpy as np
from sklearn.utils import Bunch

from sparsecnn._image_shape import check_image_shape
from sparsecnn.datasets._bunch import pack
from sparsecnn.datasets._checks import check_choice, check_count, check_flag, check_range, make_generator
from sparsecnn.datasets._paper import blur, deposit, photograph
from sparsecnn.datasets._pen_paths import DRAWERS
from sparsecnn.datasets._persons import assign_persons, check_persons, person_styles, vary_habits

DRAWING_KINDS = tuple(DRAWERS)
# A person's habits: each is uniform between two bounds over persons, and varies by a fraction of this range
# from drawing to drawing. Lengths are fractions of the drawing's side.
_HABITS = {
    "size": (0.75, 1.0, 0.2),
    "stretch": (0.8, 1.25, 0.2),
    "slant": (-0.3, 0.3, 0.2),
    "turn": (-0.15, 0.15, 0.3),
    "drift": (0.0, 0.06, 0.3),  # amplitude of a bend of the whole path, less than one wave per drawing
    "wobble": (0.002, 0.014, 0.4),  # slow waviness, which regular persons have as well
    "wobble_length": (0.22, 0.6, 0.3),
    "width": (0.0025, 0.008, 0.2),  # of the pen
    "pressure": (0.5, 2.5, 0.2),
    "fading": (0.0, 0.6, 0.3),  # variation of the pressure along the path
    "grain": (0.0, 0.9, 0.3),  # of pencil on rough paper
    "jitter": (0.0, 0.0015, 0.3),  # finest roughness of a line, which regular persons have as well
    "severity": (0.0, 1.0, 0.2),
    "tremor_length": (0.05, 0.18, 0.2),
    "jerk": (0.0, 1.0, 0.3),
    "bursts": (0.0, 1.2, 0.3),
    "axis": (0.0, np.pi, 0.1),
    "one_sided": (0.0, 0.8, 0.2),  # concentration of the tremor on its axis
}
_LARGEST_TREMOR = 0.03  # as a fraction of the drawing's side, at severity 1
_WAVES = 12


def make_shaky_drawings(
    n_samples: int = 1000,
    *,
    drawings: str | Sequence[str] = DRAWING_KINDS,
    image_shape: tuple[int, int] = (128, 128),
    persons: int | Iterable[int] = 40,
    severity: float | tuple[float, float] = (0.15, 1.0),
    return_X_y: bool = False,
    random_state: int | np.random.RandomState | None = None,
) -> Bunch | tuple[np.ndarray, np.ndarray]:
    """Generate drawings as tests of tremor use them, by regular and by shaky persons.

    Spirals, meanders, waves, cursive loops and cursive words, drawn with a pen or pencil and scanned. Each
    person has a style (size, slant, drift, slow waviness, width and pressure of the pen, roughness of the
    paper), from one distribution for both classes. A shaky person has a tremor in addition, whose wavelength,
    axis, jerkiness and severity are part of the style.

    Parameters
    ----------
    n_samples : int, default=1000
        Number of images. The classes are equally frequent (up to one image), and so are the persons of a
        class (up to one image).
    drawings : str or list of str, default=("spiral", "meander", "wave", "loops", "word")
        Kinds of drawing; the kind of each image is drawn at random.
    image_shape : tuple (height, width), default=(128, 128)
        In pixels, each at least 32. Wider images have more waves, loops and letters.
    persons : int or iterable of int, default=40
        Numbers of the persons who draw; an integer ``k`` stands for ``range(k)``. A number is the same
        person, with the same class and the same style, in every call, whatever `random_state`: take
        ``range(40)`` to train and ``range(40, 60)`` to test on new persons. Of 0 and 1, of 2 and 3, and so
        on, one person is regular and the other shaky, in an order that is random but always the same.
    severity : float or (low, high), default=(0.15, 1.0)
        Severity of the tremor, one number for all shaky persons or a range. At severity 1 the amplitude is
        about 3 % of the drawing's side; at 0 the classes do not differ.
    return_X_y : bool, default=False
        Return ``(data, target)`` only.
    random_state : int, RandomState instance or None, default=None
        Seed of the drawings; an integer from 0 to 2**32 - 1.

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
            The person who drew each image, for a splitter such as
            :class:`~sklearn.model_selection.StratifiedGroupKFold`, which keeps a person in one fold and
            balances the classes of the folds.
        drawings : ndarray of str, shape (n_samples,)
            Kind of each drawing.
        severity : ndarray of float, shape (n_samples,)
            Severity of the tremor in each image, 0 for regular persons.
        DESCR : str
            Description of the data.
    (data, target) : tuple
        With ``return_X_y=True``.

    Raises
    ------
    TypeError, ValueError
        If an argument is of the wrong type, out of its range or no known kind; if `persons` holds a negative
        number, or persons of one class only.

    See Also
    --------
    make_shaky_spirals : Generate spirals only, faster.
    sparsecnn.pretraining.pretrain_on_drawings : Train a pipeline on these drawings.

    Notes
    -----
    The displacement of the pen is a sum of sines along its path, with random phases. The slow waviness of
    every person has wavelengths of 0.22 to 0.6 of the drawing's side; the tremor has wavelengths of 0.05 to
    0.18 and the octave above, and waxes and wanes in bursts. Ink follows the path, except in the hollows of
    rough paper.

    Examples
    --------
    >>> from sparsecnn.datasets import make_shaky_drawings
    >>> drawings = make_shaky_drawings(20, drawings=["wave", "loops"], image_shape=(64, 192), random_state=0)
    >>> drawings.images.shape, sorted(set(drawings.drawings.tolist()))
    ((20, 64, 192), ['loops', 'wave'])
    >>> bool((drawings.severity[drawings.target == 0] == 0).all())
    True
    """
    check_count("n_samples", n_samples)
    shape = check_image_shape(image_shape, smallest=32)
    bounds = check_range("severity", severity)
    chosen = check_choice("drawings", drawings, DRAWING_KINDS)
    numbers = check_persons(persons)
    check_flag("return_X_y", return_X_y)
    rng = make_generator(random_state)

    target, groups = assign_persons(rng, n_samples, numbers)
    styles = person_styles(groups, _HABITS)
    kind = rng.choice(chosen, n_samples)
    images = np.empty((n_samples, *shape), dtype=np.uint8)
    degree = np.zeros(n_samples)
    for i in range(n_samples):
        habits = vary_habits(rng, _HABITS, styles[i])
        degree[i] = target[i] * (bounds[0] + (bounds[1] - bounds[0]) * habits["severity"])
        images[i] = _draw(rng, DRAWING_KINDS[kind[i]], habits, degree[i], shape)
    return pack(
        images,
        target,
        return_X_y,
        groups=groups,
        drawings=np.array(DRAWING_KINDS)[kind],
        severity=degree,
        DESCR=_DESCR.format(n=n_samples, shape=shape, persons=len(numbers)),
    )


_DESCR = """Drawings by regular and shaky persons (generated)

{n} images of {shape} pixels, ink bright on dark paper, by {persons} persons (`groups`), each of whom is
either regular (target 0) or shaky (target 1).
"""


def _draw(
    rng: np.random.Generator,
    kind: str,
    habits: dict[str, np.ndarray],
    severity: float,
    shape: tuple[int, int],
) -> np.ndarray:
    """Draw one image."""
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


def _place(
    rng: np.random.Generator, path: np.ndarray, habits: dict[str, np.ndarray], shape: tuple[int, int]
) -> tuple[np.ndarray, float]:
    """Return the path within the image and the drawing's side, the square root of its area, in pixels."""
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


def _resample(path: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return points about half a pixel apart, and the distance of each along the path."""
    length = np.concatenate([[0], np.cumsum(np.hypot(*np.diff(path, axis=1)))])
    even = np.linspace(0, length[-1], int(2 * length[-1]) + 2)
    return np.stack([np.interp(even, length, axis) for axis in path]), even


def _noise(
    rng: np.random.Generator, along: np.ndarray, wavelength: float | np.ndarray, spread: float
) -> np.ndarray:
    """Draw a displacement (2, points) of power 1/2, with wavelengths `spread` octaves around one.

    The points lie evenly `along` the path, from 0. In rows of equal length each is the sum of its row's start
    a and its place b in the first row: sin(a + b) = sin a cos b + cos a sin b makes the sum over the waves a
    product of two thin matrices.
    """
    waves = wavelength * np.exp2(spread * rng.standard_normal((2, _WAVES, 1)))
    phases = rng.uniform(0, 2 * np.pi, waves.shape)
    row = int(np.sqrt(along.size)) + 1
    starts, places = 2 * np.pi * along[::row] / waves + phases, 2 * np.pi * along[:row] / waves
    left = np.concatenate([np.sin(starts), np.cos(starts)], axis=1)
    right = np.concatenate([np.cos(places), np.sin(places)], axis=1)
    return (left.swapaxes(1, 2) @ right).reshape(2, -1)[:, : along.size] / np.sqrt(_WAVES)


def _tremor(
    rng: np.random.Generator, along: np.ndarray, habits: dict[str, np.ndarray], severity: float
) -> np.ndarray:
    """Draw the displacement by the tremor: two octaves, jerky, in bursts, mostly along one axis."""
    wave = habits["tremor_length"]
    noise = _noise(rng, along, wave, 0.25) + 0.5 * _noise(rng, along, wave / 2, 0.3)
    noise += habits["jerk"] * (np.tanh(3 * noise) - noise)
    envelope = np.exp(habits["bursts"] * _noise(rng, along, 12 * wave, 0.5)[0])
    envelope /= np.sqrt(np.mean(envelope**2))
    axis = np.array([np.cos(habits["axis"]), np.sin(habits["axis"])])
    noise -= habits["one_sided"] * np.outer(axis, axis @ noise)
    size = _LARGEST_TREMOR * np.sqrt(wave / 0.12)  # slower tremors are larger
    return severity * size * envelope * noise


def _add_grain(rng: np.random.Generator, ink: np.ndarray, grain: np.ndarray) -> np.ndarray:
    """Return the ink without the hollows of rough paper."""
    return ink * np.clip(1 + grain * rng.standard_normal(ink.shape), 0, None)
