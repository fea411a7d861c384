"""Sparse curve CNNs: convolutional networks trained to be sparse, as scikit-learn estimators."""

from sparsecnn._classifier import SparseCurveCNNClassifier
from sparsecnn.preprocessing import CurveImageTransformer
from sparsecnn.rvsm import RVSM

__all__ = ["RVSM", "CurveImageTransformer", "SparseCurveCNNClassifier"]
__version__ = "0.1.0"
