"""From the parameters of an estimator to what trains its network."""

from __future__ import annotations

import copy
import functools
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from sparsecnn._compute import autocast_for, drawing_first_weights
from sparsecnn._network import NORMS, CurveCNN, layer_weights
from sparsecnn._pixels import lower_median
from sparsecnn._training.finite import names_not_finite
from sparsecnn._training.first_filters import set_first_filters
from sparsecnn._training.images import Images
from sparsecnn._training.muon import Muon
from sparsecnn._training.objective import Objective
from sparsecnn._training.plan import Ramp, RampStart, SparsityRamp, make_ramp
from sparsecnn._training.spec import NetworkSpec, TrainerSpec
from sparsecnn._training.split import Split, make_split
from sparsecnn._training.trainer import Trainer
from sparsecnn.penalties import check_has_target, get_penalty, unit_magnitudes, unit_name, unit_of
from sparsecnn.rvsm import RVSM

SOLVERS: dict[str, Callable[..., torch.optim.Optimizer]] = {
    "adam": functools.partial(torch.optim.Adam, fused=True),
    "muon": Muon,
    "sgd": functools.partial(torch.optim.SGD, momentum=0.9, nesterov=True),
}

# Learning rate of scales and shifts of channels to remove, relative to that of weights.
SCALE_RATE = 10.0


def make_trainer(
    params: Any,
    images: Images,
    objective: Objective,
    rng: np.random.RandomState,
    fitted: nn.Module | None = None,
    lam_start: float = 0.0,
) -> Trainer:
    """Return a trainer whose network is a copy of `fitted`, or else new.

    Parameters
    ----------
    params : SparseCurveCNNClassifier
    images : Images
    objective : Objective
    rng : RandomState
    fitted : torch.nn.Module, default=None
    lam_start : float, default=0.0
        λ before the first epoch.

    Raises
    ------
    ValueError
        If the parameters or the user's own network do not fit the images.
    """
    if fitted is not None:
        module = copy.deepcopy(fitted)
    else:
        with drawing_first_weights():
            module = build_module(NetworkSpec.of(params), images, objective.n_outputs)
        if params.module is None:
            set_first_filters(next(iter(layer_weights(module).values())), images)
    layout: Any = {"memory_format": torch.channels_last}  # torch's annotations lack it
    module = module.to(images.device, images.dtype, **layout)
    check_module(module, images, objective)
    split = make_split(params, module, images.image_shape)
    groups = _parameter_groups(module, params.weight_decay, split, orthogonal=params.solver == "muon")
    base = SOLVERS[params.solver](groups, lr=params.learning_rate_init)
    optimizer = RVSM(
        base,
        split.tensors.values(),
        split.penalties or None,
        lam=0.0,
        beta=params.beta,
        sparsity_scope=resolve_scope(params),
    )
    optimizer.restriction = split.structure
    return Trainer(
        spec=TrainerSpec.of(params),
        objective=objective,
        module=module,
        optimizer=optimizer,
        split=split,
        first_median={name: _median(unit_magnitudes(p, w)) for name, w, p in split.penalized() if w.any()},
        autocast=autocast_for(params.precision, images.device),
        rng=rng,
        start=RampStart(lam_start, optimizer.unit_sparsity()),
    )


def checked_ramp(params: Any, trainer: Trainer) -> Ramp:
    """Return the schedule of λ or of the target sparsity, or raise ValueError if too little would survive."""
    ramp = make_ramp(params, trainer.start, trainer.split.structure)
    if params.penalty is not None and isinstance(ramp, SparsityRamp):
        check_target("target_sparsity", ramp.end, trainer, resolve_scope(params))
    return ramp


def build_module(spec: NetworkSpec, images: Images, n_outputs: int) -> nn.Module:
    """Return a new network: the curve CNN, or the user's own."""
    if spec.module is None:
        image_shape = images.image_shape
        largest = max(3, 2 * max(image_shape) - 1)  # reaches from each pixel to every other
        if spec.kernel_size > largest:
            raise ValueError(
                f"kernel_size must be at most {largest} for images of shape {image_shape}, "
                f"got {spec.kernel_size}."
            )
        layers = (spec.channels, spec.kernel_size, spec.batch_norm, spec.activation)
        return CurveCNN(image_shape, n_outputs, *layers, in_channels=images.in_channels)
    module = spec.module if isinstance(spec.module, nn.Module) else _call(spec.module)
    if not isinstance(module, nn.Module):
        raise ValueError(f"module must be or return a torch.nn.Module, got {module!r}.")
    if any(is_lazy(parameter) for parameter in module.parameters()):
        raise ValueError(
            f"module {type(module).__name__} has layers that have not seen an image, such as LazyLinear: "
            "pass one through it first."
        )
    broken = names_not_finite(module)
    if broken:
        raise ValueError(f"module must have finite weights, but {', '.join(broken)} holds NaN or infinity.")
    return copy.deepcopy(module)


def _call(module: Callable[[], Any]) -> Any:
    try:
        return module()
    except TypeError as error:
        raise TypeError(f"module={module!r} fails when called without arguments: {error}") from error


@torch.no_grad()
def check_module(module: nn.Module, images: Images, objective: Objective) -> None:
    """Raise ValueError unless `module` maps two of `images` to a score for each output."""
    x = images.pixels(np.array([0, 0]))
    try:
        scores = module.eval()(x)
    except RuntimeError as error:
        raise ValueError(f"module cannot take images of shape {tuple(x.shape)}: {error}") from error
    if not isinstance(scores, Tensor):
        raise ValueError(f"module must return a tensor of scores, got a {type(scores).__name__}.")
    shape, wanted = tuple(scores.shape), (2, objective.n_outputs)
    if shape != wanted:
        raise ValueError(
            f"module must map 2 images to scores of shape {wanted}, one for each {objective.output_name}, "
            f"but its output has shape {shape}."
        )


def check_target(name: str, target: float, trainer: Trainer, scope: str) -> None:
    """Raise ValueError if the penalty has no λ for a target, or too few units would survive.

    Units are weights, or what the penalty zeroes together.

    Parameters
    ----------
    name : str
        Of the parameter that gives the target.
    target : float
    trainer : Trainer
        As many units as it has outputs must survive: of all layers, or with the scope "layer", of the last
        layer; one of the others. A layer of fewer units must keep one.
    scope : {"global", "layer"}
    """
    split, n_outputs = trainer.split, trainer.objective.n_outputs
    if split.structure is not None:
        return  # which leaves a channel in every layer
    for _, _, penalty in split.penalized():
        if target > 0:
            check_has_target(penalty)
    n_units, n_kept_ever = split.count_units(), split.count_kept()
    units = unit_name(split.penalties[0])
    if scope == "global":
        needed = {"all penalised layers": (sum(n_units.values()), n_outputs, sum(n_kept_ever.values()))}
    else:
        needed = {f"layer {layer!r}": (size, 1, n_kept_ever[layer]) for layer, size in n_units.items()}
        last = list(n_units)[-1]
        needed[f"layer {last!r}"] = (n_units[last], n_outputs, n_kept_ever[last])
    for where, (size, n_needed, n_ever) in needed.items():
        n_kept = min(max(n_needed, n_ever), size)
        if size - round(target * size) < n_kept:
            reason = f"for {trainer.objective.outputs}" if n_ever <= n_needed else "which no lam zeroes"
            raise ValueError(
                f"{name} {target!r} leaves fewer than {n_kept} of the {size} {units} of {where}, {reason}: "
                f"it can be at most {1 - n_kept / size:.6g}."
            )


def resolve_scope(params: Any) -> str:
    """Return the scope of a target sparsity: by layer for penalties of groups, else global, if "auto"."""
    if params.sparsity_scope != "auto":
        return params.sparsity_scope
    of_groups = params.penalty is not None and unit_of(get_penalty(params.penalty)) == "group"
    return "layer" if of_groups else "global"


def _median(magnitude: Tensor) -> Tensor:
    """Return the median of the magnitudes that are not zero; numpy takes a tenth of torch's time."""
    values = magnitude.cpu().numpy()
    values = values[values != 0]
    return torch.tensor(lower_median(values))


def _parameter_groups(
    module: nn.Module, weight_decay: float, split: Split, orthogonal: bool
) -> list[dict[str, Any]]:
    """Return the parameters of `module` for an optimizer: layer weights decay, others do not.

    Scales and shifts of batch normalisation that rank channels have a learning rate of their own, since
    those of dead channels go from about 1 to 0. With `orthogonal`, the filters of all convolutions but the
    first have a group whose steps are orthogonal; for fully connected layers these cost more than they save.
    """
    layers = layer_weights(module)
    filters = {id(w): w for w in list(layers.values())[1:] if orthogonal and w.ndim > 2}
    weights = {id(w): w for w in layers.values() if id(w) not in filters}  # tied layers share one
    norms = (layer for layer in module.modules() if isinstance(layer, NORMS))
    of_norms = {id(p) for layer in norms for p in layer.parameters()}
    scales = {id(p): p for p in split.tensors.values() if id(p) in of_norms}
    grouped = filters.keys() | weights.keys() | scales.keys()
    groups: list[dict[str, Any]] = [
        {"params": list(weights.values()), "weight_decay": weight_decay},
        {"params": [p for p in module.parameters() if id(p) not in grouped], "weight_decay": 0.0},
    ]
    if filters:
        groups.append({"params": list(filters.values()), "orthogonal": True})
    if scales:
        groups.append({"params": list(scales.values()), "weight_decay": 0.0, "lr_scale": SCALE_RATE})
    return groups
