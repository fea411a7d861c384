"""A trainer between two calls of `partial_fit` as plain data, and back."""

from __future__ import annotations

from typing import Any

from sparsecnn._network import pack_module, pack_tensors, unpack_module, unpack_tensors
from sparsecnn._training.build import make_trainer
from sparsecnn._training.images import Images
from sparsecnn._training.objective import Objective
from sparsecnn._training.plan import RampStart
from sparsecnn._training.spec import TrainerSpec
from sparsecnn._training.trainer import Trainer


def pack_trainer(trainer: Trainer) -> dict[str, Any]:
    """Return all that `unpack_trainer` needs, with arrays in place of tensors.

    Parameters
    ----------
    trainer : Trainer
        Between two epochs.
    """
    structure = trainer.split.structure
    return {
        "spec": dict(vars(trainer.spec)),
        "module": pack_module(trainer.module),
        "optimizer": pack_tensors(trainer.optimizer.state_dict()),
        "first_median": pack_tensors(trainer.first_median),
        "start": [trainer.start.lam, trainer.start.sparsity],
        "kept": None if structure is None else structure.kept,
        "rng": trainer.rng,
        "epoch": trainer.epoch,
        "history": trainer.history,
    }


def unpack_trainer(packed: dict[str, Any], params: Any, images: Images, objective: Objective) -> Trainer:
    """Return the trainer that `pack_trainer` gave the data of, on the device of some images.

    Parameters
    ----------
    packed : dict
    params : SparseCurveCNNClassifier
        If its parameters ask for another optimizer, that is new, with the network of the old one.
    images : Images
    objective : Objective
    """
    trainer = make_trainer(params, images, objective, packed["rng"], unpack_module(packed["module"]))
    trainer.epoch, trainer.history = packed["epoch"], packed["history"]
    spec = TrainerSpec(**packed["spec"])
    if spec != trainer.spec:
        trainer.spec = spec
        return trainer
    if trainer.split.structure is not None:
        trainer.split.structure.kept = list(packed["kept"])
    trainer.optimizer.load_state_dict(unpack_tensors(packed["optimizer"]))
    trainer.first_median = unpack_tensors(packed["first_median"])
    trainer.start = RampStart(*packed["start"])
    return trainer
