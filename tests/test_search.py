"""The search that chooses a point of the path."""

import numpy as np
import pandas as pd
import pytest
import torch
from classifiers import interrupted_after, quick, rows_of
from conftest import make_stripes
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV, GroupKFold
from torch import nn

from sparsecnn import SparseCurveCNNClassifierCV
from sparsecnn.exceptions import TrainingInterruptedWarning
from sparsecnn.model_selection import sparsity_path


@pytest.fixture(scope="module")
def search():
    X, y = make_stripes(120, random_state=0)
    return SparseCurveCNNClassifierCV(quick(), sparsities=[0.0, 0.5, 0.9], cv=3).fit(X, y)


def test_search_results_have_the_shape_of_a_grid_search(search, stripes):
    grid = GridSearchCV(quick(max_iter=1), {"target_sparsity": [0.0, 0.5, 0.9]}, cv=3).fit(*stripes)
    ours, theirs = search.cv_results_, grid.cv_results_
    assert set(theirs) <= set(ours)
    assert {key: np.shape(ours[key]) for key in theirs} == {key: np.shape(theirs[key]) for key in theirs}
    assert ours["params"] == theirs["params"]
    assert pd.DataFrame(ours).shape[0] == 3
    assert ours["mean_test_score"] == pytest.approx(
        np.mean([ours[f"split{k}_test_score"] for k in range(3)], axis=0)
    )


def test_search_picks_the_sparsest_within_one_standard_error(search):
    scores, errors = search.cv_results_["mean_test_score"], search.cv_results_["std_test_score"] / 2**0.5
    within = np.flatnonzero(scores >= scores.max() - errors[scores.argmax()])
    assert search.best_index_ == within[-1]
    assert search.best_params_ == {"target_sparsity": [0.0, 0.5, 0.9][search.best_index_]}
    assert search.sparsity_ == search.best_estimator_.sparsity_


def test_search_walks_the_path_that_it_scored(search, stripes):
    path = sparsity_path(*stripes, estimator=quick(), sparsities=[0.0, 0.5, 0.9])
    for ours, theirs in zip(
        search.best_estimator_.module_.parameters(),
        path[search.best_index_].module_.parameters(),
        strict=True,
    ):
        assert torch.equal(ours, theirs)


def test_search_predicts_as_its_best_estimator(search):
    X, y = make_stripes(50, random_state=1)
    assert search.score(X, y) == search.best_estimator_.score(X, y) > 0.9
    for method in ("predict", "predict_proba", "predict_log_proba", "decision_function"):
        assert np.array_equal(getattr(search, method)(X), getattr(search.best_estimator_, method)(X))


def test_search_keeps_groups_together(stripes):
    X, y = stripes
    groups = np.arange(len(y)) // 6
    person = dict(zip(rows_of(X), groups, strict=True))
    judged = []

    def accuracy_by_person(estimator, X, y):
        judged.append({person[row] for row in rows_of(X)})
        return estimator.score(X, y)

    search = SparseCurveCNNClassifierCV(
        quick(max_iter=2), sparsities=[0.0, 0.5], cv=2, scoring=accuracy_by_person
    ).fit(X, y, groups=groups)
    first, _, second, _ = judged  # two points on each fold
    assert search.n_splits_ == 2
    assert first | second == set(groups)
    assert not first & second


def test_search_takes_splits_as_given(stripes):
    X, y = stripes
    given = list(GroupKFold(3).split(X, y, np.arange(len(y)) // 6))
    own = SparseCurveCNNClassifierCV(quick(max_iter=2), sparsities=[0.0, 0.5], cv=given).fit(X, y)
    assert own.n_splits_ == 3


def test_search_folds_cover_images_of_weight_zero():
    X, y = make_stripes(90, random_state=0)
    y = np.where(np.arange(90) < 30, "left out", y)
    weights = {"left out": 0, "across": 1, "down": 1}
    search = SparseCurveCNNClassifierCV(
        quick(class_weight=weights, batch_size=16), sparsities=[0.0, 0.5], cv=2
    )
    scores = search.fit(X, y, groups=np.arange(90) // 3).cv_results_["mean_test_score"]
    assert (scores < 0.75).all()  # a third of the images are of the class that was not learnt


def test_search_scores_with_its_scorer(stripes):
    search = SparseCurveCNNClassifierCV(
        quick(max_iter=4), sparsities=[0.0, 0.5], cv=2, scoring="neg_log_loss"
    ).fit(*stripes)
    assert search.score(*stripes) < 0
    assert search.cv_results_["mean_test_score"].max() < 0


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"penalty": None}, "penalty=None"),
        ({"solver": "foo"}, "'solver' parameter of SparseCurveCNNClassifier"),
    ],
    ids=str,
)
def test_search_refuses_a_bad_estimator_before_training(stripes, params, message):
    estimator = quick(module=interrupted_after(0), **params)
    with pytest.raises(ValueError, match=message):
        SparseCurveCNNClassifierCV(estimator, cv=2, sparsities=[0.5, 0.9]).fit(*stripes)


def test_search_does_not_use_lam_and_target_of_its_estimator(stripes):
    search = SparseCurveCNNClassifierCV(quick(lam=0.1, target_sparsity=0.999, max_iter=2), cv=2)
    assert search.set_params(sparsities=[0.0, 0.5]).fit(*stripes).sparsity_ in (0.0, 0.5)


def test_interrupted_search_stops_and_leaves_nothing(stripes):
    module = interrupted_after(18)
    search = SparseCurveCNNClassifierCV(quick(module=module), cv=2, sparsities=[0.0, 0.5, 0.8])
    with pytest.raises(KeyboardInterrupt):
        search.fit(*stripes)
    assert module.n_trained == 19
    assert not hasattr(search, "cv_results_")


def test_search_interrupted_in_its_last_path_names_the_point_it_kept(stripes):
    # An epoch of two folds and of all images has 1 and 2 batches; a path takes 2 + 2 epochs.
    params = {"max_iter": 4, "finetune_iter": 0, "batch_size": 60, "module": interrupted_after(4 + 4 + 7)}
    search = SparseCurveCNNClassifierCV(quick(**params), cv=2, sparsities=[0.0, 0.5], scoring=lambda *_: 1.0)
    with pytest.warns(TrainingInterruptedWarning, match="ends after 1 of 2 points"):
        search.fit(*stripes)
    assert search.best_params_ == {"target_sparsity": 0.0} == {"target_sparsity": search.sparsity_}
    assert search.best_index_ == 0
    assert search.best_score_ == 1.0


def test_search_has_every_fitted_attribute_of_its_best_estimator(search):
    fitted = [name for name in vars(search.best_estimator_) if name.endswith("_") and name[0] != "_"]
    assert {"loss_curve_", "history_", "pixel_scale_", "lam_"} <= set(fitted)
    assert all(getattr(search, name) is getattr(search.best_estimator_, name) for name in fitted)
    assert search.layer_sparsity_ == search.best_estimator_.layer_sparsity_
    assert not hasattr(clone(search), "loss_curve_")


def test_search_weighs_images_in_training_and_scores(stripes):
    X, y = stripes
    wrong = np.arange(120) % 3 == 0
    noisy = np.where(wrong, np.where(y == "down", "across", "down"), y)
    weight = np.where(wrong, 0.0, 1.0)
    search = SparseCurveCNNClassifierCV(quick(), sparsities=[0.0, 0.5], cv=2)
    search.fit(X, noisy, sample_weight=weight)
    assert search.best_score_ > 0.9
    assert search.score(X, noisy, sample_weight=weight) > 0.9 > search.score(X, noisy)


def test_refitted_search_forgets_column_names(stripes):
    X, y = stripes
    table = pd.DataFrame(X.reshape(len(X), -1)).rename(columns=str)
    search = SparseCurveCNNClassifierCV(quick(max_iter=2), cv=2, sparsities=[0.0, 0.5]).fit(table, y)
    assert list(search.feature_names_in_) == list(table.columns)
    assert not hasattr(search.fit(X, y), "feature_names_in_")


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_search_gives_the_same_for_any_number_of_jobs(search, n_jobs):
    again = clone(search).set_params(n_jobs=n_jobs).fit(*make_stripes(120, random_state=0))
    assert again.cv_results_["mean_test_score"] == pytest.approx(search.cv_results_["mean_test_score"])


def test_failed_search_leaves_the_old_one(search, stripes):
    before = vars(search).copy()
    with pytest.raises(ValueError, match="at least two classes"):
        search.fit(stripes[0], np.zeros(len(stripes[1])))
    assert vars(search) == before


def test_search_refuses_another_estimator(stripes):
    with pytest.raises(ValueError, match="'estimator' parameter of SparseCurveCNNClassifierCV"):
        SparseCurveCNNClassifierCV(nn.Linear(2, 2)).fit(*stripes)
