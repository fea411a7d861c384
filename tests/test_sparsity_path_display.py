"""The display of a path."""

import numpy as np
import pytest
from classifiers import quick
from conftest import make_stripes
from sklearn.model_selection import GridSearchCV

from sparsecnn import SparseCurveCNNClassifierCV
from sparsecnn.inspection import SparsityPathDisplay
from sparsecnn.model_selection import sparsity_path


@pytest.fixture(scope="module")
def search():
    X, y = make_stripes(60, random_state=0)
    classifier = quick(max_iter=2, batch_size=15)
    return SparseCurveCNNClassifierCV(classifier, sparsities=[0.0, 0.5, 0.9], cv=2).fit(X, y)


def test_display_needs_a_search_along_the_path(stripes):
    grid = GridSearchCV(quick(max_iter=1), {"beta": [1.0]}, cv=2).fit(*stripes)
    for other in (grid, grid.best_estimator_):
        with pytest.raises(ValueError, match=rf"SparseCurveCNNClassifierCV.*got a {type(other).__name__}"):
            SparsityPathDisplay.from_estimator(other)


def test_display_needs_a_path(stripes):
    with pytest.raises(TypeError, match="path must be a SparsityPath, got a list"):
        SparsityPathDisplay.from_path([], *stripes)


def test_display_draws_scores_errors_and_the_choice(search):
    display = SparsityPathDisplay.from_estimator(search)
    results = search.cv_results_
    line, _, (bars,) = display.errorbar_
    assert line.get_xdata() == pytest.approx(100 * (1 - results["mean_test_sparsity"]))
    assert line.get_ydata() == pytest.approx(results["mean_test_score"])
    lengths = [np.ptp(bar[:, 1]) for bar in bars.get_segments()]
    folds = np.stack([results["split0_test_score"], results["split1_test_score"]])
    assert lengths == pytest.approx(2 * folds.std(axis=0, ddof=1) / np.sqrt(2))
    chosen = 100 * (1 - results["mean_test_sparsity"][search.best_index_])
    assert any(list(line.get_xdata()) == pytest.approx([chosen, chosen]) for line in display.ax_.lines)
    assert "chosen" in display.ax_.get_legend().get_texts()[0].get_text()
    assert display.ax_.get_ylabel() == "accuracy"


def test_display_goes_from_dense_to_sparse_with_readable_labels():
    display = SparsityPathDisplay([0.0, 0.9, 0.999], [1.0, 0.9, 0.8], score_name="AUC").plot()
    display.figure_.canvas.draw()
    assert display.ax_.xaxis_inverted()
    labels = [label.get_text() for label in display.ax_.get_xticklabels()]
    assert {"100", "10", "1", "0.1"} <= set(labels)
    assert display.ax_.get_ylabel() == "AUC"


def test_display_of_a_narrow_range_has_plain_numbers():
    display = SparsityPathDisplay([0.0, 0.6], [1.0, 0.9]).plot()
    display.figure_.canvas.draw()
    labels = [label.get_text() for label in display.ax_.get_xticklabels(minor=True)]
    assert {"60", "40"} <= set(labels)


def test_display_draws_paths_into_one_picture(stripes):
    path = sparsity_path(*stripes, estimator=quick(max_iter=2, finetune_iter=1), sparsities=[0.0, 0.5])
    display = SparsityPathDisplay.from_path(path, *stripes)
    again = SparsityPathDisplay.from_path(path, *stripes, ax=display.ax_, label="again")
    assert again.figure_ is display.figure_
    assert again.ax_.xaxis_inverted()
    assert len(again.ax_.containers) == 2
    assert [text.get_text() for text in again.ax_.get_legend().get_texts()] == ["again"]


def test_display_passes_options_to_matplotlib():
    display = SparsityPathDisplay([0.0, 0.5], [1.0, 0.9]).plot(color="red", marker="x")
    line = display.errorbar_[0]
    assert (line.get_color(), line.get_marker()) == ("red", "x")


def test_display_warns_of_points_that_it_cannot_show():
    with pytest.warns(UserWarning, match="1 of 2 points have no weights left"):
        SparsityPathDisplay([0.0, 1.0], [1.0, 0.5]).plot()


def test_display_refuses_scores_of_another_length():
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        SparsityPathDisplay([0.0, 0.5], [1.0]).plot()
