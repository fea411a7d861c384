"""Batch normalisation that weighs images as the loss does."""

import torch
from torch import Tensor, nn


class WeightedBatchNorm2d(nn.BatchNorm2d):
    """Batch normalisation whose statistics weigh the images of a batch as the loss does.

    ``image_weight``, of shape (n,), holds for the next training batches; None weighs all images alike. An
    image of weight 2 then counts as two images, which makes sample weights equal to repetition. The
    running variance is the population's, without Bessel's factor, which has no meaning for weights.
    """

    image_weight: Tensor | None = None
    running_mean: Tensor
    running_var: Tensor
    num_batches_tracked: Tensor
    weight_seen: Tensor

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

    def reset_running_stats(self) -> None:
        """Forget all batches."""
        super().reset_running_stats()
        # The weight of all batches so far, or without weights their number.
        weight_seen = torch.zeros((), device=self.num_batches_tracked.device)
        self.register_buffer("weight_seen", weight_seen, persistent=False)

    @torch.no_grad()
    def _update_running(self, mean: Tensor, variance: Tensor) -> None:
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
