"""What the caller may have switched, and a computation must not depend on."""

import contextlib
from collections.abc import Iterator

import numpy as np
import torch


@contextlib.contextmanager
def clean_torch_state() -> Iterator[None]:
    """Compute as in a new process: with gradients, float32 by default, and numpy's own error handling.

    All is put back after the block. Gradient mode and numpy's error handling belong to the present thread;
    the default dtype belongs to the process, and is changed only where it is another one.
    """
    default = torch.get_default_dtype()
    with (
        torch.inference_mode(False),
        torch.enable_grad(),
        np.errstate(divide="warn", over="warn", under="ignore", invalid="warn"),
    ):
        try:
            if default != torch.float32:
                torch.set_default_dtype(torch.float32)
            yield
        finally:
            if default != torch.float32:
                torch.set_default_dtype(default)
