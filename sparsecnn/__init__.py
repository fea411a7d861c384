"""Sparse curve CNNs: convolutional networks trained to be sparse, as scikit-learn estimators."""

from sparsecnn._classifier import SparseCurveCNNClassifier
from sparsecnn.rvsm import RVSM

__all__ = ["RVSM", "SparseCurveCNNClassifier"]
__version__ = "0.1.0"
