"""A trained network whose scores another one learns."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Any, Self

import torch
from torch import Tensor, nn
from torch.nn.functional import kl_div, log_softmax

from sparsecnn._training.images import Images

# Divides all scores before they are compared: what a teacher takes for unlikely then counts too.
TEMPERATURE = 4.0


@dataclass(frozen=True)
class Teacher:
    """A trained network, as another one asks it while learning.

    Attributes
    ----------
    module : nn.Module
        On the device and in the dtype of the images to come.
    pixel_ratio : float
        What a pixel is to the teacher, relative to what it is to the network that learns.
    """

    module: nn.Module
    pixel_ratio: float

    @classmethod
    def of(cls, fitted: Any, images: Images) -> Self:
        """Return the network of a fitted classifier for `images`."""
        module = copy.deepcopy(fitted.module_).to(images.device, images.dtype).eval()
        return cls(module.requires_grad_(False), images.pixel_scale / fitted.pixel_scale_)

    @torch.no_grad()
    def __call__(self, x: Tensor) -> Tensor:
        """Return the scores of a batch."""
        return self.module(x if self.pixel_ratio == 1 else x * self.pixel_ratio)


def distillation_losses(scores: Tensor, wanted: Tensor) -> Tensor:
    """Return how far the scores of each image are from those of a teacher.

    ``T² KL(softmax(wanted / T) ‖ softmax(scores / T))`` with the temperature T.

    Parameters
    ----------
    scores, wanted : Tensor of shape (n, n_classes)

    Returns
    -------
    losses : Tensor of shape (n,)

    References
    ----------
    G. Hinton, O. Vinyals and J. Dean, "Distilling the Knowledge in a Neural Network", arXiv:1503.02531.
    """
    own, of_teacher = (log_softmax(each / TEMPERATURE, dim=1) for each in (scores, wanted))
    return TEMPERATURE**2 * kl_div(own, of_teacher, reduction="none", log_target=True).sum(dim=1)
