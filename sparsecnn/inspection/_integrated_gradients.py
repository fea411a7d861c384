"""Where in an image the evidence for a class lies."""

from __future__ import annotations

import copy

import numpy as np
import torch
from numpy.typing import ArrayLike
from sklearn.utils.validation import check_is_fitted

from sparsecnn._training.images import Images, bounded_batches


def integrated_gradients(estimator, X: ArrayLike, *, n_steps: int = 32) -> np.ndarray:
    """Return what every pixel adds to the score of the second class over the first.

    Parameters
    ----------
    estimator : SparseCurveCNNClassifier, or a search for one
        Fitted to two classes. Of a search, such as `SparseCurveCNNClassifierCV`, its ``best_estimator_``.
    X : array-like of shape (n, pixels) or (n, height, width)
        Images as the classifier takes them.
    n_steps : int, default=32
        Steps from the blank image to each of X; more are more exact.

    Returns
    -------
    evidence : ndarray of shape (n, height, width)
        Positive where a pixel speaks for ``classes_[1]``. The sum over an image is about its
        `decision_function` less that of a blank image.

    Raises
    ------
    ValueError
        If `estimator` is no such classifier, there are more than two classes, or `n_steps` is below 1.

    Notes
    -----
    These are integrated gradients [1]_: a pixel times the mean of the score's derivative by it, along the
    straight line from the blank image. They tell what the network used, not what is true of the hand.

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
    check_is_fitted(estimator)
    if not hasattr(estimator, "module_"):
        raise ValueError(
            f"estimator must be a fitted SparseCurveCNNClassifier, or a search for one, got {estimator!r}. "
            "Of a pipeline, give the last step, and as X what the steps before it return."
        )
    if n_steps < 1:
        raise ValueError(f"n_steps must be at least 1, got {n_steps!r}.")
    if len(estimator.classes_) != 2:
        raise ValueError(f"integrated_gradients needs two classes, but there are {len(estimator.classes_)}.")
    pixels = estimator._check_pixels(X)
    module = copy.deepcopy(estimator.module_).requires_grad_(False)
    images = Images(pixels, estimator.image_shape_, estimator.pixel_scale_, torch.device("cpu")).on(module)
    maps = []
    for part in bounded_batches(images):
        x = images.pixels(part)
        maps.append((x * _mean_gradient(module, x, n_steps))[:, 0].numpy())
    return np.concatenate(maps)


def _mean_gradient(module, x, n_steps):
    """Return the derivative of the score by `x`, averaged over the way from 0 to `x`."""
    total = torch.zeros_like(x)
    for step in range(n_steps):
        part = ((step + 0.5) / n_steps * x).requires_grad_()
        scores = module(part)
        total += torch.autograd.grad((scores[:, 1] - scores[:, 0]).sum(), part)[0]
    return total / n_steps
