"""What a fitted network does, drawn. Displays need matplotlib: ``pip install sparsecnn[plot]``."""

from sparsecnn.inspection._integrated_gradients import evidence_map
from sparsecnn.inspection._sparsity_path_display import SparsityPathDisplay

__all__ = ["SparsityPathDisplay", "evidence_map"]
