"""LeNet-300-100 and LeNet-5 on MNIST: error against the fraction of weights kept and the multiply-adds.

Data: the folder that SPARSECNN_DATA names must hold ``mnist-train.npz``, the training set as arrays X and y.
The last 5,000 images are held out, and settings were chosen on them; the others are for training. The
networks with few channels are trained with the same settings on the first 50,000; the last 10,000 are held
out. With ``--test FILE``, an .npz with X and y or with x_test and y_test, the saved networks are measured on
other images, such as the test set, which no run here has used.

Widths are the living channels of both convolutions, the living inputs of fc1 and of fc2. Multiply-adds are
counted as in the literature, with biases: ``(25 * read + 1) * pixels * written`` of a convolution.
"""

import argparse
import math
import time
from pathlib import Path

import numpy as np
import torch
from real_data import data_path
from sklearn.metrics import zero_one_loss
from torch import nn

from sparsecnn import CurveAugmentation, SparseCurveCNNClassifier
from sparsecnn._network import make_chain, max_pool

NETWORKS = Path(__file__).parent / "networks"
# Weights kept / test error, in percent, as published; where channels were removed, widths and multiply-adds.
PUBLISHED = {
    "LeNet-300-100": {
        "dense": (100, 1.64),
        "Han et al.": (8.0, 1.6),
        "dynamic network surgery": (1.8, 1.99),
        "soft weight sharing": (4.3, 1.94),
        "SNIP": (2, 2.4),
        "L-OBS": (1.5, 2.0),
        "dynamic sparse training": (2.48, 2.31),
        "sparse variational dropout": (1.5, 1.92),
    },
    "LeNet-5": {
        "dense": (100, 0.80),
        "Han et al.": (8.0, 0.77),
        "dynamic network surgery": (0.9, 0.91),
        "soft weight sharing": (0.5, 0.97),
        "SNIP": (1, 1.1),
        "L-OBS": (1.0, 2.1),
        "dynamic sparse training": (1.64, 0.89),
        "sparse variational dropout": (0.36, 0.75),
        "dense, as in SBP": (100, 0.80, "20-50-800-500", 2308),
        "structured sparsity learning": (94, 1.00, "3-12-800-500", 509),
        "structured Bayesian pruning": (19.7, 0.86, "3-18-284-283", 217),
        "BC-GNJ": (0.95, 1.0, "8-13-88-13", 290),
        "BC-GHS": (0.64, 1.0, "5-10-76-16", 158),
    },
}


class LeNet300(nn.Module):
    """784-300-100-10, fully connected: 266,200 weights."""

    def __init__(self):
        super().__init__()
        self.fc1, self.fc2, self.fc3 = nn.Linear(784, 300), nn.Linear(300, 100), nn.Linear(100, 10)

    def forward(self, x):
        return self.fc3(self.fc2(self.fc1(x.flatten(1)).relu()).relu())


class LeNet5(nn.Module):
    """20 and 50 filters of 5×5, then 500 units, all rectified: 430,500 weights."""

    def __init__(self):
        super().__init__()
        self.conv1, self.conv2 = nn.Conv2d(1, 20, 5), nn.Conv2d(20, 50, 5)
        self.fc1, self.fc2 = nn.Linear(800, 500), nn.Linear(500, 10)

    def forward(self, x):
        x = max_pool(self.conv1(x), self.training).relu()
        x = max_pool(self.conv2(x), self.training).relu()
        return self.fc2(self.fc1(x.flatten(1)).relu())


MODULES = {"LeNet-300-100": LeNet300, "LeNet-5": LeNet5}
# Chosen on the held-out images.
TUNED = {"solver": "adam", "max_iter": 36, "finetune_iter": 12, "augment": CurveAugmentation(strength=0.5)}
ADAM = {"solver": "adam", "max_iter": 24, "finetune_iter": 20}
# For fewer weights, longer, on images changed less.
LONG = {"solver": "adam", "max_iter": 60, "finetune_iter": 60, "augment": CurveAugmentation(strength=0.3)}
# Where channels are removed, splitting for longer pays, and fine-tuning takes little time.
CHANNELS = {"penalty": "sparse_group_l0", **TUNED, "max_iter": 72, "finetune_iter": 72}
# By name of the saved file: network, percentage of weights kept, images held out, method, parameters.
RUNS = {
    "lenet-300-100-1.5": ("LeNet-300-100", 1.5, 5000, "RVSM, ℓ0", TUNED),
    "lenet-5-1.0": ("LeNet-5", 1.0, 5000, "RVSM, ℓ0", TUNED),
    "lenet-5-0.36": ("LeNet-5", 0.36, 5000, "RVSM, ℓ0", TUNED),
    "lenet-5-0.25": ("LeNet-5", 0.25, 5000, "RVSM, ℓ0", LONG),
    "lenet-5-0.36-defaults": ("LeNet-5", 0.36, 5000, "RVSM, ℓ0, default training", {}),
    "lenet-5-0.36-adam": ("LeNet-5", 0.36, 5000, "RVSM, ℓ0, Adam, 24 + 20 epochs", ADAM),
    "lenet-5-150k": ("LeNet-5", 0.64, 10000, "RVSM, groups and ℓ0", {"target_macs": 0.067, **CHANNELS}),
    "lenet-5-100k": ("LeNet-5", 0.64, 10000, "RVSM, groups and ℓ0", {"target_macs": 0.0425, **CHANNELS}),
}


def load(path):
    """Return images and labels of an .npz file."""
    with np.load(path) as file:
        names = ("X", "y") if "X" in file else ("x_test", "y_test")
        return [file[name] for name in names]


def as_pixels(X):
    """Return images as a network takes them, with values from 0 to 1."""
    return torch.from_numpy(X).float().view(-1, 1, 28, 28) / 255


def percent_kept(module):
    """Return the percentage of the weights, biases left out, that are not zero."""
    weights = [p for p in module.parameters() if p.ndim > 1]
    return 100 * sum(int(w.count_nonzero()) for w in weights) / sum(w.numel() for w in weights)


def train(name, kept, params, X, y, seed):
    """Return a fitted classifier with `kept` percent of its weights."""
    classifier = SparseCurveCNNClassifier(
        module=MODULES[name],
        penalized="all",
        target_sparsity=1 - kept / 100,
        precision="auto",
        random_state=seed,
        **params,
    )
    return classifier.fit(X, y)


def save(classifier, path):
    """Write the weights of the sparse network, compressed."""
    path.parent.mkdir(exist_ok=True)
    np.savez_compressed(path, **{name: w.numpy() for name, w in classifier.module_.state_dict().items()})


def measure(name, path, X, y):
    """Return weights kept and error in percent, widths, and thousands of multiply-adds of a saved network."""
    module = MODULES[name]()
    with np.load(path) as weights:
        module.load_state_dict({key: torch.from_numpy(weights[key]) for key in weights})
    with torch.no_grad():
        predicted = torch.cat([module(batch).argmax(1) for batch in as_pixels(X).split(1000)])
    return percent_kept(module), 100 * zero_one_loss(y, predicted.numpy()), *count_channels(module)


def count_channels(module):
    """Return the living channels of a network, and the thousands of multiply-adds that they need."""
    chain = make_chain(module, (28, 28))
    widths = chain.living_widths()
    macs = sum(
        (stage.macs_per_pair * n_read + np.prod(stage.shape[1:], dtype=int)) * n_written
        for stage, n_read, n_written in chain.stages_between(widths)
    )
    shown = [f"{n * reader.pixels}" for n, reader in zip(widths, chain.stages[1:], strict=True)]
    if isinstance(module, LeNet5):
        shown.insert(1, f"{widths[1]}")
    return "-".join(shown), macs / 1000


def print_row(name, method, kept, error, widths="", macs=math.nan, note=""):
    counted = "" if math.isnan(macs) else f"{macs:.0f}"
    print(f"{name:14} {method:28} {kept:>7.2f} {error:>8.2f} {widths:>14} {counted:>6}  {note}", flush=True)


def print_published():
    """Print the header of the table and the published rows."""
    print(f"{'network':14} {'method':28} {'kept %':>7} {'error %':>8} {'widths':>14} {'1,000':>6}")
    for name, rows in PUBLISHED.items():
        for method, figures in rows.items():
            print_row(name, method, *figures, note="test set, published")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--test", metavar="FILE", help="measure the saved networks on the images of this file"
    )
    parser.add_argument("--runs", nargs="+", choices=list(RUNS), default=list(RUNS))
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    X, y = load(arguments.test or data_path("mnist-train.npz"))
    print_published()
    for run in arguments.runs:
        name, kept, held_out, method, params = RUNS[run]
        path, note = NETWORKS / f"{run}.npz", Path(arguments.test or "").name
        if arguments.test is not None and not path.exists():
            print(f"{name:14} {run}: not saved yet; train it with --runs {run}")
            continue
        if arguments.test is None:
            start = time.perf_counter()
            save(train(name, kept, params, X[:-held_out], y[:-held_out], arguments.seed), path)
            note = f"{held_out} held-out images, {time.perf_counter() - start:.0f} s"
            images, labels = X[-held_out:], y[-held_out:]
        else:
            images, labels = X, y
        print_row(name, method, *measure(name, path, images, labels), note=note)


if __name__ == "__main__":
    main()
