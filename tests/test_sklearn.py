"""The classifier within scikit-learn, pickles and notebooks."""

import pickle
import re

import numpy as np
import pytest
from classifiers import small
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import StackingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from sparsecnn import CurveImageTransformer, SparseCurveCNNClassifierCV
from sparsecnn.penalties import TransformedL1


def test_grid_search_sweeps_penalty_lam_beta(stripes):
    grid = {"penalty": ["l0", TransformedL1()], "lam": [1e-4, 1e-3], "beta": [0.5, 1.0]}
    search = GridSearchCV(small(max_iter=3, finetune_iter=1), grid, cv=2).fit(*stripes)
    assert len(search.cv_results_["params"]) == 8
    assert search.best_estimator_.sparsity_ > 0


def test_grid_search_reaches_into_the_penalty(stripes):
    search = GridSearchCV(small(penalty=TransformedL1(), max_iter=1), {"penalty__a": [0.1, 10.0]}, cv=2)
    search.fit(*stripes)
    assert [params["penalty__a"] for params in search.cv_results_["params"]] == [0.1, 10.0]
    assert search.best_estimator_.penalty.a == search.best_params_["penalty__a"]


def test_pipeline_calibration_and_stacking_work(stripes):
    X, y = stripes
    X = X.reshape(len(X), -1)
    pipeline = make_pipeline(FunctionTransformer(lambda X: 255 - X), small())
    calibrated = CalibratedClassifierCV(pipeline, cv=2).fit(X, y)
    stacked = StackingClassifier([("cnn", small()), ("lr", LogisticRegression())], cv=2).fit(X / 255, y)
    assert calibrated.score(X, y) > 0.8
    assert stacked.score(X / 255, y) > 0.8


def test_cross_val_predict_gives_probabilities(stripes):
    probability = cross_val_predict(small(max_iter=4), *stripes, cv=3, method="predict_proba")
    np.testing.assert_allclose(probability.sum(1), 1, rtol=1e-5)


def test_clone_and_pickle_keep_everything(stripes):
    X, y = stripes
    classifier = small(penalty=TransformedL1(a=2.0)).fit(X, y)
    copied = pickle.loads(pickle.dumps(classifier))
    np.testing.assert_array_equal(copied.predict_proba(X), classifier.predict_proba(X))
    assert clone(classifier).get_params()["penalty__a"] == 2.0


def test_html_representation_shows_the_parameters_and_no_dead_link():
    for estimator in (small(), SparseCurveCNNClassifierCV(small()), CurveImageTransformer()):
        page = estimator._repr_html_()
        assert "href=" not in page
        for name in estimator.get_params(deep=False):
            assert f">{name}</td>" in page


@pytest.mark.parametrize("verbose", [True, False])
def test_verbose_shows_a_progress_bar(stripes, capsys, verbose):
    small(max_iter=2, verbose=verbose).fit(*stripes)
    assert ("epochs: 100%" in capsys.readouterr().err) == verbose


def test_verbose_two_prints_a_line_for_every_epoch(stripes, capsys):
    small(max_iter=2, verbose=2, early_stopping=True).fit(*stripes)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 4
    assert re.fullmatch(r"Epoch 1/4: loss \d\.\d{4}, zeros \d+\.\d%, validation \d\.\d{4}", lines[0])
