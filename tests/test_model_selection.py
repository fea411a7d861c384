"""Scorer and refit rule, inside real searches."""

import functools

import numpy as np
import pytest
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from sparsecnn import SparseCurveCNNClassifier
from sparsecnn.model_selection import sparsest_within_one_se, sparsity_scorer

QUICK = {"channels": (4, 4, 8), "kernel_size": 3, "max_iter": 6, "finetune_iter": 2, "augment": False}
SCORING = {"accuracy": "accuracy", "sparsity": sparsity_scorer}


def search(estimator, grid, **params):
    return GridSearchCV(estimator, grid, cv=2, scoring=SCORING, refit=sparsest_within_one_se, **params)


def results(accuracy, sparsity, *, spread=0.01, n_splits=2):
    """Return cv_results_ whose folds are `spread` about the mean accuracy."""
    accuracy = np.array(accuracy)
    folds = {f"split{i}_test_accuracy": accuracy for i in range(n_splits)}
    return folds | {
        "mean_test_accuracy": accuracy,
        "std_test_accuracy": np.full(len(accuracy), spread),
        "mean_test_sparsity": np.array(sparsity),
    }


def test_sparsest_is_picked_within_one_standard_error_only():
    accuracy, sparsity = [0.95, 0.945, 0.93], [0.1, 0.8, 0.9]
    assert sparsest_within_one_se(results(accuracy, sparsity, spread=0.01)) == 1
    assert sparsest_within_one_se(results(accuracy, sparsity, spread=0.03)) == 2
    assert sparsest_within_one_se(results(accuracy, sparsity, spread=0.0)) == 0


def test_standard_error_falls_with_the_number_of_folds():
    assert sparsest_within_one_se(results([0.95, 0.94], [0.1, 0.8], spread=0.02, n_splits=3)) == 1
    assert sparsest_within_one_se(results([0.95, 0.94], [0.1, 0.8], spread=0.02, n_splits=10)) == 0


def test_equally_sparse_candidates_are_ranked_by_accuracy():
    assert sparsest_within_one_se(results([0.94, 0.95], [0.8, 0.8], spread=0.5)) == 1


def test_failed_candidates_are_passed_over():
    assert sparsest_within_one_se(results([np.nan, 0.9], [0.99, 0.5])) == 1
    assert sparsest_within_one_se(results([0.9, 0.9], [np.nan, 0.5])) == 1
    assert sparsest_within_one_se(results([0.9, 0.9], [0.5, np.nan])) == 0


@pytest.mark.parametrize(
    ("cv_results", "names", "message"),
    [
        (results([np.nan], [0.5]), {}, "'mean_test_accuracy'.* is NaN for every candidate"),
        (results([0.9], [np.nan]), {}, "'mean_test_sparsity'.* is NaN for every candidate"),
        ({"mean_test_accuracy": [1.0]}, {}, r"sparsity='sparsity' must be a scorer .* has \['accuracy'\]"),
        ({"mean_test_score": [1.0]}, {}, r"accuracy='accuracy' must be a scorer .* has \['score'\]"),
        (results([0.9], [0.5]), {"accuracy": "auc"}, r"accuracy='auc' must .* \['accuracy', 'sparsity'\]"),
    ],
)
def test_unusable_results_of_a_search_are_named(cv_results, names, message):
    with pytest.raises(ValueError, match=message):
        sparsest_within_one_se(cv_results, **names)


def test_grid_search_refits_the_sparsest(stripes):
    fitted = search(SparseCurveCNNClassifier(**QUICK, random_state=0), {"lam": [0.0, 1e-3]}).fit(*stripes)
    assert fitted.cv_results_["mean_test_sparsity"][1] > fitted.cv_results_["mean_test_sparsity"][0] == 0
    assert fitted.best_index_ == sparsest_within_one_se(fitted.cv_results_)
    assert sparsity_scorer(fitted) == fitted.best_estimator_.sparsity_


def test_scorer_finds_the_classifier_in_a_pipeline(stripes):
    X, y = stripes
    pipeline = make_pipeline(FunctionTransformer(), SparseCurveCNNClassifier(**QUICK, random_state=0))
    grid = {"sparsecurvecnnclassifier__lam": [1e-3]}
    fitted = search(pipeline, grid).fit(X.reshape(len(X), -1), y)
    assert fitted.cv_results_["mean_test_sparsity"][0] > 0


def test_refit_rule_takes_other_scorer_names(stripes):
    rule = functools.partial(sparsest_within_one_se, accuracy="balanced")
    scoring = {"balanced": "balanced_accuracy", "sparsity": sparsity_scorer}
    classifier = SparseCurveCNNClassifier(**QUICK, random_state=0)
    fitted = GridSearchCV(classifier, {"lam": [0.0, 1e-3]}, cv=2, scoring=scoring, refit=rule).fit(*stripes)
    assert fitted.best_index_ == rule(fitted.cv_results_)


def test_scorer_refuses_what_has_no_sparsity():
    with pytest.raises(NotFittedError, match="SparseCurveCNNClassifier instance is not fitted"):
        sparsity_scorer(SparseCurveCNNClassifier())
    other = LogisticRegression().fit([[0], [1]], [0, 1])
    with pytest.raises(TypeError, match="estimator must be a fitted SparseCurveCNNClassifier"):
        sparsity_scorer(other)
