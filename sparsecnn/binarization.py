"""From a network with channels to remove to one of binary weights, and the bytes that it takes to store."""

from __future__ import annotations

import math
from typing import Any

from numpy.typing import ArrayLike
from sklearn.base import clone
from torch import Tensor, nn

from sparsecnn._ensemble import SparseCurveEnsemble
from sparsecnn._estimator import SparseCurveCNN, fitted_sparse
from sparsecnn._network import layer_weights, make_chain, narrow_network
from sparsecnn.penalties import Binary

__all__ = ["binarize", "stored_bytes"]

FLOAT_BYTES = 4
TERNARY_IN_A_BYTE = 5  # 3⁵ = 243 combinations


def binarize(
    classifier: SparseCurveCNN,
    X: ArrayLike,
    y: ArrayLike,
    *,
    penalty: Any = None,
    penalized: str = "hidden",
    sample_weight: ArrayLike | None = None,
    groups: ArrayLike | None = None,
    **params: Any,
) -> SparseCurveCNN:
    """Train a network of few channels and binary weights, in three stages.

    I. The classifier is fitted: its penalty of groups makes channels zero.
    II. In the same fit, the other channels are fine-tuned. Then those that are zero are removed.
    III. From these weights, a narrower network of binary weights is trained.

    Parameters
    ----------
    classifier : SparseCurveCNNClassifier or SparseCurveCNNRegressor
        For stages I and II, such as one with ``penalty="group_l0"``, ``penalized="all"`` and a
        `target_macs`. If it is fitted, its network is taken as it is; if not, a clone is fitted. It is not
        modified.
    X : array-like of shape (n, pixels) or (n, height, width)
        Training images, as for `SparseCurveCNNClassifier.fit`.
    y : array-like of shape (n,) or (n, n_outputs)
        Labels, or targets of a regressor.
    penalty : penalty object, default=None
        For stage III. None is ``Binary()``; ``Ternary()`` takes `lam` or `target_sparsity` among `params`.
    penalized : {"hidden", "all", "fc"}, default="hidden"
        Layers of few-valued weights in stage III: by default all but the first and the last.
    sample_weight : array-like of shape (n,), default=None
        Weight of each image in the loss.
    groups : array-like of shape (n,), default=None
        Source of each image, for early stopping.
    **params : dict
        Other parameters of the classifier for stage III, such as ``max_iter=36``.

    Returns
    -------
    SparseCurveCNNClassifier or SparseCurveCNNRegressor
        Fitted. Its parameter `module` is the network at the start of stage III, so a clone of it repeats that
        stage.

    Raises
    ------
    TypeError
        If `classifier` is of another kind.
    ValueError
        If the network is no chain of layers, no channel of a layer is left, or a parameter is unusable.

    See Also
    --------
    stored_bytes : What the network takes to store.
    sparsecnn.penalties.Binary : Binary weights in one fit, without removing channels.

    Notes
    -----
    The three stages are those of [1]_, with one magnitude for each filter in place of one for each layer, and
    another penalty of groups. A channel that is constant, such as one that only a shift of batch
    normalisation keeps from zero, is removed too: stage III makes up for it.

    References
    ----------
    .. [1] J. Lyu and S. Sheen, "A Channel-Pruned and Weight-Binarized Convolutional Neural Network for
       Keyword Spotting", arXiv:1909.05623.

    Examples
    --------
    >>> from sparsecnn import SparseCurveCNNClassifier
    >>> from sparsecnn.binarization import binarize, stored_bytes
    >>> from sparsecnn.datasets import make_shaky_spirals
    >>> X, y = make_shaky_spirals(200, image_shape=(32, 32), return_X_y=True, random_state=0)
    >>> pruned = SparseCurveCNNClassifier("group_l0", penalized="all", target_macs=0.4, channels=(8, 16, 16))
    >>> pruned.set_params(max_iter=6, random_state=0).fit(X, y).module_.conv3.weight.shape[0]
    16
    >>> binary = binarize(pruned, X, y)
    >>> binary.module_.conv3.weight.shape[0] < 16
    True
    >>> binary.module_.conv3.weight[0].abs().unique().numel()  # one magnitude
    1
    >>> stored_bytes(binary) < stored_bytes(pruned) / 5
    True
    """
    if not isinstance(classifier, SparseCurveCNN):
        raise TypeError(
            "classifier must be a SparseCurveCNNClassifier or SparseCurveCNNRegressor, got a "
            f"{type(classifier).__name__}."
        )
    if not hasattr(classifier, "module_"):
        classifier = clone(classifier).fit(X, y, sample_weight=sample_weight, groups=groups)
    start = remove_channels(classifier.module_, classifier.image_shape_)
    stage = {
        "penalty": Binary() if penalty is None else penalty,
        "penalized": penalized,
        "target_macs": None,
        "sparsity_scope": "auto",
        "lam": "auto",
        "module": start,
    }
    binary = clone(classifier).set_params(**stage | params)
    return binary.fit(X, y, sample_weight=sample_weight, groups=groups)


def stored_bytes(network: Any) -> int:
    """Return the bytes that the parameters and statistics of a network, or of several, take to store.

    Compare networks by it: it counts what a compact file of each must hold, without names and headers.

    Parameters
    ----------
    network : SparseCurveCNNClassifier, SparseCurveCNNRegressor, SparseCurveEnsemble or torch.nn.Module
        A fitted estimator, a pipeline that ends in one, a search for one, or a network. Of an ensemble, the
        bytes are the sum over its members.

    Returns
    -------
    int
        Of a layer whose filters have one magnitude each, 1 bit for each weight and 4 bytes for each filter;
        if there are zeros besides, 1 byte for five weights. Of everything else, 4 bytes for each number.

    Raises
    ------
    NotFittedError
        If the estimator is not fitted.
    TypeError
        If `network` is of another kind.

    See Also
    --------
    binarize : Trains a network that takes few bytes.
    sparsecnn.export.save : Writes a file.

    Examples
    --------
    >>> import torch
    >>> from sparsecnn.binarization import stored_bytes
    >>> net = torch.nn.Linear(64, 2, bias=False)
    >>> stored_bytes(net)
    512
    >>> with torch.no_grad():
    ...     _ = net.weight.sign_()
    >>> stored_bytes(net)  # 2 · 64 bits, and two magnitudes
    24
    """
    if isinstance(network, nn.Module):
        return _module_bytes(network)
    fitted = fitted_sparse(network)
    members = fitted.members_ if isinstance(fitted, SparseCurveEnsemble) else [fitted]
    return sum(_module_bytes(member.module_) for member in members)


def _module_bytes(module: nn.Module) -> int:
    """Return the bytes of a network."""
    weights = layer_weights(module)
    numbers = {id(t): t for t in module.state_dict(keep_vars=True).values() if t.is_floating_point()}
    for w in weights.values():
        del numbers[id(w)]
    others = sum(number.numel() for number in numbers.values()) * FLOAT_BYTES
    return others + sum(_weight_bytes(w.detach()) for w in weights.values())


def _weight_bytes(w: Tensor) -> int:
    """Return the bytes of the weights of one layer."""
    magnitude = w.abs().flatten(1)
    few_valued = ((magnitude == 0) | (magnitude == magnitude.amax(1, keepdim=True))).all()
    if not few_valued:
        return w.numel() * FLOAT_BYTES
    zeros = (magnitude == 0) & magnitude.any(1, keepdim=True)  # a filter of zeros has the magnitude 0
    in_a_byte = TERNARY_IN_A_BYTE if zeros.any() else 8
    return min(w.numel() * FLOAT_BYTES, math.ceil(w.numel() / in_a_byte) + len(w) * FLOAT_BYTES)


def remove_channels(module: nn.Module, image_shape: tuple[int, int]) -> nn.Sequential:
    """Return a network of the living channels of `module`, with batch normalisation as it was.

    Raises
    ------
    ValueError
        If `module` is no chain of layers, or has a layer without a living channel.
    """
    chain = make_chain(module, image_shape)
    living = chain.living()
    for stage, alive in zip(chain.stages, living, strict=False):
        if not alive.any():
            raise ValueError(
                f"No channel of layer {stage.name!r} is left, so the scores do not depend on the image: ask "
                "for fewer zeros."
            )
    return narrow_network(chain, living)
