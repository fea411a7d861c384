"""The first filters of a network, from the images that it will see."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import unfold

from sparsecnn._training.images import Images

# At most so many images, evenly spread, of so many pixels in all are looked at.
MOST_IMAGES = 500
MOST_PIXELS = 2**21
# Least standard deviation of the pixels of a patch that counts: plain paper tells nothing.
LEAST_CONTRAST = 0.05


@torch.no_grad()
def set_first_filters(w: Tensor, images: Images) -> None:
    """Make filters of the first layer the principal components of patches of `images`, each with both signs.

    Patches reach over all channels; of as many components as there is room for, the largest are taken.
    Further filters stay as they were drawn; so do all if there are too few for as many components as a patch
    has pixels, with both signs, if no patch has contrast, or if images are smaller than filters. The
    components are those about 0, and have the mean norm of the filters drawn.

    Parameters
    ----------
    w : Tensor of shape (n_filters, channels, height, width)
        Changed in place.
    images : Images
    """
    n_pixels = w[0].numel()
    too_small = any(side < size for side, size in zip(images.image_shape, w.shape[2:], strict=True))
    if len(w) < 2 * math.prod(w.shape[2:]) or too_small:
        return
    images = replace(images, device=torch.device("cpu"))  # one image at a time is not worth the way
    n_images = min(MOST_IMAGES, max(1, MOST_PIXELS // images.n_pixels), len(images))
    gram = torch.zeros(n_pixels, n_pixels, dtype=torch.float64)
    for i in np.linspace(0, len(images) - 1, n_images).astype(int):
        patches = _patches(images.pixels(np.array([i])), w.shape[2:])
        gram += (1.0 if images.weight is None else float(images.weight[i])) * (patches @ patches.T)
    if not gram.any():
        return
    components = torch.linalg.eigh(gram).eigenvectors.T.flip(0)[: len(w) // 2]
    both = torch.cat([components, -components]).to(w)
    w[: len(both)] = both.view(-1, *w.shape[1:]) * w.flatten(1).norm(dim=1).mean()


def _patches(pixels: Tensor, shape: torch.Size) -> Tensor:
    """Return the patches with contrast of an image, of shape (pixels of all channels, n), in float64."""
    patches = unfold(pixels, tuple(shape))[0]
    # numpy takes a twentieth of torch's time for many columns of a few numbers.
    contrast = torch.from_numpy(patches.numpy().std(axis=0))
    return patches[:, contrast > LEAST_CONTRAST].double()
