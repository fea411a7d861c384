"""What surrounds a training run: all or nothing, interrupts, progress."""

from __future__ import annotations

import contextlib
import copy
import sys
from collections.abc import Iterator
from typing import Any

from tqdm import tqdm

from sparsecnn._checkpoint import Identity, Run, identify, open_run
from sparsecnn._compute import clean_torch_state, naming_lost_process, resolve_device, shared_threads
from sparsecnn._training import EpochEnd, Hook

# Modules whose calls of `fit` are the user's own: they fit one estimator once.
_TRANSPARENT = ("sklearn.base", "sklearn.pipeline", "sklearn.utils")
_REPEATING = ("sklearn.", "joblib.", "dask.", "distributed.", "sparsecnn._estimator.teaching")


@contextlib.contextmanager
def all_or_nothing(estimator: Any) -> Iterator[Any]:
    """Yield a copy of the estimator, whose attributes it takes over at once if the block succeeds."""
    draft = copy.copy(estimator)
    with naming_lost_process(), shared_threads(), clean_torch_state():
        yield draft
    estimator.__dict__ = draft.__dict__


def called_repeatedly() -> bool:
    """Return whether `fit` was called by a search, an ensemble or the like, rather than by the user."""
    frame = sys._getframe(1)
    while frame is not None:
        name = str(frame.f_globals.get("__name__", ""))
        if name.startswith(_REPEATING) and not name.startswith(_TRANSPARENT):
            return True
        frame = frame.f_back  # type: ignore[assignment]
    return False


def open_fit(
    estimator: Any, X: Any, y: Any, sample_weight: Any, groups: Any, continues: bool
) -> contextlib.AbstractContextManager[Run]:
    """Return the context of a fit that its checkpoint, if any, keeps.

    Parameters
    ----------
    estimator : SparseCurveCNNClassifier or SparseCurveCNNRegressor
    X, y, sample_weight, groups
        As `fit` takes them.
    continues : bool
        Whether training goes on from the fitted network.
    """

    def identify_fit() -> Identity:
        targets = estimator._targets
        start = (
            [getattr(estimator, name) for name in ("module_", "lam_", *targets.kept)] if continues else None
        )
        data = {"X": X, "y": y, "sample_weight": sample_weight, "groups": groups, "the fitted network": start}
        device = resolve_device(estimator.device)
        return identify("fit", estimator, data, device=device, **targets.identity)

    return open_run(estimator.checkpoint, estimator.checkpoint_every, estimator.resume, identify_fit)


@contextlib.contextmanager
def progress(verbose: int, n_epochs: int, n_done: int = 0) -> Iterator[list[Hook]]:
    """Yield hooks that show progress: a bar with ``verbose=1``, a line for every epoch from 2 on."""
    if not verbose:
        yield []
    elif verbose >= 2:
        yield [lambda end: print(f"Epoch {end.epoch}/{n_epochs}: {_describe(end)}", flush=True)]
    else:
        # Text, since a saved notebook keeps no state of widgets and would show their beginning.
        with tqdm(total=n_epochs, initial=n_done, desc="epochs") as bar:

            def show(end: EpochEnd) -> None:
                bar.set_postfix_str(_describe(end), refresh=False)
                bar.update()

            yield [show]


def _describe(end: EpochEnd) -> str:
    text = f"loss {end.history['loss'][-1]:.4f}, zeros {end.history['sparsity'][-1]:.1%}"
    return text if end.score != end.score else f"{text}, validation {end.score:.4f}"
