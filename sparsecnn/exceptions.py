"""Warning categories of sparsecnn, to filter or to turn into errors, and its exceptions."""

__all__ = ["DeadLayerWarning", "FileFormatError", "GroupLeakWarning", "TrainingInterruptedWarning"]


class DeadLayerWarning(UserWarning):
    """All penalised weights of a layer are zero, so its output does not depend on the image."""


class FileFormatError(ValueError):
    """A file is no saved estimator, damaged or newer; the message names the file and what is wrong."""


class GroupLeakWarning(UserWarning):
    """Images of one group, such as a person, are in a training set and its test set."""


class TrainingInterruptedWarning(UserWarning):
    """Training was interrupted from the keyboard, and the network of the last completed epoch is kept."""
