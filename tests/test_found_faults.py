"""What the campaign of `make fuzz` has found is refused with an error that names the argument or file."""

import resource
import signal

import numpy as np
import pandas as pd
import pytest
import torch
from classifiers import quick
from conftest import make_stripes

from sparsecnn import BinaryActivation, SparseCurveCNNClassifierCV
from sparsecnn._files import write_whole
from sparsecnn.datasets import make_shaky_spirals, make_shaky_words
from sparsecnn.model_selection import bootstrap_interval, sparsity_path, validate_groups
from sparsecnn.penalties import L0, lam_for_sparsity
from sparsecnn.preprocessing import CurveImageTransformer, suggest_image_shape

X, Y = make_stripes(20, random_state=0)
TINY = {"channels": (2, 2, 2), "max_iter": 1, "finetune_iter": 0, "batch_size": 8, "target_sparsity": 0.5}


def fit(X=X, y=Y, sample_weight=None, groups=None, **params):
    return quick(**TINY | params).fit(X, y, sample_weight, groups)


def search(**params):
    return SparseCurveCNNClassifierCV(quick(**TINY), **{"sparsities": [0.0, 0.5], "cv": 2} | params).fit(X, Y)


def path(**params):
    return sparsity_path(X, Y, estimator=quick(**TINY), **params)


def scored(estimator):
    """Return a score, as a scorer that takes too little."""
    return 0.0


FOUND = {
    "masked": (lambda: fit(np.ma.masked_less(X, 99)), "X must have a number for every pixel"),
    "X of strings": (lambda: fit(np.full((20, 256), "a")), "X and y: .*could not convert string to float"),
    "X of complex": (lambda: fit(X.astype(complex)), "X and y: .*Complex data not supported"),
    "ragged X": (lambda: fit(X=([8, 8], 8)), "X: setting an array element"),
    "ragged images": (lambda: fit(X=[[[1, 2], 3]] * 20), "X: setting an array element"),
    "ragged page": (lambda: CurveImageTransformer().fit([[[1, 2], 3]]), "X: setting an array element"),
    "y missing": (lambda: fit(y=[None, "a"] * 10), r"\by\b"),
    "weight": (lambda: fit(sample_weight="l0"), "sample_weight: could not convert"),
    "weight of shape": (
        lambda: fit(sample_weight=np.ones((20, 1))),
        "sample_weight: Sample weights must be",
    ),
    "tiny weight": (lambda: fit(sample_weight=1e-320), "sample_weight must be at least 1e-30"),
    "ragged groups": (lambda: fit(groups=[(1, 2), 3] * 10), "groups: setting an array element"),
    "missing group": (lambda: validate_groups([0, 1], [pd.NA, "a"]), "groups: boolean value of NA"),
    "kernel": (lambda: fit(kernel_size=16973), "kernel_size must be at most 31"),
    "module": (lambda: fit(module=lambda x: x), "module=.* fails when called without arguments"),
    "shape": (lambda: CurveImageTransformer(image_shape=([8, 8], 8)).fit(X), "image_shape must be two"),
    "0-d shape": (lambda: make_shaky_words(2, image_shape=np.array(3)), "image_shape must be two"),
    "cv of numbers": (lambda: search(cv=[0.5]), r"cv=\[0.5\] makes no folds of 20 images"),
    "empty cv": (lambda: search(cv=[]), r"cv=\[\] makes no folds"),
    "many folds": (lambda: search(cv=58), "cv=58 makes no folds of 20 images"),
    "scoring": (lambda: search(scoring=scored), "scoring by .* fails"),
    "folder": (lambda: search(checkpoint="\0"), "checkpoint must name a folder"),
    "file": (lambda: fit(checkpoint="\0"), "checkpoint must name a file"),
    "lams": (lambda: path(lams="auto"), "lams must be a list of finite numbers"),
    "macs": (lambda: path(macs=["x"]), "macs must be a list of finite numbers"),
    "resampling": (lambda: bootstrap_interval(len, [0, 1], [0, 1], random_state=0.5), "random_state: 0.5"),
    "scales": (lambda: make_shaky_spirals(2, scales=14_624), "scales must be at most 32"),
    "count": (lambda: make_shaky_spirals(10**30), "n_samples must be at most"),
    "amplitude": (lambda: make_shaky_spirals(2, amplitude=1e308), "amplitude must be at most 1e"),
    "0-d words": (lambda: make_shaky_words(2, words=np.array(3)), "words must be a list"),
    "no files": (lambda: suggest_image_shape(None, 64), "files must be a list of paths"),
    "no path": (lambda: suggest_image_shape([3], 64), "files must hold paths"),
    "proxy": (lambda: BinaryActivation([]), "proxy must be one of"),
    "no penalty": (lambda: lam_for_sparsity("l0", torch.ones(2), 1.0, 0.5), "penalty must be an object"),
    "no weights": (lambda: lam_for_sparsity(L0(), 3, 1.0, 0.5), "w must be a tensor"),
    "none": (lambda: lam_for_sparsity(L0(), [], 1.0, 0.5), "w must hold at least one tensor"),
    "huge step": (lambda: L0().prox(torch.ones(2), 10**400), "step .* must be a finite number"),
    "few bits": (
        lambda: L0().prox(torch.ones(2).to(torch.float8_e4m3fn), 0.1),
        "w must be a .*float8",
    ),
}


@pytest.mark.parametrize("name", FOUND)
def test_found_fault_is_refused_by_name(name):
    call, message = FOUND[name]
    with pytest.raises((TypeError, ValueError), match=message):
        call()


def test_full_disk_names_the_file_and_leaves_the_old_one(tmp_path):
    (tmp_path / "file").write_bytes(b"old")
    limits, handler = resource.getrlimit(resource.RLIMIT_FSIZE), signal.getsignal(signal.SIGXFSZ)
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, limits[1]))
    try:
        with pytest.raises(OSError, match=str(tmp_path / "file")):
            write_whole(tmp_path / "file", bytes(1000))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, handler)
    assert [child.read_bytes() for child in tmp_path.iterdir()] == [b"old"]
