"""From scores to the answers of an ONNX file: labels and probabilities, or targets."""

from __future__ import annotations

import contextlib
import json
import numbers
from abc import ABC, abstractmethod
from typing import Any

import numpy as np
import torch
from scipy.special import softmax
from torch import Tensor, nn

from sparsecnn._estimator import RealTargets


class Answers(nn.Module, ABC):
    """Maps scores to answers, in the names and types of skl2onnx."""

    # Of the outputs of the file.
    names: list[str]
    # Metadata of the file.
    facts: dict[str, str]

    def complete(self, graph: Any) -> None:
        """Add to a graph what torch cannot express."""

    @abstractmethod
    def difference(self, found: list[np.ndarray], scores: np.ndarray) -> float:
        """Return how far answers that a file gives are from those of scores; infinity if they are others."""


class ClassAnswers(Answers):
    """The label of the largest score, and the probability of each class.

    Parameters
    ----------
    classes : ndarray
    """

    def __init__(self, classes: np.ndarray):
        super().__init__()
        self.labels = label_values(classes)
        self.names = ["label", "probabilities"]
        self.facts = {"classes": json.dumps(classes.tolist(), default=np.generic.item)}

    def forward(self, scores: Tensor) -> tuple[Tensor, Tensor]:
        """Return the index of the class and the probabilities."""
        return scores.argmax(1), scores.softmax(1)

    def complete(self, graph: Any) -> None:
        """Let the output "label" be one of the labels rather than its index."""
        from onnx import helper, numpy_helper

        if self.labels.dtype == np.int64 and np.array_equal(self.labels, np.arange(len(self.labels))):
            return
        (node,) = (node for node in graph.node if "label" in node.output)
        node.output[:] = ["class_index" if name == "label" else name for name in node.output]
        graph.initializer.append(numpy_helper.from_array(self.labels, "classes"))
        graph.node.append(helper.make_node("Gather", ["classes", "class_index"], ["label"], name="label"))
        kind = helper.np_dtype_to_tensor_dtype(self.labels.dtype)
        graph.output[0].CopyFrom(helper.make_tensor_value_info("label", kind, ["batch"]))

    def difference(self, found: list[np.ndarray], scores: np.ndarray) -> float:
        """Return the median over images of the largest difference of a probability."""
        labels, probabilities = found
        if probabilities.shape != scores.shape:
            return np.inf
        if labels.tolist() != self.labels[probabilities.argmax(1)].tolist():
            return np.inf
        return float(np.median(np.abs(probabilities - softmax(scores, axis=1)).max(1)))


class TargetAnswers(Answers):
    """The targets in their own unit, in float32.

    Parameters
    ----------
    targets : RealTargets
    """

    mean: Tensor
    scale: Tensor

    def __init__(self, targets: RealTargets):
        super().__init__()
        largest = np.abs(targets.mean) + targets.scale
        if not (largest < np.finfo(np.float32).max).all():
            raise ValueError(
                f"The targets, up to about {largest.max():.3g}, are out of the range of float32."
            )
        self.targets = targets
        self.names = ["variable"]
        self.facts = {"n_outputs": json.dumps(len(targets.mean))}
        self.register_buffer("mean", torch.from_numpy(targets.mean))
        self.register_buffer("scale", torch.from_numpy(targets.scale))

    def forward(self, scores: Tensor) -> Tensor:
        """Return the targets, computed in double precision: a mean may be large beside its scale."""
        return (scores.double() * self.scale + self.mean).float()

    def difference(self, found: list[np.ndarray], scores: np.ndarray) -> float:
        """Return the median over images of the largest difference of a target, in units of its scale."""
        (targets,) = found
        if targets.shape != scores.shape:
            return np.inf
        expected = self.targets.original(scores).astype(np.float32)
        return float(np.median(np.abs((targets - expected) / self.targets.scale).max(1)))


def answers_of(estimator: Any) -> Answers:
    """Return what maps the scores of a fitted estimator to its answers.

    Raises
    ------
    ValueError
        If ONNX cannot hold its classes or targets.
    """
    if hasattr(estimator, "classes_"):
        return ClassAnswers(estimator.classes_)
    return TargetAnswers(RealTargets.of(estimator))


def label_values(classes: np.ndarray) -> np.ndarray:
    """Return classes as ONNX holds labels: strings, or int64 for integers, bools and whole floats.

    Raises
    ------
    ValueError
        If they are anything else.
    """
    values = classes.tolist()
    with contextlib.suppress(ValueError, OverflowError):  # among them UnicodeEncodeError
        if all(isinstance(value, str) and value.encode() is not None for value in values):
            return np.array(values, dtype=object)
        if all(_is_whole(value) for value in values):
            return np.array([int(value) for value in values], dtype=np.int64)
    raise ValueError(
        f"The classes {values} are neither text nor whole numbers, which is all that labels in ONNX can be: "
        "fit on other labels."
    )


def _is_whole(value: Any) -> bool:
    return isinstance(value, (numbers.Real, np.bool_)) and value == int(value)  # type: ignore[arg-type]
