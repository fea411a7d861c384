"""Fitted classifiers as ONNX files: the same answers in onnxruntime, in one file of standard operators."""

import json
import logging
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from chains import random_network
from classifiers import OwnNetwork, own_network, quick, small
from conftest import make_stripes
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.tree import DecisionTreeClassifier
from torch import nn

from sparsecnn import BinaryActivation, SparseCurveCNNClassifier, SparseCurveCNNClassifierCV
from sparsecnn.export import compress, to_onnx
from sparsecnn.preprocessing import CurveImageTransformer

ROOT = str(Path(__file__).parent.parent)


def run(path, X):
    """Return labels and probabilities of images in onnxruntime."""
    X = np.reshape(X, (len(X), np.prod(np.shape(X)[1:], dtype=int)))
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    (given,) = session.get_inputs()
    assert given.name == "X"
    assert [output.name for output in session.get_outputs()] == ["label", "probabilities"]
    dtype = {"tensor(uint8)": np.uint8, "tensor(float)": np.float32}[given.type]
    return session.run(None, {"X": X.astype(dtype)})


def assert_same(path, classifier, X, atol=1e-5):
    """Check one file against its classifier: batches of any size, and what the file consists of."""
    expected = classifier.predict_proba(X)
    for part in (slice(1), slice(2), slice(None)):
        label, probabilities = run(path, X[part])
        np.testing.assert_allclose(probabilities, expected[part], atol=atol)
        assert probabilities.dtype == np.float32
        assert label.tolist() == classifier.classes_[probabilities.argmax(1)].tolist()
        assert label.dtype in (np.int64, object)
    labels = run(path, X)[0]
    assert np.mean(labels == classifier.predict(X)) > 0.99
    data = path.read_bytes()
    model = onnx.load_model_from_string(data)
    onnx.checker.check_model(model, full_check=True)
    assert [(entry.domain, entry.version) for entry in model.opset_import] == [("", 18)]
    assert {node.domain for node in model.graph.node} == {""}
    assert model.graph.input[0].type.tensor_type.shape.dim[0].dim_param == "batch"
    for word in (ROOT, os.path.expanduser("~"), ".py", "torch", "File"):
        assert word.encode() not in data


def fitted_on(module, X, y, **params):
    """Return a classifier whose fitted network is `module` itself, without training."""
    classifier = small(module=module, max_iter=1, finetune_iter=0, penalty=None, **params).fit(X, y)
    classifier.module_ = module.float().eval()
    return classifier


@pytest.fixture(scope="module")
def many():
    """Images and labels of three classes, 256 of them."""
    X, y = make_stripes(256, random_state=3)
    return X, np.where(np.arange(256) % 5 == 0, "none", y)


@pytest.fixture(scope="module")
def fitted(many):
    return quick(channels=(6, 12, 12), penalized="all", target_sparsity=0.95, max_iter=10).fit(*many)


def test_sparse_network_gives_the_same_answers(fitted, many, tmp_path):
    X, _ = many
    to_onnx(fitted, tmp_path / "a.onnx")
    assert_same(tmp_path / "a.onnx", fitted, X)
    assert run(tmp_path / "a.onnx", np.empty((0, 256)))[1].shape == (0, 3)
    assert os.listdir(tmp_path) == ["a.onnx"]
    model = onnx.load(tmp_path / "a.onnx")
    facts = {entry.key: json.loads(entry.value) for entry in model.metadata_props}
    assert facts == {"classes": ["across", "down", "none"], "image_shape": [16, 16]}
    assert model.producer_name == "sparsecnn"
    filters = [len(tensor.dims) == 4 and tensor.dims[0] for tensor in model.graph.initializer]
    assert tuple(filter(None, filters)) == compress(fitted).channels  # without dead channels
    assert sum(compress(fitted).channels) < 30
    assert {node.op_type for node in model.graph.node} & {"Conv", "MaxPool"} == {"Conv", "MaxPool"}


@pytest.mark.slow
def test_compressed_classifier_gives_the_same_file(fitted, many, tmp_path):
    X, _ = many
    compressed = compress(fitted)
    to_onnx(compressed, tmp_path / "a.onnx")
    to_onnx(fitted, tmp_path / "b.onnx")
    assert_same(tmp_path / "a.onnx", compressed, X)
    assert (tmp_path / "a.onnx").stat().st_size == pytest.approx(
        (tmp_path / "b.onnx").stat().st_size, rel=0.02
    )


@pytest.mark.slow
def test_same_estimator_gives_the_same_bytes(fitted, tmp_path):
    for name in "ab":
        to_onnx(fitted, tmp_path / name)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


@pytest.mark.slow
@pytest.mark.parametrize(
    "params",
    [
        {"batch_norm": False},
        {"kernel_size": 5, "channels": (3, 5, 7)},
        {"activation": "binary"},
        {"activation": BinaryActivation("hard_tanh"), "batch_norm": False},
    ],
    ids=str,
)
def test_options_of_the_network_give_the_same_answers(params, many, tmp_path):
    X, y = many
    classifier = small(**params).fit(X, y)
    to_onnx(classifier, tmp_path / "a.onnx")
    # Rounding may turn a bit that is next to 0.
    label, probabilities = run(tmp_path / "a.onnx", X)
    expected = classifier.predict_proba(X)
    if "activation" not in params:
        assert_same(tmp_path / "a.onnx", classifier, X)
    assert np.mean(np.abs(probabilities - expected).max(1) <= 1e-5) > 0.98
    assert np.mean(label == classifier.predict(X)) > 0.98


@pytest.mark.slow
@pytest.mark.parametrize(
    ("shape", "dtype"),
    [((1, 60), np.float64), ((1, 60), np.float32), ((60, 1), np.float32), ((16, 21), np.uint8)],
    ids=str,
)
def test_other_image_shapes_give_the_same_answers(shape, dtype, tmp_path):
    rng = np.random.default_rng(0)
    y = rng.integers(2, size=200)
    X = rng.normal(size=(200, *shape)) * 0.3 + y[:, None, None]
    X = np.clip(60 * (X + 1), 0, 255).astype(np.uint8) if dtype == np.uint8 else X.astype(dtype)
    classifier = small(max_iter=3).fit(X, y)
    to_onnx(classifier, tmp_path / "a.onnx")
    # A network of float64 sees float32 here.
    assert_same(tmp_path / "a.onnx", classifier, X, atol=1e-4 if dtype == np.float64 else 1e-5)


def convertible(seed):
    """Return whether a random network reads images of one channel, and ONNX has its layers."""
    module, _, n_channels = random_network(seed)
    return n_channels == 1 and not any(isinstance(layer, nn.AdaptiveMaxPool2d) for layer in module)


@pytest.mark.slow
@pytest.mark.parametrize("seed", list(filter(convertible, range(30)))[:8])
def test_random_chains_give_the_same_answers(seed, tmp_path):
    module, shape, _ = random_network(seed)
    rng = np.random.default_rng(seed)
    X = rng.integers(0, 256, (40, *shape), dtype=np.uint8)
    classifier = fitted_on(module, X, rng.permutation(np.arange(40) % 3))
    to_onnx(classifier, tmp_path / "a.onnx")
    assert_same(tmp_path / "a.onnx", classifier, X, atol=3e-5)


@pytest.mark.parametrize("size", [1, (4, 2), 5])
def test_adaptive_pooling_is_converted_where_onnx_has_it(size, stripes, tmp_path):
    X, y = stripes
    layers = [
        nn.Conv2d(1, 3, 3, padding=1),
        nn.AdaptiveMaxPool2d(size),
        nn.ReLU(),
        nn.Flatten(),
        nn.LazyLinear(2),
    ]
    module = nn.Sequential(*layers)
    module(torch.zeros(1, 1, 16, 16))
    classifier = fitted_on(module, X, y)
    if size == 5:  # windows of unequal sides
        with pytest.raises(ValueError, match=r"Sequential cannot be written as ONNX: .*adaptive_max_pool2d"):
            to_onnx(classifier, tmp_path / "a.onnx")
    else:
        to_onnx(classifier, tmp_path / "a.onnx")
        assert_same(tmp_path / "a.onnx", classifier, X)


class Residual(nn.Module):
    """A network that is no chain."""

    def __init__(self):
        super().__init__()
        self.first = nn.Conv2d(1, 4, 3, padding=1)
        self.norm = nn.BatchNorm2d(4)
        self.second = nn.Conv2d(4, 4, 3, padding=1)
        self.out = nn.Linear(8, 2)

    def forward(self, x):
        x = self.norm(self.first(x)).relu()
        x = x + self.second(x).relu()
        return self.out(torch.cat([x.mean((2, 3)), x.amax((2, 3))], dim=1))


@pytest.mark.parametrize("module", [Residual, own_network], ids=["residual", "own chain"])
def test_own_module_gives_the_same_answers(module, stripes, tmp_path):
    X, y = stripes
    classifier = small(module=module(), max_iter=3).fit(X, y)
    to_onnx(classifier, tmp_path / "a.onnx", dtype=np.float32)
    assert_same(tmp_path / "a.onnx", classifier, X)


@pytest.mark.parametrize(
    ("classes", "expected"),
    [
        ([False, True], [0, 1]),
        ([0, 1], [0, 1]),
        ([-3, 7], [-3, 7]),
        (np.array([2, 250], dtype=np.uint8), [2, 250]),
        ([1.0, 2.0], [1, 2]),
        (["<\"é'>", "字\n\0x"], ["<\"é'>", "字\n\0x"]),
        (np.array(["a", "b"], dtype=object), ["a", "b"]),
    ],
    ids=str,
)
def test_labels_are_those_of_predict(classes, expected, stripes, tmp_path):
    X, y = stripes
    classifier = fitted_on(own_network(), X, np.asarray(classes)[(y == "down").astype(int)])
    to_onnx(classifier, tmp_path / "a.onnx")
    assert_same(tmp_path / "a.onnx", classifier, X)
    labels = run(tmp_path / "a.onnx", X)[0]
    assert set(labels.tolist()) <= set(expected)
    assert (labels == classifier.predict(X)).all()


@pytest.mark.parametrize("classes", [[b"a", b"b"], [0.5, 1.5], ["a", "\ud800"], [0, 2**70]], ids=repr)
def test_classes_that_onnx_cannot_hold_are_named(classes, stripes, tmp_path):
    X, y = stripes
    classifier = fitted_on(own_network(), X, y)
    classifier.classes_ = np.array(classes, dtype=object)
    with pytest.raises(ValueError, match=r"classes .* neither text nor whole numbers"):
        to_onnx(classifier, tmp_path / "a.onnx")
    assert os.listdir(tmp_path) == []


@pytest.mark.slow
def test_dtype_is_that_of_the_fit_unless_given(fitted, many, tmp_path):
    X, y = many
    to_onnx(fitted, tmp_path / "bytes.onnx")
    to_onnx(fitted, tmp_path / "floats.onnx", dtype="float32")
    np.testing.assert_array_equal(run(tmp_path / "bytes.onnx", X)[1], run(tmp_path / "floats.onnx", X)[1])
    ink = X.reshape(len(X), -1) / np.float32(255)
    classifier = fitted_on(own_network(), ink[:60], y[:60] == "down")
    to_onnx(classifier, tmp_path / "ink.onnx")
    assert_same(tmp_path / "ink.onnx", classifier, ink)
    with pytest.raises(ValueError, match=r"dtype='uint8' is for pixels up to 255, but .* went up to 1: use"):
        to_onnx(classifier, tmp_path / "b.onnx", dtype="uint8")
    with pytest.raises(ValueError, match="dtype must be 'uint8' or 'float32', got 'float64'"):
        to_onnx(classifier, tmp_path / "b.onnx", dtype="float64")


def test_images_of_another_shape_are_refused_by_the_file(fitted, many, tmp_path):
    to_onnx(fitted, tmp_path / "a.onnx")
    with pytest.raises(Exception, match="Got: 128 Expected: 256"):
        run(tmp_path / "a.onnx", many[0].reshape(512, 128))


def test_denormal_weights_become_zero(stripes, tmp_path):
    classifier = fitted_on(own_network(), *stripes)
    with torch.no_grad():
        classifier.module_.hidden.weight[:, ::2] = 1e-39
    to_onnx(classifier, tmp_path / "a.onnx")
    for tensor in onnx.load(tmp_path / "a.onnx").graph.initializer:
        values = onnx.numpy_helper.to_array(tensor)
        assert values.dtype.kind != "f" or not ((values != 0) & (np.abs(values) < 1e-30)).any()
    assert_same(tmp_path / "a.onnx", classifier, stripes[0])


@pytest.mark.slow
def test_searches_give_their_best_estimator(stripes, tmp_path):
    X, y = stripes
    grid = GridSearchCV(small(max_iter=2), {"channels": [(2, 2, 2), (3, 4, 5)]}, cv=2).fit(X, y)
    path = SparseCurveCNNClassifierCV(quick(max_iter=2, finetune_iter=1), sparsities=2, cv=2).fit(X, y)
    for search in (grid, path, make_pipeline("passthrough", grid)):
        to_onnx(search, tmp_path / "a.onnx")
        assert_same(tmp_path / "a.onnx", search, X.reshape(len(X), -1))


def test_pipeline_that_reads_files_is_refused(fitted, tmp_path):
    pipeline = make_pipeline(CurveImageTransformer((16, 16)), fitted)
    for estimator in (pipeline, make_pipeline("passthrough", pipeline)):
        with pytest.raises(ValueError, match=r"CurveImageTransformer.*to_onnx\(pipeline\[-1\], path\)"):
            to_onnx(estimator, tmp_path / "a.onnx")


def test_wrong_estimators_are_refused(fitted, stripes, tmp_path):
    X, y = stripes
    with pytest.raises(NotFittedError):
        to_onnx(SparseCurveCNNClassifier(), tmp_path / "a.onnx")
    with pytest.raises(TypeError, match="DecisionTreeClassifier"):
        to_onnx(DecisionTreeClassifier().fit(X.reshape(len(X), -1), y), tmp_path / "a.onnx")
    with pytest.raises(TypeError, match="CurveCNN"):
        to_onnx(fitted.module_, tmp_path / "a.onnx")


def test_wrong_paths_are_refused(fitted, tmp_path):
    with pytest.raises(IsADirectoryError, match="folder"):
        to_onnx(fitted, tmp_path)
    with pytest.raises(FileNotFoundError, match="missing"):
        to_onnx(fitted, tmp_path / "missing" / "a.onnx")


class OnlySometimes(OwnNetwork):
    """A network whose layers depend on the image."""

    def forward(self, x):
        return super().forward(x if x.sum() > 0 else 2 * x)


class OtherAlone(OwnNetwork):
    """A network that treats a single image in another way."""

    def forward(self, x):
        return super().forward(x) * (3 if len(x) == 1 else 1)


class Interrupted(OwnNetwork):
    armed = False

    def forward(self, x):
        if self.armed:
            raise KeyboardInterrupt
        return super().forward(x)


@pytest.mark.parametrize("kind", [OnlySometimes, OtherAlone])
def test_failed_export_leaves_the_old_file(kind, stripes, tmp_path):
    (tmp_path / "a.onnx").write_bytes(b"old")
    classifier = small(module=kind(), max_iter=1).fit(*stripes)
    with pytest.raises(ValueError, match=f"The network {kind.__name__} cannot be written as ONNX"):
        to_onnx(classifier, tmp_path / "a.onnx")
    assert (tmp_path / "a.onnx").read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["a.onnx"]


def test_interrupted_export_leaves_the_old_file(stripes, tmp_path):
    (tmp_path / "a.onnx").write_bytes(b"old")
    classifier = small(module=Interrupted(), max_iter=1).fit(*stripes)
    classifier.module_.armed = True
    with pytest.raises(KeyboardInterrupt):
        to_onnx(classifier, tmp_path / "a.onnx")
    assert (tmp_path / "a.onnx").read_bytes() == b"old"


def test_networks_that_give_no_numbers_are_refused(stripes, tmp_path):
    classifier = fitted_on(own_network(), *stripes)
    with torch.no_grad():
        classifier.module_.out.bias[0] = np.nan
    with pytest.raises(ValueError, match="NaN or infinite"):
        to_onnx(classifier, tmp_path / "a.onnx")


def test_export_changes_neither_estimator_nor_surroundings(fitted, many, tmp_path, capfd):
    before = {name: value.clone() for name, value in fitted.module_.state_dict().items()}
    root, torch_log = logging.getLogger(), logging.getLogger("torch.onnx")
    state = (list(root.handlers), list(root.filters), root.level, torch_log.level, torch.get_rng_state())
    with torch.inference_mode():
        to_onnx(fitted, tmp_path / "a.onnx")
        to_onnx(fitted, tmp_path / "b.onnx", quantize="int8", calibration=many[0])
    after = (list(root.handlers), list(root.filters), root.level, torch_log.level, torch.get_rng_state())
    assert state[:4] == after[:4]
    assert state[4].equal(after[4])
    assert capfd.readouterr() == ("", "")
    assert all(fitted.module_.state_dict()[name].equal(value) for name, value in before.items())
    assert sorted(os.listdir(tmp_path)) == ["a.onnx", "b.onnx"]


@pytest.mark.slow
@pytest.mark.parametrize("missing", ["onnx", "onnxscript", "onnxruntime"])
def test_missing_package_names_the_extra(missing, tmp_path):
    code = f"""
import sys
sys.modules[{missing!r}] = None
import numpy as np
from sparsecnn import SparseCurveCNNClassifier
from sparsecnn.export import to_onnx
X = np.random.default_rng(0).random((8, 16, 16))
classifier = SparseCurveCNNClassifier(lam=0, channels=(1, 1, 1), max_iter=1).fit(X, [0, 1] * 4)
to_onnx(classifier, {str(tmp_path / "a.onnx")!r})
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stderr.splitlines()[-1].endswith("onnxruntime: pip install sparsecnn[onnx].")
    assert os.listdir(tmp_path) == []


@pytest.mark.slow
def test_import_does_not_load_onnx():
    code = (
        "import sys, sparsecnn.export; print([n for n in sys.modules if n.startswith(('onnx', 'skl2onnx'))])"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "[]\n"
