"""The benchmark of real drawings, on a folder of generated ones."""

import runpy
import subprocess
import sys
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from sklearn.base import clone
from sklearn.metrics import log_loss

from sparsecnn import CurveImageTransformer, SparseCurveCNNClassifier
from sparsecnn.datasets import load_drawings, make_shaky_drawings
from sparsecnn.inspection import integrated_gradients

pytestmark = pytest.mark.slow

SCRIPT = Path(__file__).parent.parent / "benchmarks" / "real_drawings.py"


@pytest.fixture(scope="module")
def benchmark():
    """The functions of the script, by name."""
    return runpy.run_path(str(SCRIPT))


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
    transformer, learner = next(iter(recipes.values()))
    assert [part.image_shape for _, part in transformer.transformer_list] == [(16, 56)] * 4 + [(40, 112)]
    assert list(learner.shapes.values()) == [(16, 56)] * 4 + [(40, 112)]
    features = recipes["HOG + random forest"][0].fit_transform(drawings.filenames[:2])
    assert np.isfinite(features).all()


@pytest.fixture
def ensemble(benchmark):
    """Networks on one view of 16×16 pixels and another of 8×8."""
    network = SparseCurveCNNClassifier(
        channels=(4, 4, 8), image_shape=(16, 16), max_iter=8, finetune_iter=2, random_state=0
    )
    return benchmark["ViewEnsemble"]({"large": (16, 16), "small": (8, 8)}, network, network)


@pytest.mark.parametrize("telling", ["large", "small"])
def test_ensemble_chooses_the_view_that_tells_the_classes_apart(benchmark, drawings, ensemble, telling):
    rng = np.random.default_rng(0)
    X = rng.integers(0, 50, (len(drawings.target), 256 + 64), dtype=np.uint8)
    benchmark["split_views"](X, ensemble.shapes)[telling][drawings.target == 1] += 200
    ensemble.fit(X, drawings.target, groups=drawings.groups)
    assert ensemble.chosen_[0] == telling
    seeds = [network.random_state for network in ensemble.networks_]
    assert len(set(seeds)) == len(seeds) == benchmark["NETWORKS"]
    views = benchmark["split_views"](X, ensemble.shapes)
    each = [
        net.predict_proba(views[name]) for net, name in zip(ensemble.networks_, ensemble.chosen_, strict=True)
    ]
    np.testing.assert_allclose(ensemble.predict_proba(X), np.mean(each, axis=0))


def test_ensemble_shows_its_evidence_at_the_finest_resolution(benchmark, drawings, ensemble):
    X = np.random.default_rng(0).integers(0, 50, (len(drawings.target), 256 + 64), dtype=np.uint8)
    X[drawings.target == 1] += 200
    views = benchmark["split_views"](X, ensemble.shapes)
    pairs = [
        (clone(ensemble.network).set_params(image_shape=shape).fit(views[name], drawings.target), views[name])
        for name, shape in ensemble.shapes.items()
    ]
    found = benchmark["mean_evidence"](pairs)
    assert found.shape == (len(X), 16, 16)
    sums = [integrated_gradients(*pair).sum((1, 2)) for pair in pairs]
    np.testing.assert_allclose(found.sum((1, 2)), np.mean(sums, axis=0), rtol=1e-4, atol=1e-4)


def test_views_are_chosen_by_the_log_loss_of_the_mean(benchmark):
    y = np.array([0, 0, 1, 1])
    held_back = {
        "good": np.array([0.1, 0.4, 0.6, 0.9]),
        "other": np.array([0.4, 0.2, 0.7, 0.7]),
        "wrong": np.array([0.9, 0.9, 0.1, 0.1]),
    }
    chosen = benchmark["choose_views"](held_back, y, 3)
    best = min(
        product(held_back, repeat=3), key=lambda names: log_loss(y, np.mean([held_back[n] for n in names], 0))
    )
    assert sorted(chosen) == sorted(best)
    assert "wrong" not in chosen


def test_benchmark_is_skipped_without_data(monkeypatch):
    monkeypatch.delenv("SPARSECNN_DATA", raising=False)
    done = subprocess.run([sys.executable, str(SCRIPT)], capture_output=True, text=True)
    assert "Skipped: set SPARSECNN_DATA" in done.stderr
