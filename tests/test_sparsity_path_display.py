"""The picture of a path."""

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
    return SparseCurveCNNClassifierCV(quick(max_iter=2, batch_size=15), sparsities=[0.0, 0.5, 0.9], cv=2).fit(
        X, y
    )


def test_display_needs_a_search_along_the_path(stripes):
    grid = GridSearchCV(quick(max_iter=1), {"beta": [1.0]}, cv=2).fit(*stripes)
    with pytest.raises(ValueError, match=r"fitted SparseCurveCNNClassifierCV.*got a GridSearchCV"):
        SparsityPathDisplay.from_estimator(grid)


def test_display_draws_scores_and_the_choice(search):
    display = SparsityPathDisplay.from_estimator(search)
    line = display.ax_.lines[0]
    assert line.get_xdata() == pytest.approx(100 * (1 - search.cv_results_["mean_test_sparsity"]))
    assert line.get_ydata() == pytest.approx(search.cv_results_["mean_test_score"])
    assert "chosen" in display.ax_.get_legend().get_texts()[0].get_text()
    assert display.ax_.xaxis_inverted()


def test_display_draws_paths_into_one_picture(stripes):
    path = sparsity_path(*stripes, estimator=quick(max_iter=2, finetune_iter=1), sparsities=[0.0, 0.5])
    display = SparsityPathDisplay.from_path(path, *stripes)
    again = SparsityPathDisplay.from_path(path, *stripes, ax=display.ax_, label="again")
    assert again.figure_ is display.figure_
    assert again.ax_.xaxis_inverted()
    again.figure_.canvas.draw()
    assert len(again.ax_.containers) == 2
