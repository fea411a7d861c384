"""One fit over several processes, which torch.distributed connects and DistributedDataParallel trains."""

import contextlib
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import numpy as np
import torch
from torch import distributed, nn
from torch.nn.parallel import DistributedDataParallel

T = TypeVar("T")


def n_processes() -> int:
    """Return how many processes fit together: 1 unless ``torch.distributed`` was initialised."""
    return distributed.get_world_size() if distributed.is_available() and distributed.is_initialized() else 1


def process_rank() -> int:
    """Return the number of this process, from 0."""
    return distributed.get_rank() if n_processes() > 1 else 0


def parallel(module: nn.Module) -> nn.Module:
    """Return the network whose gradients are the means over all processes, with the weights of the first."""
    return DistributedDataParallel(module) if n_processes() > 1 else module


def totals(*values: Any, device: torch.device) -> list[float]:
    """Return the sums of numbers over all processes, as floats."""
    if n_processes() == 1:
        return [float(value) for value in values]
    tensor = torch.tensor([float(value) for value in values], dtype=torch.float64, device=device)
    distributed.all_reduce(tensor)
    return tensor.tolist()


def gathered(value: Any) -> list[Any]:
    """Return the values of all processes, by rank."""
    if n_processes() == 1:
        return [value]
    values: list[Any] = [None] * n_processes()
    distributed.all_gather_object(values, value)
    return values


def gathered_in_first(value: Any) -> list[Any]:
    """Return the values of all processes, by rank, in the first process; nothing in the others."""
    if n_processes() == 1:
        return [value]
    values: list[Any] = [None] * n_processes() if process_rank() == 0 else []
    distributed.gather_object(value, values or None)
    return values


def weighted_mean(values: np.ndarray, weight: np.ndarray | None) -> np.ndarray:
    """Return the mean over the first axis and all processes; without weights, all count alike."""
    weight = np.ones(len(values)) if weight is None else weight
    parts = gathered((weight @ values, weight.sum()))
    return sum(part for part, _ in parts) / sum(total for _, total in parts)


def in_each(act: Callable[[], T]) -> list[T]:
    """Return what `act` returns in every process, by rank; an error in any of them is raised in all."""
    if n_processes() == 1:
        return [act()]
    return [_returned(outcome) for outcome in gathered(_outcome(act))]


def in_first(act: Callable[[], T]) -> T:
    """Return, in every process, what `act` returns in the first, which alone calls it; or raise its error."""
    if n_processes() == 1:
        return act()
    outcomes = [_outcome(act) if process_rank() == 0 else None]
    distributed.broadcast_object_list(outcomes)
    return _returned(outcomes[0])


def _outcome(act: Callable[[], T]) -> tuple[T | None, Exception | None]:
    try:
        return act(), None
    except Exception as error:
        return None, error


def _returned(outcome: Any) -> Any:
    value, error = outcome
    if error is not None:
        raise error
    return value


def all_classes(y: np.ndarray) -> np.ndarray:
    """Return the sorted labels that any process has."""
    return np.unique(np.concatenate(gathered(np.unique(y))))


@torch.no_grad()
def average_norms(module: nn.Module) -> None:
    """Give every batch normalisation the mean and variance over the images of all processes."""
    if n_processes() == 1:
        return
    for layer in module.modules():
        if isinstance(layer, nn.modules.batchnorm._BatchNorm) and layer.track_running_stats:
            assert layer.running_mean is not None
            assert layer.running_var is not None
            mean, square = layer.running_mean, layer.running_var + layer.running_mean.square()
            seen: Any = getattr(layer, "weight_seen", layer.num_batches_tracked)
            moments = seen * torch.stack([mean, square, torch.ones_like(mean)])
            distributed.all_reduce(moments)
            mean, square = moments[:2] / moments[2]
            layer.running_mean.copy_(mean)
            layer.running_var.copy_(square - mean.square())
            distributed.all_reduce(layer.num_batches_tracked)


@contextlib.contextmanager
def naming_lost_process() -> Iterator[None]:
    """Have an error say that another process ended, where the connection to it breaks within the block."""
    try:
        yield
    except RuntimeError as error:
        lost = isinstance(error, distributed.DistError) if distributed.is_available() else False
        lost = lost or any(sign in str(error) for sign in ("gloo", "NCCL", "Connection closed by peer"))
        if n_processes() == 1 or not lost:
            raise
        raise RuntimeError(
            f"Another of the {n_processes()} processes of this fit ended or cannot be reached, so process "
            f"{process_rank()} stops. Look for the first error among the others, and start all of them again."
        ) from error
