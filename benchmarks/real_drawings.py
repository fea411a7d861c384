"""Real drawings, evaluated by person: no person is in both training and test set.

Data: the folder that SPARSECNN_DATA names must hold a tree of class folders, by default ``spirals``; the
first part of each file's name is the person. ``--folder`` and ``--group-pattern`` name any other such tree.
Every drawing is predicted by a network (or baseline) trained without drawings of that person; all have the
same folds. In every fold, the ensemble chooses on its training persons whether networks see the ink or its
unsteadiness, and at which scale. All views are of one size, about 32×32 pixels; in earlier versions of this
script, the ink was of twice the side. docs/user_guide/drawings.md lists what was tried on these drawings
before.
"""

import argparse
import sys
import time
from collections import Counter
from itertools import chain

import numpy as np
from drawing_recipes import (
    VIEWS,
    draw_views,
    hog_of_files,
    logistic_regression,
    make_network,
    make_recipe,
    name_of_view,
)
from joblib import Parallel, delayed
from real_data import SETS, data_path
from sklearn.base import clone
from sklearn.ensemble import RandomForestClassifier
from sklearn.frozen import FrozenEstimator
from sklearn.metrics import (
    accuracy_score,
    balanced_accuracy_score,
    brier_score_loss,
    roc_auc_score,
)
from sklearn.model_selection import LeaveOneGroupOut
from sklearn.pipeline import make_pipeline
from sklearn.utils import Bunch

from sparsecnn import CurveImageTransformer, SparseCurveEnsemble
from sparsecnn.datasets import load_drawings
from sparsecnn.inspection import integrated_gradients
from sparsecnn.model_selection import average_by_group, bootstrap_interval, validate_groups
from sparsecnn.preprocessing import suggest_image_shape
from sparsecnn.pretraining import pretrain_on_drawings


def recipes(files, seed, precision, pretrained=False):
    """Return, by name, a transformer of files, which learns nothing, and a classifier of its images."""
    shapes = {side: suggest_image_shape(files, side, multiple=8) for side in (32, 64, 128)}
    features = hog_of_files(CurveImageTransformer(shapes[128]))
    found = {
        "mean of 8 sparse CNNs, views chosen": (draw_views(shapes[32]), make_recipe(seed, precision)),
        "plain sparse CNN on ink": (
            CurveImageTransformer(shapes[64], dtype="uint8"),
            make_network(shapes[64], seed, precision),
        ),
        "HOG + random forest": (features, RandomForestClassifier(100, random_state=seed)),
        "HOG + logistic regression": (features, logistic_regression()),
    }
    if pretrained:
        unsteady = CurveImageTransformer(shapes[32], unsteadiness=0.8, dtype="uint8")
        reader = make_pipeline(unsteady, make_network(shapes[32], seed, precision))
        start = pretrain_on_drawings(
            reader,
            page_shape=suggest_image_shape(files, 256),
            random_state=seed,
            max_iter=12,
            finetune_iter=4,
        )
        tuned = clone(start[-1]).set_params(learning_rate_init=0.001, max_iter=12, finetune_iter=4)
        found["generated drawings only"] = (unsteady, FrozenEstimator(start[-1]))
        found["generated drawings, then fine-tuned"] = (unsteady, tuned)
        found["the same network, real drawings only"] = (unsteady, reader[-1])
    return found


def predict_by_person(learner, X, drawings, jobs):
    """Return the probability of the second class and the evidence of each drawing, zeros and views."""
    folds = list(LeaveOneGroupOut().split(X, drawings.target, drawings.groups))
    rows = Parallel(n_jobs=jobs)(delayed(_predict_fold)(learner, X, drawings, *fold) for fold in folds)
    probability, evidence = np.empty(len(X)), [None] * len(X)
    for (_, test), row in zip(folds, rows, strict=True):
        probability[test] = row.probability
        for index, found in zip(test, row.evidence, strict=True):
            evidence[index] = found
    zeros = np.mean([row.zeros for row in rows])
    chosen = Counter(chain.from_iterable(row.chosen for row in rows))
    return Bunch(probability=probability, evidence=evidence, zeros=zeros, chosen=chosen)


def _predict_fold(learner, X, drawings, train, test):
    is_ensemble = isinstance(learner, SparseCurveEnsemble)
    params = {"groups": drawings.groups[train]} if is_ensemble else {}
    fitted = clone(learner).fit(X[train], drawings.target[train], **params)
    is_sparse = hasattr(fitted, "sparsity_")
    return Bunch(
        probability=fitted.predict_proba(X[test])[:, 1],
        evidence=evidence_of(fitted, X[test]) if is_sparse else [None] * len(test),
        zeros=fitted.sparsity_ if is_sparse else np.nan,
        chosen=[name_of_view(VIEWS[view]) for view in fitted.views_] if is_ensemble else [],
    )


def evidence_of(fitted, images):
    """Return the evidence in each image of shape (height, width), summed over its views."""
    maps = integrated_gradients(fitted, images)
    return maps.sum(axis=1) if maps.ndim == 4 else maps


def figures(drawings, probability):
    """Return each figure with its interval over persons."""
    persons = average_by_group(probability, drawings.groups, drawings.target)

    def interval(metric, y=drawings.target, p=probability, groups=drawings.groups):
        return bootstrap_interval(metric, y, p, groups=groups, n_resamples=1000, random_state=0)

    return {
        "accuracy": interval(lambda y, p: accuracy_score(y, p > 0.5)),
        "balanced": interval(lambda y, p: balanced_accuracy_score(y, p > 0.5)),
        "AUC": interval(roc_auc_score),
        "Brier": interval(brier_score_loss),
        "persons": interval(
            lambda y, p: np.sum((p > 0.5) == y), persons.target, persons.proba, persons.groups
        ),
    }


def describe(name, seed, found, n_persons, zeros):
    """Return a line of the table."""
    parts = [f"{name:42} {seed:>4}"]
    for key in ("accuracy", "balanced"):
        parts.append(f"{found[key].value:6.1%} ({found[key].low:.0%}-{found[key].high:.0%})")
    for key in ("AUC", "Brier"):
        parts.append(f"{found[key].value:.3f} ({found[key].low:.2f}-{found[key].high:.2f})")
    right = found["persons"]
    parts.append(f"{right.value:.0f} ({right.low:.0f}-{right.high:.0f}) of {n_persons}")
    parts.append("" if np.isnan(zeros) else f"{zeros:.1%}")
    return "  ".join(parts)


def draw_evidence(path, drawings, probability, evidence, n=5):
    """Save a picture of the drawings with the most and the least certain predictions."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    order = np.argsort(np.abs(probability - 0.5))
    shape = suggest_image_shape(drawings.filenames, 256, multiple=8)
    height = 2.6 * shape[0] / shape[1] + 0.4
    figure, axes = plt.subplots(2, n, figsize=(2.6 * n, 2 * height), layout="constrained")
    for row, chosen in zip(axes, (order[::-1][:n], order[:n]), strict=True):
        pages = CurveImageTransformer(shape).fit_transform(drawings.filenames[chosen])
        for ax, index, page in zip(row, chosen, pages, strict=True):
            largest = max(np.abs(evidence[index]).max(), 1e-9)
            extent = (0, shape[1], shape[0], 0)
            ax.imshow(evidence[index], cmap="RdBu_r", vmin=-largest, vmax=largest, extent=extent)
            ax.imshow(np.zeros(shape), cmap="gray", alpha=page.reshape(shape), extent=extent)
            name = drawings.target_names[drawings.target[index]]
            ax.set_title(f"{drawings.groups[index]}: {probability[index]:.2f}\n({name})", fontsize=8)
            ax.set(xticks=[], yticks=[])
    second = drawings.target_names[1]
    figure.suptitle(
        f"Probability of {second}; top: most certain, bottom: least certain; red: evidence for {second}"
    )
    figure.savefig(path, dpi=100)
    plt.close(figure)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", default=SETS["spirals"].folder, help="below SPARSECNN_DATA")
    parser.add_argument(
        "--group-pattern",
        default=SETS["spirals"].person,
        help="regular expression of the person in a file name",
    )
    parser.add_argument("--min-images", type=int, default=2, help="smallest number of drawings of a person")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--recipes", default="", help="run only recipes whose names contain this")
    parser.add_argument(
        "--pretrained", action="store_true", help="add networks pretrained on generated drawings"
    )
    parser.add_argument("--precision", default="auto")
    parser.add_argument("--jobs", type=int, default=1, help="folds to run at a time")
    parser.add_argument("--picture", default="real_drawings.png")
    arguments = parser.parse_args()
    folder = data_path(arguments.folder)
    drawings = load_drawings(folder, group_pattern=arguments.group_pattern)
    if len(drawings.target_names) != 2:
        sys.exit(f"{folder} must hold two classes, but it holds {drawings.target_names.tolist()}.")
    people = validate_groups(drawings.target, drawings.groups, min_images=arguments.min_images)
    print(f"{len(drawings.target)} drawings of {len(people)} people, leave one person out")
    print("with 95 % intervals over people; a person's probability is the mean over the drawings")
    print(f"{'':42} seed  {'accuracy':16}  {'balanced':16}  {'AUC':17}  {'Brier':17}  {'people':16}  zeros")
    images = {}
    for seed in arguments.seeds:
        found = recipes(drawings.filenames, seed, arguments.precision, arguments.pretrained)
        for name, (transformer, learner) in found.items():
            if arguments.recipes not in name:
                continue
            start = time.perf_counter()
            if name not in images:
                images[name] = transformer.fit_transform(drawings.filenames)
            read = predict_by_person(learner, images[name], drawings, arguments.jobs)
            line = describe(name, seed, figures(drawings, read.probability), len(people), read.zeros)
            print(f"{line}  {time.perf_counter() - start:.0f} s", flush=True)
            if read.chosen:
                shares = [f"{view} {n / read.chosen.total():.0%}" for view, n in read.chosen.most_common()]
                print(f"  views of the networks: {', '.join(shares)}", flush=True)
            if seed == arguments.seeds[0] and read.chosen:
                draw_evidence(arguments.picture, drawings, read.probability, read.evidence)
                print(f"saved {arguments.picture}")


if __name__ == "__main__":
    main()
