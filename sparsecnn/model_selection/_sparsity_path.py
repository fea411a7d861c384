"""The path from a dense network to a very sparse one."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from numbers import Integral
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import clone
from sklearn.utils import check_random_state
from tqdm.auto import tqdm

from sparsecnn._compute import seeded_torch, shared_threads
from sparsecnn._estimator import SparseCurveCNNClassifier
from sparsecnn._estimator.validation import check_target, warn_of_large_batch
from sparsecnn._network import penalized_weights
from sparsecnn._training.build import make_plan
from sparsecnn._training.images import Images
from sparsecnn._training.path import train_path
from sparsecnn.exceptions import TrainingInterruptedWarning

# A path takes at most so many times the epochs of one fit, if these are enough for its points.
PATH_COST = 3
# The default path ends where this fraction of the weights is left, or a few weights for every class.
SMALLEST_KEPT = 0.005
WEIGHTS_PER_CLASS = 4


class SparsityPath(Sequence):
    """The fitted classifiers along a path, each with its own sparsity, from dense to sparse.

    ``path[i]`` is a fitted `SparseCurveCNNClassifier`, and ``len(path)`` the number of points.

    Parameters
    ----------
    estimators : list of SparseCurveCNNClassifier
        Fitted, in the order of their sparsity.

    Attributes
    ----------
    sparsities : ndarray of shape (n_points,)
        Fraction of the penalised weights that are exactly zero.
    n_nonzeros : ndarray of int of shape (n_points,)
        Number of penalised weights that are not zero.
    lams : ndarray of shape (n_points,)
        The λ of each point; with ``sparsity_scope="layer"`` the largest of all layers.
    """

    def __init__(self, estimators: Sequence[SparseCurveCNNClassifier]):
        self._estimators = list(estimators)
        self.sparsities = np.array([fitted.sparsity_ for fitted in estimators])
        self.n_nonzeros = np.array([fitted.n_nonzero_ for fitted in estimators])
        self.lams = np.array([fitted._largest_lam() for fitted in estimators])

    def __len__(self) -> int:
        return len(self._estimators)

    def __getitem__(self, i: Any) -> Any:
        return SparsityPath(self._estimators[i]) if isinstance(i, slice) else self._estimators[i]

    def __repr__(self) -> str:
        return f"<SparsityPath of {len(self)} networks with {self.sparsities.round(4).tolist()} zeros>"

    def score(self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> np.ndarray:
        """Return the accuracy of every network on X.

        Parameters
        ----------
        X : array-like of shape (n, pixels) or (n, height, width)
        y : array-like of shape (n,)
        sample_weight : array-like of shape (n,), default=None

        Returns
        -------
        scores : ndarray of shape (n_points,)
        """
        return np.array([fitted.score(X, y, sample_weight) for fitted in self])


def sparsity_path(
    X: ArrayLike,
    y: ArrayLike,
    *,
    estimator: SparseCurveCNNClassifier | None = None,
    sparsities: int | ArrayLike | None = None,
    lams: ArrayLike | None = None,
    sample_weight: ArrayLike | None = None,
) -> SparsityPath:
    """Train networks of many sparsities in one run, from dense to very sparse.

    A network is trained densely, and then made sparser from point to point. At each point a copy of it is
    fine-tuned. That takes three times the epochs of one `fit`, or less where points are few; but never less
    than one epoch from point to point, and one of fine-tuning if the estimator has any.

    Parameters
    ----------
    X : array-like of shape (n, pixels) or (n, height, width)
    y : array-like of shape (n,)
    estimator : SparseCurveCNNClassifier, default=None
        How to train; it stays as it is. Its `lam`, `target_sparsity` and `early_stopping` are not used, and
        "auto" means at every point what it means for the default target. None is
        ``SparseCurveCNNClassifier()``.
    sparsities : int or array-like of floats, default=None
        The wanted fractions of zeros, ascending, from 0 (dense) to below 1; or how many points to have, at
        least 2, from dense to half a percent of weights left (and four for every class), with weights left in
        a geometric series from one half on. None is 20; a small network has as many as differ.
    lams : array-like of floats, default=None
        Values of λ, ascending, instead of `sparsities`.
    sample_weight : array-like of shape (n,), default=None

    Returns
    -------
    path : SparsityPath
        A sequence of fitted classifiers, with their sparsities, λs and scores as arrays.

    Raises
    ------
    ValueError
        If points are out of range, unsorted or repeated, `sparsities` and `lams` are both given, or anything
        that `fit` would refuse.

    Warns
    -----
    TrainingInterruptedWarning
        If training was interrupted from the keyboard; the path then ends with the last finished point.

    See Also
    --------
    SparseCurveCNNClassifierCV : Choose a point of the path by cross-validation.

    Examples
    --------
    >>> from sparsecnn import SparseCurveCNNClassifier
    >>> from sparsecnn.datasets import make_shaky_spirals
    >>> from sparsecnn.model_selection import sparsity_path
    >>> X, y = make_shaky_spirals(200, image_shape=(32, 32), return_X_y=True, random_state=0)
    >>> quick = SparseCurveCNNClassifier(channels=(4, 8, 8), max_iter=6, refine_iter=2, random_state=0)
    >>> path = sparsity_path(X, y, estimator=quick, sparsities=[0, 0.5, 0.9])
    >>> path.n_nonzeros
    array([256, 128,  26])
    >>> path.score(X, y).shape
    (3,)
    """
    if sparsities is not None and lams is not None:
        raise ValueError("Give either sparsities or lams, not both.")
    start = path_start(estimator)
    images, _ = start._check_training_data(X, y, sample_weight, None, reset=True)
    if lams is None:
        wanted = target_sparsities(start, images, 20 if sparsities is None else sparsities)
        points = [{"target_sparsity": point} for point in wanted]
    else:
        start.set_params(lam=0.0)
        points = [{"lam": lam} for lam in _check_points(lams, "lams")]
    return SparsityPath(reach_points(start, images, points))


def path_start(estimator: SparseCurveCNNClassifier | None) -> SparseCurveCNNClassifier:
    """Return an unfitted copy of `estimator`, checked, for a path of target sparsities."""
    start = SparseCurveCNNClassifier() if estimator is None else estimator
    if not isinstance(start, SparseCurveCNNClassifier):
        raise ValueError(f"estimator must be a SparseCurveCNNClassifier, got {estimator!r}.")
    if start.penalty is None:
        raise ValueError("A path needs a penalty, but the estimator has penalty=None.")
    start = clone(start).set_params(lam="auto", target_sparsity=None)
    start._validate_params()
    return start


def reach_points(start, images, points, n_points=None, stacklevel=3):
    """Return the classifiers of `walk_path`; if interrupted, with a warning, those that are finished."""
    reached = []
    try:
        reached.extend(walk_path(start, images, points, n_points))
    except KeyboardInterrupt:
        if not reached:
            raise
        warnings.warn(
            f"Training was interrupted; the path ends after {len(reached)} of {len(points)} points.",
            TrainingInterruptedWarning,
            stacklevel=stacklevel,
        )
    return reached


def walk_path(start, images, points, n_points=None):
    """Yield a fitted copy of the classifier `start` for each of the `points`, parameters of it.

    Parameters
    ----------
    start : SparseCurveCNNClassifier
        Has checked `images`.
    images : Images
    points : list of dict
    n_points : int, default=None
        Of the whole path, where `points` are only its beginning: they share its epochs.
    """
    warn_of_large_batch(start.batch_size, len(images), stacklevel=5)
    images = images.with_mean_weight_one()
    fitted_names = [name for name in vars(start) if name.endswith("_")]
    rng = check_random_state(start.random_state)
    with (
        shared_threads(),
        seeded_torch(rng.randint(2**31 - 1), images.device),
        tqdm(desc="epochs", disable=not start.verbose) as progress,
    ):
        trainer = start._make_trainer(images, rng, continues=False)
        plan = make_plan(start, images.image_shape, trainer.module)
        refine_iter = _refine_epochs(plan, n_points or len(points))
        progress.reset(plan.max_iter // 2 + len(points) * (1 + refine_iter))
        values = [value for point in points for value in point.values()]
        path = train_path(trainer, images, plan, values, refine_iter, progress)
        for point, refined in zip(points, path, strict=True):
            fitted = clone(start).set_params(**point)
            vars(fitted).update({name: getattr(start, name) for name in fitted_names})
            fitted._keep(refined, refined.module)
            yield fitted


def target_sparsities(
    classifier: SparseCurveCNNClassifier, images: Images, sparsities: int | ArrayLike
) -> list[float]:
    """Return the points of a path, ascending, checked against the network that they are for.

    Parameters
    ----------
    classifier : SparseCurveCNNClassifier
        Has checked `images`.
    images : Images
    sparsities : int or array-like of floats
        As those of `sparsity_path`.
    """
    n_classes = len(classifier.classes_)
    with seeded_torch(0, images.device):
        module = classifier._make_trainer(images, check_random_state(0), continues=False).module
    weights = penalized_weights(module, classifier.penalized)
    if isinstance(sparsities, Integral):
        if sparsities < 2:
            raise ValueError(f"sparsities must be at least 2 points, got {sparsities}.")
        n_weights = sum(w.numel() for w in weights.values())
        smallest = min(0.5, max(SMALLEST_KEPT, WEIGHTS_PER_CLASS * n_classes / n_weights))
        kept = np.r_[1.0, np.geomspace(0.5, smallest, int(sparsities) - 1)]
        distinct = np.unique((kept * n_weights).round())[::-1]
        points = (1 - distinct / n_weights).tolist()
    else:
        points = _check_points(sparsities, "sparsities")
        if points[-1] >= 1:
            raise ValueError(f"sparsities must be fractions from 0 to below 1, got {points[-1]}.")
    check_target("sparsities: a target of", points[-1], weights, n_classes, classifier.sparsity_scope)
    return points


def _check_points(values, name):
    points = np.asarray(values, dtype=float)
    if points.ndim != 1 or not points.size or not np.isfinite(points).all() or points.min() < 0:
        raise ValueError(f"{name} must be a list of finite numbers, at least 0, got {values!r}.")
    if not (np.diff(points) > 0).all():
        raise ValueError(f"{name} must be ascending, each only once, got {values!r}.")
    return points.tolist()


def _refine_epochs(plan, n_points):
    """Return the epochs of fine-tuning at each of `n_points`, within the cost of the path where possible."""
    share = (PATH_COST * plan.n_epochs - plan.max_iter // 2) // n_points
    return min(plan.refine_iter, max(1, share - 1))
