"""Probabilities of persons made to mean what they say."""

from __future__ import annotations

import numpy as np
from sklearn.linear_model import LogisticRegression

from sparsecnn.inference import PlattScaling, logit

_SMALLEST = np.finfo(float).eps
_UNPENALISED = 1e12  # as C; of infinity, scikit-learn 1.8 warns


def fit_platt(proba: np.ndarray, sought: np.ndarray, weight: np.ndarray) -> PlattScaling:
    """Fit a map to persons, towards Platt's targets (n + 1) / (n + 2) and 1 / (n + 2) rather than 1 and 0.

    Where the probabilities are all the same, or rank the persons worse than chance, the map is constant, and
    `find_rule` warns.
    """
    n_sought, n_others = weight[sought].sum(), weight[~sought].sum()
    target = np.where(sought, (n_sought + 1) / (n_sought + 2), 1 / (n_others + 2))
    z = logit(proba)
    centre, spread = z.mean(), z.std()
    if spread > _SMALLEST * max(1, abs(centre)):
        # A target t is a person of class 1 with weight t, and one of class 0 with weight 1 - t.
        doubled = np.concatenate([weight * target, weight * (1 - target)])
        fit = LogisticRegression(C=_UNPENALISED, solver="newton-cholesky", tol=1e-10, max_iter=1000)
        fit.fit(np.tile((z - centre) / spread, 2)[:, None], np.repeat([1, 0], len(z)), sample_weight=doubled)
        slope = float(fit.coef_[0, 0]) / spread
        if slope > 0:
            return PlattScaling(slope, float(fit.intercept_[0]) - slope * centre)
    return PlattScaling(0.0, float(logit(np.average(target, weights=weight))))
