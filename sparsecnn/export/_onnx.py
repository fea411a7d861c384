"""Fitted estimators as ONNX files."""

from __future__ import annotations

import os
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike
from sklearn.pipeline import Pipeline, make_pipeline

from sparsecnn._compute import clean_torch_state
from sparsecnn._estimator import fitted_sparse, flat_steps
from sparsecnn._files import check_target, write_whole
from sparsecnn.export._onnx_graph import DTYPES, largest_scale, network_model, require_onnx, stamp, strip
from sparsecnn.export._onnx_int8 import calibration_pixels, in_int8
from sparsecnn.export._onnx_sklearn import pipeline_model
from sparsecnn.preprocessing import CurveImageTransformer

OTHER_RANGE = 4  # times as bright as the training images, or as dark


def to_onnx(
    estimator: Any,
    path: str | os.PathLike[str],
    *,
    dtype: DTypeLike | None = None,
    quantize: str | None = None,
    calibration: ArrayLike | None = None,
) -> None:
    """Write a fitted classifier, regressor or ensemble to an ONNX file, which runs without Python.

    The file holds everything from pixels to labels or targets: the division by `pixel_scale_`, the network
    without its dead channels, and the classes, or the mean and scale of the targets. Of an ensemble it holds
    all networks, and averages their probabilities. It has standard operators only (opset 18) and takes any
    number of images at a time.

    Parameters
    ----------
    estimator : SparseCurveCNNClassifier, SparseCurveCNNRegressor, SparseCurveEnsemble, Pipeline or search
        A fitted classifier, regressor or ensemble, a search for one, such as `GridSearchCV`, of which the
        best estimator is taken, or a pipeline that ends in one. Earlier steps are converted by skl2onnx,
        which must be installed.
    path : path-like
        File to write. An old one is replaced in one step, or stays whole if anything fails.
    dtype : {"uint8", "float32"} or dtype, default=None
        Type of the pixels that the file takes. None is "uint8" for a classifier whose ``pixel_scale_`` is
        255, as it is after a fit on bytes, else "float32"; for pipelines "float32".
    quantize : {"int8"}, default=None
        Compute in 8-bit integers: a file of a third to half of the size, which is faster where layers have
        many channels, with probabilities that differ in the second decimal; for classifiers and ensembles.
        None computes in float32.
    calibration : array-like of shape (n, pixels) or (n, height, width), default=None
        At least 32 images like those that the file is to classify, such as training images: what they make
        of each layer is the range that 8 bits cover. Images of several channels are of shape
        (n, channels, height, width) or in rows; each member of an ensemble is given the channel that it sees.
        For `quantize` only.

    Raises
    ------
    ImportError
        If onnx, onnxscript or onnxruntime is not installed; for pipelines, skl2onnx.
    NotFittedError
        If `estimator` is not fitted.
    TypeError
        If it is of another kind.
    ValueError
        If ONNX cannot hold it, or the file would give other answers; if `dtype`, `quantize` or `calibration`
        is wrong.
    OSError
        If the file cannot be written.

    Warns
    -----
    UserWarning
        If 8-bit integers change the label of more than 5 % of the calibration images.

    See Also
    --------
    compress : The network without dead channels, in Python.
    register_skl2onnx : Conversion as a part of larger estimators.

    Notes
    -----
    Input "X" is of shape (n, pixels). Outputs are "label" of shape (n,), strings or int64 (0 or 1 for bools),
    and "probabilities", float32 of shape (n, n_classes), as skl2onnx names them; of a regressor, "variable",
    float32 of shape (n, n_outputs). Probabilities are those of
    `predict_proba` with ``precision="float32"``, within 1e-5. The file is tried on random images in
    onnxruntime before it is written. What it was made by, classes and image shape are in its metadata.

    Zeros make the file no smaller, but removed channels do; a compressed archive makes use of zeros.

    Quantisation is static and per channel, of weights to 7 bits, so that sums do not overflow on processors
    without 8-bit dot products. Dynamic quantisation is not offered: it is slower than float32.

    Examples
    --------
    >>> import os, tempfile
    >>> import onnxruntime
    >>> from sparsecnn import SparseCurveCNNClassifier
    >>> from sparsecnn.datasets import make_shaky_spirals
    >>> from sparsecnn.export import to_onnx
    >>> X, y = make_shaky_spirals(100, image_shape=(32, 32), return_X_y=True, random_state=0)
    >>> classifier = SparseCurveCNNClassifier(channels=(4, 8, 8), max_iter=6, random_state=0).fit(X, y)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = os.path.join(folder, "spirals.onnx")
    ...     to_onnx(classifier, path)
    ...     session = onnxruntime.InferenceSession(path)
    >>> label, probabilities = session.run(["label", "probabilities"], {"X": X.reshape(100, -1)})
    >>> bool((label == classifier.predict(X)).all()), probabilities.shape
    (True, (100, 2))
    """
    check_target(path)
    fitted = fitted_sparse(estimator)
    require_onnx()
    pipeline = _pipeline(estimator)
    _check_options(quantize, calibration, pipeline, fitted)
    name = _check_dtype(dtype, fitted, pipeline)
    pixels = None if calibration is None else calibration_pixels(fitted, calibration, name)
    with clean_torch_state():
        model = pipeline_model(pipeline, name) if pipeline else network_model(fitted, name)
        if pixels is not None:
            model = in_int8(model, pixels)
    strip(model)
    stamp(model, fitted)
    write_whole(path, _checked_bytes(model))


def _pipeline(estimator: Any) -> Pipeline | None:
    """Return a pipeline of all steps up to the classifier, or None if nothing comes before it.

    Raises
    ------
    ValueError
        If it reads files.
    """
    *earlier, classifier = flat_steps(estimator)
    if any(isinstance(step, CurveImageTransformer) for step in earlier):
        raise ValueError(
            "CurveImageTransformer, which makes ink of files, cannot be written as ONNX. Export the last "
            "step, as in to_onnx(pipeline[-1], path), and give the file what pipeline[:-1].transform returns."
        )
    return make_pipeline(*earlier, classifier) if earlier else None


def _check_options(quantize: Any, calibration: Any, pipeline: Pipeline | None, fitted: Any) -> None:
    if quantize is None:
        if calibration is not None:
            raise ValueError("calibration is used with quantize='int8' only, but quantize is None.")
    elif quantize == "dynamic":
        raise ValueError(
            "quantize='dynamic' is not offered, because it is slower than float32: use 'int8', with "
            "calibration."
        )
    elif quantize != "int8":
        raise ValueError(f"quantize must be 'int8' or None, got {quantize!r}.")
    elif not hasattr(fitted, "classes_"):
        raise ValueError("quantize='int8' is for classifiers, whose labels 8 bits hardly change.")
    elif calibration is None:
        raise ValueError(
            "quantize='int8' needs calibration: images like those to classify, such as training images."
        )
    elif pipeline is not None:
        raise ValueError(
            "quantize='int8' is for a classifier alone: export pipeline[-1], with calibration as "
            "pipeline[:-1].transform returns it."
        )


def _check_dtype(dtype: DTypeLike | None, classifier: Any, pipeline: Pipeline | None) -> str:
    """Return the name of the type of the pixels.

    Raises
    ------
    ValueError
        If it is neither uint8 nor float32, or uint8 for a network of pixels of another range.
    """
    scale = largest_scale(classifier)
    if dtype is None:
        return "uint8" if scale == 255 and pipeline is None else "float32"
    try:
        name = np.dtype(dtype).name
    except TypeError:
        name = ""
    if name not in DTYPES:
        raise ValueError(f"dtype must be 'uint8' or 'float32', got {dtype!r}.")
    if name == "uint8" and pipeline is None and not 1 / OTHER_RANGE < scale / 255 < OTHER_RANGE:
        raise ValueError(
            f"dtype='uint8' is for pixels up to 255, but those of the training images went up to {scale:g}: "
            "use dtype='float32'."
        )
    return name


def _checked_bytes(model: Any) -> bytes:
    from onnx import checker

    data: bytes = model.SerializeToString()
    checker.check_model(data, full_check=True)
    return data
