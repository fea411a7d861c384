"""Files that are written whole or not at all."""

from __future__ import annotations

import contextlib
import glob
import os
import secrets
from pathlib import Path


def write_whole(path: str | os.PathLike[str], data: bytes) -> None:
    """Write a file in one step: whatever fails, the old file at `path`, if any, stays as it was.

    Parameters
    ----------
    path : path-like
        File to write or to replace. Its folder must exist. Of a link, the file that it names is replaced.
    data : bytes
        The content.

    Raises
    ------
    OSError
        If the folder does not exist, `path` is a folder, no regular file or not to be written, or the disk is
        full.
    """
    target = check_target(path)
    temporary = target.with_name(f".{target.name[:64]}.{secrets.token_hex(8)}.tmp")
    try:
        with open(temporary, "xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        if target.exists():
            os.chmod(temporary, target.stat().st_mode & 0o777)
        os.replace(temporary, target)
    except BaseException as error:
        with contextlib.suppress(OSError):
            temporary.unlink()
        if isinstance(error, OSError):
            error.filename = str(target)  # which a full disk does not name
        raise
    _sync_folder(target.parent)


def remove_unfinished(target: Path) -> None:
    """Remove what killed processes had begun to write for a file, which nobody else may be writing now.

    Parameters
    ----------
    target : Path
        As `check_target` returns it.
    """
    for temporary in target.parent.glob(f".{glob.escape(target.name[:64])}.*.tmp"):
        with contextlib.suppress(OSError):
            temporary.unlink()


def check_target(path: str | os.PathLike[str], name: str = "path") -> Path:
    """Return the file to write, or raise OSError at once if none can be written there.

    Parameters
    ----------
    path : path-like
        As `write_whole` takes it.
    name : str, default="path"
        Of the argument, for messages.

    Raises
    ------
    TypeError
        If `path` is no path.
    ValueError
        If it has a null character.
    """
    if not isinstance(path, (str, os.PathLike)):
        raise TypeError(f"{name} must be a str or path-like object, got {path!r}.")
    given = str(path)
    if "\0" in given:
        raise ValueError(f"{name} must name a file, got {given!r} with a null character.")
    target = Path(os.path.realpath(given))
    if target.is_dir():
        raise IsADirectoryError(f"{name} must name a file, but {given!r} is a folder.")
    if not target.parent.is_dir():
        raise FileNotFoundError(
            f"{name} {given!r} is in a folder that does not exist: {str(target.parent)!r}."
        )
    if target.exists() and not target.is_file():
        raise OSError(f"{name} must name a regular file, which {given!r} is not.")
    if target.exists() and not os.access(target, os.W_OK):
        raise PermissionError(f"{name} {given!r} names a file that must not be written.")
    return target


def _sync_folder(folder: Path) -> None:
    """Have the new name survive a power failure, where folders can be synced."""
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
