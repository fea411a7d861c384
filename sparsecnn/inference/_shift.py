"""Whether the images of new persons look like those that a classifier was fitted on."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from sparsecnn._warn import warn_user
from sparsecnn.exceptions import ShiftWarning

IMAGE_TYPES = ("uint8", "float32", "float64")
_MOST_PERSONS = 500
_MOST_IMAGES = 8
_N_PERMUTATIONS = 999
_NOT_NUMBERS = (
    "shift_level needs images as numbers in X, or a Pipeline as estimator whose first steps turn them into "
    "numbers; shift_level=None does without."
)


class PersonImages(NamedTuple):
    """Images of persons, equally many of each, and whether their probability is in the upper half."""

    images: np.ndarray  # of shape (n_persons, n_images, n_features), of one of IMAGE_TYPES
    is_upper: np.ndarray

    @classmethod
    def of(cls, images: Any, picked: np.ndarray, is_upper: np.ndarray) -> PersonImages:
        """Return the images that `picked` numbers by person and image, given one after another."""
        return cls(_as_numbers(images).reshape(*picked.shape, -1), is_upper)


def pick_images(groups: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Draw persons, by their number in the sorted groups, and as many images of each as all of them have."""
    rng = np.random.default_rng(0)
    _, member, n_images = np.unique(groups, return_inverse=True, return_counts=True)
    persons = np.sort(rng.permutation(len(n_images))[:_MOST_PERSONS])
    n_each = min(_MOST_IMAGES, n_images[persons].min())
    mixed = rng.permutation(len(member))
    mixed = mixed[np.argsort(member[mixed], kind="stable")]
    first = np.cumsum(n_images) - n_images
    return persons, mixed[first[persons][:, None] + np.arange(n_each)]


def compare_persons(known: PersonImages, new: PersonImages) -> dict[str, float]:
    """Test by permutation of persons whether the mean images of both come from one distribution.

    The statistic is the energy distance. Persons of the upper half of the probabilities are compared with
    such persons, and those of the lower half with those, so that the mix of classes does not matter.
    """
    n_each = min(known.images.shape[1], new.images.shape[1])
    means = np.concatenate([one.images[:, :n_each].mean(1, dtype=float) for one in (known, new)])
    is_new = np.repeat([False, True], [len(known.images), len(new.images)])
    is_upper = np.concatenate([known.is_upper, new.is_upper])
    if not np.isin(new.is_upper, known.is_upper).all():
        is_upper[:] = True  # compare all with all
    distances = _distances(means)
    rng = np.random.default_rng(0)
    energy, between = np.zeros(_N_PERMUTATIONS + 1), 0.0
    for half in np.unique(is_upper[is_new]):
        rows = np.flatnonzero(is_upper == half)
        drawn = np.tile(is_new[rows], (_N_PERMUTATIONS + 1, 1))
        rng.permuted(drawn[1:], axis=1, out=drawn[1:])
        parts = _energy_distances(distances[np.ix_(rows, rows)], drawn.astype(float))
        energy, between = energy + parts[0], between + parts[1][0]
    as_far = np.sum(energy[1:] >= energy[0] * (1 - 1e-9))
    return {
        "distance": float(energy[0] / between) if between else 0.0,
        "p_value": float((1 + as_far) / (1 + _N_PERMUTATIONS)),
    }


def warn_of_shift(p_value: float, level: float, n_persons: int) -> None:
    """Warn of new persons whose images do not look like those known."""
    if p_value < level:
        warn_user(
            f"The images of these {n_persons} persons do not look like those of fit (p = {p_value:.3g}): "
            "threshold, probabilities and coverage may not hold.",
            ShiftWarning,
        )


def _distances(points: np.ndarray) -> np.ndarray:
    """Return the Euclidean distance between any two rows."""
    products = points @ points.T
    squares = products.diagonal()
    squared = squares[:, np.newaxis] + squares - 2 * products
    np.fill_diagonal(squared, 0)
    return np.sqrt(np.maximum(squared, 0))


def _energy_distances(distances: np.ndarray, is_new: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the energy distance for each row of `is_new`, and its part between, times n m / (n + m)."""
    is_known = 1 - is_new
    n_new, n_known = is_new.sum(1), is_known.sum(1)
    from_new = is_new @ distances
    between = 2 * (from_new * is_known).sum(1) / (n_new * n_known)
    within = (from_new * is_new).sum(1) / n_new**2
    within += ((is_known @ distances) * is_known).sum(1) / n_known**2
    scale = n_new * n_known / (n_new + n_known)
    return scale * (between - within), scale * between


def _as_numbers(images: Any) -> np.ndarray:
    """Return finite numbers, one row for each image, or raise ValueError."""
    rows = np.asarray(images)
    try:
        rows = rows if rows.dtype.name in IMAGE_TYPES else rows.astype(float)
        finite = bool(np.isfinite(rows).all())
    except (TypeError, ValueError) as error:
        raise ValueError(f"{_NOT_NUMBERS} {error}") from error
    if not finite:
        raise ValueError(f"{_NOT_NUMBERS} Some are missing or infinite.")
    return rows.reshape(len(rows), -1)
