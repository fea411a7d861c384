"""Sparse curve CNNs: convolutional networks trained to be sparse, as scikit-learn estimators."""

from sparsecnn import datasets, penalties, preprocessing
from sparsecnn._estimator import SparseCurveCNNClassifier
from sparsecnn._network import BinaryActivation
from sparsecnn._training import CurveAugmentation
from sparsecnn.model_selection import SparseCurveCNNClassifierCV
from sparsecnn.preprocessing import CurveImageTransformer
from sparsecnn.rvsm import RVSM

__all__ = [
    "RVSM",
    "BinaryActivation",
    "CurveAugmentation",
    "CurveImageTransformer",
    "SparseCurveCNNClassifier",
    "SparseCurveCNNClassifierCV",
    "datasets",
    "penalties",
    "preprocessing",
]
__version__ = "0.1.0"
