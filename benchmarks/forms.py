"""Printed forms in gray: how well the pen is told from the print, and what it tells.

Data: the folder that SPARSECNN_DATA names, with the trees ``newhandpd`` and ``spirals``. Pages of NewHandPD,
where a blue pen traces a black print, are turned to gray. The print is found on the pages of one half of the
persons and taken off those of the other, and the other way round. What remains is compared with the pen as
told by its colour, which does not show it under the print. The free spirals share no print. At last, numbers
of the deviation from the guide, and of unsteadiness, tell the classes of persons that a logistic regression
has not seen, in 10 folds: numbers of the pen's line alone, and none of the margins.
"""

import argparse
import time
import warnings

import numpy as np
from confounders import measure
from PIL import Image
from real_data import read_set
from scipy import ndimage
from sklearn.model_selection import StratifiedGroupKFold

from sparsecnn.preprocessing import CurveImageTransformer, PrintedFormRemover

INK = 0.3  # of the brightness of ink, which a pixel of the pen has
SECTORS = 8  # of angle around the middle of the drawing
SCALES = (1 / 38, 1 / 19, 1 / 9.5)  # of unsteadiness


def gray_pages(files):
    return [np.asarray(Image.open(file).convert("L")) for file in files]


def ink_of(pages, ink="all"):
    """Return where whole pages, at 256 pixels a side, have ink."""
    images = CurveImageTransformer((256, 256), ink=ink, crop=False).transform(pages)
    return images.reshape(-1, 256, 256) > INK


def near(masks):
    return ndimage.maximum_filter(masks, (1, 3, 3))


def compare(found, truth):
    """Return precision and recall of the pixels of pages, exact and to within a pixel."""
    pairs = (found, truth), (truth, found), (found, near(truth)), (truth, near(found))
    return [(mask & of).sum() / mask.sum() for mask, of in pairs]


def numbers_of_distance(page):
    """Return mean, deviation, root mean square and 90th percentile of the distance, and the mean by angle."""
    rows, columns = np.nonzero(page < 255)
    distance = 1 - page[rows, columns] / 255
    angle = np.arctan2(rows - rows.mean(), columns - columns.mean())
    sector = np.minimum((angle / (2 * np.pi) + 0.5) * SECTORS, SECTORS - 1).astype(int)
    counts = np.maximum(np.bincount(sector, minlength=SECTORS), 1)
    by_angle = np.bincount(sector, weights=distance, minlength=SECTORS) / counts
    rms = np.sqrt(np.mean(distance**2))
    return np.array([distance.mean(), distance.std(), rms, np.percentile(distance, 90), *by_angle])


def numbers_of_unsteadiness(files):
    """Return the mean brightness of the unsteady line at each scale."""
    columns = []
    for scale in SCALES:
        reader = CurveImageTransformer((64, 64), ink="pen", unsteadiness=1, unsteadiness_scale=scale)
        columns.append([image[image > 0].mean() for image in reader.transform(files)])
    return np.array(columns).T


def halves(drawings, gray, output="pages"):
    """Yield indices of pages, and what a remover makes of them that was fitted on other persons."""
    folds = StratifiedGroupKFold(2, shuffle=True, random_state=0)
    for fit, test in folds.split(drawings.files, drawings.target, drawings.groups):
        start = time.perf_counter()
        remover = PrintedFormRemover(output).fit([gray[i] for i in fit])
        fitted = time.perf_counter()
        pages = remover.transform([gray[i] for i in test])
        seconds = fitted - start, (time.perf_counter() - fitted) / len(test)
        print(
            f"fit on {len(fit)} pages: {seconds[0]:.1f} s; transform: {seconds[1]:.2f} s a page", flush=True
        )
        yield test, pages


def report_pen(drawings, gray):
    """Print precision and recall of the pen's pixels against its colour."""
    clean = list(gray)
    for test, pages in halves(drawings, gray):
        for i, page in zip(test, pages, strict=True):
            clean[i] = page
    kept = sum(np.array_equal(a, b) for a, b in zip(clean, gray, strict=True))
    print(f"print not found: {kept} of {len(gray)} pages")
    truth, printed = ink_of(drawings.files, "pen"), near(ink_of(drawings.files, "black"))
    print("pen against its colour:    precision recall  precision and recall to within a pixel")
    for name, found in (("gray, all ink", ink_of(gray)), ("without print", ink_of(clean))):
        print(f"{name:>26} " + "  ".join(f"{part:.3f}" for part in compare(found, truth)))
        beside = compare(found & ~printed, truth & ~printed)
        print(f"{'beside the print':>26} " + "  ".join(f"{part:.3f}" for part in beside), flush=True)


def report_free_spirals(pages, gray):
    """Print how often print is found on free spirals, among themselves and with another set's print."""
    generator, found = np.random.default_rng(0), []
    for n_pages in (5, 5, 5, 5, 10, 10, 20):
        chosen = generator.choice(len(pages), n_pages, replace=False)
        found.append(PrintedFormRemover().fit([pages[i] for i in chosen]).template_ is not None)
    print(f"free spirals: print found in {sum(found)} of {len(found)} fits on 5 to 20 pages", flush=True)
    remover = PrintedFormRemover().fit(gray[::8])
    large = [np.asarray(Image.fromarray(page).resize((512, 512))) for page in pages]
    same = [np.array_equal(a, b) for a, b in zip(large, remover.transform(large), strict=True)]
    print(f"free spirals, print of NewHandPD: {sum(same)} of {len(same)} pages are left as they are")


def report_classes(drawings, gray):
    """Print how well numbers of the deviation and of unsteadiness tell the classes of unseen persons."""
    deviation = np.zeros((len(gray), 4 + SECTORS))
    for test, pages in halves(drawings, gray, "distance"):
        deviation[test] = [numbers_of_distance(page) for page in pages]
    unsteady = numbers_of_unsteadiness(drawings.files)
    numbers = {"deviation": deviation, "unsteadiness": unsteady, "both": np.hstack([deviation, unsteady])}
    for name, X in numbers.items():
        rows = [measure(X, drawings.target, drawings.groups, seed) for seed in (0, 1, 2)]
        balanced, auc, persons = np.mean(rows, axis=0)
        print(f"{name:>14}: balanced accuracy {balanced:.3f}, AUC {auc:.3f}, AUC of persons {persons:.3f}")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "parts", nargs="*", default=["pen", "spirals", "classes"], help="to run; all by default"
    )
    parts = parser.parse_args().parts
    warnings.filterwarnings("ignore", message=".*(print is not found|share no print)")
    drawings = read_set("newhandpd")
    gray = gray_pages(drawings.files)
    if "pen" in parts:
        report_pen(drawings, gray)
    if "spirals" in parts:
        report_free_spirals(gray_pages(read_set("spirals").files), gray)
    if "classes" in parts:
        report_classes(drawings, gray)


if __name__ == "__main__":
    main()
