"""Fitted estimators without dead channels."""

from __future__ import annotations

import copy
import dataclasses
from typing import Any

import torch
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted
from torch import nn

from sparsecnn._compute import clean_torch_state
from sparsecnn._ensemble import SparseCurveEnsemble
from sparsecnn._estimator import SparseCurveCNN
from sparsecnn._network import Chain, CompressedNetwork, lay_out_filters, make_chain, sequence, undotted
from sparsecnn.export._fold import plain_layers, plain_link
from sparsecnn.export._removal import Part, needed_parts
from sparsecnn.model_selection import ScreeningClassifier, SparseCurveCNNClassifierCV

# Images that the compressed network must give the same scores to, and the largest relative difference.
N_IMAGES = 4
TOLERANCE = 1e-8


def compress(estimator: Any) -> Any:
    """Return a fitted estimator whose network has no dead channels.

    A channel is dead if only zeros write it or only zeros read it. The new network gives the same scores,
    but for rounding, with fewer multiply-adds: it is faster wherever it runs, while single zeros make no
    layer faster.

    Parameters
    ----------
    estimator : classifier, regressor, SparseCurveEnsemble, Pipeline, search or ScreeningClassifier
        A fitted `SparseCurveCNNClassifier`, `SparseCurveCNNRegressor` or ensemble, a pipeline that ends in
        one, a search such as `GridSearchCV`, of which the best estimator is taken, or a `ScreeningClassifier`
        or a `FrozenEstimator` of one of these. It is not modified.

    Returns
    -------
    classifier, regressor, SparseCurveEnsemble, Pipeline or ScreeningClassifier
        A copy with another `module_`: plain layers one after another, with batch normalisation folded into
        them. Its ``sparsity_``, ``layer_sparsity_`` and ``n_nonzero_`` are those of the new network, and its
        ``penalty`` is None. Clones of it are dense and as wide as the new network: `channels` are the
        channels left, or `module` is the new network. Of an ensemble, its ``members_`` are such copies, of a
        screening its ``estimator_``, with the threshold as it was; their clones train as before.

    Raises
    ------
    TypeError
        If `estimator` is of another kind.
    NotFittedError
        If it is not fitted.
    ValueError
        If its network is no chain of layers, is constant, or is compressed already.

    See Also
    --------
    sparsecnn.inspection.NetworkReport : Counts the channels and multiply-adds that are left.
    save : Writes the result to a file.

    Notes
    -----
    A channel that nothing writes is not zero behind batch normalisation, but has a constant value. It is
    added to the bias of the next layer, if that is fully connected or pads with nothing. A convolution that
    pads with zeros sees an edge there: it keeps one channel that carries the sum of all constant ones. All
    weights are computed in double precision.

    A binary activation is no continuous function, so rounding may change one that is next to 0.

    Examples
    --------
    >>> from sparsecnn import SparseCurveCNNClassifier
    >>> from sparsecnn.datasets import make_shaky_spirals
    >>> from sparsecnn.export import compress
    >>> X, y = make_shaky_spirals(200, image_shape=(32, 32), return_X_y=True, random_state=0)
    >>> classifier = SparseCurveCNNClassifier(channels=(4, 8, 8), max_iter=6, random_state=0)
    >>> classifier = classifier.set_params(penalized="all", target_sparsity=0.95).fit(X, y)
    >>> compressed = compress(classifier)
    >>> bool((compressed.predict(X) == classifier.predict(X)).all()), sum(compressed.channels) < 4 + 8 + 8
    (True, True)
    """
    if isinstance(estimator, Pipeline) and estimator.steps:
        *earlier, (name, last) = estimator.steps
        compressed = copy.copy(estimator)
        compressed.steps = [*copy.deepcopy(earlier), (name, compress(last))]
        return compressed
    if isinstance(estimator, SparseCurveCNN):
        check_is_fitted(estimator)
        with clean_torch_state():
            return _with_module(estimator, remove_dead(estimator.module_, estimator.image_shape_))
    if isinstance(estimator, SparseCurveEnsemble):
        check_is_fitted(estimator)
        compressed = copy.deepcopy(estimator)
        compressed.members_ = [_compress_member(estimator, i) for i in range(len(estimator.members_))]
        return compressed
    if isinstance(estimator, ScreeningClassifier):
        check_is_fitted(estimator)
        compressed = copy.deepcopy(estimator)
        compressed.estimator_ = compress(estimator.estimator_)
        return compressed
    if isinstance(estimator, FrozenEstimator):
        return FrozenEstimator(compress(estimator.estimator))
    if hasattr(estimator, "refit") or isinstance(estimator, SparseCurveCNNClassifierCV):
        message = "This %(name)s has no best_estimator_: fit it first; of other searches with refit=True."
        check_is_fitted(estimator, "best_estimator_", msg=message)
        return compress(estimator.best_estimator_)
    raise TypeError(
        "compress takes a SparseCurveCNNClassifier, SparseCurveCNNRegressor or SparseCurveEnsemble, a "
        f"pipeline that ends in one, a search for one, or a ScreeningClassifier of one, got {estimator!r}."
    )


def _compress_member(ensemble: SparseCurveEnsemble, i: int) -> SparseCurveCNN:
    try:
        return compress(ensemble.members_[i])
    except ValueError as error:
        raise ValueError(f"members_[{i}]: {error}") from error


@torch.no_grad()
def remove_dead(module: nn.Module, image_shape: tuple[int, int]) -> CompressedNetwork:
    """Return a network that computes what `module` does in evaluation mode, without dead channels.

    Raises
    ------
    ValueError
        If it is no chain of layers, or constant, or compressed already.
    """
    chain = make_chain(module, image_shape)
    weight = chain.stages[0].layer.weight
    exact = copy.deepcopy(chain)
    for link in exact.links:
        link.layer.eval().to("cpu", torch.float64)
    parts = needed_parts(exact, image_shape)
    widths = [int(part.kept.sum()) for part in parts[:-1]]
    if isinstance(module, CompressedNetwork) and widths == chain.widths:
        raise ValueError("The network is compressed already: it has no dead channels.")
    compressed = _assemble(exact, parts)
    _check_same_scores(exact, compressed, image_shape)
    compressed.to(weight.device, weight.dtype)
    lay_out_filters(compressed)
    return compressed


def _assemble(chain: Chain, parts: list[Part]) -> CompressedNetwork:
    image = torch.ones(1, dtype=torch.bool)  # kept whole
    named = [pair for link in chain.before for pair in plain_link(link, image)]
    read = image.expand(chain.stages[0].n_read)
    for part in parts:
        named += plain_layers(part, read)
        read = part.kept
    return CompressedNetwork(sequence(named)).eval()


def _check_same_scores(chain: Chain, compressed: nn.Module, image_shape: tuple[int, int]) -> None:
    """Raise ValueError if some scores differ, for whatever reason, rather than return another network."""
    generator = torch.Generator().manual_seed(0)
    images = torch.rand((N_IMAGES, chain.n_channels, *image_shape), generator=generator, dtype=torch.float64)
    scores = images.clone()  # the first layer may work in place
    for link in chain.links:
        scores = link.layer(scores)
    difference = (compressed(images) - scores).abs().max()
    if not difference <= TOLERANCE * scores.abs().max():
        raise ValueError(f"The network cannot be compressed: its scores would change by {difference:.2g}.")


def _with_module(estimator: SparseCurveCNN, module: CompressedNetwork) -> SparseCurveCNN:
    """Return a copy of an estimator whose network is `module`."""
    compressed: Any = copy.copy(estimator)
    vars(compressed).pop("_trainer", None)  # of the other network
    shape: dict[str, Any] = {"module": module}
    if estimator.module is None:
        shape = {"channels": tuple(make_chain(module, estimator.image_shape_).widths)}
    vars(compressed).update(
        shape,
        penalty=None,
        target_macs=None,
        module_=module,
        layer_lam_={undotted(name): lam for name, lam in estimator.layer_lam_.items()},
        _network_spec=dataclasses.replace(estimator._network_spec, **shape),
    )
    return copy.deepcopy(compressed)
