"""Archimedean spirals by regular and by shaky persons."""

from collections.abc import Iterable, Iterator

import numpy as np
from sklearn.utils import Bunch, gen_batches

from sparsecnn._image_shape import check_image_shape
from sparsecnn.datasets._bunch import pack
from sparsecnn.datasets._checks import MOST_SCALES, check_count, check_flag, check_range, make_generator
from sparsecnn.datasets._paper import PART, blur, deposit, photograph
from sparsecnn.datasets._persons import assign_persons, check_persons, person_styles, vary_habits
from sparsecnn.datasets._tremor import SMALLEST_AMPLITUDE

# A person's habits: each is uniform between two bounds over persons, and varies by a fraction of this range
# from drawing to drawing.
_HABITS = {
    "turns": (2.0, 3.5, 0.1),
    "size": (0.7, 1.0, 0.15),
    "start": (0.0, 0.15, 0.2),
    "pace": (0.5, 1.0, 0.1),  # 1/2: the pen moves at constant speed; 1: it turns at constant speed
    "stretch": (0.85, 1.15, 0.2),
    "slant": (-0.2, 0.2, 0.2),
    "drift": (0.0, 0.12, 0.5),
    "wobble": (0.05, 0.4, 0.3),  # slow waviness, as a fraction of the spacing
    "width": (0.4, 0.8, 0.1),  # of the pen, in 1/64 of the image's smaller side
    "pressure": (0.8, 2.5, 0.2),
    "amplitude": (0.0, 1.0, 0.1),  # from the lower to the upper bound of the parameter
    "frequency": (0.0, 1.0, 0.1),
}
_POINTS = 1536
_MARGIN = 3.0
_CHUNK = 128


def make_shaky_spirals(
    n_samples: int = 1000,
    *,
    image_shape: tuple[int, int] = (64, 64),
    persons: int | Iterable[int] = 40,
    amplitude: float | tuple[float, float] = (0.1, 0.25),
    frequency: float | tuple[float, float] = (8.0, 20.0),
    scales: int = 2,
    return_X_y: bool = False,
    random_state: int | np.random.RandomState | None = None,
) -> Bunch | tuple[np.ndarray, np.ndarray]:
    r"""Generate images of spirals drawn by regular and by shaky persons.

    Drawing an Archimedean spiral is a common test of tremor. Each person has a style (size, spacing, pace,
    slant, drift, pressure, width of the pen, slow waviness), from one distribution for both classes. A shaky
    person has a tremor in addition, whose frequency and amplitude are part of the style.

    Parameters
    ----------
    n_samples : int, default=1000
        Number of images. The classes are equally frequent (up to one image), and so are the persons of a
        class (up to one image).
    image_shape : tuple (height, width), default=(64, 64)
        In pixels, each at least 32.
    persons : int or iterable of int, default=40
        Numbers of the persons who draw; an integer ``k`` stands for ``range(k)``. A number is the same
        person, with the same class and the same style, in every call, whatever `random_state`: take
        ``range(40)`` to train and ``range(40, 60)`` to test on new persons. Of 0 and 1, of 2 and 3, and so
        on, one person is regular and the other shaky, in an order that is random but always the same.
    amplitude : float or (low, high), default=(0.1, 0.25)
        Amplitude of the tremor as a fraction of the spacing between two turns, one number for all shaky
        persons or a range. Positive amplitudes are at least 1.1 pixels; at 0 the classes do not differ.
    frequency : float or (low, high), default=(8.0, 20.0)
        Frequency of the slowest scale of the tremor in cycles per turn, one number or a range.
    scales : int, default=2
        Number of octaves of the tremor, at most 32: each scale has twice the frequency and half the amplitude
        of the previous one.
    return_X_y : bool, default=False
        Return ``(data, target)`` only.
    random_state : int, RandomState instance or None, default=None
        Seed of the drawings; an integer from 0 to 2**32 - 1.

    Returns
    -------
    spirals : :class:`~sklearn.utils.Bunch`
        With the attributes

        data : ndarray of uint8, shape (n_samples, height * width)
            Grey values, ink bright on dark paper. It carries its `image_shape` to the estimators.
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
        DESCR : str
            Description of the data.
    (data, target) : tuple
        With ``return_X_y=True``.

    Raises
    ------
    TypeError, ValueError
        If an argument is of the wrong type or out of its range; if `persons` holds a negative number, or
        persons of one class only.

    See Also
    --------
    make_shaky_words : Generate handwritten words.
    make_shaky_drawings : Generate drawings of several kinds.
    load_drawings : Load your own drawings.

    Notes
    -----
    Without tremor the pen is at :math:`r\,(\cos\theta, \sin\theta)` with :math:`r = r_0 + b\,\theta` and the
    spacing :math:`2\pi b`. The tremor displaces it by a sum of sines of :math:`2^k f` cycles per turn,
    :math:`k = 0, 1, \dots`, whose phases are linear in time: in the angle for a person of constant angular
    velocity, in the path length for one of constant pen speed. The tremor lengthens the path; the amount of
    ink stays the same.

    The rest tremor of Parkinson's disease has 4 to 6 Hz [1]_. At 2 to 4 seconds per turn these are 8 to 24
    cycles per turn; the default covers most of them.

    References
    ----------
    .. [1] G. Deuschl, P. Bain, M. Brin and an ad hoc scientific committee, "Consensus statement of the
       Movement Disorder Society on tremor", Movement Disorders 13 (S3), 2-23, 1998.

    Examples
    --------
    >>> from sparsecnn.datasets import make_shaky_spirals
    >>> spirals = make_shaky_spirals(20, persons=range(6), random_state=0)
    >>> spirals.images.shape, int(spirals.target.sum())
    ((20, 64, 64), 10)
    >>> sorted(set(spirals.groups.tolist()))
    [0, 1, 2, 3, 4, 5]
    >>> X, y = make_shaky_spirals(5, return_X_y=True, random_state=0)
    >>> X.shape, y.shape
    ((5, 4096), (5,))
    """
    check_count("n_samples", n_samples)
    check_count("scales", scales, largest=MOST_SCALES)
    shape = check_image_shape(image_shape, smallest=32)
    ranges = check_range("amplitude", amplitude), check_range("frequency", frequency, open_low=True)
    numbers = check_persons(persons)
    check_flag("return_X_y", return_X_y)
    rng = make_generator(random_state)

    target, groups = assign_persons(rng, n_samples, numbers)
    styles = person_styles(groups, _HABITS)
    images = np.empty((n_samples, *shape), dtype=np.uint8)
    for start in range(0, n_samples, _CHUNK):
        chunk = slice(start, start + _CHUNK)
        hands = _draw_hands(rng, styles[chunk], target[chunk], scales)
        ink = np.empty((len(hands["target"]), *shape), dtype=np.float32)
        for part in gen_batches(len(ink), PART):
            hand = {name: values[part] for name, values in hands.items()}
            ink[part] = _lay_ink(hand, shape, *_pen_path(hand, ranges, shape))
        images[chunk] = photograph(ink, rng)
    description = _DESCR.format(n=n_samples, shape=shape, persons=len(numbers))
    return pack(images, target, return_X_y, groups=groups, DESCR=description)


_DESCR = """Spirals drawn by regular and shaky persons (generated)

{n} images of {shape} pixels, ink bright on dark paper, by {persons} persons (`groups`), each of whom is
either regular (target 0) or shaky (target 1).
"""


def _draw_hands(
    rng: np.random.Generator, styles: np.ndarray, target: np.ndarray, scales: int
) -> dict[str, np.ndarray]:
    """Draw all random quantities of drawings by persons of `styles`, arrays of shape (n, ...)."""
    n, circle = len(styles), (0.0, 2 * np.pi)
    habits = vary_habits(rng, _HABITS, styles)
    return {name: values[:, None] for name, values in habits.items()} | {
        "target": target[:, None],
        "direction": rng.choice([-1, 1], (n, 1)),
        "first_angle": rng.uniform(*circle, (n, 1)),
        "wobble_rates": rng.uniform(0.3, 2.0, (n, 4)),  # at most two cycles per turn
        "wobble_phases": rng.uniform(*circle, (n, 4)),
        # For both components of the tremor: detuning of its waves in octaves, and their phases.
        "tremor": np.stack(
            [rng.uniform(*bounds, (n, 3 * scales)) for _ in range(2) for bounds in ((-0.25, 0.25), circle)],
            axis=1,
        ),
        "bearing": rng.uniform(*circle, (n, 1)),
        "place": rng.uniform(-1, 1, (n, 2)),
    }


def _pen_path(
    hand: dict[str, np.ndarray],
    ranges: tuple[tuple[float, float], tuple[float, float]],
    shape: tuple[int, int],
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the pen's positions (x, y), its path's length without tremor and the spacing, in pixels."""
    (amplitude, frequency), turned = ranges, np.linspace(0, 1, _POINTS)
    radius = hand["size"] * (min(shape) / 2 - _MARGIN) / np.maximum(hand["stretch"], 1 / hand["stretch"])
    spacing = radius * (1 - hand["start"]) / hand["turns"]
    angle = 2 * np.pi * hand["turns"] * hand["direction"] * turned + hand["first_angle"]
    reach = radius * hand["start"] + radius * (1 - hand["start"]) * turned
    waves = _sines(hand["turns"] * turned, hand["wobble_rates"], hand["wobble_phases"])
    reach += hand["wobble"] * spacing * (sum(waves) / 2)
    path = np.stack([np.cos(angle), np.sin(angle)]) * reach
    length = _steps(path).sum(axis=1, keepdims=True)

    # Time in mean durations of a turn.
    time = hand["turns"] * turned ** (1 / hand["pace"])
    height = _between(amplitude, hand["amplitude"]) * spacing
    height = np.where(height > 0, np.maximum(height, SMALLEST_AMPLITUDE), 0.0) * hand["target"]
    cycles = _between(frequency, hand["frequency"])
    detune_x, phases_x, detune_y, phases_y = hand["tremor"].swapaxes(0, 1)
    path[0] += height * _tremor(time, cycles, detune_x, phases_x)
    path[1] += height * _tremor(time, cycles, detune_y, phases_y)

    stretch = np.sqrt(hand["stretch"])
    drift = hand["drift"] * radius * (turned - 0.5)
    slack = np.maximum(np.array(shape[::-1]) / 2 - _MARGIN - radius, 0)
    centre = ((np.array(shape[::-1]) - 1) / 2 + slack * hand["place"]).T[..., None]
    path[0] = stretch * path[0] + hand["slant"] * path[1] + drift * np.cos(hand["bearing"]) + centre[0]
    path[1] = path[1] / stretch + drift * np.sin(hand["bearing"]) + centre[1]
    return path, length, spacing


def _tremor(time: np.ndarray, cycles: np.ndarray, detune: np.ndarray, phases: np.ndarray) -> np.ndarray:
    """Return one component of the tremor over `time` in turns, with the power of a sine of amplitude 1."""
    # Three detuned sines per scale wax and wane together as a tremor does.
    octaves = np.repeat(np.arange(detune.shape[1] // 3), 3)
    weights = np.exp2(-octaves) / np.sqrt((4.0**-octaves).sum())
    waves = _sines(time, cycles * np.exp2(octaves + detune), phases)
    return sum(weight * wave for weight, wave in zip(weights[:, None], waves, strict=True))


def _sines(time: np.ndarray, rates: np.ndarray, phases: np.ndarray) -> Iterator[np.ndarray]:
    """Yield sines (n, points) of `rates` (n, waves) cycles per unit of `time` (n, points), one by one."""
    time, speeds, phases = (part.astype(np.float32) for part in (time, 2 * np.pi * rates, phases))
    for speed, phase in zip(speeds.T, phases.T, strict=True):
        turned = speed[:, None] * time
        turned += phase[:, None]
        yield np.sin(turned, out=turned)


def _between(bounds: tuple[float, float], position: np.ndarray) -> np.ndarray:
    """Interpolate between `bounds` at `position` in [0, 1], geometrically if the lower bound is positive."""
    low, high = bounds
    return low * (high / low) ** position if low > 0 else high * position


def _steps(path: np.ndarray) -> np.ndarray:
    """Return the distances between successive points, shape (n, points - 1)."""
    x, y = np.diff(path, axis=2)
    return np.sqrt(x * x + y * y)  # much faster than np.hypot


def _lay_ink(
    hand: dict[str, np.ndarray],
    shape: tuple[int, int],
    path: np.ndarray,
    length: np.ndarray,
    spacing: np.ndarray,
) -> np.ndarray:
    """Return the ink (n, height, width) along the pen's `path`, in the amount for a path of `length`."""
    steps = _steps(path)
    points = (path[..., 1:] + path[..., :-1]) / 2
    width = np.minimum(hand["width"] * min(shape) / 64, spacing / 8)[:, 0]
    ink = blur(deposit(points, steps * (length / steps.sum(axis=1, keepdims=True)), shape), width)
    # In the middle of a straight line the blurred ink is 1 / (sqrt(2 pi) width), scaled to `pressure`.
    gain = hand["pressure"][:, 0] * np.sqrt(2 * np.pi) * width
    return 1 - np.exp(-gain[:, None, None] * ink)
