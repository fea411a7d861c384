"""Which weights of a network can be made sparse, and how many of them are zero."""

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn

LAYERS = (nn.Linear, nn.modules.conv._ConvNd)


def layer_weights(module: nn.Module) -> dict[str, Tensor]:
    """Return the weights of all convolutions and fully connected layers, by layer name, as registered.

    A weight that layers share is the first one's, and one that is computed from others is left out.
    """
    weights = {name: layer.weight for name, layer in _layers(module, LAYERS).items()}
    return _distinct({name: w for name, w in weights.items() if isinstance(w, nn.Parameter)})


def _layers(module: nn.Module, kinds: Any) -> dict[str, Any]:
    return {name: layer for name, layer in module.named_modules() if isinstance(layer, kinds)}


def _distinct(weights: dict[str, Tensor]) -> dict[str, Tensor]:
    first = {id(w): name for name, w in reversed(weights.items())}
    return {name: w for name, w in weights.items() if first[id(w)] == name}


def zero_fraction(weights: Iterable[Tensor]) -> float:
    """Return the fraction of all the weights that are exactly zero; 0 of none."""
    sizes = [(int(torch.count_nonzero(w)), w.numel()) for w in weights]
    n_nonzero, n_weights = sum(size[0] for size in sizes), sum(size[1] for size in sizes)
    return 1 - n_nonzero / n_weights if n_weights else 0.0


def select_weights(module: nn.Module, penalized: str) -> dict[str, Tensor]:
    """Return weights by layer name: of the last fully connected layer ("fc"), or of "all" or "hidden" layers.

    The hidden ones are all but the first and the last, and share no weight with these.
    """
    fc_only = penalized == "fc"
    layers = _layers(module, nn.Linear if fc_only else LAYERS)
    weights = {name: layer.weight for name, layer in layers.items()}
    if fc_only:
        return dict(list(weights.items())[-1:])
    if penalized == "all":
        return _distinct(weights)
    ends = {id(w) for w in (*list(weights.values())[:1], *list(weights.values())[-1:])}
    return _distinct({name: w for name, w in weights.items() if id(w) not in ends})


def penalized_weights(module: nn.Module, penalized: str) -> dict[str, Tensor]:
    """Return the weights to make sparse, by layer name, as `select_weights` does.

    Raises
    ------
    ValueError
        If the network has no such layer, or its weight is no parameter.
    """
    weights = select_weights(module, penalized)
    if not weights:
        needed = {
            "fc": "a Linear layer",
            "all": "a Linear or convolutional layer",
            "hidden": "at least three Linear or convolutional layers",
        }[penalized]
        n_layers = len(layer_weights(module)) if penalized == "hidden" else "none"
        raise ValueError(
            f"penalized={penalized!r} needs a module with {needed}, but {type(module).__name__} has "
            f"{n_layers}."
        )
    for name, weight in weights.items():
        if not isinstance(weight, nn.Parameter):
            raise ValueError(
                f"The weight of layer {name!r} is computed from other parameters, as by weight "
                "normalisation, so it cannot be made sparse: remove the parametrization."
            )
    return weights
