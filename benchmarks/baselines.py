"""RVSM beside proximal SGD, ADMM and gradual magnitude pruning: LeNet-5 on MNIST at one sparsity.

Data: the folder that SPARSECNN_DATA names must hold ``mnist-train.npz``, the training set as arrays X and y.
Networks are trained on its first 10,000 images. Of the four values of the one setting that each method has,
the best on the last 5,000 images is taken, with a seed of its own; errors are those on the second 10,000
images, which chose nothing. "dense" chooses the learning rate that all methods share.

All train equally: SGD of momentum 0.9 in batches of 64, a learning rate that falls linearly to 0 over all
epochs, the first 8 to make zeros and the last 4 to fine-tune the weights that are left, by the same code.
Methods with a target raise it along a cubic curve: RVSM and ADMM over the first half of the 8 epochs, the
others over a share that is their setting. All end at the same number of zeros, of all 430,500 weights.

With ``--rows FILE``, rows are appended to that file as they come, and runs whose rows it holds are not
repeated: a run may be interrupted.
"""

import argparse
import csv
import math
import time
from pathlib import Path

import numpy as np
import torch
from lenet_mnist import LeNet5, as_pixels, load, percent_kept
from real_data import data_path
from torch.nn.functional import cross_entropy

from sparsecnn import RVSM
from sparsecnn.penalties import L0, L1, lam_for_sparsity

N_TRAIN, N_REPORT, N_TUNE = 10_000, 10_000, 5_000
EPOCHS, FINETUNE_EPOCHS, BATCH_SIZE, MOMENTUM = 8, 4, 64, 0.9
TUNING_SEED = 100
# Steps between two computations of a threshold, and between two cuts of gradual pruning.
LAM_INTERVAL, CUT_INTERVAL = 16, 100


class Dense:
    """No zeros. The setting is the learning rate of all methods."""

    settings = (0.02, 0.05, 0.1, 0.2)
    ramp = 0.5  # the share of the epochs over which the target rises

    def __init__(self, base, weights, setting):
        self.base, self.weights, self.setting = base, weights, setting
        self.n_steps = 0

    def step(self, target):
        """Take a step with the gradients as they are, towards `target`, the present fraction of zeros."""
        self.base.step()
        self.n_steps += 1

    def sparse(self, target):
        """Return the sparse weights."""
        return self.weights


class RelaxedSplitting(Dense):
    """RVSM with ℓ0. The setting is β."""

    settings = (0.1, 0.3, 1.0, 3.0)

    def __init__(self, base, weights, setting):
        super().__init__(RVSM(base, weights, "l0", beta=setting, target_sparsity=0.0), weights, setting)

    def step(self, target):
        self.base.target_sparsity = target
        super().step(target)

    def sparse(self, target):
        self.base.target_sparsity = target
        self.base.update_u()
        return self.base.u


class Cut(Dense):
    """Weights whose smallest are cut in the end."""

    def sparse(self, target):
        return largest(self.weights, target)


class RampedCut(Cut):
    """The same. The setting is the share of the epochs over which the target rises."""

    settings = (0.25, 0.5, 0.75, 1.0)

    @property
    def ramp(self):
        return self.setting


class ProximalL0(RampedCut):
    """Proximal SGD with ℓ0, iterative hard thresholding."""

    def step(self, target):
        super().step(target)
        if self.n_steps % LAM_INTERVAL == 1:
            self.lam = lam_for_sparsity(L0(), self.weights, 1.0, target)
        assign(self.weights, [L0().prox(w, self.lam) for w in self.weights])


class ProximalL1(Cut):
    """Proximal SGD with ℓ1, the weights cut to the target at the end. The setting is λ."""

    settings = (3e-5, 1e-4, 3e-4, 1e-3)

    def step(self, target):
        super().step(target)
        step = self.base.param_groups[0]["lr"] * self.setting
        assign(self.weights, [L1().prox(w, step) for w in self.weights])


class ADMM(Dense):
    """u ← prox(w + v), v ← v + w - u after every step of w. The setting is the weight of ‖w - u + v‖²/2."""

    settings = (0.001, 0.003, 0.01, 0.03)
    interval = 1

    def __init__(self, base, weights, setting):
        super().__init__(base, weights, setting)
        self.u, self.v = [w.clone() for w in weights], [torch.zeros_like(w) for w in weights]
        self.lam = 0.0

    def step(self, target):
        for w, u, v in zip(self.weights, self.u, self.v, strict=True):
            w.grad.add_(w - u + v, alpha=self.setting)
        super().step(target)
        n_updates, left = divmod(self.n_steps, self.interval)
        if left:
            return
        shifted = [w + v for w, v in zip(self.weights, self.v, strict=True)]
        every = max(1, LAM_INTERVAL // self.interval)
        if n_updates % every == 1 % every:
            self.lam = lam_for_sparsity(L0(), shifted, 1.0, target)
        self.u = [L0().prox(s, self.lam) for s in shifted]
        self.v = [s - u for s, u in zip(shifted, self.u, strict=True)]

    def sparse(self, target):
        return largest([w + v for w, v in zip(self.weights, self.v, strict=True)], target)


class EpochADMM(ADMM):
    """The same with a step of u and v every 157 steps of w, an epoch."""

    settings = (0.01, 0.03, 0.1, 0.3)
    interval = 157


class GradualPruning(RampedCut):
    """The smallest weights are cut every 100 steps and stay zero."""

    def step(self, target):
        super().step(target)
        if self.n_steps % CUT_INTERVAL == 1:
            self.masks = [w != 0 for w in largest(self.weights, target)]
        assign(self.weights, [w * mask for w, mask in zip(self.weights, self.masks, strict=True)])


METHODS = {
    "dense": Dense,
    "RVSM, ℓ0": RelaxedSplitting,
    "proximal SGD, ℓ0": ProximalL0,
    "proximal SGD, ℓ1, cut": ProximalL1,
    "ADMM, ℓ0": ADMM,
    "ADMM, ℓ0, each epoch": EpochADMM,
    "gradual pruning": GradualPruning,
}
FIELDS = ("images", "method", "sparsity", "setting", "lr", "seed", "kept", "before", "error", "seconds")


def assign(weights, values):
    for w, value in zip(weights, values, strict=True):
        w.copy_(value)


def largest(weights, target):
    """Return weights with zeros in place of the smallest: the fraction `target` of all of them."""
    lam = lam_for_sparsity(L0(), weights, 1.0, target)
    return [L0().prox(w, lam) for w in weights]


def train(method, setting, lr, sparsity, seed, X, y, report):
    """Return a trained network, and what `report` says of it before fine-tuning.

    Raises
    ------
    FloatingPointError
        If training diverges.
    """
    torch.manual_seed(seed)
    net = LeNet5().to(memory_format=torch.channels_last)
    weights = [p for p in net.parameters() if p.ndim > 1]
    n_batches = -(-len(X) // BATCH_SIZE)
    n_ramp, n_steps = (n_batches * epochs for epochs in (EPOCHS, EPOCHS + FINETUNE_EPOCHS))

    def descend(optimizer, epochs, step):
        """Train for the epochs of a range."""
        for epoch in epochs:
            for i, batch in enumerate(torch.randperm(len(X)).split(BATCH_SIZE)):
                done = epoch * n_batches + i
                for group in optimizer.param_groups:
                    group["lr"] = lr * (1 - done / n_steps)
                optimizer.zero_grad()
                loss = cross_entropy(net(X[batch]), y[batch])
                if not loss.isfinite():
                    raise FloatingPointError(f"{method} diverges at its setting {setting}.")
                loss.backward()
                with torch.no_grad():
                    step(done)

    sgd = torch.optim.SGD(net.parameters(), lr=lr, momentum=MOMENTUM)
    way = METHODS[method](sgd, weights, setting)
    descend(sgd, range(EPOCHS), lambda done: way.step(sparsity * growth(done / (way.ramp * n_ramp))))
    with torch.no_grad():
        assign(weights, way.sparse(sparsity))
    before = report(net)
    held = RVSM(torch.optim.SGD(net.parameters(), lr=lr, momentum=MOMENTUM), weights, "l0", lam=0.0)
    held.fix_support()
    descend(held, range(EPOCHS, EPOCHS + FINETUNE_EPOCHS), lambda done: held.step())
    return net, before


def growth(share):
    """Return the fraction of the target at a share of the ramp: a cubic curve up to 1."""
    return 1 - (1 - min(share, 1)) ** 3


@torch.no_grad()
def error_percent(net, X, y):
    predicted = torch.cat([net(x).argmax(1) for x in X.split(1000)])
    return round(100 * float((predicted != y).double().mean()), 2)


def load_images(path):
    """Return the images and labels to train on, to report on and to tune on."""
    X, y = load(path)
    pixels = as_pixels(X).contiguous(memory_format=torch.channels_last)
    labels = torch.from_numpy(y).long()
    places = {
        "train": slice(N_TRAIN),
        "report": slice(N_TRAIN, N_TRAIN + N_REPORT),
        "tune": slice(len(X) - N_TUNE, None),
    }
    return {name: (pixels[place], labels[place]) for name, place in places.items()}


class Rows:
    """The rows of a table, kept in a file if there is one."""

    def __init__(self, path):
        self.path, self.rows = path, []
        if path and path.exists():
            with path.open(newline="", encoding="utf-8") as file:
                self.rows = [as_numbers(row) for row in csv.DictReader(file)]

    def find(self, **wanted):
        return [row for row in self.rows if all(row[key] == value for key, value in wanted.items())]

    def add(self, row):
        self.rows.append(row)
        print(*(f"{row[name]}" for name in FIELDS), sep=", ", flush=True)
        if self.path:
            new = not self.path.exists()
            with self.path.open("a", newline="", encoding="utf-8") as file:
                writer = csv.DictWriter(file, FIELDS)
                if new:
                    writer.writeheader()
                writer.writerow(row)


def as_numbers(row):
    return {name: text if name in ("images", "method") else float(text) for name, text in row.items()}


def run(rows, images, where, **key):
    """Return the row of a run, from `rows` or by training."""
    if found := rows.find(images=where, **key):
        return found[0]
    start = time.perf_counter()
    try:
        net, before = train(
            *(key[name] for name in ("method", "setting", "lr", "sparsity")),
            int(key["seed"]),
            *images["train"],
            report=lambda net: error_percent(net, *images[where]),
        )
        kept, error = percent_kept(net), error_percent(net, *images[where])
    except FloatingPointError:
        kept, before, error = math.nan, 100.0, 100.0
    seconds = round(time.perf_counter() - start, 1)
    row = {"images": where, **key, "kept": kept, "before": before, "error": error, "seconds": seconds}
    rows.add(row)
    return row


def best_setting(rows, images, method, lr, sparsity):
    """Return the setting of least error on the images to tune on, the first of several."""
    tried = []
    for setting in METHODS[method].settings:
        rate = setting if method == "dense" else lr
        key = {"method": method, "sparsity": sparsity, "setting": setting, "lr": rate, "seed": TUNING_SEED}
        tried.append(run(rows, images, "tune", **key))
    return min(tried, key=lambda row: row["error"])["setting"]


def print_table(reported):
    """Print the means and standard deviations over seeds of the rows of each method."""
    names = {"kept": "kept %", "before": "cut, error %", "error": "fine-tuned, error %", "seconds": "seconds"}
    print(f"\n{'method':>24} {'setting':>8} {'seeds':>5}", *(f"{name:>19}" for name in names.values()))
    for method, rows in reported.items():
        columns = [np.array([row[name] for row in rows]) for name in names]
        cells = (f"{f'{column.mean():.2f} ± {column.std():.2f}':>19}" for column in columns)
        print(f"{method:>24} {rows[0]['setting']:>8g} {len(rows):>5}", *cells)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--methods", nargs="+", choices=list(METHODS), default=list(METHODS))
    parser.add_argument("--sparsity", type=float, default=0.98)
    parser.add_argument("--rows", type=Path, help="a file of rows, read and appended to")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    images, rows = load_images(data_path("mnist-train.npz")), Rows(arguments.rows)
    lr = best_setting(rows, images, "dense", None, 0.0)
    reported = {}
    for method in arguments.methods:
        sparsity = 0.0 if method == "dense" else arguments.sparsity
        setting = best_setting(rows, images, method, lr, sparsity)
        key = {"method": method, "sparsity": sparsity, "setting": setting, "lr": lr}
        reported[method] = [run(rows, images, "report", **key, seed=seed) for seed in arguments.seeds]
    print_table(reported)


if __name__ == "__main__":
    main()
