"""Shaky against regular words, tested on unseen fonts and words: the default settings, for several seeds.

Data: ``make_shaky_words`` with its defaults; 8,000 images to train on and 2,000 to test on, which share
neither font nor word. The row of the random forest shows how little single pixels reveal.
"""

import argparse
import time

import numpy as np
from sklearn.ensemble import RandomForestClassifier
from sklearn.model_selection import train_test_split

from sparsecnn import SparseCurveCNNClassifier
from sparsecnn.datasets import list_fonts, list_words, make_shaky_words

NETWORKS = {
    "dense": {"penalty": None},
    "l0": {"penalty": "l0"},
    "tl1": {"penalty": "tl1"},
    "l0, 99 %": {"penalty": "l0", "target_sparsity": 0.99},
    "l0, 95 % of all": {"penalty": "l0", "penalized": "all", "target_sparsity": 0.95},
}


def split_words(seed, n_train=8000, n_test=2000):
    """Return training and test images that share neither font nor word."""
    first = 100 * seed  # the defaults were chosen on the split of seed 0
    fonts = train_test_split(list_fonts(), test_size=0.3, random_state=first)
    words = train_test_split(list_words(), test_size=0.3, random_state=first)
    return [
        make_shaky_words(n, fonts=some_fonts, words=some_words, random_state=first + part)
        for part, (n, some_fonts, some_words) in enumerate(zip((n_train, n_test), fonts, words, strict=True))
    ]


def weights_kept(module):
    """Return the fraction of all weights and biases of a network that are not zero."""
    parameters = list(module.parameters())
    return sum(int(p.count_nonzero()) for p in parameters) / sum(p.numel() for p in parameters)


def print_table(train, test, seed, networks, members, **params):
    """Train `members` of each network, with defaults other than penalty and target, and print its row."""
    for name in networks:
        start = time.perf_counter()
        fitted = [
            SparseCurveCNNClassifier(**NETWORKS[name], random_state=seed + 1000 * i, **params).fit(
                train.data, train.target
            )
            for i in range(members)
        ]
        seconds = time.perf_counter() - start
        mean = np.mean([classifier.predict_proba(test.data) for classifier in fitted], axis=0)
        accuracy = np.mean(fitted[0].classes_[mean.argmax(axis=1)] == test.target)
        zeros = np.mean([classifier.layer_sparsity_["fc"] for classifier in fitted])
        kept = np.mean([weights_kept(classifier.module_) for classifier in fitted])
        print(
            f"{name:>15} {seed:>5} {accuracy:>9.2%} {zeros:>9.2%} {kept:>13.2%} {seconds:>8.0f}", flush=True
        )


def compare(make_split, description, **options):
    """Print the tables of several seeds, given on the command line.

    `options` are numbers that `make_split` takes besides the seed, each with what it is for.
    """
    parser = argparse.ArgumentParser(description=description)
    for name, purpose in options.items():
        parser.add_argument(f"--{name}", type=int, help=purpose)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--networks", nargs="+", choices=list(NETWORKS), default=list(NETWORKS))
    parser.add_argument("--precision", default="float32", choices=["float32", "bf16", "auto"])
    parser.add_argument("--max-iter", type=int, help="epochs of splitting, instead of those of the defaults")
    parser.add_argument("--members", type=int, default=1, help="networks whose probabilities are averaged")
    arguments = parser.parse_args()
    params = {"precision": arguments.precision, "max_iter": arguments.max_iter or "auto"}
    print(f"{'network':>15} {'seed':>5} {'accuracy':>9} {'FC zeros':>9} {'weights kept':>13} {'seconds':>8}")
    for seed in arguments.seeds:
        train, test = make_split(seed, **{name: getattr(arguments, name) for name in options})
        print_table(train, test, seed, arguments.networks, arguments.members, **params)
        forest = RandomForestClassifier(300, random_state=seed).fit(train.data, train.target)
        print(f"{'random forest':>15} {seed:>5} {forest.score(test.data, test.target):>9.2%}", flush=True)


if __name__ == "__main__":
    compare(split_words, __doc__)
