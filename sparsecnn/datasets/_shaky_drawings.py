"""Drawings of several kinds, as tests of tremor use them, by regular and by shaky persons."""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from sklearn.utils import Bunch

from sparsecnn._image_shape import check_image_shape
from sparsecnn.datasets._bunch import pack
from sparsecnn.datasets._checks import check_choice, check_count, check_flag, check_range, make_generator
from sparsecnn.datasets._draw_page import draw_page
from sparsecnn.datasets._hands import recorded_habits
from sparsecnn.datasets._pen_line import ROOM
from sparsecnn.datasets._pen_paths import CHARACTERS, DRAWERS
from sparsecnn.datasets._persons import assign_persons, check_persons, person_styles, vary_habits
from sparsecnn.datasets._sheets import CAPTURES, GUIDES, PAPERS, PENS, draw_sheet

DRAWING_KINDS = tuple(DRAWERS)
_KINDS = (*DRAWING_KINDS, CHARACTERS)
_HANDS = ("synthetic", "recorded")
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
# Habits of who traces a guide; the stream of random numbers keeps them apart from the others.
_TRACING = {
    "tracing": (0.003, 0.02, 0.3),  # by which a line is off its guide, in sides of the drawing
    "correction": (0.05, 0.4, 0.3),  # distance between corrections, in sides
}
_TRACING_STREAM = 2


def make_shaky_drawings(
    n_samples: int = 1000,
    *,
    drawings: str | Sequence[str] = DRAWING_KINDS,
    image_shape: tuple[int, int] = (128, 128),
    persons: int | Iterable[int] = 40,
    severity: float | tuple[float, float] = (0.15, 1.0),
    hands: str = "synthetic",
    guide: str | Sequence[str] = "none",
    pen: str | Sequence[str] | None = None,
    paper: str | Sequence[str] = "plain",
    capture: str | Sequence[str] = "clean",
    return_X_y: bool = False,
    random_state: int | np.random.RandomState | None = None,
) -> Bunch | tuple[np.ndarray, np.ndarray]:
    """Generate drawings as tests of tremor use them, by regular and by shaky persons.

    Spirals, meanders, waves, cursive loops, cursive words and characters, drawn with a pen or pencil and
    scanned. Each person has a style (size, slant, drift, slow waviness, width and pressure of the pen,
    roughness of the paper), from one distribution for both classes. A shaky person has a tremor in addition,
    whose wavelength, axis, jerkiness and severity are part of the style.

    Parameters
    ----------
    n_samples : int, default=1000
        Number of images. The classes are equally frequent (up to one image), and so are the persons of a
        class (up to one image).
    drawings : str or list of str, default=("spiral", "meander", "wave", "loops", "word")
        Kinds of drawing; the kind of each image is drawn at random. There is also "characters": a row of
        one to four characters of several strokes, by real hands.
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
    hands : {"synthetic", "recorded"}, default="synthetic"
        Where the styles of persons come from. "synthetic": every habit is uniform between two bounds.
        "recorded": size, stretch, slant, drift, roundness of corners, speed along the path (and by how much
        the pen is slower in bends) and gaps between strokes are those of 160 hands of Omniglot [1]_, and
        differ from one of these by 0.3 standard deviations. The tremor then goes on in time instead of along
        the path, and ink is darker where the pen is slow.
    guide : {"none", "black", "gray"} or list of these, default="none"
        Printed line that the person traces. A traced line is off its guide by 0.3 to 2 % of the drawing's
        side, and comes back in corrections, in both classes.
    pen : {"blue", "black", "red", "pencil"} or list of these, default=None
        Colour of the pen. Pages are then in colour, dark ink on light paper. None: pages are in gray, ink
        bright on dark paper.
    paper : {"plain", "lined", "squared", "framed"} or list of these, default="plain"
        Rulings or a frame on the paper, pale blue or gray; a frame may be black.
    capture : {"clean", "scan", "phone"} or list of these, default="clean"
        How the page becomes a picture. "clean": blur, uneven light and noise are weak, and the drawing fills
        the page. "scan" and "phone": the sheet is turned by up to 3° or 6°, margins are up to half of the
        page, blur and noise are stronger, light is more uneven by a phone, and the picture was a JPEG file of
        quality 50 to 95 or 30 to 90. Of several guides, pens, papers or captures, one is drawn per image.
    return_X_y : bool, default=False
        Return ``(data, target)`` only.
    random_state : int, RandomState instance or None, default=None
        Seed of the drawings; an integer from 0 to 2**32 - 1.

    Returns
    -------
    drawings : :class:`~sklearn.utils.Bunch`
        With the attributes

        data : ndarray of uint8, shape (n_samples, height * width)
            Gray values, ink bright on dark paper. It carries its `image_shape` to the estimators. With a
            `pen`, of shape (n_samples, 3 * height * width), dark ink on light paper: all red values of an
            image, then green, then blue, as estimators take the channels of an image.
        images : ndarray of uint8, shape (n_samples, height, width)
            The same values, a view of `data`. With a `pen`, of shape (n_samples, height, width, 3), as
            pictures are shown, and as `CurveImageTransformer` takes pages in colour.
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
    rough paper. A recorded pen is slower by a power of the path's curvature, 0.1 to 0.65, and the
    wavelength of its tremor goes with its speed.

    For a seed, the lines are the same on every paper and with every pen.

    References
    ----------
    .. [1] B. M. Lake, R. Salakhutdinov, J. B. Tenenbaum, "Human-level concept learning through probabilistic
       program induction", Science 350, 1332-1338, 2015. Copyright (c) 2015 Brenden Lake, MIT licence.

    Examples
    --------
    >>> from sparsecnn.datasets import make_shaky_drawings
    >>> drawings = make_shaky_drawings(20, drawings=["wave", "loops"], image_shape=(64, 192), random_state=0)
    >>> drawings.images.shape, sorted(set(drawings.drawings.tolist()))
    ((20, 64, 192), ['loops', 'wave'])
    >>> bool((drawings.severity[drawings.target == 0] == 0).all())
    True

    Forms with a printed guide, traced with a blue pen. The pen can be told from the print:

    >>> from sparsecnn import CurveImageTransformer
    >>> options = {"guide": "black", "pen": "blue", "capture": "scan", "image_shape": (256, 256)}
    >>> forms = make_shaky_drawings(4, **options, random_state=0)
    >>> forms.images.shape
    (4, 256, 256, 3)
    >>> CurveImageTransformer((32, 32), ink="pen").transform(forms.images).shape
    (4, 1024)
    """
    check_count("n_samples", n_samples)
    shape = check_image_shape(image_shape, smallest=32)
    bounds = check_range("severity", severity)
    chosen = check_choice("drawings", drawings, _KINDS)
    numbers = check_persons(persons)
    on = _check_sheets(guide, pen, paper, capture)
    recorded = check_choice("hands", [hands], _HANDS)[0] == 1
    check_flag("return_X_y", return_X_y)
    rng = make_generator(random_state)

    # Hands and sheets have random numbers of their own: the line is the same on every paper.
    hand_rng, sheet_rng = rng.spawn(2)
    sheets = [draw_sheet(sheet_rng, names, ROOM) for names in _choose(sheet_rng, n_samples, on)]
    target, groups = assign_persons(rng, n_samples, numbers)
    styles, tracing = person_styles(groups, _HABITS), person_styles(groups, _TRACING, _TRACING_STREAM)
    kind = rng.choice(chosen, n_samples)
    colours = () if pen is None else (3,)
    images = np.empty((n_samples, *shape, *colours), dtype=np.uint8)
    degree = np.zeros(n_samples)
    for i, sheet in enumerate(sheets):
        habits: dict[str, Any] = vary_habits(rng, _HABITS, styles[i])
        habits |= vary_habits(sheet_rng, _TRACING, tracing[i])
        if recorded:
            habits |= recorded_habits(hand_rng, groups[i])
        degree[i] = target[i] * (bounds[0] + (bounds[1] - bounds[0]) * habits["severity"])
        images[i] = draw_page((rng, hand_rng, sheet_rng), _KINDS[kind[i]], habits, degree[i], sheet, shape)
    return pack(
        images,
        target,
        return_X_y,
        groups=groups,
        drawings=np.array(_KINDS)[kind],
        severity=degree,
        DESCR=_DESCR.format(
            n=n_samples,
            shape=shape,
            persons=len(numbers),
            ink="ink bright on dark paper" if pen is None else "in colour, dark ink on light paper",
        ),
    )


_DESCR = """Drawings by regular and shaky persons (generated)

{n} images of {shape} pixels, {ink}, by {persons} persons (`groups`), each of whom is
either regular (target 0) or shaky (target 1).
"""


def _check_sheets(
    guide: str | Sequence[str],
    pen: str | Sequence[str] | None,
    paper: str | Sequence[str],
    capture: str | Sequence[str],
) -> list[list[str]]:
    """Return the guides, pens, papers and captures to choose from; "" is no pen in colour."""
    return [
        _names("guide", guide, GUIDES),
        [""] if pen is None else _names("pen", pen, PENS),
        _names("paper", paper, PAPERS),
        _names("capture", capture, CAPTURES),
    ]


def _names(name: str, chosen: str | Sequence[str], known: Sequence[str]) -> list[str]:
    return [known[index] for index in check_choice(name, chosen, known)]


def _choose(rng: np.random.Generator, n: int, sets: list[list[str]]) -> list[tuple[str, ...]]:
    """Draw a name of each set, `n` times."""
    return list(zip(*(rng.choice(names, n).tolist() for names in sets), strict=True))
