"""Saved models and checkpoints: cut off at every length, changed in every byte, and mutated.

Half of the mutated models have a digest that is right, as one who means harm would write them: those may say
something else, which is then read, but must not crash, hang, or take memory.
"""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from interruptions import Killed, killed_after
from saved import SWAPPED, join, split
from sklearn.frozen import FrozenEstimator

from fuzz.arguments import TINY, X, Y
from fuzz.tally import Tally
from sparsecnn import SparseCurveCNNClassifier, inference
from sparsecnn.exceptions import FileFormatError
from sparsecnn.export import compress, load, save
from sparsecnn.model_selection import ScreeningClassifier

VALUES = (0, 1, -1, 7, 2**31, 2**63, 10**30, 0.5, 1e308, "", "x", None, True, [], {}, [[]], [0] * 5, {"a": 1})
MUTATED = 2_500  # files of each kind, at most
READERS = {"export.load": load, "inference.load": inference.load}


def models(folder: Path) -> dict[str, bytes]:
    """Return the bytes of a saved classifier, of its compressed form, and of a screening."""
    fitted = SparseCurveCNNClassifier(**TINY | {"penalized": "all"}).fit(X, Y)
    screening = ScreeningClassifier(FrozenEstimator(fitted), coverage=0.5, cv=2).fit(X, Y, range(len(Y)))
    found = {}
    for name, estimator in (("fitted", fitted), ("compressed", compress(fitted)), ("screening", screening)):
        save(estimator, folder / name)
        found[name] = (folder / name).read_bytes()
    return found


def checkpoint(path: Path) -> bytes:
    """Return the bytes of the checkpoint of half a fit."""
    try:
        with killed_after(2):
            continued(path)
    except Killed:
        pass
    return path.read_bytes()


def continued(path: Path) -> np.ndarray:
    """Return what a fit that goes on from a checkpoint predicts."""
    classifier = SparseCurveCNNClassifier(**TINY | {"max_iter": 2}, checkpoint=path)
    return classifier.fit(X, Y).predict_proba(X)


def cut(data: bytes) -> Iterator[tuple[str, bytes]]:
    """Yield every shorter file."""
    for length in range(len(data)):
        yield f"cut at {length}", data[:length]


def flipped(data: bytes) -> Iterator[tuple[str, bytes]]:
    """Yield every file with one byte changed."""
    for place in range(len(data)):
        changed = bytearray(data)
        changed[place] ^= 1 + (place * 37) % 255
        yield f"byte {place} changed", bytes(changed)


def some(cases: Iterator[tuple[str, bytes]], n_all: int, n_cases: int) -> Iterator[tuple[str, bytes]]:
    """Yield about so many cases, evenly spread; all of them if there are no more."""
    step = max(1, n_all // n_cases)
    return (case for i, case in enumerate(cases) if i % step == 0)


def with_bytes_changed(data: bytes, rng: np.random.Generator) -> bytes:
    changed = bytearray(data)
    for place in rng.integers(len(data), size=rng.integers(1, 6)):
        changed[place] = rng.integers(256)
    return bytes(changed)


def with_value_changed(value, rng: np.random.Generator):
    """Return JSON with one value, somewhere, changed or left out."""
    if not isinstance(value, (dict, list)) or not value or rng.random() < 0.2:
        return VALUES[rng.integers(len(VALUES))]
    items = dict(value) if isinstance(value, dict) else list(value)
    place = int(rng.integers(len(items)))
    key = list(items)[place] if isinstance(items, dict) else place
    if rng.random() < 0.15:
        del items[key]
    else:
        items[key] = with_value_changed(items[key], rng)
    return items


def mutated(data: bytes, entry_name: str, rng: np.random.Generator) -> bytes:
    """Return a file with random changes, in half of all cases with a digest that is right."""
    kind = rng.integers(4)
    if kind == 0:
        return with_bytes_changed(data, rng)
    if kind == 1:
        start, end = sorted(rng.integers(len(data), size=2))
        return data[:start] + data[end:] if rng.random() < 0.5 else data[:end] + data[start:]
    header, tensors = split(data)
    if kind == 2:
        return join(header, with_bytes_changed(tensors, rng))
    entry = json.loads(header["__metadata__"][entry_name].translate(SWAPPED))
    for _ in range(rng.integers(1, 4)):
        entry = with_value_changed(entry, rng)
    header["__metadata__"][entry_name] = json.dumps(entry).translate(SWAPPED)
    return join(header, tensors)


def never_answered(answer) -> None:
    raise AssertionError("is read")


def judge(tally: Tally, case: str, data: bytes, path: Path, read, check) -> None:
    """Judge one file, written to `path`: only an error of the format is a refusal."""
    path.write_bytes(data)
    tally.judge(
        case,
        lambda: read(path),
        check,
        names=[re.escape(str(path))],
        decoded=len(data),
        errors=(FileFormatError,),
    )


def run_models(tally: Tally, folder: Path, n_cases: int, seed: int) -> Tally:
    """Judge damaged models of both readers: `n_cases` of each kind, or all that there are."""
    rng = np.random.default_rng(seed)
    for name, data in models(folder).items():
        for reader, read in READERS.items():
            damaged = [*some(cut(data), len(data), n_cases), *some(flipped(data), len(data), n_cases)]
            for case, changed in damaged:
                judge(tally, f"{reader} of {name} {case}", changed, folder / "model", read, never_answered)
            for i in range(min(n_cases // 4, MUTATED)):
                changed, case = (
                    mutated(data, "estimator", rng),
                    f"{reader} of {name} mutated {i} (seed {seed})",
                )
                judge(tally, case, changed, folder / "model", read, lambda answer: None)
    return tally.end()


def run_checkpoints(tally: Tally, folder: Path, n_cases: int, seed: int) -> Tally:
    """Judge fits that find a damaged checkpoint: `n_cases` of each kind, or all that there are."""
    rng = np.random.default_rng(seed)
    path = folder / "fit.safetensors"
    data = checkpoint(path)
    damaged = [*some(cut(data), len(data), n_cases), *some(flipped(data), len(data), n_cases)]
    for case, changed in damaged:
        judge(tally, f"checkpoint {case}", changed, path, continued, never_answered)
    for i in range(min(n_cases // 4, MUTATED)):
        judge_mutated_checkpoint(tally, f"mutated {i} (seed {seed})", mutated(data, "run", rng), path)
    return tally.end()


def judge_mutated_checkpoint(tally: Tally, case: str, data: bytes, path: Path) -> None:
    """Judge a fit that goes on from what somebody else has written, or refuses it by name."""
    path.write_bytes(data)
    tally.judge(
        f"checkpoint {case}",
        lambda: continued(path),
        names=[re.escape(str(path)), "diverged", "resume"],
        decoded=len(data),
    )
