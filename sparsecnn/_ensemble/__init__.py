"""The mean of networks that each see one view of the image, chosen by cross-validation."""

from sparsecnn._ensemble.choice import choose_views
from sparsecnn._ensemble.classifier import SparseCurveEnsemble
from sparsecnn._ensemble.common import fit_common_network
from sparsecnn._ensemble.mean_scores import MeanScores

__all__ = ["MeanScores", "SparseCurveEnsemble", "choose_views", "fit_common_network"]
