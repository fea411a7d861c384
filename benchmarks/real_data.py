"""Real data below the folder that the environment variable SPARSECNN_DATA names; sets of real drawings."""

import os
import sys
from pathlib import Path
from typing import NamedTuple

import numpy as np
from sklearn.utils import Bunch

from sparsecnn.datasets import load_drawings


class DrawingSet(NamedTuple):
    """A tree of class folders."""

    folder: str
    person: str  # regular expression, in the name of a file
    ill: str  # the class that is sought
    ink: str  # that is drawn by hand


SETS = {
    "spirals": DrawingSet("spirals", r"V\d+", ill="parkinson", ink="all"),
    "newhandpd": DrawingSet("newhandpd", r"^([HP]\d+)", ill="parkinson", ink="pen"),
    "dysgraphia": DrawingSet("dysgraphia/words", r"^(U\d+)", ill="dysgraphia", ink="all"),
}


def data_path(name):
    """Return the path of a file or folder of the data; without it, exit and say what to set."""
    folder = os.environ.get("SPARSECNN_DATA")
    if not folder:
        sys.exit(f"Skipped: set SPARSECNN_DATA to the folder that holds {name}.")
    path = Path(folder, name)
    if not path.exists():
        sys.exit(f"SPARSECNN_DATA must name the folder that holds {name}, but there is no {path}.")
    return path


def read_set(name):
    """Return files, target (1: ill) and persons (groups) of one of the SETS, in the order of the files."""
    folder, person, ill, _ = SETS[name]
    drawings = load_drawings(data_path(folder), group_pattern=person)
    if ill not in drawings.target_names:
        sys.exit(f"{data_path(folder)} must hold a class {ill}, but holds {drawings.target_names.tolist()}.")
    target = (drawings.target_names == ill)[drawings.target].astype(int)
    return Bunch(files=drawings.filenames, target=target, groups=drawings.groups)


def take(drawings, rows):
    """Return some rows of a set."""
    return Bunch(**{name: values[rows] for name, values in drawings.items()})


def first_of_each(groups, most=None):
    """Return the rows of the first drawings of each person, at most so many, person by person."""
    return np.concatenate([np.flatnonzero(groups == person)[:most] for person in np.unique(groups)])
