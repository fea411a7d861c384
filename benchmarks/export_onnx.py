"""ONNX files beside the package's own `predict`: bytes, export, times, probabilities, accuracy.

Data: ``make_shaky_words``, as in ``words.py``; few images and epochs, for it is speed that is measured. Every
network, and an ensemble of four, is written in float32 and in 8 bits, calibrated on training images. Times
are milliseconds of the processor for 1 image and for 256, in one thread, interleaved: ratios within a row are
to be trusted more than others. The change is the largest of all probabilities. Accuracy is that on words and
fonts that training did not see.
"""

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from compression import BATCHES, median_seconds
from words import split_words

from sparsecnn import SparseCurveCNNClassifier, SparseCurveEnsemble
from sparsecnn.export import compress, to_onnx

NETWORKS = {
    "dense": {"penalty": None},
    "95 % zeros": {"penalized": "all", "target_sparsity": 0.95},
}
FORMS = ("float32", "int8")


def opened(path):
    """Return a function that computes labels and probabilities in onnxruntime, in one thread."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    return lambda x: session.run(["label", "probabilities"], {"X": x})


def measure(name, classifier, train, test, folder):
    """Print a row for `predict`, and one for each form of the file."""
    x = test.data.reshape(len(test.data), -1)
    expected = classifier.predict_proba(x)
    files, runs = [], [classifier.predict]
    for form in FORMS:
        path = Path(folder) / f"{name}-{form}.onnx"
        options = {"quantize": "int8", "calibration": train.data[:256]} if form == "int8" else {}
        start = time.perf_counter()
        to_onnx(classifier, path, **options)
        files.append(f"{path.stat().st_size:>9,} {time.perf_counter() - start:>7.1f}")
        runs.append(opened(path))
    seconds = [median_seconds(runs, x[:n], repeats) for n, repeats in BATCHES.items()]
    own = "".join(f"{1000 * each[0]:>9.2f}{'':>7}" for each in seconds)
    print(f"{name:>12} {'predict':>8} {'':>17} {own} {'':>8} {classifier.score(x, test.target):>8.2%}")
    for i, (form, file) in enumerate(zip(FORMS, files, strict=True), start=1):
        times = "".join(f"{1000 * each[i]:>9.2f} ({each[0] / each[i]:.1f}×)" for each in seconds)
        label, probabilities = runs[i](x)
        change, accuracy = np.abs(probabilities - expected).max(), np.mean(label == test.target)
        print(f"{name:>12} {form:>8} {file} {times} {change:>8.0e} {accuracy:>8.2%}", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=1500, help="to train on (default: %(default)s)")
    parser.add_argument("--epochs", type=int, default=7, help="before fine-tuning (default: %(default)s)")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    train, test = split_words(1, n_train=arguments.images, n_test=1000)
    columns = f"{'network':>12} {'form':>8} {'bytes':>9} {'seconds':>7} {'ms for 1':>9}{'256':>16}"
    print(f"{columns} {'change':>15} {'accuracy':>8}", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        for name, params in NETWORKS.items():
            classifier = SparseCurveCNNClassifier(
                **params, channels=(16, 64, 64), max_iter=arguments.epochs, finetune_iter=2, random_state=0
            )
            fitted = classifier.fit(train.data, train.target)
            measure(name, fitted if name == "dense" else compress(fitted), train, test, folder)
        ensemble = SparseCurveEnsemble(classifier, n_members=4, random_state=0)
        measure("four of it", compress(ensemble.fit(train.data, train.target)), train, test, folder)


if __name__ == "__main__":
    main()
