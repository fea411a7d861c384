"""What a screening promises, and what strangers get: calibration, thresholds and coverage by person.

Generated spirals and waves, 4 by each person, at 24×24 pixels with unsteadiness. A logistic regression
screens persons drawn from 300, and is tried on 400 others. All figures are means over the draws.
"""

import argparse

import numpy as np
from sklearn.base import clone
from sklearn.frozen import FrozenEstimator
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import balanced_accuracy_score, brier_score_loss, log_loss, roc_curve

from sparsecnn import CurveImageTransformer
from sparsecnn.datasets import make_shaky_drawings
from sparsecnn.model_selection import ScreeningClassifier

N_KNOWN, N_STRANGERS = 300, 400
CLASSIFIER = LogisticRegression(C=0.1, max_iter=1000)


def draw(kind, persons, seed):
    """Return the pages of persons as rows, their labels and persons."""
    drawings = make_shaky_drawings(4 * len(persons), drawings=kind, persons=persons, random_state=seed)
    ink = CurveImageTransformer((24, 24), unsteadiness=0.8)
    return ink.fit_transform(drawings.images), drawings.target, drawings.groups


def of(data, persons):
    """Return the part of data by some persons."""
    rows = np.isin(data[2], persons)
    return [part[rows] for part in data]


def screen(data, estimator=CLASSIFIER, **params):
    X, y, groups = data
    return ScreeningClassifier(estimator, shift_level=None, **params).fit(X, y, groups=groups)


def judged(screening, strangers):
    """Return labels of strangers, in the order of their answers, and the answers."""
    _, first = np.unique(strangers[2], return_index=True)
    return strangers[1][first], screening.predict_persons(strangers[0], strangers[2])


def losses(known, strangers):
    """Return log loss and Brier score of strangers for each way to calibrate, and for none."""
    raw, platt = screen(known, calibrate=False), screen(known)
    truth, people = judged(raw, strangers)
    held = raw.held_back_
    steps = IsotonicRegression(y_min=0.01, y_max=0.99, out_of_bounds="clip")
    probas = {
        "none": people.proba[:, 1],
        "Platt, on logits": judged(platt, strangers)[1].proba[:, 1],
        "Platt, on probabilities": LogisticRegression(C=np.inf)
        .fit(held.proba[:, 1:], held.target)
        .predict_proba(people.proba[:, 1:])[:, 1],
        "isotonic": steps.fit(held.proba[:, 1], held.target).predict(people.proba[:, 1]),
    }
    return {name: (log_loss(truth, p), brier_score_loss(truth, p)) for name, p in probas.items()}


def balanced(known, strangers):
    """Return balanced accuracy of strangers at the default threshold, and at the best of those held back."""
    screening = screen(known)
    truth, people = judged(screening, strangers)
    alarms, found, thresholds = roc_curve(
        screening.held_back_.target, screening.held_back_.proba[:, 1], drop_intermediate=False
    )
    best = thresholds[1:][np.argmax((found - alarms)[1:])]
    return (
        balanced_accuracy_score(truth, people.prediction),
        balanced_accuracy_score(truth, people.proba[:, 1] >= best),
    )


def reached(known, strangers, **params):
    """Return sensitivity and specificity of strangers, and how often sets hold the right class, by class."""
    truth, people = judged(screen(known, **params), strangers)
    sets = people.prediction_set
    rates = [np.mean(people.prediction[truth == label] == label) for label in (1, 0)]
    return *rates, *(np.mean(sets[truth == label, label]) for label in (1, 0)), np.mean(sets.sum(1) != 1)


def frozen(known):
    """Return a classifier fitted to half of the pairs of persons, and the data of the others."""
    persons = np.unique(known[2])
    half = len(persons) // 4 * 2
    fitted = clone(CLASSIFIER).fit(*of(known, persons[:half])[:2])
    return FrozenEstimator(fitted), of(known, persons[half:])


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--draws", type=int, default=40)
    parser.add_argument("--seed", type=int, default=0, help="of the draws")
    parser.add_argument("--kinds", nargs="+", default=["spiral", "wave"])
    parser.add_argument("--persons", type=int, nargs="+", default=[28, 90])
    arguments = parser.parse_args()
    for kind in arguments.kinds:
        pool = draw(kind, range(N_KNOWN), seed=1)
        strangers = draw(kind, range(N_KNOWN, N_KNOWN + N_STRANGERS), seed=2)
        for n_persons in arguments.persons:
            rng = np.random.default_rng(arguments.seed)
            print(f"\n{kind}s, {n_persons} persons", flush=True)
            report([of(pool, pairs(rng, n_persons)) for _ in range(arguments.draws)], strangers, n_persons)


def pairs(rng, n_persons):
    """Draw as many persons of either class: of 2 k and 2 k + 1, one is shaky."""
    first = 2 * rng.choice(N_KNOWN // 2, n_persons // 2, replace=False)
    return np.sort(np.concatenate([first, first + 1]))


def report(draws, strangers, n_persons):
    rows = [losses(known, strangers) for known in draws]
    for name in rows[0]:
        loss, brier = np.mean([row[name] for row in rows], axis=0)
        print(f"  calibration: {name:24} log loss {loss:.3f}, Brier score {brier:.3f}")
    ours, best = np.mean([balanced(known, strangers) for known in draws], axis=0)
    print(f"  balanced accuracy: default {ours:.3f}, best of those held back {best:.3f}")
    coverage = 0.8 if n_persons < 40 else 0.9
    for wanted in ({"sensitivity": 0.8}, {"sensitivity": 0.8, "confidence": 0.9}):
        for way in ("fitted again", "frozen"):
            rates = []
            for known in draws:
                estimator, part = (CLASSIFIER, known) if way == "fitted again" else frozen(known)
                enough = len(np.unique(part[2])) >= 2 * (11 if "confidence" in wanted else 4)
                if enough:
                    rates.append(reached(part, strangers, estimator=estimator, coverage=coverage, **wanted))
            if rates:
                show(f"{wanted}, {way}", np.array(rates), coverage)


def show(what, rates, coverage):
    mean = rates.mean(0)
    print(
        f"  {what}: sensitivity {mean[0]:.3f}, reached in {np.mean(rates[:, 0] >= 0.8):.2f}, "
        f"specificity {mean[1]:.3f}; coverage {coverage} is {mean[2]:.3f} and {mean[3]:.3f}, "
        f"cannot tell {mean[4]:.2f}",
        flush=True,
    )


if __name__ == "__main__":
    main()
