"""What a network is to predict: classes, or real targets."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike
from scipy.sparse import issparse
from sklearn.utils.multiclass import check_classification_targets

from sparsecnn._compute import all_classes, gathered, n_processes, weighted_mean
from sparsecnn._estimator.validation import class_codes, image_weight
from sparsecnn._naming import naming
from sparsecnn._training import (
    CrossEntropy,
    Images,
    Objective,
    SquaredError,
    random_split,
    train_validation_split,
)


class Targets(ABC):
    """What a network is to predict of each image."""

    # Options of scikit-learn's check of y.
    y_options: ClassVar[dict[str, Any]] = {}
    # What tells checkpoints of such targets from those of others.
    identity: ClassVar[dict[str, str]] = {}
    # Fitted attributes, besides the network and λ, that training goes on from.
    kept: ClassVar[tuple[str, ...]] = ()
    # Holds images back for early stopping.
    split: ClassVar[Callable[..., tuple[np.ndarray, np.ndarray]]]

    @property
    @abstractmethod
    def objective(self) -> Objective:
        """What the network is trained for."""

    @property
    @abstractmethod
    def attributes(self) -> dict[str, Any]:
        """Fitted attributes of the estimator."""

    @classmethod
    @abstractmethod
    def of(cls, estimator: Any) -> Self:
        """Return the targets of a fitted estimator."""

    @staticmethod
    @abstractmethod
    def checked(y: Any) -> np.ndarray:
        """Return y, which scikit-learn has checked, or raise ValueError."""

    @classmethod
    @abstractmethod
    def read(
        cls,
        estimator: Any,
        y: np.ndarray,
        sample_weight: np.ndarray | None,
        continues: bool,
        classes: ArrayLike | None,
    ) -> tuple[Self, np.ndarray, np.ndarray | None]:
        """Return the targets, and what `Images` keeps of each image: its target and its weight.

        Parameters
        ----------
        estimator : SparseCurveCNNClassifier or SparseCurveCNNRegressor
        y, sample_weight : ndarray
            Without images of weight 0.
        continues : bool
            Whether training goes on from the fitted network.
        classes : array-like of shape (n_classes,) or None
            As `partial_fit` takes them.
        """

    def settled(self, images: Images, validation: Images | None) -> Self:
        """Return the targets of a new network, from the images to train on."""
        return self

    def scaled(self, y: Any) -> Any:
        """Return targets as the network is to give them."""
        return y


@dataclass(frozen=True)
class ClassTargets(Targets):
    """Classes, whose indices images keep.

    Attributes
    ----------
    classes : ndarray of shape (n_classes,)
    """

    classes: np.ndarray
    split = staticmethod(train_validation_split)

    @property
    def objective(self) -> CrossEntropy:
        """What the network is trained for."""
        return CrossEntropy(len(self.classes))

    @property
    def attributes(self) -> dict[str, Any]:
        """Fitted attributes of the estimator."""
        return {"classes_": self.classes}

    @classmethod
    def of(cls, estimator: Any) -> Self:
        """Return the targets of a fitted estimator."""
        return cls(estimator.classes_)

    @staticmethod
    def checked(y: Any) -> np.ndarray:
        """Return labels, or raise ValueError."""
        with naming("y"), np.errstate(invalid="ignore"):  # of labels that are no integers
            check_classification_targets(y)
        return y

    @classmethod
    def read(
        cls,
        estimator: Any,
        y: np.ndarray,
        sample_weight: np.ndarray | None,
        continues: bool,
        classes: ArrayLike | None,
    ) -> tuple[Self, np.ndarray, np.ndarray | None]:
        """Return the classes, and the index of the class and the weight of each image."""
        found = _check_classes(estimator, y, classes, continues)
        if estimator.class_weight == "balanced" and n_processes() > 1:
            raise ValueError("class_weight='balanced' needs all images in one process: give a dict.")
        codes = class_codes(y, found)
        return cls(found), codes, image_weight(sample_weight, estimator.class_weight, y)


def _check_classes(
    estimator: Any, labels: np.ndarray, classes: ArrayLike | None, continues: bool
) -> np.ndarray:
    """Return the sorted classes: those of the fitted network, as given, or of the labels."""
    if not continues:
        return all_classes(labels if classes is None else np.asarray(classes))
    if classes is not None and not np.array_equal(np.unique(np.asarray(classes)), estimator.classes_):
        raise ValueError(
            f"classes={classes!r} are not those of the first call, {estimator.classes_.tolist()}."
        )
    return estimator.classes_


@dataclass(frozen=True)
class RealTargets(Targets):
    """Real numbers, which the network gives with mean 0 and variance 1.

    Attributes
    ----------
    mean, scale : ndarray of float64 of shape (n_targets,)
    """

    mean: np.ndarray
    scale: np.ndarray
    y_options: ClassVar[dict[str, Any]] = {"multi_output": True, "y_numeric": True}
    identity: ClassVar[dict[str, str]] = {"objective": "squared error"}
    kept: ClassVar[tuple[str, ...]] = ("target_mean_", "target_scale_")
    split = staticmethod(random_split)

    @property
    def objective(self) -> SquaredError:
        """What the network is trained for."""
        return SquaredError(len(self.mean))

    @property
    def attributes(self) -> dict[str, Any]:
        """Fitted attributes of the estimator."""
        return {"n_outputs_": len(self.mean), "target_mean_": self.mean, "target_scale_": self.scale}

    @classmethod
    def of(cls, estimator: Any) -> Self:
        """Return the targets of a fitted estimator."""
        return cls(estimator.target_mean_, estimator.target_scale_)

    @staticmethod
    def checked(y: Any) -> np.ndarray:
        """Return targets as float64 of shape (n, n_targets), or raise ValueError."""
        if issparse(y):
            raise ValueError("y must be a dense array, got a sparse one: give y.toarray().")
        if y.dtype.kind not in "buif":
            raise ValueError(f"y must hold real numbers, got an array of dtype {y.dtype}.")
        if y.ndim > 2 or not y[:1].size:
            raise ValueError(f"y must be of shape (n,) or (n, n_outputs), got {y.shape}.")
        targets = y.astype(np.float64).reshape(len(y), -1)
        if not np.isfinite(targets).all():
            raise ValueError(
                "y must hold finite numbers, but one is missing, or too large for double precision."
            )
        return targets

    @classmethod
    def read(
        cls,
        estimator: Any,
        y: np.ndarray,
        sample_weight: np.ndarray | None,
        continues: bool,
        classes: ArrayLike | None,
    ) -> tuple[Self, np.ndarray, np.ndarray | None]:
        """Return how the fitted network gives targets, and the targets and weights as they are."""
        n_targets = y.shape[1]
        if not continues:
            if len(set(gathered(n_targets))) > 1:
                raise ValueError(f"y must have as many targets in every process, got {gathered(n_targets)}.")
            return cls(np.zeros(n_targets), np.ones(n_targets)), y, sample_weight
        if n_targets != estimator.n_outputs_:
            raise ValueError(
                f"y has {n_targets} targets, but the network from which training is to go on has "
                f"{estimator.n_outputs_}."
            )
        return cls.of(estimator), y, sample_weight

    def settled(self, images: Images, validation: Images | None) -> RealTargets:
        """Return the mean and standard deviation of the targets to train on; where all are equal, 1."""
        assert images.y is not None
        first = gathered(images.y[0])[0]  # near the mean, and equal targets differ from it by nothing
        with np.errstate(over="ignore", invalid="ignore"):
            mean = first + weighted_mean(images.y - first, images.weight)
            deviation = images.y - mean
            largest = np.max(gathered(abs(deviation).max(axis=0)), axis=0)
            unit = np.where(largest > 0, largest, 1.0)
            # Squares of what is at most 1 neither overflow nor vanish.
            scale = unit * np.sqrt(weighted_mean((deviation / unit) ** 2, images.weight))
        if not (np.isfinite(mean) & np.isfinite(scale)).all():
            raise ValueError(f"y has targets up to {abs(images.y).max():.3g}, too large for their mean.")
        varies = scale > 0
        if validation is not None:
            self._check_validation(validation, varies)
        return RealTargets(mean, np.where(varies, scale, 1.0))

    def scaled(self, y: Any) -> Any:
        """Return targets as the network is to give them."""
        return (y - self.mean) / self.scale

    def original(self, scores: np.ndarray) -> np.ndarray:
        """Return targets in their own unit from what the network gives, in float64."""
        return scores.astype(np.float64) * self.scale + self.mean

    @staticmethod
    def _check_validation(validation: Images, varies: np.ndarray) -> None:
        """Raise ValueError if R² of the images held back says nothing."""
        assert validation.y is not None
        low = np.min(gathered(validation.y.min(axis=0)), axis=0)
        high = np.max(gathered(validation.y.max(axis=0)), axis=0)
        if (varies & (low == high)).any():
            raise ValueError(
                f"early_stopping holds {len(validation)} images back, whose targets are all equal, so that "
                "they have no R²: give more images or groups, or a larger validation_fraction."
            )
