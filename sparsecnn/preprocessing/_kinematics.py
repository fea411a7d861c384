"""How a pen moved: speed, acceleration, jerk, pressure, time in the air, as one row of numbers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy import fft
from scipy.integrate import trapezoid
from scipy.signal import find_peaks, savgol_filter

from sparsecnn.preprocessing._recording import MAX_STEP, Recording

RATE = 200  # samples per second to which strokes are interpolated
DEGREE = 3  # of the polynomials that smooth them
SLOWEST = 1.0  # mm/s; slower is at rest
TREMOR = (3.0, 12.0)  # Hz
STATISTICS: dict[str, Callable] = {"mean": np.mean, "median": np.median, "std": np.std}
FEATURE_NAMES = (
    *("duration", "air_share", "air_speed", "width", "height", "path_length", "n_strokes"),
    *("stroke_length_mean", "stroke_length_std", "stroke_duration_mean", "stroke_duration_std"),
    *(f"{name}_{statistic}" for name in ("speed", "acceleration", "jerk") for statistic in STATISTICS),
    *("x_velocity_changes", "y_velocity_changes", "speed_peaks", "curvature_median"),
    *("normalized_jerk", "tremor_share", "pressure_mean", "pressure_std", "pressure_change"),
)


@dataclass(frozen=True)
class Motion:
    """One stroke at RATE samples per second.

    Parameters
    ----------
    velocity, acceleration, jerk : ndarray of shape (2, n)
        Derivatives of x and y in mm, by s.
    steps : ndarray of shape (2, n - 1)
        Velocity from each sample to the next, without smoothing.
    """

    velocity: np.ndarray
    acceleration: np.ndarray
    jerk: np.ndarray
    steps: np.ndarray

    @property
    def speed(self) -> np.ndarray:
        return np.hypot(*self.velocity)

    @property
    def moves(self) -> bool:
        return bool(self.speed.max() > SLOWEST)

    @property
    def duration(self) -> float:
        return self.steps.shape[1] / RATE


def measure_motion(recording: Recording, units_per_mm: float, smoothing: float) -> dict[str, float]:
    """Return the features of a recording by name, in the order of FEATURE_NAMES.

    Parameters
    ----------
    recording : Recording
    units_per_mm : float
        Units of x and y in a millimetre.
    smoothing : float
        Seconds; strokes are smoothed by polynomials of third degree over windows of this length.

    Raises
    ------
    ValueError
        If there is no time or pressure, or no stroke lasts and moves.
    """
    time, pressure = recording.time, recording.pressure
    if time is None or pressure is None:
        missing = "time" if time is None else "pressure"
        raise ValueError(f"expected a column {missing!r}, which features need, got none")
    points = recording.points / units_per_mm
    strokes = recording.strokes()
    motions = [_move(time[stroke], points[stroke], smoothing) for stroke in strokes]
    moving = [motion for motion in motions if motion is not None and motion.moves]
    if not moving:
        raise ValueError(
            f"expected a stroke of {smoothing:g} s that moves at {SLOWEST:g} mm/s, got none; are "
            "time_unit and units_per_mm right?"
        )
    whole = [motion for motion in motions if motion is not None]
    return {
        **_extent(recording, time, points, strokes),
        **_kinematics(whole),
        "normalized_jerk": float(np.median([_normalized_jerk(motion) for motion in moving])),
        "tremor_share": _tremor_share(whole),
        **_pressure(recording, time, pressure),
    }


def _move(time: np.ndarray, points: np.ndarray, smoothing: float) -> Motion | None:
    """Return the derivatives of a stroke, or None if it is shorter than the window that smooths it."""
    window = 2 * round(smoothing * RATE / 2) + 1
    n_even = int((time[-1] - time[0]) * RATE + 1e-6) + 1
    if n_even < window:
        return None
    even = time[0] + np.arange(n_even) / RATE
    path = np.stack([np.interp(even, time, axis) for axis in points.T])
    velocity, acceleration, jerk = (
        savgol_filter(path, window, DEGREE, deriv=order, delta=1 / RATE) for order in (1, 2, 3)
    )
    return Motion(velocity, acceleration, jerk, np.diff(path) * RATE)


def _extent(
    recording: Recording, time: np.ndarray, points: np.ndarray, strokes: list[slice]
) -> dict[str, float]:
    """Return times, lengths and sizes in s and mm."""
    steps, lengths, drawn = np.diff(time), np.hypot(*np.diff(points, axis=0).T), recording.drawn
    along = np.concatenate([[0.0], np.cumsum(lengths)])
    stroke_lengths = np.array([along[stroke.stop - 1] - along[stroke.start] for stroke in strokes])
    stroke_times = np.array([time[stroke.stop - 1] - time[stroke.start] for stroke in strokes])
    air = ~drawn & (steps <= MAX_STEP)  # where the tablet saw the pen
    width, height = np.ptp(points[recording.down], axis=0)
    return {
        "duration": float(time[-1]),
        "air_share": float(steps[~drawn].sum() / time[-1]),
        "air_speed": float(lengths[air].sum() / steps[air].sum()) if air.any() else 0.0,
        "width": float(width),
        "height": float(height),
        "path_length": float(lengths[drawn].sum()),
        "n_strokes": float(len(strokes)),
        "stroke_length_mean": float(stroke_lengths.mean()),
        "stroke_length_std": float(stroke_lengths.std()),
        "stroke_duration_mean": float(stroke_times.mean()),
        "stroke_duration_std": float(stroke_times.std()),
    }


def _kinematics(motions: list[Motion]) -> dict[str, float]:
    """Return what is taken over all samples of the strokes."""
    magnitudes = {
        "speed": np.concatenate([motion.speed for motion in motions]),
        "acceleration": np.concatenate([np.hypot(*motion.acceleration) for motion in motions]),
        "jerk": np.concatenate([np.hypot(*motion.jerk) for motion in motions]),
    }
    found = {
        f"{name}_{statistic}": float(function(magnitude))
        for name, magnitude in magnitudes.items()
        for statistic, function in STATISTICS.items()
    }
    seconds = sum(motion.duration for motion in motions)
    for axis, name in enumerate("xy"):
        changes = sum(_count_changes(motion.velocity[axis]) for motion in motions)
        found[f"{name}_velocity_changes"] = changes / seconds
    found["speed_peaks"] = sum(_count_peaks(motion.speed) for motion in motions) / seconds
    found["curvature_median"] = float(np.median(np.concatenate([_curvature(motion) for motion in motions])))
    return found


def _count_changes(velocity: np.ndarray) -> int:
    """Return how often a velocity changes its sign, where it is not at rest."""
    signs = velocity[np.abs(velocity) > SLOWEST] > 0
    return int(np.count_nonzero(signs[1:] != signs[:-1]))


def _count_peaks(speed: np.ndarray) -> int:
    return len(find_peaks(speed, prominence=SLOWEST, wlen=RATE)[0])


def _curvature(motion: Motion) -> np.ndarray:
    """Return the curvature in 1/mm wherever the pen is not at rest."""
    speed, (x, y), (ax, ay) = motion.speed, motion.velocity, motion.acceleration
    fast = speed > SLOWEST
    return np.abs(x * ay - y * ax)[fast] / speed[fast] ** 3


def _normalized_jerk(motion: Motion) -> float:
    """Return the jerk of a stroke without its unit: sqrt(1/2 * integral of jerk² * duration⁵ / length²)."""
    squares = (motion.jerk**2).sum(axis=0)
    integral, length = trapezoid(squares) / RATE, trapezoid(motion.speed) / RATE
    return float(np.sqrt(integral / 2 * motion.duration**5) / length)


def _tremor_share(motions: list[Motion]) -> float:
    """Return the share of the power of velocity that lies in the band of tremor."""
    band = total = 0.0
    for motion in motions:
        n = fft.next_fast_len(max(motion.steps.shape[1], RATE), real=True)
        frequencies = fft.rfftfreq(n, 1 / RATE)
        inside = (frequencies >= TREMOR[0]) & (frequencies <= TREMOR[1])
        spectrum = fft.rfft(motion.steps, n)[:, inside]
        band += 2 * float((spectrum.real**2 + spectrum.imag**2).sum()) / n
        total += float((motion.steps**2).sum())
    return band / total


def _pressure(recording: Recording, time: np.ndarray, pressure: np.ndarray) -> dict[str, float]:
    """Return pressure on paper, and how much it changes by s, in units of the recording."""
    drawn = recording.drawn
    on_paper = pressure[recording.down]
    return {
        "pressure_mean": float(on_paper.mean()),
        "pressure_std": float(on_paper.std()),
        "pressure_change": float(np.abs(np.diff(pressure))[drawn].sum() / np.diff(time)[drawn].sum()),
    }
