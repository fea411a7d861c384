"""How the persons of a screening reach the folds, searches and networks within it, and it within a search."""

import warnings

import numpy as np
import pytest
import sklearn
from classifiers import quick
from conftest import make_stripes
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import (
    GridSearchCV,
    KFold,
    RandomizedSearchCV,
    StratifiedGroupKFold,
    StratifiedKFold,
    cross_val_predict,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler

from sparsecnn import SparseCurveCNNClassifierCV, SparseCurveEnsemble
from sparsecnn.exceptions import GroupLeakWarning
from sparsecnn.model_selection import ScreeningClassifier

pytestmark = pytest.mark.filterwarnings("ignore:The .* persons held back are not told apart")
X, Y = make_stripes(96, random_state=0)
X = np.where(np.random.default_rng(1).random(96)[:, None, None] < 0.3, X[::-1], X)  # some are hard
GROUPS = np.array([f"{label}{i // 2 % 12:02}" for i, label in enumerate(Y)])
FLAT = X.reshape(96, -1) / 255.0
C = {"C": [1e-3, 1e-2]}


def tiny(**params):
    return quick(**{"max_iter": 2, "finetune_iter": 1, "batch_size": 8} | params)


def stopping():
    return tiny(early_stopping=True, validation_fraction=0.3)


def several_views():
    return SparseCurveEnsemble(tiny(), n_members=2, cv=2, choice_iter=1, in_channels=4, random_state=0)


def searched(estimator=None, cv=None, kind=GridSearchCV, params=C, **more):
    return kind(
        LogisticRegression() if estimator is None else estimator,
        params,
        cv=cv or StratifiedGroupKFold(2),
        **more,
    )


def persons_of(screening):
    return screening.held_back_.groups.tolist()


TAKERS = {
    "network": (stopping, "groups"),
    "ensemble": (several_views, "groups"),
    "path": (lambda: SparseCurveCNNClassifierCV(tiny(), sparsities=[0, 0.5], cv=2), "groups"),
    "pipeline": (lambda: make_pipeline(MinMaxScaler(), stopping()), "sparsecurvecnnclassifier__groups"),
    "pipelines": (
        lambda: make_pipeline("passthrough", make_pipeline(MinMaxScaler(), several_views())),
        "pipeline__sparsecurveensemble__groups",
    ),
    "grid": (searched, "groups"),
    "random search": (lambda: searched(kind=RandomizedSearchCV, n_iter=1, random_state=0), "groups"),
    "search in a pipeline": (lambda: make_pipeline(MinMaxScaler(), searched()), "gridsearchcv__groups"),
    "screening": (lambda: ScreeningClassifier(LogisticRegression(), cv=2), "groups"),
}


@pytest.mark.parametrize(("make", "argument"), TAKERS.values(), ids=TAKERS)
def test_persons_reach_what_splits_within(make, argument):
    found = ScreeningClassifier(make(), cv=2).fit(FLAT, Y, groups=GROUPS)
    alone = clone(make()).fit(FLAT, Y, **{argument: GROUPS})
    np.testing.assert_array_equal(found.estimator_.predict_proba(FLAT), alone.predict_proba(FLAT))
    for train, test in StratifiedGroupKFold(2).split(FLAT, Y, GROUPS):
        fitted = clone(make()).fit(FLAT[train], Y[train], **{argument: GROUPS[train]})
        proba = fitted.predict_proba(FLAT[test])[:, 1]
        people = found.held_back_
        for person in np.unique(GROUPS[test]):
            raw = proba[GROUPS[test] == person].mean()
            (calibrated,) = people.proba[people.groups == person, 1]
            assert found._rule.calibration(raw) == pytest.approx(calibrated, rel=1e-4)


def test_search_within_a_pipeline_within_a_search_gets_persons_at_both_places():
    search = searched(make_pipeline(MinMaxScaler(), stopping()), params={"minmaxscaler__clip": [True]})
    found = ScreeningClassifier(search, cv=2).fit(FLAT, Y, groups=GROUPS)
    alone = clone(search).fit(FLAT, Y, groups=GROUPS, sparsecurvecnnclassifier__groups=GROUPS)
    np.testing.assert_array_equal(found.estimator_.predict_proba(FLAT), alone.predict_proba(FLAT))


def test_groups_that_are_given_stay():
    pairs = np.arange(96) // 2
    pipe = make_pipeline(MinMaxScaler(), stopping())
    given = {"sparsecurvecnnclassifier__groups": pairs}
    found = ScreeningClassifier(pipe, cv=2).fit(FLAT, Y, groups=GROUPS, **given)
    alone = clone(pipe).fit(FLAT, Y, **given)
    np.testing.assert_array_equal(found.estimator_.predict_proba(FLAT), alone.predict_proba(FLAT))


LEAKS = {
    "folds": (lambda: searched(cv=2), r"GridSearchCV gets no groups.*set cv=StratifiedGroupKFold\(\) of"),
    "default folds": (lambda: GridSearchCV(LogisticRegression(), C), "GridSearchCV gets no groups"),
    "splitter": (lambda: searched(cv=StratifiedKFold(2)), "GridSearchCV gets no groups"),
    "pipeline": (lambda: make_pipeline(MinMaxScaler(), searched(cv=KFold(2, shuffle=True))), "GridSearchCV"),
    "network": (
        lambda: searched(stopping(), params={"max_iter": [2]}),
        "SparseCurveCNNClassifier gets no groups.*search for a Pipeline that ends in it",
    ),
    "calibration": (
        lambda: CalibratedClassifierCV(LogisticRegression(), cv=2),
        "CalibratedClassifierCV gets no groups.*take what knows groups",
    ),
    "ensemble": (lambda: searched(several_views(), params={"n_members": [1]}), "SparseCurveEnsemble gets no"),
}


@pytest.mark.parametrize(("make", "message"), LEAKS.values(), ids=LEAKS)
def test_what_persons_cannot_reach_is_warned_of(make, message):
    with pytest.warns(GroupLeakWarning, match=message) as caught:
        ScreeningClassifier(make(), cv=2).fit(FLAT, Y, groups=GROUPS)
    assert [one.filename for one in caught if one.category is GroupLeakWarning] == [__file__]


def test_network_without_early_stopping_needs_no_persons():
    search = searched(tiny(), params={"max_iter": [2]})
    assert ScreeningClassifier(search, cv=2).fit(FLAT, Y, groups=GROUPS).sensitivity_.n_persons == 12


# A screening within a search


def test_images_without_groups_are_warned_of_once_and_count_as_persons():
    with pytest.warns(
        GroupLeakWarning, match=r"got no groups.*96 images counts as a person.*range\(96\)"
    ) as given:
        found = ScreeningClassifier(LogisticRegression()).fit(FLAT, Y)
    assert [one.filename for one in given if one.category is GroupLeakWarning] == [__file__]
    again = ScreeningClassifier(LogisticRegression()).fit(FLAT, Y, groups=range(96))
    assert again.sensitivity_ == found.sensitivity_
    assert again.threshold_ == found.threshold_


def test_search_around_a_screening_is_warned_of_where_it_keeps_the_persons():
    search = searched(ScreeningClassifier(LogisticRegression(), cv=2), params={"calibrate": [True]})
    with pytest.warns(GroupLeakWarning, match="GridSearchCV around it keeps groups for its folds"):
        search.fit(FLAT, Y, groups=GROUPS)


def test_metadata_routing_hands_persons_to_a_screening_in_a_search():
    with sklearn.config_context(enable_metadata_routing=True):
        pipe = make_pipeline(MinMaxScaler(), stopping().set_fit_request(groups=True))
        screening = ScreeningClassifier(pipe, cv=2).set_fit_request(groups=True)
        search = searched(screening, params={"calibrate": [True]})
        found = search.fit(FLAT, Y, groups=GROUPS).best_estimator_
    alone = ScreeningClassifier(make_pipeline(MinMaxScaler(), stopping()), cv=2).fit(FLAT, Y, groups=GROUPS)
    assert persons_of(found) == persons_of(alone) == sorted(set(GROUPS))
    np.testing.assert_array_equal(found.predict_proba(FLAT), alone.predict_proba(FLAT))


def test_metadata_routing_hands_persons_to_a_search_in_a_screening():
    with sklearn.config_context(enable_metadata_routing=True):
        found = ScreeningClassifier(searched(), cv=2).fit(FLAT, Y, groups=GROUPS)
    alone = ScreeningClassifier(searched(), cv=2).fit(FLAT, Y, groups=GROUPS)
    assert found.estimator_.best_params_ == alone.estimator_.best_params_
    np.testing.assert_array_equal(found.predict_proba(FLAT), alone.predict_proba(FLAT))


@pytest.mark.parametrize("estimator", [stopping(), several_views()], ids=["network", "ensemble"])
def test_metadata_routing_that_nobody_requests_is_warned_of(estimator):
    screening = ScreeningClassifier(make_pipeline(MinMaxScaler(), estimator), cv=2)
    with (
        sklearn.config_context(enable_metadata_routing=True),
        pytest.warns(GroupLeakWarning, match=r"request them by set_fit_request\(groups=True\)"),
    ):
        screening.fit(FLAT, Y, groups=GROUPS)


def test_pipeline_around_a_screening_takes_its_persons_from_a_search_and_a_cross_validation():
    pipe = make_pipeline(MinMaxScaler(), ScreeningClassifier(LogisticRegression(), cv=2))
    search = searched(pipe, params={"screeningclassifier__calibrate": [True]})
    given = {"screeningclassifier__groups": GROUPS}
    with warnings.catch_warnings():
        warnings.simplefilter("error", GroupLeakWarning)
        found = search.fit(FLAT, Y, groups=GROUPS, **given).best_estimator_[-1]
        cross_val_predict(pipe, FLAT, Y, groups=GROUPS, cv=StratifiedGroupKFold(2), params=given)
    assert persons_of(found) == sorted(set(GROUPS))
