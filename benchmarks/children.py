"""Children with and without dysgraphia, from images of all their words: which windows, and how to pool them.

Data: ``dysgraphia/words`` below the folder that SPARSECNN_DATA names, words in true size with 12 pixels/mm.
Windows of 8 mm around points of the line, one in each square of 1 mm (of 2 mm for networks), are described
by histograms of gradients (4×4 cells, 8 directions, square roots of shares) or by what a sparse CNN, trained
to tell the class of windows, gives to its last layer. A child is the mean of what words or windows say, or
the matrix logarithm of the covariance of all descriptors of their windows (of 16 principal components),
given to a logistic regression. Both covariances are averaged by the logarithms of their odds.
Ten folds keep children together; whatever is fitted sees the training children only. The interval, 95 %,
is over children.
"""

import argparse
import time

import numpy as np
import torch
from drawing_recipes import hog
from PIL import Image
from real_data import read_set
from scipy import ndimage
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import balanced_accuracy_score, roc_auc_score
from sklearn.model_selection import StratifiedGroupKFold
from sklearn.preprocessing import StandardScaler

from sparsecnn import CurveAugmentation, SparseCurveCNNClassifier
from sparsecnn.model_selection import bootstrap_interval

REDUCED = 3  # pixels of a file to one here: 4 pixels/mm
WINDOW = 32  # pixels: 8 mm
CELL, DIRECTIONS = WINDOW // 4, 8
GRID, GRID_OF_NETWORKS = 4, 8  # pixels, of the squares that give a window each
CANVAS = 64, 128  # pixels, of words for histograms of whole words
N_COMPONENTS = 16
RIDGE = 1e-4
N_TRAINING = 12000  # windows of a network


def read_word(file):
    """Return the ink of a word, from 0 to 255, with room for windows around it."""
    ink = 255.0 - np.asarray(Image.open(file).convert("L"))
    ink = np.pad(ink, [(0, -side % REDUCED) for side in ink.shape])
    shape = ink.shape[0] // REDUCED, REDUCED, ink.shape[1] // REDUCED, REDUCED
    return np.pad(ink.reshape(shape).mean((1, 3)), WINDOW)


def points_of(word, grid):
    """Return a pixel of the line, the middle one, of each square that has any."""
    rows, columns = np.nonzero(word > 127)
    square = (rows // grid) * word.shape[1] + columns // grid
    order = np.argsort(square, kind="stable")
    _, start, count = np.unique(square[order], return_index=True, return_counts=True)
    middle = order[start + count // 2]
    return rows[middle], columns[middle]


def on_canvas(word):
    """Return a word in the middle of an image of the size of the CANVAS; what is outside is lost."""
    room = np.pad(word, [(side, side) for side in CANVAS])
    top, left = ((whole - side) // 2 for whole, side in zip(room.shape, CANVAS, strict=True))
    return room[top : top + CANVAS[0], left : left + CANVAS[1]]


def gradients_of(word):
    """Return the square roots of the shares of gradients in each cell and direction, window by window."""
    across, down = (ndimage.gaussian_filter(word, 0.8, order=order) for order in ((0, 1), (1, 0)))
    turn = np.arctan2(down, across) % (2 * np.pi) * DIRECTIONS / (2 * np.pi)
    first, rest = np.floor(turn).astype(int) % DIRECTIONS, turn % 1
    share = [(first == d) * (1 - rest) + ((first + 1) % DIRECTIONS == d) * rest for d in range(DIRECTIONS)]
    maps = ndimage.gaussian_filter(np.hypot(across, down) * np.stack(share), (0, CELL / 2, CELL / 2))
    rows, columns = points_of(word, GRID)
    offsets = ((np.arange(4) - 1.5) * CELL).astype(int)
    cells = [maps[:, rows + y, columns + x].T for y in offsets for x in offsets]
    shares = np.concatenate(cells, axis=1)
    return np.sqrt(shares / np.maximum(shares.sum(1, keepdims=True), 1e-9))


def windows_of(word):
    """Return windows of a word, of shape (n, WINDOW, WINDOW), uint8."""
    half = WINDOW // 2
    points = zip(*points_of(word, GRID_OF_NETWORKS), strict=True)
    return np.array([word[r - half : r + half, c - half : c + half] for r, c in points], dtype=np.uint8)


def log_covariance(descriptors):
    values, vectors = np.linalg.eigh(np.cov(descriptors.T) + RIDGE * np.eye(descriptors.shape[1]))
    return ((vectors * np.log(values)) @ vectors.T)[np.triu_indices(descriptors.shape[1])]


def regress(X, y, known, others):
    """Return the scores of the others by a logistic regression fitted to the known."""
    X = StandardScaler().fit(X[known]).transform(X) / np.sqrt(X.shape[1])
    return LogisticRegression(max_iter=5000).fit(X[known], y[known]).decision_function(X[others])


def pool(descriptors, of, y, known, others):
    """Return the scores of children by the covariance of their descriptors."""
    pca = PCA(N_COMPONENTS, random_state=0).fit(descriptors[np.isin(of, known)][::5])
    reduced = pca.transform(descriptors)
    return regress(np.array([log_covariance(reduced[of == k]) for k in range(len(y))]), y, known, others)


def last_inputs(classifier, windows):
    """Return what a fitted network gives to its fully connected layer."""
    found = []
    layer = classifier.module_.fc
    hook = layer.register_forward_pre_hook(lambda layer, given: found.append(given[0].numpy()))
    with torch.inference_mode():
        classifier.predict_proba(windows)
    hook.remove()
    return np.concatenate(found)


def by_network(windows, of, y, known, others, seed):
    """Return scores of children from a sparse CNN: the mean over windows, and by covariance."""
    rng = np.random.default_rng(seed)
    rows = rng.choice(np.flatnonzero(np.isin(of, known)), N_TRAINING, replace=False)
    network = SparseCurveCNNClassifier(
        channels=(16, 32, 32),
        augment=CurveAugmentation(),
        batch_size=64,
        class_weight="balanced",
        max_iter=4,
        finetune_iter=2,
        random_state=seed,
    )
    network.fit(windows[rows], y[of[rows]])
    score = network.predict_proba(windows)[:, 1] - 0.5
    means = np.array([score[of == k].mean() for k in others])
    inputs = last_inputs(network, windows)
    return {
        "sparse CNN, mean of windows": means,
        "sparse CNN, covariance": pool(inputs / inputs[rows].std(), of, y, known, others),
    }


def read_children():
    """Return children, their classes, and of each kind of descriptor all of them and whose they are."""
    drawings = read_set("dysgraphia")
    children, first, child = np.unique(drawings.groups, return_index=True, return_inverse=True)
    words = [read_word(file) for file in drawings.files]
    kinds = {"words": [hog(on_canvas(word)[None]) for word in words]}
    kinds |= {
        "gradients": [gradients_of(word) for word in words],
        "windows": [windows_of(word) for word in words],
    }
    of = {kind: child.repeat([len(each) for each in found]) for kind, found in kinds.items()}
    data = {kind: np.concatenate(found) for kind, found in kinds.items()}
    return children, drawings.target[first], data, of


def score_fold(data, of, y, known, others, seed, networks):
    """Return the scores of the other children, by the name of the recipe."""
    train, test = (np.flatnonzero(np.isin(of["words"], some)) for some in (known, others))
    of_words = regress(data["words"], y[of["words"]], train, test)
    found = {
        "HOG of words, mean": np.array([of_words[of["words"][test] == k].mean() for k in others]),
        "gradients, covariance": pool(data["gradients"], of["gradients"], y, known, others),
    }
    if networks:
        found |= by_network(data["windows"], of["windows"], y, known, others, seed)
        both = found["gradients, covariance"], found["sparse CNN, covariance"]
        found["both covariances, mean"] = np.mean(both, axis=0)  # of the logarithms of the odds
    return found


def score_children(data, of, y, seed, networks):
    """Return the score of each child from those who are in other folds, by the name of the recipe."""
    scores = {}
    folds = StratifiedGroupKFold(10, shuffle=True, random_state=seed)
    words = of["words"]
    for train, test in folds.split(words, y[words], words):
        known, others = np.unique(words[train]), np.unique(words[test])
        for name, score in score_fold(data, of, y, known, others, seed, networks).items():
            scores.setdefault(name, np.empty(len(y)))[others] = score
    return scores


def report(name, y, scores):
    """Print the AUC of children, mean and of each seed, the interval of the first, and balanced accuracy."""
    found = [roc_auc_score(y, score) for score in scores]
    balanced = np.mean([balanced_accuracy_score(y, score > 0) for score in scores])
    interval = bootstrap_interval(roc_auc_score, y, scores[0], random_state=0)
    seeds = ", ".join(f"{value:.3f}" for value in found)
    print(f"{name:28} {np.mean(found):.3f} ({seeds}) {interval.low:.2f}-{interval.high:.2f} {balanced:.3f}")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2], help="of folds and networks")
    parser.add_argument("--no-networks", action="store_true", help="leave the sparse CNNs out")
    arguments = parser.parse_args()
    children, y, data, of = read_children()
    counts = ", ".join(f"{len(found)} {kind}" for kind, found in data.items())
    print(f"{len(children)} children, {y.mean():.0%} with dysgraphia: {counts}")
    each = []
    for seed in arguments.seeds:
        started = time.perf_counter()
        each.append(score_children(data, of, y, seed, not arguments.no_networks))
        print(f"seed {seed}: {time.perf_counter() - started:.0f} s", flush=True)
    print(f"{'':28} AUC of children (seeds), its interval, balanced accuracy")
    for name in each[0]:
        report(name, y, [scores[name] for scores in each])


if __name__ == "__main__":
    main()
