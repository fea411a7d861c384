"""What all estimators with a network of their own share: training, whole or in chunks."""

from __future__ import annotations

import copy
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils import check_random_state

from sparsecnn._compute import process_rank, seeded_torch
from sparsecnn._estimator.callbacks import CallbackSupportMixin, followed_fit
from sparsecnn._estimator.fitted import (
    describe_dead_layers,
    keep_fitted,
    warn_of_dead_layers,
    warn_of_lost_accuracy,
)
from sparsecnn._estimator.parameters import NetworkParameters
from sparsecnn._estimator.prediction import NetworkOutputs
from sparsecnn._estimator.running import all_or_nothing, called_repeatedly, open_fit, progress
from sparsecnn._estimator.sparsity import SparsityMixin
from sparsecnn._estimator.state import PortableState
from sparsecnn._estimator.targets import Targets
from sparsecnn._estimator.training_data import TrainingData, check_same_network, check_training_data
from sparsecnn._estimator.validation import share_of_epoch, warn_of_large_batch
from sparsecnn._training import (
    FitTraining,
    Trainer,
    TrainerSpec,
    check_finite,
    checked_ramp,
    make_plan,
    make_trainer,
    unpack_trainer,
)
from sparsecnn._warn import warn_user
from sparsecnn.exceptions import TrainingInterruptedWarning


class SparseCurveCNN(CallbackSupportMixin, NetworkOutputs, SparsityMixin, PortableState, NetworkParameters):
    """An estimator that trains one sparse network."""

    _targets: ClassVar[type[Targets]]
    lam_: float
    _trainer: Any

    def _fit(
        self,
        X: ArrayLike,
        y: ArrayLike,
        sample_weight: ArrayLike | None,
        groups: ArrayLike | None,
    ) -> Self:
        """Train the sparse network, as the public `fit` says."""
        keep_interrupted = not called_repeatedly()
        continues = self.warm_start and hasattr(self, "module_")
        with (
            followed_fit(self, X, y, sample_weight) as tasks,
            all_or_nothing(self) as draft,
            open_fit(self, X, y, sample_weight, groups, continues) as run,
        ):
            check_same_network(self, continues)
            rng = run.random_state(self.random_state)
            data = check_training_data(
                draft,
                X,
                y,
                sample_weight,
                groups,
                continues=continues,
                validation_rng=rng if self.early_stopping else None,
            )
            warn_of_large_batch(self.batch_size, len(data.images))
            with seeded_torch(rng.randint(2**31 - 1) + process_rank(), data.images.device):
                trainer = self._make_trainer(data, rng, continues)
                ramp = checked_ramp(self, trainer)
                plan = make_plan(self, data.images, trainer.module, ramp)
                training = FitTraining(trainer, data.images, plan, data.validation)
                with (
                    run.saving(trainer) as saver,
                    progress(self.verbose, plan.n_epochs, trainer.n_epochs) as hooks,
                ):
                    if tasks:
                        tasks.show(draft, data, trainer, plan)
                    interrupted = training.train(hooks, tasks, saver, keep_interrupted)
            vars(draft).pop("_trainer", None)
            keep_fitted(draft, data, trainer, trainer.module, plan)
            if tasks:
                tasks.end(vars(draft))
        dead = describe_dead_layers(trainer, trainer.module)
        warn_of_dead_layers(dead)
        if interrupted:
            warn_user(
                f"Training was interrupted after {self.n_iter_} of {plan.n_epochs} epochs; the network kept "
                f"has {self.sparsity_:.1%} zeros.",
                TrainingInterruptedWarning,
            )
        elif not dead:
            warn_of_lost_accuracy(trainer)
        return self

    def _partial_fit(
        self,
        X: ArrayLike,
        y: ArrayLike,
        sample_weight: ArrayLike | None,
        n_total: int | None,
        classes: ArrayLike | None = None,
    ) -> Self:
        """Train once on every image of X, as the public `partial_fit` says."""
        if self.early_stopping:
            raise ValueError("partial_fit holds no images back: set early_stopping=False.")
        if self.checkpoint is not None:
            raise ValueError("partial_fit keeps its state in the estimator, to pickle: set checkpoint=None.")
        with all_or_nothing(self) as draft:
            continues = hasattr(self, "module_")
            check_same_network(self, continues)
            data = check_training_data(
                draft, X, y, sample_weight, continues=continues, classes=classes, mean_weight_one=False
            )
            share = share_of_epoch(len(data.images), n_total)
            trainer = self._present_trainer(data)
            rng = trainer.rng if trainer else check_random_state(self.random_state)
            with seeded_torch(rng.randint(2**31 - 1) + process_rank(), data.images.device):
                if trainer is None or trainer.spec != TrainerSpec.of(self):
                    trainer = self._make_trainer(data, rng, continues, before=trainer)
                ramp = checked_ramp(self, trainer)
                images = data.images.on(trainer.module)
                plan = make_plan(self, images, trainer.module, ramp, decay=False)
                trainer.train_epoch(images, plan, share=share)
                with trainer.optimizer.sparse_weights():
                    trainer.update_norms(images, plan)
                    check_finite(trainer.module, plan)
                    keep_fitted(draft, data, trainer, copy.deepcopy(trainer.module), plan)
            draft._trainer = trainer
        warn_of_dead_layers(describe_dead_layers(trainer, self.module_))
        return self

    def _present_trainer(self, data: TrainingData) -> Trainer | None:
        """Return a copy of the trainer of the last call, if any: the old one stays, should this one fail."""
        trainer = copy.deepcopy(getattr(self, "_trainer", None))
        if isinstance(trainer, dict):  # loaded from a file
            return unpack_trainer(trainer, self, data.images, data.targets.objective)
        return trainer

    def _make_trainer(
        self,
        data: TrainingData,
        rng: np.random.RandomState,
        continues: bool,
        before: Trainer | None = None,
    ) -> Trainer:
        fitted, lam = (self.module_, self.lam_) if continues else (None, 0.0)
        trainer = make_trainer(self, data.images, data.targets.objective, rng, fitted, lam)
        if before is not None:
            trainer.epoch, trainer.history = before.epoch, before.history
        return trainer

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()  # type: ignore[misc]
        tags.input_tags.three_d_array = True
        return tags
