"""Train the readers that the package ships, and print the figures of their model cards.

Data: words of ``make_shaky_words`` in all fonts, and drawings of ``make_shaky_drawings`` and
``make_shaky_spirals`` by many persons, on pages of all sizes, margins and shades, some traced along their
outline, some in black and white, some as JPEG; every page goes through the reader's own transformer.

``--held-out`` trains on 70 % of the fonts and words, or of the persons, and measures on the others. Settings
are chosen by these figures. Without it, the reader is trained on all, saved into the package, and measured on
what its training never saw: words of ``other_curves.py``, as arrays and as files, or real drawings below
the folder that SPARSECNN_DATA names. ``--measure`` only measures the saved one.
"""

import argparse
import io
import os
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from other_curves import TEST_FONTS, TRAIN_FONTS, WORDS, fill_or_trace, make_other_curves, write_any
from PIL import Image
from real_data import SETS, read_set
from scipy import ndimage
from sklearn.base import clone
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline

from sparsecnn import CurveAugmentation, CurveImageTransformer, SparseCurveCNNClassifier, inference
from sparsecnn.datasets import (
    DRAWING_KINDS,
    list_fonts,
    list_words,
    make_shaky_drawings,
    make_shaky_spirals,
    make_shaky_words,
)
from sparsecnn.export import compress, load, save
from sparsecnn.model_selection import average_by_group

PACKAGE = Path(__file__).parent.parent / "sparsecnn" / "pretrained"
CLASSES = np.array(["regular", "shaky"])
AT_ONCE = 250  # pages that are made and converted at once
WORD_SHAPES = (64, 64), (64, 96), (96, 96), (64, 64), (128, 128)
DRAWING_SHAPES = (256, 256), (170, 512), (200, 200), (256, 256), (128, 320)


# Pages


def make_page(image, rng, hollow=0.0, bold=0.0, binary=0.15, plain=0.0, smallest=0.6):
    """Return an image, ink bright on black, as a page of another size, with margins, of any shade.

    The arguments are the probabilities that lines are traced along both edges or are bold, that the page is
    in black and white, and that the image is the page as it is; and how far the page is reduced at most.
    """
    if rng.random() < plain:
        return Image.fromarray(255 - image)
    paper = np.median(image)
    ink = np.clip((image - paper) / (image.max() - paper) / 0.85 - 0.17, 0, 1)  # without its paper
    if min(image.shape) >= 96:  # smaller letters have no outline
        kind = rng.random()
        if kind < hollow:
            ink = ndimage.grey_dilation(ink, 3) - ndimage.grey_erosion(ink, 3)
        elif kind < hollow + bold:
            ink = ndimage.grey_dilation(ink, 3)
    side = np.array(ink.shape[::-1])
    size = np.rint(side * np.exp(rng.uniform(np.log(smallest), np.log(1.6)))).astype(int)
    method = rng.choice([Image.Resampling.BILINEAR, Image.Resampling.BICUBIC, Image.Resampling.LANCZOS])
    sheet = Image.fromarray(ink.astype(np.float32)).resize(tuple(size), method)
    border = rng.uniform(0, 0.5, (2, 2)) * rng.integers(0, 2, (2, 2)) * size
    left, top, right, bottom = border.ravel().astype(int)
    page = np.zeros((size[1] + top + bottom, size[0] + left + right), dtype=np.float32)
    page[top : top + size[1], left : left + size[0]] = sheet
    if rng.random() < binary:
        page = np.where(page > rng.uniform(0.35, 0.6), 1.0, 0.0).astype(np.float32)
    return photograph(page, rng)


def photograph(ink, rng):
    """Return ink from 0 to 1 as a page of some shade, unevenly lit, with noise, perhaps as JPEG."""
    paper, ink_level = rng.uniform(0.65, 1.0), rng.uniform(0.0, 0.35)
    if rng.random() < 0.3:
        paper, ink_level = ink_level, paper
    down, across = np.ogrid[-1 : 1 : ink.shape[0] * 1j, -1 : 1 : ink.shape[1] * 1j]
    slope = rng.choice([0, 0.08]) * rng.uniform(-1, 1, 2)
    page = (ink_level - paper) * ink.astype(np.float32)
    page += (paper + slope[0] * down + slope[1] * across).astype(np.float32)
    if rng.random() < 0.5:
        page += rng.uniform(0, 0.04) * rng.standard_normal(page.shape, dtype=np.float32)
    page = Image.fromarray(np.rint(255 * np.clip(page, 0, 1)).astype(np.uint8))
    return recompress(page, rng.integers(30, 96)) if rng.random() < 0.5 else page


def recompress(page, quality):
    """Return a page as it looks after it was a JPEG file."""
    file = io.BytesIO()
    page.save(file, "JPEG", quality=int(quality))
    return Image.open(file).copy()


# Training data


def read_words(n, transformer, seed, part=0):
    """Return images of generated words and their classes; `part` 1 is 30 % of the fonts and words, 0 all."""
    fonts, words = list_fonts(), list_words()
    if part:
        fonts, words = (train_test_split(x, test_size=0.3, random_state=0)[part - 1] for x in (fonts, words))

    def make(n, shape, seed):
        return make_shaky_words(
            n,
            image_shape=shape,
            fonts=fonts,
            words=words,
            amplitude=(0.04, 0.18),
            frequency=(3, 16),
            scales=1 + seed % 3,
            return_X_y=True,
            random_state=seed,
        )

    return read_generated(n, transformer, seed, make, WORD_SHAPES, hollow=0.25, bold=0.15, smallest=0.7)


def read_drawings(n, transformer, seed, part=0):
    """Return images of generated drawings and their classes; `part` 2 has other persons than 0 and 1."""
    persons = range(2000, 2600) if part == 2 else range(2000)

    def make(n, shape, seed):
        if shape == (200, 200):
            return make_shaky_spirals(
                n, image_shape=shape, persons=persons, return_X_y=True, random_state=seed
            )
        return make_shaky_drawings(n, image_shape=shape, persons=persons, return_X_y=True, random_state=seed)

    return read_generated(n, transformer, seed, make, DRAWING_SHAPES, binary=0.05, plain=0.5)


def read_generated(n, transformer, seed, make, shapes, **params):
    """Return n images as the transformer makes them of generated pages, and their classes."""
    rng = np.random.default_rng(seed)
    parts = []
    for start in range(0, n, AT_ONCE):
        shape = shapes[start // AT_ONCE % len(shapes)]
        images, target = make(min(AT_ONCE, n - start), shape, int(rng.integers(2**31)))
        pages = [make_page(image.reshape(shape), rng, **params) for image in images]
        parts.append((transformer.transform(pages), target))
    X, target = (np.concatenate(list(column)) for column in zip(*parts, strict=True))
    return X, CLASSES[target]


# Readers


def words_reader(seed):
    classifier = SparseCurveCNNClassifier(
        channels=(16, 32, 64),
        augment=CurveAugmentation(strength=0.5),  # no two pages are alike anyway
        penalized="all",
        target_sparsity=0.75,
        solver="adam",
        max_iter=24,
        finetune_iter=16,
        random_state=seed,
        precision="auto",
    )
    return CurveImageTransformer((40, 80), dtype="uint8"), classifier


def drawings_reader(seed):
    transformer = CurveImageTransformer((48, 48), unsteadiness=0.8, unsteadiness_scale=1 / 38, dtype="uint8")
    classifier = SparseCurveCNNClassifier(
        channels=(16, 32, 32),
        augment=CurveAugmentation(flip=True),
        penalized="all",
        target_sparsity=0.8,
        solver="adam",
        max_iter=24,
        finetune_iter=8,
        random_state=seed,
        precision="auto",
    )
    return transformer, classifier


READERS = {"words": (words_reader, read_words, 14000), "drawings": (drawings_reader, read_drawings, 5000)}
N_MEASURED = 1000


def train(name, seed, n_images, part, **params):
    """Return a fitted pipeline, compressed, of a network trained on a part of the fonts or persons."""
    make_reader, read_pages, _ = READERS[name]
    transformer, classifier = make_reader(seed)
    start = time.perf_counter()
    X, y = read_pages(n_images, transformer, seed, part)
    print(f"{len(X)} pages made and converted in {time.perf_counter() - start:.0f} s", flush=True)
    classifier.set_params(image_shape=transformer.image_shape, **params).fit(X, y)
    classifier.set_params(precision="float32")
    print(f"trained after {time.perf_counter() - start:.0f} s, {classifier.sparsity_:.1%} zeros", flush=True)
    return make_pipeline(transformer, compress(classifier))


# Figures


def print_figures(what, y, probability):
    """Print the number of images, the accuracy, how many of each class are right, and the AUC."""
    shaky = probability > 0.5
    right = [np.mean(shaky[y == name] == (name == "shaky")) for name in CLASSES]
    print(
        f"{what:42} {len(y):>5} {np.mean(shaky == (y == 'shaky')):>8.2%} {right[0]:>8.2%} {right[1]:>8.2%} "
        f"{roc_auc_score(y == 'shaky', probability):>7.4f}",
        flush=True,
    )


def measure_held_out(reader, name, n_images):
    """Measure on pages of the fonts and words, or of the persons, that part 1 lacks."""
    X, y = READERS[name][1](n_images, reader[0], 1000, 2)
    print_figures(f"generated {name}, not in training", y, reader[-1].predict_proba(X)[:, 1])


def measure_words(reader, n_images, seeds):
    """Measure on words of ``other_curves.py``: arrays of 64 x 64 pixels, and files."""
    fonts = TRAIN_FONTS + TEST_FONTS
    for seed in seeds:
        other = make_other_curves(n_images, fonts, WORDS, [seed, 2])
        y = CLASSES[other.target]
        print_figures(f"other words, arrays, seed {seed}", y, reader.predict_proba(other.data)[:, 1])
    for seed in seeds:
        with TemporaryDirectory() as folder:
            files, y = write_files(folder, n_images // 2, fonts, np.random.default_rng([seed, 3]))
            print_figures(f"other words, files, seed {seed}", y, reader.predict_proba(files)[:, 1])


def write_files(folder, n_images, fonts, rng):
    """Write words of ``other_curves.py`` as files of all sizes and several formats; return these and y."""
    files, y = [], CLASSES[rng.permutation(np.arange(n_images) % 2)]
    for i, answer in enumerate(y):
        outlines = write_any(WORDS, fonts, answer == "shaky", rng)
        path = os.path.join(folder, f"{i}.{('png', 'jpg', 'webp', 'tiff')[i % 4]}")
        photograph(draw_sharply(outlines, rng), rng).save(path)
        files.append(path)
    return files, y


def draw_sharply(outlines, rng):
    """Return the ink of outlines, filled or traced, 1 to 6 times as large, with margins of any width."""
    scale = rng.uniform(1, 6)
    traced, pen = rng.random() < 0.4, scale * rng.uniform(1.0, 1.8)
    points = np.vstack(outlines)
    before, after = rng.uniform(3, 64, (2, 2))
    size = np.ceil(scale * (np.ptp(points, axis=0) + before + after)).astype(int)
    placed = [scale * (outline - points.min(0) + before) for outline in outlines]
    return fill_or_trace(placed, size, pen if traced else None) / 255


def measure_drawings(reader, n_images, seeds):
    """Measure on drawings of each kind by other generated persons, and on real ones."""
    persons = range(2000, 2600)
    for kind in DRAWING_KINDS:
        made = make_shaky_drawings(
            n_images // 5, drawings=kind, image_shape=(256, 256), persons=persons, random_state=seeds[0]
        )
        y = CLASSES[made.target]
        print_figures(f"generated {kind}, other persons", y, reader.predict_proba(list(made.images))[:, 1])
    if "SPARSECNN_DATA" not in os.environ:
        print("Real drawings skipped: set SPARSECNN_DATA to the folder that holds them.")
        return
    for name in ("spirals", "newhandpd"):
        drawings = read_set(name)
        of_ink = make_pipeline(clone(reader[0]).set_params(ink=SETS[name].ink), reader[-1])
        probability = of_ink.predict_proba(drawings.files)[:, 1]
        print_figures(f"real {name}, drawings", CLASSES[drawings.target], probability)
        persons = average_by_group(probability, drawings.groups, drawings.target)
        print_figures(f"real {name}, means of persons", CLASSES[persons.target], persons.proba)


MEASURES = {"words": measure_words, "drawings": measure_drawings}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--reader", choices=list(READERS), required=True)
    parser.add_argument("--seed", type=int, default=1, help="of the pages and of the network")
    parser.add_argument(
        "--measured-seeds", type=int, nargs="+", default=[11, 12, 13], help="of what is measured"
    )
    parser.add_argument("--held-out", action="store_true", help="train on a part and measure on the rest")
    parser.add_argument("--measure", action="store_true", help="only measure the saved reader")
    parser.add_argument("--quick", action="store_true", help="a tiny run, to see that it works")
    parser.add_argument("--folder", type=Path, default=PACKAGE, help="where to save the reader")
    arguments = parser.parse_args()
    name, path = arguments.reader, arguments.folder / f"{arguments.reader}.safetensors"
    n_images, n_measured = (100, 40) if arguments.quick else (READERS[name][2], N_MEASURED)
    quick = {"max_iter": 2, "finetune_iter": 1, "target_sparsity": 0.3} if arguments.quick else {}
    if arguments.measure:
        reader = load(path)
    else:
        reader = train(name, arguments.seed, n_images, 1 if arguments.held_out else 0, **quick)
        if not arguments.held_out:
            save(reader, path, dtype="float16")
            reader = load(path)
            weights = [layer.arrays["weight"] for layer in inference.load(path).layers_ if layer.arrays]
            n_nonzero = sum(map(np.count_nonzero, weights))
            print(f"saved {path.name}: {path.stat().st_size:,} bytes, {n_nonzero:,} non-zero weights")
    print(f"{'':42} {'n':>5} {'accuracy':>8} {'regular':>8} {'shaky':>8} {'AUC':>7}")
    if arguments.held_out:
        measure_held_out(reader, name, n_measured)
    else:
        MEASURES[name](reader, n_measured, arguments.measured_seeds)


if __name__ == "__main__":
    main()
