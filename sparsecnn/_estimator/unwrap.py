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


def flat_steps(estimator: Any) -> list[Any]:
    """Return what pipelines and searches within one another do, one step after another."""
    if isinstance(estimator, Pipeline):
        return [inner for _, step in estimator.steps for inner in flat_steps(step)]
    if hasattr(estimator, "best_estimator_"):
        return flat_steps(estimator.best_estimator_)
    return [] if estimator is None or estimator == "passthrough" else [estimator]


def fitted_classifier(estimator: Any) -> Any:
    """Return the classifier at the end of pipelines and searches, or raise NotFittedError or TypeError."""
    if not hasattr(estimator, "fit") or isinstance(estimator, type):
        raise TypeError(WRONG.format(got=repr(estimator)))
    check_is_fitted(estimator)
    *_, classifier = flat_steps(estimator) or [estimator]
    check_is_fitted(classifier)
    if not hasattr(classifier, "module_") or not hasattr(classifier, "image_shape_"):
        raise TypeError(WRONG.format(got=f"a fitted {type(classifier).__name__}"))
    return classifier
