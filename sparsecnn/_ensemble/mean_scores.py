"""The networks of an ensemble as one."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn


class MeanScores(nn.Module):
    """From images of several channels to scores whose softmax is the mean probability of several networks.

    Parameters
    ----------
    networks : iterable of nn.Module
        Each maps one channel, as it lies along the second axis of X, to scores.
    views : iterable of int
        The channel that each network sees.
    in_channels : int
        Number of channels of an image.
    """

    def __init__(self, networks: Iterable[nn.Module], views: Iterable[int], in_channels: int):
        super().__init__()
        self.networks = nn.ModuleList(networks)
        self.views = [int(view) for view in views]
        self.in_channels = in_channels

    def forward(self, X: Tensor) -> Tensor:
        """Return the scores of images, or of their rows of pixels in the order channel, row, column."""
        channels = X.chunk(self.in_channels, dim=1)
        pairs = zip(self.networks, self.views, strict=True)
        return torch.stack([network(channels[view]).log_softmax(1) for network, view in pairs]).logsumexp(0)
