"""From X, y, weights and groups to images that a network can train on."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike
from sklearn.utils.validation import validate_data

from sparsecnn._compute import gathered, resolve_device
from sparsecnn._estimator.image_layout import shape_images
from sparsecnn._estimator.prediction import PIXEL_TYPES, check_pixels
from sparsecnn._estimator.targets import Targets
from sparsecnn._estimator.validation import (
    check_group_labels,
    check_sample_weight,
    negligible,
    warn_of_bright_background,
    warn_of_unequal_channels,
)
from sparsecnn._image_shape import check_image_shape, views_of_rows
from sparsecnn._naming import naming
from sparsecnn._pixels import background, pixel_range
from sparsecnn._training import Images, NetworkSpec

FEATURES = ("n_features_in_", "feature_names_in_", "_view_names")  # what is known of the columns of X


@dataclass(frozen=True)
class TrainingData:
    """Checked training data without images of weight 0, which nothing sees.

    Attributes
    ----------
    images : Images
        To train on; their weights are 1 on average over an epoch, but in `partial_fit`.
    validation : Images or None
        Held back for early stopping.
    targets : Targets
        What the network is to predict.
    features : dict of str to object
        `FEATURES`; ``feature_names_in_`` where X has column names.
    largest_pixel : float
        Largest magnitude of the pixels of `images`.
    background : float
        Median pixel of the first images, as a fraction of `pixel_scale`.
    """

    images: Images
    validation: Images | None
    targets: Targets
    features: dict[str, Any]
    largest_pixel: float
    background: float


def check_training_data(
    estimator: Any,
    X: ArrayLike,
    y: ArrayLike,
    sample_weight: ArrayLike | None = None,
    groups: ArrayLike | None = None,
    *,
    continues: bool = False,
    classes: ArrayLike | None = None,
    validation_rng: np.random.RandomState | None = None,
    mean_weight_one: bool = True,
) -> TrainingData:
    """Return the training data of a fit, or raise ValueError.

    Parameters
    ----------
    estimator : SparseCurveCNNClassifier or SparseCurveCNNRegressor
        Its ``n_features_in_`` and ``feature_names_in_`` are set.
    X, y, sample_weight, groups
        As `fit` takes them.
    continues : bool, default=False
        Whether training goes on from the fitted network, whose classes, image shape and pixel scale hold.
    classes : array-like of shape (n_classes,), default=None
        All classes; None takes those of `y`.
    validation_rng : RandomState, default=None
        Draws the images to hold back; None holds none back.
    mean_weight_one : bool, default=True
        Whether to scale weights to 1 on average.
    """
    images, targets, names = check_images(
        estimator, X, y, sample_weight, groups, continues=continues, classes=classes
    )
    images = images.with_mean_weight_one() if mean_weight_one else images
    validation = None
    if validation_rng is not None:
        train, test = targets.split(images.y, names, estimator.validation_fraction, validation_rng)
        images, validation = images.subset(train), images.subset(test)
    targets = targets if continues else targets.settled(images, validation)
    return _scale(estimator, images, validation, targets, continues)


def check_images(
    estimator: Any,
    X: ArrayLike,
    y: ArrayLike,
    sample_weight: ArrayLike | None = None,
    groups: ArrayLike | None = None,
    *,
    continues: bool = False,
    classes: ArrayLike | None = None,
) -> tuple[Images, Targets, np.ndarray | None]:
    """Return the images of a fit as they came, what to predict of them, and the group of each.

    Images of weight 0 are left out. Parameters are those of `check_training_data`.

    Raises
    ------
    ValueError
        If any of them is unusable.
    """
    kind = estimator._targets
    if continues:
        _check_layout_kept(estimator)
        pixels, y = check_pixels(estimator, X, y, **kind.y_options)
        shape, in_channels = estimator.image_shape_, estimator.in_channels_
    else:
        layout = estimator.image_shape, estimator.in_channels
        estimator._view_names = views_of_rows(X)
        X, shape, in_channels = shape_images(X, *layout, own_module=estimator.module is not None)
        with naming("X", "y"):
            pixels, y = validate_data(estimator, X, y, dtype=PIXEL_TYPES, **kind.y_options)
    known = kind.checked(y)
    weight = check_sample_weight(sample_weight, pixels)
    names = check_group_labels(groups, len(pixels))
    rows = np.arange(len(pixels)) if weight is None else np.flatnonzero(~negligible(weight))
    weight = None if weight is None else weight[rows]
    targets, values, weight = kind.read(estimator, known[rows], weight, continues, classes)
    device = resolve_device(estimator.device)
    dtype = compute_dtype(pixels, shape, estimator.precision, device)
    all_rows = None if len(rows) == len(pixels) else rows
    images = Images(pixels, shape, 1.0, device, dtype, values, weight, all_rows, in_channels)
    if weight is not None and negligible(weight).any():
        kept = np.flatnonzero(~negligible(weight))
        images, rows = images.subset(kept), rows[kept]
    return images, targets, None if names is None else names[rows]


def check_same_network(estimator: Any, continues: bool) -> None:
    """Raise ValueError if training goes on from a network that parameters no longer describe."""
    if not continues or estimator.module is estimator.module_:
        return
    changed = estimator._network_spec.changed(NetworkSpec.of(estimator))
    if changed:
        raise ValueError(
            f"{', '.join(changed)} changed since the network was fitted, which training is to go on "
            "from: set it back, or fit with warm_start=False."
        )


def _scale(
    estimator: Any, images: Images, validation: Images | None, targets: Targets, continues: bool
) -> TrainingData:
    """Divide pixels by 255, or else by the largest magnitude in the images to train on; scale targets."""
    if continues:
        scale, largest, brightness = (
            estimator.pixel_scale_,
            estimator._largest_pixel,
            estimator._background,
        )
    else:
        largest = max(gathered(pixel_range(images.X, images.rows))) or 1.0
        scale = 255.0 if images.X.dtype == np.uint8 else largest
        brightness = background(images.X, images.rows, scale)
        if min(images.image_shape) > 1:
            warn_of_bright_background(brightness)
        if images.in_channels > 1:
            warn_of_unequal_channels(images)

    def scaled(images: Images) -> Images:
        return replace(images, pixel_scale=scale, y=targets.scaled(images.y))

    return TrainingData(
        images=scaled(images),
        validation=None if validation is None else scaled(validation),
        targets=targets,
        features={name: getattr(estimator, name) for name in FEATURES if hasattr(estimator, name)},
        largest_pixel=largest,
        background=brightness,
    )


def _check_layout_kept(estimator: Any) -> None:
    given = estimator.image_shape
    if estimator.in_channels not in (None, estimator.in_channels_):
        raise ValueError(
            f"in_channels={estimator.in_channels} is not that of the fitted network, "
            f"{estimator.in_channels_}, from which training is to go on."
        )
    if given is not None and check_image_shape(given) != estimator.image_shape_:
        raise ValueError(
            f"image_shape={given} is not that of the fitted network, {estimator.image_shape_}, from which "
            "training is to go on."
        )


def compute_dtype(
    X: np.ndarray, image_shape: tuple[int, int], precision: str, device: torch.device
) -> torch.dtype:
    """Return float64 for curves in one row that come as such, else float32.

    Pixels have few digits, and convolutions in float64 are slow; measured curves may need it.
    """
    exact = X.dtype == np.float64 and min(image_shape) == 1 and device.type != "mps"
    return torch.float64 if exact and precision == "float32" else torch.float32
