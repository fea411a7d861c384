"""Fixtures shared by the tests."""

import importlib.util
import os
import sys
from pathlib import Path

import matplotlib
import numpy as np
import pytest
import torch
from regressors import make_bars, regressor

matplotlib.use("Agg")
torch.set_num_threads(1)  # the networks are small: more threads only get in each other's way


# Tests of what needs scikit-learn 1.9.
OF_CALLBACKS = ("tests/test_callbacks.py", "sparsecnn/callbacks/", "docs/user_guide/callbacks.md")


def pytest_collection_modifyitems(items):
    """Leave out the tests of callbacks where scikit-learn has none."""
    if importlib.util.find_spec("sklearn.callback") is None:
        items[:] = [item for item in items if not any(name in item.nodeid for name in OF_CALLBACKS)]


@pytest.fixture(autouse=True)
def close_figures():
    """Close what a test has drawn: pyplot warns of many open figures."""
    yield
    if sys.modules.get("matplotlib.pyplot"):
        sys.modules["matplotlib.pyplot"].close("all")


@pytest.fixture
def stripes():
    """Images of horizontal against vertical stripes with noise: a task that a few epochs solve."""
    return make_stripes(120, random_state=0)


def make_stripes(n_images, *, side=16, random_state):
    """Return uint8 images of shape (n, side, side) and labels: "across" or "down"."""
    rng = np.random.default_rng(random_state)
    down = rng.integers(2, size=n_images).astype(bool)
    phase = rng.uniform(0, 2 * np.pi, (n_images, 1, 1))
    wave = np.sin(np.arange(side) * 1.2 + phase)
    images = np.where(down[:, None, None], wave, wave.transpose(0, 2, 1)) + rng.normal(
        0, 0.3, (n_images, side, side)
    )
    return np.clip(128 + 80 * images, 0, 255).astype(np.uint8), np.where(down, "down", "across")


@pytest.fixture(scope="module")
def benchmarks():
    """The folder of the benchmarks, which import each other."""
    folder = Path(__file__).parent.parent / "benchmarks"
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(folder)
        yield folder


@pytest.fixture(scope="session")
def bars():
    """Images of one bar each, and its thickness."""
    return make_bars(120, random_state=0)


@pytest.fixture(scope="session")
def thickness_regressor(bars):
    """A regressor of the thickness of bars."""
    return regressor().fit(*bars)


@pytest.fixture(scope="session")
def two_target_regressor(bars):
    """A regressor of two targets, far from 0."""
    X, y = bars
    return regressor(penalized="all").fit(X, np.c_[y, 1000 - 10 * y])


@pytest.fixture
def spirals_folder():
    """The folder of real drawn spirals below the one that SPARSECNN_DATA names."""
    if "SPARSECNN_DATA" not in os.environ:
        pytest.skip("set SPARSECNN_DATA to the folder that holds spirals/ to test on real drawings")
    return Path(os.environ["SPARSECNN_DATA"]) / "spirals"
