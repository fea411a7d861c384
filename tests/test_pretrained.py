"""The readers of the package: small, whole, and as good as their cards say."""

import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from sklearn.pipeline import Pipeline

import sparsecnn
from sparsecnn.datasets import make_shaky_drawings, make_shaky_words
from sparsecnn.inference import load as load_without_torch
from sparsecnn.pretrained import list_readers, load_reader

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs" / "user_guide" / "readers.md").read_text(encoding="utf-8")
FILES = {path.stem: path for path in (Path(sparsecnn.__file__).parent / "pretrained").glob("*.safetensors")}
BENCHMARKS = ROOT / "benchmarks"


def pages_of(name, n):
    """Return pages that the reader was not trained on, bright ink on black, and answers."""
    if name == "words":
        made = make_shaky_words(n, image_shape=(96, 96), random_state=4321)
    else:
        made = make_shaky_drawings(
            n, image_shape=(256, 256), persons=range(5000, 5060), severity=(0.5, 1.0), random_state=4321
        )
    return list(made.images), made.target_names[made.target]


def test_every_shipped_file_is_listed():
    assert list_readers() == sorted(FILES)


@pytest.mark.parametrize("name", list_readers())
def test_file_has_at_most_20_kB(name):
    assert FILES[name].stat().st_size <= 20_000


@pytest.mark.parametrize("name", list_readers())
def test_reader_is_a_fitted_pipeline_for_files_and_arrays(name, tmp_path):
    reader = load_reader(name)
    assert isinstance(reader, Pipeline)
    assert reader.classes_.tolist() == ["regular", "shaky"]
    pages, _ = pages_of(name, 4)
    for i, page in enumerate(pages):
        Image.fromarray(page).save(tmp_path / f"{i}.png")
    from_files = reader.predict_proba(sorted(tmp_path.iterdir()))
    np.testing.assert_array_equal(from_files, reader.predict_proba(pages))
    np.testing.assert_array_equal(from_files, reader.predict_proba(np.array(pages)))


@pytest.mark.slow
@pytest.mark.parametrize(("name", "least"), [("words", 0.97), ("drawings", 0.8)])
def test_reader_answers_right(name, least):
    pages, answers = pages_of(name, 200)
    reader = load_reader(name)
    assert np.mean(reader.predict(pages) == answers) >= least


@pytest.mark.parametrize("name", list_readers())
def test_reader_without_torch_answers_the_same(name):
    pages, _ = pages_of(name, 8)
    reader = load_reader(name)
    images = reader[0].transform(pages)
    np.testing.assert_allclose(
        load_without_torch(FILES[name]).predict_proba(images), reader.predict_proba(pages), atol=1e-5
    )


def test_every_call_returns_a_reader_of_its_own():
    first = load_reader("words")
    first[0].set_params(polarity="light")
    assert load_reader("words")[0].polarity == "auto"


@pytest.mark.parametrize(
    ("name", "error", "message"),
    [
        ("word", ValueError, r"\['drawings', 'words'\], got 'word'. Did you mean 'words'"),
        ("../words", ValueError, "name must be one of"),
        ("", ValueError, "name must be one of"),
        (3, TypeError, "name must be a str"),
        (None, TypeError, "name must be a str"),
        (["words"], TypeError, "name must be a str"),
    ],
)
def test_unknown_name_lists_the_known_ones(name, error, message):
    with pytest.raises(error, match=message):
        load_reader(name)


def test_package_data_holds_the_readers():
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    assert re.search(r'^"sparsecnn.pretrained" = \[.*"\*\.safetensors"', text, re.MULTILINE)


def test_figures_of_the_help_are_those_of_the_page():
    figures = set(re.findall(r"\d+\.\d+ %", load_reader.__doc__))
    assert len(figures) >= 4
    assert all(figure in PAGE for figure in figures)


@pytest.mark.slow
@pytest.mark.skipif(importlib.util.find_spec("matplotlib") is None, reason="words are of matplotlib's fonts")
@pytest.mark.parametrize("name", list_readers())
def test_script_trains_saves_and_measures(name, tmp_path):
    command = [sys.executable, "train_readers.py", "--quick", "--reader", name, "--folder", str(tmp_path)]
    done = subprocess.run(
        command, cwd=BENCHMARKS, capture_output=True, text=True, timeout=600, env=without_data()
    )
    assert done.returncode == 0, done.stderr
    assert load_without_torch(tmp_path / f"{name}.safetensors").image_shape_ == (
        load_without_torch(FILES[name]).image_shape_
    )
    assert re.search(r"\d+\.\d\d%", done.stdout)


def without_data():
    return {key: value for key, value in os.environ.items() if key != "SPARSECNN_DATA"}
