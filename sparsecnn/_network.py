"""The curve CNN, and which weights of a network can be made sparse."""

from collections.abc import Iterable

import torch
from torch import Tensor, nn
from torch.nn.functional import max_pool2d, relu

LAYERS = (nn.Linear, nn.modules.conv._ConvNd)


class CurveCNN(nn.Module):
    """Three convolutions, each with max pooling, then one fully connected layer.

    Maps images of shape (n, 1, height, width) to (n, n_classes) scores. An axis of length 1 is not pooled,
    so a curve sampled in one row can be classified too.

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
    """

    def __init__(self, image_shape, n_classes, channels=(16, 64, 64), kernel_size=3, batch_norm=True):
        super().__init__()
        height, width = image_shape
        kernel = tuple(1 if side == 1 else kernel_size for side in image_shape)
        padding = tuple(side // 2 for side in kernel)
        for i, (n_in, n_out) in enumerate(zip((1, *channels), channels, strict=False), start=1):
            self.add_module(f"conv{i}", nn.Conv2d(n_in, n_out, kernel, padding=padding, bias=not batch_norm))
            self.add_module(f"norm{i}", WeightedBatchNorm2d(n_out) if batch_norm else nn.Identity())
            height, width = max(1, height // 2), max(1, width // 2)
        self.fc = nn.Linear(channels[-1] * height * width, n_classes)

    def forward(self, x: Tensor) -> Tensor:
        """Return the scores of each class, of shape (n, n_classes)."""
        for i in (1, 2, 3):
            x = getattr(self, f"conv{i}")(x)
            # Pooled before it is normalised and rectified: a quarter of the work for both.
            x = max_pool(x)
            x = relu(getattr(self, f"norm{i}")(x))
        return self.fc(x.flatten(1))


def max_pool(x: Tensor) -> Tensor:
    """Return the largest of every 2×2 pixels of images of shape (n, channels, height, width).

    A last odd row or column is left out, and an axis of length 1 stays.
    """
    if torch.is_grad_enabled():
        return max_pool2d(x, [min(2, x.shape[2]), min(2, x.shape[3])])
    # Without a gradient, no need to know which was the largest: twice as fast.
    if x.shape[2] > 1:
        x = torch.maximum(x[:, :, :-1:2], x[:, :, 1::2])
    if x.shape[3] > 1:
        x = torch.maximum(x[..., :-1:2], x[..., 1::2])
    return x


class WeightedBatchNorm2d(nn.BatchNorm2d):
    """Batch normalisation whose statistics weigh the images of a batch as the loss does.

    ``image_weight``, of shape (n,), holds for the next training batches; None weighs all images alike. An
    image of weight 2 then counts as two images, which makes sample weights equal to repetition. The
    running variance is the population's, without Bessel's factor, which has no meaning for weights.
    """

    image_weight: Tensor | None = None

    def forward(self, x: Tensor) -> Tensor:
        """Normalise x of shape (n, channels, height, width)."""
        if not self.training:
            return super().forward(x)
        if self.image_weight is None:
            normalised, mean, inverse_deviation = torch.native_batch_norm(
                x, self.weight, self.bias, None, None, True, 0.0, self.eps
            )
            variance = inverse_deviation.square().reciprocal() - self.eps
        else:
            share = (self.image_weight / self.image_weight.sum()).view(-1, 1, 1, 1)
            mean = (share * x.mean((2, 3), keepdim=True)).sum(0)
            variance = (share * (x - mean).square().mean((2, 3), keepdim=True)).sum(0)
            scale = self.weight.view(-1, 1, 1) * (variance + self.eps).rsqrt()
            normalised = (x - mean) * scale + self.bias.view(-1, 1, 1)
        self._update_running(mean, variance)
        return normalised

    def reset_running_stats(self):
        """Forget all batches."""
        super().reset_running_stats()
        # The weight of all batches so far, or without weights their number.
        weight_seen = torch.zeros((), device=self.num_batches_tracked.device)
        self.register_buffer("weight_seen", weight_seen, persistent=False)

    @torch.no_grad()
    def _update_running(self, mean, variance):
        self.num_batches_tracked.add_(1)
        weight = torch.ones_like(self.weight_seen) if self.image_weight is None else self.image_weight.sum()
        self.weight_seen += weight
        # The plain mean of the first batches, so that few batches are enough; later a moving average.
        share = (weight / self.weight_seen).to(mean.dtype).clamp(min=self.momentum or 0.0)
        self.running_mean.lerp_(mean.flatten(), share)
        self.running_var.lerp_(variance.flatten(), share)


def set_image_weight(module: nn.Module, image_weight: Tensor | None) -> None:
    """Tell every weighted batch normalisation of `module` how much each image of the batch counts."""
    for layer in module.modules():
        if isinstance(layer, WeightedBatchNorm2d):
            layer.image_weight = image_weight


def layer_weights(module: nn.Module) -> dict[str, Tensor]:
    """Return the weights of all convolutions and fully connected layers, by layer name, as registered.

    A weight that layers share is the first one's, and one that is computed from others is left out.
    """
    weights = {name: layer.weight for name, layer in _layers(module, LAYERS).items()}
    return _distinct({name: w for name, w in weights.items() if isinstance(w, nn.Parameter)})


def _layers(module, kinds):
    return {name: layer for name, layer in module.named_modules() if isinstance(layer, kinds)}


def _distinct(weights):
    first = {id(w): name for name, w in reversed(weights.items())}
    return {name: w for name, w in weights.items() if first[id(w)] == name}


def zero_fraction(weights: Iterable[Tensor]) -> float:
    """Return the fraction of all the weights that are exactly zero; 0 of none."""
    sizes = [(int(torch.count_nonzero(w)), w.numel()) for w in weights]
    n_nonzero, n_weights = sum(size[0] for size in sizes), sum(size[1] for size in sizes)
    return 1 - n_nonzero / n_weights if n_weights else 0.0


def penalized_weights(module: nn.Module, penalized: str) -> dict[str, Tensor]:
    """Return the weights to make sparse, by layer name: of the last fully connected layer, or of all layers.

    Raises
    ------
    ValueError
        If the network has no such layer, or its weight is no parameter.
    """
    fc_only = penalized == "fc"
    weights = {
        name: layer.weight for name, layer in _layers(module, nn.Linear if fc_only else LAYERS).items()
    }
    if not weights:
        kind = "Linear layer" if fc_only else "Linear or convolutional layer"
        raise ValueError(
            f"penalized={penalized!r} needs a module with a {kind}, but {type(module).__name__} has none."
        )
    if fc_only:
        weights = dict(list(weights.items())[-1:])
    for name, weight in weights.items():
        if not isinstance(weight, nn.Parameter):
            raise ValueError(
                f"The weight of layer {name!r} is computed from other parameters, as by weight "
                "normalisation, so it cannot be made sparse: remove the parametrization."
            )
    return _distinct(weights)
