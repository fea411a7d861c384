"""Checks of what the classifier is given, and what follows from it."""

import contextlib
import warnings
from numbers import Integral

import numpy as np
import torch
from sklearn.utils.class_weight import compute_sample_weight
from sklearn.utils.validation import _check_sample_weight

from sparsecnn._image_shape import infer_image_shape

LEAST_WEIGHT = 1e-30  # of the largest; less is nothing in float32
OTHER_SCALE = 100  # times as large, or as small: bytes taken for fractions are 255 times as large
IMAGES_LOOKED_AT = 256
SMALLEST_SIDE = 8  # halved by each of three poolings


def class_codes(y, classes):
    """Return the index of each label among the sorted `classes`, of which there must be two or more."""
    if len(classes) < 2:
        raise ValueError(f"y must have at least two classes, but it has one class: {classes.tolist()}.")
    unknown = np.setdiff1d(y, classes)
    if len(unknown):
        raise ValueError(
            f"y has labels {unknown.tolist()} that are not among the classes {classes.tolist()}."
        )
    return np.searchsorted(classes, y)


def image_weight(sample_weight, class_weight, X, y):
    """Return the weight of each image, or None if all are alike."""
    if sample_weight is None and class_weight is None:
        return None
    weight = _check_sample_weight(sample_weight, X, ensure_non_negative=True)
    if not weight.any():
        raise ValueError("sample_weight must contain at least one non-zero number, got only zeros.")
    if class_weight is not None:
        weight = weight * compute_sample_weight(class_weight, y)
        if weight.min() < 0 or not weight.any():
            raise ValueError(
                f"class_weight must be at least 0, and above 0 for a class of y, got {class_weight}."
            )
    return np.where(weight < LEAST_WEIGHT * weight.max(), 0, weight)


def network_shape(n_features, image_shape):
    """Return the shape in which the network sees X; tables that are too small for images stay rows."""
    shape = infer_image_shape(n_features, image_shape)
    if all(side == 1 or side >= SMALLEST_SIDE for side in shape):
        return shape
    if image_shape is None:
        return (1, n_features)
    raise ValueError(
        f"Images of shape {shape} are too small for three poolings: both sides must be at least "
        f"{SMALLEST_SIDE} pixels (or 1, for curves in one row)."
    )


def compute_dtype(X, image_shape, precision, device):
    """Return float64 for curves in one row that come as such, else float32.

    Pixels have few digits, and convolutions in float64 are slow; measured curves may need it.
    """
    exact = X.dtype == np.float64 and min(image_shape) == 1 and device.type != "mps"
    return torch.float64 if exact and precision == "float32" else torch.float32


def check_channels(channels):
    """Return `channels` as a tuple of three ints, or raise ValueError."""
    if len(channels) != 3 or not all(isinstance(n, Integral) and n > 0 for n in channels):
        raise ValueError(
            f"channels must be three positive integers, one for each convolution, got {channels!r}."
        )
    return tuple(int(n) for n in channels)


def warn_of_large_batch(batch_size, n_images, stacklevel):
    """Warn if a batch asks for more images than there are; "auto" never does."""
    if batch_size != "auto" and batch_size > n_images:
        warnings.warn(
            f"batch_size={batch_size} is more than the {n_images} training images: they are one batch.",
            stacklevel=stacklevel,
        )


def warn_of_other_scale(X, pixel_scale, image_shape):
    """Warn if images to predict are of another range than training images up to `pixel_scale`."""
    if min(image_shape) == 1:  # curves have no common range
        return
    first = X[:IMAGES_LOOKED_AT]
    largest = max(float(first.max()), -float(first.min()))
    if largest and not 1 / OTHER_SCALE < largest / pixel_scale < OTHER_SCALE:
        warnings.warn(
            f"The pixels of X go up to {largest:g}, but those of the training images went up to "
            f"{pixel_scale:g}: give both the same range, or both as uint8.",
            stacklevel=6,
        )


def check_group_labels(groups, n_images):
    """Return `groups` as an array of one label for each image, or None; or raise ValueError."""
    if groups is None:
        return None
    groups = np.asarray(groups)
    if groups.shape != (n_images,):
        raise ValueError(
            f"groups must name the group of each of {n_images} images, got shape {groups.shape}."
        )
    missing = [i for i, group in enumerate(groups.tolist()) if group is None or group != group]
    if missing:
        raise ValueError(
            f"groups has no group for {len(missing)} of {n_images} images, first for number {missing[0]}."
        )
    return groups


def check_target(name, target, weights, n_classes, scope):
    """Raise ValueError if too few of the `weights` would survive.

    Parameters
    ----------
    name : str
        Of the parameter that gives the target.
    target : float
    weights : dict of str to Tensor
        The penalised weights by layer, the last layer last.
    n_classes : int
        So many must survive: of all weights, or with the scope "layer", of the last layer; one of the others.
    scope : {"global", "layer"}
    """
    sizes = {layer: w.numel() for layer, w in weights.items()}
    if scope == "global":
        needed = {"all penalised layers": (sum(sizes.values()), n_classes)}
    else:
        needed = {f"layer {layer!r}": (size, 1) for layer, size in sizes.items()}
        last = list(sizes)[-1]
        needed[f"layer {last!r}"] = (sizes[last], n_classes)
    for where, (size, n_needed) in needed.items():
        if size - round(target * size) < n_needed:
            raise ValueError(
                f"{name} {target!r} leaves fewer than {n_needed} of the {size} weights of {where}, for "
                f"{n_classes} classes: it can be at most {1 - n_needed / size:.6g}."
            )


@torch.no_grad()
def check_module(module, images, n_classes):
    """Raise ValueError unless `module` maps two of `images` to scores of `n_classes` classes."""
    x = images.pixels([0, 0])
    try:
        scores = module.eval()(x)
    except RuntimeError as error:
        raise ValueError(f"module cannot take images of shape {tuple(x.shape)}: {error}") from error
    if not isinstance(scores, torch.Tensor):
        raise ValueError(f"module must return a tensor of scores, got a {type(scores).__name__}.")
    shape = tuple(scores.shape)
    if shape != (2, n_classes):
        raise ValueError(
            f"module must map 2 images to scores of shape {(2, n_classes)}, one for each class, but its "
            f"output has shape {shape}."
        )


@contextlib.contextmanager
def all_or_nothing(estimator):
    """Put every attribute of the estimator back if the block fails."""
    before = dict(vars(estimator))
    try:
        yield
    except BaseException:
        vars(estimator).clear()
        vars(estimator).update(before)
        raise
