"""Classifiers and networks that train in a second, for the tests."""

import itertools
import signal

import numpy as np
import torch
from torch import nn

from sparsecnn import SparseCurveCNNClassifier


def small(**params):
    """Return a classifier that trains in a second, at a fixed λ."""
    quick = {"channels": (4, 4, 8), "kernel_size": 3, "max_iter": 8, "finetune_iter": 2, "batch_size": 32}
    quick["lam"] = 1e-4
    return SparseCurveCNNClassifier(**quick | {"augment": False, "random_state": 0} | params)


def quick(**params):
    """Return a classifier that trains in a second, for a target sparsity."""
    return small(**{"lam": "auto", "finetune_iter": 4} | params)


def wide(**params):
    """Return a quick classifier of 1,024 fully connected weights, so that a tenth of a percent is one."""
    return quick(**{"channels": (4, 4, 128)} | params)


def state(classifier):
    """Return all numbers of the fitted network in one tensor."""
    return torch.cat([value.double().flatten() for value in classifier.module_.state_dict().values()])


class OwnNetwork(nn.Module):
    """Two fully connected layers for images of 16×16."""

    def __init__(self, n_classes=2):
        super().__init__()
        self.hidden = nn.Linear(256, 16)
        self.out = nn.Linear(16, n_classes)

    def forward(self, x):
        return self.out(self.hidden(x.flatten(1)).relu())


def own_network():
    """Return a network of one's own with the same weights every time."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return OwnNetwork()


def interrupted_after(n_batches):
    """Return a network class that receives a Ctrl-C after so many training batches of all its networks."""
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a process in the background may ignore it
    counter = itertools.count(1)

    class Interrupted(OwnNetwork):
        n_trained = 0

        def forward(self, x):
            if self.training and torch.is_grad_enabled():
                Interrupted.n_trained = next(counter)
                if Interrupted.n_trained == n_batches + 1:
                    signal.raise_signal(signal.SIGINT)
            return super().forward(x)

    return Interrupted


def rows_of(X):
    """Return X as bytes, one for each image."""
    return [row.tobytes() for row in np.asarray(X).reshape(len(X), -1)]
