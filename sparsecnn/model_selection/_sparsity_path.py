"""The path from a dense network to a very sparse one."""

from __future__ import annotations

import os
from collections.abc import Sequence
from numbers import Integral
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import clone
from sklearn.utils import check_random_state

from sparsecnn._checkpoint import open_run
from sparsecnn._compute import clean_torch_state, seeded_torch, shared_threads
from sparsecnn._estimator import (
    SparseCurveCNN,
    SparseCurveCNNClassifier,
    TrainingData,
    called_repeatedly,
    check_training_data,
    has_callbacks,
    warn_of_dead_layers,
)
from sparsecnn._html_table import Cell, html_table
from sparsecnn._training import check_target, make_trainer, resolve_scope
from sparsecnn.model_selection._walk import path_identity, reach_points
from sparsecnn.penalties import get_penalty, unit_of

# The default path ends where this fraction of the weights is kept, or a few weights for each class or target.
SMALLEST_KEPT = 0.005
WEIGHTS_PER_OUTPUT = 4
# "auto" parameters are those of this target at every point.
AUTO_TARGET = 0.9


class SparsityPath(Sequence):
    """The fitted estimators along a path, each with its own sparsity, from dense to sparse.

    ``path[i]`` is a fitted `SparseCurveCNNClassifier` or `SparseCurveCNNRegressor`, and ``len(path)`` the
    number of points.

    Parameters
    ----------
    estimators : list of SparseCurveCNNClassifier or SparseCurveCNNRegressor
        Fitted, in the order of their sparsity.

    Attributes
    ----------
    sparsities : ndarray of shape (n_points,)
        Fraction of the penalised weights that are exactly zero.
    n_nonzeros : ndarray of int of shape (n_points,)
        Number of penalised weights that are not zero.
    lams : ndarray of shape (n_points,)
        λ of each point; with ``sparsity_scope="layer"`` the largest of all layers.

    Raises
    ------
    TypeError
        If one of `estimators` is of another kind.

    See Also
    --------
    sparsity_path : Trains the networks of a path.

    Examples
    --------
    >>> from sparsecnn import SparseCurveCNNClassifier
    >>> from sparsecnn.datasets import make_shaky_spirals
    >>> from sparsecnn.model_selection import sparsity_path
    >>> X, y = make_shaky_spirals(60, image_shape=(32, 32), return_X_y=True, random_state=0)
    >>> quick = SparseCurveCNNClassifier(channels=(4, 8, 8), max_iter=4, finetune_iter=1, random_state=0)
    >>> path = sparsity_path(X, y, estimator=quick, sparsities=[0, 0.5, 0.75])
    >>> path
    <SparsityPath of 3 networks with [0.0, 0.5, 0.75] zeros>
    >>> path[1].sparsity_, len(path[1:])
    (0.5, 2)
    """

    def __init__(self, estimators: Sequence[SparseCurveCNN]):
        self._estimators = list(estimators)
        for fitted in self._estimators:
            if not isinstance(fitted, SparseCurveCNN):
                raise TypeError(
                    "estimators must be fitted SparseCurveCNNClassifiers or SparseCurveCNNRegressors, got a "
                    f"{type(fitted).__name__}."
                )
        self.sparsities = np.array([fitted.sparsity_ for fitted in estimators])
        self.n_nonzeros = np.array([fitted.n_nonzero_ for fitted in estimators])
        self.lams = np.array([fitted.lam_ for fitted in estimators])

    def __len__(self) -> int:
        return len(self._estimators)

    def __getitem__(self, i: Any) -> Any:
        return SparsityPath(self._estimators[i]) if isinstance(i, slice) else self._estimators[i]

    def __repr__(self) -> str:
        return f"<SparsityPath of {len(self)} networks with {self.sparsities.round(4).tolist()} zeros>"

    def _repr_html_(self) -> str:
        most = max(1, *self.n_nonzeros) if len(self) else 1
        points = zip(self.sparsities, self.n_nonzeros, self.lams, strict=True)
        rows = [
            [Cell(str(i)), Cell(f"{zeros:.2%}"), Cell(f"{n:,}", n / most), Cell(f"{lam:.3g}")]
            for i, (zeros, n, lam) in enumerate(points)
        ]
        columns = [("", ["point"]), ("penalised weights", ["zeros", "non-zero"]), ("", ["λ"])]
        return html_table(f"Path of {len(self)} sparse networks", columns, rows, n_left=0)

    def score(self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> np.ndarray:
        """Return the accuracy of every network on X; of regressors, R².

        Give images that training has not seen, and plot the result against `sparsities` to see how many zeros
        are free.

        Parameters
        ----------
        X : array-like of shape (n, pixels) or (n, height, width)
            Images, as `fit` takes them.
        y : array-like of shape (n,) or (n, n_outputs)
            Label or targets of each image.
        sample_weight : array-like of shape (n,), default=None
            Weight of each image.

        Returns
        -------
        ndarray of shape (n_points,)
            One score for each point.

        See Also
        --------
        sparsecnn.inspection.SparsityPathDisplay : Draws it.

        Examples
        --------
        >>> from sparsecnn import SparseCurveCNNClassifier
        >>> from sparsecnn.datasets import make_shaky_spirals
        >>> from sparsecnn.model_selection import sparsity_path
        >>> X, y = make_shaky_spirals(60, image_shape=(32, 32), return_X_y=True, random_state=0)
        >>> quick = SparseCurveCNNClassifier(channels=(4, 4, 4), max_iter=2, finetune_iter=1, random_state=0)
        >>> path = sparsity_path(X[:40], y[:40], estimator=quick, sparsities=[0, 0.5])
        >>> path.score(X[40:], y[40:]).shape
        (2,)
        """
        return np.array([fitted.score(X, y, sample_weight) for fitted in self._estimators])


def sparsity_path(
    X: ArrayLike,
    y: ArrayLike,
    *,
    estimator: SparseCurveCNN | None = None,
    sparsities: int | ArrayLike | None = None,
    lams: ArrayLike | None = None,
    macs: ArrayLike | None = None,
    sample_weight: ArrayLike | None = None,
    checkpoint: str | os.PathLike[str] | None = None,
    checkpoint_every: float | str = 1,
    resume: bool | str = "auto",
) -> SparsityPath:
    """Train networks of many sparsities in one run, from dense to very sparse.

    A network is trained densely, then made sparser from point to point, and a copy of it is fine-tuned at
    each point. This takes at most three times the epochs of one `fit`, but at least one epoch from point to
    point, and one of fine-tuning if the estimator has any.

    Parameters
    ----------
    X : array-like of shape (n, pixels) or (n, height, width)
        Images, as `fit` takes them.
    y : array-like of shape (n,) or (n, n_outputs)
        Label or targets of each image.
    estimator : SparseCurveCNNClassifier or SparseCurveCNNRegressor, default=None
        How to train; it is not changed. Its `lam`, `early_stopping` and the target that the points give are
        not used, and "auto" parameters take the same value at every point, that of ``target_sparsity=0.9`` or
        of the last of `macs`. None is ``SparseCurveCNNClassifier()``.
    sparsities : int or array-like of floats, default=None
        Fractions of zeros, ascending, from 0 (dense) to below 1; or the number of points, at least 2, from
        dense to 0.5 % of the weights kept (at least four for each class or target), with the kept weights in
        a geometric series from one half on. None is 20; a small network has as many points as differ.
    lams : array-like of floats, default=None
        Values of λ, ascending, instead of `sparsities`.
    macs : array-like of floats, default=None
        Instead of `sparsities`, for penalties of groups: values of `target_macs`, descending, from at most 1.
    sample_weight : array-like of shape (n,), default=None
        Weight of each image. Images of weight 0 are left out.
    checkpoint : path-like, default=None
        File that keeps what the path has reached, as that of `SparseCurveCNNClassifier`; give it here, not to
        the estimator.
    checkpoint_every : float or str, default=1
        Epochs between two checkpoints, or a time such as "30s" or "10min".
    resume : {"auto", True, False}, default="auto"
        Whether the path goes on from the checkpoint: "auto" if there is one, True only if there is one. False
        begins anew, and replaces it.

    Returns
    -------
    SparsityPath
        A sequence of fitted estimators, with their sparsities, λs and scores as arrays.

    Raises
    ------
    ValueError
        If points are out of range, unsorted or repeated, more than one of `sparsities`, `lams` and `macs` is
        given, the checkpoint is of another path, or anything that `fit` would refuse.
    FileFormatError
        If the checkpoint is damaged, or no checkpoint.
    OSError
        If the checkpoint cannot be written, or another process trains with it.

    Warns
    -----
    TrainingInterruptedWarning
        If training was interrupted from the keyboard; the path then ends with the last finished point.

    See Also
    --------
    sparsecnn.SparseCurveCNNClassifierCV : Choose a point of the path by cross-validation.

    Examples
    --------
    >>> from sparsecnn import SparseCurveCNNClassifier
    >>> from sparsecnn.datasets import make_shaky_spirals
    >>> from sparsecnn.model_selection import sparsity_path
    >>> X, y = make_shaky_spirals(200, image_shape=(32, 32), return_X_y=True, random_state=0)
    >>> quick = SparseCurveCNNClassifier(channels=(4, 8, 8), max_iter=6, finetune_iter=2, random_state=0)
    >>> path = sparsity_path(X, y, estimator=quick, sparsities=[0, 0.5, 0.9])
    >>> path.n_nonzeros
    array([256, 128,  26])
    >>> path.score(X, y).shape
    (3,)
    """
    if sum(points is not None for points in (sparsities, lams, macs)) > 1:
        raise ValueError("Give only one of sparsities, lams and macs.")
    start = path_start(estimator, macs)
    with shared_threads(), clean_torch_state():
        data = check_training_data(start, X, y, sample_weight)
        if lams is None:
            points = target_points(start, data, 20 if sparsities is None else sparsities, macs)
        else:
            start.set_params(lam=0.0)
            points = [{"lam": lam} for lam in _check_points(lams, "lams")]
        given = {"X": X, "y": y, "sample_weight": sample_weight}
        with open_run(
            checkpoint, checkpoint_every, resume, lambda: path_identity(start, points, given)
        ) as run:
            reached, dead = reach_points(start, data, points, run, keep_interrupted=not called_repeatedly())
    warn_of_dead_layers(dead)
    return SparsityPath(reached)


def path_start(estimator: SparseCurveCNN | None, macs: ArrayLike | None = None) -> SparseCurveCNN:
    """Return an unfitted copy of `estimator`, checked, for a path of target sparsities, or else of `macs`."""
    start: Any = SparseCurveCNNClassifier() if estimator is None else estimator
    if not isinstance(start, SparseCurveCNN):
        raise ValueError(
            f"estimator must be a SparseCurveCNNClassifier or SparseCurveCNNRegressor, got {estimator!r}."
        )
    if start.checkpoint is not None:
        raise ValueError(
            f"The estimator has checkpoint={str(start.checkpoint)!r}, where each network of the path would "
            "begin anew: give the checkpoint to the path or to the search instead."
        )
    if has_callbacks(start):
        raise ValueError(
            "The estimator has callbacks, which a path does not call: set them on the search "
            "SparseCurveCNNClassifierCV, or remove them with estimator.set_callbacks()."
        )
    if start.penalty is None:
        raise ValueError("A path needs a penalty, but the estimator has penalty=None.")
    if not getattr(get_penalty(start.penalty), "allows_zero", True):
        raise ValueError(f"A path needs a penalty that makes weights zero, got {start.penalty!r}.")
    start = clone(start).set_params(lam="auto")
    if macs is not None:
        start.set_params(target_macs=_check_macs(macs)[-1])
    else:
        # A penalty of weights and groups has two targets.
        start.set_params(target_sparsity=AUTO_TARGET)
        if unit_of(get_penalty(start.penalty)) == "group":
            start.set_params(target_macs=None)
    start._validate_params()
    return start


def target_points(
    estimator: SparseCurveCNN,
    data: TrainingData,
    sparsities: int | ArrayLike,
    macs: ArrayLike | None,
) -> list[dict[str, float]]:
    """Return the parameters of each point of a path of target sparsities, or else of `macs`."""
    if macs is None:
        wanted = target_sparsities(estimator, data, sparsities)
        return [{"target_sparsity": point} for point in wanted]
    return [{"target_macs": point} for point in _check_macs(macs)]


def _check_macs(macs: ArrayLike) -> list[float]:
    fractions = _as_floats(macs, "macs")
    removed = _check_points(1 - fractions, "1 - macs")
    if removed[-1] >= 1:
        raise ValueError(f"macs must be fractions above 0, got {macs!r}.")
    return fractions.tolist()


def _as_floats(values: ArrayLike, name: str) -> np.ndarray:
    try:
        return np.asarray(values, dtype=float)
    except (TypeError, ValueError, OverflowError) as error:
        raise ValueError(f"{name} must be a list of finite numbers, got {values!r}.") from error


def target_sparsities(
    estimator: SparseCurveCNN, data: TrainingData, sparsities: int | ArrayLike
) -> list[float]:
    """Return the points of a path, ascending, checked against the network that they are for.

    Parameters
    ----------
    estimator : SparseCurveCNN
    data : TrainingData
    sparsities : int or array-like of floats
        As those of `sparsity_path`.
    """
    with seeded_torch(0, data.images.device):
        trainer = make_trainer(estimator, data.images, data.targets.objective, check_random_state(0))
    n_units = trainer.split.count_units()
    if isinstance(sparsities, Integral):
        if sparsities < 2:
            raise ValueError(f"sparsities must be at least 2 points, got {sparsities}.")
        n_all = sum(n_units.values())
        smallest = min(0.5, max(SMALLEST_KEPT, WEIGHTS_PER_OUTPUT * trainer.objective.n_outputs / n_all))
        kept = np.r_[1.0, np.geomspace(0.5, smallest, int(sparsities) - 1)]
        distinct = np.unique((kept * n_all).round())[::-1]
        points = (1 - distinct / n_all).tolist()
    else:
        points = _check_points(sparsities, "sparsities")
        if points[-1] >= 1:
            raise ValueError(f"sparsities must be fractions from 0 to below 1, got {points[-1]}.")
    check_target("sparsities: a target of", points[-1], trainer, resolve_scope(estimator))
    return points


def _check_points(values: ArrayLike, name: str) -> list[float]:
    points = _as_floats(values, name)
    if points.ndim != 1 or not points.size or not np.isfinite(points).all() or points.min() < 0:
        raise ValueError(f"{name} must be a list of finite numbers, at least 0, got {values!r}.")
    if not (np.diff(points) > 0).all():
        raise ValueError(f"{name} must be ascending, each only once, got {values!r}.")
    return points.tolist()
