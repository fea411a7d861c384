"""Warning categories of sparsecnn, to filter or to turn into errors."""

__all__ = ["DeadLayerWarning", "GroupLeakWarning", "TrainingInterruptedWarning"]


class DeadLayerWarning(UserWarning):
    """All penalised weights of a layer are zero, so its output does not depend on the image."""


class GroupLeakWarning(UserWarning):
    """Images of one group, such as a person, are in a training set and its test set."""


class TrainingInterruptedWarning(UserWarning):
    """Training was interrupted from the keyboard, and the network of the last completed epoch is kept."""
