"""Real drawings, judged by person: no person is ever in training and in testing.

Data: the folder that SPARSECNN_DATA names must hold a tree of class folders, by default ``spirals``; the
first part of each file's name is the person. Every drawing is predicted by a network (or baseline) that saw
no drawing of that person. Nothing was tuned on these drawings.
"""

import argparse
import os
import sys
from pathlib import Path

import numpy as np
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, balanced_accuracy_score, roc_auc_score
from sklearn.model_selection import LeaveOneGroupOut, cross_validate
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from sparsecnn import CurveImageTransformer, SparseCurveCNNClassifier
from sparsecnn.datasets import load_drawings
from sparsecnn.model_selection import sparsity_scorer

SIDE = 64


def hog(X):
    """Return the histograms of oriented gradients of flat square images."""
    from skimage.feature import hog as hog_of_image

    return np.array([hog_of_image(x.reshape(2 * SIDE, 2 * SIDE), pixels_per_cell=(16, 16)) for x in X])


def recipes(seed):
    """Return each pipeline by name."""
    network = SparseCurveCNNClassifier(
        augment="flip", max_iter=60, refine_iter=20, class_weight="balanced", random_state=seed
    )
    features = make_pipeline(CurveImageTransformer((2 * SIDE, 2 * SIDE)), FunctionTransformer(hog))
    return {
        "sparse CNN (l0)": make_pipeline(CurveImageTransformer((SIDE, SIDE)), network),
        "HOG + random forest": make_pipeline(*features, RandomForestClassifier(100, random_state=seed)),
        "HOG + logistic regression": make_pipeline(
            *features, StandardScaler(), LogisticRegression(max_iter=5000)
        ),
    }


def predict_by_person(pipeline, drawings):
    """Return the probability of the second class of each drawing, and the mean sparsity of the networks."""
    scoring = {"sparsity": sparsity_scorer} if "CNN" in type(pipeline[-1]).__name__ else "accuracy"
    folds = list(LeaveOneGroupOut().split(drawings.filenames, drawings.target, drawings.groups))
    fitted = cross_validate(
        pipeline, drawings.filenames, drawings.target, cv=folds, scoring=scoring, return_estimator=True
    )
    probability = np.empty(len(drawings.target))
    for estimator, (_, test) in zip(fitted["estimator"], folds, strict=True):
        probability[test] = estimator.predict_proba(drawings.filenames[test])[:, 1]
    return probability, np.mean(fitted.get("test_sparsity", [np.nan]))


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", default="spirals", help="below SPARSECNN_DATA")
    parser.add_argument(
        "--group-pattern", default=r"V\d+", help="regular expression of the person in a file name"
    )
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    arguments = parser.parse_args()
    if "SPARSECNN_DATA" not in os.environ:
        sys.exit("Skipped: set SPARSECNN_DATA to the folder that holds the drawings.")
    folder = Path(os.environ["SPARSECNN_DATA"], arguments.folder)
    drawings = load_drawings(folder, group_pattern=arguments.group_pattern)
    people = np.unique(drawings.groups)
    print(f"{len(drawings.target)} drawings of {len(people)} people, leave one person out")
    print(f"{'':28} {'seed':>4} {'accuracy':>9} {'balanced':>9} {'AUC':>6} {'people':>9} {'FC zeros':>9}")
    for seed in arguments.seeds:
        for name, pipeline in recipes(seed).items():
            probability, zeros = predict_by_person(pipeline, drawings)
            y, predicted = drawings.target, probability > 0.5
            votes = [np.mean(probability[drawings.groups == p]) > 0.5 for p in people]
            truth = [y[drawings.groups == p][0] for p in people]
            print(
                f"{name:28} {seed:>4} {accuracy_score(y, predicted):>9.1%} "
                f"{balanced_accuracy_score(y, predicted):>9.1%} {roc_auc_score(y, probability):>6.2f} "
                f"{np.sum(np.equal(votes, truth)):>3} of {len(people)} {zeros:>9.1%}",
                flush=True,
            )


if __name__ == "__main__":
    main()
