"""The scikit-learn classifier and regressor, and the steps of its `fit` that a path takes too."""

from sparsecnn._estimator.base import SparseCurveCNN
from sparsecnn._estimator.callbacks import CallbackSupportMixin, CallbackTasks, PathTasks, has_callbacks
from sparsecnn._estimator.classifier import SparseCurveCNNClassifier
from sparsecnn._estimator.fitted import describe_dead_layers, keep_fitted, warn_of_dead_layers
from sparsecnn._estimator.prediction import PredictionMixin, valid_pixels
from sparsecnn._estimator.regressor import SparseCurveCNNRegressor
from sparsecnn._estimator.running import all_or_nothing, called_repeatedly, progress
from sparsecnn._estimator.targets import ClassTargets, RealTargets
from sparsecnn._estimator.training_data import FEATURES, TrainingData, check_images, check_training_data
from sparsecnn._estimator.unwrap import (
    best_estimator,
    fitted_classifier,
    fitted_network,
    fitted_sparse,
    flat_steps,
)
from sparsecnn._estimator.validation import warn_of_large_batch

__all__ = [
    "FEATURES",
    "CallbackSupportMixin",
    "CallbackTasks",
    "ClassTargets",
    "PathTasks",
    "PredictionMixin",
    "RealTargets",
    "SparseCurveCNN",
    "SparseCurveCNNClassifier",
    "SparseCurveCNNRegressor",
    "TrainingData",
    "all_or_nothing",
    "best_estimator",
    "called_repeatedly",
    "check_images",
    "check_training_data",
    "describe_dead_layers",
    "fitted_classifier",
    "fitted_network",
    "fitted_sparse",
    "flat_steps",
    "has_callbacks",
    "keep_fitted",
    "progress",
    "valid_pixels",
    "warn_of_dead_layers",
    "warn_of_large_batch",
]
