"""The classifier inside of pipelines and searches."""

from typing import Any

from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted

WRONG = (
    "estimator must be a fitted SparseCurveCNNClassifier, a search for one, or a Pipeline that ends in one, "
    "got {got}."
)


def best_estimator(estimator: Any) -> Any:
    """Return what a search, or one within another, has found, or else the estimator itself."""
    while hasattr(estimator, "best_estimator_"):
        estimator = estimator.best_estimator_
    return estimator


def fitted_classifier(estimator: Any) -> Any:
    """Return the classifier at the end of pipelines and searches, or raise NotFittedError or TypeError."""
    if not hasattr(estimator, "fit") or isinstance(estimator, type):
        raise TypeError(WRONG.format(got=repr(estimator)))
    check_is_fitted(estimator)
    if isinstance(estimator, Pipeline):
        return fitted_classifier(estimator[-1])
    if hasattr(estimator, "best_estimator_"):
        return fitted_classifier(estimator.best_estimator_)
    if not hasattr(estimator, "module_") or not hasattr(estimator, "image_shape_"):
        raise TypeError(WRONG.format(got=f"a fitted {type(estimator).__name__}"))
    return estimator
