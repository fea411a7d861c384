"""What a saved classifier or screening says of images."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    import numpy as np

    from sparsecnn.inference import NumpyClassifier, NumpyScreening


class Kind(NamedTuple):
    """What answers are about.

    Attributes
    ----------
    unit : {"file", "person"}
    classes : list of str, bool, int or float
    sought : str, bool, int, float or None
        The class that a screening seeks; None without one.
    threshold : float or None
        Of its probability.
    has_sets : bool
        Whether the answer may be that one cannot tell.
    """

    unit: str
    classes: list[Any]
    sought: Any
    threshold: float | None
    has_sets: bool

    @classmethod
    def of(cls, classifier: NumpyClassifier | NumpyScreening, unit: str) -> Kind:
        """Return what the answers of a classifier or a screening are about."""
        classes, sought = classifier.classes_.tolist(), getattr(classifier, "pos_label_", None)
        has_sets = getattr(classifier, "coverage_limits_", None) is not None
        return cls(unit, classes, sought, getattr(classifier, "threshold_", None), has_sets)


class Answer(NamedTuple):
    """One answer.

    Attributes
    ----------
    name : str
        Of the file or the person.
    n_images : int
    label : str, bool, int or float
        The most probable class; of a screening, that by the threshold.
    possible : list or None
        Classes that are possible, by a screening with limits.
    probabilities : list of float
        Of all classes.
    shift : dict or None
        How the images of all persons differ from those of the fit.
    """

    name: str
    n_images: int
    label: Any
    possible: list[Any] | None
    probabilities: list[float]
    shift: dict[str, float] | None

    @property
    def cannot_tell(self) -> bool:
        """Whether several classes are possible, or none."""
        return self.possible is not None and len(self.possible) != 1


def judge(
    classifier: NumpyClassifier | NumpyScreening,
    images: np.ndarray,
    names: Sequence[str],
    *,
    by_person: bool = False,
) -> list[Answer]:
    """Return the answers to images.

    Parameters
    ----------
    classifier : NumpyClassifier or NumpyScreening
    images : ndarray of shape (n, ...)
    names : sequence of n str
        File or person of each image.
    by_person : bool, default=False
        Whether images of one name have one answer, by their mean probability, sorted by name. A screening
        then compares them with those of its fit; single files may be of anyone.
    """
    from sparsecnn.inference import NumpyScreening, mean_by_group

    groups = names if by_person else range(len(names))
    possible: list[Any] | None = None
    shift = None
    if isinstance(classifier, NumpyScreening):
        if not by_person:
            classifier.shift_level = None
        people = classifier.predict_persons(images, groups)
        found, proba, n_images, labels = people.groups, people.proba, people.n_images, people.prediction
        if people.prediction_set is not None:
            possible = [classifier.classes_[row].tolist() for row in people.prediction_set]
        if people.shift is not None:
            shift = vars(people.shift)
    else:
        found, proba, n_images, *_ = mean_by_group(classifier.predict_proba(images), groups)
        labels = classifier.classes_[proba.argmax(1)]
    rows = found.tolist() if by_person else names
    columns = n_images.tolist(), labels.tolist(), possible or [None] * len(rows), proba.tolist()
    return [Answer(*row, shift) for row in zip(rows, *columns, strict=True)]
