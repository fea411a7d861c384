"""Callbacks for ``SparseCurveCNNClassifier.set_callbacks``: a log, a time limit, a rule to stop by.

They follow the protocol of ``sklearn.callback``, which needs scikit-learn 1.9.
"""

from sparsecnn.callbacks._history_log import HistoryLog
from sparsecnn.callbacks._stop_when import StopWhen
from sparsecnn.callbacks._time_limit import TimeLimit

__all__ = ["HistoryLog", "StopWhen", "TimeLimit"]
