"""The display of accuracy against sparsity in a search."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
from classifiers import quick
from conftest import make_stripes
from hypothesis import given
from hypothesis import strategies as st
from sklearn.exceptions import NotFittedError
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, HalvingGridSearchCV, RandomizedSearchCV

from sparsecnn import SparseCurveCNNClassifierCV
from sparsecnn.inspection import TradeoffDisplay
from sparsecnn.inspection._tradeoff_display import _pareto_front
from sparsecnn.model_selection import sparsest_within_one_se, sparsity_scorer

GRID = {"penalty": ["l0", "l1"], "target_sparsity": [0.5, 0.9]}
BOTH = {"accuracy": "accuracy", "sparsity": sparsity_scorer}


def search_cv(search=GridSearchCV, grid=GRID, **options):
    X, y = make_stripes(60, random_state=0)
    options = {"scoring": BOTH, "refit": sparsest_within_one_se, "cv": 3} | options
    return search(quick(max_iter=2, finetune_iter=1, batch_size=10), grid, **options).fit(X, y)


@pytest.fixture(scope="module")
def search():
    return search_cv()


def test_display_draws_means_and_standard_errors_of_the_folds(search):
    display = TradeoffDisplay.from_search(search)
    line, _, (horizontal, vertical) = display.errorbars_["candidates"]
    folds = {name: np.stack([search.cv_results_[f"split{k}_test_{name}"] for k in range(3)]) for name in BOTH}
    left = 100 * (1 - folds["sparsity"])
    np.testing.assert_allclose(line.get_xdata(), left.mean(0))
    np.testing.assert_allclose(line.get_ydata(), folds["accuracy"].mean(0))
    for bars, axis, values in ((horizontal, 0, left), (vertical, 1, folds["accuracy"])):
        lengths = [np.ptp(bar[:, axis]) for bar in bars.get_segments()]
        np.testing.assert_allclose(lengths, 2 * values.std(0, ddof=1) / np.sqrt(3), atol=1e-12)


def test_display_marks_the_choice_and_what_is_near_the_best(search):
    display = TradeoffDisplay.from_search(search)
    results = search.cv_results_
    scores, chosen = results["mean_test_accuracy"], search.best_index_
    (x,), (y,) = display.chosen_.get_data()
    assert (x, y) == pytest.approx((100 * (1 - results["mean_test_sparsity"][chosen]), scores[chosen]))
    best = scores.argmax()
    error = results["std_test_accuracy"][best] / np.sqrt(2)
    band = display.band_.get_y(), display.band_.get_y() + display.band_.get_height()
    assert band == pytest.approx((scores[best] - error, scores[best]))
    assert band[0] <= y <= band[1]  # as the rule of choice asks for
    labels = [text.get_text() for text in display.ax_.get_legend().get_texts()]
    assert labels == [
        "candidates",
        "Pareto front",
        "within one standard error of the best",
        f"chosen: {results['mean_test_sparsity'][chosen]:.1%} zeros",
    ]


def test_display_draws_each_kind_in_its_own_look(search):
    display = TradeoffDisplay.from_search(search, by="penalty")
    assert list(display.errorbars_) == ["l0", "l1"]
    lines = [bars[0] for bars in display.errorbars_.values()]
    assert len({line.get_marker() for line in lines}) == len({line.get_color() for line in lines}) == 2
    own = search.cv_results_["param_penalty"] == "l1"
    np.testing.assert_array_equal(lines[1].get_ydata(), search.cv_results_["mean_test_accuracy"][own])


few = st.integers(0, 4)


@given(st.lists(st.tuples(few, few), max_size=8))
def test_front_has_exactly_the_candidates_that_no_other_dominates(points):
    left, scores = np.array(points, dtype=float).reshape(-1, 2).T
    front = _pareto_front(left + 1, scores)
    dominated = [any((a <= x and b >= y) and (a < x or b > y) for a, b in points) for x, y in points]
    expected = {point for point, bad in zip(points, dominated, strict=True) if not bad}
    assert {points[i] for i in front} == expected
    assert len(front) == len(expected)
    assert (np.diff(left[front]) < 0).all()


def test_front_is_a_line_of_steps(search):
    display = TradeoffDisplay.from_search(search)
    np.testing.assert_array_equal(
        display.front_line_.get_ydata(), search.cv_results_["mean_test_accuracy"][display.front_]
    )
    assert display.front_line_.get_drawstyle() == "steps-pre"


def test_candidates_that_failed_or_have_no_weights_are_not_on_the_front():
    with pytest.warns(UserWarning, match="1 of 4 points have no weights left"):
        display = TradeoffDisplay([0.5, 0.6, 0.9, 1.0], [0.9, np.nan, 0.8, 0.99]).plot()
    assert display.front_.tolist() == [0, 2]


@pytest.mark.parametrize("kind", ["random", "path"])
def test_display_of_other_searches(kind):
    if kind == "random":
        search = search_cv(RandomizedSearchCV, n_iter=2, random_state=0)
        display = TradeoffDisplay.from_search(search)
        assert len(display.scores) == 2
    else:
        X, y = make_stripes(60, random_state=0)
        path = SparseCurveCNNClassifierCV(quick(max_iter=2, batch_size=20), sparsities=[0, 0.5], cv=2).fit(
            X, y
        )
        display = TradeoffDisplay.from_search(path, accuracy="score")
        assert display.best_index == path.best_index_
        assert display.ax_.get_ylabel() == "score"


def score_both(estimator, X, y):
    return {"score": estimator.score(X, y), "sparsity": estimator.sparsity_}


def test_display_of_halving_has_the_candidates_of_the_last_iteration():
    options = {"scoring": score_both, "refit": "score", "cv": 2, "min_resources": 24, "factor": 2}
    search = search_cv(HalvingGridSearchCV, random_state=0, **options)
    display = TradeoffDisplay.from_search(search, accuracy="score", by="penalty")
    last = search.cv_results_["iter"] == search.cv_results_["iter"].max()
    assert 0 < last.sum() < len(last)
    np.testing.assert_array_equal(display.scores, search.cv_results_["mean_test_score"][last])
    assert display.scores[display.best_index] == search.best_score_


def test_search_without_a_choice_has_no_ring():
    display = TradeoffDisplay.from_search(search_cv(refit=False))
    assert display.chosen_ is None


def test_bare_numbers_have_neither_errors_nor_band():
    display = TradeoffDisplay([0.5, 0.9], [0.9, 0.8], score_name="AUC").plot(markersize=9)
    assert display.band_ is None
    assert display.errorbars_["candidates"][0].get_markersize() == 9
    assert display.ax_.get_ylabel() == "AUC"
    assert display.ax_.xaxis_inverted()


def test_display_draws_into_given_axes(search):
    first = TradeoffDisplay.from_search(search)
    again = TradeoffDisplay.from_search(search, ax=first.ax_)
    assert again.figure_ is first.figure_
    assert again.ax_.xaxis_inverted()


def test_search_without_the_scorers_is_refused_by_their_names(search):
    message = r"sparsity='zeros' must be a scorer of search, which has \['accuracy', 'sparsity'\]"
    with pytest.raises(ValueError, match=message):
        TradeoffDisplay.from_search(search, sparsity="zeros")
    X, y = make_stripes(40, random_state=0)
    single = GridSearchCV(quick(max_iter=1, batch_size=20), {}, cv=2).fit(X, y)
    with pytest.raises(
        ValueError, match=r"accuracy='accuracy' must be .* which has \['score'\]: search with"
    ):
        TradeoffDisplay.from_search(single)
    with pytest.raises(ValueError, match=r"by must be .* \['penalty', 'target_sparsity'\], got 'lam'"):
        TradeoffDisplay.from_search(search, by="lam")


def test_scorer_that_always_failed_is_named(search):
    broken = GridSearchCV(quick(), GRID)
    broken.cv_results_ = search.cv_results_ | {"mean_test_accuracy": np.full(4, np.nan)}
    with pytest.raises(ValueError, match="accuracy='accuracy' of search is NaN for every candidate"):
        TradeoffDisplay.from_search(broken)


def test_other_than_searches_are_refused():
    with pytest.raises(TypeError, match=r"search must be a fitted search.* got a fitted LogisticRegression"):
        TradeoffDisplay.from_search(LogisticRegression().fit([[0.0], [1.0]], [0, 1]))
    with pytest.raises(TypeError, match="search must be a fitted search, such as GridSearchCV, got 3"):
        TradeoffDisplay.from_search(3)
    with pytest.raises(NotFittedError, match="not fitted yet"):
        TradeoffDisplay.from_search(GridSearchCV(quick(), {}))


def test_arrays_of_other_lengths_are_refused():
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        TradeoffDisplay([0.5, 0.9], [0.9]).plot()


def test_legend_covers_neither_candidates_nor_labels():
    scores, errors = np.linspace(0.9, 0.6, 8), np.full(8, 0.1)
    display = TradeoffDisplay(np.linspace(0, 0.9, 8), scores, errors=errors, best_index=2).plot()
    display.figure_.draw_without_rendering()
    legend = display.ax_.get_legend().get_window_extent()
    for part in (display.ax_.patch, display.ax_.xaxis.label):
        assert not legend.overlaps(part.get_window_extent())
    assert legend.y0 >= 0  # none of it is cut off


def test_small_axes_that_are_given_keep_their_size(search):
    ax = plt.subplots(figsize=(2.5, 2.0), layout="constrained")[1]
    TradeoffDisplay.from_search(search, by="penalty", ax=ax)
    ax.figure.draw_without_rendering()
    assert ax.get_position().height > 0.5
