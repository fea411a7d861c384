"""The curve CNN: three convolutions with max pooling, then one fully connected layer."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import max_pool2d

from sparsecnn._network.batch_norm import WeightedBatchNorm2d
from sparsecnn._network.binary import make_activation


class CurveCNN(nn.Module):
    """Three convolutions, each with max pooling, then one fully connected layer.

    Maps images of shape (n, in_channels, height, width) to (n, n_classes) scores. An axis of length 1 is not
    pooled, so a curve sampled in one row can be classified too.

    Parameters
    ----------
    image_shape : tuple of two ints
        (height, width).
    n_classes : int
    channels : tuple of three ints
        Filters of each convolution.
    kernel_size : int
        Odd side of every filter, in pixels.
    batch_norm : bool
        Whether to normalise the output of each convolution.
    activation : {"relu", "binary"} or BinaryActivation
        Applied to the output of each convolution, pooled and normalised.
    in_channels : int
        Channels of an image.
    """

    def __init__(
        self,
        image_shape: tuple[int, int],
        n_classes: int,
        channels: tuple[int, ...] = (32, 32, 64),
        kernel_size: int = 3,
        batch_norm: bool = True,
        activation: Any = "relu",
        in_channels: int = 1,
    ):
        super().__init__()
        height, width = image_shape
        kernel = (1 if height == 1 else kernel_size, 1 if width == 1 else kernel_size)
        padding = (kernel[0] // 2, kernel[1] // 2)
        pairs = zip((in_channels, *channels), channels, strict=False)
        for i, (n_in, n_out) in enumerate(pairs, start=1):
            self.add_module(f"conv{i}", nn.Conv2d(n_in, n_out, kernel, padding=padding, bias=not batch_norm))
            self.add_module(f"norm{i}", WeightedBatchNorm2d(n_out) if batch_norm else nn.Identity())
            self.add_module(f"activation{i}", make_activation(activation))
            height, width = max(1, height // 2), max(1, width // 2)
        self.fc = nn.Linear(channels[-1] * height * width, n_classes)

    def forward(self, x: Tensor) -> Tensor:
        """Return the scores of each class, of shape (n, n_classes)."""
        for i in (1, 2, 3):
            x = getattr(self, f"conv{i}")(x)
            # Pooled before it is normalised and activated: a quarter of the work for both.
            x = max_pool(x, self.training)
            x = getattr(self, f"activation{i}")(getattr(self, f"norm{i}")(x))
        return self.fc(x.flatten(1))


def max_pool(x: Tensor, training: bool) -> Tensor:
    """Return the largest of every 2×2 pixels of images of shape (n, channels, height, width).

    A last odd row or column is left out, and an axis of length 1 stays.
    """
    if training:
        return max_pool2d(x, [min(2, x.shape[2]), min(2, x.shape[3])])
    # Without need to know which pixel was the largest: twice as fast.
    if x.shape[2] > 1:
        x = torch.maximum(x[:, :, :-1:2], x[:, :, 1::2])
    if x.shape[3] > 1:
        x = torch.maximum(x[..., :-1:2], x[..., 1::2])
    return x


class MaxPool(nn.Module):
    """`max_pool` as a layer."""

    def forward(self, x: Tensor) -> Tensor:
        """Return the largest of every 2×2 pixels of images of shape (n, channels, height, width)."""
        return max_pool(x, self.training)
