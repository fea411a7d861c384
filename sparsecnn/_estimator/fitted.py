"""What came of training: zeros, and layers that died of them."""

import warnings

import torch

from sparsecnn._network import layer_weights, penalized_weights, zero_fraction
from sparsecnn.exceptions import DeadLayerWarning
from sparsecnn.penalties import lam_for_sparsity


def count_zeros(module, penalized):
    """Return sparsity and number of non-zeros of the penalised weights, and every layer's sparsity."""
    weights = penalized_weights(module, penalized).values()
    layer_sparsity = {name: zero_fraction([w]) for name, w in layer_weights(module).items()}
    return zero_fraction(weights), sum(int(torch.count_nonzero(w)) for w in weights), layer_sparsity


def warn_of_dead_layers(trainer, module, penalized):
    """Warn of every penalised layer of `module` without a weight, and say which λ to try."""
    optimizer = trainer.optimizer
    for name, weight in penalized_weights(module, penalized).items():
        if weight.any():
            continue
        advice = "it was so before this training: fit anew, with warm_start=False"
        if optimizer.target_sparsity is not None:
            advice = "ask for a smaller target_sparsity"
            advice += " or for sparsity_scope='layer'" if optimizer.sparsity_scope == "global" else ""
        elif name in trainer.first_median:
            advice = _advise_lam(optimizer, trainer.first_median[name])
        warnings.warn(
            f"All weights of layer {name!r} are zero at lam={optimizer.lam}, beta={optimizer.beta}, so the "
            f"output does not depend on the image; {advice}.",
            DeadLayerWarning,
            stacklevel=5,
        )


def _advise_lam(optimizer, first_median):
    try:
        lam = lam_for_sparsity(optimizer.penalty, first_median, optimizer.beta, 1.0)
    except ValueError:  # of a penalty that does not look at weights one by one
        return "try a smaller lam"
    return f"its weights began so small that you should try lam={lam:.3g} or less"
