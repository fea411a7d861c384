"""Training a network by RVSM: from parameters and images to sparse weights."""

from sparsecnn._training.augment import CurveAugmentation, augment
from sparsecnn._training.build import SOLVERS, check_target, checked_ramp, make_trainer, resolve_scope
from sparsecnn._training.epoch_end import EPOCH, FINETUNING, PATH, SPLITTING, EpochEnd, Hook, Tasks
from sparsecnn._training.finite import check_finite
from sparsecnn._training.fit import FitTraining
from sparsecnn._training.images import Images, best_class, bounded_batches, predict
from sparsecnn._training.objective import CrossEntropy, Objective, SquaredError
from sparsecnn._training.path import PathTraining
from sparsecnn._training.plan import Plan, make_plan, make_ramp
from sparsecnn._training.resume import pack_trainer, unpack_trainer
from sparsecnn._training.spec import NetworkSpec, TrainerSpec
from sparsecnn._training.trainer import Trainer
from sparsecnn._training.validation_split import random_split, train_validation_split

__all__ = [
    "EPOCH",
    "FINETUNING",
    "PATH",
    "SOLVERS",
    "SPLITTING",
    "CrossEntropy",
    "CurveAugmentation",
    "EpochEnd",
    "FitTraining",
    "Hook",
    "Images",
    "NetworkSpec",
    "Objective",
    "PathTraining",
    "Plan",
    "SquaredError",
    "Tasks",
    "Trainer",
    "TrainerSpec",
    "augment",
    "best_class",
    "bounded_batches",
    "check_finite",
    "check_target",
    "checked_ramp",
    "make_plan",
    "make_ramp",
    "make_trainer",
    "pack_trainer",
    "predict",
    "random_split",
    "resolve_scope",
    "train_validation_split",
    "unpack_trainer",
]
