"""Training within a given time."""

from __future__ import annotations

import math
import statistics
import time
from dataclasses import dataclass, field
from numbers import Real
from typing import Any

from sparsecnn._checkpoint import parse_time
from sparsecnn._training import EPOCH, SPLITTING
from sparsecnn.callbacks._base import FitCallback

# Of the limit, at most, for fine-tuning: what a fit of many images has by default.
FINETUNING_SHARE = 2 / 5


@dataclass
class Clock:
    """When one fit must end, and how long its epochs take.

    Attributes
    ----------
    seconds : float
        That the fit may take.
    start : float
    last : float or None
        When the last epoch ended, or the first one began.
    epochs : list of float
        Seconds of every epoch, with the callbacks and checkpoints after it.
    """

    seconds: float
    start: float = field(default_factory=time.monotonic)
    last: float | None = None
    epochs: list[float] = field(default_factory=list)

    def begin_epoch(self) -> None:
        """Note that an epoch begins."""
        self.last = time.monotonic() if self.last is None else self.last

    def end_epoch(self) -> None:
        """Note that an epoch ends."""
        now = time.monotonic()
        self.epochs.append(now - (now if self.last is None else self.last))
        self.last = now

    def has_time(self, n_finetuning: int = 0) -> bool:
        """Return whether one more epoch fits, with so many of fine-tuning after it or their share."""
        length = statistics.median(self.epochs) if self.epochs else 0.0
        reserved = min(n_finetuning * length, FINETUNING_SHARE * self.seconds)
        return time.monotonic() - self.start + length + reserved <= self.seconds


class TimeLimit(FitCallback):
    """Train within a time, at the wanted sparsity.

    After each epoch, with s the median seconds of an epoch so far, t the seconds since `fit` began and F the
    epochs of fine-tuning (``finetune_iter_``):

    * splitting ends if ``t + s + min(F·s, 2/5·limit) > limit``: the network is cut to the target sparsity,
      wherever the schedule was, and fine-tuned in the time that is left;
    * fine-tuning ends if ``t + s > limit``, also before its first epoch.

    The sparsity is that of an undisturbed run, channels and multiply-adds included. If `lam` is a number, the
    cut is by that λ, and the sparsity what it gives the weights of that moment. Early stopping may end a
    phase sooner.

    Parameters
    ----------
    limit : float or str
        Seconds, or a time such as "30s", "10min" or "1.5h", for each `fit`.

    Raises
    ------
    ValueError
        If `limit` is no time above 0.

    See Also
    --------
    StopWhen : End training by a rule.

    Notes
    -----
    At least one epoch of splitting is run, however short the limit, so that a limit below that is exceeded.
    So it is if the last epoch takes longer than s, and by the statistics of batch normalisation at the end
    (on at most 4,096 images). A run that goes on from a checkpoint has the whole limit again.

    Examples
    --------
    >>> from sparsecnn import SparseCurveCNNClassifier
    >>> from sparsecnn.callbacks import TimeLimit
    >>> from sparsecnn.datasets import make_shaky_spirals
    >>> X, y = make_shaky_spirals(100, image_shape=(32, 32), return_X_y=True, random_state=0)
    >>> long = SparseCurveCNNClassifier(channels=(4, 8, 8), max_iter=10**6, random_state=0)
    >>> fitted = long.set_callbacks(TimeLimit("1s")).fit(X, y)
    >>> fitted.n_iter_ < 10**4, round(fitted.sparsity_, 2)
    (True, 0.9)
    """

    def __init__(self, limit: float | str):
        number = isinstance(limit, Real) and not isinstance(limit, bool)
        seconds = float(limit) if number else parse_time(limit)
        if seconds is None or math.isnan(seconds) or seconds <= 0:
            raise ValueError(
                "limit must be a number of seconds above 0, or a time such as '30s', '10min' or '1.5h', got "
                f"{limit!r}."
            )
        self.limit = limit
        self._seconds = seconds
        self._clocks: dict[Any, Clock] = {}

    def setup(self, estimator: Any, context: Any) -> None:
        super().setup(estimator, context)
        self._clocks[estimator] = Clock(self._seconds)

    def on_fit_task_begin(self, estimator: Any, context: Any) -> None:
        if context.task_name == EPOCH:
            self._clocks[estimator].begin_epoch()

    def on_fit_task_end(self, estimator: Any, context: Any) -> bool:
        clock = self._clocks[estimator]
        if context.task_name == SPLITTING:
            return not clock.has_time()
        if context.task_name != EPOCH:
            return False
        clock.end_epoch()
        splitting = context.parent.task_name == SPLITTING
        return not clock.has_time(estimator.finetune_iter_ if splitting else 0)

    def teardown(self, estimator: Any, context: Any) -> None:
        self._clocks.pop(estimator, None)

    def __getstate__(self) -> dict[str, Any]:
        return vars(self) | {"_clocks": {}}
