"""What a list of images or recordings may hold, and what each is called in messages."""

import os
from typing import Any

import numpy as np

from sparsecnn._image_shape import is_file, is_file_or_image


def is_image(source: Any) -> bool:
    return is_file_or_image(source) or np.ndim(source) > 1


def column_of_files(X: Any) -> Any:
    """Return the files in a table of one column as a list; anything else unchanged."""
    if getattr(X, "ndim", 0) == 2 and X.shape[1] == 1:
        column = np.asarray(X)[:, 0]
        if column.dtype == object and any(map(is_file, column)):
            return column.tolist()
    return X


def name_of(source: Any) -> str:
    """Return the path of a file, or what else is known of a source."""
    if isinstance(source, (str, os.PathLike)):
        return os.fspath(source)
    return getattr(source, "filename", None) or getattr(source, "name", None) or type(source).__name__


def raise_unreadable(lines: list[str], n_sources: int, kind: str) -> None:
    """Raise ValueError if there are lines, each of which tells why a source cannot be read."""
    if lines:
        raise ValueError(f"{len(lines)} of {n_sources} {kind} cannot be read:\n  " + "\n  ".join(lines))
