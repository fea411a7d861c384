"""Names of what cannot be read, and why."""

from __future__ import annotations

import os
from typing import Any


def name_source(source: Any) -> str:
    """Return the path of a file, or what else is known of a source."""
    if isinstance(source, (str, os.PathLike)):
        return os.fspath(source)
    return getattr(source, "filename", None) or getattr(source, "name", None) or type(source).__name__


def raise_unreadable(lines: list[str], n_sources: int, kind: str) -> None:
    """Raise ValueError if there are lines, each of which tells why a source cannot be read."""
    if lines:
        raise ValueError(f"{len(lines)} of {n_sources} {kind} cannot be read:\n  " + "\n  ".join(lines))
