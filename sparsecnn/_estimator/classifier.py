"""The scikit-learn classifier."""

from __future__ import annotations

import copy
from collections.abc import Callable
from numbers import Integral, Real
from typing import Any, ClassVar, Self

import numpy as np
import torch
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, ClassifierMixin, _fit_context
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import HasMethods, Interval, StrOptions
from tqdm.auto import tqdm

from sparsecnn._compute import naming_lost_process, process_rank, seeded_torch, shared_threads
from sparsecnn._estimator.prediction import PredictionMixin
from sparsecnn._estimator.training_data import FittingMixin
from sparsecnn._estimator.validation import all_or_nothing, warn_of_large_batch
from sparsecnn._training.build import SOLVERS, make_plan


class SparseCurveCNNClassifier(FittingMixin, PredictionMixin, ClassifierMixin, BaseEstimator):
    """Classify curve images with a convolutional network that is trained to be sparse.

    The network has three convolutions, each with max pooling, and one fully connected layer. Training by
    relaxed variable splitting (RVSM) sets most weights to exactly zero; `predict` uses that sparse network.

    Parameters
    ----------
    penalty : str, penalty object or None, default="l0"
        What draws weights to zero: "l0", "l_half", "l1", "tl1", "l1_minus_l2", "scad", "mcp", "log" or
        "capped_l1". An object of `sparsecnn.penalties`, such as ``TransformedL1(a=0.002)``,
        has parameters that a grid reaches as ``penalty__a``. None trains a dense network.
    lam : float or "auto", default="auto"
        λ, the weight of the penalty, at least 0: larger gives more zeros. Under ℓ0, weights of magnitude up
        to ``√(2·lam/beta)`` become zero. It is brought in over the first half of `max_iter`. "auto" follows
        the weights to `target_sparsity`; `lam_` tells what it came to.
    beta : float, default=1.0
        β, the strength of the pull of the weights towards their sparse copy, above 0.
    target_sparsity : float, default=None
        Fraction of the penalised weights that shall be zero, from 0 (dense) to below 1; at least as many
        weights as classes must survive. It is reached along a cubic curve over the first half of `max_iter`
        and then held. None is 0.9. Only with ``lam="auto"``.
    sparsity_scope : {"global", "layer"}, default="global"
        Whether `target_sparsity` holds for all penalised weights together, or for every layer of them.
    penalized : {"fc", "all"}, default="fc"
        Which weights become sparse: those of the last fully connected layer that the network registers, or of
        every layer.
    channels : tuple of three ints, default=(16, 64, 64)
        Filters of each convolution.
    kernel_size : int, default=3
        Odd side of the filters, in pixels.
    batch_norm : bool, default=True
        Whether to normalise the output of each convolution over the batch.
    module : torch.nn.Module or callable returning one, default=None
        A network of your own, from images of shape (n, 1, height, width) to scores of shape (n, n_classes).
        A module is copied, and its weights are where training starts; a class or function without
        arguments is called anew at every fit. `channels`, `kernel_size` and `batch_norm` are then unused.
    solver : {"adam", "sgd"}, default="adam"
        The optimizer inside RVSM; "sgd" has a Nesterov momentum of 0.9.
    alpha : float, default=0.0001
        Strength of the L2 term ``(alpha/2)·‖w‖²`` of all layer weights in the loss. It shrinks weights that
        the loss does not need, such as those into a unit whose way out is zero, until they are zero too.
    learning_rate_init : float, default=0.003
        First learning rate; it falls to 0 along half a cosine.
    batch_size : int or "auto", default="auto"
        Images in a batch, or all where there are fewer. "auto" is 64.
    max_iter : int, default=24
        Epochs of splitting.
    refine_iter : int or "auto", default="auto"
        Epochs that then fine-tune the survivors, with every zero held at zero. "auto" is 8 for every power
        of ten by which the target makes all weights of the network fewer, and at least 8: with 0.36 % of
        them left 20.
    augment : bool, float, "flip" or "auto", default="auto"
        Whether to turn (up to 10°), shift, scale, thicken or thin and brighten training images at random;
        a number from 0 to 1 does less of it, "flip" mirrors images too, for classes that a mirror image
        shares. "auto" is 1 divided by the same powers of ten, at most 1: a network of few weights has none to
        spare for what images rarely show. Curves in one row stay as they are.
    early_stopping : bool, default=False
        Whether to hold back `validation_fraction` of the training images and keep the network that is best on
        them, among those since λ reached its final value. Each phase ends after `n_iter_no_change` epochs
        without improvement.
    validation_fraction : float, default=0.1
        Share of the training images to hold back for early stopping, between 0 and 1. Stratified; groups
        that are passed to `fit` stay on one side.
    n_iter_no_change : int, default=10
        Epochs without improvement by `tol` after which early stopping ends a phase.
    tol : float, default=1e-4
        Improvement of the validation accuracy that counts.
    class_weight : dict, "balanced" or None, default=None
        Weight of each class in the loss.
    warm_start : bool, default=False
        Whether `fit` goes on from the fitted network, with λ from its last value on.
    image_shape : tuple of two ints, default=None
        (height, width) of the images in flat X, to be given where they are no squares. None takes it from a
        3-D X, else a square of at least 8×8, else one row.
    device : str or torch.device, default="auto"
        Where to compute. "auto" is CUDA where there is one, else the processor.
    precision : {"float32", "bf16", "auto"}, default="float32"
        Precision of the network's arithmetic. "auto" is bf16 where the device computes it natively. Curves in
        one row that come as float64 are computed in float64 under "float32".
    random_state : int, RandomState instance or None, default=None
        Covers the first weights, shuffling, the inner split and augmentation. The same seed gives the same
        weights on one machine.
    verbose : bool, default=False
        Whether to show a progress bar.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
    n_features_in_ : int
        Pixels of an image.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Defined only where X had column names.
    image_shape_ : tuple of two ints
        (height, width) of an image.
    module_ : torch.nn.Module
        The sparse network, with exact zeros. It maps pixels divided by `pixel_scale_` to scores.
    pixel_scale_ : float
        255 for ``uint8``, else the largest magnitude in the training X.
    n_iter_ : int
        Epochs run.
    loss_curve_ : list of float
        Training loss of each epoch, without the L2 term.
    history_ : dict of str to list
        For each epoch: "loss", "validation_score" (None without early stopping), "sparsity", "lagrangian",
        "distance" (‖w - u‖) and "lam".
    lam_ : float or dict of str to float
        The last λ; with ``sparsity_scope="layer"`` that of every penalised layer.
    sparsity_ : float
        Fraction of the `penalized` weights that are exactly zero.
    layer_sparsity_ : dict of str to float
        The same for the weights of every convolution and fully connected layer.
    n_nonzero_ : int
        Number of `penalized` weights that are not zero.

    See Also
    --------
    sparsecnn.RVSM : The same training for any torch network.
    sparsecnn.CurveImageTransformer : From image files to X.

    Notes
    -----
    RVSM [1]_ minimises ``f(w) + λ P(u) + (β/2)‖w - u‖²`` over the weights w and a sparse copy u of those to
    be penalised. The sparse network is u, so everything that is predicted or reported is u's.

    References
    ----------
    .. [1] F. Xue and J. Xin, "Learning Sparse Neural Networks via ℓ0 and Tℓ1 by a Relaxed Variable
       Splitting Method with Application to Multi-scale Curve Classification", arXiv:1902.07419.

    Examples
    --------
    >>> from sparsecnn import SparseCurveCNNClassifier
    >>> from sparsecnn.datasets import make_shaky_spirals
    >>> X, y = make_shaky_spirals(200, image_shape=(32, 32), return_X_y=True, random_state=0)
    >>> classifier = SparseCurveCNNClassifier(channels=(4, 8, 8), max_iter=5, random_state=0).fit(X, y)
    >>> classifier.predict(X[:3]).shape
    (3,)
    >>> 0 < classifier.sparsity_ < 1
    True
    """

    _parameter_constraints: ClassVar[dict] = {
        "penalty": [str, HasMethods(["value", "prox"]), None],
        "lam": [Interval(Real, 0, None, closed="left"), StrOptions({"auto"})],
        "beta": [Interval(Real, 0, None, closed="neither")],
        "target_sparsity": [Interval(Real, 0, 1, closed="left"), None],
        "sparsity_scope": [StrOptions({"global", "layer"})],
        "penalized": [StrOptions({"fc", "all"})],
        "channels": ["array-like"],
        "kernel_size": [Interval(Integral, 1, None, closed="left")],
        "batch_norm": ["boolean"],
        "module": [HasMethods(["forward", "parameters"]), callable, None],
        "solver": [StrOptions(set(SOLVERS))],
        "alpha": [Interval(Real, 0, None, closed="left")],
        "learning_rate_init": [Interval(Real, 0, None, closed="neither")],
        "batch_size": [Interval(Integral, 1, None, closed="left"), StrOptions({"auto"})],
        "max_iter": [Interval(Integral, 1, None, closed="left")],
        "refine_iter": [Interval(Integral, 0, None, closed="left"), StrOptions({"auto"})],
        "augment": ["boolean", Interval(Real, 0, 1, closed="both"), StrOptions({"auto", "flip"})],
        "early_stopping": ["boolean"],
        "validation_fraction": [Interval(Real, 0, 1, closed="neither")],
        "n_iter_no_change": [Interval(Integral, 1, None, closed="left")],
        "tol": [Interval(Real, 0, None, closed="left")],
        "class_weight": [StrOptions({"balanced"}), dict, None],
        "warm_start": ["boolean"],
        "image_shape": "no_validation",  # has a check of its own
        "device": [str, torch.device],
        "precision": [StrOptions({"float32", "bf16", "auto"})],
        "random_state": ["random_state"],
        "verbose": ["verbose"],
    }

    def __init__(
        self,
        penalty: Any = "l0",
        *,
        lam: float | str = "auto",
        beta: float = 1.0,
        target_sparsity: float | None = None,
        sparsity_scope: str = "global",
        penalized: str = "fc",
        channels: tuple[int, int, int] = (16, 64, 64),
        kernel_size: int = 3,
        batch_norm: bool = True,
        module: torch.nn.Module | Callable[[], torch.nn.Module] | None = None,
        solver: str = "adam",
        alpha: float = 0.0001,
        learning_rate_init: float = 0.003,
        batch_size: int | str = "auto",
        max_iter: int = 24,
        refine_iter: int | str = "auto",
        augment: bool | float | str = "auto",
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        n_iter_no_change: int = 10,
        tol: float = 1e-4,
        class_weight: dict[Any, float] | str | None = None,
        warm_start: bool = False,
        image_shape: tuple[int, int] | None = None,
        device: str | torch.device = "auto",
        precision: str = "float32",
        random_state: int | np.random.RandomState | None = None,
        verbose: bool = False,
    ):
        self.penalty = penalty
        self.lam = lam
        self.beta = beta
        self.target_sparsity = target_sparsity
        self.sparsity_scope = sparsity_scope
        self.penalized = penalized
        self.channels = channels
        self.kernel_size = kernel_size
        self.batch_norm = batch_norm
        self.module = module
        self.solver = solver
        self.alpha = alpha
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
    def fit(
        self,
        X: ArrayLike,
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
        groups: ArrayLike | None = None,
    ) -> Self:
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
        with all_or_nothing(self), naming_lost_process(), shared_threads():
            continues = self.warm_start and hasattr(self, "module_")
            images, groups = self._check_training_data(X, y, sample_weight, groups, reset=not continues)
            rng = check_random_state(self.random_state)
            images, validation = self._split_validation(images.with_mean_weight_one(), groups, rng)
            warn_of_large_batch(self.batch_size, len(images), stacklevel=4)
            with seeded_torch(rng.randint(2**31 - 1) + process_rank(), images.device):
                trainer = self._make_trainer(images, rng, continues)
                plan = make_plan(self, self.image_shape_, trainer.module)
                with tqdm(total=plan.n_epochs, desc="epochs", disable=not self.verbose) as progress:
                    trainer.train(images, plan, validation, progress)
            for name in ("_trainer", "_trainer_params"):
                self.__dict__.pop(name, None)
            self._keep(trainer, trainer.module)
        return self

    @_fit_context(prefer_skip_nested_validation=True)
    def partial_fit(
        self,
        X: ArrayLike,
        y: ArrayLike,
        classes: ArrayLike | None = None,
        sample_weight: ArrayLike | None = None,
    ) -> Self:
        """Train for one epoch on X, for data that arrives in parts.

        Each call counts as the next of the `max_iter` epochs over which λ is brought in; the learning rate
        is constant and the survivors are not fine-tuned. Parameters may change between two calls; where those
        of the penalty or the solver do, training goes on from the sparse network.

        Parameters
        ----------
        X : array-like of shape (n, pixels) or (n, height, width)
        y : array-like of shape (n,)
        classes : array-like of shape (n_classes,), default=None
            All classes that will ever come. Needed at the first call only, where None means those of y.
        sample_weight : array-like of shape (n,), default=None
            Weight of each image in the loss, as it is. λ means what it means to `fit` where they are 1 on
            average.

        Returns
        -------
        self : SparseCurveCNNClassifier

        Raises
        ------
        ValueError
            If a parameter or the data is unusable, the classes differ from those of the first call, or
            training diverges. The estimator is then as before.
        """
        if self.early_stopping:
            raise ValueError("partial_fit holds no images back: set early_stopping=False.")
        if self.class_weight == "balanced":
            raise ValueError("class_weight='balanced' needs all images at once: give partial_fit a dict.")
        with all_or_nothing(self), naming_lost_process(), shared_threads():
            first = not hasattr(self, "module_")
            images, _ = self._check_training_data(X, y, sample_weight, None, reset=first, classes=classes)
            trainer = copy.deepcopy(getattr(self, "_trainer", None))  # the old one stays, should this fail
            rng = trainer.rng if trainer else check_random_state(self.random_state)
            with seeded_torch(rng.randint(2**31 - 1) + process_rank(), images.device):
                if trainer is None or getattr(self, "_trainer_params", None) != self._params_of_trainer():
                    trainer = self._make_trainer(images, rng, continues=not first, before=trainer)
                self._check_target(trainer)
                plan = make_plan(self, self.image_shape_, trainer.module, decay=False)
                images = images.on(trainer.module)
                trainer.train_epoch(images, plan)
                with trainer.optimizer.sparse_weights():
                    trainer.update_norms(images, plan)
                    self._keep(trainer, copy.deepcopy(trainer.module))
            self._trainer, self._trainer_params = trainer, self._params_of_trainer()
        return self

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        return tags
