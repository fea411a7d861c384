"""From what a file says of estimators to fitted estimators."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import torch
from sklearn.base import clone
from sklearn.ensemble import VotingClassifier
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import LabelEncoder
from sklearn.utils import Bunch
from torch import nn

from sparsecnn._ensemble import SparseCurveEnsemble
from sparsecnn._estimator import (
    ClassTargets,
    RealTargets,
    SparseCurveCNN,
    SparseCurveCNNClassifier,
    SparseCurveCNNRegressor,
)
from sparsecnn._network import (
    BinaryActivation,
    CompressedNetwork,
    CurveCNN,
    batch_norms,
    lay_out_filters,
    make_layer,
)
from sparsecnn._training import CurveAugmentation, NetworkSpec
from sparsecnn.exceptions import FileFormatError
from sparsecnn.export._encode import same_layer_lam
from sparsecnn.export._screening import rebuild_screening
from sparsecnn.export._values import decode_value, make_estimator
from sparsecnn.inference import (
    CURVE_CNN,
    FITTED,
    Saved,
    SavedEnsemble,
    SavedEstimator,
    SavedNetwork,
    SavedPipeline,
    SavedRegressor,
    SavedScreening,
    SavedViews,
    Single,
    build_layers,
    check_keys,
    is_number,
)
from sparsecnn.preprocessing import SEEN_IN_FIT, CurveImageTransformer


def rebuild(saved: Saved, module: Any = None) -> Any:
    """Return the fitted estimator of what a file holds.

    Parameters
    ----------
    saved : Saved
    module : torch.nn.Module or callable, default=None
        The network of the user's own that the file holds the numbers of.

    Raises
    ------
    FileFormatError
        If `saved` describes no such estimator.
    ValueError
        If `module` is missing, not needed, or another one.
    """
    if isinstance(saved, SavedScreening):
        return rebuild_screening(saved, rebuild(saved.estimator, module))
    if isinstance(saved, SavedPipeline):
        last = rebuild(saved.last, module)
        transformer: Any = make_estimator(CurveImageTransformer, saved.transformer)
        for name, value in saved.fitted.items():
            if name not in SEEN_IN_FIT:
                raise FileFormatError(f"its transformer has no attribute {name[:60]!r}")
            setattr(transformer, name, decode_value(value))
        steps = list(zip(saved.names, (transformer, last), strict=True))
        return make_estimator(Pipeline, saved.params, steps=steps)
    if isinstance(saved, SavedEnsemble):
        return _vote(saved, module) if saved.views is None else _ensemble(saved, saved.views, module)
    return _single(saved, module)


def _vote(saved: SavedEnsemble, module: Any) -> VotingClassifier:
    members = [_single(member, module) for member in saved.members]
    named = list(zip(saved.names, members, strict=True))
    unfitted = [(name, clone(member)) for name, member in named]
    vote: Any = make_estimator(
        VotingClassifier, saved.params, estimators=unfitted, voting="soft", weights=saved.weights
    )
    vote.estimators_, vote.named_estimators_ = members, Bunch(**dict(named))
    vote.classes_, vote.le_ = saved.classes, LabelEncoder()
    vote.le_.classes_ = saved.classes
    if hasattr(members[0], "feature_names_in_"):
        vote.feature_names_in_ = members[0].feature_names_in_
    return vote


def _ensemble(saved: SavedEnsemble, views: SavedViews, module: Any) -> SparseCurveEnsemble:
    network = None
    if views.estimator is not None:
        network = make_estimator(SparseCurveCNNClassifier, views.estimator, module=module)
    ensemble: Any = make_estimator(SparseCurveEnsemble, saved.params, estimator=network)
    first, members = saved.members[0], [_single(member, module) for member in saved.members]
    if network is not None and first.network.is_parameter:
        network.module = members[0].module_
    vars(ensemble).update(
        classes_=saved.classes,
        members_=members,
        views_=np.array(views.of_members),
        view_losses_=None if views.losses is None else np.array(views.losses, float),
        image_shape_=first.image_shape,
        in_channels_=views.in_channels,
        n_features_in_=views.in_channels * first.n_pixels,
    )
    if views.feature_names is not None:
        ensemble.feature_names_in_ = views.feature_names
    return ensemble


def _single(saved: Single, module: Any) -> SparseCurveCNN:
    own = saved.network.kind == "own"
    network = _own_network(saved, module) if own else _network(saved, module)
    is_regressor = isinstance(saved, SavedRegressor)
    kind = SparseCurveCNNRegressor if is_regressor else SparseCurveCNNClassifier
    estimator: Any = make_estimator(kind, saved.params, module=module)
    if saved.network.is_parameter:
        estimator.module = network
    vars(estimator).update(
        _targets(saved),
        image_shape_=saved.image_shape,
        in_channels_=saved.in_channels,
        n_features_in_=saved.n_pixels,
        pixel_scale_=saved.pixel_scale,
        module_=network,
        _largest_pixel=saved.largest_pixel,
        _background=saved.background,
        _network_spec=_network_spec(estimator, saved.network),
    )
    if saved.feature_names is not None:
        estimator.feature_names_in_ = saved.feature_names
    _set_fitted(estimator, saved)
    return estimator


def _targets(saved: Single) -> dict[str, Any]:
    """Return the fitted attributes that say what scores of the network mean."""
    if isinstance(saved, SavedRegressor):
        return RealTargets(saved.mean, saved.scale).attributes
    return ClassTargets(saved.classes).attributes


def _network_spec(estimator: Any, network: SavedNetwork) -> NetworkSpec:
    if network.kind == "curve_cnn" and not network.is_parameter:
        return NetworkSpec(**_curve_options(network))
    try:
        return NetworkSpec.of(estimator)
    except ValueError as error:
        raise FileFormatError(str(error).rstrip(".")) from None


def _set_fitted(estimator: Any, saved: SavedEstimator) -> None:
    """Set the fitted attributes that have no place in the network."""
    vars(estimator).update(zip(FITTED, saved.fitted, strict=True))
    check_keys(saved.further, (), ("augment_", "best_validation_score_", "layer_lam_"))
    augment = decode_value(saved.further.get("augment_"))
    score, layer_lam = saved.further.get("best_validation_score_"), saved.further.get("layer_lam_")
    estimator.augment_ = _checked(augment, (CurveAugmentation, type(None)))
    estimator.best_validation_score_ = _checked(score, (float, type(None)))
    if score is None:  # else there were scores of all epochs, which are not stored
        estimator.validation_scores_ = None
    if isinstance(layer_lam, dict) and all(map(is_number, layer_lam.values())):
        estimator.layer_lam_ = layer_lam
    elif layer_lam in (None, True):
        penalized = "all" if layer_lam else estimator.penalty is not None and estimator.penalized
        estimator.layer_lam_ = same_layer_lam(estimator, penalized)
    else:
        raise FileFormatError(f"{str(layer_lam)[:60]} is no λ of each layer")


def _checked(value: Any, kinds: tuple[type, ...]) -> Any:
    if not isinstance(value, kinds):
        raise FileFormatError(f"{str(value)[:60]} is no proper fitted attribute")
    return value


def _network(saved: SavedEstimator, module: Any) -> nn.Module:
    """Return the network that a file describes, with its numbers."""
    network = saved.network
    if module is not None:
        raise ValueError("The file describes its network: load it without module.")
    try:
        build_layers(network.specs(), saved.image_shape, saved.n_outputs, saved.in_channels)
    except ValueError as error:
        raise FileFormatError(str(error).rstrip(".")) from None
    # Without memory for first weights, and without a draw from torch's generator.
    with torch.device("meta"):
        if network.kind == "curve_cnn":
            options = _curve_options(network) | {"in_channels": saved.in_channels}
            made: nn.Module = CurveCNN(saved.image_shape, saved.n_outputs, **options)
        else:
            made = CompressedNetwork() if network.kind == "compressed" else nn.Sequential()
            for layer in network.layers:
                if hasattr(made, layer.name):
                    raise FileFormatError(f"a layer cannot be called {layer.name[:60]!r}")
                made.add_module(layer.name, make_layer(layer.kind, layer.options, layer.shapes))
    return _with_numbers(made, network)


def _curve_options(network: SavedNetwork) -> dict[str, Any]:
    options = {**CURVE_CNN, **network.options}
    activation = options["activation"]
    return options | {
        "channels": tuple(options["channels"]),
        "activation": nn.ReLU() if activation == "relu" else BinaryActivation(activation[1]),
    }


def _own_network(saved: SavedEstimator, module: Any) -> nn.Module:
    """Return a copy of the user's own network with the numbers of a file, or raise ValueError."""
    name = saved.network.name
    if module is None:
        raise ValueError(
            f"The file holds the numbers of a network of the class {name}, which it does not describe: "
            f"give one, as in load(path, module={name}())."
        )
    made = module if isinstance(module, nn.Module) else module()
    if not isinstance(made, nn.Module):
        raise ValueError(f"module must be or return a torch.nn.Module, got {made!r}.")
    dtypes = {array.dtype.name for array in saved.network.arrays.values() if array.dtype.kind == "f"}
    made = copy.deepcopy(made).to("cpu", torch.float64 if "float64" in dtypes else torch.float32)
    counters = {f"{name}.num_batches_tracked" for name in batch_norms(made)}
    state = {name: value for name, value in made.state_dict().items() if name not in counters}
    _check_same_layers(state, saved.network.arrays)
    return _with_numbers(made, saved.network)


def _check_same_layers(state: dict[str, torch.Tensor], arrays: dict[str, np.ndarray]) -> None:
    """Raise ValueError unless a network has the same entries as a file, of the same shapes."""
    for name, value in state.items():
        if name not in arrays:
            raise ValueError(f"module has {name!r} of shape {tuple(value.shape)}, which the file lacks.")
    for name, array in arrays.items():
        if name not in state:
            raise ValueError(f"module lacks {name!r}, of shape {array.shape} in the file.")
        if state[name].shape != array.shape or state[name].is_floating_point() != (array.dtype.kind == "f"):
            raise ValueError(
                f"module has {name!r} of shape {tuple(state[name].shape)} and {state[name].dtype}, but the "
                f"file of shape {array.shape} and {array.dtype}."
            )


def _with_numbers(module: nn.Module, network: SavedNetwork) -> nn.Module:
    """Return a network with the numbers of a file, in evaluation mode."""
    state = {name: torch.from_numpy(array) for name, array in network.arrays.items()}
    norms = batch_norms(module)
    batches = network.batches * len(norms) if len(network.batches) == 1 else network.batches
    if len(batches) != len(norms):
        raise FileFormatError(f"it has {len(batches)} batch normalisations, expected {len(norms)}")
    for (name, norm), (n_batches, weight) in zip(norms.items(), batches, strict=True):
        state[f"{name}.num_batches_tracked"] = torch.tensor(n_batches)
        if hasattr(norm, "weight_seen"):
            norm.weight_seen = torch.tensor(float(weight))
    # In place where layers may share weights, which stays so; without memory for first weights elsewhere.
    module.load_state_dict(state, assign=network.kind != "own")
    lay_out_filters(module)
    return module.eval()
