"""From fitted estimators to what a file says of them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from sklearn.ensemble import BaggingClassifier, VotingClassifier
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted
from torch import nn

from sparsecnn._ensemble import SparseCurveEnsemble
from sparsecnn._estimator import (
    SparseCurveCNN,
    SparseCurveCNNClassifier,
    SparseCurveCNNRegressor,
    best_estimator,
)
from sparsecnn._image_shape import full_shape, pixel_names
from sparsecnn._network import (
    BinaryActivation,
    CompressedNetwork,
    CurveCNN,
    as_array,
    batch_norms,
    describe,
    is_plain,
    select_weights,
)
from sparsecnn.export._screening import Encode, encode_screening
from sparsecnn.export._values import encode_classes, encode_params, encode_value
from sparsecnn.inference import CURVE_CNN, FITTED, INTEGERS, MOST_NAMES, ArrayWriter
from sparsecnn.model_selection import ScreeningClassifier
from sparsecnn.preprocessing import SEEN_IN_FIT, CurveImageTransformer

KINDS = (
    "a SparseCurveCNNClassifier or SparseCurveCNNRegressor, a search for one, a Pipeline of "
    "CurveImageTransformer and one, several classifiers in a SparseCurveEnsemble, a list, a "
    "VotingClassifier(voting='soft') or a BaggingClassifier, or a ScreeningClassifier of one of these"
)
BACKGROUND_DIGITS = 4  # enough for a warning
NOT_SAVED = ("module", "checkpoint", "checkpoint_every", "resume")
FLOATS = {torch.float32: "float32", torch.float64: "float64"}


def encode(estimator: Any, writer: ArrayWriter) -> dict[str, Any]:
    """Return what JSON says of a fitted estimator, whose arrays go to `writer`.

    Parameters
    ----------
    estimator : object
    writer : ArrayWriter

    Raises
    ------
    TypeError
        If it is none of `KINDS`.
    NotFittedError
        If it is not fitted.
    ValueError
        If a parameter or its network cannot be stored.
    """
    return _maybe_screening(estimator, writer, _encode_pipeline_or_last)


def _maybe_screening(estimator: Any, writer: ArrayWriter, inner: Encode) -> dict[str, Any]:
    """Return what `inner` makes of an estimator, or of that of a screening."""
    estimator = best_estimator(estimator)
    if type(estimator) is ScreeningClassifier:
        return encode_screening(estimator, writer, inner)
    return inner(estimator, writer)


def _encode_pipeline_or_last(estimator: Any, writer: ArrayWriter) -> dict[str, Any]:
    estimator = best_estimator(estimator)
    if type(estimator) is not Pipeline:
        return _encode_last(estimator, writer)
    steps = [step for _, step in estimator.steps]
    if len(steps) != 2 or type(steps[0]) is not CurveImageTransformer:
        found = ", ".join(type(step).__name__ for step in steps)
        raise TypeError(
            f"A file holds pipelines of CurveImageTransformer and a classifier or regressor, got {found}."
        )
    transformer = steps[0]
    seen = {name: value for name, value in vars(transformer).items() if name in SEEN_IN_FIT}
    entry = {
        "names": [name for name, _ in estimator.steps],
        "transformer": encode_params(transformer),
        "fitted": {name: encode_value(value, name) for name, value in seen.items()},
        "params": encode_params(estimator, ("steps",)),
        "last": _maybe_screening(steps[1], writer, _encode_last),
    }
    return {name: value for name, value in entry.items() if value or name in ("transformer", "last")}


def _encode_last(estimator: Any, writer: ArrayWriter) -> dict[str, Any]:
    estimator = best_estimator(estimator)
    if type(estimator) in (SparseCurveCNNClassifier, SparseCurveCNNRegressor):
        return _encode_single(estimator, writer)
    if isinstance(estimator, (list, tuple)):
        return _encode_list(estimator, writer)
    if not isinstance(estimator, type) and hasattr(estimator, "fit"):
        check_is_fitted(estimator)
    if type(estimator) is SparseCurveEnsemble:
        return _encode_ensemble(estimator, writer)
    if type(estimator) is VotingClassifier:
        return _encode_vote(estimator, writer)
    if type(estimator) is BaggingClassifier:
        return _encode_bag(estimator, writer)
    raise TypeError(f"estimator must be {KINDS}, got {estimator!r}.")


def _encode_list(members: Sequence[Any], writer: ArrayWriter) -> dict[str, Any]:
    if not members:
        raise ValueError("estimator is an empty list: give fitted classifiers.")
    best = [_classifier_of(member) for member in members]
    first = best[0].classes_
    for member in best:
        if member.classes_.dtype.kind != first.dtype.kind or not np.array_equal(member.classes_, first):
            raise ValueError(
                f"All classifiers of a list must have the same classes, got {first.tolist()} and "
                f"{member.classes_.tolist()}."
            )
    return _encode_members([str(i) for i in range(len(best))], best, first, writer)


def _encode_ensemble(ensemble: SparseCurveEnsemble, writer: ArrayWriter) -> dict[str, Any]:
    names, losses = [str(i) for i in range(len(ensemble.members_))], ensemble.view_losses_
    views: dict[str, Any] = {"in_channels": ensemble.in_channels_, "of_members": ensemble.views_.tolist()}
    views |= {} if losses is None else {"losses": losses.tolist()}
    views |= _encode_names(ensemble)
    if ensemble.estimator is not None:
        views["estimator"] = encode_params(ensemble.estimator, NOT_SAVED)
    return {
        **_encode_members(names, ensemble.members_, ensemble.classes_, writer),
        "params": encode_params(ensemble, ("estimator",)),
        "views": views,
    }


def _encode_vote(vote: VotingClassifier, writer: ArrayWriter) -> dict[str, Any]:
    if vote.voting != "soft":
        raise ValueError("A file holds ensembles that average probabilities: set voting='soft'.")
    names = [name for name, member in vote.estimators if member != "drop"]
    members = [_classifier_of(member) for member in vote.estimators_]
    entry = _encode_members(names, members, vote.classes_, writer)
    entry |= {"params": encode_params(vote, ("estimators", "voting", "weights"))}
    if vote.weights is not None:
        entry["weights"] = [w if type(w) is int else float(w) for w in vote._weights_not_none]
    return entry


def _encode_bag(bag: BaggingClassifier, writer: ArrayWriter) -> dict[str, Any]:
    members = [_classifier_of(member) for member in bag.estimators_]
    for member, features in zip(members, bag.estimators_features_, strict=True):
        if not np.array_equal(features, np.arange(bag.n_features_in_)):
            raise ValueError("Classifiers of a BaggingClassifier must see all pixels: set max_features=1.0.")
        if len(member.classes_) != len(bag.classes_):
            raise ValueError("A classifier of the BaggingClassifier has not seen all classes.")
    return _encode_members([str(i) for i in range(len(members))], members, bag.classes_, writer)


def _classifier_of(member: Any) -> SparseCurveCNNClassifier:
    best = best_estimator(member)
    if type(best) is not SparseCurveCNNClassifier:
        raise TypeError(
            f"The members of an ensemble must be SparseCurveCNNClassifiers, got {best!r}; put a transformer "
            "before the ensemble."
        )
    check_is_fitted(best)
    return best


def _encode_members(
    names: list[str], members: list[SparseCurveCNNClassifier], classes: np.ndarray, writer: ArrayWriter
) -> dict[str, Any]:
    shapes = {full_shape(member.image_shape_, member.in_channels_) for member in members}
    if len({math.prod(shape) for shape in shapes}) > 1:
        raise ValueError(f"All members of an ensemble must take images of one size, got {sorted(shapes)}.")
    return {
        "names": names,
        "members": [_encode_single(member, writer) for member in members],
        **encode_classes(classes),
    }


def _encode_single(estimator: Any, writer: ArrayWriter) -> dict[str, Any]:
    check_is_fitted(estimator)
    entry = {
        **_encode_targets(estimator),
        "image_shape": [int(n) for n in estimator.image_shape_],
        "in_channels": int(estimator.in_channels_) if estimator.in_channels_ > 1 else {},
        "pixels": [
            float(estimator.pixel_scale_),
            float(estimator._largest_pixel),
            round(float(estimator._background), BACKGROUND_DIGITS),
        ],
        "params": encode_params(estimator, NOT_SAVED),
        "fitted": [_number(getattr(estimator, name)) for name in FITTED],
        "further": _encode_further(estimator),
        "network": encode_network(estimator, writer),
    }
    entry |= _encode_names(estimator)
    return {name: value for name, value in entry.items() if value != {}}


def _encode_names(estimator: Any) -> dict[str, Any]:
    """Return the names of the columns, if any, or in fewer words that they name pixels, of which views."""
    if not hasattr(estimator, "feature_names_in_"):
        return {}
    names, shape = list(estimator.feature_names_in_), estimator.image_shape_
    if len(names) > MOST_NAMES:
        return {"features": names}
    if estimator.in_channels_ == 1:
        return {"features": True if names == pixel_names(shape) else names}
    views = [name.removesuffix("_pixel_0_0") for name in names[:: math.prod(shape)]]
    return {"features": {"views": views} if names == pixel_names(shape, views) else names}


def _encode_targets(estimator: Any) -> dict[str, Any]:
    """Return the classes of a classifier, or the mean and scale of each target of a regressor."""
    if isinstance(estimator, SparseCurveCNNClassifier):
        return encode_classes(estimator.classes_)
    pairs = zip(estimator.target_mean_.tolist(), estimator.target_scale_.tolist(), strict=True)
    return {"targets": [list(pair) for pair in pairs]}


def _number(value: Any) -> int | float:
    return value.item() if isinstance(value, np.generic) else value


def _encode_further(estimator: SparseCurveCNN) -> dict[str, Any]:
    """Return fitted attributes that are no numbers or often None; training curves are left out."""
    names = ("augment_", "best_validation_score_")
    further = {name: encode_value(getattr(estimator, name), name) for name in names}
    further["layer_lam_"] = _encode_layer_lam(estimator)
    return {name: value for name, value in further.items() if value is not None}


def _encode_layer_lam(estimator: SparseCurveCNN) -> Any:
    """Return λ of each layer; True if all layers have the same, None if those that are penalised have."""
    lams = {name: float(lam) for name, lam in estimator.layer_lam_.items()}
    if lams == same_layer_lam(estimator, estimator.penalty is not None and estimator.penalized):
        return None
    return True if lams == same_layer_lam(estimator, "all") else lams


def same_layer_lam(estimator: SparseCurveCNN, penalized: str | bool) -> dict[str, float]:
    """Return one λ for the penalised layers, or for none with False."""
    names = select_weights(estimator.module_, penalized) if isinstance(penalized, str) else ()
    return dict.fromkeys(names, float(estimator.lam_))


def encode_network(estimator: SparseCurveCNN, writer: ArrayWriter) -> dict[str, Any]:
    """Return what JSON says of a network, whose arrays go to `writer`.

    Raises
    ------
    ValueError
        If it holds something that cannot be stored.
    """
    module = estimator.module_
    entry = _encode_layers(estimator)
    norms = batch_norms(module)
    counters = {f"{name}.num_batches_tracked" for name in norms}
    state = {name: value for name, value in module.state_dict().items() if name not in counters}
    dtype = _float_dtype(state)
    codes, described = [], []
    for name, tensor in state.items():
        array = as_array(tensor)
        described.append([name, list(array.shape)])
        if not tensor.is_floating_point():
            described[-1].append(array.dtype.name)
            writer.add_other(array)
        elif array.ndim < 2:
            writer.add_dense(array)
        else:
            codes.append(writer.add_weight(array))
    seen = [[int(n.num_batches_tracked), float(getattr(n, "weight_seen", 0.0))] for n in norms.values()]
    entry |= {"state": described} if "own" in entry else {}
    entry |= {"codes": codes} if codes else {}
    entry |= {"parameter": True} if _is_own_start(estimator, entry) else {}
    entry |= {"batches": seen[:1] if seen.count(seen[0]) == len(seen) else seen} if seen else {}
    return entry if dtype == "float32" else entry | {"dtype": dtype}


def _encode_layers(estimator: SparseCurveCNN) -> dict[str, Any]:
    module = estimator.module_
    if type(module) is CurveCNN and (options := _curve_options(estimator)) is not None:
        return {"curve_cnn": options}
    if type(module) in (nn.Sequential, CompressedNetwork) and is_plain(module):
        kind = "compressed" if isinstance(module, CompressedNetwork) else "sequential"
        return {kind: [_encode_layer(name, layer) for name, layer in module._modules.items()]}
    if estimator.module is None:
        raise ValueError(f"The network {type(module).__name__} cannot be stored.")
    return {"own": type(module).__name__}


def _is_own_start(estimator: SparseCurveCNN, entry: dict[str, Any]) -> bool:
    """Return whether the network is a parameter too, from which a clone of what is loaded starts.

    A curve CNN is that only where it is as it was given: trained further, it has seen the training images.
    """
    if estimator.module is None or "own" in entry:
        return False
    if "curve_cnn" not in entry:
        return True
    if not isinstance(estimator.module, nn.Module):
        return False
    given, trained = estimator.module.state_dict(), estimator.module_.state_dict()
    same = given.keys() == trained.keys()
    return same and all(torch.equal(given[name].cpu(), trained[name].cpu()) for name in given)


def _curve_options(estimator: SparseCurveCNN) -> dict[str, Any] | None:
    """Return the options of a curve CNN, or None if it was changed after it was built."""
    module: Any = estimator.module_
    layers = module._modules
    binary = isinstance(layers["activation1"], BinaryActivation)
    try:
        options: dict[str, Any] = {
            "channels": [int(layers[f"conv{i}"].out_channels) for i in (1, 2, 3)],
            "kernel_size": int(max(layers["conv1"].kernel_size)),
            "batch_norm": not isinstance(layers["norm1"], nn.Identity),
            "activation": ["binary", layers["activation1"].proxy] if binary else "relu",
        }
        with torch.device("meta"):
            shape, n_outputs = estimator.image_shape_, layers["fc"].out_features
            activation = {"activation": layers["activation1"] if binary else "relu"}
            built = CurveCNN(shape, n_outputs, in_channels=estimator.in_channels_, **options | activation)
    except (AttributeError, ValueError, TypeError):  # there are other layers
        return None
    if str(built) != str(module):
        return None
    return {name: value for name, value in options.items() if value != CURVE_CNN[name]}


def _encode_layer(name: str, layer: Any) -> list[Any]:
    spec = describe(layer)
    options = {key: list(value) if isinstance(value, tuple) else value for key, value in spec.options.items()}
    if spec.arrays:
        first = next(iter(spec.arrays.values()))
        options["shape"] = list(first.shape)
    if spec.kind in ("conv2d", "linear") and layer.bias is None:
        options["bias"] = False
    elif "running_mean" in spec.arrays and "weight" not in spec.arrays:
        options["affine"] = False
    return [name, spec.kind, options] if options else [name, spec.kind]


def _float_dtype(state: dict[str, Any]) -> str:
    """Return the dtype of all numbers of a network, or raise ValueError."""
    for name, value in state.items():
        what = str(value.dtype) if isinstance(value, torch.Tensor) else type(value).__name__
        if what.removeprefix("torch.") not in (*FLOATS.values(), *INTEGERS):
            raise ValueError(f"The entry {name!r} of the network, of {what}, cannot be stored.")
        if value.is_floating_point() and not value.isfinite().all():
            raise ValueError(f"The network cannot be stored: {name!r} holds NaN or infinity.")
    dtypes = {value.dtype for value in state.values() if value.dtype in FLOATS}
    if len(dtypes) > 1:
        raise ValueError("The network cannot be stored: it mixes single and double precision.")
    return FLOATS[dtypes.pop()] if dtypes else "float32"
