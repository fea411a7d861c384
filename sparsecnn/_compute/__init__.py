"""Device, precision, threads, memory, random numbers and processes: knows no image and no network."""

from sparsecnn._compute.device import autocast_for, resolve_device
from sparsecnn._compute.distributed import (
    all_classes,
    average_norms,
    gathered,
    gathered_in_first,
    in_each,
    in_first,
    n_processes,
    naming_lost_process,
    parallel,
    process_rank,
    totals,
    weighted_mean,
)
from sparsecnn._compute.memory import keep_freed_memory
from sparsecnn._compute.random import drawing_first_weights, own_generator, seeded_torch
from sparsecnn._compute.surroundings import clean_torch_state
from sparsecnn._compute.threads import shared_threads, take_share

__all__ = [
    "all_classes",
    "autocast_for",
    "average_norms",
    "clean_torch_state",
    "drawing_first_weights",
    "gathered",
    "gathered_in_first",
    "in_each",
    "in_first",
    "keep_freed_memory",
    "n_processes",
    "naming_lost_process",
    "own_generator",
    "parallel",
    "process_rank",
    "resolve_device",
    "seeded_torch",
    "shared_threads",
    "take_share",
    "totals",
    "weighted_mean",
]
