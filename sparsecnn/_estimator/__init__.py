"""The scikit-learn classifier."""

from sparsecnn._estimator.classifier import SparseCurveCNNClassifier

__all__ = ["SparseCurveCNNClassifier"]
