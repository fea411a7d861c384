"""The network that is left when dead channels are removed."""

import torch
from torch import Tensor, nn


class CompressedNetwork(nn.Sequential):
    """Plain layers one after another, without dead channels and with batch normalisation folded.

    Maps images of shape (n, channels, height, width) to scores.
    """


class ChannelAffine(nn.Module):
    """Multiply every channel by a weight and add a bias: what is left of a batch normalisation.

    Parameters
    ----------
    weight, bias : Tensor of shape (n_channels,)
    """

    def __init__(self, weight: Tensor, bias: Tensor):
        super().__init__()
        self.weight = nn.Parameter(weight)
        self.bias = nn.Parameter(bias)

    def forward(self, x: Tensor) -> Tensor:
        """Return x of shape (n, n_channels, ...), scaled and shifted."""
        shape = (-1, *[1] * (x.ndim - 2))
        return torch.addcmul(self.bias.view(shape), x, self.weight.view(shape))

    def extra_repr(self) -> str:
        """Return what to print between the brackets."""
        return str(len(self.weight))
