"""Cost against size: time per image for 1,000 to 100,000 images and 2 to 100 classes, memory, image files.

The largest prediction reads a sparse file, which takes no space on the disk. Pages of mapped files, which the
system can drop at any time, do not count as memory.
"""

import argparse
import io
import re
import subprocess
import sys
import tempfile
import threading
import time
import warnings
from pathlib import Path

import numpy as np
from joblib import parallel_config
from PIL import Image
from torch import nn

from sparsecnn import SparseCurveCNNClassifier
from sparsecnn.datasets import make_shaky_drawings
from sparsecnn.preprocessing import CurveImageTransformer

SIDE = 28
IMAGES = (1_000, 3_000, 10_000, 30_000, 100_000)
CLASSES = (2, 5, 10, 30, 100)
DEFAULTS = {"channels": (16, 64, 64), "max_iter": 1, "finetune_iter": 0, "random_state": 0}


def make_images(n_images, n_classes=2, side=SIDE):
    rng = np.random.default_rng(0)
    return rng.integers(0, 256, (n_images, side, side), dtype=np.uint8), np.arange(n_images) % n_classes


def make_classifier(**params):
    return SparseCurveCNNClassifier(**DEFAULTS | params)


def measure_curve(name, cases, rounds):
    """Print the time per image of fit (one epoch) and predict in each case, the least of the rounds."""
    print(f"\n{name:>9} {'fit, µs/image':>14} {'ratio':>6} {'predict, µs/image':>18} {'ratio':>6}")
    _costs(*make_images(500))  # warm up
    first = None
    for value, (X, y) in cases:
        costs = np.min([_costs(X, y) for _ in range(rounds)], axis=0)
        first = costs if first is None else first
        fit, predict = costs / first
        print(f"{value:>9,} {costs[0]:>14.0f} {fit:>6.2f} {costs[1]:>18.0f} {predict:>6.2f}", flush=True)


def _costs(X, y):
    start = time.process_time()
    classifier = make_classifier().fit(X, y)
    middle = time.process_time()
    classifier.predict(X)
    return 1e6 * np.array([middle - start, time.process_time() - middle]) / len(X)


class Growth:
    """Megabytes by which the process grows within a ``with`` block, without pages of mapped files."""

    def __enter__(self):
        self.start, self.peak, self.done = self._memory(), 0, threading.Event()
        self.thread = threading.Thread(target=self._watch)
        self.thread.start()
        return self

    def __exit__(self, *error):
        self.done.set()
        self.thread.join()
        self.megabytes = self.peak - self.start

    def _watch(self):
        while not self.done.wait(0.01):
            self.peak = max(self.peak, self._memory())

    @staticmethod
    def _memory():
        return int(re.search(r"RssAnon:\s+(\d+)", Path("/proc/self/status").read_text())[1]) / 1024


def fit_memory():
    """Print the memory of a fit on 60,000 images, without its data."""
    X, y = make_images(60_000, 10)
    classifier = make_classifier(early_stopping=True)
    with Growth() as growth:
        classifier.fit(X, y)
    print(f"fit on 60,000 x 28 x 28 uint8 ({X.nbytes / 2**20:.0f} MB): {growth.megabytes:.0f} MB more")


def predict_memory(gigabytes):
    """Print the memory of predicting a memory-mapped X."""
    side = 64
    n_images = int(gigabytes * 1e9) // side**2
    module = nn.Sequential(nn.Flatten(), nn.Linear(side * side, 2))  # so that reading is most of the work
    classifier = make_classifier(module=module).fit(*make_images(200, side=side))
    with tempfile.TemporaryFile() as file:
        file.truncate(n_images * side**2)
        X = np.memmap(file, np.uint8, "r", shape=(n_images, side, side))
        with Growth() as growth:
            classifier.predict(X)
    print(
        f"predict {n_images:,} x {side} x {side} uint8 ({gigabytes:g} GB) mapped: {growth.megabytes:.0f} MB"
    )


def measure_transformer(rounds, n_images=256, side=512):
    """Print the JPEG files per second of the transformer and of Pillow alone."""
    drawings = make_shaky_drawings(16, image_shape=(side, side), random_state=0).images
    files = [_jpeg(255 - drawings[i % 16]) for i in range(n_images)]

    def transform(n_jobs, backend="threading"):
        with parallel_config(backend=backend):
            CurveImageTransformer(n_jobs=n_jobs).transform(files)

    readers = {
        "Pillow, decode and resize": lambda: [_read(file) for file in files],
        "n_jobs=1": lambda: transform(1),
        "n_jobs=2, threads": lambda: transform(2),
        "n_jobs=2, loky": lambda: transform(2, "loky"),
    }
    transform(2, "loky")  # starts the processes
    seconds: dict = {name: [] for name in readers}
    for _ in range(2 * rounds + 1):
        for name, read in readers.items():
            start = time.perf_counter()
            read()
            seconds[name].append(time.perf_counter() - start)
    speed = {name: n_images / np.median(times) for name, times in seconds.items()}
    print(f"\nCurveImageTransformer, {n_images} JPEG files of {side} x {side}")
    for name, images in speed.items():
        print(f"{name:26} {images:>6,.0f} images/s")
    bare, one, threads, processes = speed.values()
    print(
        f"one thread over Pillow: {one / bare:.2f}; "
        f"over one thread, two: {threads / one:.2f}, two processes: {processes / one:.2f}",
        flush=True,
    )


def _jpeg(pixels):
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG")
    return file.getvalue()


def _read(file):
    return np.asarray(Image.open(io.BytesIO(file)).convert("L").resize((64, 64), Image.Resampling.BICUBIC))


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--largest", type=int, default=IMAGES[-1], help="largest number of images")
    parser.add_argument("--gigabytes", type=float, default=4, help="size of the mapped X")
    parser.add_argument("--parts", nargs="+", default=["images", "classes", "transformer", "memory"])
    parser.add_argument("--in-process", choices=["fit", "predict"], help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    if arguments.in_process:
        fit_memory() if arguments.in_process == "fit" else predict_memory(arguments.gigabytes)
        return
    if "images" in arguments.parts:
        sizes = [n for n in IMAGES if n <= arguments.largest]
        measure_curve("images", ((n, make_images(n)) for n in sizes), arguments.rounds)
    if "classes" in arguments.parts:
        measure_curve("classes", ((n, make_images(3_000, n)) for n in CLASSES), arguments.rounds)
    if "transformer" in arguments.parts:
        measure_transformer(arguments.rounds)
    if "memory" in arguments.parts:
        print(flush=True)
        for which in ("fit", "predict"):  # each in a process of its own
            size = str(arguments.gigabytes)
            subprocess.run([sys.executable, __file__, "--in-process", which, "--gigabytes", size], check=True)


if __name__ == "__main__":
    main()
