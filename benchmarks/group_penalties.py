"""Nonconvex penalties of groups against group lasso: accuracy at equal multiply-adds.

Data: ``make_shaky_spirals``, 1,200 spirals of 32×32 pixels, a quarter of them by persons who are only in the
test set. Every network keeps the same channels of each layer; only the penalty that ranks and shrinks them
differs. The table has the mean and standard deviation over seeds of the test accuracy.
"""

import argparse

import numpy as np
import torch
from sklearn.model_selection import GroupShuffleSplit

from sparsecnn import SparseCurveCNNClassifier
from sparsecnn.datasets import make_shaky_spirals

PENALTIES = ("group_l1", "group_l0", "group_tl1", "group_mcp")
# Fraction of the multiply-adds to keep, and epochs of fine-tuning.
BUDGETS = {0.1: 8, 0.03: 11, 0.01: 14}


def accuracies(seed, penalty):
    """Return the test accuracy at each budget."""
    spirals = make_shaky_spirals(1200, image_shape=(32, 32), random_state=seed)
    split = GroupShuffleSplit(1, test_size=0.25, random_state=seed)
    train, test = next(split.split(spirals.data, groups=spirals.groups))
    scores = []
    for macs, finetune_iter in BUDGETS.items():
        classifier = SparseCurveCNNClassifier(
            penalty,
            penalized="all",
            target_macs=macs,
            channels=(16, 64, 64),
            solver="adam",
            max_iter=24,
            finetune_iter=finetune_iter,
            precision="auto",
            random_state=seed,
        )
        classifier.fit(spirals.data[train], spirals.target[train])
        scores.append(classifier.score(spirals.data[test], spirals.target[test]))
    return scores


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    print(f"{'penalty':>14}" + "".join(f"{f'{macs:.0%} of mult.-adds':>20}" for macs in BUDGETS))
    for penalty in PENALTIES:
        scores = np.array([accuracies(seed, penalty) for seed in arguments.seeds])
        cells = (
            f"{mean:.2%} ± {spread:.2%}" for mean, spread in zip(scores.mean(0), scores.std(0), strict=True)
        )
        print(f"{penalty:>14}" + "".join(f"{cell:>20}" for cell in cells), flush=True)


if __name__ == "__main__":
    main()
