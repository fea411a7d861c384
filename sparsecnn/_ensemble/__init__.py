"""The mean of networks that each see one view of the image, chosen by cross-validation."""

from sparsecnn._ensemble.choice import choose_views
from sparsecnn._ensemble.classifier import SparseCurveEnsemble

__all__ = ["SparseCurveEnsemble", "choose_views"]
