"""How often a screening warns of new persons of its own set of drawings, and of those of other sets.

Data: the folder that SPARSECNN_DATA names, with ``spirals``, ``newhandpd`` and ``dysgraphia/words`` within,
and generated drawings (100 persons, 4 of each kind, seed 0). At most 4 pages of each person are converted
to ink of 32×32 pixels. False alarms: fitted to two thirds of the persons of a set, and tried on the others,
on all of them and on those of one class. Warnings: fitted to all, and tried on 5 or 10 persons of another
set. The classifier is a logistic regression, but of ``spirals``, whose labels serve for nothing here, one
that knows the share of the classes only. Class 1 is the ill or shaky.
"""

import argparse
import time

import numpy as np
from real_data import SETS, first_of_each, read_set
from sklearn.dummy import DummyClassifier
from sklearn.linear_model import LogisticRegression

from sparsecnn import CurveImageTransformer
from sparsecnn.datasets import make_shaky_drawings
from sparsecnn.model_selection import ScreeningClassifier

KINDS = ("spiral", "meander", "wave", "loops", "word")
LEVELS = (0.01, 0.05)


def load_sets():
    """Return ink, labels and persons of each set, by name."""
    sets = {}
    for name in SETS:
        drawings = read_set(name)
        sets[name] = few_pages(drawings.files, drawings.target, drawings.groups)
    for kind in KINDS:
        drawings = make_shaky_drawings(400, drawings=kind, persons=100, random_state=0)
        sets[f"generated: {kind}"] = few_pages(drawings.images, drawings.target, drawings.groups)
    return sets


def few_pages(pages, target, groups, most=4):
    """Return ink of at most `most` pages of each person, their labels and persons."""
    chosen = first_of_each(groups, most)
    ink = CurveImageTransformer((32, 32)).fit_transform([pages[i] for i in chosen])
    return ink, target[chosen], groups[chosen]


def fit(name, data, persons):
    """Return a screening fitted to some persons of a set."""
    X, y, groups = data
    rows = np.isin(groups, persons)
    classifier = DummyClassifier() if name == "spirals" else LogisticRegression(C=0.01)
    return ScreeningClassifier(classifier, cv=3).fit(X[rows], y[rows], groups=groups[rows])


def p_value(screening, data, persons):
    X, _, groups = data
    rows = np.isin(groups, persons)
    return screening.check_shift(X[rows], groups[rows]).p_value


def false_alarms(name, data, n_draws, rng):
    """Return shares of p values below the LEVELS, for all left persons and for those of either class."""
    _, y, groups = data
    persons, first = np.unique(groups, return_index=True)
    found = []
    for _ in range(n_draws):
        mixed = rng.permutation(len(persons))
        known, left = mixed[len(mixed) // 3 :], mixed[: len(mixed) // 3]
        screening = fit(name, data, persons[known])
        parts = [left, *(left[y[first[left]] == label] for label in (0, 1))]
        found.append([p_value(screening, data, persons[part]) for part in parts])
    return [[np.mean(np.array(found)[:, part] <= level) for part in range(3)] for level in LEVELS]


def warnings(screening, other, n_draws, rng, n_persons):
    """Return how often the first of the LEVELS warns of persons of another set."""
    persons = np.unique(other[2])
    drawn = (rng.choice(persons, n_persons, replace=False) for _ in range(n_draws))
    return np.mean([p_value(screening, other, some) <= LEVELS[0] for some in drawn])


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--draws", type=int, default=100, help="of persons, for each figure")
    parser.add_argument("--seed", type=int, default=0, help="of the draws")
    arguments = parser.parse_args()
    sets = load_sets()
    rng = np.random.default_rng(arguments.seed)
    print(
        "| fitted to | persons | false alarms, level 0.01 | of class 0 only | of class 1 only | level 0.05 |"
    )
    print("|---|---|---|---|---|---|")
    for name, data in sets.items():
        strict, loose = false_alarms(name, data, arguments.draws, rng)
        shares = " | ".join(f"{share:.2f}" for share in [*strict, loose[0]])
        print(f"| {name} | {len(np.unique(data[2]))} | {shares} |", flush=True)
    for n_persons in (5, 10):
        print(f"\nWarnings of {n_persons} persons of another set, level 0.01:\n")
        print("| fitted to | " + " | ".join(sets) + " |")
        print("|---" * (len(sets) + 1) + "|")
        for name, data in sets.items():
            screening = fit(name, data, np.unique(data[2]))
            row = [
                "" if other == name else f"{warnings(screening, sets[other], 20, rng, n_persons):.2f}"
                for other in sets
            ]
            print(f"| {name} | " + " | ".join(row) + " |", flush=True)
    X, _, groups = sets["newhandpd"]
    start = time.perf_counter()
    screening.check_shift(X[:100], groups[:100])
    print(f"\nOne check of 100 images: {time.perf_counter() - start:.2f} s")


if __name__ == "__main__":
    main()
