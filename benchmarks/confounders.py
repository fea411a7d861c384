"""What tells the classes of real drawings apart without any drawing: margins, paper, sizes of files.

Data: the folder that SPARSECNN_DATA names, with the trees ``spirals`` and ``newhandpd``. A logistic
regression on a few numbers of each page, none of which sees a line, predicts persons that it has not seen,
in 10 folds. Where it does so far better than chance, scans of the classes were made or cut differently, and a
reader of whole pages may have learned that and no tremor. Ink that is cropped has no margins.
"""

import argparse
from pathlib import Path

import numpy as np
from PIL import Image
from real_data import read_set
from scipy import ndimage
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import balanced_accuracy_score, roc_auc_score
from sklearn.model_selection import StratifiedGroupKFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sparsecnn.model_selection import average_by_group

DARK = 0.25  # of the way from paper to black, which ink covers
LEAST_INK = 60  # pixels that touch; smaller specks are dust


def margins(page):
    """Return the blank paper above, below, left and right of all ink, as parts of the sides of a page."""
    paper = np.percentile(page, 80, axis=(0, 1))
    dark = 1 - (page / np.maximum(paper, 1)).min(2) > DARK
    specks, _ = ndimage.label(ndimage.binary_dilation(dark, iterations=2))
    sizes = np.bincount(specks.ravel())
    ink = np.isin(specks, np.flatnonzero(sizes > LEAST_INK)[1:])
    rows, columns = (np.flatnonzero(ink.any(axis)) for axis in (1, 0))
    height, width = ink.shape
    return (
        rows[0] / height,
        1 - (rows[-1] + 1) / height,
        columns[0] / width,
        1 - (columns[-1] + 1) / width,
    )


def paper(page):
    """Return the red, green and blue of the paper."""
    return np.percentile(page, 80, axis=(0, 1))


def numbers_of(files):
    """Return, by name, the numbers of each page that no line enters."""
    pages = [np.asarray(Image.open(file).convert("RGB"), dtype=float) for file in files]
    return {
        "blank margins beyond all ink": np.array([margins(page) for page in pages]),
        "colour of the paper": np.array([paper(page) for page in pages]),
        "height and width in pixels": np.array([page.shape[:2] for page in pages]),
        "bytes of the file": np.array([[Path(file).stat().st_size] for file in files]),
    }


def measure(X, y, groups, seed):
    """Return balanced accuracy and AUC of drawings, and AUC of persons."""
    model = make_pipeline(StandardScaler(), LogisticRegression(C=0.1, class_weight="balanced"))
    folds = StratifiedGroupKFold(10, shuffle=True, random_state=seed)
    proba = cross_val_predict(model, X, y, groups=groups, cv=folds, method="predict_proba")[:, 1]
    persons = average_by_group(proba, groups, y)
    return (
        balanced_accuracy_score(y, proba > 0.5),
        roc_auc_score(y, proba),
        roc_auc_score(persons.target, persons.proba),
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2], help="of the folds")
    arguments = parser.parse_args()
    sets = {name: read_set(name) for name in ("spirals", "newhandpd")}
    print(f"{'set':>10} {'numbers of the page':>30} {'balanced':>9} {'AUC':>6} {'AUC of persons':>15}")
    for name, drawings in sets.items():
        for kind, X in numbers_of(drawings.files).items():
            rows = [measure(X, drawings.target, drawings.groups, seed) for seed in arguments.seeds]
            balanced, auc, of_persons = np.mean(rows, axis=0)
            print(f"{name:>10} {kind:>30} {balanced:>9.3f} {auc:>6.3f} {of_persons:>15.3f}", flush=True)


if __name__ == "__main__":
    main()
