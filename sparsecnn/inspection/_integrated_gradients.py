"""Integrated gradients: what each pixel adds to the score of a class, or to a prediction."""

from __future__ import annotations

import copy
from dataclasses import dataclass, replace
from numbers import Integral, Real
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike
from sklearn.exceptions import ConvergenceWarning
from sklearn.pipeline import Pipeline
from sklearn.utils import check_scalar
from sklearn.utils.validation import check_is_fitted
from torch import Tensor, nn

from sparsecnn._compute import clean_torch_state, resolve_device, shared_threads
from sparsecnn._ensemble import SparseCurveEnsemble
from sparsecnn._training import Images, bounded_batches
from sparsecnn._warn import warn_user

# Fraction of the largest change in score along a line below which the change at its end counts as none.
SMALL_CHANGE = 0.1


def integrated_gradients(
    estimator: Any,
    X: ArrayLike,
    *,
    target: Any = None,
    n_steps: int = 32,
    tol: float = 0.01,
    max_steps: int = 4096,
) -> np.ndarray:
    """Attribute the score of a class, or a predicted target, to the pixels of each image.

    The attribution of pixel p of image x is ``x[p] · ∫ ∂f(t·x)/∂x[p] dt`` for t from 0 to 1, on the straight
    line from the blank image to x [1]_. The sum over an image is ``f(x) - f(0)`` up to `tol`.

    Parameters
    ----------
    estimator : SparseCurveCNNClassifier, SparseCurveCNNRegressor or SparseCurveEnsemble, or a search for one
        Fitted. For a search, such as `SparseCurveCNNClassifierCV`, its ``best_estimator_`` is used.
    X : array-like of shape (n, pixels), (n, height, width) or (n, channels, height, width)
        Images as the estimator takes them.
    target : class label or int, default=None
        Class whose score to attribute. f is its score minus the mean score of the other classes. None is
        ``classes_[1]`` of two classes, so that f is `decision_function`; for more classes it must be given.
        Of a regressor, the number of the target, from 0, of which f is the prediction; None is the only one.
    n_steps : int, default=32
        Number of equal steps with which the integral starts.
    tol : float, default=0.01
        Largest relative gap between the sum of an image's attributions and ``f(x) - f(0)``. Steps are halved
        where the midpoint rule misses the change in score, until the gap is at most `tol`.
    max_steps : int, default=4096
        Largest number of steps per image.

    Returns
    -------
    ndarray of shape (n, height, width), or (n, channels, height, width) if there are several channels
        In units of the score; positive where a pixel speaks for the class. Of a regressor, in units of y. Of
        an ensemble, the mean over its members of the attributions of each, on the channel that it sees.

    Raises
    ------
    TypeError
        If `n_steps` or `max_steps` is not an integer, or `tol` not a number.
    ValueError
        If `estimator` is no such estimator, `target` is no class or target or is missing, `n_steps`, `tol` or
        `max_steps` is out of range, or the scores of the network are NaN or infinite.

    Warns
    -----
    ConvergenceWarning
        If the gap of an image is above `tol` after `max_steps` steps.

    See Also
    --------
    AttributionDisplay : Draws the attributions below the images.

    Notes
    -----
    The gap of an image is ``|Σ attributions - Δ| / max(|Δ|, 0.1 · D)`` with ``Δ = f(x) - f(0)`` and ``D``
    the largest ``|f(t·x) - f(0)|`` at the ends and midpoints of the first `n_steps` steps. The second term
    matters only where the score returns to that of the blank image.

    The attributions of an ensemble sum, over all channels, to the mean over its members of ``f(x) - f(0)`` of
    each member's own score f. That is not the change of the log-odds of the mean probability, which are no
    mean of scores. A channel that no member sees has attributions of 0.

    Scores are computed in the dtype of the network, also if `estimator` predicts with a lower ``precision``.
    Attributions show what the network uses, which need not be the cause of the label.

    References
    ----------
    .. [1] M. Sundararajan, A. Taly and Q. Yan, "Axiomatic Attribution for Deep Networks", ICML 2017.

    Examples
    --------
    >>> from sparsecnn import SparseCurveCNNClassifier
    >>> from sparsecnn.datasets import make_shaky_spirals
    >>> from sparsecnn.inspection import integrated_gradients
    >>> X, y = make_shaky_spirals(60, image_shape=(32, 32), return_X_y=True, random_state=0)
    >>> classifier = SparseCurveCNNClassifier(channels=(4, 4, 4), max_iter=3, random_state=0).fit(X, y)
    >>> integrated_gradients(classifier, X[:2]).shape
    (2, 32, 32)
    """
    estimator = getattr(estimator, "best_estimator_", estimator)
    if isinstance(estimator, Pipeline):
        raise ValueError(
            "estimator must be a classifier, regressor or ensemble, got a Pipeline: give its last step, "
            "pipeline[-1], and as X the output of the steps before it, pipeline[:-1].transform(X)."
        )
    check_is_fitted(estimator)
    if isinstance(estimator, SparseCurveEnsemble):
        options = {"target": target, "n_steps": n_steps, "tol": tol, "max_steps": max_steps}
        return _mean_over_members(estimator, X, options)
    if not hasattr(estimator, "module_"):
        raise ValueError(
            "estimator must be a fitted SparseCurveCNNClassifier, SparseCurveCNNRegressor or "
            f"SparseCurveEnsemble, or a search for one, got {estimator!r}."
        )
    check_scalar(n_steps, "n_steps", Integral, min_val=1)
    check_scalar(max_steps, "max_steps", Integral, min_val=n_steps)
    if not isinstance(tol, Real):
        raise TypeError(f"tol must be a number, got {tol!r}.")
    if not tol > 0:
        raise ValueError(f"tol must be positive, got {tol!r}.")
    contrast = _weights_of_scores(estimator, target)
    with shared_threads(), clean_torch_state():
        pixels = estimator._check_pixels(X)
        device = resolve_device(estimator.device)
        module = copy.deepcopy(estimator.module_).requires_grad_(False).eval().to(device)
        images = estimator._images(pixels, device).on(module)
        weights = torch.from_numpy(contrast).to(images.device, images.dtype)
        lines = [_Line(module, weights, images, i) for i in range(len(images))]
        found = [_integrate(line, n_steps, tol, max_steps) for line in lines]
    gaps = np.array([gap for _, gap in found])
    if (gaps > tol).any():
        warn_user(
            f"The attributions of {(gaps > tol).sum()} of {len(gaps)} images miss f(x) - f(0) by up to "
            f"{gaps.max():.1%}, more than tol={tol}, after max_steps={max_steps}: increase max_steps.",
            ConvergenceWarning,
        )
    attributions = np.stack([attribution for attribution, _ in found])
    return attributions if estimator.in_channels_ > 1 else attributions[:, 0]


def _mean_over_members(ensemble: SparseCurveEnsemble, X: ArrayLike, options: dict[str, Any]) -> np.ndarray:
    """Return the mean of the attributions of members, each on the channel that it sees."""
    seen = ensemble.members_and_images(X)
    found = [integrated_gradients(member, images, **options) for member, images in seen]
    n_images, *shape = found[0].shape
    maps = np.zeros((n_images, ensemble.in_channels_, *shape), found[0].dtype)
    for view, its in zip(ensemble.views_, found, strict=True):
        maps[:, view] += its / len(found)
    return maps if ensemble.in_channels_ > 1 else maps[:, 0]


def _weights_of_scores(estimator: Any, target: Any) -> np.ndarray:
    """Return the weight of each score of the network in what is attributed."""
    if hasattr(estimator, "classes_"):
        return _contrast(estimator.classes_, target)
    n_outputs = estimator.n_outputs_
    if target is None and n_outputs == 1:
        target = 0
    if isinstance(target, bool) or not isinstance(target, Integral) or target not in range(n_outputs):
        raise ValueError(f"target must be the number of one of {n_outputs} targets, from 0, got {target!r}.")
    return np.where(np.arange(n_outputs) == target, estimator.target_scale_, 0.0)


def _contrast(classes: np.ndarray, target: Any) -> np.ndarray:
    """Return the weight of each class in the score of `target`: 1, and the mean of the others negative."""
    labels = classes.tolist()
    if target is None and len(labels) == 2:
        target = labels[1]
    if np.ndim(target) or target not in labels:
        raise ValueError(f"target must be one of the {len(labels)} classes {labels}, got {target!r}.")
    weights = np.full(len(labels), -1 / (len(labels) - 1))
    weights[labels.index(target)] = 1
    return weights


@dataclass(frozen=True)
class _Line:
    """The line from the blank image, at place 0, to image number `index`, at place 1."""

    module: nn.Module
    contrast: Tensor
    images: Images
    index: int

    @property
    def image(self) -> Tensor:
        """The image at place 1, of shape (channels, height, width)."""
        return self.images.pixels(slice(self.index, self.index + 1))[0]

    def measure(self, places: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray, Tensor]:
        """Return the score at each place, its slope along the line, and the weighted sum of its gradients."""
        copies = replace(self.images, rows=np.full(len(places), self.index))
        scores, slopes = np.empty(len(places)), np.empty(len(places))
        total = torch.zeros_like(self.image)
        for part in bounded_batches(copies):
            image = copies.pixels(part)
            place, weight = (
                torch.from_numpy(values[part]).to(image.device, image.dtype).view(-1, 1, 1, 1)
                for values in (places, weights)
            )
            points = (place * image).requires_grad_()
            score = self.module(points) @ self.contrast
            gradient = torch.autograd.grad(score.sum(), points)[0]
            scores[part] = score.detach().cpu()
            slopes[part] = (gradient * image).sum((1, 2, 3)).cpu()
            total += (weight * gradient).sum(0)
        if not (np.isfinite(scores).all() and np.isfinite(slopes).all()):
            raise ValueError(
                f"The network's scores are NaN or infinite between a blank image and image {self.index} of X."
            )
        return scores, slopes, total


def _integrate(line: _Line, n_steps: int, tol: float, max_steps: int) -> tuple[np.ndarray, float]:
    """Return the integrated gradients of one image by an adaptive midpoint rule, and the gap that is left.

    The score at both ends of a step gives the exact integral of its slope, and so the error of the rule on
    that step.
    """
    places = np.linspace(0, 1, 2 * n_steps + 1)
    weights = np.zeros(len(places))
    weights[1::2] = 1 / n_steps
    scores, slopes, total = line.measure(places, weights)
    change = np.abs(scores - scores[0])
    scale = max(change[-1], SMALL_CHANGE * change.max(), np.finfo(float).tiny)
    # One column per step: where it starts, its width, the score at start, middle and end, the slope there.
    width = np.full(n_steps, 1 / n_steps)
    steps = np.stack([places[:-1:2], width, scores[:-1:2], scores[1::2], scores[2::2], slopes[1::2]])
    while True:
        _, width, low, _, high, slope = steps
        errors = width * slope - (high - low)
        gap = abs(errors.sum()) / scale
        if gap <= tol or len(errors) >= max_steps:
            return (total * line.image).cpu().numpy(), gap
        worst = np.argsort(-np.abs(errors))[: max_steps - len(errors)]
        worst = worst[np.abs(errors[worst]) > tol * scale / len(errors)]
        halves, correction = _halve(line, steps[:, worst])
        steps = np.concatenate([np.delete(steps, worst, axis=1), halves], axis=1)
        total += correction


def _halve(line: _Line, steps: np.ndarray) -> tuple[np.ndarray, Tensor]:
    """Return the halves of `steps`, and what they change in the sum of the weighted gradients."""
    start, width, low, middle, high, _ = steps
    n, half = len(start), width / 2
    places = np.concatenate([start + half / 2, start + 1.5 * half, start + half])
    scores, slopes, correction = line.measure(places, np.concatenate([half, half, -width]))
    left = np.stack([start, half, low, scores[:n], middle, slopes[:n]])
    right = np.stack([start + half, half, middle, scores[n : 2 * n], high, slopes[n : 2 * n]])
    return np.concatenate([left, right], axis=1), correction
