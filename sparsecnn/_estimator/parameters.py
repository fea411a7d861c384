"""The parameters of the estimators: their defaults and what each may be."""

from __future__ import annotations

import os
from collections.abc import Callable
from numbers import Integral, Real
from typing import Any, ClassVar, Self

import numpy as np
import torch
from sklearn.base import BaseEstimator
from sklearn.utils._param_validation import HasMethods, Interval, StrOptions

from sparsecnn._network import BinaryActivation
from sparsecnn._training import SOLVERS, CurveAugmentation


class NetworkParameters(BaseEstimator):
    """The parameters that all estimators with a network of their own share."""

    _parameter_constraints: ClassVar[dict] = {
        "penalty": [str, HasMethods(["value", "prox"]), None],
        "lam": [Interval(Real, 0, None, closed="left"), StrOptions({"auto"})],
        "beta": [Interval(Real, 0, None, closed="neither")],
        "target_sparsity": [Interval(Real, 0, 1, closed="left")],
        "target_macs": [Interval(Real, 0, 1, closed="right"), None],
        "sparsity_scope": [StrOptions({"auto", "global", "layer"})],
        "penalized": [StrOptions({"fc", "all", "hidden"})],
        "channels": ["array-like"],
        "kernel_size": [Interval(Integral, 1, None, closed="left")],
        "batch_norm": ["boolean"],
        "activation": [StrOptions({"relu", "binary"}), BinaryActivation],
        "module": [HasMethods(["forward", "parameters"]), callable, None],
        "solver": [StrOptions(set(SOLVERS))],
        "weight_decay": [Interval(Real, 0, None, closed="left")],
        "learning_rate_init": [Interval(Real, 0, None, closed="neither")],
        "batch_size": [Interval(Integral, 1, None, closed="left"), StrOptions({"auto"})],
        "max_iter": [Interval(Integral, 1, None, closed="left"), StrOptions({"auto"})],
        "finetune_iter": [Interval(Integral, 0, None, closed="left"), StrOptions({"auto"})],
        "augment": ["boolean", CurveAugmentation, StrOptions({"auto"})],
        "early_stopping": ["boolean"],
        "validation_fraction": [Interval(Real, 0, 1, closed="neither")],
        "n_iter_no_change": [Interval(Integral, 1, None, closed="left")],
        "tol": [Interval(Real, 0, None, closed="left")],
        "warm_start": ["boolean"],
        "image_shape": "no_validation",  # has a check of its own
        "in_channels": [Interval(Integral, 1, None, closed="left"), None],
        "device": [str, torch.device],
        "precision": [StrOptions({"float32", "bf16", "auto"})],
        "random_state": ["random_state"],
        "verbose": ["verbose"],
        "checkpoint": [str, os.PathLike, None],
        "checkpoint_every": [Interval(Real, 0, None, closed="neither"), str],
        "resume": ["boolean", StrOptions({"auto"})],
    }

    def __init__(
        self,
        penalty: Any = "l0",
        *,
        lam: float | str = "auto",
        beta: float = 1.0,
        target_sparsity: float = 0.9,
        target_macs: float | None = None,
        sparsity_scope: str = "auto",
        penalized: str = "fc",
        channels: tuple[int, int, int] = (32, 32, 64),
        kernel_size: int = 3,
        batch_norm: bool = True,
        activation: str | BinaryActivation = "relu",
        module: torch.nn.Module | Callable[[], torch.nn.Module] | None = None,
        solver: str = "muon",
        weight_decay: float = 0.0001,
        learning_rate_init: float = 0.003,
        batch_size: int | str = "auto",
        max_iter: int | str = "auto",
        finetune_iter: int | str = "auto",
        augment: bool | CurveAugmentation | str = "auto",
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        n_iter_no_change: int = 10,
        tol: float = 1e-4,
        warm_start: bool = False,
        image_shape: tuple[int, int] | None = None,
        in_channels: int | None = None,
        device: str | torch.device = "auto",
        precision: str = "float32",
        random_state: int | np.random.RandomState | None = None,
        verbose: int = 0,
        checkpoint: str | os.PathLike[str] | None = None,
        checkpoint_every: float | str = 1,
        resume: bool | str = "auto",
    ):
        self.penalty = penalty
        self.lam = lam
        self.beta = beta
        self.target_sparsity = target_sparsity
        self.target_macs = target_macs
        self.sparsity_scope = sparsity_scope
        self.penalized = penalized
        self.channels = channels
        self.kernel_size = kernel_size
        self.batch_norm = batch_norm
        self.activation = activation
        self.module = module
        self.solver = solver
        self.weight_decay = weight_decay
        self.learning_rate_init = learning_rate_init
        self.batch_size = batch_size
        self.max_iter = max_iter
        self.finetune_iter = finetune_iter
        self.augment = augment
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
        self.tol = tol
        self.warm_start = warm_start
        self.image_shape = image_shape
        self.in_channels = in_channels
        self.device = device
        self.precision = precision
        self.random_state = random_state
        self.verbose = verbose
        self.checkpoint = checkpoint
        self.checkpoint_every = checkpoint_every
        self.resume = resume

    def set_params(self, **params: Any) -> Self:
        """Set parameters of the estimator, and of its penalty and augmentation as ``penalty__a``.

        A grid of scikit-learn does this for every candidate. Nothing is checked before `fit` but the names.

        Parameters
        ----------
        **params : dict
            Values by name.

        Returns
        -------
        estimator
            The estimator itself.

        Raises
        ------
        ValueError
            If there is no such parameter, or the penalty or augmentation is a name, which has none.

        See Also
        --------
        sklearn.base.BaseEstimator.get_params : The present values.

        Examples
        --------
        >>> from sparsecnn import SparseCurveCNNClassifier
        >>> from sparsecnn.penalties import TransformedL1
        >>> SparseCurveCNNClassifier(TransformedL1()).set_params(penalty__a=0.1, max_iter=12)
        SparseCurveCNNClassifier(max_iter=12, penalty=TransformedL1(a=0.1))
        """
        for name in params:
            owner, _, nested = name.partition("__")
            if nested and owner in ("penalty", "augment"):
                value = params.get(owner, getattr(self, owner))
                if not hasattr(value, "set_params"):
                    raise ValueError(
                        f"{name} needs an object that has the parameter {nested!r}, but {owner}={value!r}."
                    )
        return super().set_params(**params)


class ClassifierParameters(NetworkParameters):
    """The parameters that `SparseCurveCNNClassifier` documents."""

    _parameter_constraints: ClassVar[dict] = {
        **NetworkParameters._parameter_constraints,
        "class_weight": [StrOptions({"balanced"}), dict, None],
    }

    def __init__(
        self,
        penalty: Any = "l0",
        *,
        lam: float | str = "auto",
        beta: float = 1.0,
        target_sparsity: float = 0.9,
        target_macs: float | None = None,
        sparsity_scope: str = "auto",
        penalized: str = "fc",
        channels: tuple[int, int, int] = (32, 32, 64),
        kernel_size: int = 3,
        batch_norm: bool = True,
        activation: str | BinaryActivation = "relu",
        module: torch.nn.Module | Callable[[], torch.nn.Module] | None = None,
        solver: str = "muon",
        weight_decay: float = 0.0001,
        learning_rate_init: float = 0.003,
        batch_size: int | str = "auto",
        max_iter: int | str = "auto",
        finetune_iter: int | str = "auto",
        augment: bool | CurveAugmentation | str = "auto",
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        n_iter_no_change: int = 10,
        tol: float = 1e-4,
        class_weight: dict[Any, float] | str | None = None,
        warm_start: bool = False,
        image_shape: tuple[int, int] | None = None,
        in_channels: int | None = None,
        device: str | torch.device = "auto",
        precision: str = "float32",
        random_state: int | np.random.RandomState | None = None,
        verbose: int = 0,
        checkpoint: str | os.PathLike[str] | None = None,
        checkpoint_every: float | str = 1,
        resume: bool | str = "auto",
    ):
        super().__init__(
            penalty,
            lam=lam,
            beta=beta,
            target_sparsity=target_sparsity,
            target_macs=target_macs,
            sparsity_scope=sparsity_scope,
            penalized=penalized,
            channels=channels,
            kernel_size=kernel_size,
            batch_norm=batch_norm,
            activation=activation,
            module=module,
            solver=solver,
            weight_decay=weight_decay,
            learning_rate_init=learning_rate_init,
            batch_size=batch_size,
            max_iter=max_iter,
            finetune_iter=finetune_iter,
            augment=augment,
            early_stopping=early_stopping,
            validation_fraction=validation_fraction,
            n_iter_no_change=n_iter_no_change,
            tol=tol,
            warm_start=warm_start,
            image_shape=image_shape,
            in_channels=in_channels,
            device=device,
            precision=precision,
            random_state=random_state,
            verbose=verbose,
            checkpoint=checkpoint,
            checkpoint_every=checkpoint_every,
            resume=resume,
        )
        self.class_weight = class_weight
