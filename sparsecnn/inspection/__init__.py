"""Displays and attributions of fitted networks. Displays need matplotlib: ``pip install sparsecnn[plot]``."""

from sparsecnn.inspection._attribution_display import AttributionDisplay
from sparsecnn.inspection._curve_image_display import CurveImageDisplay
from sparsecnn.inspection._integrated_gradients import integrated_gradients
from sparsecnn.inspection._network_report import NetworkReport
from sparsecnn.inspection._sparsity_path_display import SparsityPathDisplay
from sparsecnn.inspection._threshold_display import ThresholdDisplay
from sparsecnn.inspection._tradeoff_display import TradeoffDisplay
from sparsecnn.inspection._training_curve_display import TrainingCurveDisplay
from sparsecnn.inspection._weights_display import WeightsDisplay

__all__ = [
    "AttributionDisplay",
    "CurveImageDisplay",
    "NetworkReport",
    "SparsityPathDisplay",
    "ThresholdDisplay",
    "TradeoffDisplay",
    "TrainingCurveDisplay",
    "WeightsDisplay",
    "integrated_gradients",
]
