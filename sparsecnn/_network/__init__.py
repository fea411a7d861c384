"""The curve CNN, its batch normalisation, and which weights of a network can be sparse."""

from sparsecnn._network.batch_norm import WeightedBatchNorm2d, set_image_weight
from sparsecnn._network.binary import BinaryActivation, make_activation
from sparsecnn._network.chain import Chain, Link, Stage, channels_read, make_chain
from sparsecnn._network.compressed import ChannelAffine, CompressedNetwork
from sparsecnn._network.curve_cnn import CurveCNN, MaxPool, max_pool
from sparsecnn._network.describe import as_array, batch_norms, describe, is_plain, make_layer
from sparsecnn._network.evaluation import evaluating
from sparsecnn._network.narrow import narrow_network, narrow_view, sequence, undotted
from sparsecnn._network.portable import (
    pack_module,
    pack_tensors,
    unpack_module,
    unpack_tensors,
)
from sparsecnn._network.tracing import ACTIVATIONS, INERT, MAX_POOLS, NORMS, POOLS, NoChainError
from sparsecnn._network.weights import layer_weights, penalized_weights, select_weights, zero_fraction

__all__ = [
    "ACTIVATIONS",
    "INERT",
    "MAX_POOLS",
    "NORMS",
    "POOLS",
    "BinaryActivation",
    "Chain",
    "ChannelAffine",
    "CompressedNetwork",
    "CurveCNN",
    "Link",
    "MaxPool",
    "NoChainError",
    "Stage",
    "WeightedBatchNorm2d",
    "as_array",
    "batch_norms",
    "channels_read",
    "describe",
    "evaluating",
    "is_plain",
    "layer_weights",
    "make_activation",
    "make_chain",
    "make_layer",
    "max_pool",
    "narrow_network",
    "narrow_view",
    "pack_module",
    "pack_tensors",
    "penalized_weights",
    "select_weights",
    "sequence",
    "set_image_weight",
    "undotted",
    "unpack_module",
    "unpack_tensors",
    "zero_fraction",
]
