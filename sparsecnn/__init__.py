"""Sparse curve CNNs: convolutional networks trained to be sparse, as scikit-learn estimators."""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sparsecnn import datasets, penalties, preprocessing
    from sparsecnn._ensemble import SparseCurveEnsemble
    from sparsecnn._estimator import SparseCurveCNNClassifier, SparseCurveCNNRegressor
    from sparsecnn._network import BinaryActivation
    from sparsecnn._training import CurveAugmentation
    from sparsecnn.model_selection import SparseCurveCNNClassifierCV
    from sparsecnn.preprocessing import CurveImageTransformer, TabletTransformer
    from sparsecnn.rvsm import RVSM

__all__ = [
    "RVSM",
    "BinaryActivation",
    "CurveAugmentation",
    "CurveImageTransformer",
    "SparseCurveCNNClassifier",
    "SparseCurveCNNClassifierCV",
    "SparseCurveCNNRegressor",
    "SparseCurveEnsemble",
    "TabletTransformer",
    "datasets",
    "penalties",
    "preprocessing",
]
__version__ = "0.1.0"

# Imported where first used: `sparsecnn.inference` needs neither torch nor scikit-learn.
_MODULES = (
    *("binarization", "callbacks", "datasets", "exceptions", "export", "inference", "inspection"),
    *("model_selection", "penalties", "pretrained", "pretraining", "preprocessing", "rvsm"),
)
_HOMES = {
    "RVSM": "rvsm",
    "BinaryActivation": "_network",
    "CurveAugmentation": "_training",
    "CurveImageTransformer": "preprocessing",
    "SparseCurveCNNClassifier": "_estimator",
    "SparseCurveCNNClassifierCV": "model_selection",
    "SparseCurveCNNRegressor": "_estimator",
    "SparseCurveEnsemble": "_ensemble",
    "TabletTransformer": "preprocessing",
}


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        value = getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
    elif name in _MODULES:
        value = importlib.import_module(f"{__name__}.{name}")
    else:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_MODULES, *_HOMES})
