"""What a file says of estimators, checked, with all arrays."""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from typing import Any

import numpy as np

from sparsecnn.exceptions import FileFormatError
from sparsecnn.inference._arrays import ArrayReader
from sparsecnn.inference._container import Content, is_count, read
from sparsecnn.inference._fields import (
    MOST_CLASSES,
    take_classes,
    take_dict,
    take_list,
    take_numbers,
    take_texts,
)
from sparsecnn.inference._network import Blueprint, blueprint, check_keys, curve_cnn, is_number
from sparsecnn.inference._records import (
    Saved,
    SavedClassifier,
    SavedEnsemble,
    SavedNetwork,
    SavedPipeline,
    SavedRegressor,
    SavedViews,
    Single,
)
from sparsecnn.inference._saved_screening import decode_screening

MOST_NAMES = 2**18  # of columns
LARGEST_SIDE = 2**24
# Fitted attributes that are numbers.
FITTED = ("n_iter_", "lam_", "batch_size_", "finetune_iter_")
INTEGERS = ("bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64")
_ESTIMATOR = ("image_shape", "pixels", "fitted", "network")
_FURTHER = ("in_channels", "features", "params", "further")
Decode = Callable[[Any, ArrayReader], Any]


def read_saved(path: str | os.PathLike[str]) -> Saved:
    """Return what a file says of an estimator.

    Parameters
    ----------
    path : path-like

    Raises
    ------
    FileFormatError
        If it is no file of this format, damaged, or newer.
    OSError
        If it cannot be read.
    """
    return decode(read(path))


def decode(content: Content) -> Saved:
    """Return what the content of a file says of an estimator, or raise FileFormatError."""
    reader = ArrayReader(content.tensors, content.n_bytes)
    try:
        saved = _maybe_screening(content.entry, reader, _pipeline_or_last)
        reader.finish()
    except FileFormatError as error:
        raise FileFormatError(f"{content.name}: {error}.") from None
    except RecursionError:
        raise FileFormatError(f"{content.name}: its description is nested too deeply.") from None
    return saved


def _maybe_screening(entry: Any, reader: ArrayReader, inner: Decode) -> Any:
    """Return what `inner` makes of an entry, or a screening of such."""
    if not isinstance(entry, dict) or "screening" not in entry:
        return inner(entry, reader)
    check_keys(entry, ("estimator", "screening"))
    return decode_screening(entry["screening"], inner(entry["estimator"], reader), reader)


def _pipeline_or_last(entry: Any, reader: ArrayReader) -> Saved:
    if not isinstance(entry, dict) or "transformer" not in entry:
        return _last(entry, reader)
    check_keys(entry, ("names", "transformer", "last"), ("fitted", "params"))
    names = take_texts(entry["names"], "names")
    if len(set(names)) != 2:
        raise FileFormatError("a pipeline must have two steps")
    return SavedPipeline(
        names,
        take_dict(entry["transformer"]),
        take_dict(entry.get("fitted", {})),
        take_dict(entry.get("params", {})),
        _maybe_screening(entry["last"], reader, _last),
    )


def _last(entry: Any, reader: ArrayReader) -> Single | SavedEnsemble:
    if not isinstance(entry, dict) or "members" not in entry:
        return _single(entry, reader)
    check_keys(entry, ("names", "members", "classes"), ("classes_dtype", "params", "weights", "views"))
    names, members = take_texts(entry["names"], "names"), entry["members"]
    if not isinstance(members, list) or not members or len(set(names)) != len(members):
        raise FileFormatError("an ensemble must have a name for each member")
    classes, weights = take_classes(entry), entry.get("weights")
    saved = [_classifier(member, reader) for member in members]
    if any(len(member.classes) != len(classes) for member in saved):
        raise FileFormatError("a member of an ensemble has other classes")
    if len({member.n_pixels for member in saved}) > 1:
        raise FileFormatError("the members of an ensemble have images of several sizes")
    if weights is not None:
        proper = isinstance(weights, list) and all(is_number(w) and w >= 0 for w in weights)
        if not proper or len(weights) != len(members) or not any(weights):
            raise FileFormatError("the weights of an ensemble must be numbers, one for each member")
    views = _views_of_members(entry["views"], saved) if "views" in entry else None
    return SavedEnsemble(names, saved, classes, take_dict(entry.get("params", {})), weights, views)


def _views_of_members(entry: Any, members: list[SavedClassifier]) -> SavedViews:
    """Return which channel each member sees."""
    check_keys(entry, ("in_channels", "of_members"), ("losses", "features", "estimator"))
    in_channels, of_members, losses = (entry.get(name) for name in ("in_channels", "of_members", "losses"))
    shapes = {member.image_shape for member in members}
    if len(shapes) > 1 or any(member.in_channels > 1 for member in members):
        raise FileFormatError("members that see one channel each must have images of one shape and channel")
    if not is_count(in_channels) or not 0 < in_channels * members[0].n_pixels <= LARGEST_SIDE:
        raise FileFormatError(f"its images have {str(in_channels)[:60]} channels")
    proper = all(is_count(view) and view < in_channels for view in take_list(of_members))
    if not proper or len(of_members) != len(members):
        raise FileFormatError(f"its members see the channels {str(of_members)[:60]} of {in_channels}")
    if losses is not None:
        take_numbers(losses, in_channels, "log losses of the channels")
    names = _feature_names(entry.get("features"), members[0].image_shape, in_channels * members[0].n_pixels)
    estimator = take_dict(entry["estimator"]) if "estimator" in entry else None
    return SavedViews(in_channels, of_members, losses, names, estimator)


def _single(entry: Any, reader: ArrayReader) -> Single:
    """Return a regressor if there are targets, else a classifier."""
    if not isinstance(entry, dict) or "targets" not in entry:
        return _classifier(entry, reader)
    check_keys(entry, ("targets", *_ESTIMATOR), _FURTHER)
    mean, scale = _targets(entry["targets"])
    return SavedRegressor(**_estimator(entry, len(mean), reader), mean=mean, scale=scale)


def _classifier(entry: Any, reader: ArrayReader) -> SavedClassifier:
    check_keys(entry, ("classes", *_ESTIMATOR), ("classes_dtype", *_FURTHER))
    classes = take_classes(entry)
    return SavedClassifier(**_estimator(entry, len(classes), reader), classes=classes)


def _estimator(entry: dict[str, Any], n_outputs: int, reader: ArrayReader) -> dict[str, Any]:
    """Return what a classifier and a regressor have in common."""
    shape = entry["image_shape"]
    if not isinstance(shape, list) or len(shape) != 2 or not all(is_count(n) and n for n in shape):
        raise FileFormatError(f"its image shape is {str(shape)[:60]}")
    in_channels = entry.get("in_channels", 1)
    if not is_count(in_channels) or not in_channels:
        raise FileFormatError(f"its images have {str(in_channels)[:60]} channels")
    n_pixels = in_channels * math.prod(shape)
    if n_pixels > LARGEST_SIDE:
        raise FileFormatError(f"its images are of {n_pixels} pixels, more than {LARGEST_SIDE}")
    image_shape = shape[0], shape[1]
    pixels = take_numbers(entry["pixels"], 3, "pixel scale, largest pixel and background")
    if min(pixels[:2]) <= 0:
        raise FileFormatError(f"its pixels have the scale {pixels[0]} and go up to {pixels[1]}")
    return {
        "image_shape": image_shape,
        "in_channels": in_channels,
        "pixel_scale": float(pixels[0]),
        "largest_pixel": float(pixels[1]),
        "background": float(pixels[2]),
        "feature_names": _feature_names(entry.get("features"), image_shape, n_pixels),
        "params": take_dict(entry.get("params", {})),
        "fitted": take_numbers(entry["fitted"], len(FITTED), ", ".join(FITTED)),
        "further": take_dict(entry.get("further", {})),
        "network": _network(entry["network"], (in_channels, *image_shape), n_outputs, reader),
    }


def _targets(value: Any) -> tuple[np.ndarray, np.ndarray]:
    """Return the mean and the scale of each target."""
    pairs = take_list(value)
    proper = all(isinstance(pair, list) and len(pair) == 2 and all(map(is_number, pair)) for pair in pairs)
    if not proper or not 0 < len(pairs) <= MOST_CLASSES or min(scale for _, scale in pairs) <= 0:
        raise FileFormatError(f"its targets have the means and scales {str(value)[:60]}")
    mean, scale = np.array(pairs, np.float64).T
    return mean, scale


def _network(entry: Any, image: tuple[int, int, int], n_outputs: int, reader: ArrayReader) -> SavedNetwork:
    """Return the network for images of shape (channels, height, width)."""
    kinds = ("curve_cnn", "compressed", "sequential", "own")
    check_keys(entry, (), (*kinds, "state", "codes", "batches", "dtype", "parameter"))
    kind = next((kind for kind in kinds if kind in entry), None)
    if kind is None or sum(name in entry for name in kinds) > 1:
        raise FileFormatError("it must have one network")
    dtype = entry.get("dtype", "float32")
    if dtype not in ("float32", "float64"):
        raise FileFormatError(f"its network computes in {str(dtype)[:60]}")
    layers: list[Blueprint] = []
    options, name = {}, kind
    if kind == "curve_cnn":
        options = entry[kind]
        layers = curve_cnn(image, n_outputs, options)
    elif kind == "own":
        name = str(entry[kind])[:60]
    else:
        layers = [blueprint(layer) for layer in take_list(entry[kind])]
        if len({layer.name for layer in layers}) < len(layers):
            raise FileFormatError("two of its layers have one name")
    state = (
        _own_state(entry)
        if kind == "own"
        else [
            (f"{layer.name}.{array}", shape, dtype)
            for layer in layers
            for array, shape in layer.shapes.items()
        ]
    )
    arrays = _arrays(state, take_list(entry.get("codes", [])), reader)
    batches, is_parameter = _batches(entry.get("batches", [])), entry.get("parameter", False)
    if not isinstance(is_parameter, bool):
        raise FileFormatError(f"it has parameter={str(is_parameter)[:60]}")
    return SavedNetwork(kind, name, options, layers, arrays, batches, is_parameter)


def _own_state(entry: dict[str, Any]) -> list[tuple[str, tuple[int, ...], str]]:
    """Return name, shape and dtype of the arrays of a network of the user's own."""
    state = []
    for item in take_list(entry.get("state", [])):
        proper = isinstance(item, list) and len(item) in (2, 3) and isinstance(item[0], str)
        if (
            not proper
            or not isinstance(item[1], list)
            or not all(map(is_count, item[1]))
            or len(item[1]) > 32
        ):
            raise FileFormatError(f"{str(item)[:60]} is no array of a network")
        dtype = item[2] if len(item) == 3 else entry.get("dtype", "float32")
        if dtype not in ("float32", "float64", *INTEGERS):
            raise FileFormatError(f"{str(item)[:60]} is no array of a network")
        state.append((item[0], tuple(item[1]), dtype))
    return state


def _arrays(
    state: list[tuple[str, tuple[int, ...], str]], codes: list[Any], reader: ArrayReader
) -> dict[str, np.ndarray]:
    arrays: dict[str, np.ndarray] = {}
    left = iter(codes)
    for name, shape, dtype in state:
        if name in arrays:
            raise FileFormatError(f"two of its arrays are called {name[:60]!r}")
        if dtype in INTEGERS:
            arrays[name] = reader.take_other(shape, dtype)
        elif len(shape) < 2:
            arrays[name] = reader.take_dense(shape, dtype)
        else:
            arrays[name] = reader.take_weight(shape, next(left, None), dtype)
    if next(left, None) is not None:
        raise FileFormatError(f"it has {len(codes)} codes of weights, more than layers")
    return arrays


def _batches(value: Any) -> list[Any]:
    for pair in take_list(value):
        if not isinstance(pair, list) or len(pair) != 2 or not is_count(pair[0]) or not is_number(pair[1]):
            raise FileFormatError(f"{str(pair)[:60]} is no number of batches and their weight")
    return value


def _feature_names(value: Any, image_shape: tuple[int, int], n_pixels: int) -> np.ndarray | None:
    """Return the names of the columns.

    True stands for ``pixel_{row}_{column}``, and ``{"views": [...]}`` for ``{view}_pixel_{row}_{column}``.
    """
    if value is None:
        return None
    height, width = image_shape
    by_place = value is True or isinstance(value, dict)
    if by_place and n_pixels <= MOST_NAMES:
        views = [""] if value is True else _views(value, n_pixels // (height * width))
        names = [f"pixel_{row}_{column}" for row in range(height) for column in range(width)]
        value = [view + name for view in views for name in names]
    if len(take_texts(value, "features")) != n_pixels:
        raise FileFormatError(f"it has names of {len(value)} columns, but {n_pixels} pixels")
    return np.array(value, object)


def _views(value: dict[str, Any], n_channels: int) -> list[str]:
    """Return with what the names of the columns of each channel begin."""
    views = take_texts(check_keys(value, ("views",))["views"], "views")
    if len(views) != n_channels:
        raise FileFormatError(f"it has names of {len(views)} views, but {n_channels} channels")
    return [f"{view}_" for view in views]
