"""Regressors that train in a second, and images for them, for the tests."""

import numpy as np

from sparsecnn import SparseCurveCNNRegressor


def regressor(**params):
    """Return a regressor that trains in a second, for a target sparsity."""
    quick = {"channels": (4, 8, 16), "max_iter": 8, "finetune_iter": 4, "batch_size": 16, "augment": False}
    quick |= {"learning_rate_init": 0.01, "target_sparsity": 0.75}
    return SparseCurveCNNRegressor(**quick | {"random_state": 0} | params)


def make_bars(n_images, *, random_state):
    """Return images of shape (n, 16, 16) of one bar with noise, and its thickness in pixels."""
    rng = np.random.default_rng(random_state)
    thickness, top = rng.integers(1, 8, n_images), rng.integers(0, 8, n_images)
    rows = np.arange(16)
    bar = (rows >= top[:, None]) & (rows < (top + thickness)[:, None])
    images = np.where(bar[:, :, None], 200, 20) + rng.integers(0, 40, (n_images, 16, 16))
    return images.astype(np.uint8), thickness.astype(float)
