"""ONNX models that compute in integers of 8 bits."""

from __future__ import annotations

import copy
import tempfile
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from sparsecnn._ensemble import SparseCurveEnsemble
from sparsecnn._estimator import valid_pixels
from sparsecnn._warn import warn_user
from sparsecnn.export._onnx_graph import quiet, session_of

FEWEST = 32  # calibration images
BATCH = 64
CHANGED = 0.05  # of the labels, above which there is a warning
# Others, such as the probabilities, stay float32.
LAYERS = ["Conv", "Gemm", "MatMul", "MaxPool", "Relu", "Reshape"]


def calibration_pixels(classifier: Any, calibration: ArrayLike, dtype: str) -> np.ndarray:
    """Return calibration images as rows of pixels of the type that a model takes.

    Raises
    ------
    ValueError
        If they are not images that `classifier` predicts, too few, or no whole numbers for uint8.
    """
    try:
        pixels: np.ndarray = _checked_pixels(classifier, calibration)
    except ValueError as error:
        raise ValueError(f"calibration must hold images as predict takes them as X: {error}") from error
    if len(pixels) < FEWEST:
        raise ValueError(f"calibration must hold at least {FEWEST} images, got {len(pixels)}.")
    if dtype == "uint8" and not np.isin(pixels, np.arange(256)).all():
        raise ValueError(
            "calibration must hold whole numbers from 0 to 255 for dtype='uint8'; for others, use "
            "dtype='float32'."
        )
    return pixels.astype(dtype)


def _checked_pixels(classifier: Any, images: ArrayLike) -> Any:
    """Return rows of pixels that `predict` takes; of an ensemble, each member checks the channel it sees."""
    if not isinstance(classifier, SparseCurveEnsemble):
        return classifier._check_pixels(images)
    for member, channel in classifier.members_and_images(images):
        member._check_pixels(channel)
    return valid_pixels(classifier, images)


def in_int8(model: Any, pixels: np.ndarray) -> Any:
    """Return a model whose layers compute in 8 bits, over the ranges that calibration images need."""
    import onnx

    with quiet(), tempfile.TemporaryDirectory() as folder:
        from onnxruntime.quantization import QuantFormat, QuantType, quantize_static

        batches = ({"X": pixels[start : start + BATCH]} for start in range(0, len(pixels), BATCH))
        path = Path(folder) / "int8.onnx"
        quantize_static(
            copy.deepcopy(model),  # it moves the weights to a file
            path,
            SimpleNamespace(get_next=partial(next, batches, None)),
            quant_format=QuantFormat.QDQ,
            op_types_to_quantize=LAYERS,
            per_channel=True,
            reduce_range=True,  # else sums overflow where there are no 8-bit dot products
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            extra_options={"OpTypesToExcludeOutputQuantization": ["Gemm", "MatMul"]},
        )
        quantized = onnx.load_model_from_string(path.read_bytes())
    labels, expected = (session_of(m.SerializeToString(), ["label"])(pixels)[0] for m in (quantized, model))
    changed = np.mean(labels != expected)
    if changed > CHANGED:
        warn_user(f"quantize='int8' changes the label of {changed:.0%} of the calibration images.")
    return quantized
