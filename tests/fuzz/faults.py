"""Faults from outside: signals at random moments, full disks, changed and vanished data, threads and forks."""

import os
import signal
import time
import warnings

import numpy as np
import torch

from fuzz.arguments import TINY, X, Y
from fuzz.tally import Tally
from sparsecnn import SparseCurveCNNClassifier, SparseCurveCNNClassifierCV
from sparsecnn._compute import own_generator


def fit_again():
    """Return a fitted classifier, and what fits it anew."""
    classifier = SparseCurveCNNClassifier(**TINY | {"max_iter": 4, "finetune_iter": 2}, augment=True).fit(
        X, Y
    )
    return classifier, lambda: classifier.fit(X, Y)


def fit_first():
    classifier = SparseCurveCNNClassifier(**TINY | {"max_iter": 4, "finetune_iter": 2}, early_stopping=True)
    return classifier, lambda: classifier.fit(X, Y)


def fit_partly():
    classifier = SparseCurveCNNClassifier(**TINY).partial_fit(X, Y)
    return classifier, lambda: classifier.partial_fit(X, Y)


def search():
    quick = SparseCurveCNNClassifier(**TINY | {"finetune_iter": 1})
    found = SparseCurveCNNClassifierCV(quick, sparsities=[0.0, 0.5], cv=2)
    return found, lambda: found.fit(X, Y)


JOBS = {"fit": fit_first, "fit again": fit_again, "partial_fit": fit_partly, "search": search}


def surroundings() -> dict:
    """Return all of the process that a computation must leave as it is."""
    return {
        "torch generator": torch.get_rng_state().tolist(),
        "numpy generator": str(np.random.get_state()),  # noqa: NPY002
        "threads": torch.get_num_threads(),
        "dtype": torch.get_default_dtype(),
        "warning filters": list(warnings.filters),
        "environment": dict(os.environ),
        "numpy errors": np.geterr(),
        "gradients": (torch.is_grad_enabled(), torch.is_inference_mode_enabled()),
        "own generator": own_generator(),
        "signal handlers": [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)],
    }


def changed(before: dict, after: dict) -> list[str]:
    return [name for name in before if before[name] != after[name]]


def interrupted_after(seconds: float, run) -> bool:
    """Run, with a Ctrl-C after so many seconds; return whether the interrupt was raised."""

    def press(number, frame):
        signal.raise_signal(signal.SIGINT)

    signal.signal(signal.SIGALRM, press)
    try:
        signal.setitimer(signal.ITIMER_REAL, seconds)
        run()
        signal.setitimer(signal.ITIMER_REAL, 0)
    except KeyboardInterrupt:
        return True
    return False


def check_interrupted(estimator, before: dict, raised: bool, labels) -> None:
    """Raise AssertionError unless an estimator is as before, or fitted to the end of an epoch."""
    untouched = vars(estimator).keys() == before.keys() and all(
        vars(estimator)[name] is value for name, value in before.items()
    )
    assert untouched or hasattr(estimator, "module_"), "neither as before nor fitted"
    assert raised or not untouched, "says nothing, and is not fitted"
    if not untouched or "module_" in before or "best_estimator_" in before:
        assert set(estimator.predict(X)) <= set(labels)
        assert 0 <= estimator.sparsity_ <= 1


def judge_interrupt(tally: Tally, name: str, seconds: float) -> None:
    estimator, run = JOBS[name]()
    before, around = dict(vars(estimator)), surroundings()

    def disturbed():
        return interrupted_after(seconds, run)

    def check(raised):
        differing = changed(around, surroundings())
        assert not differing, f"left behind: {differing}"
        check_interrupted(estimator, before, raised, Y)

    tally.judge(f"{name} interrupted after {1000 * seconds:.2f} ms", disturbed, check, decoded=10**8)


def run_interrupts(tally: Tally, n_cases: int, seed: int) -> Tally:
    """Judge fits and searches that are interrupted at random moments."""
    rng = np.random.default_rng(seed)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    warnings.simplefilter("ignore")
    seconds = {}
    for name, job in JOBS.items():
        job()[1]()
        run = job()[1]
        begun = time.perf_counter()
        run()
        seconds[name] = time.perf_counter() - begun
    names = list(JOBS)
    for i in range(n_cases):
        name = names[i % len(names)]
        judge_interrupt(tally, name, max(1e-5, rng.uniform(0, 1.1 * seconds[name])))
    return tally.end()
