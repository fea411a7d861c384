"""How groups reach what a meta-estimator fits: the steps of its pipeline, the folds of its search."""

from __future__ import annotations

from collections.abc import Iterator
from numbers import Integral
from typing import Any, NamedTuple

import numpy as np
from sklearn import get_config
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection._search import BaseSearchCV
from sklearn.pipeline import Pipeline
from sklearn.utils.metadata_routing import get_routing_for_object
from sklearn.utils.validation import has_fit_parameter

from sparsecnn._warn import warn_user
from sparsecnn.exceptions import GroupLeakWarning

_REQUEST = "with metadata routing, request them by set_fit_request(groups=True)"


class _Taker(NamedTuple):
    """What splits images by group, by which argument of `fit` it gets groups, or else what would help."""

    name: str
    argument: str | None = "groups"
    advice: str = ""
    splits: bool = True  # False of a network without early stopping, unless a search turns that on


def hand_on_groups(estimator: Any, groups: np.ndarray, fit_params: dict[str, Any]) -> dict[str, Any]:
    """Return `fit_params` with the arguments by which groups reach all of an estimator that takes them.

    Arguments that are given stay as they are. Warns of what groups cannot reach.

    Parameters
    ----------
    estimator : estimator
        A classifier, or a Pipeline or a search of one, also within one another.
    groups : ndarray of shape (n,)
    fit_params : dict
        Arguments of its `fit`.
    """
    takers = list(_takers(estimator))
    if isinstance(estimator, (Pipeline, BaseSearchCV)) and get_config()["enable_metadata_routing"]:
        takers = _routed(estimator, takers)
    for taker in takers:
        if taker.argument is None and taker.splits:
            warn_user(
                f"{taker.name} gets no groups, and may have images of one person in a training set and its "
                f"test set: {taker.advice}.",
                GroupLeakWarning,
            )
    return {taker.argument: groups for taker in takers if taker.argument is not None} | fit_params


def _takers(estimator: Any) -> Iterator[_Taker]:
    if isinstance(estimator, Pipeline):
        for step, inner in estimator.steps:
            for taker in _takers(inner):
                yield taker._replace(argument=taker.argument and f"{step}__{taker.argument}")
    elif isinstance(estimator, BaseSearchCV):
        yield _folds_of(estimator)
        for taker in _takers(estimator.estimator):
            if taker.argument == "groups":  # which the search keeps for its folds
                taker = taker._replace(argument=None, advice="search for a Pipeline that ends in it")
            yield taker
    elif has_fit_parameter(estimator, "groups"):
        yield _Taker(type(estimator).__name__, splits=getattr(estimator, "early_stopping", True))
    elif _splits_blindly(estimator):  # such as a CalibratedClassifierCV
        advice = "take what knows groups in its place, such as a GridSearchCV(cv=StratifiedGroupKFold())"
        yield _Taker(type(estimator).__name__, None, advice)


def _folds_of(search: BaseSearchCV) -> _Taker:
    """Return whether the folds of a search know groups; what says nothing of them, such as a list, may."""
    name, cv = type(search).__name__, search.cv
    known = not _splits_blindly(search)
    if known and hasattr(cv, "get_metadata_routing"):
        known = bool(cv.get_metadata_routing().consumes("split", ["groups"]))
    return _Taker(name) if known else _Taker(name, None, f"set cv=StratifiedGroupKFold() of the {name}")


def _splits_blindly(estimator: Any) -> bool:
    """Return whether the `cv` of an estimator, if it has one, stands for folds that know no groups."""
    if isinstance(estimator, FrozenEstimator):  # which is not fitted again
        return False
    cv = getattr(estimator, "cv", "none")
    return cv is None or isinstance(cv, Integral)


def _routed(estimator: Any, takers: list[_Taker]) -> list[_Taker]:
    """Return who gets the argument `groups` by the metadata routing of scikit-learn: who requests it."""
    if get_routing_for_object(estimator).consumes("fit", ["groups"]):
        return [_Taker(type(estimator).__name__)]
    return [one._replace(argument=None, advice=one.advice or _REQUEST) for one in takers]
