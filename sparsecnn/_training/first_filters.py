"""The first filters of a network, from the images that it will see."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import unfold

from sparsecnn._training.images import Images

# At most so many images are looked at, evenly spread.
MOST_IMAGES = 500
# Least standard deviation of the pixels of a patch that counts: plain paper tells nothing.
LEAST_CONTRAST = 0.05


@torch.no_grad()
def set_first_filters(w: Tensor, images: Images) -> None:
    """Make filters of the first layer the principal components of patches of `images`, each with both signs.

    Further filters stay as they were drawn; so do all if there are too few for every component with both
    signs, if no patch has contrast, or if images are smaller than filters. The components are those about 0,
    and have the mean norm of the filters drawn.

    Parameters
    ----------
    w : Tensor of shape (n_filters, 1, height, width)
        Changed in place.
    images : Images
    """
    n_pixels = w[0].numel()
    too_small = any(side < size for side, size in zip(images.image_shape, w.shape[2:], strict=True))
    if len(w) < 2 * n_pixels or too_small:
        return
    spread = np.linspace(0, len(images) - 1, min(MOST_IMAGES, len(images))).astype(int)
    gram = torch.zeros(n_pixels, n_pixels, dtype=torch.float64)
    for i in spread:
        patches = _patches(images.pixels(np.array([i])).cpu(), w.shape[2:])
        gram += (1.0 if images.weight is None else float(images.weight[i])) * (patches.T @ patches)
    if not gram.any():
        return
    components = torch.linalg.eigh(gram).eigenvectors.T.flip(0)
    both = torch.cat([components, -components]).to(w)
    w[: len(both)] = both.view(-1, *w.shape[1:]) * w.flatten(1).norm(dim=1).mean()


def _patches(pixels: Tensor, shape: torch.Size) -> Tensor:
    """Return the patches with contrast of an image, of shape (n, pixels of a patch), in float64."""
    patches = unfold(pixels, tuple(shape))[0].T
    return patches[patches.std(dim=1, correction=0) > LEAST_CONTRAST].double()
