"""From arrays of images to batches on a device, and from a network to scores."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor, nn

from sparsecnn._compute import keep_freed_memory, n_processes, totals
from sparsecnn._image_shape import full_shape

# Pixels of a batch to predict. Larger ones fall out of the processor's cache and are slower.
PREDICT_PIXELS_CPU = 2**18
PREDICT_PIXELS = 2**22
LARGEST_PREDICT_BATCH = 1024


@dataclass
class Images:
    """Images with what is known of them, kept as they came until a batch is made.

    Attributes
    ----------
    X : ndarray of shape (n, pixels)
    image_shape : tuple of two ints
    pixel_scale : float
        Pixels are divided by it.
    device : torch.device
    dtype : torch.dtype, default=torch.float32
        In which the network computes.
    y : ndarray of int64 of shape (n,) or of float64 of shape (n, n_targets), default=None
        Index of the class of each image, or its targets.
    weight : ndarray of shape (n,), default=None
        Weight of each image in the loss; None for equal weights.
    rows : ndarray of int of shape (n,), default=None
        Which rows of X the images are; None for all. So a part of X is not copied.
    in_channels : int, default=1
        Channels of an image, one after another in a row of X.
    """

    X: np.ndarray
    image_shape: tuple[int, int]
    pixel_scale: float
    device: torch.device
    dtype: torch.dtype = torch.float32
    y: np.ndarray | None = None
    weight: np.ndarray | None = None
    rows: np.ndarray | None = None
    in_channels: int = 1

    @property
    def n_pixels(self) -> int:
        """Numbers of an image, in all channels."""
        return self.in_channels * math.prod(self.image_shape)

    def __len__(self) -> int:
        return len(self.X) if self.rows is None else len(self.rows)

    def on(self, module: nn.Module) -> Images:
        """Return the images as `module` computes: on its device and in its dtype."""
        parameter = next(module.parameters())
        return replace(self, device=parameter.device, dtype=parameter.dtype)

    def with_mean_weight_one(self) -> Images:
        """Return the images with their weights scaled to 1 on average."""
        if self.weight is None:
            return self
        if n_processes() == 1 and self.weight.min() == self.weight.max():
            return replace(self, weight=None)
        weight, n_images = totals(self.weight.sum(), len(self), device=self.device)
        return replace(self, weight=self.weight / (weight / n_images))

    def subset(self, indices: np.ndarray) -> Images:
        """Return the images at `indices`, which may be few or many."""
        weight = None if self.weight is None else self.weight[indices]
        rows = indices if self.rows is None else self.rows[indices]
        y = None if self.y is None else self.y[indices]
        return replace(self, y=y, weight=weight, rows=rows)

    def pixels(self, indices: np.ndarray | slice) -> Tensor:
        """Return the images at `indices` as a tensor of shape (n, in_channels, height, width)."""
        pixels = self.X[indices if self.rows is None else self.rows[indices]]
        pixels = np.require(pixels, requirements=["C", "W"])
        # Divided before large numbers are rounded.
        batch = torch.from_numpy(pixels).to(self.device) / self.pixel_scale
        return batch.to(self.dtype).view(-1, self.in_channels, *self.image_shape)

    def batch(self, indices: np.ndarray) -> tuple[Tensor, Tensor, Tensor | None]:
        """Return pixels, classes or targets, and weights (or None) of the images at `indices`."""
        assert self.y is not None
        y = torch.from_numpy(self.y[indices])
        y = y.to(self.device, self.dtype if y.is_floating_point() else y.dtype)
        weight = (
            None
            if self.weight is None
            else torch.from_numpy(self.weight[indices]).to(self.device, self.dtype)
        )
        return self.pixels(indices), y, weight


def shuffled_batches(
    n_images: int, batch_size: int, rng: np.random.RandomState, n_batches: int | None = None
) -> list[np.ndarray]:
    """Return shuffled indices in batches of nearly equal size, at most `batch_size` each."""
    n_batches = n_batches or -(-n_images // batch_size)
    return np.array_split(rng.permutation(n_images), n_batches)


@torch.no_grad()
def predict(
    module: nn.Module,
    images: Images,
    autocast: Callable[[], contextlib.AbstractContextManager],
    finish: Callable[[np.ndarray], np.ndarray] = np.asarray,
) -> np.ndarray:
    """Return what `finish` makes of the scores of all images, computed in batches of bounded size.

    Parameters
    ----------
    module : nn.Module
    images : Images
    autocast : callable
        Returns the context in which the network computes.
    finish : callable, default=numpy.asarray
        From the scores of some images, an ndarray of shape (n, n_outputs), to a row for each of them.
    """
    module.eval()
    keep_freed_memory()
    finished = np.empty(0)
    for part in bounded_batches(images):
        with autocast(), naming_batch_size(part.stop - part.start, images):
            scores = module(images.pixels(part))
        scores = scores.to(images.dtype).cpu().numpy()
        if not np.isfinite(scores).all():
            raise ValueError(
                f"The network's scores are NaN or infinite for images {part.start} to {part.stop - 1} of X: "
                "their pixels are too large for it, or its weights are."
            )
        rows = finish(scores)
        if part.start == 0:
            finished = np.empty((len(images), *rows.shape[1:]), rows.dtype)
        finished[part] = rows
    return finished


def bounded_batches(images: Images) -> list[slice]:
    """Return the slices of all images, each of as many as are fast to predict at once."""
    pixels = PREDICT_PIXELS_CPU if images.device.type == "cpu" else PREDICT_PIXELS
    size = max(1, min(LARGEST_PREDICT_BATCH, pixels // images.n_pixels))
    return [slice(start, min(start + size, len(images))) for start in range(0, len(images), size)]


def best_class(scores: np.ndarray) -> np.ndarray:
    """Return the index of the highest score of each image."""
    return scores.argmax(axis=1)


@contextlib.contextmanager
def naming_batch_size(size: int, images: Images) -> Iterator[None]:
    """Have an error say which batch size was tried, where memory runs out within the block."""
    try:
        yield
    except RuntimeError as error:
        out_of_memory = isinstance(error, torch.OutOfMemoryError) or any(
            sign in str(error) for sign in ("can't allocate memory", "out of memory")
        )
        if not out_of_memory:
            raise
        sides = " * ".join(map(str, full_shape(images.image_shape, images.in_channels)))
        reason = str(error).splitlines()[0]
        raise MemoryError(
            f"The memory of device {str(images.device)!r} does not hold a batch of {size} images of "
            f"{sides} pixels with this network; try a batch_size below {size}. ({reason})"
        ) from error
