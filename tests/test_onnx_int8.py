"""ONNX files that compute in 8 bits."""

import os

import numpy as np
import onnx
import pytest
import torch
from classifiers import small
from conftest import make_stripes
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from test_onnx import Residual, fitted_on, run
from torch import nn

from sparsecnn.export import to_onnx


@pytest.fixture(scope="module")
def fitted():
    return small(max_iter=20, channels=(8, 12, 16)).fit(*make_stripes(300, random_state=0))


@pytest.fixture(scope="module")
def calibration():
    return make_stripes(100, random_state=1)[0]


@pytest.fixture
def path(tmp_path):
    return tmp_path / "a.onnx"


@pytest.mark.parametrize("dtype", ["uint8", "float32"])
def test_int8_gives_nearly_the_same_answers(dtype, fitted, calibration, path):
    to_onnx(fitted, path, quantize="int8", calibration=calibration, dtype=dtype)
    X, _ = make_stripes(400, random_state=2)
    label, probabilities = run(path, X)
    assert np.mean(label == fitted.predict(X)) >= 0.97
    assert np.abs(probabilities - fitted.predict_proba(X)).mean() < 0.02
    np.testing.assert_allclose(probabilities.sum(1), 1, atol=1e-6)
    for part in (slice(1), slice(2)):
        np.testing.assert_allclose(run(path, X[part])[1], probabilities[part], atol=1e-6)
    model = onnx.load(path)
    onnx.checker.check_model(model, full_check=True)
    assert [(entry.domain, entry.version) for entry in model.opset_import] == [("", 18)]
    filters = [t for t in model.graph.initializer if len(t.dims) == 4]
    assert len(filters) == 3
    assert {t.data_type for t in filters} == {onnx.TensorProto.INT8}
    assert all(np.abs(onnx.numpy_helper.to_array(t)).max() <= 64 for t in filters)  # 7 bits
    scales = [t for t in model.graph.initializer if t.name.endswith("weight_scale")]
    assert {len(onnx.numpy_helper.to_array(t)) for t in scales} == {8, 12, 16, 2}  # one for each channel
    assert model.producer_name == "sparsecnn"
    assert {entry.key for entry in model.metadata_props} == {"classes", "image_shape"}
    assert os.listdir(path.parent) == ["a.onnx"]


def test_int8_is_smaller_for_many_weights(path):
    X, y = make_stripes(40, random_state=0)
    classifier = small(channels=(8, 64, 64), max_iter=1).fit(X, y)
    to_onnx(classifier, path)
    size = path.stat().st_size
    to_onnx(classifier, path, quantize="int8", calibration=X)
    assert path.stat().st_size < size / 2.5


def test_int8_of_a_network_that_is_no_chain(calibration, path):
    X, y = make_stripes(300, random_state=0)
    classifier = small(module=Residual(), max_iter=15).fit(X, y)
    to_onnx(classifier, path, quantize="int8", calibration=calibration)
    assert np.mean(run(path, X)[0] == classifier.predict(X)) >= 0.97


def test_calibration_of_rows_equals_that_of_images(fitted, calibration, tmp_path):
    to_onnx(fitted, tmp_path / "a", quantize="int8", calibration=calibration)
    to_onnx(fitted, tmp_path / "b", quantize="int8", calibration=calibration.reshape(100, -1).astype(float))
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_labels_that_8_bits_cannot_tell_apart_warn(calibration, path):
    X, y = make_stripes(60, random_state=0)
    module = nn.Sequential(nn.Flatten(), nn.Linear(256, 2))
    classifier = fitted_on(module, X, y)
    with torch.no_grad():  # classes that differ by less than a step of the weights
        generator = torch.Generator().manual_seed(0)
        weight = torch.randn(256, generator=generator)
        module[1].weight.copy_(torch.stack([weight, weight + 1e-3 * torch.randn(256, generator=generator)]))
        module[1].bias.zero_()
    with pytest.warns(UserWarning, match=r"changes the label of \d+% of the calibration images"):
        to_onnx(classifier, path, quantize="int8", calibration=calibration)
    assert path.exists()


WRONG = [
    ({"quantize": "int8"}, "quantize='int8' needs calibration"),
    ({"quantize": "dynamic"}, "'dynamic' is not offered, because it is slower"),
    ({"quantize": "int4"}, "quantize must be 'int8' or None, got 'int4'"),
    ({"quantize": True}, "quantize must be 'int8' or None, got True"),
    ({"calibration": np.zeros((40, 256))}, "calibration is used with quantize='int8' only"),
]
WRONG_CALIBRATION = [
    (make_stripes(31, random_state=0)[0], "calibration must hold at least 32 images, got 31"),
    (np.zeros((40, 8, 32)), r"calibration must hold images .* of shape \(8, 32\)"),
    (np.zeros((40, 100)), "calibration must hold images .* 100 features"),
    (np.full((40, 256), np.nan), "calibration must hold images .* NaN"),
    (np.full((40, 256), 130.5), "calibration must hold whole numbers from 0 to 255 for dtype='uint8'"),
]
WRONG += [({"quantize": "int8", "calibration": images}, message) for images, message in WRONG_CALIBRATION]


@pytest.mark.parametrize(("wrong", "message"), WRONG, ids=[message[:30] for _, message in WRONG])
def test_wrong_options_are_named_and_nothing_is_written(wrong, message, fitted, path):
    with pytest.raises(ValueError, match=message):
        to_onnx(fitted, path, **wrong)
    assert os.listdir(path.parent) == []


def test_int8_of_a_pipeline_is_refused(fitted, calibration, path):
    with pytest.raises(ValueError, match=r"export pipeline\[-1\], with calibration as pipeline\[:-1\]"):
        to_onnx(make_pipeline(FunctionTransformer(), fitted), path, quantize="int8", calibration=calibration)
