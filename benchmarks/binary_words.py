"""Words of unseen fonts by networks of binary activations and weights: accuracy and bytes to store.

Data: ``make_shaky_words``, as in ``words.py``: 8,000 images to train on and 2,000 to test on, which share
neither font nor word. Binary weights are trained by the defaults, for more epochs; binary activations for far
longer, by Adam, with half of the augmentation and 16, 64 and 64 filters. "pruned" networks are trained in
three stages, by one call of ``binarize``: channels are removed to a fraction of the multiply-adds, the rest
is fine-tuned, then weights become binary; by Adam too.
"""

import argparse
import time

from words import split_words

from sparsecnn import BinaryActivation, CurveAugmentation, SparseCurveCNNClassifier
from sparsecnn.binarization import binarize, stored_bytes
from sparsecnn.penalties import Binary, Ternary

ADAM = {"solver": "adam", "max_iter": 24, "finetune_iter": 8, "channels": (16, 64, 64)}
# Binary activations learn slowly; chosen on the split of seed 11.
LONG = ADAM | {
    "activation": BinaryActivation("hard_tanh"),
    "max_iter": 72,
    "finetune_iter": 24,
    "augment": CurveAugmentation(strength=0.5),
}
# Epochs of few-valued weights, chosen on that split too.
NETWORKS = {
    "real": {"penalty": None},
    "binary weights": {"penalty": Binary(), "penalized": "hidden", "max_iter": 12},
    "binary weights, all": {"penalty": Binary(), "penalized": "all", "max_iter": 18},
    "ternary weights": {"penalty": Ternary(), "penalized": "hidden", "max_iter": 12},
    "binary activations": {"penalty": None, **LONG},
    "binary both": {"penalty": Binary(), "penalized": "hidden", **LONG},
}
# Fraction of the multiply-adds to keep, and the layers of binary weights.
PRUNED = {"pruned, hidden": (0.07, "hidden"), "pruned, all": (0.3, "all")}


def train(name, images, labels, seed, precision):
    """Return a fitted network."""
    run = {"random_state": seed, "precision": precision}
    if name in NETWORKS:
        return SparseCurveCNNClassifier(**NETWORKS[name], **run).fit(images, labels)
    target_macs, penalized = PRUNED[name]
    params = {"penalty": "group_l0", "penalized": "all", "target_macs": target_macs}
    pruned = SparseCurveCNNClassifier(**params, **ADAM, **run)
    return binarize(pruned, images, labels, penalized=penalized)


def main():
    """Print a table of all networks and seeds."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--networks", nargs="+", default=[*NETWORKS, *PRUNED], choices=[*NETWORKS, *PRUNED])
    parser.add_argument("--precision", default="float32", choices=["float32", "bf16", "auto"])
    arguments = parser.parse_args()
    print(f"{'network':>18} {'seed':>4} {'accuracy':>8} {'bytes':>7} {'smaller':>7} {'seconds':>7}")
    for seed in arguments.seeds:
        training, test = split_words(seed)
        dense = SparseCurveCNNClassifier(penalty=None, max_iter=1, finetune_iter=0, random_state=seed)
        dense_bytes = stored_bytes(dense.fit(training.data[:64], training.target[:64]))
        for name in arguments.networks:
            start = time.perf_counter()
            classifier = train(name, training.data, training.target, seed, arguments.precision)
            seconds = time.perf_counter() - start
            size = stored_bytes(classifier)
            print(
                f"{name:>18} {seed:>4} {classifier.score(test.data, test.target):>8.2%} {size:>7} "
                f"{dense_bytes / size:>6.1f}x {seconds:>7.0f}",
                flush=True,
            )


if __name__ == "__main__":
    main()
