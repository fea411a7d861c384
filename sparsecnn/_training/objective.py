"""What a network is trained for: the loss of an image, and the score of many."""

from __future__ import annotations

import contextlib
import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from sparsecnn._compute import totals, weighted_mean
from sparsecnn._training.images import Images, best_class, predict

Autocast = Callable[[], contextlib.AbstractContextManager]


@dataclass(frozen=True)
class Objective(ABC):
    """What the outputs of a network are to be.

    Attributes
    ----------
    n_outputs : int
    """

    n_outputs: int

    @property
    @abstractmethod
    def output_name(self) -> str:
        """What there is an output for."""

    @property
    @abstractmethod
    def outputs(self) -> str:
        """The number of outputs, in words."""

    @property
    @abstractmethod
    def chance_loss(self) -> float:
        """The loss of a network that does not look at the image."""

    @abstractmethod
    def losses(self, scores: Tensor, y: Tensor) -> Tensor:
        """Return the loss of each image."""

    @abstractmethod
    def score(self, module: nn.Module, images: Images, autocast: Autocast) -> float:
        """Return how well a network does on images, of all processes together; 1 at best."""


class CrossEntropy(Objective):
    """Scores whose softmax is the probability of each class."""

    output_name = "class"

    @property
    def outputs(self) -> str:
        """The number of classes, in words."""
        return f"{self.n_outputs} classes"

    @property
    def chance_loss(self) -> float:
        """The loss of equal probabilities."""
        return math.log(self.n_outputs)

    def losses(self, scores: Tensor, y: Tensor) -> Tensor:
        """Return the cross-entropy of each image; y holds indices of classes."""
        return cross_entropy(scores, y, reduction="none")

    def score(self, module: nn.Module, images: Images, autocast: Autocast) -> float:
        """Return the accuracy."""
        correct = predict(module, images, autocast, finish=best_class) == images.y
        weight = np.ones(len(correct)) if images.weight is None else images.weight
        right, all_weight = totals(weight @ correct, weight.sum(), device=images.device)
        return right / all_weight


class SquaredError(Objective):
    """Targets with mean 0 and variance 1."""

    output_name = "target"

    @property
    def outputs(self) -> str:
        """The number of targets, in words."""
        return f"{self.n_outputs} target{'s' if self.n_outputs > 1 else ''}"

    @property
    def chance_loss(self) -> float:
        """The loss of the mean: the variance."""
        return 1.0

    def losses(self, scores: Tensor, y: Tensor) -> Tensor:
        """Return the squared error of each image, its mean over the targets."""
        return (scores - y).square().mean(1)

    def score(self, module: nn.Module, images: Images, autocast: Autocast) -> float:
        """Return R², its mean over the targets; for equal targets, 1 if all are met, else 0."""
        assert images.y is not None
        residual = predict(module, images, autocast) - images.y
        error = weighted_mean(residual**2, images.weight)
        variance = weighted_mean((images.y - weighted_mean(images.y, images.weight)) ** 2, images.weight)
        unexplained = np.where(error > 0, 1.0, 0.0)
        np.divide(error, variance, out=unexplained, where=variance > 0)
        return float(1 - unexplained.mean())
