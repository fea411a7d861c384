"""Children with and without dysgraphia, by how their pen moved and by what it drew.

Data: the folder that SPARSECNN_DATA names must hold ``dysgraphia/paths.npz``, a page of pen samples by each
of 80 children. Stratified folds of children: none is in both a training set and its test set. Features are of
whole pages. Networks see ten words of a child, and the child's probability is their mean; a word is what lies
within WORD_GAP of the strokes before, and the ten are spread evenly over the page. Nothing is chosen by
results. Figures are means over the seeds, which draw folds and models, with standard errors over children
(bootstrap).
"""

import argparse
import time
from itertools import pairwise

import numpy as np
from real_data import data_path
from sklearn.base import clone
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, balanced_accuracy_score, roc_auc_score
from sklearn.model_selection import StratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sparsecnn import SparseCurveCNNClassifier, TabletTransformer

UNITS_PER_MM = 200
WORD_GAP = 2.0, 5.0  # mm beside, and above or below, at which a new word begins
LEAST_WORD = 0.5  # seconds
WORDS = 10
METRICS = {
    "AUC": roc_auc_score,
    "accuracy": lambda y, probability: accuracy_score(y, probability > 0.5),
    "balanced": lambda y, probability: balanced_accuracy_score(y, probability > 0.5),
}


def load_pages(path):
    """Return the samples of each child (x, y, ms, pen, pressure), and whether it has dysgraphia.

    Samples that are not later than all before them are left out.
    """
    with np.load(path) as file:
        delta, offset, target = file["delta"], file["offset"], file["target"]
    pages, n_left_out = [], 0
    for start, end in pairwise(offset):
        page = np.cumsum(delta[:, start:end].astype(np.int64), axis=1).T
        later = np.concatenate([[True], page[1:, 2] > np.maximum.accumulate(page[:, 2])[:-1]])
        pages.append(page[later])
        n_left_out += np.count_nonzero(~later)
    print(f"{len(pages)} children, {sum(map(len, pages)):,} samples; {n_left_out} left out as not later")
    return pages, (target == "dysgraphia").astype(int)


def split_words(page):
    """Return the samples of each word of a page."""
    edges = np.flatnonzero(np.diff(page[:, 3], prepend=0, append=0))
    words, low, high = [], None, None
    for start, end in edges.reshape(-1, 2):
        place = page[start:end, :2] / UNITS_PER_MM
        begins, ends = place.min(axis=0), place.max(axis=0)
        if words and (begins <= high + WORD_GAP).all() and (ends >= low - WORD_GAP).all():
            words[-1][1], low, high = end, np.minimum(low, begins), np.maximum(high, ends)
        else:
            words.append([start, end])
            low, high = begins, ends
    return [page[start:end] for start, end in words if page[end - 1, 2] - page[start, 2] > 1000 * LEAST_WORD]


def choose_words(page):
    """Return WORDS words, spread evenly over a page."""
    words = split_words(page)
    return [words[i] for i in np.linspace(0, len(words) - 1, WORDS).round().astype(int)]


def predict(model, X, y, seed):
    """Return the probability of each child by a model that has not seen it; X has rows of each child."""
    probability = np.empty(len(y))
    for train, test in StratifiedKFold(5, shuffle=True, random_state=seed).split(y, y):
        fitted = clone(model).set_params(**{f"{model.steps[-1][0]}__random_state": seed})
        n_rows = X.shape[1]
        fitted.fit(np.concatenate(X[train]), np.repeat(y[train], n_rows))
        rows = fitted.predict_proba(np.concatenate(X[test]))[:, 1]
        probability[test] = rows.reshape(-1, n_rows).mean(axis=1)
    return probability


def print_row(name, y, probabilities, seconds):
    """Print the mean of each metric over the seeds, with its standard error over children."""
    rng = np.random.default_rng(0)
    draws = (rng.integers(len(y), size=len(y)) for _ in range(1000))
    samples = [np.arange(len(y)), *(draw for draw in draws if 0 < y[draw].mean() < 1)]
    cells = []
    for metric in METRICS.values():
        values = [np.mean([metric(y[sample], p[sample]) for p in probabilities]) for sample in samples]
        cells.append(f"{values[0]:.3f} ± {np.std(values[1:]):.3f}")
    aucs = " ".join(f"{roc_auc_score(y, p):.3f}" for p in probabilities)
    print(f"| {name} | {' | '.join(cells)} | {aucs} | {seconds:.0f} |", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--words", action="store_true", help="only count words")
    arguments = parser.parse_args()
    pages, y = load_pages(data_path("dysgraphia/paths.npz"))
    counts = [len(split_words(page)) for page in pages]
    print(f"{min(counts)} to {max(counts)} words a child, {np.median(counts):.0f} in the median")
    if arguments.words:
        return

    words = [word for page in pages for word in choose_words(page)]
    shape = (32, 64)
    views = {
        "features": TabletTransformer("features", units_per_mm=UNITS_PER_MM).transform(pages)[:, None],
        "constant": TabletTransformer(image_shape=shape, ink="constant").transform(words),
        "pressure": TabletTransformer(image_shape=shape, max_pressure=1023).transform(words),
    }
    for name in ("constant", "pressure"):
        views[name] = np.asarray(views[name]).reshape(len(pages), WORDS, -1)
    network = make_pipeline(SparseCurveCNNClassifier(channels=(16, 32, 32), image_shape=shape))
    models = {
        "features, logistic regression": (
            "features",
            make_pipeline(StandardScaler(), LogisticRegression(max_iter=5000)),
        ),
        "features, random forest": ("features", make_pipeline(RandomForestClassifier(500))),
        "words in constant ink, sparse CNN": ("constant", network),
        "words in ink of pressure, sparse CNN": ("pressure", network),
    }
    print("| model | AUC of children | accuracy | balanced accuracy | AUC by seed | seconds |")
    print("|---|---|---|---|---|---|")
    found = {}
    for name, (view, model) in models.items():
        begun = time.perf_counter()
        found[name] = [predict(model, views[view], y, seed) for seed in arguments.seeds]
        print_row(name, y, found[name], time.perf_counter() - begun)
    _, forest, constant, pressure = found.values()
    for ink, network in {"constant ink": constant, "ink of pressure": pressure}.items():
        both = [(one + other) / 2 for one, other in zip(forest, network, strict=True)]
        print_row(f"mean of the forest and the sparse CNN in {ink}", y, both, 0)


if __name__ == "__main__":
    main()
