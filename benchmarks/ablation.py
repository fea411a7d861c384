"""What keeps a network accurate at 99.64 % zeros: one thing at a time is changed from the defaults.

Data: the folder that SPARSECNN_DATA names must hold ``mnist-train.npz``. LeNet-5 learns its first 5,000
images and is measured on its last 5,000, with 0.36 % of all weights kept.
"""

import argparse
import os
import sys
from pathlib import Path

import numpy as np
from lenet_mnist import HELD_OUT, LeNet5, load

from sparsecnn import SparseCurveCNNClassifier

N_IMAGES = 5000
KEPT = 0.0036
DEFAULTS = {"module": LeNet5, "penalized": "all", "target_sparsity": 1 - KEPT, "precision": "auto"}
CHANGES = {
    "defaults": {},
    "no L2 term (alpha=0)": {"alpha": 0.0},
    "alpha=0.0005": {"alpha": 5e-4},
    "weaker pull (beta=0.1)": {"beta": 0.1},
    "stronger pull (beta=10)": {"beta": 10.0},
    "no augmentation": {"augment": False},
    "half the augmentation": {"augment": 0.5},
    "longer fine-tuning (16 + 16)": {"max_iter": 16, "refine_iter": 16},
    "no fine-tuning (32 + 0)": {"max_iter": 32, "refine_iter": 0},
    "the same zeros in each layer": {"sparsity_scope": "layer"},
    "twice the epochs": {"max_iter": 48, "refine_iter": 16},
    **{f"penalty {name}": {"penalty": name} for name in ("tl1", "l_half", "mcp", "l1")},
}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1])
    parser.add_argument("--changes", nargs="+", choices=list(CHANGES), default=list(CHANGES), metavar="NAME")
    arguments = parser.parse_args()
    if "SPARSECNN_DATA" not in os.environ:
        sys.exit("Skipped: set SPARSECNN_DATA to the folder that holds mnist-train.npz.")
    X, y = load(Path(os.environ["SPARSECNN_DATA"], "mnist-train.npz"))
    print(f"{'':30} {'held-out error, %':>18} {'training loss':>14} {'kept of each layer, %':>30}")
    for name in arguments.changes:
        errors, losses = [], []
        for seed in arguments.seeds:
            classifier = SparseCurveCNNClassifier(**DEFAULTS | CHANGES[name], random_state=seed)
            classifier.fit(X[:N_IMAGES], y[:N_IMAGES])
            errors.append(100 - 100 * classifier.score(X[-HELD_OUT:], y[-HELD_OUT:]))
            losses.append(classifier.loss_curve_[-1])
        layers = " ".join(f"{100 - 100 * zeros:.2f}" for zeros in classifier.layer_sparsity_.values())
        spread = f"{np.mean(errors):.2f} ± {np.std(errors):.2f}"
        print(f"{name:30} {spread:>18} {np.mean(losses):>14.4f} {layers:>30}", flush=True)


if __name__ == "__main__":
    main()
