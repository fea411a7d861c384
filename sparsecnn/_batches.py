"""From arrays of images to batches on a device, and from a network to scores."""

from dataclasses import dataclass, replace

import numpy as np
import torch

# Larger batches fall out of the processor's cache and are slower.
PREDICT_BATCH = 128


@dataclass
class Images:
    """Images with their classes, kept as they came until a batch is made.

    Attributes
    ----------
    X : ndarray of shape (n, pixels)
    image_shape : tuple of two ints
    pixel_scale : float
        Pixels are divided by it.
    device : torch.device
    dtype : torch.dtype, default=torch.float32
        In which the network computes.
    y : ndarray of int64 of shape (n,), default=None
        Index of the class of each image.
    weight : ndarray of shape (n,), default=None
        Weight of each image in the loss; None for equal weights.
    """

    X: np.ndarray
    image_shape: tuple[int, int]
    pixel_scale: float
    device: torch.device
    dtype: torch.dtype = torch.float32
    y: np.ndarray | None = None
    weight: np.ndarray | None = None

    def __len__(self):
        return len(self.X)

    def on(self, module):
        """Return the images as `module` computes: on its device and in its dtype."""
        parameter = next(module.parameters())
        return replace(self, device=parameter.device, dtype=parameter.dtype)

    def with_mean_weight_one(self):
        """Return the images with their weights scaled to 1 on average."""
        return self if self.weight is None else replace(self, weight=self.weight / self.weight.mean())

    def subset(self, indices):
        """Return the images at `indices`, which may be few or many."""
        weight = None if self.weight is None else self.weight[indices]
        return replace(self, X=self.X[indices], y=self.y[indices], weight=weight)

    def pixels(self, indices):
        """Return the images at `indices` as a tensor of shape (n, 1, height, width)."""
        rows = np.require(self.X[indices], requirements=["C", "W"])
        batch = torch.from_numpy(rows).to(self.device) / self.pixel_scale  # before large numbers are rounded
        return batch.to(self.dtype).view(-1, 1, *self.image_shape)

    def batch(self, indices):
        """Return pixels, classes and weights (or None) of the images at `indices`."""
        y = torch.from_numpy(self.y[indices]).to(self.device)
        weight = (
            None
            if self.weight is None
            else torch.from_numpy(self.weight[indices]).to(self.device, self.dtype)
        )
        return self.pixels(indices), y, weight


def shuffled_batches(n_images, batch_size, rng):
    """Return shuffled indices in batches of nearly equal size, at most `batch_size` each."""
    n_batches = -(-n_images // batch_size)
    return np.array_split(rng.permutation(n_images), n_batches)


@torch.no_grad()
def predict_scores(module, images, autocast):
    """Return the scores of all images, an ndarray of shape (n, n_classes), in batches of bounded size."""
    module.eval()
    scores = []
    for start in range(0, len(images), PREDICT_BATCH):
        with autocast():
            batch = module(images.pixels(slice(start, start + PREDICT_BATCH)))
        scores.append(batch.to(images.dtype).cpu().numpy())
    return np.concatenate(scores)
