"""The files that arguments name."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path


def expand_folders(names: Iterable[str], extensions: set[str], fail: Callable[[str, str], None]) -> list[str]:
    """Return the files, and in place of every folder the images below it, sorted.

    Parameters
    ----------
    names : iterable of str
        Files and folders. Files are returned as they are, whether they exist or not.
    extensions : set of str
        Those of images, in lower case, with a dot.
    fail : callable
        Is given the name and the reason of each folder that cannot be listed or holds no image.
    """
    files: list[str] = []
    for name in names:
        if not os.path.isdir(name):
            files.append(name)
            continue
        faults: list[OSError] = []
        found = list(_images_below(name, extensions, faults))
        for fault in faults:
            fail(os.fspath(fault.filename), fault.strerror or str(fault))
        if not found and not faults:
            fail(name, "no image in this folder")
        files += found
    return files


def _images_below(folder: str, extensions: set[str], faults: list[OSError]) -> Iterator[str]:
    """Yield images, folder by folder, and add to `faults` why a folder cannot be listed."""
    for here, folders, files in os.walk(folder, onerror=faults.append):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(files):
            if not name.startswith(".") and Path(name).suffix.lower() in extensions:
                yield os.path.join(here, name)
