"""Trade accuracy against sparsity on shaky and regular words, in a few minutes.

Generates words with and without tremor, trains a dense network, searches penalty, λ and β by `GridSearchCV`,
makes the dense network sparse with each penalty, and tests all networks on unseen fonts and words.
"""

import time
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
from joblib import Parallel, delayed
from sklearn.model_selection import (
    GridSearchCV,
    StratifiedGroupKFold,
    train_test_split,
)
from sklearn.utils import Bunch
from torch.nn import Module

from sparsecnn import SparseCurveCNNClassifier
from sparsecnn.datasets import list_fonts, list_words, make_shaky_words
from sparsecnn.model_selection import sparsest_within_one_se, sparsity_scorer

SEED = 100  # has the test images of benchmarks/words.py --seeds 1
GRID = {"lam": [1e-4, 1e-3], "beta": [0.5, 1.0]}
PICTURE = Path("demo_tradeoff.png")


def split(names: list[str]) -> tuple[list[str], list[str], list[str]]:
    """Return names for training, for testing and for the search."""
    known, test = train_test_split(names, test_size=0.3, random_state=SEED)
    train, held_out = train_test_split(known, test_size=0.15, random_state=SEED)
    return train, test, held_out


def make_words() -> list[Bunch]:
    """Return images for training, testing and the search, which share neither font nor word."""
    parts = zip(
        (12_000, 2_000, 600),
        split(list_fonts()),
        split(list_words()),
        strict=True,
    )
    return [
        make_shaky_words(
            n_images, fonts=fonts, words=words, random_state=SEED + part
        )
        for part, (n_images, fonts, words) in enumerate(parts)
    ]


def classifier(**params: Any) -> SparseCurveCNNClassifier:
    """Return the classifier, in bf16 where the processor has it natively: faster, at equal accuracy."""
    return SparseCurveCNNClassifier(
        precision="auto", random_state=SEED, **params
    )


def from_dense(
    dense: SparseCurveCNNClassifier, **params: Any
) -> SparseCurveCNNClassifier:
    """Return a classifier that starts from a dense network, with a smaller rate and fewer epochs."""
    return classifier(
        module=dense.module_,
        learning_rate_init=0.001,
        max_iter=3,
        finetune_iter=2,
        **params,
    )


def search(dense: SparseCurveCNNClassifier, words: Bunch) -> dict[str, Any]:
    """Cross-validate penalty, λ and β on words new to the dense network; no font is in two folds."""
    grid = GridSearchCV(
        from_dense(dense),
        [
            {"penalty": [None]},
            {"penalty": ["l0"], **GRID},
            {"penalty": ["tl1"], **GRID},
        ],
        scoring={"accuracy": "accuracy", "sparsity": sparsity_scorer},
        cv=StratifiedGroupKFold(2),
        refit=False,
        n_jobs=2,
    )
    return grid.fit(words.data, words.target, groups=words.groups).cv_results_


def weights_kept(module: Module) -> float:
    """Return the fraction of all weights and biases that are not zero."""
    parameters = list(module.parameters())
    return sum(int(p.count_nonzero()) for p in parameters) / sum(
        p.numel() for p in parameters
    )


def print_search(results: dict[str, Any]) -> None:
    """Print every candidate of the search."""
    print(
        f"\n{'penalty':>8} {'lam':>8} {'beta':>5} {'CV accuracy':>16} {'FC zeros':>9}"
    )
    columns = (
        "params",
        "mean_test_accuracy",
        "std_test_accuracy",
        "mean_test_sparsity",
    )
    for params, mean, std, zeros in zip(
        *(results[name] for name in columns), strict=True
    ):
        lam, beta = params.get("lam", "-"), params.get("beta", "-")
        print(
            f"{params['penalty'] or 'dense':>8} {lam:>8} {beta:>5} {mean:>9.1%} ± {std:4.1%} {zeros:>9.1%}"
        )


def draw(
    results: dict[str, Any], tested: dict[str | None, tuple[float, float]]
) -> None:
    """Save the picture of accuracy against sparsity."""
    figure, axes = plt.subplots(figsize=(7, 4.5), layout="constrained")
    for penalty, colour in (
        (None, "0.4"),
        ("l0", "tab:blue"),
        ("tl1", "tab:orange"),
    ):
        own = [params["penalty"] == penalty for params in results["params"]]
        zeros, accuracy = (
            results["mean_test_sparsity"][own],
            results["mean_test_accuracy"][own],
        )
        axes.scatter(
            100 * zeros, 100 * accuracy, color=colour, alpha=0.5, marker="x"
        )
        sparsity, test_accuracy = tested[penalty]
        name = {None: "dense", "l0": "ℓ0", "tl1": "Tℓ1"}[penalty]
        axes.scatter(
            100 * sparsity, 100 * test_accuracy, color=colour, s=70, label=name
        )
    axes.set(
        xlabel="fully connected weights that are zero (%)",
        ylabel="accuracy (%)",
        ylim=(
            min(95, axes.get_ylim()[0]),
            100,
        ),  # so that small differences look small
    )
    axes.set_title(
        "× quick search, cross-validated   ● full training, unseen fonts and words",
        fontsize=10,
    )
    axes.legend(loc="lower left")
    axes.grid(alpha=0.3)
    figure.savefig(PICTURE, dpi=150)


def main() -> None:
    start = time.perf_counter()
    train, test, held_out = make_words()
    print(
        f"{len(train.target)} words to train on, {len(test.target)} to test on, other words in other fonts.",
        flush=True,
    )
    dense = classifier(penalty=None, max_iter=8, finetune_iter=0).fit(
        train.data, train.target
    )
    print(
        f"Dense network trained: {time.perf_counter() - start:.0f} seconds.",
        flush=True,
    )
    results = search(dense, held_out)
    print_search(results)
    print(
        f"Sparsest within one standard error: {results['params'][sparsest_within_one_se(results)]}"
    )
    print(
        f"\n{'penalty':>8} {'test accuracy':>14} {'FC zeros':>9} {'weights kept':>13}"
    )
    sparse = Parallel(n_jobs=2)(
        delayed(from_dense(dense, penalty=penalty).fit)(
            train.data, train.target
        )
        for penalty in ("l0", "tl1")
    )
    tested = {}
    for penalty, fitted in zip(
        (None, "l0", "tl1"), (dense, *sparse), strict=True
    ):
        accuracy = fitted.score(test.data, test.target)
        tested[penalty] = fitted.sparsity_, accuracy
        print(
            f"{penalty or 'dense':>8} {accuracy:>14.2%} {fitted.sparsity_:>9.2%} "
            f"{weights_kept(fitted.module_):>13.2%}",
            flush=True,
        )
    draw(results, tested)
    print(
        f"\nSaved {PICTURE}. {time.perf_counter() - start:.0f} seconds in all."
    )


if __name__ == "__main__":
    main()
