"""Fitted estimators inside of pipelines and searches."""

from typing import Any

from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted

WRONG = "estimator must be a fitted {kinds}, a search for one, or a Pipeline that ends in one, got {got}."
CLASSIFIER = "SparseCurveCNNClassifier"
ANY = f"{CLASSIFIER} or SparseCurveCNNRegressor"
ANY_OR_ENSEMBLE = f"{CLASSIFIER}, SparseCurveCNNRegressor or SparseCurveEnsemble"


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


def fitted_network(estimator: Any, kinds: str = ANY) -> Any:
    """Return the classifier or regressor of one network at the end of pipelines and searches.

    Raises
    ------
    NotFittedError
        If it is not fitted.
    TypeError
        If there is neither; the message names `kinds`.
    """
    last = _fitted_last(estimator, kinds)
    if not hasattr(last, "module_") or not hasattr(last, "image_shape_"):
        raise TypeError(_wrong(kinds, last))
    return last


def fitted_sparse(estimator: Any) -> Any:
    """Return the classifier, regressor or ensemble at the end of pipelines and searches.

    Raises
    ------
    NotFittedError
        If it is not fitted.
    TypeError
        If there is none.
    """
    last = _fitted_last(estimator, ANY_OR_ENSEMBLE)
    if not hasattr(last, "sparsity_") or not hasattr(last, "image_shape_"):
        raise TypeError(_wrong(ANY_OR_ENSEMBLE, last))
    return last


def _fitted_last(estimator: Any, kinds: str) -> Any:
    if not hasattr(estimator, "fit") or isinstance(estimator, type):
        raise TypeError(WRONG.format(kinds=kinds, got=repr(estimator)))
    check_is_fitted(estimator)
    *_, last = flat_steps(estimator) or [estimator]
    check_is_fitted(last)
    return last


def _wrong(kinds: str, last: Any) -> str:
    """Return that `last` is none of `kinds`, and what to give instead of an ensemble or a screening."""
    got = f"a fitted {type(last).__name__}"
    if hasattr(last, "members_"):
        got += ", of several networks: give one, as ensemble.members_[i]"
    elif hasattr(last, "estimator_") and not hasattr(last, "estimators_"):  # else it is unfitted
        got += ": pass its estimator_, which has neither threshold nor calibration"
    return WRONG.format(kinds=kinds, got=got)


def fitted_classifier(estimator: Any) -> Any:
    """Return the classifier at the end of pipelines and searches, or raise NotFittedError or TypeError."""
    last = fitted_network(estimator, CLASSIFIER)
    if not hasattr(last, "classes_"):
        raise TypeError(_wrong(CLASSIFIER, last))
    return last
