"""Keeping memory between batches."""

import ctypes
import functools
import os

# Of glibc's malloc.h.
M_TRIM_THRESHOLD = -1
M_MMAP_THRESHOLD = -3
LARGEST_KEPT = 2**25  # bytes of one tensor: what a batch takes in one layer
KEPT = 2**28  # bytes in all
SWITCH = "SPARSECNN_KEEP_MEMORY"


@functools.cache
def keep_freed_memory() -> None:
    """Have the C library keep the memory that a batch has freed for the next batch.

    By default glibc returns large blocks to the system and asks for them again, zeroed, at every batch,
    which takes up to half of the time of a prediction; under Dask, whose workers return all they can, it
    doubles the time of a fit. The setting holds for the whole process: up to 256 MiB of freed memory are
    kept. The environment variable ``SPARSECNN_KEEP_MEMORY=0`` switches it off. Other C libraries are left
    as they are.
    """
    if os.environ.get(SWITCH) == "0":
        return
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):  # no such function, or on Windows no such library
        return
    mallopt(M_MMAP_THRESHOLD, LARGEST_KEPT)
    mallopt(M_TRIM_THRESHOLD, KEPT)
