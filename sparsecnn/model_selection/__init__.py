"""Choose between sparsity and accuracy, along a path or with scikit-learn's own searches; judge by person."""

from sparsecnn.model_selection._choice import sparsest_within_one_se, sparsity_scorer
from sparsecnn.model_selection._groups import average_by_group, bootstrap_groups, check_groups
from sparsecnn.model_selection._search import SparseCurveCNNClassifierCV
from sparsecnn.model_selection._sparsity_path import SparsityPath, sparsity_path

__all__ = [
    "SparseCurveCNNClassifierCV",
    "SparsityPath",
    "average_by_group",
    "bootstrap_groups",
    "check_groups",
    "sparsest_within_one_se",
    "sparsity_path",
    "sparsity_scorer",
]
