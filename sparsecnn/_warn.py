"""Warnings that point at the line of the user's code."""

import sys
import warnings

# Packages that call this one on the user's behalf, and itself.
_LIBRARIES = ("contextlib", "joblib", "sklearn", "sparsecnn")


def warn_user(message: str, category: type[Warning] = UserWarning) -> None:
    """Warn at the innermost line outside this package and what calls it on the user's behalf."""
    frame, level = sys._getframe(1), 1
    while frame.f_back is not None and _package(frame.f_globals) in _LIBRARIES:
        frame, level = frame.f_back, level + 1
    warnings.warn(message, category, stacklevel=level + 1)


def _package(module_globals: dict) -> str:
    return str(module_globals.get("__name__", "")).split(".")[0]
