"""Warnings that point at the line of the user's code."""

import sys
import warnings
from pathlib import Path

_OWN = (str(Path(__file__).parent), "sklearn", "contextlib", "joblib")


def warn_user(message: str, category: type[Warning] = UserWarning) -> None:
    """Warn at the innermost line outside this package and what calls it on the user's behalf."""
    frame, level = sys._getframe(1), 1
    while frame.f_back is not None and _is_library(frame.f_code.co_filename, frame.f_globals):
        frame, level = frame.f_back, level + 1
    warnings.warn(message, category, stacklevel=level + 1)


def _is_library(filename: str, module_globals: dict) -> bool:
    room = str(module_globals.get("__name__", "")).split(".")[0]
    return filename.startswith(_OWN[0]) or room in _OWN[1:]
