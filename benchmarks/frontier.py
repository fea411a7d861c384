"""Accuracy against sparsity: one RVSM path, pruning by magnitude, and separate fits.

Data: ``make_shaky_words`` with its defaults, fonts and words of the test part unseen in training. The rival
is a skorch network, pruned by magnitude with ``torch.nn.utils.prune`` and fine-tuned, once as a user would
write it and once with the augmentation and the decreasing learning rate of sparsecnn. All train the same
network on the same images, for at most the same number of epochs per point, by Adam; one path also by Muon,
the default. The last contender is a separate fit for every point.
"""

import argparse
import copy
import warnings
from functools import partial

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
import torch
from skorch import NeuralNetClassifier
from skorch.callbacks import LRScheduler
from torch.nn.utils import prune
from words import split_words

from sparsecnn import CurveAugmentation, SparseCurveCNNClassifier
from sparsecnn._compute import autocast_for
from sparsecnn._network import CurveCNN
from sparsecnn._training import augment
from sparsecnn.inspection import SparsityPathDisplay
from sparsecnn.model_selection import sparsity_path

SPARSITIES = [0.0, 0.8, 0.9, 0.95, 0.98, 0.99, 0.995]
PICTURE = "frontier.png"
CHANNELS = (16, 32, 32)
DENSE_EPOCHS, FINETUNE_EPOCHS = 24, 8
LEARNING_RATE, BATCH = 0.003, 64


class PlainNet(NeuralNetClassifier):
    """A skorch classifier that computes in bf16 where the processor has it natively, as the path does."""

    augmented = False

    def train_step_single(self, batch, **fit_params):
        x, y = batch
        x = augment(x, CurveAugmentation()) if self.augmented else x
        return super().train_step_single((x, y), **fit_params)

    def infer(self, x, **fit_params):
        with autocast_for("auto", torch.device("cpu"))():
            return super().infer(x, **fit_params).float()


class EqualNet(PlainNet):
    """A `PlainNet` with the augmentation of sparsecnn."""

    augmented = True


def fit_rival(kind, module, lr, epochs, X, y, seed):
    """Return a skorch classifier that has trained `module` for `epochs` epochs."""
    torch.manual_seed(seed)
    # Only the rival with the settings of sparsecnn has a decreasing rate.
    rate = LRScheduler("CosineAnnealingLR", T_max=epochs) if kind is EqualNet else None
    net = kind(
        module,
        criterion=torch.nn.CrossEntropyLoss,
        optimizer=torch.optim.Adam,
        lr=lr,
        batch_size=BATCH,
        iterator_train__shuffle=True,
        train_split=None,
        verbose=0,
        callbacks=[("rate", rate)] if rate else None,
    )
    return net.fit(X, y, epochs=epochs)


def prune_rival(net, sparsity, X, y, seed):
    """Return a copy of the dense network, pruned by magnitude and fine-tuned."""
    module = copy.deepcopy(net.module_)
    prune.l1_unstructured(module.fc, "weight", amount=sparsity)
    # Fine-tuning customarily has a tenth of the rate; a decreasing rate starts higher.
    lr = LEARNING_RATE / (3 if isinstance(net, EqualNet) else 10)
    return fit_rival(type(net), module, lr, FINETUNE_EPOCHS, X, y, seed)


def score_rivals(kind, train, test, sparsities, seed):
    """Return the accuracy of the pruned networks at every sparsity."""
    X, X_test = (part.images[:, None].astype(np.float32) / 255 for part in (train, test))
    y = train.target
    torch.manual_seed(seed)
    net = fit_rival(kind, CurveCNN((64, 64), 2, CHANNELS), LEARNING_RATE, DENSE_EPOCHS, X, y, seed)
    pruned = (prune_rival(net, sparsity, X, y, seed) if sparsity else net for sparsity in sparsities)
    return [network.score(X_test, test.target) for network in pruned]


def sparse_classifier(seed):
    """Return the classifier with the network and epochs of the rivals."""
    return SparseCurveCNNClassifier(
        channels=CHANNELS,
        solver="adam",
        learning_rate_init=LEARNING_RATE,
        batch_size=BATCH,
        max_iter=DENSE_EPOCHS,
        finetune_iter=FINETUNE_EPOCHS,
        precision="auto",
        random_state=seed,
    )


def score_path(train, test, sparsities, seed, solver="adam"):
    """Return the accuracy of the networks of one path."""
    estimator = sparse_classifier(seed).set_params(solver=solver)
    path = sparsity_path(train.data, train.target, estimator=estimator, sparsities=sparsities)
    return path.score(test.data, test.target).tolist()


def score_fits(train, test, sparsities, seed):
    """Return the accuracy of a separate fit for every sparsity."""
    fits = (sparse_classifier(seed).set_params(target_sparsity=sparsity) for sparsity in sparsities)
    return [fit.fit(train.data, train.target).score(test.data, test.target) for fit in fits]


def print_table(scores, sparsities):
    """Print mean and standard deviation over the seeds, a row for each sparsity."""
    print(f"\n{'FC zeros':>9} " + " ".join(f"{name:>28}" for name in scores))
    for i, sparsity in enumerate(sparsities):
        columns = [100 * np.array(runs)[:, i] for runs in scores.values()]
        print(f"{sparsity:>9.1%} " + " ".join(f"{c.mean():>20.2f} ± {c.std():5.2f}" for c in columns))


def draw(scores, sparsities):
    """Save the picture of accuracy against the fraction of weights kept."""
    figure, ax = plt.subplots(figsize=(7, 4.5), layout="constrained")
    for name, runs in scores.items():
        SparsityPathDisplay(np.array(sparsities), np.mean(runs, 0), np.std(runs, 0)).plot(ax, label=name)
    ax.set(xlabel="fully connected weights kept (%)", ylabel="test accuracy")
    ax.legend()
    figure.savefig(PICTURE, dpi=150)


CONTENDERS = {
    "RVSM path": score_path,
    "RVSM path, Muon": partial(score_path, solver="muon"),
    "skorch + prune": partial(score_rivals, PlainNet),
    "skorch + prune, augmented": partial(score_rivals, EqualNet),
    "RVSM, separate fits": score_fits,
}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--images", type=int, default=2000)
    parser.add_argument(
        "--points",
        type=int,
        help="points of the path: 100 %% of the weights, then 50 to 0.5 %% in geometric progression",
    )
    parser.add_argument(
        "--contenders", nargs="+", choices=list(CONTENDERS), default=list(CONTENDERS), metavar="NAME"
    )
    arguments = parser.parse_args()
    warnings.simplefilter("ignore", UserWarning)
    sparsities = SPARSITIES
    if arguments.points:
        sparsities = [0.0, *(1 - np.geomspace(0.5, 0.005, arguments.points - 1))]
    scores = {name: [] for name in arguments.contenders}
    for seed in arguments.seeds:
        train, test = split_words(seed, n_train=arguments.images)
        for name, runs in scores.items():
            runs.append(CONTENDERS[name](train, test, sparsities, seed))
            print(f"seed {seed} {name:26} {' '.join(f'{score:.2%}' for score in runs[-1])}", flush=True)
    print_table(scores, sparsities)
    draw(scores, sparsities)


if __name__ == "__main__":
    main()
