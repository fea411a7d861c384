"""Regressors in files, without torch, in ONNX and drawn."""

import numpy as np
import pytest
from regressors import regressor
from saved import assert_same_network, assert_same_params, description, with_description
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MaxAbsScaler

from sparsecnn import CurveImageTransformer, export, inference
from sparsecnn._command_line._read import load_model
from sparsecnn.datasets import make_shaky_drawings
from sparsecnn.exceptions import FileFormatError
from sparsecnn.inspection import (
    AttributionDisplay,
    NetworkReport,
    SparsityPathDisplay,
    TrainingCurveDisplay,
    WeightsDisplay,
    integrated_gradients,
)
from sparsecnn.model_selection import sparsity_path


@pytest.fixture(params=["thickness_regressor", "two_target_regressor"])
def model(request):
    """A thickness_regressor regressor of one target, or of two."""
    return request.getfixturevalue(request.param)


def assert_close(found, expected, model, tolerance=1e-5):
    """Check predictions relative to the scale of the targets."""
    assert found.shape == expected.shape
    assert (abs(found - expected) / np.squeeze(model.target_scale_)).max() < tolerance


def test_saved_regressor_predicts_the_same_with_torch_and_without(bars, model, tmp_path):
    X, _ = bars
    path = tmp_path / "bars.safetensors"
    export.save(model, path)
    loaded, without_torch = export.load(path), inference.load(path)
    np.testing.assert_array_equal(loaded.predict(X), model.predict(X))
    assert_same_network(loaded.module_, model.module_)
    assert_same_params(loaded, model)
    assert loaded.n_outputs_ == without_torch.n_outputs_ == model.n_outputs_
    assert_close(without_torch.predict(X), model.predict(X), model)
    assert_close(export.to_numpy(model).predict(X), model.predict(X), model)
    assert repr(without_torch).startswith(f"NumpyRegressor({model.n_outputs_} target")
    assert loaded.partial_fit(X, model.predict(X)).n_outputs_ == model.n_outputs_


def test_saved_pipeline_keeps_its_transformer_and_the_command_line_refuses_it(tmp_path):
    drawings = make_shaky_drawings(40, drawings="wave", image_shape=(32, 32), random_state=0)
    X, y = drawings.images, drawings.severity
    pipeline = make_pipeline(CurveImageTransformer((16, 16)), regressor(max_iter=2)).fit(X, y)
    path = tmp_path / "bars.safetensors"
    export.save(pipeline, path)
    np.testing.assert_array_equal(export.load(path).predict(X), pipeline.predict(X))
    assert inference.load(path).transformer_ == {"image_shape": [16, 16]}
    with pytest.raises(ValueError, match="holds a regressor"):
        load_model(str(path))


@pytest.mark.parametrize(
    "targets", [[], [[0.0, 0.0]], [[0.0, -1.0]], [[0.0]], [["0", 1.0]], None, [1.0, 1.0]]
)
def test_file_with_impossible_targets_is_refused(thickness_regressor, targets, tmp_path):
    path = tmp_path / "bars.safetensors"
    export.save(thickness_regressor, path)
    entry = description(path.read_bytes())
    path.write_bytes(with_description(path.read_bytes(), entry | {"targets": targets}))
    with pytest.raises(FileFormatError):
        inference.load(path)


def test_file_with_more_targets_than_scores_is_refused(thickness_regressor, tmp_path):
    path = tmp_path / "bars.safetensors"
    export.save(thickness_regressor, path)
    entry = description(path.read_bytes())
    path.write_bytes(with_description(path.read_bytes(), entry | {"targets": entry["targets"] * 2}))
    for load in (inference.load, export.load):
        with pytest.raises(FileFormatError):
            load(path)


def test_list_of_regressors_is_refused(thickness_regressor, tmp_path):
    with pytest.raises(TypeError, match="members of an ensemble must be SparseCurveCNNClassifiers"):
        export.save([thickness_regressor, thickness_regressor], tmp_path / "bars.safetensors")


def test_compressed_regressor_predicts_the_same(bars, two_target_regressor):
    X, model = bars[0], two_target_regressor
    compressed = export.compress(model)
    assert sum(compressed.channels) <= sum(model.channels)
    assert_close(compressed.predict(X), model.predict(X), model)
    assert_close(export.to_numpy(compressed).predict(X), model.predict(X), model)


def test_onnx_file_gives_targets_in_their_unit(bars, model, tmp_path):
    onnxruntime = pytest.importorskip("onnxruntime")
    X, _ = bars
    path = tmp_path / "bars.onnx"
    export.to_onnx(model, path)
    session = onnxruntime.InferenceSession(path)
    (found,) = session.run(["variable"], {"X": X.reshape(len(X), -1)})
    assert found.shape == (len(X), model.n_outputs_)
    assert_close(found, model.predict(X).reshape(len(X), -1), model, tolerance=1e-4)
    assert session.get_modelmeta().custom_metadata_map["n_outputs"] == str(model.n_outputs_)
    with pytest.raises(ValueError, match="for classifiers"):
        export.to_onnx(model, path, quantize="int8", calibration=X)


def test_onnx_file_of_targets_beyond_float32_is_refused(bars, tmp_path):
    pytest.importorskip("onnxruntime")
    X, y = bars
    huge = regressor(max_iter=1, finetune_iter=0).fit(X, 1e200 * y)
    with pytest.raises(ValueError, match="out of the range of float32"):
        export.to_onnx(huge, tmp_path / "bars.onnx")


def test_onnx_pipeline_predicts_the_same(bars, tmp_path):
    onnxruntime = pytest.importorskip("onnxruntime")
    pytest.importorskip("skl2onnx")
    X, y = bars
    X = X.reshape(len(X), -1).astype(np.float32)
    pipeline = make_pipeline(MaxAbsScaler(), regressor(max_iter=2)).fit(X, y)
    export.to_onnx(pipeline, tmp_path / "bars.onnx")
    (found,) = onnxruntime.InferenceSession(tmp_path / "bars.onnx").run(None, {"X": X})
    assert_close(found[:, 0], pipeline.predict(X), pipeline[-1], tolerance=1e-4)


def test_page_of_classes_refuses_a_regressor(thickness_regressor, tmp_path):
    with pytest.raises(TypeError, match=r"SparseCurveCNNClassifier.*got a fitted SparseCurveCNNRegressor"):
        export.to_html(thickness_regressor, tmp_path / "page.html")
    assert not list(tmp_path.iterdir())


def test_attributions_add_up_to_the_prediction(bars, two_target_regressor):
    X, _ = bars
    blank = np.zeros_like(X[:1])
    for target in range(2):
        found = integrated_gradients(two_target_regressor, X[:3], target=target, tol=1e-3)
        change = (two_target_regressor.predict(X[:3]) - two_target_regressor.predict(blank))[:, target]
        np.testing.assert_allclose(
            found.sum(axis=(1, 2)), change, atol=2e-2 * two_target_regressor.target_scale_[target]
        )


@pytest.mark.parametrize("target", [None, 2, -1, True, "a", 0.5])
def test_attributions_of_no_target_are_refused(bars, two_target_regressor, target):
    with pytest.raises(ValueError, match="target must be the number of one of 2 targets"):
        integrated_gradients(two_target_regressor, bars[0][:1], target=target)


def test_attribution_display_titles_predictions_and_truths(bars, thickness_regressor):
    X, y = bars
    display = AttributionDisplay.from_estimator(thickness_regressor, X, y, n_images=2)
    predicted = thickness_regressor.predict(X[:2])
    assert display.titles == [f"{p:.3g}\ntrue: {t:.3g}" for p, t in zip(predicted, y, strict=False)]


def test_displays_and_report_take_a_regressor(bars, thickness_regressor, two_target_regressor):
    X, y = bars
    stopped = regressor(early_stopping=True, max_iter=2, finetune_iter=1).fit(X, y)
    labels = [ax.get_ylabel() for ax in TrainingCurveDisplay.from_estimator(stopped).axes_]
    assert labels[:2] == ["squared error / variance", "validation R²"]
    assert WeightsDisplay.from_estimator(two_target_regressor, layer="fc").weights.shape == (2, 16, 2, 2)
    assert "weights" in repr(NetworkReport.from_estimator(thickness_regressor))
    path = sparsity_path(X, y, estimator=regressor(max_iter=2, finetune_iter=1), sparsities=[0, 0.5])
    assert SparsityPathDisplay.from_path(path, X, y).ax_.get_ylabel() == "R²"
