"""Random networks that are chains of layers with dead channels, for the tests."""

import random

import torch
from torch import nn

from sparsecnn._network import make_chain

WEIGHTED = (nn.Conv2d, nn.Linear)
NORMS = (nn.BatchNorm1d, nn.BatchNorm2d)


@torch.no_grad()
def randomise(net, seed, zeros=0.2):
    """Give a network random weights, statistics, scales and shifts of both signs, and dead channels."""
    generator = torch.Generator().manual_seed(seed)

    def some(n, share=zeros):
        return torch.rand(n, generator=generator) < share

    for layer in net.modules():
        for parameter in layer.parameters(recurse=False):
            parameter.copy_(torch.randn(parameter.shape, generator=generator))
        if isinstance(layer, NORMS):
            layer.running_mean.copy_(torch.randn(layer.num_features, generator=generator))
            layer.running_var.copy_(torch.rand(layer.num_features, generator=generator) + 0.1)
            if layer.affine:
                layer.weight[some(layer.num_features, zeros / 3)] = 0
        elif isinstance(layer, WEIGHTED):
            w = layer.weight
            w /= w[0].numel() ** 0.5
            w[torch.rand(w.shape, generator=generator) < zeros] = 0
            w[some(w.shape[0])] = 0
            w[:, some(w.shape[1], zeros if w.shape[1] > 3 else 0)] = 0
    return net.eval()


def largest_difference(net, compressed, image_shape, n_channels=1):
    """Return the largest difference of scores for random images, relative to the largest score."""
    dtype = next(net.parameters()).dtype
    images = torch.randn(8, n_channels, *image_shape, generator=torch.Generator().manual_seed(1), dtype=dtype)
    with torch.no_grad():
        expected = net(images.clone())
        return float((compressed(images) - expected).abs().max() / expected.abs().max())


def widths(net, image_shape):
    return make_chain(net, image_shape).widths


def random_block(rng, n_read, n_written):
    """Return the layers of a random convolution with what follows it."""
    kernel, dilation = rng.choice([1, 2, 3, (1, 3)]), rng.choice([1, 1, 2])
    padding = rng.choice([0, 0, 1, (1, 0), "valid" if kernel == 2 else "same"])
    bias, norms = rng.random() < 0.5, [nn.BatchNorm2d(n_written), nn.BatchNorm2d(n_written, affine=False)]
    pool = rng.choice(
        [
            *(nn.Identity(), nn.MaxPool2d(2), nn.AvgPool2d(2), nn.AdaptiveMaxPool2d(20)),
            *(nn.AdaptiveAvgPool2d((20, 18)), nn.MaxPool2d(3, 2, padding=1, ceil_mode=True)),
            *(nn.AvgPool2d(3, 2, padding=1), nn.AvgPool2d(3, 1, 1, count_include_pad=False)),
            *(nn.AvgPool2d(2, divisor_override=3), nn.MaxPool2d(2, stride=1, dilation=2)),
        ]
    )
    strided = isinstance(pool, nn.Identity) and not isinstance(padding, str)
    conv = nn.Conv2d(n_read, n_written, kernel, 1 + strided, padding, dilation, bias=bias)
    norm = rng.choice([*norms, nn.Identity()])
    activation = rng.choice(
        [nn.ReLU(inplace=True), nn.ReLU(), nn.LeakyReLU(0.1), nn.Sigmoid(), nn.GELU(), nn.Tanh(), nn.ELU()]
    )
    rest = [pool, norm, activation]
    rng.shuffle(rest)
    return [conv, *rest]


def random_network(seed):
    """Return a random chain with dead channels, and its image shape and number of channels."""
    rng = random.Random(seed)
    n_channels = n_read = rng.choice([1, 1, 3])
    image_shape = rng.randint(64, 70), rng.randint(64, 70)
    layers = [nn.BatchNorm2d(n_read)] if rng.random() < 0.3 else []
    for _ in range(rng.randint(n_channels > 1, 3)):
        n_written = rng.randint(3, 9)
        layers += random_block(rng, n_read, n_written)
        n_read = n_written
    layers += [nn.Flatten(), nn.Dropout()]
    net = nn.Sequential(*layers).eval()
    n_read = net(torch.zeros(1, n_channels, *image_shape)).shape[1]
    net.extend([nn.BatchNorm1d(n_read)] if rng.random() < 0.3 else [])
    for _ in range(rng.randint(0, 2)):
        n_written = rng.randint(4, 8)
        net.extend([nn.Linear(n_read, n_written, bias=rng.random() < 0.7)])
        net.extend([nn.BatchNorm1d(n_written)] if rng.random() < 0.5 else [])
        net.append(rng.choice([nn.ReLU(), nn.Sigmoid()]))
        n_read = n_written
    net.append(nn.Linear(n_read, 3))
    return randomise(net, seed, rng.choice([0.1, 0.2, 0.3])).double(), image_shape, n_channels
