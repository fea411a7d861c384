"""Warnings of sparsecnn, by name, so that they can be caught or turned into errors."""

__all__ = ["DeadLayerWarning", "GroupLeakWarning", "TrainingInterruptedWarning"]


class DeadLayerWarning(UserWarning):
    """Every penalised weight of a layer became zero, so that nothing passes through it."""


class GroupLeakWarning(UserWarning):
    """A split for choosing or judging has images of one group, such as a person, on both sides."""


class TrainingInterruptedWarning(UserWarning):
    """Training was interrupted from the keyboard; the network of the last finished epoch was kept."""
