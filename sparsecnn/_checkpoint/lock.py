"""One process at a time on a file, which a killed process leaves free."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

try:
    import fcntl
except ImportError:  # on Windows
    fcntl = None  # type: ignore[assignment]


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the file `path`, which need not exist, within the block.

    Raises
    ------
    BlockingIOError
        If another run holds it.
    OSError
        If nothing can be written in its folder.
    """
    lock = path.with_name(f".{path.name[:64]}.lock")
    descriptor = _acquire(lock, path)
    try:
        yield
    finally:
        if fcntl is None:
            os.close(descriptor)  # first: open files cannot be removed
        with contextlib.suppress(OSError):
            lock.unlink()
        if fcntl is not None:
            fcntl.flock(descriptor, fcntl.LOCK_UN)  # of forked processes too
            os.close(descriptor)


def _acquire(lock: Path, path: Path) -> int:
    while True:
        descriptor = os.open(lock, os.O_RDWR | os.O_CREAT, 0o666)
        try:
            _try_lock(descriptor)
        except BlockingIOError:
            holder = os.pread(descriptor, 20, 0).decode(errors="replace") if fcntl else ""
            os.close(descriptor)
            raise BlockingIOError(
                f"checkpoint {str(path)!r} is in use: process {holder or 'unknown'} trains with it. Wait for "
                "it, or give this run another path."
            ) from None
        try:
            # The one before may have removed the file that was opened here.
            same = os.path.samestat(os.fstat(descriptor), os.stat(lock))
        except FileNotFoundError:
            same = False
        if same:
            os.ftruncate(descriptor, 0)
            os.write(descriptor, str(os.getpid()).encode())
            return descriptor
        os.close(descriptor)


def _try_lock(descriptor: int) -> None:
    """Raise BlockingIOError if another holds the file; on file systems without locks, none ever does."""
    if fcntl is not None:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise
        except OSError:
            return
    else:
        import msvcrt

        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined]
        except OSError:
            raise BlockingIOError from None
