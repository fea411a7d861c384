"""One network for all views of an image, from which the members of an ensemble can start."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import clone
from sklearn.utils import check_random_state

from sparsecnn._ensemble.choice import Sample, fit_network
from sparsecnn._ensemble.classifier import SparseCurveEnsemble
from sparsecnn._ensemble.recipe import recipe_network


def fit_common_network(
    ensemble: SparseCurveEnsemble, X: ArrayLike, y: ArrayLike, **params: Any
) -> SparseCurveEnsemble:
    """Return a copy of an ensemble whose members are one network, trained on every view of every image.

    The members see the views in turn. Their network is the `module` of the copy's `estimator`, from which the
    members of its next `fit` start.

    Parameters
    ----------
    ensemble : SparseCurveEnsemble
        It is not modified.
    X, y : array-like
        As `SparseCurveEnsemble.fit` takes them.
    **params : dict
        Parameters of the network for this training only.
    """
    made: Any = clone(ensemble)
    made._validate_params()
    network = recipe_network() if made.estimator is None else clone(made.estimator)
    trained = clone(network).set_params(**params)
    views, sample = made._views_and_sample(trained, X, y, None, None)
    (seed,) = check_random_state(made.random_state).randint(2**31 - 1, size=1).tolist()
    trained.set_params(image_shape=made.image_shape_, in_channels=1, random_state=seed)
    every_view = Sample(np.tile(sample.labels, len(views)), None, None)
    common: Any = fit_network(trained, np.concatenate(views), every_view)
    made.set_params(estimator=network.set_params(module=common.module_))
    made.members_ = [common.set_params(module=common.module_)] * made.n_members
    made.views_, made.view_losses_ = np.arange(made.n_members) % len(views), None
    return made
