"""Where and in which precision a network computes."""

import contextlib
import functools
from collections.abc import Callable

import torch


def resolve_device(device: str | torch.device) -> torch.device:
    """Return the torch device of a name; "auto" is CUDA where there is one, else the processor.

    Raises
    ------
    ValueError
        If the name is unknown, or this machine has no such device.
    """
    if device == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        resolved = torch.device(device)
        torch.empty(0, device=resolved)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        reason = str(error).splitlines()[0]
        raise ValueError(f"device={device!r} cannot be used on this machine: {reason}") from error
    return resolved


def autocast_for(precision: str, device: torch.device) -> Callable[[], contextlib.AbstractContextManager]:
    """Return a function that makes the context in which a network computes.

    Parameters
    ----------
    precision : {"float32", "bf16", "auto"}
        "auto" is bf16 where `device` computes it natively, else float32.
    device : torch.device
    """
    if precision == "bf16" or (precision == "auto" and has_native_bf16(device)):
        return functools.partial(torch.autocast, device.type, dtype=torch.bfloat16)
    return contextlib.nullcontext


def has_native_bf16(device: torch.device) -> bool:
    """Return whether `device` computes in bf16 natively, rather than emulating it more slowly.

    A torch that cannot say what the processor is capable of counts as one without.
    """
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    if device.type != "cpu" or not hasattr(torch.cpu, "get_capabilities"):
        return False
    return bool(torch.cpu.get_capabilities().get("avx512_bf16", False))
