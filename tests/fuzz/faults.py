"""Faults from outside: interrupts, full disks, killed workers, changed data, threads and forks."""

import os
import resource
import signal
import threading
import time
import warnings
from pathlib import Path

import numpy as np
import torch
from joblib import parallel_config

from fuzz.arguments import TINY, X, Y
from fuzz.tally import Tally
from sparsecnn import SparseCurveCNNClassifier, SparseCurveCNNClassifierCV
from sparsecnn._compute import own_generator
from sparsecnn.export import load, save

LONGER = TINY | {"max_iter": 4, "finetune_iter": 2}


def fit_again():
    """Return a fitted classifier, and what fits it anew."""
    classifier = SparseCurveCNNClassifier(**LONGER, augment=True).fit(X, Y)
    return classifier, lambda: classifier.fit(X, Y)


def fit_first():
    classifier = SparseCurveCNNClassifier(**LONGER, early_stopping=True)
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


def run_interrupts(tally: Tally, folder: Path, n_cases: int, seed: int) -> Tally:
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


def run_others(tally: Tally, folder: Path, n_cases: int, seed: int) -> Tally:
    """Judge full disks of `n_cases` sizes, as many changed files, threads and forks, and a killed worker."""
    rng = np.random.default_rng(seed)
    warnings.simplefilter("ignore")
    alone = weights_of(SparseCurveCNNClassifier(**LONGER).fit(X, Y))
    for size in rng.integers(0, 20_000, n_cases).tolist():
        judge_full_disk(tally, folder / "model", size)
        judge_full_disk_in_fit(tally, folder / f"fit{size}", size, alone)
    for i in range(n_cases):
        judge_changed_file(tally, folder / f"images{i}.npy", rng)
        judge_threads(tally, i)
        judge_fork(tally, rng.uniform(0, 0.1), alone)
    judge_killed_worker(tally)
    return tally.end()


def weights_of(classifier) -> list[bytes]:
    return [value.numpy().tobytes() for value in classifier.module_.state_dict().values()]


def within(size: int, run):
    """Run where no file can grow beyond `size` bytes, as on a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        return run()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def judge_full_disk(tally: Tally, path: Path, size: int) -> None:
    """A model is saved whole, or the old file stays, and the error names the file."""
    fitted = SparseCurveCNNClassifier(**TINY).fit(X, Y)
    save(fitted, path)
    before = path.read_bytes()

    def check_file(answer) -> None:
        assert (load(path).predict(X) == fitted.predict(X)).all()
        assert os.listdir(path.parent) == [path.name], "leaves a file behind"

    tally.judge(
        f"save with {size} bytes left",
        lambda: within(size, lambda: save(fitted, path)),
        check_file,
        names=[str(path)],
    )
    tally.judge(f"the file after a disk of {size} bytes", path.read_bytes, lambda data: _same(data, before))
    path.unlink()


def judge_full_disk_in_fit(tally: Tally, path: Path, size: int, alone: list[bytes]) -> None:
    """A fit refuses a disk that is full at its start, and goes on without one that fills up later."""
    classifier = SparseCurveCNNClassifier(**LONGER, checkpoint=path)
    tally.judge(
        f"fit with {size} bytes left",
        lambda: within(size, lambda: classifier.fit(X, Y)),
        lambda fitted: _same(weights_of(fitted), alone),
        names=[str(path)],
    )
    path.unlink(missing_ok=True)


def _same(one, other) -> None:
    assert one == other, "differs"


def judge_changed_file(tally: Tally, path: Path, rng: np.random.Generator) -> None:
    """Images in a file that changes during a fit train some network; a resumed fit notices."""
    np.save(path, X)
    images = np.load(path, mmap_mode="r")
    checkpoint = path.with_suffix(".checkpoint")

    def change() -> None:
        time.sleep(rng.uniform(0, 0.05))
        np.lib.format.open_memmap(path, mode="r+")[...] = rng.integers(256, size=X.shape)

    def fit():
        thread = threading.Thread(target=change)
        thread.start()
        classifier = SparseCurveCNNClassifier(**LONGER, checkpoint=checkpoint).fit(images, Y)
        thread.join()
        return classifier.predict_proba(images)

    tally.judge("fit of a file that changes", fit, lambda proba: _finite(proba), names=["X"])
    images = np.load(path, mmap_mode="r+")
    images[0, 0, 0] ^= 1

    def resume():
        return SparseCurveCNNClassifier(**LONGER, checkpoint=checkpoint).fit(images, Y)

    tally.judge("resumed fit of a changed file", resume, _never, names=["X differs"])


def _finite(proba) -> None:
    assert np.isfinite(proba).all()


def _never(answer) -> None:
    raise AssertionError("is answered")


def judge_threads(tally: Tally, seed: int) -> None:
    """Two threads that fit one classifier leave it as one of them would have, and it predicts meanwhile."""
    params = LONGER | {"random_state": None}
    classifier = SparseCurveCNNClassifier(**params).fit(X, Y)

    def fit() -> None:
        classifier.fit(X, Y)

    def fit_twice():
        threads = [threading.Thread(target=fit) for _ in range(2)]
        for thread in threads:
            thread.start()
        while any(thread.is_alive() for thread in threads):
            _finite(classifier.predict_proba(X))
        return classifier

    def check(fitted) -> None:
        # All attributes are of one fit: what they count is what its network holds.
        weight = fitted.module_.fc.weight
        assert fitted.n_nonzero_ == int(weight.count_nonzero())
        assert fitted.n_iter_ == len(fitted.loss_curve_)

    tally.judge(f"two threads fit one classifier {seed}", fit_twice, check, decoded=10**8)


def judge_fork(tally: Tally, seconds: float, alone: list[bytes]) -> None:
    """A process that is forked in the middle of another thread's fit fits as one alone."""
    done = threading.Event()

    def fit_on() -> None:
        while not done.is_set():
            SparseCurveCNNClassifier(**LONGER).fit(X, Y)

    def fork() -> int:
        thread = threading.Thread(target=fit_on)
        thread.start()
        time.sleep(seconds)
        child = os.fork()
        if child == 0:
            signal.alarm(30)
            fitted = SparseCurveCNNClassifier(**LONGER).fit(X, Y)
            os._exit(0 if weights_of(fitted) == alone else 3)
        status = os.waitpid(child, 0)[1]
        done.set()
        thread.join()
        return status

    tally.judge(
        f"fork {1000 * seconds:.0f} ms into a fit", fork, lambda status: _same(status, 0), decoded=10**8
    )


class Deadly(SparseCurveCNNClassifier):
    """A classifier whose fit ends its process, if that is a worker."""

    def predict(self, X):
        """Kill the process that scores."""
        os.kill(os.getpid(), signal.SIGKILL)


def judge_killed_worker(tally: Tally) -> None:
    """A search whose worker is killed says so, and is as before."""
    search = SparseCurveCNNClassifierCV(Deadly(**TINY), sparsities=[0.0, 0.5], cv=2, n_jobs=2)
    before = dict(vars(search))

    def fit():
        with parallel_config("loky"):
            return search.fit(X, Y)

    tally.judge("search with a killed worker", fit, _never, names=["worker"], errors=(Exception,), seconds=60)
    tally.judge("the search after it", lambda: dict(vars(search)), lambda after: _same(after, before))
