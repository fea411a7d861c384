"""The benchmark of real drawings, on a folder of generated ones."""

import runpy
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sparsecnn import CurveImageTransformer, SparseCurveCNNClassifier
from sparsecnn.datasets import load_drawings, make_shaky_drawings

SCRIPT = Path(__file__).parent.parent / "benchmarks" / "real_drawings.py"


@pytest.fixture(scope="module")
def benchmark():
    """The functions of the script, by name."""
    return runpy.run_path(str(SCRIPT))


@pytest.fixture(scope="module")
def drawings(tmp_path_factory):
    """Waves on wide pages, by three persons of each class."""
    folder = tmp_path_factory.mktemp("waves")
    made = make_shaky_drawings(18, kinds="wave", image_shape=(48, 144), persons=6, random_state=0)
    for i, (image, label, person) in enumerate(zip(made.images, made.target, made.groups, strict=True)):
        path = folder / ("steady", "trembling")[label] / f"who{person}-{i}.png"
        path.parent.mkdir(exist_ok=True)
        Image.fromarray(255 - image).save(path)
    return load_drawings(folder, group_pattern=r"who\d+")


def test_benchmark_judges_every_drawing_and_shows_the_evidence(benchmark, drawings, tmp_path):
    shape = benchmark["shape_of_pages"](drawings.filenames, 16)
    assert shape == (8, 24)
    X = CurveImageTransformer(shape, unsteadiness=0.8).fit_transform(drawings.filenames)
    learner = SparseCurveCNNClassifier(
        channels=(4, 4, 4), image_shape=shape, max_iter=2, refine_iter=1, random_state=0
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
    transformer, learner = next(iter(recipes.values()))
    assert {part.image_shape for _, part in transformer.transformer_list} == {(16, 56)}
    seeds = [network.random_state for _, network in learner["networks"].estimators]
    assert len(set(seeds)) == len(seeds)
    features = recipes["HOG + random forest"][0].fit_transform(drawings.filenames[:2])
    assert np.isfinite(features).all()


def test_benchmark_chooses_the_scale_that_tells_the_classes_apart(benchmark, drawings):
    n_pixels, tells = 256, 2
    rng = np.random.default_rng(0)
    X = rng.integers(0, 50, (len(drawings.target), 4 * n_pixels), dtype=np.uint8)
    X[drawings.target == 1, tells * n_pixels : (tells + 1) * n_pixels] += 200
    network = SparseCurveCNNClassifier(
        channels=(4, 4, 8), image_shape=(16, 16), max_iter=8, refine_iter=2, random_state=0
    )
    chooser = benchmark["choose_scale"](network).fit(X, drawings.target, groups=drawings.groups)
    assert benchmark["scale_chosen"](chooser.estimator_) == tells
    np.testing.assert_array_equal(chooser.transform(X), benchmark["take_part"](X, tells))


def test_benchmark_is_skipped_without_data(monkeypatch):
    monkeypatch.delenv("SPARSECNN_DATA", raising=False)
    done = subprocess.run([sys.executable, str(SCRIPT)], capture_output=True, text=True)
    assert "Skipped: set SPARSECNN_DATA" in done.stderr
