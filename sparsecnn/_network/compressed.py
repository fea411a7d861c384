"""The network that is left when dead channels are removed."""

import torch
from torch import Tensor, fx, nn
from torch.nn.functional import conv2d


class CompressedNetwork(nn.Sequential):
    """Plain layers one after another, without dead channels and with batch normalisation folded.

    Maps images of shape (n, channels, height, width) to scores.
    """

    def forward(self, x: Tensor) -> Tensor:
        """Return the scores of each class, of shape (n, n_classes)."""
        if isinstance(x, fx.Proxy) or torch.compiler.is_compiling() or len(x) > 1:
            return super().forward(x)
        # One image takes half as long with the filters' weights in their plain order; several take longer.
        for layer in self:
            x = _in_plain_order(layer, x) if isinstance(layer, nn.Conv2d) else layer(x)
        return x


def _in_plain_order(conv: nn.Conv2d, x: Tensor) -> Tensor:
    """Return what a convolution gives, whatever the order of its weights in memory."""
    # Filters of one channel count as contiguous whatever their strides are, so that would copy nothing.
    weight = conv.weight.clone(memory_format=torch.contiguous_format)
    return conv2d(x, weight, conv.bias, conv.stride, conv.padding, conv.dilation, conv.groups)  # type: ignore[arg-type]


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
