"""The ONNX graph of a fitted classifier, regressor or ensemble: scaling, networks and answers."""

from __future__ import annotations

import contextlib
import copy
import importlib
import json
import logging
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
from scipy.special import log_softmax, logsumexp
from torch import Tensor, nn

from sparsecnn._ensemble import MeanScores, SparseCurveEnsemble
from sparsecnn._network import INERT, MaxPool, NoChainError, make_chain, sequence
from sparsecnn._training import predict
from sparsecnn.export._compress import remove_dead
from sparsecnn.export._onnx_answers import Answers, answers_of

OPSET = 18  # the exporter's own: others are converted from it
SMALLEST = 1e-30  # processors are many times slower with numbers below 1e-38
LARGEST_FILE = 2**31 - 2**20  # bytes of weights; protobuf holds 2 GB
DTYPES = {"float32": torch.float32, "uint8": torch.uint8}
# Images on which the file must agree with the network, and how much answers for half of them may differ.
# Rounding of large scores, or of an activation of one bit, may change some.
N_IMAGES = 8
TOLERANCE = 1e-3


def require_onnx() -> None:
    """Raise ImportError, which names the extra to install, if a package is missing."""
    try:
        with quiet():
            for name in ("onnx", "onnxscript", "onnxruntime"):
                importlib.import_module(name)
    except ImportError as error:
        raise ImportError(
            "ONNX files need onnx, onnxscript and onnxruntime: pip install sparsecnn[onnx]."
        ) from error


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Silence the warnings and log lines of the ONNX packages within the block, errors excepted."""
    root = logging.getLogger()
    above = [logging.getLogger(name) for name in ("torch.onnx", "onnxscript", "onnx_ir", "skl2onnx")]
    levels = [logger.level for logger in above]
    handler = logging.NullHandler()  # without any, logging.warning() would install one for good

    def is_error(record: logging.LogRecord) -> bool:
        return record.levelno >= logging.ERROR

    root.addHandler(handler)
    root.addFilter(is_error)
    try:
        for logger in above:
            logger.setLevel(logging.ERROR)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for logger, level in zip(above, levels, strict=True):
            logger.setLevel(level)
        root.removeFilter(is_error)
        root.removeHandler(handler)


class _Scores(nn.Module):
    """From rows of pixels to the scores of one network.

    Parameters
    ----------
    estimator : fitted SparseCurveCNNClassifier or SparseCurveCNNRegressor
    """

    def __init__(self, estimator: Any):
        super().__init__()
        self.pixel_scale = float(np.float32(estimator.pixel_scale_))
        if not 0 < self.pixel_scale < np.inf:
            raise ValueError(f"pixel_scale_={estimator.pixel_scale_} is out of the range of float32.")
        self.network = _in_float32(estimator.module_, estimator.image_shape_)
        self.shape = (estimator.in_channels_, *estimator.image_shape_)

    def forward(self, X: Tensor) -> Tensor:
        return self.network((X.to(torch.float32) / self.pixel_scale).reshape(-1, *self.shape))


def _scores_of(estimator: Any) -> nn.Module:
    """Return what maps rows of pixels to scores; of an ensemble, those of its mean probability."""
    if isinstance(estimator, SparseCurveEnsemble):
        return MeanScores(map(_Scores, estimator.members_), estimator.views_, estimator.in_channels_)
    return _Scores(estimator)


class _FromPixels(nn.Module):
    """From rows of pixels to answers.

    Parameters
    ----------
    scores : nn.Module
        Maps rows of pixels to scores.
    answers : nn.Module
        Maps scores to the answers.
    """

    def __init__(self, scores: nn.Module, answers: nn.Module):
        super().__init__()
        self.scores = scores
        self.answers = answers

    def forward(self, X: Tensor) -> Any:
        return self.answers(self.scores(X))


def network_model(estimator: Any, dtype: str, opset: int = OPSET) -> Any:
    """Return the ModelProto of a fitted classifier, regressor or ensemble, with standard operators only.

    Parameters
    ----------
    estimator : fitted SparseCurveCNNClassifier, SparseCurveCNNRegressor or SparseCurveEnsemble
    dtype : {"float32", "uint8"}
        Of the input "X", of shape (n, pixels).
    opset : int, default=18
        Version of the operators.

    Raises
    ------
    ValueError
        If ONNX cannot hold the classes, the pixel scale, the targets or the network.
    """
    answers = answers_of(estimator)
    model = _export(_FromPixels(_scores_of(estimator), answers), estimator, answers.names, dtype, opset)
    answers.complete(model.graph)
    strip(model)
    _check_domains(model, estimator)
    _check_same(model, estimator, answers, dtype)
    return model


@torch.no_grad()
def _in_float32(module: nn.Module, image_shape: tuple[int, int]) -> nn.Module:
    """Return a copy of a network without dead channels, if it has them, and without denormal weights."""
    with contextlib.suppress(ValueError):  # of networks from which nothing can be removed
        module = remove_dead(module, image_shape)
    with contextlib.suppress(NoChainError):
        module = _plain_layers(module, image_shape)
    # float32 first, which makes denormal numbers of some.
    module = copy.deepcopy(module).to("cpu", torch.float32).eval().requires_grad_(False)
    if sum(p.nbytes for p in module.parameters()) > LARGEST_FILE:
        raise ValueError("The network has over 2 GB of weights, which one ONNX file cannot hold.")
    for parameter in module.parameters():
        parameter[parameter.abs() < SMALLEST] = 0
    return module


def _plain_layers(module: nn.Module, image_shape: tuple[int, int]) -> nn.Sequential:
    """Return the layers of a chain, in the form and the order that runtimes compute fastest."""
    layers: list[tuple[str, nn.Module]] = []
    chain = make_chain(module, image_shape)
    shape: tuple[int, ...] = (chain.n_channels, *image_shape)
    for link in chain.links:
        layer = _standard_pool(link.layer, shape, link.shape)
        if isinstance(layer, nn.ReLU) and layers and isinstance(layers[-1][1], nn.MaxPool2d):
            # The largest is the same before and after, and activations are computed with convolutions.
            layers.insert(-1, (link.name, layer))
        elif not isinstance(layer, INERT):
            layers.append((link.name, layer))
        shape = link.shape
    return nn.Sequential(sequence(layers))


def _standard_pool(layer: nn.Module, before: tuple[int, ...], after: tuple[int, ...]) -> nn.Module:
    """Return the pooling layer that ONNX has for one between two shapes, or another layer as it is."""
    if isinstance(layer, MaxPool):
        return nn.MaxPool2d((min(2, before[1]), min(2, before[2])))
    if isinstance(layer, nn.AdaptiveMaxPool2d) and before[1] % after[1] == before[2] % after[2] == 0:
        return nn.MaxPool2d((before[1] // after[1], before[2] // after[2]))
    return layer


def _export(network: nn.Module, estimator: Any, names: list[str], dtype: str, opset: int) -> Any:
    pixels = torch.zeros(3, estimator.n_features_in_, dtype=DTYPES[dtype])
    try:
        with quiet(), torch.no_grad():
            program = torch.onnx.export(
                network.eval(),
                (pixels,),
                dynamo=True,
                dynamic_shapes=({0: torch.export.Dim("batch")},),
                input_names=["X"],
                output_names=names,
                opset_version=opset,
                verbose=False,
            )
    except (torch.onnx.OnnxExporterError, NotImplementedError) as error:
        cause: BaseException = error
        while cause.__cause__ is not None:
            cause = cause.__cause__
        reason = str(cause).strip().splitlines()[0]
        raise ValueError(
            f"The network {_network_name(estimator)} cannot be written as ONNX: {reason}"
        ) from error
    assert program is not None
    model = program.model_proto
    if not model.graph.input[0].type.tensor_type.shape.dim[0].dim_param:
        raise ValueError(
            f"The network {_network_name(estimator)} cannot be written as ONNX: what it does "
            "depends on the number of images, so the file would take one number of them only."
        )
    return model


def strip(message: Any) -> None:
    """Remove from a message of protobuf, at every depth, what tells how it was made."""
    for name in ("doc_string", "metadata_props", "value_info"):
        if name in message.DESCRIPTOR.fields_by_name:
            message.ClearField(name)
    for field, value in message.ListFields():
        if field.message_type is not None:
            for item in [value] if hasattr(value, "ListFields") else value:
                strip(item)


def stamp(model: Any, estimator: Any) -> None:
    """Say in a model what made it, and what its input and its answers are."""
    from onnx import helper

    from sparsecnn import __version__

    model.producer_name, model.producer_version = "sparsecnn", __version__
    model.graph.name = type(estimator).__name__
    facts = answers_of(estimator).facts | {"image_shape": json.dumps(estimator.image_shape_)}
    if estimator.in_channels_ > 1:
        facts["in_channels"] = json.dumps(estimator.in_channels_)
    helper.set_model_props(model, facts)


def _check_domains(model: Any, estimator: Any) -> None:
    """Raise ValueError if not all operators are of the standard; leave only versions in use otherwise."""
    from onnx import helper

    foreign = sorted({f"{node.domain}::{node.op_type}" for node in _nodes(model.graph) if node.domain})
    if foreign:
        raise ValueError(
            f"The network {_network_name(estimator)} needs operators that ONNX's standard lacks: "
            f"{', '.join(foreign)}."
        )
    opset = max(entry.version for entry in model.opset_import if not entry.domain)
    del model.opset_import[:]
    model.opset_import.append(helper.make_opsetid("", opset))
    model.ir_version = helper.find_min_ir_version_for(model.opset_import)  # older runtimes read it too


def _network_name(estimator: Any) -> str:
    """Return the class of the network of a fitted estimator, of an ensemble that of its first member."""
    one = estimator.members_[0] if isinstance(estimator, SparseCurveEnsemble) else estimator
    return type(one.module_).__name__


def _nodes(graph: Any) -> Iterator[Any]:
    """Yield the nodes of a graph and of the branches in it."""
    for node in graph.node:
        yield node
        for attribute in node.attribute:
            if attribute.HasField("g"):
                yield from _nodes(attribute.g)


def _check_same(model: Any, estimator: Any, answers: Answers, dtype: str) -> None:
    """Raise ValueError if the model gives other answers than the network, for one image or several."""
    rng, shape = np.random.default_rng(0), (N_IMAGES, estimator.n_features_in_)
    X = rng.integers(0, 256, shape) if dtype == "uint8" else rng.random(shape) * largest_scale(estimator)
    X = X.astype(dtype)
    scores = _expected_scores(estimator, X)
    run = session_of(model.SerializeToString(), answers.names)
    for parts in ([X], X[:, np.newaxis]):
        found = [np.concatenate(outputs) for outputs in zip(*map(run, parts), strict=True)]
        difference = answers.difference(found, scores)
        if not difference <= TOLERANCE:
            raise ValueError(
                f"The network {_network_name(estimator)} cannot be written as ONNX: its {answers.names[-1]} "
                f"would change by {difference:.2g}."
            )


def _expected_scores(estimator: Any, X: np.ndarray) -> np.ndarray:
    """Return the scores of rows of pixels; of an ensemble those whose softmax is the mean probability."""
    if isinstance(estimator, SparseCurveEnsemble):
        pairs = zip(estimator.members_, estimator.views_, strict=True)
        channels = np.split(X, estimator.in_channels_, axis=1)
        each = [log_softmax(_expected_scores(member, channels[view]), axis=1) for member, view in pairs]
        return logsumexp(each, axis=0)
    module = estimator.module_
    images = estimator._images(X, torch.device("cpu")).on(module)
    return predict(module, images, contextlib.nullcontext)


def largest_scale(estimator: Any) -> float:
    """Return the pixel scale of a fitted estimator; of an ensemble the largest of its members."""
    if isinstance(estimator, SparseCurveEnsemble):
        return max(member.pixel_scale_ for member in estimator.members_)
    return estimator.pixel_scale_


def session_of(data: bytes, names: list[str]) -> Callable[[np.ndarray], list[np.ndarray]]:
    """Return a function that computes answers of these names from rows of pixels in onnxruntime."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3  # errors
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
    return lambda X: session.run(names, {"X": X})
