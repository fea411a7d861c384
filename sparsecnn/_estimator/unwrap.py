"""Fitted estimators inside of pipelines and searches."""

from typing import Any

from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted

WRONG = "estimator must be a fitted {kinds}, a search for one, or a Pipeline that ends in one, got {got}."
CLASSIFIER = "SparseCurveCNNClassifier"
ANY = f"{CLASSIFIER} or SparseCurveCNNRegressor"
CLASSIFIER_OR_ENSEMBLE = f"{CLASSIFIER} or SparseCurveEnsemble"
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


def fitted_network(estimator: Any) -> Any:
    """Return the classifier or regressor of one network at the end of pipelines and searches.

    Raises
    ------
    NotFittedError
        If it is not fitted.
    TypeError
        If there is neither.
    """
    return _fitted_last(estimator, ANY, ("module_", "image_shape_"))


def fitted_sparse(estimator: Any) -> Any:
    """Return the classifier, regressor or ensemble at the end of pipelines and searches.

    Raises
    ------
    NotFittedError
        If it is not fitted.
    TypeError
        If there is none.
    """
    return _fitted_last(estimator, ANY_OR_ENSEMBLE, ("sparsity_", "image_shape_"))


def fitted_classifier(estimator: Any) -> Any:
    """Return the classifier, of one network or an ensemble, at the end of pipelines and searches.

    Raises
    ------
    NotFittedError
        If it is not fitted.
    TypeError
        If there is none.
    """
    return _fitted_last(estimator, CLASSIFIER_OR_ENSEMBLE, ("sparsity_", "image_shape_", "classes_"))


def _fitted_last(estimator: Any, kinds: str, attributes: tuple[str, ...]) -> Any:
    """Return the last step, or raise TypeError, which names `kinds`, unless it has all attributes."""
    if not hasattr(estimator, "fit") or isinstance(estimator, type):
        raise TypeError(WRONG.format(kinds=kinds, got=repr(estimator)))
    check_is_fitted(estimator)
    *_, last = flat_steps(estimator) or [estimator]
    check_is_fitted(last)
    if not all(hasattr(last, name) for name in attributes):
        raise TypeError(_wrong(kinds, last))
    return last


def _wrong(kinds: str, last: Any) -> str:
    """Return that `last` is none of `kinds`, and what to give instead of an ensemble or a screening."""
    got = f"a fitted {type(last).__name__}"
    if hasattr(last, "members_"):
        got += ", of several networks: give one, as ensemble.members_[i]"
    elif hasattr(last, "estimator_") and not hasattr(last, "estimators_"):  # else it is unfitted
        got += ": pass its estimator_"
        got += ", which has neither threshold nor calibration" if hasattr(last, "threshold_") else ""
    return WRONG.format(kinds=kinds, got=got)
