"""Drawings by strangers: one recipe, with one set of settings, on all sets of real drawings, by person.

Data: the folder that SPARSECNN_DATA names, with the trees ``spirals``, ``newhandpd`` and
``dysgraphia/words`` (four words of each child). Within a set, ten folds keep persons together, and the views
of the ensemble are chosen on the training persons of each fold. Across sets, a reader is fitted on all of one
set and frozen; the threshold and the calibration that it takes along are found on the persons held back in
the set that it was fitted on. "Generated only" is the start of the pretrained ensemble, which is fine-tuned
on real drawings. The probability of a person is the mean over their drawings. Figures are means over seeds;
the interval, 95 %, is that of the AUC of persons for the first seed.
"""

import argparse
from functools import cache

import numpy as np
from drawing_recipes import draw_views, hog, hog_of_files, logistic_regression
from joblib import Parallel, delayed
from PIL import Image
from real_data import SETS, first_of_each, read_set, take
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.frozen import FrozenEstimator
from sklearn.metrics import (
    accuracy_score,
    balanced_accuracy_score,
    brier_score_loss,
    roc_auc_score,
    roc_curve,
)
from sklearn.model_selection import StratifiedGroupKFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from sparsecnn import CurveAugmentation, CurveImageTransformer, SparseCurveCNNClassifier, SparseCurveEnsemble
from sparsecnn.model_selection import ScreeningClassifier, average_by_group, bootstrap_interval
from sparsecnn.pretrained import load_reader
from sparsecnn.pretraining import pretrain_on_drawings

MOST = {"dysgraphia": 4}  # drawings of a person
FOLDS = 10


def read_few(name):
    """Return a set, person by person, without the drawings beyond the MOST."""
    drawings = read_set(name)
    return take(drawings, first_of_each(drawings.groups, MOST.get(name)))


def gray_pages(files):
    """Return the brightness of whole pages, in 128×128 pixels."""
    pages = [Image.open(file).convert("L").resize((128, 128), Image.Resampling.BOX) for file in files]
    return np.array(pages)


def fit_nothing_more(reader):
    """Return the transformer and the frozen classifier of a reader that has not seen a real drawing."""
    return clone(reader[0]).set_params(ink="auto"), FrozenEstimator(reader[-1])


def ensemble(seed):
    return draw_views((32, 32), ink="auto"), SparseCurveEnsemble(random_state=seed)


@cache
def pretrain(seed):
    """Return the recipe, trained on generated drawings."""
    reader = make_pipeline(draw_views((32, 32)), SparseCurveEnsemble(random_state=seed))
    return pretrain_on_drawings(
        reader, capture=["clean", "scan"], random_state=seed, max_iter=12, finetune_iter=4
    )


def generated_only(seed):
    return fit_nothing_more(pretrain(seed))


def pretrained_ensemble(seed):
    fine_tuning = {"learning_rate_init": 0.001, "max_iter": 12, "finetune_iter": 4}
    start = clone(pretrain(seed)[-1])
    start.estimator.set_params(**fine_tuning)
    return draw_views((32, 32), ink="auto"), start


def network_of_ink(seed):
    network = SparseCurveCNNClassifier(
        channels=(16, 32, 32),
        augment=CurveAugmentation(flip=True),
        class_weight="balanced",
        random_state=seed,
    )
    return CurveImageTransformer((64, 64), ink="auto", dtype="uint8"), network


def hog_of_ink(seed):
    ink = CurveImageTransformer((128, 128), ink="auto", dtype="uint8")
    return hog_of_files(ink), logistic_regression()


def hog_of_gray_page(seed):
    pages = make_pipeline(FunctionTransformer(gray_pages), FunctionTransformer(hog))
    return pages, logistic_regression()


def ready_reader(seed):
    return fit_nothing_more(load_reader("drawings"))


# Functions of a seed, which return a transformer of files and a classifier of what it gives.
READERS = {
    "ensemble": ensemble,
    "pretrained ensemble": pretrained_ensemble,
    "generated only": generated_only,
    "sparse CNN on ink": network_of_ink,
    "HOG of ink": hog_of_ink,
    "HOG of gray page": hog_of_gray_page,
    "ready reader": ready_reader,
}


def fit_params(classifier, drawings):
    """Return what else to give the fit: the ensemble is given the persons."""
    return {"groups": drawings.groups} if isinstance(classifier, SparseCurveEnsemble) else {}


def predict_within(classifier, X, drawings, seed, jobs):
    """Return the probability of each drawing from a classifier that has not seen its person."""
    folds = StratifiedGroupKFold(FOLDS, shuffle=True, random_state=seed)
    return cross_val_predict(
        *(classifier, X, drawings.target),
        groups=drawings.groups,
        cv=folds,
        method="predict_proba",
        n_jobs=jobs,
        params=fit_params(classifier, drawings),
    )[:, 1]


class Given(ClassifierMixin, BaseEstimator):
    """A classifier whose only feature is the probability, so that a screening can be found for it."""

    def fit(self, X, y):
        self.classes_ = np.unique(y)
        return self

    def predict_proba(self, X):
        return np.column_stack([1 - X[:, 0], X[:, 0]])


def screen(proba, drawings):
    """Return a screening whose threshold and calibration are those of persons held back."""
    frozen = FrozenEstimator(Given().fit(proba, drawings.target))
    screening = ScreeningClassifier(frozen, shift_level=None)
    return screening.fit(proba[:, None], drawings.target, groups=drawings.groups)


def sensitivity_at(y, proba, specificity=0.9):
    """Return the sensitivity where the specificity is at least as wanted."""
    false, true, _ = roc_curve(y, proba, drop_intermediate=False)
    return true[false <= 1 - specificity + 1e-9].max()


def measure(proba, drawings, screening=None):
    """Return figures of drawings and of persons, by name; thresholds are 0.5 or that of the screening."""
    persons = average_by_group(proba, drawings.groups, drawings.target)
    called, likely = persons.proba > 0.5, persons.proba
    if screening is not None:
        found = screening.predict_persons(proba[:, None], drawings.groups)
        called, likely = found.prediction == 1, found.proba[:, 1]
    return {
        "accuracy": accuracy_score(drawings.target, proba > 0.5),
        "balanced": balanced_accuracy_score(drawings.target, proba > 0.5),
        "AUC": roc_auc_score(drawings.target, proba),
        "AUC/persons": roc_auc_score(persons.target, persons.proba),
        "balanced/persons": balanced_accuracy_score(persons.target, called),
        "sensitivity": np.mean(called[persons.target == 1]),
        "specificity": np.mean(~called[persons.target == 0]),
        "sens. at 90 %": sensitivity_at(persons.target, persons.proba),
        "Brier/persons": brier_score_loss(persons.target, likely),
    }


def interval_of_auc(proba, drawings):
    """Return the 95 % interval of the AUC of persons."""
    persons = average_by_group(proba, drawings.groups, drawings.target)
    found = bootstrap_interval(
        roc_auc_score, persons.target, persons.proba, groups=persons.groups, random_state=0
    )
    return f"{found.low:.2f}-{found.high:.2f}"


def print_row(reader, fitted_on, tried_on, figures, interval):
    """Print the means of figures over seeds."""
    cells = [f"{np.mean([row[name] for row in figures]):>{len(name)}.3f}" for name in figures[0]]
    print(f"{reader:>19} {fitted_on:>10} {tried_on:>10}", *cells, interval, flush=True)


def compare(name, sets, images, seeds, jobs):
    """Print the rows of one reader: within each set, and from each set to each other."""
    classifiers = [READERS[name](seed)[1] for seed in seeds]
    for at, drawings in sets.items():
        if isinstance(classifiers[0], FrozenEstimator):
            probas = [one.predict_proba(images[at])[:, 1] for one in classifiers]
            figures = [measure(proba, drawings) for proba in probas]
            print_row(name, "none", at, figures, interval_of_auc(probas[0], drawings))
            continue
        pairs = list(zip(classifiers, seeds, strict=True))
        held_back = [predict_within(one, images[at], drawings, seed, jobs) for one, seed in pairs]
        figures = [measure(proba, drawings) for proba in held_back]
        print_row(name, at, at, figures, interval_of_auc(held_back[0], drawings))
        screenings = [screen(proba, drawings) for proba in held_back]
        fitted = Parallel(n_jobs=jobs)(
            delayed(clone(one).fit)(images[at], drawings.target, **fit_params(one, drawings))
            for one in classifiers
        )
        for to in [other for other in sets if other != at]:
            probas = [one.predict_proba(images[to])[:, 1] for one in fitted]
            figures = [measure(p, sets[to], one) for p, one in zip(probas, screenings, strict=True)]
            print_row(name, at, to, figures, interval_of_auc(probas[0], sets[to]))


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sets", nargs="+", choices=list(SETS), default=list(SETS))
    parser.add_argument("--readers", nargs="+", choices=list(READERS), default=list(READERS))
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--jobs", type=int, default=1, help="folds to run at a time")
    arguments = parser.parse_args()
    sets = {name: read_few(name) for name in arguments.sets}
    for name, drawings in sets.items():
        n_persons = len(np.unique(drawings.groups))
        print(f"{name}: {len(drawings.files)} drawings, {drawings.target.mean():.0%} ill, {n_persons} people")
    header = measure(drawings.target.astype(float), drawings)
    print(f"{'reader':>19} {'fitted on':>10} {'tried on':>10}", *header, "interval")
    for name in arguments.readers:
        transformer = READERS[name](0)[0]
        images = {at: clone(transformer).fit_transform(drawings.files) for at, drawings in sets.items()}
        compare(name, sets, images, arguments.seeds, arguments.jobs)


if __name__ == "__main__":
    main()
