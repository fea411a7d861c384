"""What a page file holds, and what cannot become one."""

import re
import shutil
import subprocess

import numpy as np
import pytest
from classifiers import quick, small
from page.networks import scrambled
from sklearn.ensemble import BaggingClassifier
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import MinMaxScaler
from torch import nn

from sparsecnn import SparseCurveCNNClassifier
from sparsecnn.export import _html as module
from sparsecnn.export import to_html
from sparsecnn.preprocessing import CurveImageTransformer

PAGE = module.resources.files("sparsecnn.export") / "page"


@pytest.fixture(scope="module")
def classifier():
    return scrambled()


def own(*layers):
    """Return a fitted classifier of a network of one's own, for images of 16×16."""
    X = np.random.default_rng(0).integers(0, 2, (20, 16, 16), dtype=np.uint8) * np.uint8(255)
    X[:, :9] = 0
    params = {"lam": 0, "max_iter": 1, "finetune_iter": 0, "batch_size": 8}
    return SparseCurveCNNClassifier(module=nn.Sequential(*layers), **params).fit(X, np.arange(20) % 2)


def test_default_network_of_95_percent_zeros_fits_into_40_kilobytes(tmp_path):
    to_html(
        make_pipeline(CurveImageTransformer(), scrambled((64, 64), zeros=0.95, channels=(16, 64, 64))),
        tmp_path / "a.html",
    )
    assert (tmp_path / "a.html").stat().st_size <= 40_000
    unsteady = CurveImageTransformer(unsteadiness=0.5)
    to_html(
        make_pipeline(unsteady, scrambled((64, 64), zeros=0.95, channels=(16, 64, 64))), tmp_path / "b.html"
    )
    assert (tmp_path / "b.html").stat().st_size <= 40_000


def test_file_names_no_address_and_has_a_policy(classifier, tmp_path):
    to_html(classifier, tmp_path / "page.html")
    text = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert "default-src 'none'" in text
    assert not re.search(r"https?://|\bsrc=|@import|url\(", text)
    assert "{{" not in text


def test_searches_and_pipelines_of_one_step_are_unwrapped(classifier, stripes, tmp_path):
    X, y = stripes
    search = GridSearchCV(quick(image_shape=(16, 16)), {"lam": [1e-4]}, cv=2).fit(X, y)
    to_html(search, tmp_path / "search.html")
    to_html(search.best_estimator_, tmp_path / "best.html")
    assert (tmp_path / "search.html").read_bytes() == (tmp_path / "best.html").read_bytes()
    transformer = CurveImageTransformer((32, 32), dtype="uint8")
    to_html(make_pipeline(transformer, classifier), tmp_path / "a.html")
    to_html(
        Pipeline([("ink", transformer), ("none", "passthrough"), ("net", classifier)]), tmp_path / "b.html"
    )
    to_html(classifier, tmp_path / "c.html")  # fitted on bytes
    assert len({(tmp_path / f"{name}.html").read_bytes() for name in "abc"}) == 1


@pytest.mark.parametrize(
    ("make", "error", "match"),
    [
        (lambda c: small(), NotFittedError, "not fitted"),
        (lambda c: make_pipeline(CurveImageTransformer(), small()), NotFittedError, "not fitted"),
        (lambda c: 7, TypeError, "got 7"),
        (lambda c: MinMaxScaler().fit([[1], [2]]), TypeError, "MinMaxScaler"),
        (lambda c: make_pipeline(MinMaxScaler(), CurveImageTransformer(), c), TypeError, "MinMaxScaler, Cu"),
        (lambda c: make_pipeline(MinMaxScaler(), c), TypeError, "got one of MinMaxScaler"),
        (lambda c: make_pipeline(CurveImageTransformer((16, 32)), c), ValueError, r"\(16, 32\)"),
        (lambda c: make_pipeline(CurveImageTransformer((32, 32), ink="pen"), c), ValueError, "ink='pen'"),
        (
            lambda c: own(nn.Conv2d(1, 2, 3, stride=2), nn.Flatten(), nn.Linear(98, 2)),
            ValueError,
            "'conv2d'.*stride",
        ),
        (lambda c: own(nn.Flatten(), nn.Linear(256, 9), nn.GELU(), nn.Linear(9, 2)), ValueError, "'gelu'"),
        (lambda c: own(nn.BatchNorm2d(1), nn.Flatten(), nn.Linear(256, 2)), ValueError, "'affine'"),
        (
            lambda c: own(nn.MaxPool2d(3, 2, padding=1), nn.Flatten(), nn.Linear(64, 2)),
            ValueError,
            "'max_pool'.*padded",
        ),
    ],
)
def test_what_no_page_can_hold_is_named_and_leaves_the_old_file(classifier, tmp_path, make, error, match):
    path = tmp_path / "page.html"
    path.write_text("old")
    with pytest.raises(error, match=match):
        to_html(make(classifier), path)
    assert [file.name for file in tmp_path.iterdir()] == ["page.html"]
    assert path.read_text() == "old"


def test_ensemble_of_scikit_learn_is_refused_by_name(stripes, tmp_path):
    X, y = stripes
    ensemble = BaggingClassifier(quick(image_shape=(16, 16)), 2, random_state=0)
    ensemble.fit(X.reshape(len(X), -1), y)
    with pytest.raises(TypeError, match="BaggingClassifier"):
        to_html(ensemble, tmp_path / "page.html")


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"classes_": np.arange(1001)}, "at most 1,000 classes"),
        ({"image_shape_": (4000, 4000)}, "at most 512 pixels a side"),
        ({"image_shape_": (1, 1024)}, "curves"),
        ({"_background": 0.9}, "bright background"),
    ],
)
def test_what_is_too_large_or_no_image_is_refused(tmp_path, changes, match):
    classifier = scrambled()
    vars(classifier).update(changes)
    with pytest.raises(ValueError, match=match):
        to_html(classifier, tmp_path / "page.html")
    assert not list(tmp_path.iterdir())


def test_weights_that_are_not_finite_are_refused(tmp_path):
    classifier = scrambled()
    classifier.module_.fc.weight.data[0, 0] = float("nan")
    with pytest.raises(ValueError, match=r"(?i)nan"):
        to_html(classifier, tmp_path / "page.html")


@pytest.mark.parametrize("name", ["title", "note"])
def test_texts_must_be_strings(classifier, tmp_path, name):
    with pytest.raises(TypeError, match=f"{name} must be a str or None, got 3"):
        to_html(classifier, tmp_path / "page.html", **{name: 3})


def test_folder_and_missing_folder_are_refused_before_the_work(classifier, tmp_path):
    with pytest.raises(IsADirectoryError, match="folder"):
        to_html(classifier, tmp_path)
    with pytest.raises(FileNotFoundError, match="does not exist"):
        to_html(classifier, tmp_path / "none" / "page.html")


def test_title_may_hold_anything(classifier, tmp_path):
    to_html(classifier, tmp_path / "page.html", title="Tremor? {{script}} \ud800 ü")
    assert "Tremor? {{script}} &#55296; ü" in (tmp_path / "page.html").read_text(encoding="utf-8")


def test_kernel_is_built_from_its_source(tmp_path):
    if shutil.which("wat2wasm") is None:
        pytest.skip("needs wat2wasm, of the package wabt")
    subprocess.run(["wat2wasm", str(PAGE / "kernel.wat"), "-o", str(tmp_path / "kernel.wasm")], check=True)
    assert (tmp_path / "kernel.wasm").read_bytes() == (PAGE / "kernel.wasm").read_bytes()


def test_code_survives_being_squeezed():
    """A comment has a line of its own, and no text spans lines."""
    for path in PAGE.iterdir():
        if path.name.endswith((".js", ".css", ".html")):
            text = path.read_text(encoding="utf-8")
            assert "/*" not in text.replace("image/*", "")
            assert all(line.count("`") % 2 == 0 for line in text.splitlines()), path
