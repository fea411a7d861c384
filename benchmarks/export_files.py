"""Saved files beside what information needs: bytes at 95 and 99 % zeros, with header and all.

Data: ``make_shaky_words``, as in ``words.py``; few images and epochs, as bytes do not depend on training.
The need is ``log2(n choose k)`` bits for the positions of the k nonzero among n weights of a layer, and the
values of these and of all other numbers; with 8 bits, the step of each filter besides. The ratio is that of
the file to the need. How many times smaller a file is refers to the state of the network as torch saves it.
The last columns are the largest change of a probability on the way through the file, and the milliseconds
to save and to load.
"""

import argparse
import io
import math
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from words import split_words

from sparsecnn import SparseCurveCNNClassifier
from sparsecnn._network import layer_weights
from sparsecnn.export import load, save

SPARSITIES = (0.0, 0.95, 0.99)
BYTES = {"float32": 4, "float16": 2, "int8": 1}


def needed_bytes(classifier, dtype):
    """Return the least bytes that a network needs: of each layer, of sparse or of all values."""
    state = classifier.module_.state_dict()
    weights = layer_weights(classifier.module_)
    n_others = sum(t.numel() for t in state.values() if t.is_floating_point())
    n_others -= sum(w.numel() for w in weights.values())
    total = 4 * n_others
    for w in weights.values():
        n, k = w.numel(), int(w.count_nonzero())
        positions = (math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)) / math.log(2) / 8
        total += min(positions + k * BYTES[dtype], n * BYTES[dtype])
        total += 4 * len(w) if dtype == "int8" else 0
    return total


def measure(classifier, sparsity, images, folder):
    """Print a row for each dtype."""
    state = io.BytesIO()
    torch.save(classifier.module_.state_dict(), state)
    expected = classifier.predict_proba(images)
    for dtype in BYTES:
        path = Path(folder) / "network.safetensors"
        start = time.perf_counter()
        save(classifier, path, dtype=dtype)
        saved = time.perf_counter()
        again = load(path)
        loaded = time.perf_counter()
        n_bytes, needed = path.stat().st_size, needed_bytes(classifier, dtype)
        change = np.abs(again.predict_proba(images) - expected).max()
        print(
            f"{sparsity:>6.0%} {dtype:>8} {n_bytes:>9,} {needed:>9,.0f} {n_bytes / needed:>7.3f} "
            f"{state.getbuffer().nbytes / n_bytes:>8.1f} {change:>8.0e} {1000 * (saved - start):>6.0f} "
            f"{1000 * (loaded - saved):>6.0f}",
            flush=True,
        )


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=1000, help="to train on (default: %(default)s)")
    parser.add_argument("--epochs", type=int, default=6, help="before fine-tuning (default: %(default)s)")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    train, test = split_words(1, n_train=arguments.images, n_test=200)
    columns = f"{'zeros':>6} {'values':>8} {'bytes':>9} {'needed':>9} {'ratio':>7} {'smaller':>8}"
    print(f"{columns} {'change':>8} {'save':>6} {'load':>6}")
    with tempfile.TemporaryDirectory() as folder:
        for sparsity in SPARSITIES:
            classifier = SparseCurveCNNClassifier(
                penalized="all",
                target_sparsity=sparsity,
                channels=(16, 64, 64),
                max_iter=arguments.epochs,
                finetune_iter=2,
                random_state=0,
            ).fit(train.data, train.target)
            measure(classifier, sparsity, test.data, folder)


if __name__ == "__main__":
    main()
