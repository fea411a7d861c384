"""What a pen did on a tablet, sample by sample: checked, and cut into strokes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

MAX_SAMPLES = 500_000  # of one recording; an hour of the fastest tablets
LEAST_MOVE = 1e-6  # units of x and y
LEAST_STEP = 1e-4  # seconds between samples, in the median
MAX_STEP = 0.1  # seconds; a longer time between two samples is not drawn through
LARGEST = {"x": 1e9, "y": 1e9, "time": 1e15, "pen": 1, "pressure": 1e9}
SIGNALS = tuple(LARGEST)
SECONDS = {"s": 1.0, "ms": 1e-3, "us": 1e-6}


@dataclass(frozen=True)
class Recording:
    """The samples of a pen.

    Parameters
    ----------
    points : ndarray of shape (n_samples, 2)
        x and y in units of the tablet.
    down : ndarray of shape (n_samples,), bool
        Whether the pen is on paper.
    time : ndarray of shape (n_samples,) or None
        Seconds, from 0.
    pressure : ndarray of shape (n_samples,) or None
    """

    points: np.ndarray
    down: np.ndarray
    time: np.ndarray | None
    pressure: np.ndarray | None

    @property
    def drawn(self) -> np.ndarray:
        """Whether the pen drew a line from each sample to the next: bool, of shape (n_samples - 1,)."""
        both = self.down[1:] & self.down[:-1]
        return both if self.time is None else both & (np.diff(self.time) <= MAX_STEP)

    def strokes(self) -> list[slice]:
        """Return the samples of each line that the pen drew without a break."""
        edge = np.zeros(1, dtype=bool)
        starts = np.flatnonzero(self.down & ~np.concatenate([edge, self.drawn]))
        ends = np.flatnonzero(self.down & ~np.concatenate([self.drawn, edge])) + 1
        return [slice(start, end) for start, end in zip(starts.tolist(), ends.tolist(), strict=True)]


def make_recording(signals: dict[str, np.ndarray], time_unit: str) -> Recording:
    """Return the signals as a recording.

    Parameters
    ----------
    signals : dict of ndarray of shape (n_samples,), float64
        By the names of SIGNALS; "x" and "y" at least.
    time_unit : {"s", "ms", "us"}

    Raises
    ------
    ValueError
        If a signal is missing, not finite or out of range, if time does not advance as that of a tablet, or
        if the pen draws nothing.
    """
    for name in ("x", "y"):
        if name not in signals:
            raise ValueError(f"expected a column {name!r}, got the columns {', '.join(signals) or 'none'}")
    n_samples = len(signals["x"])
    if not 2 <= n_samples <= MAX_SAMPLES:
        raise ValueError(f"expected 2 to {MAX_SAMPLES:,} samples, got {n_samples:,}")
    for name, signal in signals.items():
        _check_range(name, signal)
    time, pressure = signals.get("time"), signals.get("pressure")
    if time is not None:
        _check_time(time, time_unit)
        time = (time - time[0]) * SECONDS[time_unit]
    points = np.stack([signals["x"], signals["y"]], axis=1)
    recording = Recording(points, _find_down(signals), time, pressure)
    _check_draws(recording)
    return recording


def _check_range(name: str, signal: np.ndarray) -> None:
    """Raise ValueError, with the index of the sample, unless a signal is finite and in range."""
    largest = LARGEST[name]
    smallest = 0 if name in ("pen", "pressure") else -largest
    right = (signal >= smallest) & (signal <= largest)
    if name == "pen":
        right &= (signal == 0) | (signal == 1)
    if not right.all():
        index = int(np.argmin(right))
        expected = "0 (in the air) or 1 (on paper)" if name == "pen" else f"{smallest:g} to {largest:g}"
        raise ValueError(f"expected {name} of {expected}, got {signal[index]:g} at sample {index}")


def _check_time(time: np.ndarray, unit: str) -> None:
    """Raise ValueError unless time advances, and about as fast as that of a tablet."""
    steps = np.diff(time)
    if not (steps > 0).all():
        index = int(np.argmin(steps > 0))
        raise ValueError(
            f"expected time to advance with every sample, got {steps[index]:g} {unit} from sample {index} to "
            f"{index + 1}; leave out samples that are not later than all before them"
        )
    median = float(np.median(steps)) * SECONDS[unit]
    if not LEAST_STEP <= median <= MAX_STEP:
        raise ValueError(
            f"expected a median of {LEAST_STEP:g} to {MAX_STEP:g} s between samples, got {median:g}; is "
            "time_unit right?"
        )


def _find_down(signals: dict[str, np.ndarray]) -> np.ndarray:
    if "pen" in signals:
        return signals["pen"] == 1
    if "pressure" in signals:
        return signals["pressure"] > 0
    return np.ones(len(signals["x"]), dtype=bool)


def _check_draws(recording: Recording) -> None:
    if not recording.down.any():
        raise ValueError("expected samples on paper, got all of them in the air")
    moved = (np.abs(np.diff(recording.points, axis=0)) > LEAST_MOVE).any(axis=1)
    if not (moved & recording.drawn).any():
        raise ValueError("expected the pen to move on paper, but x and y stay the same in every stroke")
