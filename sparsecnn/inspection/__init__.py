"""Displays and attributions of fitted networks. Displays need matplotlib: ``pip install sparsecnn[plot]``."""

from sparsecnn.inspection._curve_image_display import CurveImageDisplay
from sparsecnn.inspection._integrated_gradients import integrated_gradients
from sparsecnn.inspection._network_report import NetworkReport
from sparsecnn.inspection._sparsity_path_display import SparsityPathDisplay

__all__ = ["CurveImageDisplay", "NetworkReport", "SparsityPathDisplay", "integrated_gradients"]
