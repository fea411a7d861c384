"""The display of training, epoch by epoch."""

import sys

import matplotlib.pyplot as plt
import numpy as np
import pytest
from classifiers import own_network, quick
from conftest import make_stripes
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from sparsecnn.export import load, save
from sparsecnn.inspection import TrainingCurveDisplay
from sparsecnn.model_selection import sparsity_path

CURVES = ("loss", "sparse_loss", "validation_score", "sparsity", "lagrangian", "distance", "lam")


@pytest.fixture(scope="module")
def stopped():
    """A classifier with validation scores."""
    X, y = make_stripes(80, random_state=0)
    return quick(max_iter=4, finetune_iter=3, batch_size=20, early_stopping=True).fit(X, y)


def test_display_draws_all_that_was_recorded(stopped):
    display = TrainingCurveDisplay.from_estimator(stopped)
    assert set(display.lines_) == set(CURVES)
    for name, line in display.lines_.items():
        np.testing.assert_array_equal(line.get_xdata(), np.arange(1, stopped.n_iter_ + 1))
        np.testing.assert_array_equal(line.get_ydata(), stopped.history_[name])
    assert [ax.get_ylabel() for ax in display.axes_] == [
        "cross-entropy (nats)",
        "validation accuracy (%)",
        "penalised weights zero (%)",
        "Lagrangian (nats)",
        "distance ‖w - u‖",
        "λ",
    ]


def test_percentages_are_labelled_as_such(stopped):
    display = TrainingCurveDisplay.from_estimator(stopped, quantities=["sparsity"])
    display.axes_[0].set_ylim(0, 1)
    display.figure_.canvas.draw()
    labels = {label.get_text() for label in display.axes_[0].get_yticklabels()}
    assert {"0", "20", "100"} <= labels


def test_display_leaves_out_what_was_not_recorded(stripes):
    display = TrainingCurveDisplay.from_estimator(quick(max_iter=2, finetune_iter=1).fit(*stripes))
    assert len(display.axes_) == 5
    assert "validation_score" not in display.lines_


@pytest.mark.parametrize(
    ("params", "start"),
    [
        ({"max_iter": 3, "finetune_iter": 2}, 3),
        ({"max_iter": 3, "finetune_iter": 0}, None),
        ({"max_iter": 3, "finetune_iter": 2, "penalty": None}, 3),
        ({"max_iter": 3, "finetune_iter": 2, "penalized": "all"}, 3),
        ({"max_iter": 3, "finetune_iter": 2, "batch_size": 120}, 3),
    ],
)
def test_start_of_fine_tuning_is_that_of_the_plan(stripes, params, start):
    display = TrainingCurveDisplay.from_estimator(quick(**params).fit(*stripes))
    assert display.finetune_start == start
    labels = [text.get_text() for text in display.axes_[0].get_legend().get_texts()]
    assert ("fine-tuning" in labels) == (start is not None)


def test_start_of_fine_tuning_under_early_stopping_is_where_zeros_are_fixed(stripes):
    params = {"max_iter": 30, "n_iter_no_change": 1, "finetune_iter": 3, "early_stopping": True}
    classifier = quick(**params).fit(*stripes)
    display = TrainingCurveDisplay.from_estimator(classifier)
    assert display.finetune_start < 30
    distance = np.array(classifier.history_["distance"])
    assert (distance[display.finetune_start :] == 0).all()
    assert distance[display.finetune_start - 1] > 0


def test_points_of_a_path_have_their_own_fine_tuning(stripes):
    path = sparsity_path(*stripes, estimator=quick(max_iter=4, finetune_iter=2), sparsities=[0.0, 0.5, 0.9])
    starts = [TrainingCurveDisplay.from_estimator(point).finetune_start for point in path]
    assert starts == sorted(starts)
    assert len(set(starts)) == 3


def test_network_without_fine_tuning_has_no_mark(stripes):
    X, y = stripes
    classifier = quick(max_iter=2)
    for _ in range(3):
        classifier.partial_fit(X, y)
    display = TrainingCurveDisplay.from_estimator(classifier)
    assert display.finetune_start is None
    assert len(display.lines_["loss"].get_xdata()) == 3


def test_display_of_pipelines_searches_and_own_networks(stripes):
    own = quick(max_iter=2, finetune_iter=1, module=own_network())
    grid = GridSearchCV(make_pipeline(FunctionTransformer(), own), {}, cv=2).fit(*stripes)
    display = TrainingCurveDisplay.from_estimator(grid, quantities="loss")
    best = grid.best_estimator_[-1]
    np.testing.assert_array_equal(display.lines_["sparse_loss"].get_ydata(), best.history_["sparse_loss"])


def test_display_of_a_loop_of_ones_own():
    display = TrainingCurveDisplay({"loss": [3.0, 2.0], "lam": [0.0, 0.1]}, finetune_start=1).plot()
    assert list(display.lines_) == ["loss", "lam"]
    span = display.axes_[1].patches[0]
    assert (span.get_x(), span.get_x() + span.get_width()) == (1.5, 2.5)


def test_display_draws_into_given_axes(stopped):
    figure, axes = plt.subplots(1, 2)
    display = TrainingCurveDisplay.from_estimator(
        stopped, quantities=["sparsity", "lam"], ax=axes, color="black", linewidth=3
    )
    assert list(display.axes_) == list(axes)
    assert display.figure_ is figure
    assert display.lines_["lam"].get_color() == "black"
    assert display.lines_["lam"].get_linewidth() == 3
    single = plt.subplots()[1]
    assert TrainingCurveDisplay.from_estimator(stopped, quantities="loss", ax=single).axes_[0] is single
    divided = plt.subplots(1, 2)[1][0]
    display = TrainingCurveDisplay.from_estimator(stopped, ax=divided)
    assert len(display.axes_) == 6
    assert all(ax.get_subplotspec().get_topmost_subplotspec().colspan.stop == 1 for ax in display.axes_)
    with pytest.raises(ValueError, match="ax must be one Axes, or one for each of 6 panels, got 2"):
        TrainingCurveDisplay.from_estimator(stopped, ax=axes)


@pytest.mark.parametrize(
    ("quantities", "message"),
    [
        ("accuracy", r"quantities must be some of \['loss', .*'lam'\], got 'accuracy', which is unknown"),
        (["loss", "validation_score"], "got 'validation_score', which was not recorded without early_stop"),
        ([], "quantities must name at least one of"),
    ],
)
def test_display_refuses_other_quantities(quantities, message):
    history = {name: [1.0] for name in CURVES} | {"validation_score": [np.nan]}
    display = TrainingCurveDisplay(history)
    with pytest.raises(ValueError, match=message):
        display.plot(quantities)


def test_classifier_of_a_file_has_no_history(stopped, tmp_path):
    save(stopped, tmp_path / "network.safetensors")
    with pytest.raises(ValueError, match="has no history_, which files of networks leave out"):
        TrainingCurveDisplay.from_estimator(load(tmp_path / "network.safetensors"))


def test_history_without_a_known_curve_is_refused():
    with pytest.raises(ValueError, match=r"quantities must name at least one of \[\], got none"):
        TrainingCurveDisplay({"accuracy": [0.5]}).plot()


def test_display_needs_a_fitted_classifier(stripes):
    with pytest.raises(NotFittedError, match="is not fitted yet"):
        TrainingCurveDisplay.from_estimator(quick())
    other = LogisticRegression().fit([[0.0], [1.0]], [0, 1])
    with pytest.raises(TypeError, match="got a fitted LogisticRegression"):
        TrainingCurveDisplay.from_estimator(other)


def test_display_needs_matplotlib(stopped, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    with pytest.raises(ImportError, match=r"pip install sparsecnn\[plot\]"):
        TrainingCurveDisplay.from_estimator(stopped)
