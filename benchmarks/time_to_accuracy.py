"""Accuracy on unseen fonts and words against the seconds of a fit, beside pruning with torch.

Data: ``make_shaky_words``, as in ``words.py``: 8,000 images to train on and 10,000 to test on, which share
neither font nor word. All have batches of 64 images and 90 % zeros in the fully connected layer, compute in
bf16 where the processor has it natively, and run in one thread; a fit counts by its processor time, so that
other work on the machine changes it little. Budgets are in epochs, every one a run of its own; two fifths of
ours are for fine-tuning, a quarter of the others'. "Adam for long" was the default before Muon, with 16, 64
and 64 filters, which skorch and the loop have too: fewer of the first layer, and 27 % more multiply-adds.

skorch and the loop train densely, set the smallest weights to zero by ``torch.nn.utils.prune`` and fine-tune.
skorch has the network in its textbook form, by Adam at a constant rate; or also our augmentation and our
schedule. The loop is the fastest that we can write, with our augmentation and our schedule.
"""

import argparse
import json
import math
import time

import matplotlib.pyplot as plt
import numpy as np
import torch
from compression import add_row, measured_rows
from sklearn.metrics import accuracy_score
from skorch import NeuralNetClassifier
from skorch.callbacks import Callback
from torch import nn
from torch.nn.functional import cross_entropy
from torch.nn.utils import prune
from words import split_words

from sparsecnn import CurveAugmentation, SparseCurveCNNClassifier
from sparsecnn._compute import autocast_for
from sparsecnn._network import CurveCNN
from sparsecnn._training.augment import augment

SIDE, BATCH, RATE, SPARSITY = 64, 64, 0.003, 0.9
CHANNELS = (16, 64, 64)  # of the rivals
LEVELS = (0.98, 0.99, 0.993)
autocast = autocast_for("auto", torch.device("cpu"))


def finetuning(epochs, share=0.25):
    """Return how many of the epochs are for fine-tuning."""
    return max(1, round(epochs * share))


def cosine(done):
    """Return the learning rate after a share of a run."""
    return RATE * (1 + math.cos(math.pi * done)) / 2


def textbook():
    """Return the network of the classifier as textbooks write it: pooling comes last."""
    layers = []
    for n_in, n_out in zip((1, *CHANNELS), CHANNELS, strict=False):
        conv = nn.Conv2d(n_in, n_out, 3, padding=1, bias=False)
        layers += [conv, nn.BatchNorm2d(n_out), nn.ReLU(), nn.MaxPool2d(2)]
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(64 * (SIDE // 8) ** 2, 2))


class Textbook(nn.Module):
    """The textbook network, in the precision of all; when it trains, on augmented images if asked to."""

    def __init__(self, augmentation=None):
        super().__init__()
        self.layers, self.augmentation = textbook(), augmentation

    def forward(self, x):
        if self.training and self.augmentation is not None:
            x = augment(x, self.augmentation)
        with autocast():
            return self.layers(x).float()


class PruneAndDecay(Callback):
    """Prune the last layer before the epochs of fine-tuning; if asked to, follow our schedule."""

    def __init__(self, epochs, decays):
        self.epochs, self.decays = epochs, decays

    def on_epoch_begin(self, net, **kwargs):
        if len(net.history) - 1 == self.epochs - finetuning(self.epochs):
            prune.l1_unstructured(net.module_.layers[-1], "weight", amount=SPARSITY)
            # The optimizer is to train what is pruned now.
            net.initialize_optimizer()

    def on_batch_begin(self, net, training, **kwargs):
        if self.decays and training:
            done = (len(net.history) - 1 + len(net.history[-1]["batches"]) / net.n_batches) / self.epochs
            for group in net.optimizer_.param_groups:
                group["lr"] = cosine(min(1, done))


def fit_skorch(X, y, epochs, seed, ours):
    """Train by skorch, plain or with our augmentation and schedule, and return predict and the last layer."""
    net = NeuralNetClassifier(
        Textbook,
        module__augmentation=CurveAugmentation() if ours else None,
        criterion=nn.CrossEntropyLoss,
        optimizer=torch.optim.Adam,
        lr=RATE if ours else 0.001,
        batch_size=BATCH,
        max_epochs=epochs,
        iterator_train__shuffle=True,
        train_split=None,
        verbose=0,
        callbacks=[PruneAndDecay(epochs, decays=ours)],
    )
    net.n_batches = math.ceil(len(X) / BATCH)
    pixels = as_pixels(X)
    net.fit(pixels, y)
    return lambda X: net.predict(as_pixels(X)), net.module_.layers[-1]


def fit_loop(X, y, epochs, seed):
    """Train by a loop written by hand, and return predict and the last layer."""
    network = CurveCNN((SIDE, SIDE), 2, CHANNELS).to(memory_format=torch.channels_last)
    optimizer = torch.optim.Adam(network.parameters(), lr=RATE, fused=True)
    images, labels = torch.from_numpy(X).view(-1, 1, SIDE, SIDE), torch.from_numpy(y)
    n_batches = math.ceil(len(X) / BATCH)
    for epoch in range(epochs):
        if epoch == epochs - finetuning(epochs):
            prune.l1_unstructured(network.fc, "weight", amount=SPARSITY)
            optimizer = torch.optim.Adam(network.parameters(), lr=RATE, fused=True)
        for i, rows in enumerate(torch.randperm(len(X)).split(BATCH)):
            for group in optimizer.param_groups:
                group["lr"] = cosine((epoch + i / n_batches) / epochs)
            optimizer.zero_grad()
            x = augment(images[rows].float().div_(255), CurveAugmentation())
            with autocast():
                scores = network(x)
            cross_entropy(scores.float(), labels[rows]).backward()
            optimizer.step()
    network.eval()

    @torch.inference_mode()
    def predict(X):
        with autocast():
            parts = torch.from_numpy(as_pixels(X)).split(250)
            return torch.cat([network(part).argmax(1) for part in parts]).numpy()

    return predict, network.fc


def fit_ours(X, y, epochs, seed, share=0.4, **params):
    """Train by our classifier, by its defaults or for so many epochs; return predict and the last layer."""
    if epochs is not None:
        last = finetuning(epochs, share)
        params |= {"max_iter": epochs - last, "finetune_iter": last}
    classifier = SparseCurveCNNClassifier(precision="auto", random_state=seed, **params).fit(X, y)
    return classifier.predict, classifier.module_.fc


def as_pixels(X):
    return X.reshape(-1, 1, SIDE, SIDE).astype(np.float32) / 255


# By name: how it trains, and its budgets; None is for the defaults.
CONTENDERS = {
    "sparsecnn": (fit_ours, (None, 2, 3, 4, 8, 16, 32)),
    "sparsecnn, Adam for long": (
        lambda *args: fit_ours(*args, share=0.25, solver="adam", channels=CHANNELS),
        (32,),
    ),
    "skorch + prune": (lambda *args: fit_skorch(*args, ours=False), (8, 32)),
    "skorch + prune, our schedule": (lambda *args: fit_skorch(*args, ours=True), (8, 32)),
    "best loop + prune": (fit_loop, (8, 32)),
}


def measure(name, epochs, seed, train, test):
    """Return a row of the table."""
    torch.manual_seed(seed)
    start = time.process_time()
    predict, layer = CONTENDERS[name][0](train.data, train.target, epochs, seed)
    seconds = time.process_time() - start
    return {
        "name": name,
        "epochs": epochs or "defaults",
        "seed": seed,
        "accuracy": accuracy_score(test.target, predict(test.data)),
        "zeros": float((layer.weight == 0).float().mean()),
        "seconds": seconds,
    }


def summaries(rows):
    """Return mean seconds, mean accuracy, its standard deviation and mean zeros, by name and budget."""
    runs = {}
    for row in rows:
        runs.setdefault((row["name"], row["epochs"]), []).append(row)
    columns = ("seconds", "accuracy", "zeros")
    return {
        key: (
            *(np.mean([row[c] for row in mine]) for c in columns),
            np.std([row["accuracy"] for row in mine]),
        )
        for key, mine in runs.items()
    }


def print_summaries(found):
    """Print the table, and the seconds of the cheapest budget that reaches each level."""
    print(f"\n{'':>30} {'epochs':>9} {'accuracy':>17} {'zeros':>7} {'seconds':>8}")
    for (name, epochs), (seconds, accuracy, zeros, spread) in found.items():
        print(f"{name:>30} {epochs:>9} {accuracy:>8.2%} ± {spread:>5.2%} {zeros:>8.1%} {seconds:>8.0f}")
    print(f"\n{'seconds to':>30}" + "".join(f"{level:>9.1%}" for level in LEVELS))
    for name in CONTENDERS:
        mine = [found[key] for key in found if key[0] == name]
        cells = (min((row[0] for row in mine if row[1] >= level), default=None) for level in LEVELS)
        print(f"{name:>30}" + "".join(f"{'never' if s is None else round(s):>9}" for s in cells))


def plot(found, path):
    """Draw accuracy against seconds into a file."""
    figure, ax = plt.subplots(figsize=(7, 4.5), layout="constrained")
    styles = zip(CONTENDERS, ("o-", "D--", "s:", "^-.", "v--"), strict=True)
    for name, style in styles:
        mine = sorted(found[key] for key in found if key[0] == name)
        if mine:
            seconds, accuracy, _, spread = np.transpose(mine)
            ax.errorbar(seconds, 100 * (1 - accuracy), 100 * spread, fmt=style, capsize=2, label=name)
    ax.set(
        xscale="log",
        yscale="log",
        xlabel="processor time of a fit (s)",
        ylabel="errors on unseen fonts and words (%)",
        title="90 % zeros in the fully connected layer",
    )
    ax.set_xticks([10, 20, 50, 100, 200], labels=["10", "20", "50", "100", "200"])
    ax.set_yticks([0.5, 1, 2, 5], labels=["0.5", "1", "2", "5"])
    ax.minorticks_off()
    ax.grid(alpha=0.3)
    ax.legend()
    figure.savefig(path, dpi=120)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--contenders", nargs="+", choices=list(CONTENDERS), default=list(CONTENDERS))
    parser.add_argument("--rows", metavar="FILE", help="keep rows here; runs that it has are not done again")
    parser.add_argument("--plot", metavar="FILE", help="draw the table into this file")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    rows = measured_rows(arguments.rows)
    known = {(row["name"], row["epochs"], row["seed"]) for row in rows}
    for seed in arguments.seeds:
        train, test = split_words(seed, n_test=10_000)
        for name in arguments.contenders:
            for epochs in CONTENDERS[name][1]:
                if (name, epochs or "defaults", seed) in known:
                    continue
                row = measure(name, epochs, seed, train, test)
                rows.append(row)
                print(json.dumps(row), flush=True)
                add_row(row, arguments.rows)
    found = summaries(rows)
    print_summaries(found)
    if arguments.plot:
        plot(found, arguments.plot)


if __name__ == "__main__":
    main()
