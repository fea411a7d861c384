"""One page: a drawing by a person, on a sheet."""

from collections.abc import Mapping

import numpy as np

from sparsecnn.datasets._paper import photograph
from sparsecnn.datasets._pen_line import (
    displace,
    lay_ink,
    pen_down,
    pen_time,
    place,
    print_line,
    resample,
    round_corners,
    tracing_error,
)
from sparsecnn.datasets._pen_paths import draw_course
from sparsecnn.datasets._sheets import Sheet, finish_sheet


def draw_page(
    rngs: tuple[np.random.Generator, np.random.Generator, np.random.Generator],
    kind: str,
    habits: Mapping[str, float],
    severity: float,
    sheet: Sheet,
    shape: tuple[int, int],
) -> np.ndarray:
    """Draw one page.

    Parameters
    ----------
    rngs : three of numpy.random.Generator
        Random numbers of the line, of the speed of a recorded hand, and of the sheet and its guide.
    kind : str
        Kind of drawing.
    habits : dict
        Of the person, in this drawing; those of `recorded_habits` as well for a recorded hand.
    severity : float
        Of the tremor.
    sheet : Sheet
        What the drawing is on.
    shape : tuple (height, width)
        In pixels.

    Returns
    -------
    page : ndarray of uint8, shape (height, width) or (height, width, 3)
        As `finish_sheet` returns it.
    """
    rng, hand_rng, sheet_rng = rngs
    recorded = "slowing" in habits
    course, lifts = draw_course(rng, kind, shape, habits.get("joins", 0.0))
    course, side = place(rng, course, habits, shape, sheet.angle, sheet.room)
    path, length = resample(course)
    down, along = pen_down(course, lifts, length), length / side
    time, amounts = along, down
    guide = np.zeros(shape, dtype=np.float32)
    error = np.zeros(())
    if sheet.guide != "none":
        guide = print_line(path, side, down, shape)
        error = tracing_error(sheet_rng, path, along, habits["tracing"], habits["correction"])
    if recorded:
        path = round_corners(path, habits["rounding"] * side)
        time, ink = pen_time(hand_rng, path, along, side, habits)
        amounts = down * ink
    path = path + side * (displace(rng, along, time, habits, severity) + error)
    pen = lay_ink(rng, path, along, side, amounts, habits, shape)
    plain = photograph(pen, rng)[0]  # in any case, so that the next line is the same on every sheet
    return plain if sheet.plain else finish_sheet(sheet_rng, sheet, pen[0], guide, shape)
