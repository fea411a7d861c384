"""What `fit` leaves behind, and what became of the network's layers."""

from __future__ import annotations

from typing import Any

from sklearn.exceptions import ConvergenceWarning
from torch import nn

from sparsecnn._estimator.training_data import TrainingData
from sparsecnn._training import NetworkSpec, Plan, Trainer
from sparsecnn._warn import warn_user
from sparsecnn.exceptions import DeadLayerWarning
from sparsecnn.penalties import lam_for_sparsity, unit_name

# Training losses of a network that failed to learn, and of one that learnt, relative to chance level.
NOT_LEARNT, LEARNT = 0.7, 0.25


def keep_fitted(estimator: Any, data: TrainingData, trainer: Trainer, module: nn.Module, plan: Plan) -> None:
    """Set every fitted attribute of an estimator at once."""
    module.zero_grad()  # copies and files need no gradients
    history = {name: list(values) for name, values in trainer.history.items()}
    lams = trainer.optimizer.lam
    each = [lams] * len(trainer.split.penalties) if isinstance(lams, float) else lams
    pairs = zip(trainer.split.tensors, trainer.split.penalties, each, strict=True)
    layer_lam = {name: lam for name, penalty, lam in pairs if penalty is not None}
    validated = data.validation is not None
    vars(estimator).update(
        data.features | data.targets.attributes,
        image_shape_=data.images.image_shape,
        in_channels_=data.images.in_channels,
        pixel_scale_=data.images.pixel_scale,
        module_=module.eval().cpu(),
        history_=history,
        loss_curve_=history["loss"],
        n_iter_=len(history["loss"]),
        validation_scores_=history["validation_score"] if validated else None,
        best_validation_score_=float(trainer.best.score) if validated and trainer.best else None,
        lam_=lams if isinstance(lams, float) else max(lams),
        layer_lam_=layer_lam,
        batch_size_=min(plan.batch_size, len(data.images)),
        finetune_iter_=plan.finetune_iter,
        augment_=plan.augmentation,
        _largest_pixel=data.largest_pixel,
        _background=data.background,
        _network_spec=NetworkSpec.of(estimator),
    )


def describe_dead_layers(trainer: Trainer, module: nn.Module) -> list[str]:
    """Return a line for every penalised layer of `module` that is all zero, which says what λ to try."""
    optimizer = trainer.optimizer
    lines = []
    for name, _, penalty in trainer.split.penalized():
        layer: Any = module.get_submodule(name)
        if layer.weight.any():
            continue
        advice = "it was so before this training: fit with warm_start=False"
        if optimizer.target_sparsity is not None:
            advice = "ask for a smaller target_sparsity"
            advice += " or for sparsity_scope='layer'" if optimizer.sparsity_scope == "global" else ""
        elif name in trainer.first_median:
            advice = _advise_lam(trainer, name, penalty)
        lines.append(
            f"All {unit_name(penalty)} of layer {name!r} are zero at lam={optimizer.lam}, "
            f"beta={optimizer.beta}, so the output does not depend on the image; {advice}."
        )
    return lines


def warn_of_dead_layers(lines: list[str]) -> None:
    """Warn of the first of some dead layers, and say how many more there are."""
    if lines:
        more = f" ({len(lines) - 1} more such layers or networks.)" if len(lines) > 1 else ""
        warn_user(lines[0] + more, DeadLayerWarning)


def warn_of_lost_accuracy(trainer: Trainer) -> None:
    """Warn if the sparse network fits the training images much worse than the weights before the cut did."""
    chance = trainer.objective.chance_loss
    dense, sparse = min(trainer.history["loss"]), trainer.history["sparse_loss"][-1]
    if sparse > NOT_LEARNT * chance and dense < LEARNT * chance:
        warn_user(
            f"The sparse network's training loss is {sparse:.3g}, near {chance:.3g} at chance level; "
            f"that of the weights before they were cut was {dense:.3g}. Give it more steps (max_iter, "
            "finetune_iter, or a smaller batch_size), or ask for fewer zeros.",
            ConvergenceWarning,
        )


def _advise_lam(trainer: Trainer, name: str, penalty: Any) -> str:
    optimizer = trainer.optimizer
    try:
        lam = lam_for_sparsity(penalty, trainer.first_median[name], optimizer.beta, 1.0)
    except ValueError:  # of a penalty that does not look at weights one by one
        return "try a smaller lam"
    return f"its weights began so small that you should try lam={lam:.3g} or less"
