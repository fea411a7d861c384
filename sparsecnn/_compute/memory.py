"""Keeping memory between batches."""

import ctypes
import functools

# Of glibc's malloc.h.
M_TRIM_THRESHOLD = -1
M_MMAP_THRESHOLD = -3
LARGEST_KEPT = 2**25  # bytes of one tensor: what a batch takes in one layer
KEPT = 2**28  # bytes in all


@functools.cache
def keep_freed_memory() -> None:
    """Have the C library keep what a batch has freed for the next batch.

    By default glibc gives large blocks back to the system and asks for them anew, zeroed, at every batch,
    which takes up to half of the time of a prediction; under Dask, whose workers give back all they can, it
    doubles the time of a fit. Other C libraries are left as they are.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):  # no such function, or on Windows no such library
        return
    mallopt(M_MMAP_THRESHOLD, LARGEST_KEPT)
    mallopt(M_TRIM_THRESHOLD, KEPT)
