"""The time that a network takes."""

from __future__ import annotations

import time
from collections.abc import Sequence
from statistics import median

import torch
from torch import Tensor, nn

from sparsecnn._network import evaluating
from sparsecnn.inspection._network_counts import example_images


def median_latency(
    module: nn.Module, image_shape: tuple[int, int], batch_sizes: Sequence[int], n_warmup: int, n_repeats: int
) -> tuple[dict[int, float], str]:
    """Return the median milliseconds of a network for each batch size, and how they were measured."""
    images = example_images(module, image_shape, max(batch_sizes))
    medians = {n: _median_milliseconds(module, images[:n], n_warmup, n_repeats) for n in batch_sizes}
    n_threads = torch.get_num_threads()
    threads = f", {n_threads} thread{'s' if n_threads > 1 else ''}" if images.device.type == "cpu" else ""
    dtype = str(images.dtype).removeprefix("torch.")
    return medians, f"median of {n_repeats} runs, {dtype}, {images.device}{threads}"


def _median_milliseconds(module: nn.Module, images: Tensor, n_warmup: int, n_repeats: int) -> float:
    """Return the median time in which `module` computes the scores of all images at once."""
    times = []
    with evaluating(module):
        for _ in range(n_warmup + n_repeats):
            start = time.perf_counter()
            module(images)
            if images.device.type == "cuda":
                torch.cuda.synchronize(images.device)
            times.append(1000 * (time.perf_counter() - start))
    return median(times[n_warmup:])
