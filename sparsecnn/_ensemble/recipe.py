"""The networks that an ensemble trains unless told otherwise."""

from __future__ import annotations

from sklearn.base import clone

from sparsecnn._estimator import SparseCurveCNNClassifier
from sparsecnn._training import CurveAugmentation


def recipe_network() -> SparseCurveCNNClassifier:
    """Return the network of the default ensemble, with few filters, for a hundred drawings."""
    return SparseCurveCNNClassifier(
        channels=(16, 32, 32),
        augment=CurveAugmentation(flip=True),
        batch_size=64,
        class_weight="balanced",
        solver="adam",
        max_iter=24,
        finetune_iter=8,
    )


def shortened(network: SparseCurveCNNClassifier, choice_iter: int | str) -> SparseCurveCNNClassifier:
    """Return a network of `choice_iter` epochs of splitting, and as many of fine-tuning in proportion."""
    whole, finetune = network.max_iter, network.finetune_iter
    if choice_iter == "auto":
        choice_iter = "auto" if isinstance(whole, str) else -(-whole // 2)
    if not (isinstance(whole, str) or isinstance(finetune, str)):
        finetune = -(-finetune * int(choice_iter) // whole)
    return clone(network).set_params(max_iter=choice_iter, finetune_iter=finetune)
