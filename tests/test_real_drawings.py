"""The benchmark of real drawings, on a folder of generated ones."""

import runpy
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from sparsecnn import CurveImageTransformer, SparseCurveCNNClassifier
from sparsecnn.datasets import load_drawings, make_shaky_drawings

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def benchmark(benchmarks):
    """The functions of the script, by name."""
    return runpy.run_path(str(benchmarks / "real_drawings.py"))


@pytest.fixture(scope="module")
def drawings(tmp_path_factory):
    """Waves on wide pages, by three persons of each class."""
    folder = tmp_path_factory.mktemp("waves")
    made = make_shaky_drawings(18, drawings="wave", image_shape=(48, 144), persons=6, random_state=0)
    for i, (image, label, person) in enumerate(zip(made.images, made.target, made.groups, strict=True)):
        path = folder / ("steady", "trembling")[label] / f"who{person}-{i}.png"
        path.parent.mkdir(exist_ok=True)
        Image.fromarray(255 - image).save(path)
    return load_drawings(folder, group_pattern=r"who\d+")


def test_benchmark_judges_every_drawing_and_shows_the_evidence(benchmark, drawings, tmp_path):
    shape = benchmark["suggest_image_shape"](drawings.filenames, 16)
    assert shape == (8, 24)
    X = CurveImageTransformer(shape, unsteadiness=0.8).fit_transform(drawings.filenames)
    learner = SparseCurveCNNClassifier(
        channels=(4, 4, 4), image_shape=shape, solver="adam", max_iter=2, finetune_iter=1, random_state=0
    )
    read = benchmark["predict_by_person"](learner, X, drawings, jobs=1)
    assert read.probability.shape == (18,)
    assert read.zeros == pytest.approx(0.9, abs=0.03)
    found = benchmark["figures"](drawings, read.probability)
    line = benchmark["describe"]("network", 0, found, 6, read.zeros)
    assert "of 6" in line
    benchmark["draw_evidence"](tmp_path / "picture.png", drawings, read.probability, read.evidence, n=2)
    with Image.open(tmp_path / "picture.png") as picture:
        assert picture.width > 300


def test_benchmark_keeps_the_aspect_of_the_pages(benchmark, drawings):
    pytest.importorskip("skimage")
    recipes = benchmark["recipes"](drawings.filenames, 0, "float32")
    assert len(recipes) == 4
    transformer, _ = next(iter(recipes.values()))
    assert transformer.image_shape == (16, 56)
    assert len(transformer.views) == 5
    features = recipes["HOG + random forest"][0].fit_transform(drawings.filenames[:2])
    assert np.isfinite(features).all()


def test_benchmark_says_which_views_were_chosen(benchmark, drawings):
    transformer = benchmark["draw_views"]((8, 24))
    X = transformer.fit_transform(drawings.filenames)
    learner = benchmark["make_recipe"](0, "float32").set_params(
        n_members=2, cv=2, estimator__channels=(4, 4, 4), estimator__max_iter=1, estimator__finetune_iter=1
    )
    read = benchmark["predict_by_person"](learner, X, drawings, jobs=1)
    assert read.chosen.total() == 6 * 2
    assert set(read.chosen) <= {"ink", "1/76", "1/38", "1/19", "1/9.5"}
    assert np.shape(read.evidence) == (18, 8, 24)


def test_benchmark_is_skipped_without_data(benchmarks, monkeypatch):
    monkeypatch.delenv("SPARSECNN_DATA", raising=False)
    done = subprocess.run(
        [sys.executable, str(benchmarks / "real_drawings.py")], capture_output=True, text=True
    )
    assert "Skipped: set SPARSECNN_DATA" in done.stderr
