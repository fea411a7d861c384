"""The layers of a classifier that anything but torch computes."""

from __future__ import annotations

from typing import Any

from sparsecnn._network import CompressedNetwork, describe
from sparsecnn.export._compress import remove_dead
from sparsecnn.inference import Layer, build_layers


def plain_layers(classifier: Any) -> list[Layer]:
    """Return the layers of a fitted classifier, without dead channels and with batch normalisation folded.

    Parameters
    ----------
    classifier : SparseCurveCNNClassifier
        Fitted.

    Returns
    -------
    list of Layer
        They map images, divided by ``classifier.pixel_scale_``, of shape (n, channels, height, width) to
        scores of shape (n, n_classes). Their arrays are float32, or float64 if the network computes in it.

    Raises
    ------
    NoChainError
        If the network is no chain of layers.
    ValueError
        If it is constant.
    """
    module: Any = classifier.module_
    if not isinstance(module, CompressedNetwork):
        module = remove_dead(module, classifier.image_shape_)
    specs = (describe(layer) for layer in module)
    n_outputs = classifier._targets.of(classifier).objective.n_outputs
    return build_layers(specs, classifier.image_shape_, n_outputs, classifier.in_channels_)
