"""Training on data that arrives in chunks."""

from __future__ import annotations

import copy
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import _fit_context
from sklearn.utils import check_random_state

from sparsecnn._compute import process_rank, seeded_torch
from sparsecnn._estimator.fitted import describe_dead_layers, keep_fitted, warn_of_dead_layers
from sparsecnn._estimator.parameters import ClassifierParameters
from sparsecnn._estimator.running import all_or_nothing
from sparsecnn._estimator.training_data import TrainingData, check_same_network, check_training_data
from sparsecnn._estimator.validation import share_of_epoch
from sparsecnn._training import (
    Trainer,
    TrainerSpec,
    check_finite,
    checked_ramp,
    make_plan,
    make_trainer,
    unpack_trainer,
)


class PartialFitMixin(ClassifierParameters):
    """The method `partial_fit`, and the trainer that it shares with `fit`."""

    module_: Any
    lam_: float
    _trainer: Any

    @_fit_context(prefer_skip_nested_validation=True)
    def partial_fit(
        self,
        X: ArrayLike,
        y: ArrayLike,
        classes: ArrayLike | None = None,
        sample_weight: ArrayLike | None = None,
        n_total: int | None = None,
    ) -> Self:
        """Train once on every image of X, for data that arrives in chunks.

        An epoch, of which λ takes half of `max_iter` to grow, is `n_total` images: each call advances by
        ``len(X) / n_total`` epochs. The learning rate is constant and there is no fine-tuning. Parameters may
        change between two calls; if the penalty or the solver does, training continues from the sparse
        network.

        Parameters
        ----------
        X : array-like of shape (n, pixels) or (n, height, width)
            Images, ink bright on black.
        y : array-like of shape (n,)
            Labels of any type.
        classes : array-like of shape (n_classes,), default=None
            All classes that will ever come. Needed at the first call only, where None means those of y.
        sample_weight : array-like of shape (n,), default=None
            Weight of each image in the loss, not scaled. λ means what it means to `fit` if they are 1 on
            average.
        n_total : int, default=None
            Number of images in one pass over all data. None takes each call as a whole pass.

        Returns
        -------
        SparseCurveCNNClassifier
            The estimator itself.

        Raises
        ------
        ValueError
            If a parameter or the data is unusable, the classes differ from those of the first call, or
            training diverges. The estimator is then as before.

        See Also
        --------
        fit : Trains on all images at once, and fine-tunes.

        Examples
        --------
        >>> from sparsecnn import SparseCurveCNNClassifier
        >>> from sparsecnn.datasets import make_shaky_spirals
        >>> classifier = SparseCurveCNNClassifier(channels=(4, 4, 4), random_state=0)
        >>> for chunk in range(4):
        ...     X, y = make_shaky_spirals(20, image_shape=(32, 32), return_X_y=True, random_state=chunk)
        ...     classifier = classifier.partial_fit(X, y, classes=[0, 1], n_total=80)
        >>> classifier.n_iter_  # each call counts, whatever its share of an epoch
        4
        """
        if self.early_stopping:
            raise ValueError("partial_fit holds no images back: set early_stopping=False.")
        if self.class_weight == "balanced":
            raise ValueError("class_weight='balanced' needs all images at once: give partial_fit a dict.")
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
                ramp = checked_ramp(self, trainer, len(data.classes))
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
            return unpack_trainer(trainer, self, data.images, len(data.classes))
        return trainer

    def _make_trainer(
        self,
        data: TrainingData,
        rng: np.random.RandomState,
        continues: bool,
        before: Trainer | None = None,
    ) -> Trainer:
        fitted, lam = (self.module_, self.lam_) if continues else (None, 0.0)
        trainer = make_trainer(self, data.images, len(data.classes), rng, fitted, lam)
        if before is not None:
            trainer.epoch, trainer.history = before.epoch, before.history
        return trainer
