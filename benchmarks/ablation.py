"""What keeps a network accurate at 99.64 % zeros: one thing at a time is changed from a plain recipe.

Data: the folder that SPARSECNN_DATA names must hold ``mnist-train.npz``. LeNet-5 learns its first 5,000
images and is measured on its last 5,000, with 0.36 % of all weights kept. The plain recipe is that of Adam
for 24 epochs at 90 % zeros, and the second row that of Adam at 99.64 %. The loop is written around
``RVSM``, so that settings that are not parameters of the classifier can vary too.
"""

import argparse
import math
from dataclasses import dataclass, replace

import numpy as np
import torch
from lenet_mnist import LeNet5, as_pixels, load
from real_data import data_path
from torch.nn.functional import cross_entropy, kl_div, log_softmax, softmax
from torch.optim.swa_utils import AveragedModel

from sparsecnn import RVSM, CurveAugmentation
from sparsecnn._compute import autocast_for
from sparsecnn._training import augment
from sparsecnn.penalties import get_penalty

N_IMAGES = HELD_OUT = 5000
KEPT = 0.0036
POWERS_OF_TEN_REMOVED = -math.log10(KEPT)
autocast = autocast_for("auto", torch.device("cpu"))


@dataclass(frozen=True)
class Recipe:
    """How a network is trained; the defaults are those of Adam at 90 % zeros."""

    epochs: int = 24  # of splitting
    finetune_epochs: int = 8  # on the fixed support
    ramp: float = 0.5  # of `epochs`, over which the sparsity grows
    power: float = 3  # of the curve along which it grows
    beta: tuple[float, float] = (1.0, 1.0)  # at the first epoch, and at the last of splitting; geometric
    weight_decay: float = 1e-4
    learning_rate: float = 0.003
    batch_size: int = 64
    strength: float = 1.0  # of the augmentation
    penalty: str = "l0"
    scope: str = "global"
    regrowth: bool = True  # whether a weight that was zeroed may come back before the support is fixed
    reset_momentum: bool = False  # when the support is fixed
    averaged: int = 0  # last epochs whose weights are averaged, at a rate that falls to a tenth only
    distilled: bool = False  # half of the loss is the divergence from a dense network's probabilities


CHANGES = {
    "plain": {},
    'the classifier\'s "auto"': {
        "finetune_epochs": round(Recipe.finetune_epochs * POWERS_OF_TEN_REMOVED),
        "strength": 1 / POWERS_OF_TEN_REMOVED,
    },
    "schedule: linear": {"power": 1},
    "schedule: over a quarter of the epochs": {"ramp": 0.25},
    "schedule: over nine tenths": {"ramp": 0.9},
    "β = 0.1": {"beta": (0.1, 0.1)},
    "β = 10": {"beta": (10.0, 10.0)},
    "β from 0.1 to 10": {"beta": (0.1, 10.0)},
    "no L2 term (weight_decay=0)": {"weight_decay": 0.0},
    "weight_decay=0.0005": {"weight_decay": 5e-4},
    "the same zeros in each layer": {"scope": "layer"},
    "no regrowth": {"regrowth": False},
    "momentum reset": {"reset_momentum": True},
    "last 4 epochs averaged": {"averaged": 4},
    "distilled from a dense network": {"distilled": True},
    "fine-tuning 16 of 32 epochs": {"epochs": 16, "finetune_epochs": 16},
    "fine-tuning 2 of 32 epochs": {"epochs": 30, "finetune_epochs": 2},
    "no augmentation": {"strength": 0.0},
    "a quarter of the augmentation": {"strength": 0.25},
    "half the augmentation": {"strength": 0.5},
    "learning rate 0.006": {"learning_rate": 0.006},
    "batches of 32": {"batch_size": 32},
    "twice the epochs": {"epochs": 48, "finetune_epochs": 16},
    **{f"penalty {name}": {"penalty": name} for name in ("tl1", "l1")},
}


def make_optimizer(net, recipe):
    """Return RVSM with all weights split, and with the weight decay of the classifier."""
    weights = [p for p in net.parameters() if p.ndim > 1]
    biases = [p for p in net.parameters() if p.ndim == 1]
    groups = [{"params": weights, "weight_decay": recipe.weight_decay}, {"params": biases}]
    base = torch.optim.Adam(groups, lr=recipe.learning_rate, fused=True)
    penalty = get_penalty(recipe.penalty)
    return RVSM(base, weights, penalty, target_sparsity=0.0, sparsity_scope=recipe.scope)


def follow(optimizer, recipe, epoch, target):
    """Set the learning rate, the target sparsity and β after `epoch` epochs, not always a whole number."""
    done = epoch / (recipe.epochs + recipe.finetune_epochs)
    lowest = 0.1 if recipe.averaged else 0.0
    for group in optimizer.param_groups:
        group["lr"] = recipe.learning_rate * (lowest + (1 - lowest) * (1 + math.cos(math.pi * done)) / 2)
    if not optimizer.support_fixed:
        left = (1 - min(1.0, epoch / (recipe.ramp * recipe.epochs))) ** recipe.power
        optimizer.target_sparsity = target * (1 - left)
        first, last = recipe.beta
        optimizer.beta = first * (last / first) ** (epoch / recipe.epochs)


def loss_of(net, x, y, teacher):
    """Return the mean cross-entropy, or the mean of it and of the divergence from the teacher."""
    with autocast():
        scores = net(x).float()
    if teacher is None:
        return cross_entropy(scores, y)
    with torch.no_grad(), autocast():
        wanted = softmax(teacher(x).float(), 1)
    return (cross_entropy(scores, y) + kl_div(log_softmax(scores, 1), wanted, reduction="batchmean")) / 2


def train(recipe, X, y, seed, target=1 - KEPT):
    """Return the sparse network of a recipe, trained on the images."""
    teacher = None
    if recipe.distilled:
        teacher = train(replace(recipe, distilled=False), X, y, seed, target=0.0).eval()
    torch.manual_seed(seed)
    net = LeNet5().to(memory_format=torch.channels_last)
    optimizer = make_optimizer(net, recipe)
    averaged = AveragedModel(net)
    n_epochs = recipe.epochs + recipe.finetune_epochs
    for epoch in range(n_epochs):
        if epoch == recipe.epochs:
            begin_fine_tuning(optimizer, recipe)
        batches = torch.randperm(len(X)).split(recipe.batch_size)
        for i, batch in enumerate(batches):
            follow(optimizer, recipe, epoch + i / len(batches), target)
            optimizer.zero_grad()
            x = augment(X[batch], CurveAugmentation(recipe.strength)) if recipe.strength else X[batch]
            loss_of(net, x, y[batch], teacher).backward()
            optimizer.step()
            if not recipe.regrowth:
                hold_zeros(optimizer)
        if epoch >= n_epochs - recipe.averaged:
            averaged.update_parameters(net)
    optimizer.finalize()
    return averaged.module if recipe.averaged else net


def begin_fine_tuning(optimizer, recipe):
    """Write the zeros into the network and hold them."""
    optimizer.finalize()
    optimizer.fix_support()
    if recipe.reset_momentum:
        for moments in optimizer.base.state.values():
            for name in ("exp_avg", "exp_avg_sq", "step"):
                moments[name].zero_()


@torch.no_grad()
def hold_zeros(optimizer):
    """Write the zeros of u into w."""
    for w, u in zip(optimizer.split_params, optimizer.u, strict=True):
        w.mul_(u != 0)


@torch.no_grad()
def measure(net, X, y):
    """Return the percentage of errors, and of the weights kept in each layer."""
    wrong = sum(int((net(x).argmax(1) != t).sum()) for x, t in zip(X.split(1000), y.split(1000), strict=True))
    weights = [p for p in net.parameters() if p.ndim > 1]
    return 100 * wrong / len(X), [100 * int(w.count_nonzero()) / w.numel() for w in weights]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1])
    parser.add_argument("--changes", nargs="+", choices=list(CHANGES), default=list(CHANGES), metavar="NAME")
    arguments = parser.parse_args()
    X, y = load(data_path("mnist-train.npz"))
    X, y = as_pixels(X), torch.from_numpy(y).long()
    print(f"{'':40} {'held-out error, %':>18}   {'each seed':20} kept of each layer, %")
    for name in arguments.changes:
        recipe = Recipe(**CHANGES[name])
        nets = [train(recipe, X[:N_IMAGES], y[:N_IMAGES], seed) for seed in arguments.seeds]
        errors, layers = zip(*(measure(net, X[-HELD_OUT:], y[-HELD_OUT:]) for net in nets), strict=True)
        spread = f"{np.mean(errors):.2f} ± {np.std(errors):.2f}"
        runs = " ".join(f"{error:.2f}" for error in errors)
        kept = " ".join(f"{share:.2f}" for share in np.mean(layers, 0))
        print(f"{name:40} {spread:>18}   {runs:20} {kept}", flush=True)


if __name__ == "__main__":
    main()
