"""What makes a short fit more accurate, and what does not: one change at a time to a plain recipe.

Data: words as in ``words.py``, split of seed 11, 10,000 test images, in 4 epochs, the last of them for
fine-tuning; and curves as in ``other_curves.py --fonts 20 --words 28``, splits of seeds 101 and 102, 6,000
test images each, in 8 and 2 epochs. 90 % zeros in the fully connected layer, bf16 where the processor has it
natively. The recipe is that of the classifier, written anew here, so that each part of it can be another; but
its network has 16, 64 and 64 filters, all random at first. The last row is what the defaults have now.
"""

import argparse
import copy
import math
import time

import numpy as np
import torch
from other_curves import make_split
from torch.nn.functional import (
    affine_grid,
    avg_pool2d,
    cross_entropy,
    dropout,
    grid_sample,
    interpolate,
    unfold,
)
from torch.optim.swa_utils import update_bn
from words import split_words

from sparsecnn import RVSM, CurveAugmentation
from sparsecnn._compute import autocast_for, keep_freed_memory
from sparsecnn._network import CurveCNN
from sparsecnn._training import muon
from sparsecnn._training.augment import augment

SIDE = 64
RECIPE = {
    "solver": "muon",
    "rate": 0.003,
    "decay": muon.DECAY,  # of filters
    "warm_up": 0.0,  # share of the steps
    "schedule": "cosine",
    "batch_size": 64,
    "label_smoothing": 0.0,
    "average": None,  # factor of an exponential average of all weights
    "half_size": 0.0,  # share of the epochs on images of half the size
    "patches": False,  # first filters from the patches of the images
    "hard_images": 0.0,  # share of the images that are drawn by their last loss
    "dropout": 0.0,  # of the features
    "strength": 1.0,  # of the augmentation
    "shift": 0.0,  # more of it, as a share of the side
    "shear": 0.0,
    "ramp": (0.0, 0.5),  # where it begins and ends, as shares of splitting
    "finetuning": None,  # share of the epochs, if not those above
    "channels": (16, 64, 64),
    "kernel_size": 3,
    "epochs": 1,  # times as many
}
CHANGES = {
    "none": {},
    "Adam": {"solver": "adam"},
    "Adam, rate 0.01, warm-up": {"solver": "adam", "rate": 0.01, "warm_up": 0.2},
    "no decay of filters": {"decay": 0.0},
    "half the rate": {"rate": 0.0015},
    "twice the rate": {"rate": 0.006},
    "warm-up": {"warm_up": 0.2},
    "rate falls linearly": {"schedule": "linear"},
    "batches of 32": {"batch_size": 32},
    "label smoothing 0.1": {"label_smoothing": 0.1},
    "average of the weights": {"average": 0.99},
    "first quarter at half size": {"half_size": 0.25},
    "first filters from patches": {"patches": True},
    "hard images more often": {"hard_images": 0.5},
    "dropout 0.3": {"dropout": 0.3},
    "half the augmentation": {"strength": 0.5},
    "no augmentation": {"strength": 0.0},
    "shifts of 12 % more, and shear": {"shift": 0.12, "shear": 0.2},
    "sparsity grows later": {"ramp": (0.2, 0.8)},
    "filters of 5x5": {"kernel_size": 5},
    "channels (32, 48, 64)": {"channels": (32, 48, 64)},
    "channels (32, 32, 64)": {"channels": (32, 32, 64)},
    "twice the epochs": {"epochs": 2},
    "two fifths for fine-tuning": {"finetuning": 0.4},
    "the last, patches, (32, 32, 64)": {"finetuning": 0.4, "patches": True, "channels": (32, 32, 64)},
}
autocast = autocast_for("auto", torch.device("cpu"))


class Network(CurveCNN):
    """The curve CNN, for images of half the size too, with dropout before the last layer."""

    def __init__(self, recipe):
        super().__init__((SIDE, SIDE), 2, recipe["channels"], recipe["kernel_size"])
        self.rate = recipe["dropout"]

    def forward(self, x):
        maps = SIDE // 8
        fc, self.fc = self.fc, torch.nn.Identity()
        features = super().forward(x).unflatten(1, (-1, x.shape[2] // 8, x.shape[3] // 8))
        self.fc = fc
        if x.shape[2] != SIDE:
            features = interpolate(features, size=(maps, maps))
        return self.fc(dropout(features.flatten(1), self.rate, self.training))


def start_from_patches(network, images):
    """Set the first filters to principal components of patches, with both signs."""
    patches = unfold(images.float() / 255, 3).transpose(1, 2).reshape(-1, 9)
    patches = patches[patches.std(1) > 0.05]
    components = torch.linalg.eigh(patches.T @ patches).eigenvectors.T.view(-1, 1, 3, 3)
    weight = network.conv1.weight
    filters = components[: len(weight) // 2] * weight.detach().norm() / math.sqrt(len(weight))
    both = torch.cat([filters, -filters])
    with torch.no_grad():
        weight[: len(both)] = both


def make_optimizer(network, recipe):
    """Return RVSM around the optimizer of a recipe."""
    filters = [network.conv2.weight, network.conv3.weight]
    decayed = [network.conv1.weight, network.fc.weight]
    others = [p for p in network.parameters() if all(p is not q for q in filters + decayed)]
    groups = [{"params": decayed, "weight_decay": 1e-4}, {"params": others}]
    if recipe["solver"] == "muon":
        groups.append({"params": filters, "orthogonal": True})
        base = muon.Muon(groups, lr=recipe["rate"])
    else:
        groups.append({"params": filters, "weight_decay": 1e-4})
        base = torch.optim.Adam(groups, lr=recipe["rate"], fused=True)
    return RVSM(base, [network.fc.weight], "l0", target_sparsity=0.0)


def rate_after(share, recipe):
    """Return the learning rate after a share of all steps."""
    if share < recipe["warm_up"]:
        return recipe["rate"] * share / recipe["warm_up"]
    left = (share - recipe["warm_up"]) / (1 - recipe["warm_up"])
    return recipe["rate"] * (
        1 - left if recipe["schedule"] == "linear" else (1 + math.cos(math.pi * left)) / 2
    )


def sparsity_after(share, recipe):
    """Return the target sparsity after a share of splitting."""
    start, end = recipe["ramp"]
    return 0.9 * (1 - (1 - min(1.0, max(0.0, (share - start) / (end - start)))) ** 3)


def change(x, recipe):
    """Return images changed at random."""
    if recipe["shift"]:
        moved = torch.eye(2, 3).repeat(len(x), 1, 1)
        moved[:, :, 2].uniform_(-2 * recipe["shift"], 2 * recipe["shift"])
        moved[:, 0, 1].uniform_(-recipe["shear"], recipe["shear"])
        x = grid_sample(x, affine_grid(moved, x.shape, align_corners=False), align_corners=False)
    return augment(x, CurveAugmentation(recipe["strength"])) if recipe["strength"] else x


def draw_order(losses, recipe, rng):
    """Return the images of an epoch, some of them drawn by their last loss."""
    if not recipe["hard_images"] or np.isinf(losses).any():
        return rng.permutation(len(losses))
    chance = recipe["hard_images"] * losses / losses.sum() + (1 - recipe["hard_images"]) / len(losses)
    return rng.choice(len(losses), len(losses), p=chance)


def train(images, labels, n_splitting, n_finetuning, recipe, seed):
    """Return a sparse network."""
    torch.manual_seed(seed)
    muon.DECAY = recipe["decay"]
    rng = np.random.RandomState(seed)
    network = Network(recipe)
    if recipe["patches"]:
        start_from_patches(network, images[:500])
    network.to(memory_format=torch.channels_last)
    optimizer = make_optimizer(network, recipe)
    n_epochs, size = (n_splitting + n_finetuning) * recipe["epochs"], recipe["batch_size"]
    share = recipe["finetuning"]
    n_splitting = n_splitting * recipe["epochs"] if share is None else n_epochs - round(share * n_epochs)
    losses, average = np.full(len(images), np.inf), None
    keep_freed_memory()
    for epoch in range(n_epochs):
        if epoch == n_splitting:
            optimizer.finalize()
            optimizer.fix_support()
        order = draw_order(losses, recipe, rng)
        for start in range(0, len(order), size):
            rows = order[start : start + size]
            done = epoch + start / len(order)
            for group in optimizer.param_groups:
                group["lr"] = rate_after(done / n_epochs, recipe)
            if epoch < n_splitting:
                optimizer.target_sparsity = sparsity_after(done / n_splitting, recipe)
            x = change(images[rows].float() / 255, recipe)
            if done < recipe["half_size"] * n_epochs:
                x = avg_pool2d(x, 2)
            optimizer.zero_grad()
            with autocast():
                scores = network(x.to(memory_format=torch.channels_last))
            loss = cross_entropy(
                scores.float(), labels[rows], reduction="none", label_smoothing=recipe["label_smoothing"]
            )
            losses[rows] = loss.detach().numpy()
            loss.mean().backward()
            optimizer.step()
            if recipe["average"] is not None and done > 0.3 * n_epochs:
                average = average or copy.deepcopy(network)
                with torch.no_grad():
                    for mean, p in zip(average.parameters(), network.parameters(), strict=True):
                        mean.lerp_(p, 1 - recipe["average"]).mul_(p != 0)
    network = average or network
    with autocast():
        update_bn(as_pixels(images[rng.permutation(len(images))[:4096]]), network)
    return network.eval()


def as_pixels(images):
    """Return images in batches, as a network takes them."""
    return [part.float().div(255).to(memory_format=torch.channels_last) for part in images.split(250)]


@torch.no_grad()
def score(network, images, labels):
    with autocast():
        predicted = torch.cat([network(part).argmax(1) for part in as_pixels(images)])
    return (predicted == labels).double().mean().item()


def as_tensors(bunch):
    """Return images of shape (n, 1, 64, 64) and class numbers."""
    labels = np.unique(bunch.target, return_inverse=True)[1]
    return torch.from_numpy(bunch.data).view(-1, 1, SIDE, SIDE), torch.from_numpy(labels)


def make_tasks():
    """Return training images, test images and epochs by name."""
    tasks = {"words": (*split_words(11, n_test=10_000), 3, 1)}
    for seed in (101, 102):
        tasks[f"curves {seed}"] = (*make_split(seed, fonts=20, words=28, n_test=6000), 8, 2)
    return {
        name: (as_tensors(known), as_tensors(test), *epochs) for name, (known, test, *epochs) in tasks.items()
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--changes", nargs="+", choices=list(CHANGES), default=list(CHANGES))
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    tasks = make_tasks()
    print(f"{'change':>31} " + " ".join(f"{name:>11}" for name in tasks) + f" {'seconds':>8}")
    for name in arguments.changes:
        recipe, scores, start = RECIPE | CHANGES[name], [], time.process_time()
        for train_set, test_set, *epochs in tasks.values():
            scores.append(score(train(*train_set, *epochs, recipe, arguments.seed), *test_set))
        seconds = time.process_time() - start
        print(f"{name:>31} " + " ".join(f"{s:>11.2%}" for s in scores) + f" {seconds:>8.0f}", flush=True)


if __name__ == "__main__":
    main()
