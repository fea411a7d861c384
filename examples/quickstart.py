"""Train a sparse network to recognise shaky spirals, and test it on unseen persons, in seconds."""

import time

from sklearn.model_selection import StratifiedGroupKFold

from sparsecnn import SparseCurveCNNClassifier
from sparsecnn.datasets import make_shaky_spirals

SEED = 0


def main() -> None:
    start = time.perf_counter()
    spirals = make_shaky_spirals(240, image_shape=(32, 32), random_state=SEED)
    X, y, persons = spirals.data, spirals.target, spirals.groups
    folds = StratifiedGroupKFold(
        4, shuffle=True, random_state=SEED
    )  # no person is in two folds
    train, test = next(folds.split(X, y, groups=persons))

    classifier = SparseCurveCNNClassifier(random_state=SEED).fit(
        X[train], y[train]
    )
    accuracy = classifier.score(X[test], y[test])
    n_persons = len(set(persons[test]))
    print(
        f"seed {SEED}: accuracy {accuracy:.2f} on {len(test)} spirals by {n_persons} unseen persons"
    )
    print(f"{classifier.sparsity_:.1%} of the fully connected weights are zero")
    print(f"{time.perf_counter() - start:.0f} seconds")


if __name__ == "__main__":
    main()
