"""What lies between `fit` and training: checks of the data, the inner split, and the fitted attributes."""

import numpy as np
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import validate_data

from sparsecnn._compute import all_classes, gathered, n_processes, resolve_device
from sparsecnn._estimator.fitted import count_zeros, warn_of_dead_layers
from sparsecnn._estimator.prediction import PIXEL_TYPES
from sparsecnn._estimator.validation import (
    check_group_labels,
    check_target,
    class_codes,
    compute_dtype,
    image_weight,
    network_shape,
)
from sparsecnn._image_shape import check_image_shape, flatten_images
from sparsecnn._network import penalized_weights
from sparsecnn._training.build import make_trainer
from sparsecnn._training.images import Images
from sparsecnn._training.validation_split import train_validation_split

# Parameters of a trainer that stay as they are while it trains.
TRAINER_PARAMS = {
    "penalty",
    "beta",
    "sparsity_scope",
    "penalized",
    "solver",
    "alpha",
    "device",
    "precision",
}


class FittingMixin:
    """The steps of `fit` and `partial_fit` around the training itself."""

    def _check_training_data(self, X, y, sample_weight, groups, reset, classes=None):
        if reset:
            X, shape = flatten_images(X, self.image_shape)
            X, y = validate_data(self, X, y, dtype=PIXEL_TYPES)
            self.image_shape_ = network_shape(X.shape[1], shape)
            largest = 255.0 if X.dtype == np.uint8 else max(float(X.max()), -float(X.min())) or 1.0
            self.pixel_scale_ = max(gathered(largest))
        else:
            self._check_image_shape_kept()
            X, y = self._check_pixels(X, y)
        check_classification_targets(y)
        if reset:
            self.classes_ = all_classes(y if classes is None else classes)
        elif classes is not None and not np.array_equal(np.unique(classes), self.classes_):
            raise ValueError(
                f"classes={classes!r} are not those of the first call, {self.classes_.tolist()}."
            )
        if self.class_weight == "balanced" and n_processes() > 1:
            raise ValueError("class_weight='balanced' needs all images in one process: give a dict.")
        codes = class_codes(y, self.classes_)
        groups = check_group_labels(groups, len(X))
        weight = image_weight(sample_weight, self.class_weight, X, y)
        device = resolve_device(self.device)
        dtype = compute_dtype(X, self.image_shape_, self.precision, device)
        images = Images(X, self.image_shape_, self.pixel_scale_, device, dtype, codes, weight)
        if weight is not None and not weight.all():
            kept = np.flatnonzero(weight)
            images, groups = images.subset(kept), groups if groups is None else groups[kept]
        return images, groups

    def _check_image_shape_kept(self):
        if self.image_shape is not None and check_image_shape(self.image_shape) != self.image_shape_:
            raise ValueError(
                f"image_shape={self.image_shape} is not that of the fitted network, {self.image_shape_}, "
                "from which training is to go on."
            )

    def _split_validation(self, images, groups, rng):
        if not self.early_stopping:
            return images, None
        train, test = train_validation_split(images.y, groups, self.validation_fraction, rng)
        return images.subset(train), images.subset(test)

    def _make_trainer(self, images, rng, continues, before=None):
        start = {}
        if continues:
            start = {"fitted": self.module_, "lam_start": self._largest_lam()}
        trainer = make_trainer(self, images, len(self.classes_), rng, **start)
        if before is not None:
            trainer.epoch, trainer.history = before.epoch, before.history
        self._check_target(trainer)
        return trainer

    def _params_of_trainer(self):
        """Return the parameters that a trainer is made with, those of the penalty too."""
        params = self.get_params()
        return {name: params[name] for name in params if name.split("__")[0] in TRAINER_PARAMS}

    def _largest_lam(self):
        """Return λ, or the largest one where each layer has its own."""
        return max(self.lam_.values()) if isinstance(self.lam_, dict) else self.lam_

    def _check_target(self, trainer):
        if self.target_sparsity is None or not trainer.optimizer.split:
            return
        weights = penalized_weights(trainer.module, self.penalized)
        scope = self.sparsity_scope
        check_target("target_sparsity", self.target_sparsity, weights, len(self.classes_), scope)

    def _keep(self, trainer, module):
        self.module_ = module.eval().cpu()
        self.history_ = {name: list(values) for name, values in trainer.history.items()}
        self.loss_curve_ = self.history_["loss"]
        self.n_iter_ = len(self.loss_curve_)
        lam = trainer.optimizer.lam
        layers = penalized_weights(module, self.penalized)
        self.lam_ = lam if isinstance(lam, float) else dict(zip(layers, lam, strict=True))
        self.sparsity_, self.n_nonzero_, self.layer_sparsity_ = count_zeros(module, self.penalized)
        if self.penalty is not None:
            warn_of_dead_layers(trainer, module, self.penalized)
