"""The network that is left when dead channels are removed."""

import itertools
from typing import Any

import torch
from torch import Tensor, fx, nn

# One image takes half as long if the first convolutions have so few filters and these are in plain order.
FEW_FILTERS = 8


class CompressedNetwork(nn.Sequential):
    """Plain layers one after another, without dead channels and with batch normalisation folded.

    Maps images of shape (n, channels, height, width) to scores.
    """

    def forward(self, x: Tensor) -> Tensor:
        """Return the scores of each class, of shape (n, n_classes)."""
        if not (isinstance(x, fx.Proxy) or torch.compiler.is_compiling()) and x.ndim == 4 and len(x) > 1:
            x = x.to(memory_format=torch.channels_last)  # several images take longer in plain order
        return super().forward(x)


def lay_out_filters(module: nn.Module) -> None:
    """Lay out the filters of a network in memory as its convolutions are fastest."""
    channels_last: Any = {"memory_format": torch.channels_last}  # torch's annotations lack it
    module.to(**channels_last)
    if isinstance(module, CompressedNetwork):
        convolutions = (layer for layer in module if isinstance(layer, nn.Conv2d))
        for layer in itertools.takewhile(lambda layer: layer.out_channels <= FEW_FILTERS, convolutions):
            # Filters of one channel count as contiguous whatever their strides are: only a clone sets these.
            layer.weight.data = layer.weight.data.clone(memory_format=torch.contiguous_format)


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
