"""What a file holds of estimators, as records."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from sparsecnn.inference._build import LayerSpec
from sparsecnn.inference._network import Blueprint
from sparsecnn.inference._rule import ScreeningRule
from sparsecnn.inference._shift import PersonImages


@dataclass(frozen=True)
class SavedNetwork:
    """A network as a file holds it.

    Attributes
    ----------
    kind : {"curve_cnn", "compressed", "sequential", "own"}
    name : str
        Of the class, for a network of the user's own.
    options : dict
        Of the curve CNN.
    layers : list of Blueprint
        Empty for a network of the user's own.
    arrays : dict of str to ndarray
        Parameters and statistics by their name in the network.
    batches : list of pairs
        For each batch normalisation, the batches that it has seen and their weight.
    is_parameter : bool
        Whether the network is the parameter `module` of its classifier.
    """

    kind: str
    name: str
    options: dict[str, Any]
    layers: list[Blueprint]
    arrays: dict[str, np.ndarray]
    batches: list[Any]
    is_parameter: bool

    def specs(self) -> list[LayerSpec]:
        """Return the layers with their numbers."""
        return [
            LayerSpec(
                layer.kind,
                layer.options,
                {name: self.arrays[f"{layer.name}.{name}"] for name in layer.shapes},
            )
            for layer in self.layers
        ]


@dataclass(frozen=True)
class SavedEstimator:
    """An estimator with a network, as a file holds it.

    Attributes
    ----------
    image_shape : tuple of two ints
    in_channels : int
    pixel_scale, largest_pixel, background : float
    feature_names : ndarray of str or None
    params : dict
        Of the estimator, from JSON.
    fitted : list
        Values of `FITTED`, numbers.
    further : dict
        Further fitted attributes, from JSON.
    network : SavedNetwork
    """

    image_shape: tuple[int, int]
    in_channels: int
    pixel_scale: float
    largest_pixel: float
    background: float
    feature_names: np.ndarray | None
    params: dict[str, Any]
    fitted: list[float]
    further: dict[str, Any]
    network: SavedNetwork

    @property
    def n_pixels(self) -> int:
        """Numbers of an image, in all channels."""
        return self.in_channels * math.prod(self.image_shape)

    @property
    def n_outputs(self) -> int:
        """Number of scores that the network gives."""
        raise NotImplementedError


@dataclass(frozen=True)
class SavedClassifier(SavedEstimator):
    """A classifier as a file holds it.

    Attributes
    ----------
    classes : ndarray
    """

    classes: np.ndarray

    @property
    def n_outputs(self) -> int:
        """Number of classes."""
        return len(self.classes)


@dataclass(frozen=True)
class SavedRegressor(SavedEstimator):
    """A regressor as a file holds it.

    Attributes
    ----------
    mean, scale : ndarray of float64
        A target is the score of the network times its scale plus its mean.
    """

    mean: np.ndarray
    scale: np.ndarray

    @property
    def n_outputs(self) -> int:
        """Number of targets."""
        return len(self.mean)


Single = SavedClassifier | SavedRegressor


@dataclass(frozen=True)
class SavedViews:
    """What members of an ensemble see, each one channel of the image, as a file holds it.

    Attributes
    ----------
    in_channels : int
    of_members : list of int
        The channel that each member sees.
    losses : list of float or None
        Log loss of each channel in the choice.
    feature_names : ndarray of str or None
    estimator : dict or None
        Parameters of the network that was trained, from JSON.
    """

    in_channels: int
    of_members: list[int]
    losses: list[float] | None
    feature_names: np.ndarray | None
    estimator: dict[str, Any] | None


@dataclass(frozen=True)
class SavedEnsemble:
    """Classifiers whose probabilities are averaged, as a file holds them.

    Attributes
    ----------
    names : list of str
    members : list of SavedClassifier
    classes : ndarray
    params : dict
        Of the estimator, from JSON.
    weights : list of float or None
    views : SavedViews or None
        None if all members see all channels.
    """

    names: list[str]
    members: list[SavedClassifier]
    classes: np.ndarray
    params: dict[str, Any]
    weights: list[float] | None
    views: SavedViews | None

    @property
    def n_pixels(self) -> int:
        """Numbers of an image, in all channels."""
        return self.members[0].n_pixels * (1 if self.views is None else self.views.in_channels)


@dataclass(frozen=True)
class SavedPipeline:
    """A transformer and what follows it, as a file holds them.

    Attributes
    ----------
    names : list of two str
    transformer, fitted, params : dict
        Parameters and fitted attributes of the transformer, and parameters of the pipeline, from JSON.
    last : SavedClassifier, SavedRegressor, SavedEnsemble or SavedScreening
    """

    names: list[str]
    transformer: dict[str, Any]
    fitted: dict[str, Any]
    params: dict[str, Any]
    last: Single | SavedEnsemble | SavedScreening


@dataclass(frozen=True)
class HeldBack:
    """The persons held back from a screening, as a file holds them.

    Attributes
    ----------
    groups : ndarray of shape (n,)
        Sorted.
    proba : ndarray of float64 of shape (n,)
        Calibrated probability of the sought class.
    is_sought : ndarray of bool of shape (n,)
    n_images : ndarray of int64 of shape (n,)
    """

    groups: np.ndarray
    proba: np.ndarray
    is_sought: np.ndarray
    n_images: np.ndarray


@dataclass(frozen=True)
class SavedScreening:
    """A screening as a file holds it.

    Attributes
    ----------
    estimator : SavedClassifier, SavedEnsemble or SavedPipeline
    is_frozen : bool
        Whether the estimator was not fitted by the screening.
    params : dict
        Of the screening, from JSON, but `estimator` and `shift_level`.
    shift_level : float or None
    rule : ScreeningRule
    held_back : HeldBack
    intervals : list of two lists of two floats
        Ends of the intervals of sensitivity and specificity.
    known : PersonImages or None
    """

    estimator: SavedClassifier | SavedEnsemble | SavedPipeline
    is_frozen: bool
    params: dict[str, Any]
    shift_level: float | None
    rule: ScreeningRule
    held_back: HeldBack
    intervals: list[list[float]]
    known: PersonImages | None

    @property
    def proba(self) -> np.ndarray:
        """Probabilities of both classes of the persons held back, as columns."""
        return self.rule.columns_of(self.held_back.proba)

    @property
    def shares(self) -> tuple[dict[str, float], ...]:
        """Sensitivity and specificity, each with the ends of its interval and its number of persons."""
        is_sought = self.held_back.is_sought
        is_right = self.rule.decide(self.proba) == self.rule.labels(is_sought)
        return tuple(
            {
                "value": int(is_right[of].sum()) / int(of.sum()),
                "low": float(low),
                "high": float(high),
                "n_persons": int(of.sum()),
            }
            for of, (low, high) in zip((is_sought, ~is_sought), self.intervals, strict=True)
        )


Saved = Single | SavedEnsemble | SavedPipeline | SavedScreening
