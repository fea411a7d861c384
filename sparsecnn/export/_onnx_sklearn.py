"""Fitted estimators as parts of estimators that skl2onnx converts."""

from __future__ import annotations

import copy
import importlib
from typing import Any

from sklearn.pipeline import Pipeline

from sparsecnn._compute import clean_torch_state
from sparsecnn._ensemble import SparseCurveEnsemble
from sparsecnn._estimator import SparseCurveCNNClassifier, SparseCurveCNNRegressor, fitted_sparse
from sparsecnn.export._onnx_answers import label_values
from sparsecnn.export._onnx_graph import OPSET, network_model, quiet, require_onnx
from sparsecnn.model_selection import SparseCurveCNNClassifierCV


def register_skl2onnx() -> None:
    """Let skl2onnx convert estimators of this package, alone or as a part of others.

    Call it once. Then ``skl2onnx.to_onnx`` takes, for example, a pipeline of a scaler and a
    `SparseCurveCNNClassifier`, or a `VotingClassifier` of some.

    Raises
    ------
    ImportError
        If skl2onnx, onnx, onnxscript or onnxruntime is not installed.

    See Also
    --------
    to_onnx : The whole way from a fitted estimator to a file.

    Notes
    -----
    The network takes numbers of any type, computes in float32 and needs at least opset 18. Labels are strings
    or int64, 0 or 1 for bools.

    Examples
    --------
    >>> import numpy as np
    >>> import skl2onnx
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import MaxAbsScaler
    >>> from sparsecnn import SparseCurveCNNClassifier
    >>> from sparsecnn.datasets import make_shaky_spirals
    >>> from sparsecnn.export import register_skl2onnx
    >>> X, y = make_shaky_spirals(100, image_shape=(32, 32), return_X_y=True, random_state=0)
    >>> X = X.reshape(100, -1).astype(np.float32)
    >>> classifier = SparseCurveCNNClassifier(channels=(4, 8, 8), max_iter=6, random_state=0)
    >>> pipeline = make_pipeline(MaxAbsScaler(), classifier).fit(X, y)
    >>> register_skl2onnx()
    >>> model = skl2onnx.to_onnx(pipeline, X[:1], options={"zipmap": False})
    >>> [output.name for output in model.graph.output]
    ['label', 'probabilities']
    """
    require_onnx()
    skl2onnx = _import_skl2onnx()
    for kind in (SparseCurveCNNClassifier, SparseCurveCNNClassifierCV, SparseCurveEnsemble):
        skl2onnx.update_registered_converter(
            kind,
            f"Sparsecnn{kind.__name__}",
            _set_output_types,
            _add_classifier,
            options={"zipmap": [True, False, "columns"], "nocl": [True, False]},
        )
    skl2onnx.update_registered_converter(
        SparseCurveCNNRegressor, "SparsecnnSparseCurveCNNRegressor", _set_target_type, _add_regressor
    )


def pipeline_model(pipeline: Pipeline, dtype: str) -> Any:
    """Return the ModelProto of a fitted pipeline, with input "X" of a type.

    Raises
    ------
    ImportError
        If skl2onnx is not installed.
    ValueError
        If it cannot convert the pipeline.
    """
    register_skl2onnx()
    skl2onnx = _import_skl2onnx()
    from skl2onnx.common import data_types

    kind = {"float32": data_types.FloatTensorType, "uint8": data_types.UInt8TensorType}[dtype]
    last = pipeline.steps[-1][1]
    width = next(step.n_features_in_ for _, step in pipeline.steps if hasattr(step, "n_features_in_"))
    try:
        with quiet():
            return skl2onnx.to_onnx(
                pipeline,
                initial_types=[("X", kind([None, width]))],
                options={id(last): {"zipmap": False}} if hasattr(last, "classes_") else None,
                target_opset=OPSET,
            )
    except (RuntimeError, NotImplementedError) as error:
        reason = str(error).strip().splitlines()[0]
        raise ValueError(f"skl2onnx cannot convert this pipeline: {reason}") from error


def _import_skl2onnx() -> Any:
    try:
        with quiet():
            return importlib.import_module("skl2onnx")
    except ImportError as error:
        raise ImportError(
            "The steps before the classifier are converted by skl2onnx: pip install skl2onnx."
        ) from error


def _set_output_types(operator: Any) -> None:
    from skl2onnx.common import data_types
    from skl2onnx.common.utils_classifier import get_label_classes

    classes = label_values(get_label_classes(operator.scope_inst, operator.raw_operator))
    n_images = operator.inputs[0].get_first_dimension()
    label = data_types.StringTensorType if classes.dtype == object else data_types.Int64TensorType
    operator.outputs[0].type = label([n_images])
    operator.outputs[1].type = data_types.FloatTensorType([n_images, len(classes)])


def _set_target_type(operator: Any) -> None:
    from skl2onnx.common import data_types

    n_images = operator.inputs[0].get_first_dimension()
    operator.outputs[0].type = data_types.FloatTensorType([n_images, operator.raw_operator.n_outputs_])


def _add_classifier(scope: Any, operator: Any, container: Any) -> None:
    """Add the graph of a classifier to one that skl2onnx is building."""
    from skl2onnx.common.utils_classifier import get_label_classes

    classifier = copy.copy(fitted_sparse(operator.raw_operator))
    classifier.classes_ = get_label_classes(scope, operator.raw_operator)  # or only their indices
    _add_graph(classifier, scope, operator, container)


def _add_regressor(scope: Any, operator: Any, container: Any) -> None:
    """Add the graph of a regressor to one that skl2onnx is building."""
    _add_graph(operator.raw_operator, scope, operator, container)


def _add_graph(estimator: Any, scope: Any, operator: Any, container: Any) -> None:
    from onnx import TensorProto, compose

    opset = container.target_opset_any_domain("")
    if opset < OPSET:
        raise ValueError(f"target_opset must be at least {OPSET} for {operator.raw_operator!r}, got {opset}.")
    with clean_torch_state():
        model = network_model(estimator, "float32", opset)
    prefix = scope.get_unique_variable_name("network") + "_"
    graph = compose.add_prefix(model, prefix).graph
    container.initializers.extend(graph.initializer)
    container.nodes.extend(graph.node)
    container.node_domain_version_pair_sets.add(("", opset))
    pixels = operator.inputs[0].full_name
    container.add_node("Cast", pixels, prefix + "X", name=prefix + "cast", to=TensorProto.FLOAT)
    for inner, outer in zip(graph.output, operator.outputs, strict=True):
        container.add_node("Identity", inner.name, outer.full_name, name=inner.name + "_out")
