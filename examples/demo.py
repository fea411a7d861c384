"""The main job in a few minutes: is this word shaky, and how few weights does it take to tell?

Generates words with and without tremor, sweeps penalty, λ and β with `GridSearchCV`, trains a dense
network, makes it sparse with each penalty, and tests all on fonts and words that they have never seen.
"""

import copy
import time
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
from sklearn.model_selection import GridSearchCV, StratifiedGroupKFold, train_test_split

from sparsecnn import SparseCurveCNNClassifier
from sparsecnn.datasets import load_fonts, load_words, make_shaky_words
from sparsecnn.model_selection import sparsest_within_one_se, sparsity_scorer

SEED = 1
GRID = {"lam": [5e-5, 2e-4], "beta": [0.5, 1.0]}
PICTURE = Path("demo_tradeoff.png")


def make_words():
    """Return images to train on and to test on, which share neither font nor word."""
    fonts = train_test_split(load_fonts(), test_size=0.3, random_state=SEED)
    words = train_test_split(load_words(), test_size=0.3, random_state=SEED)
    train = make_shaky_words(6000, fonts=fonts[0], words=words[0], random_state=SEED)
    test = make_shaky_words(2000, fonts=fonts[1], words=words[1], random_state=SEED + 1)
    return train, test


def classifier(**params):
    """Return the classifier, in bf16 where the processor has it: as accurate, and faster."""
    return SparseCurveCNNClassifier(precision="auto", random_state=SEED, **params)


def sweep(train, n_images=800):
    """Cross-validate penalty, λ and β on few images and epochs; no font is in two folds."""
    search = GridSearchCV(
        classifier(max_iter=5, refine_iter=1),
        [{"penalty": [None]}, {"penalty": ["l0"], **GRID}, {"penalty": ["tl1"], **GRID}],
        scoring={"accuracy": "accuracy", "sparsity": sparsity_scorer},
        cv=StratifiedGroupKFold(2),
        refit=False,
    )
    few = slice(0, n_images)
    return search.fit(train.data[few], train.target[few], groups=train.groups[few]).cv_results_


def make_sparse(dense, penalty, train):
    """Return a sparse classifier that goes on from a dense one, for fewer epochs than it took."""
    sparse = copy.deepcopy(dense).set_params(penalty=penalty, max_iter=8, refine_iter=3)
    return sparse.fit(train.data, train.target)


def weights_kept(module):
    """Return the fraction of all weights and biases that are not zero."""
    parameters = list(module.parameters())
    return sum(int(p.count_nonzero()) for p in parameters) / sum(p.numel() for p in parameters)


def print_sweep(results):
    """Print every candidate of the sweep."""
    print(f"\n{'penalty':>8} {'lam':>8} {'beta':>5} {'CV accuracy':>16} {'FC zeros':>9}")
    columns = ("params", "mean_test_accuracy", "std_test_accuracy", "mean_test_sparsity")
    for params, mean, std, zeros in zip(*(results[name] for name in columns), strict=True):
        lam, beta = params.get("lam", "-"), params.get("beta", "-")
        print(f"{params['penalty'] or 'dense':>8} {lam:>8} {beta:>5} {mean:>9.1%} ± {std:4.1%} {zeros:>9.1%}")


def draw(results, tested):
    """Save the picture of accuracy against sparsity."""
    figure, axes = plt.subplots(figsize=(7, 4.5), layout="constrained")
    for penalty, colour in ((None, "0.4"), ("l0", "tab:blue"), ("tl1", "tab:orange")):
        own = [params["penalty"] == penalty for params in results["params"]]
        zeros, accuracy = results["mean_test_sparsity"][own], results["mean_test_accuracy"][own]
        axes.scatter(100 * zeros, 100 * accuracy, color=colour, alpha=0.5, marker="x")
        sparsity, test_accuracy = tested[penalty]
        name = {None: "dense", "l0": "ℓ0", "tl1": "Tℓ1"}[penalty]
        axes.scatter(100 * sparsity, 100 * test_accuracy, color=colour, s=70, label=name)
    axes.set(
        xlabel="fully connected weights that are zero (%)",
        ylabel="accuracy (%)",
    )
    axes.set_title("× quick sweep, cross-validated   ● full training, unseen fonts and words", fontsize=10)
    axes.legend(loc="center left")
    axes.grid(alpha=0.3)
    figure.savefig(PICTURE, dpi=150)


def main():
    start = time.perf_counter()
    train, test = make_words()
    print(f"{len(train.target)} words to train on, {len(test.target)} to test on, of other fonts and words.")
    results = sweep(train)
    print_sweep(results)
    print(f"Sparsest within one standard error: {results['params'][sparsest_within_one_se(results)]}")
    print(f"\n{'penalty':>8} {'lam':>8} {'test accuracy':>14} {'FC zeros':>9} {'weights kept':>13}")
    tested = {}
    dense = classifier(penalty=None, warm_start=True, max_iter=12, refine_iter=4)
    dense.fit(train.data, train.target)
    for penalty in (None, "l0", "tl1"):
        fitted = dense if penalty is None else make_sparse(dense, penalty, train)
        accuracy = fitted.score(test.data, test.target)
        tested[penalty] = fitted.sparsity_, accuracy
        lam = "-" if penalty is None else f"{fitted.lam_:.1e}"
        print(
            f"{penalty or 'dense':>8} {lam:>8} {accuracy:>14.2%} {fitted.sparsity_:>9.2%} "
            f"{weights_kept(fitted.module_):>13.2%}",
            flush=True,
        )
    draw(results, tested)
    print(f"\nThe trade-off is drawn in {PICTURE}. {time.perf_counter() - start:.0f} seconds in all.")


if __name__ == "__main__":
    main()
