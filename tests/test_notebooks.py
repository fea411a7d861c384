"""What estimators, paths and training show of themselves in a notebook."""

import re
import warnings
from xml.etree import ElementTree

import IPython  # noqa: F401  # which every kernel has loaded
import pytest
import sklearn
from classifiers import quick, small
from conftest import make_stripes
from sklearn.utils.fixes import parse_version

from sparsecnn import SparseCurveCNNClassifierCV
from sparsecnn.model_selection import SparsityPath, sparsity_path


@pytest.fixture(scope="module")
def path():
    X, y = make_stripes(60, random_state=0)
    estimator = quick(max_iter=2, finetune_iter=1, batch_size=20)
    return sparsity_path(X, y, estimator=estimator, sparsities=[0.0, 0.5, 0.9])


def cells(table):
    """Return the texts of the body of an HTML table, row by row."""
    tree = ElementTree.fromstring(table)
    return [[cell.text for cell in row] for row in tree.find(".//tbody")]


def test_path_is_a_table_of_its_points(path):
    assert cells(path._repr_html_()) == [
        [str(i), f"{sparsity:.2%}", f"{n:,}", f"{lam:.3g}"]
        for i, (sparsity, n, lam) in enumerate(zip(path.sparsities, path.n_nonzeros, path.lams, strict=True))
    ]
    assert "Path of 3 sparse networks" in path._repr_html_()


def test_bars_of_a_path_are_shares_of_its_largest_network(path):
    widths = [float(width) for width in re.findall(r"width: ([\d.]+)%", path._repr_html_())]
    assert widths == pytest.approx(100 * path.n_nonzeros / path.n_nonzeros.max(), abs=0.05)


def test_path_has_the_colours_of_its_page(path):
    styles = " ".join(re.findall('style="(.*?)"', path._repr_html_()))
    assert not re.search(r"#[0-9a-f]{3}|rgb|black|white\b(?!-)", styles, re.IGNORECASE)


def test_part_of_a_path_and_an_empty_one_are_tables(path):
    assert len(cells(path[1:]._repr_html_())) == 2
    assert cells(SparsityPath([])._repr_html_()) == []


def test_search_shows_its_estimator_and_what_it_found(path):
    X, y = make_stripes(60, random_state=0)
    search = SparseCurveCNNClassifierCV(quick(max_iter=2, batch_size=20), sparsities=[0.0, 0.5], cv=2)
    for unfitted in (search, SparseCurveCNNClassifierCV()):
        diagram = unfitted._repr_html_()
        assert "Not fitted" in diagram
        assert "estimator: SparseCurveCNNClassifier<" in diagram
    diagram = search.fit(X, y)._repr_html_()
    assert "best_estimator_: SparseCurveCNNClassifier<" in diagram
    assert ">estimator: " not in diagram
    shows_fitted = parse_version(sklearn.__version__) >= parse_version("1.9")
    for name in ("sparsities", *(("best_params_", "best_score_", "layer_lam_") if shows_fitted else ())):
        assert name in diagram


def test_progress_in_a_notebook_is_text_that_ends_at_all_epochs(stripes, capsys):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        small(max_iter=2, finetune_iter=1, verbose=1).fit(*stripes)
    assert not caught
    shown = capsys.readouterr()
    assert "epochs: 100%" in shown.err
    assert not shown.out
