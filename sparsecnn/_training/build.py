"""From the parameters of the classifier to what trains its network."""

import copy
import functools
import math

import numpy as np
import torch
from torch.nn.parameter import is_lazy

from sparsecnn._compute import autocast_for, drawing_first_weights
from sparsecnn._estimator.validation import check_channels, check_module
from sparsecnn._network import CurveCNN, layer_weights, penalized_weights, zero_fraction
from sparsecnn._training.plan import Plan
from sparsecnn._training.trainer import Trainer
from sparsecnn.rvsm import RVSM

AUTO_BATCH = 64
# The target where neither λ nor a sparsity is given.
AUTO_SPARSITY = 0.9
# Epochs of fine-tuning for every power of ten by which a network becomes smaller.
AUTO_REFINE = 8
SOLVERS = {
    "adam": functools.partial(torch.optim.Adam, fused=True),
    "sgd": functools.partial(torch.optim.SGD, momentum=0.9, nesterov=True),
}


def make_plan(params, image_shape, module, decay=True):
    """Return the plan of a training run.

    Parameters
    ----------
    params : SparseCurveCNNClassifier
    image_shape : tuple of two ints
    module : torch.nn.Module
        The network to train.
    decay : bool
        Whether the learning rate falls to 0.
    """
    powers = powers_of_ten_lost(params, module)
    augment = 1 / powers if params.augment == "auto" else params.augment
    return Plan(
        max_iter=params.max_iter,
        refine_iter=round(AUTO_REFINE * powers) if params.refine_iter == "auto" else params.refine_iter,
        batch_size=AUTO_BATCH if params.batch_size == "auto" else params.batch_size,
        learning_rate_init=params.learning_rate_init,
        decay=decay,
        lam=None if params.lam == "auto" else params.lam,
        target_sparsity=wanted_sparsity(params),
        augment=augment if min(image_shape) > 1 else False,
        n_iter_no_change=params.n_iter_no_change,
        tol=params.tol,
    )


def wanted_sparsity(params):
    """Return the target sparsity of the classifier's parameters, or None where they give λ."""
    if params.lam == "auto":
        return AUTO_SPARSITY if params.target_sparsity is None else float(params.target_sparsity)
    if params.target_sparsity is not None:
        raise ValueError(
            f"lam={params.lam!r} and target_sparsity={params.target_sparsity!r} exclude each other: with a "
            "target, leave lam='auto'."
        )
    return None


def powers_of_ten_lost(params, module):
    """Return by how many powers of ten the wanted zeros make the network smaller; at least 1."""
    target = wanted_sparsity(params)
    if target is None or params.penalty is None:
        return 1.0
    n_penalized, n_all = (
        sum(w.numel() for w in weights.values())
        for weights in (penalized_weights(module, params.penalized), layer_weights(module))
    )
    return max(1.0, -math.log10(1 - target * n_penalized / n_all))


def make_trainer(params, images, n_classes, rng, fitted=None, lam_start=0.0):
    """Return a trainer whose network is `fitted`, copied, or else new.

    Parameters
    ----------
    params : SparseCurveCNNClassifier
    images : Images
    n_classes : int
    rng : RandomState
    fitted : torch.nn.Module, default=None
    lam_start : float, default=0.0
        λ before the first epoch, where the parameters do not give a sparsity.

    Raises
    ------
    ValueError
        If the parameters or the user's own network do not fit the images.
    """
    with drawing_first_weights():
        new = fitted is None
        module = build_module(params, images.image_shape, n_classes) if new else copy.deepcopy(fitted)
    module = module.to(images.device, images.dtype, memory_format=torch.channels_last)
    check_module(module, images, n_classes)
    weights = penalized_weights(module, params.penalized)
    split = [] if params.penalty is None else list(weights.values())
    target = wanted_sparsity(params)
    start = {"lam": lam_start} if target is None else {"target_sparsity": min(target, zero_fraction(split))}
    base = SOLVERS[params.solver](_parameter_groups(module, params.alpha), lr=params.learning_rate_init)
    return Trainer(
        module=module,
        optimizer=RVSM(
            base, split, params.penalty, beta=params.beta, sparsity_scope=params.sparsity_scope, **start
        ),
        first_median={name: _median_magnitude(w) for name, w in weights.items() if w.any()},
        autocast=autocast_for(params.precision, images.device),
        rng=rng,
        lam_start=lam_start,
        sparsity_start=start.get("target_sparsity", 0.0),
    )


def _median_magnitude(w):
    """Return the median magnitude of the non-zero weights; numpy takes a tenth of torch's time."""
    magnitude = w.detach().abs().cpu().numpy()
    magnitude = magnitude[magnitude != 0]
    middle = (len(magnitude) - 1) // 2
    return torch.tensor(np.partition(magnitude, middle)[middle])


def _parameter_groups(module, alpha):
    """Return the parameters of `module` for an optimizer: layer weights decay by `alpha`, others do not."""
    weights = {id(w): w for w in layer_weights(module).values()}  # tied layers share one
    others = [p for p in module.parameters() if id(p) not in weights]
    return [
        {"params": list(weights.values()), "weight_decay": alpha},
        {"params": others, "weight_decay": 0.0},
    ]


def build_module(params, image_shape, n_classes):
    """Return a new network: the curve CNN, or the user's own."""
    if params.module is None:
        channels = check_channels(params.channels)
        if params.kernel_size % 2 == 0:
            raise ValueError(f"kernel_size must be odd, got {params.kernel_size}.")
        return CurveCNN(image_shape, n_classes, channels, params.kernel_size, params.batch_norm)
    module = params.module if isinstance(params.module, torch.nn.Module) else params.module()
    if not isinstance(module, torch.nn.Module):
        raise ValueError(f"module must be or return a torch.nn.Module, got {module!r}.")
    if any(is_lazy(parameter) for parameter in module.parameters()):
        raise ValueError(
            f"module {type(module).__name__} has layers that have not seen an image, such as LazyLinear: "
            "pass one through it first."
        )
    return copy.deepcopy(module)
