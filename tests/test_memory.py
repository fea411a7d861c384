"""Images that do not fit into memory, and batches that do not."""

import os
import subprocess
import sys

import numpy as np
import pytest
import torch
from conftest import make_stripes
from torch import nn

from sparsecnn import SparseCurveCNNClassifier
from sparsecnn._compute import autocast_for
from sparsecnn._training import Images, predict

SIDE = 32


def quick(**params):
    start = {"channels": (2, 2, 2), "max_iter": 1, "finetune_iter": 0, "augment": False, "random_state": 0}
    return SparseCurveCNNClassifier(**start | params)


# Prints by how much the process grew, without pages of the file, which the system may take back.
GROWTH = """
import re, sys, threading, time
import numpy as np
import torch
from sparsecnn import SparseCurveCNNClassifier

def memory():
    return int(re.search(r"RssAnon:\\s+(\\d+)", open("/proc/self/status").read())[1]) / 1024

def watch(done, peak):
    while not done.wait(0.01):
        peak.append(memory())

def quick(**params):
    module = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(SIDE * SIDE, 2))
    start = dict(module=module, max_iter=1, finetune_iter=0, augment=False, random_state=0)
    return SparseCurveCNNClassifier(**start | params)

rng = np.random.default_rng(0)
small = quick(batch_size=64).fit(rng.integers(0, 255, (64, SIDE, SIDE)).astype(DTYPE), np.arange(64) % 2)
X = np.memmap(sys.argv[1], DTYPE, "r", shape=(N, SIDE, SIDE))
y = np.arange(N) % 2
start, done, peak = memory(), threading.Event(), [0]
thread = threading.Thread(target=watch, args=(done, peak))
thread.start()
CODE
done.set()
thread.join()
print(max(peak) - start)
"""


def growth(code, n_images, dtype, tmp_path):
    """Return the megabytes by which a process grows that runs `code` on a memory-mapped X."""
    path = tmp_path / "images"
    with open(path, "wb") as file:
        file.truncate(n_images * SIDE * SIDE * np.dtype(dtype).itemsize)  # a hole, which takes no room
    source = GROWTH.replace("CODE", code).replace("DTYPE", repr(dtype)).replace("SIDE", str(SIDE))
    run = [sys.executable, "-c", source.replace("(N,", f"({n_images},").replace("(N)", f"({n_images})"), path]
    result = subprocess.run(run, capture_output=True, text=True, timeout=300)
    assert result.returncode == 0, result.stderr
    return float(result.stdout)


linux = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc to see how a process grows")


@linux
@pytest.mark.slow
@pytest.mark.parametrize(
    ("code", "dtype", "n_images"),
    [
        ("small.predict(X)", "uint8", 200_000),
        ("small.predict_proba(X)", "float32", 60_000),
        ("quick(early_stopping=True, batch_size=1024).fit(X, y)", "uint8", 200_000),
        ("quick(early_stopping=True, batch_size=512).fit(X, y)", "float32", 60_000),
        ("small.set_params(batch_size=1024).partial_fit(X, y)", "uint8", 200_000),
    ],
)
def test_memory_mapped_images_stay_on_disk(code, dtype, n_images, tmp_path):
    size = n_images * SIDE * SIDE * np.dtype(dtype).itemsize / 2**20
    assert growth(code, n_images, dtype, tmp_path) < min(100, size / 2)


# Prints how many pages of memory a second fit and prediction ask for, for each page that the first asked for.
# No tensor takes 32 MiB or more, which glibc always returns.
PAGE_FAULTS = """
import resource
import numpy as np
from sparsecnn import SparseCurveCNNClassifier

def run():
    start = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    classifier = SparseCurveCNNClassifier(channels=(24, 32, 64), max_iter=1, finetune_iter=0, random_state=0)
    classifier.fit(X, y).predict(X)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - start

X, y = np.zeros((1024, 64, 64), np.uint8), np.arange(1024) % 2
first = run()
print(run() / first)
"""


@linux
@pytest.mark.slow
@pytest.mark.parametrize("setting", [{}, {"MALLOC_TRIM_THRESHOLD_": "65536"}], ids=["default", "dask"])
def test_memory_of_one_batch_serves_the_next(setting):
    run = [sys.executable, "-c", PAGE_FAULTS]
    result = subprocess.run(run, capture_output=True, text=True, timeout=300, env=os.environ | setting)
    assert result.returncode == 0, result.stderr
    assert float(result.stdout) < 0.6


# Prints how many pages 20 times four blocks of memory ask for, once the first four have come and gone.
BLOCKS = """
import resource
from sparsecnn._compute import keep_freed_memory

def ask():
    [b"x" * 2**24 for _ in range(4)]

keep_freed_memory()
ask()
start = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(20):
    ask()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - start)
"""


@linux
@pytest.mark.slow
@pytest.mark.parametrize(("switch", "keeps"), [("1", True), ("0", False)])
def test_environment_switches_the_keeping_of_memory_off(switch, keeps):
    environment = os.environ | {"SPARSECNN_KEEP_MEMORY": switch}
    result = subprocess.run(
        [sys.executable, "-c", BLOCKS], capture_output=True, text=True, timeout=300, env=environment
    )
    assert result.returncode == 0, result.stderr
    assert (int(result.stdout) < 20) == keeps  # fewer pages than repetitions: the memory was there


def test_subset_shares_the_images():
    X = np.arange(40, dtype=np.uint8).reshape(10, 4)
    images = Images(X, (2, 2), 255.0, torch.device("cpu"), y=np.arange(10))
    part = images.subset(np.array([1, 3, 5, 7])).subset(np.array([0, 2]))
    assert part.X is X
    assert len(part) == 2
    assert part.y.tolist() == [1, 5]
    assert (part.pixels(np.array([1])) * 255).flatten().tolist() == [20, 21, 22, 23]


@pytest.mark.parametrize("precision", ["float32", "bf16"])
def test_predictions_do_not_depend_on_how_many_images_come_at_once(precision):
    X, y = make_stripes(150, random_state=0)
    classifier = quick(max_iter=3, precision=precision, batch_size=32).fit(X, y)
    together = classifier.predict_proba(X)
    for size in (1, 7, 64):
        parts = [classifier.predict_proba(X[i : i + size]) for i in range(0, len(X), size)]
        np.testing.assert_allclose(np.concatenate(parts), together, atol=1e-5)


def test_prediction_comes_in_batches_of_bounded_size():
    class Noting(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc, self.sizes = nn.Linear(1, 2), []

        def forward(self, x):
            self.sizes.append(len(x))
            return self.fc(x.mean((2, 3)))

    module = Noting()
    images = Images(np.zeros((300, 64 * 64), np.uint8), (64, 64), 255.0, torch.device("cpu"))
    assert predict(module, images, autocast_for("float32", images.device)).shape == (300, 2)
    assert module.sizes == [64, 64, 64, 64, 44]


class Greedy(nn.Module):
    """A network that asks for more memory than any machine has, once it is given more than two images."""

    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(256, 2)

    def forward(self, x):
        if len(x) > 2:
            torch.empty(len(x), 2**50)
        return self.fc(x.flatten(1))


def test_running_out_of_memory_names_the_batch_size(stripes):
    with pytest.raises(MemoryError, match=r"device 'cpu' does not hold a batch of 30 images of 16 \* 16"):
        quick(module=Greedy, batch_size=32).fit(*stripes)
    classifier = quick(module=Greedy, batch_size=2).fit(*stripes)
    with pytest.raises(MemoryError, match="a batch of 120 images"):
        classifier.predict(stripes[0])


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_running_out_of_device_memory_names_the_batch_size(stripes):
    with pytest.raises(MemoryError, match="device 'cuda"):
        quick(module=Greedy, device="cuda", batch_size=32).fit(*stripes)
