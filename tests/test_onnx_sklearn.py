"""Classifiers as parts of what skl2onnx converts."""

import warnings

import numpy as np
import onnx
import onnxruntime
import pytest
from classifiers import own_network, quick, small
from conftest import make_stripes
from sklearn.decomposition import PCA
from sklearn.ensemble import VotingClassifier
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import FeatureUnion, make_pipeline
from sklearn.preprocessing import FunctionTransformer, MaxAbsScaler, MinMaxScaler, StandardScaler
from test_onnx import fitted_on, run

from sparsecnn import SparseCurveCNNClassifierCV
from sparsecnn.export import register_skl2onnx, to_onnx

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # what it imports is deprecated
    import skl2onnx


@pytest.fixture(scope="module")
def rows():
    """Flat images as float32, and labels."""
    X, y = make_stripes(120, random_state=0)
    return X.reshape(120, -1).astype(np.float32), y


@pytest.fixture(scope="module")
def classifier(rows):
    return small(max_iter=3).fit(*rows)


def convert(estimator, X, **options):
    """Return what skl2onnx makes of an estimator, computed in onnxruntime."""
    register_skl2onnx()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = skl2onnx.to_onnx(estimator, X[:1], **options)
    onnx.checker.check_model(model, full_check=True)
    assert {node.domain for node in model.graph.node} <= {"", "ai.onnx.ml"}
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return lambda X: session.run(None, {"X": X})


@pytest.mark.parametrize("scaler", [StandardScaler, MaxAbsScaler, FunctionTransformer])
def test_pipeline_of_arrays_gives_the_same_answers(scaler, rows, tmp_path):
    X, y = rows
    pipeline = make_pipeline(scaler(), small(max_iter=3)).fit(X, y)
    to_onnx(pipeline, tmp_path / "a.onnx")
    for part in (slice(1), slice(None)):
        label, probabilities = run(tmp_path / "a.onnx", X[part])
        np.testing.assert_allclose(probabilities, pipeline.predict_proba(X[part]), atol=1e-5)
        assert (label == pipeline.predict(X[part])).all()
    model = onnx.load(tmp_path / "a.onnx")
    onnx.checker.check_model(model, full_check=True)
    assert {entry.domain for entry in model.opset_import} <= {"", "ai.onnx.ml"}
    assert model.producer_name == "sparsecnn"


def test_pipeline_of_bytes_gives_the_same_answers(rows, tmp_path):
    X, y = rows
    X = X.astype(np.uint8)
    pipeline = make_pipeline(FunctionTransformer(), small(max_iter=3)).fit(X, y)
    to_onnx(pipeline, tmp_path / "a.onnx", dtype="uint8")
    np.testing.assert_allclose(run(tmp_path / "a.onnx", X)[1], pipeline.predict_proba(X), atol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("opset", [18, 21, None])
def test_skl2onnx_gives_the_same_answers_in_every_opset(opset, classifier, rows):
    X, _ = rows
    run = convert(make_pipeline(FunctionTransformer(), classifier), X, target_opset=opset)
    label, probabilities = run(X)
    found = np.array([[row[name] for name in classifier.classes_] for row in probabilities])  # as dicts
    np.testing.assert_allclose(found, classifier.predict_proba(X), atol=1e-5)
    assert (label == classifier.predict(X)).all()


def test_older_opset_is_refused(classifier, rows):
    with pytest.raises(ValueError, match="target_opset must be at least 18"):
        convert(classifier, rows[0], target_opset=15)


@pytest.mark.slow
def test_input_of_any_number_type(classifier, rows):
    X, _ = rows
    for dtype in (np.uint8, np.int64, np.float64):
        run = convert(classifier, X.astype(dtype), options={"zipmap": False})
        probabilities = run(X.astype(dtype))[1]
        assert probabilities.dtype == np.float32
        np.testing.assert_allclose(probabilities, classifier.predict_proba(X), atol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("classes", [[False, True], [3, 5], [1.0, 2.0], ["a", "b"]], ids=str)
@pytest.mark.parametrize("zipmap", [True, False, "columns"])
def test_labels_of_every_kind(classes, zipmap, rows):
    X, y = rows
    y = np.asarray(classes)[(y == "down").astype(int)]
    classifier = fitted_on(own_network(), X, y)
    label, *rest = convert(classifier, X, options={"zipmap": zipmap})(X)
    assert (label == classifier.predict(X)).all()
    if zipmap == "columns":
        np.testing.assert_allclose(np.stack(rest, axis=1), classifier.predict_proba(X), atol=1e-5)


def test_classes_may_be_left_out(classifier, rows):
    X, _ = rows
    label = convert(classifier, X, options={"zipmap": False, "nocl": True})(X)[0]
    assert (classifier.classes_[label] == classifier.predict(X)).all()


@pytest.mark.slow
def test_networks_side_by_side_in_one_graph(rows):
    X, y = rows
    networks = [("a", small(max_iter=3)), ("b", small(channels=(2, 3, 4), max_iter=3))]
    voting = VotingClassifier(networks, voting="soft", flatten_transform=False).fit(X, y)
    label, probabilities = convert(voting, X, options={"zipmap": False})(X)
    np.testing.assert_allclose(probabilities, voting.predict_proba(X), atol=1e-5)
    assert (label == voting.predict(X)).all()


@pytest.mark.slow
def test_searches_are_converted(rows, tmp_path):
    X, y = rows
    path = SparseCurveCNNClassifierCV(quick(max_iter=2, finetune_iter=1), sparsities=2, cv=2).fit(X, y)
    probabilities = convert(path, X, options={"zipmap": False})(X)[1]
    np.testing.assert_allclose(probabilities, path.predict_proba(X), atol=1e-5)
    grid = GridSearchCV(small(max_iter=2), {"channels": [(2, 2, 2), (3, 4, 5)]}, cv=2)
    pipeline = make_pipeline(StandardScaler(), grid).fit(X, y)
    to_onnx(pipeline, tmp_path / "a.onnx")
    np.testing.assert_allclose(run(tmp_path / "a.onnx", X)[1], pipeline.predict_proba(X), atol=1e-5)


@pytest.mark.slow
def test_pipelines_within_pipelines_give_the_same_answers(rows, tmp_path):
    X, y = rows
    inner = make_pipeline("passthrough", MinMaxScaler(), small(max_iter=2))
    pipeline = make_pipeline("passthrough", make_pipeline(PCA(100, random_state=0)), inner).fit(X, y)
    to_onnx(pipeline, tmp_path / "a.onnx")
    np.testing.assert_allclose(run(tmp_path / "a.onnx", X)[1], pipeline.predict_proba(X), atol=1e-5)


def test_pipeline_that_skl2onnx_cannot_convert_is_refused(rows, tmp_path):
    X, y = rows
    union = FeatureUnion([("same", FunctionTransformer(np.negative))])
    pipeline = make_pipeline(union, small(max_iter=1)).fit(X, y)
    with pytest.raises(ValueError, match=r"skl2onnx cannot convert this pipeline: .*FunctionTransformer"):
        to_onnx(pipeline, tmp_path / "a.onnx")
    assert not list(tmp_path.iterdir())
