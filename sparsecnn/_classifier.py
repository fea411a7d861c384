"""The scikit-learn classifier."""

import contextlib
import copy
import functools
import warnings
from numbers import Integral, Real
from typing import ClassVar

import numpy as np
import torch
from scipy.special import log_softmax, softmax
from sklearn.base import BaseEstimator, ClassifierMixin, _fit_context
from sklearn.utils import check_consistent_length, check_random_state
from sklearn.utils._param_validation import HasMethods, Interval, StrOptions
from sklearn.utils.class_weight import compute_sample_weight
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data
from tqdm.auto import tqdm

from sparsecnn._batches import Images, predict_scores
from sparsecnn._device import autocast_for, resolve_device
from sparsecnn._images import flatten_images, infer_image_shape
from sparsecnn._network import CurveCNN, layer_weights, penalized_weights
from sparsecnn._splitting import train_validation_split
from sparsecnn._training import Plan, Trainer, seeded_torch
from sparsecnn.exceptions import DeadLayerWarning
from sparsecnn.penalties import PENALTIES, get_penalty, lam_for_sparsity
from sparsecnn.rvsm import RVSM

SMALLEST_SIDE = 8  # halved by each of three poolings
AUTO_BATCH = 64
SOLVERS = {
    "adam": torch.optim.Adam,
    "sgd": functools.partial(torch.optim.SGD, momentum=0.9, nesterov=True),
}
PIXEL_TYPES = [np.float32, np.float64, np.uint8]


class SparseCurveCNNClassifier(ClassifierMixin, BaseEstimator):
    """Classify curve images with a convolutional network that is trained to be sparse.

    The network has three convolutions, each with max pooling, and one fully connected layer. Training by
    relaxed variable splitting (RVSM) sets most weights to exactly zero; `predict` uses that sparse network.

    Parameters
    ----------
    penalty : {"l0", "l1", "tl1"}, penalty object or None, default="l0"
        What pulls weights to zero. None trains a dense network.
    """

    _parameter_constraints: ClassVar[dict] = {
        "penalty": [StrOptions(set(PENALTIES)), HasMethods(["value", "prox"]), None],
        "lam": [Interval(Real, 0, None, closed="left")],
        "beta": [Interval(Real, 0, None, closed="neither")],
        "penalized": [StrOptions({"fc", "all"})],
        "channels": ["array-like"],
        "kernel_size": [Interval(Integral, 1, None, closed="left")],
        "batch_norm": ["boolean"],
        "module": [HasMethods(["forward", "parameters"]), callable, None],
        "solver": [StrOptions(set(SOLVERS))],
        "learning_rate_init": [Interval(Real, 0, None, closed="neither")],
        "batch_size": [Interval(Integral, 1, None, closed="left"), StrOptions({"auto"})],
        "max_iter": [Interval(Integral, 1, None, closed="left")],
        "refine_iter": [Interval(Integral, 0, None, closed="left")],
        "augment": ["boolean"],
        "early_stopping": ["boolean"],
        "validation_fraction": [Interval(Real, 0, 1, closed="neither")],
        "n_iter_no_change": [Interval(Integral, 1, None, closed="left")],
        "tol": [Interval(Real, 0, None, closed="left")],
        "class_weight": [StrOptions({"balanced"}), dict, None],
        "warm_start": ["boolean"],
        "image_shape": ["array-like", None],
        "device": [str, torch.device],
        "precision": [StrOptions({"float32", "bf16", "auto"})],
        "random_state": ["random_state"],
        "verbose": ["verbose"],
    }

    def __init__(
        self,
        penalty="l0",
        *,
        lam=1e-4,
        beta=1.0,
        penalized="fc",
        channels=(16, 32, 32),
        kernel_size=5,
        batch_norm=True,
        module=None,
        solver="adam",
        learning_rate_init=0.003,
        batch_size="auto",
        max_iter=30,
        refine_iter=10,
        augment=True,
        early_stopping=False,
        validation_fraction=0.1,
        n_iter_no_change=10,
        tol=1e-4,
        class_weight=None,
        warm_start=False,
        image_shape=None,
        device="auto",
        precision="float32",
        random_state=None,
        verbose=False,
    ):
        self.penalty = penalty
        self.lam = lam
        self.beta = beta
        self.penalized = penalized
        self.channels = channels
        self.kernel_size = kernel_size
        self.batch_norm = batch_norm
        self.module = module
        self.solver = solver
        self.learning_rate_init = learning_rate_init
        self.batch_size = batch_size
        self.max_iter = max_iter
        self.refine_iter = refine_iter
        self.augment = augment
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
        self.tol = tol
        self.class_weight = class_weight
        self.warm_start = warm_start
        self.image_shape = image_shape
        self.device = device
        self.precision = precision
        self.random_state = random_state
        self.verbose = verbose

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y, sample_weight=None, groups=None):
        """Train the sparse network.

        Parameters
        ----------
        X : array-like of shape (n, pixels) or (n, height, width)
            Images, ink bright on black. ``uint8`` is kept as such until a batch is made.
        y : array-like of shape (n,)
            Labels of any type.
        sample_weight : array-like of shape (n,), default=None
            Weight of each image in the loss and in batch normalisation; images of weight 0 are left out.
        groups : array-like of shape (n,), default=None
            The person, font or other source of each image. With `early_stopping`, no group is on both
            sides of the inner split.

        Returns
        -------
        self : SparseCurveCNNClassifier

        Raises
        ------
        ValueError
            If a parameter or the data is unusable, or training diverges. The estimator is then as before.

        Warns
        -----
        DeadLayerWarning
            If all penalised weights of a layer became zero.
        TrainingInterruptedWarning
            If training was interrupted from the keyboard; the last finished epoch's network is kept.
        """
        with _all_or_nothing(self):
            continues = self.warm_start and hasattr(self, "module_")
            images, groups = self._check_training_data(X, y, sample_weight, groups, reset=not continues)
            rng = check_random_state(self.random_state)
            images, validation = self._split_validation(images, groups, rng)
            self._check_batch_size(len(images))
            with seeded_torch(rng.randint(2**31 - 1), images.device):
                trainer = self._make_trainer(images, rng, continues)
                with tqdm(
                    total=self.max_iter + self.refine_iter, desc="epochs", disable=not self.verbose
                ) as bar:
                    trainer.train(images, self._plan(), validation, bar)
            vars(self).pop("_trainer", None)
            self._keep(trainer, trainer.module)
        return self

    @_fit_context(prefer_skip_nested_validation=True)
    def partial_fit(self, X, y, classes=None, sample_weight=None):
        """Train for one epoch on X, for data that arrives in parts.

        Each call counts as the next of the `max_iter` epochs over which λ is brought in; the learning rate
        is constant and the survivors are not fine-tuned.

        Parameters
        ----------
        X : array-like of shape (n, pixels) or (n, height, width)
        y : array-like of shape (n,)
        classes : array-like of shape (n_classes,), default=None
            All classes that will ever come. Needed at the first call only, where None means the classes of y.
        sample_weight : array-like of shape (n,), default=None

        Returns
        -------
        self : SparseCurveCNNClassifier
        """
        trainer = vars(self).pop("_trainer", None)
        with _all_or_nothing(self):
            first = not hasattr(self, "module_")
            images, _ = self._check_training_data(X, y, sample_weight, None, reset=first, classes=classes)
            rng = trainer.rng if trainer else check_random_state(self.random_state)
            with seeded_torch(rng.randint(2**31 - 1), images.device):
                trainer = trainer or self._make_trainer(images, rng, continues=not first)
                trainer.train_epoch(images, self._plan(decay=False))
            with trainer.optimizer.sparse_weights():
                self._keep(trainer, copy.deepcopy(trainer.module))
            self._trainer = trainer
        return self

    def decision_function(self, X):
        """Return the scores of X: of the second class over the first, or of each of several classes.

        Parameters
        ----------
        X : array-like of shape (n, pixels) or (n, height, width)

        Returns
        -------
        scores : ndarray of float32 of shape (n,) for two classes, else (n, n_classes)
        """
        scores = self._scores(X)
        return scores[:, 1] - scores[:, 0] if len(self.classes_) == 2 else scores

    def predict(self, X):
        """Return the most probable class of each image, an ndarray of shape (n,).

        Parameters
        ----------
        X : array-like of shape (n, pixels) or (n, height, width)
        """
        best = self._scores(X).argmax(axis=1)
        return self.classes_[best]

    def predict_proba(self, X):
        """Return the probability of each class, an ndarray of float32 of shape (n, n_classes).

        Parameters
        ----------
        X : array-like of shape (n, pixels) or (n, height, width)
        """
        return softmax(self._scores(X), axis=1)

    def predict_log_proba(self, X):
        """Return the logarithm of `predict_proba`.

        Parameters
        ----------
        X : array-like of shape (n, pixels) or (n, height, width)
        """
        return log_softmax(self._scores(X), axis=1)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        return tags

    def _scores(self, X):
        check_is_fitted(self)
        X = self._check_pixels(X)
        device = resolve_device(self.device)
        module = self.module_.to(device)
        images = Images(
            X, self.image_shape_, self.pixel_scale_, device, dtype=next(module.parameters()).dtype
        )
        return predict_scores(module, images, autocast_for(self.precision, device))

    def _check_pixels(self, X, y="no_validation"):
        X, shape = flatten_images(X)
        if shape not in (None, self.image_shape_):
            raise ValueError(
                f"X holds images of shape {shape}, but {type(self).__name__} was fitted on images of shape "
                f"{self.image_shape_}."
            )
        return validate_data(self, X, y, reset=False, dtype=PIXEL_TYPES)

    def _check_training_data(self, X, y, sample_weight, groups, reset, classes=None):
        if reset:
            X, shape = flatten_images(X, self.image_shape)
            X, y = validate_data(self, X, y, dtype=PIXEL_TYPES)
            self.image_shape_ = _network_shape(X.shape[1], shape)
            self.pixel_scale_ = 255.0 if X.dtype == np.uint8 else float(np.abs(X).max()) or 1.0
        else:
            X, y = self._check_pixels(X, y)
        check_classification_targets(y)
        if reset:
            self.classes_ = np.unique(y if classes is None else classes)
        codes = _class_codes(y, self.classes_)
        check_consistent_length(X, groups)
        weight = _image_weight(sample_weight, self.class_weight, X, y)
        device = resolve_device(self.device)
        dtype = self._compute_dtype(X, device)
        images = Images(X, self.image_shape_, self.pixel_scale_, device, dtype, codes, weight)
        if weight is not None and not weight.all():
            kept = np.flatnonzero(weight)
            images, groups = images.subset(kept), groups if groups is None else np.asarray(groups)[kept]
        return images, groups

    def _compute_dtype(self, X, device):
        # Pixels have few digits, and convolutions in float64 are slow; measured curves may need it.
        exact = X.dtype == np.float64 and min(self.image_shape_) == 1 and device.type != "mps"
        return torch.float64 if exact and self.precision == "float32" else torch.float32

    def _check_batch_size(self, n_images):
        if self.batch_size != "auto" and self.batch_size > n_images:
            raise ValueError(f"batch_size={self.batch_size} is more than the {n_images} images to train on.")

    def _split_validation(self, images, groups, rng):
        if not self.early_stopping:
            return images, None
        train, test = train_validation_split(images.y, groups, self.validation_fraction, rng)
        return images.subset(train), images.subset(test)

    def _plan(self, decay=True):
        return Plan(
            max_iter=self.max_iter,
            refine_iter=self.refine_iter,
            batch_size=AUTO_BATCH if self.batch_size == "auto" else self.batch_size,
            learning_rate_init=self.learning_rate_init,
            decay=decay,
            lam=self.lam,
            augment=self.augment and min(self.image_shape_) > 1,
            n_iter_no_change=self.n_iter_no_change,
            tol=self.tol,
        )

    def _make_trainer(self, images, rng, continues):
        module = copy.deepcopy(self.module_) if continues else self._build_module()
        module = module.to(images.device, images.dtype, memory_format=torch.channels_last)
        self._check_module(module, images)
        weights = {} if self.penalty is None else penalized_weights(module, self.penalized)
        penalty = None if self.penalty is None else get_penalty(self.penalty)
        base = SOLVERS[self.solver](module.parameters(), lr=self.learning_rate_init)
        lam_start = self.lam_ if continues else 0.0
        safe_lam = {name: lam_for_sparsity(penalty, w[w != 0], self.beta, 0.5) for name, w in weights.items()}
        return Trainer(
            module=module,
            optimizer=RVSM(base, weights.values(), penalty, lam_start, self.beta),
            safe_lam=safe_lam,
            autocast=autocast_for(self.precision, images.device),
            rng=rng,
            lam_start=lam_start,
        )

    def _build_module(self):
        if self.module is None:
            channels = _check_channels(self.channels)
            if self.kernel_size % 2 == 0:
                raise ValueError(f"kernel_size must be odd, got {self.kernel_size}.")
            return CurveCNN(
                self.image_shape_, len(self.classes_), channels, self.kernel_size, self.batch_norm
            )
        if isinstance(self.module, torch.nn.Module):
            return copy.deepcopy(self.module)
        return self.module()

    @torch.no_grad()
    def _check_module(self, module, images):
        expected = (2, len(self.classes_))
        try:
            shape = tuple(module.eval()(images.pixels(slice(0, 1)).repeat(2, 1, 1, 1)).shape)
        except RuntimeError as error:
            raise ValueError(
                f"module cannot take images of shape (n, 1, *{self.image_shape_}): {error}"
            ) from error
        if shape != expected:
            raise ValueError(
                f"module must map 2 images to scores of shape {expected}, one for each class, "
                f"but its output has shape {shape}."
            )

    def _keep(self, trainer, module):
        self.module_ = module.eval()
        self.history_ = {name: list(values) for name, values in trainer.history.items()}
        self.loss_curve_ = self.history_["loss"]
        self.n_iter_ = len(self.loss_curve_)
        self.lam_ = trainer.optimizer.lam
        weights = penalized_weights(module, self.penalized).values()
        self.n_nonzero_ = sum(int(torch.count_nonzero(w)) for w in weights)
        self.sparsity_ = 1 - self.n_nonzero_ / sum(w.numel() for w in weights)
        self.layer_sparsity_ = {
            name: 1 - int(torch.count_nonzero(w)) / w.numel() for name, w in layer_weights(module).items()
        }
        self._warn_of_dead_layers(trainer)

    def _warn_of_dead_layers(self, trainer):
        for name, safe_lam in trainer.safe_lam.items():
            if self.layer_sparsity_[name] == 1.0:
                warnings.warn(
                    f"All weights of layer {name!r} are zero at lam={self.lam}, beta={self.beta}: its output "
                    f"does not depend on the image. It started with weights so small that you should try "
                    f"lam={safe_lam:.3g} or less.",
                    DeadLayerWarning,
                    stacklevel=4,
                )


def _class_codes(y, classes):
    if len(classes) < 2:
        raise ValueError(f"y must have at least two classes, but it has one class: {classes.tolist()}.")
    unknown = np.setdiff1d(y, classes)
    if len(unknown):
        raise ValueError(
            f"y has labels {unknown.tolist()} that are not among the classes {classes.tolist()}."
        )
    return np.searchsorted(classes, y)


def _image_weight(sample_weight, class_weight, X, y):
    """Return the weight of each image, 1 on average over those of weight above 0; None if all are alike."""
    if sample_weight is None and class_weight is None:
        return None
    weight = _check_sample_weight(sample_weight, X, ensure_non_negative=True, allow_all_zero_weights=False)
    if class_weight is not None:
        weight = weight * compute_sample_weight(class_weight, y)
    return weight / weight[weight > 0].mean()


def _network_shape(n_features, image_shape):
    """Return the shape in which the network sees X; tables that are too small for images stay rows."""
    shape = infer_image_shape(n_features, image_shape)
    if all(side == 1 or side >= SMALLEST_SIDE for side in shape):
        return shape
    if image_shape is None:
        return (1, n_features)
    raise ValueError(
        f"Images of shape {shape} are too small for three poolings: both sides must be at least "
        f"{SMALLEST_SIDE} pixels (or 1, for curves in one row)."
    )


def _check_channels(channels):
    if len(channels) != 3 or not all(isinstance(n, Integral) and n > 0 for n in channels):
        raise ValueError(
            f"channels must be three positive integers, one for each convolution, got {channels!r}."
        )
    return tuple(int(n) for n in channels)


@contextlib.contextmanager
def _all_or_nothing(estimator):
    """Put every attribute of the estimator back if the block fails."""
    before = dict(vars(estimator))
    try:
        yield
    except BaseException:
        vars(estimator).clear()
        vars(estimator).update(before)
        raise
