"""Sparse curve CNNs: convolutional networks trained to be sparse, as scikit-learn estimators."""

from sparsecnn._estimator import SparseCurveCNNClassifier
from sparsecnn.model_selection import SparseCurveCNNClassifierCV
from sparsecnn.preprocessing import CurveImageTransformer
from sparsecnn.rvsm import RVSM

__all__ = ["RVSM", "CurveImageTransformer", "SparseCurveCNNClassifier", "SparseCurveCNNClassifierCV"]
__version__ = "0.1.0"
