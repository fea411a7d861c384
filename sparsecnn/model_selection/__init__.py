"""Choice of a sparsity along a path or in scikit-learn's searches, and evaluation and screening by person."""

from sparsecnn.model_selection._choice import sparsest_within_one_se, sparsity_scorer
from sparsecnn.model_selection._choice import standard_errors as standard_errors  # for displays
from sparsecnn.model_selection._folds import count_groups as count_groups  # for ensembles
from sparsecnn.model_selection._folds import make_folds as make_folds
from sparsecnn.model_selection._groups import average_by_group, bootstrap_interval, validate_groups
from sparsecnn.model_selection._groups import warn_of_shared_groups as warn_of_shared_groups
from sparsecnn.model_selection._screening import ScreeningClassifier
from sparsecnn.model_selection._search import SparseCurveCNNClassifierCV
from sparsecnn.model_selection._sparsity_path import SparsityPath, sparsity_path

__all__ = [
    "ScreeningClassifier",
    "SparseCurveCNNClassifierCV",
    "SparsityPath",
    "average_by_group",
    "bootstrap_interval",
    "sparsest_within_one_se",
    "sparsity_path",
    "sparsity_scorer",
    "validate_groups",
]
