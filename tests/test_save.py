"""Estimators in files: the same when they are loaded."""

import warnings

import numpy as np
import pandas as pd
import pytest
import safetensors
import torch
from chains import random_network
from classifiers import OwnNetwork, own_network, quick
from conftest import make_stripes
from saved import assert_same_network, assert_same_params, description
from sklearn.base import clone
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import BaggingClassifier, VotingClassifier
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from torch import nn

from sparsecnn import (
    BinaryActivation,
    CurveAugmentation,
    CurveImageTransformer,
    SparseCurveCNNClassifier,
    SparseCurveCNNClassifierCV,
    inference,
    penalties,
)
from sparsecnn.binarization import binarize
from sparsecnn.datasets import make_shaky_spirals
from sparsecnn.export import compress, load, save, to_numpy
from sparsecnn.export._save import to_bytes
from sparsecnn.inspection import NetworkReport

X, Y = make_stripes(60, random_state=0)
FLAT = X.reshape(60, -1)


@pytest.fixture(scope="module")
def sparse():
    return quick(penalized="all").fit(X, Y)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "network.safetensors"


def saved_and_loaded(estimator, path, X=X, **options):
    """Return what is loaded, which predicts the same bit for bit, with numpy within 1e-5."""
    save(estimator, path)
    loaded = load(path, **options)
    np.testing.assert_array_equal(loaded.predict_proba(X), estimator.predict_proba(X))
    labels = loaded.predict(X)
    assert labels.dtype == estimator.predict(X).dtype
    np.testing.assert_array_equal(labels, estimator.predict(X))
    if not options:
        np.testing.assert_allclose(inference.load(path).predict_proba(X), loaded.predict_proba(X), atol=1e-5)
    return loaded


FITS = {
    "dense": {"penalty": None},
    "sparse": {"penalized": "all", "target_sparsity": 0.8},
    "groups": {"penalty": "group_l0", "penalized": "all", "target_macs": 0.4, "channels": (8, 16, 16)},
    "binary": {"penalty": penalties.Binary(), "penalized": "hidden", "activation": "binary"},
    "ternary": {"penalty": penalties.Ternary(), "lam": 1e-3, "penalized": "all"},
    "object": {"penalty": penalties.TransformedL1(a=0.5), "augment": CurveAugmentation(flip=True)},
    "activation": {"activation": BinaryActivation("hard_tanh"), "class_weight": {"down": 2, "across": 1.5}},
    "other": {"channels": [4, 5, 6], "kernel_size": 5, "batch_norm": False, "random_state": np.int64(3)},
    "searched": {
        "target_sparsity": np.float64(0.7),
        "channels": np.array([4, 4, 4]),
        "device": torch.device("cpu"),
    },
    "stopped": {"early_stopping": True, "validation_fraction": 0.3, "max_iter": 3, "n_iter_no_change": 2},
}


@pytest.mark.parametrize("params", FITS.values(), ids=FITS)
def test_load_returns_what_was_saved(params, path):
    fitted = quick(batch_size=16, **params).fit(X, Y)
    loaded = saved_and_loaded(fitted, path)
    assert_same_network(fitted.module_, loaded.module_)
    assert_same_params(fitted, loaded)
    assert_same_params(clone(fitted), clone(loaded))
    left_out = {"history_", "loss_curve_", "_view_names"}
    left_out |= {"validation_scores_"} if fitted.early_stopping else set()
    assert vars(fitted).keys() - vars(loaded).keys() == left_out
    assert vars(loaded).keys() <= vars(fitted).keys()
    for name in (
        vars(fitted).keys() - left_out - {"module_", "_network_spec", "augment_", *fitted.get_params()}
    ):
        assert np.array_equal(getattr(fitted, name), getattr(loaded, name)) or name == "_background", name
    assert abs(fitted._background - loaded._background) < 1e-4
    assert str(fitted.augment_) == str(loaded.augment_)
    assert not fitted._network_spec.changed(loaded._network_spec)
    assert (loaded.sparsity_, loaded.layer_sparsity_) == (fitted.sparsity_, fitted.layer_sparsity_)


def test_loaded_classifier_compresses_reports_trains_and_is_saved_again(sparse, path, tmp_path):
    loaded = saved_and_loaded(sparse, path)
    again = tmp_path / "again.safetensors"
    save(loaded, again)
    assert again.read_bytes() == path.read_bytes()
    np.testing.assert_array_equal(compress(loaded).predict_proba(X), compress(sparse).predict_proba(X))
    report = NetworkReport.from_estimator(loaded)
    assert str(report) == str(NetworkReport.from_estimator(sparse))
    np.testing.assert_array_equal(
        loaded.set_params(warm_start=True).fit(X, Y).predict_proba(X),
        clone(sparse).fit(X, Y).set_params(warm_start=True).fit(X, Y).predict_proba(X),
    )
    assert np.array_equal(load(path).partial_fit(X, Y).classes_, sparse.classes_)


def test_training_goes_on_from_a_file_only_with_the_same_parameters(sparse, path):
    save(sparse, path)
    with pytest.raises(ValueError, match="kernel_size changed since"):
        load(path).set_params(kernel_size=5).partial_fit(X, Y)


@pytest.mark.parametrize("first", [{}, {"penalty": "group_l0", "target_macs": 0.4, "channels": (8, 16, 16)}])
def test_compressed_classifier_is_stored_with_its_layers(first, path):
    compressed = compress(quick(penalized="all", **first).fit(X, Y))
    loaded = saved_and_loaded(compressed, path)
    assert_same_network(compressed.module_, loaded.module_)
    assert loaded.layer_lam_ == compressed.layer_lam_
    assert_same_params(compressed, loaded)
    assert clone(loaded).fit(X, Y).sparsity_ == 0


def test_binarized_classifier_is_stored_with_its_layers(path):
    pruned = quick(penalty="group_l0", penalized="all", target_macs=0.4, channels=(8, 16, 16)).fit(X, Y)
    binary = binarize(pruned, X, Y)
    loaded = saved_and_loaded(binary, path)
    assert_same_network(binary.module_, loaded.module_)
    assert loaded.module is loaded.module_
    compressed = saved_and_loaded(compress(binary), path)
    assert compressed.module is compressed.module_
    assert compressed.partial_fit(X, Y).n_iter_ == 1


def test_double_precision_is_kept(path):
    rng = np.random.default_rng(0)
    curves = rng.normal(size=(60, 40))
    classifier = quick().fit(curves, Y)
    loaded = saved_and_loaded(classifier, path, curves)
    assert loaded.module_.fc.weight.dtype == torch.float64


@pytest.mark.parametrize(
    "labels",
    [
        np.array(["é", "日本", "<b>\"' \\ 😀"]),
        np.array(["a", "b", "c"], dtype="U9"),
        np.array(["a", "b", "c"], dtype=object),
        np.array(["0" * 64, "1", "2"]),
        np.array([-5, 0, 2**62]),
        np.array([1, 2, 3], dtype=np.uint8),
        np.array([0.0, 1.0, -3.0], dtype=np.float32),
        np.array([-5.0, 0.0, 2.0**40]),
    ],
    ids=str,
)
def test_class_labels_keep_their_type(labels, path):
    classifier = quick(max_iter=1, finetune_iter=0).fit(X, labels[np.arange(60) % 3])
    loaded = saved_and_loaded(classifier, path)
    assert loaded.classes_.dtype == classifier.classes_.dtype
    assert loaded.classes_.tolist() == classifier.classes_.tolist()
    assert list(map(type, loaded.classes_.tolist())) == list(map(type, classifier.classes_.tolist()))
    assert inference.load(path).predict(X).dtype == classifier.classes_.dtype


def test_truth_values_are_labels(path):
    loaded = saved_and_loaded(quick(max_iter=1).fit(X, Y == "down"), path)
    assert loaded.classes_.dtype == bool


@pytest.mark.parametrize("named", ["pixel_{}_{}", "column {} {}"])
def test_column_names_are_kept(named, path):
    frame = pd.DataFrame(FLAT, columns=[named.format(i // 16, i % 16) for i in range(256)])
    classifier = quick(max_iter=1, image_shape=(16, 16)).fit(frame, Y)
    loaded = saved_and_loaded(classifier, path, frame)
    np.testing.assert_array_equal(loaded.feature_names_in_, classifier.feature_names_in_)
    with pytest.raises(ValueError, match="columns that the network was trained on"):
        inference.load(path).predict(frame[frame.columns[::-1]])
    assert (len(path.read_bytes()) < 4000) == ("pixel" in named)


def test_pipeline_with_transformer_is_stored(path):
    pages, labels = make_shaky_spirals(60, image_shape=(32, 32), return_X_y=True, random_state=0)
    pipeline = make_pipeline(CurveImageTransformer((16, 16), margin=0.1, dtype="uint8"), quick()).fit(
        pages, labels
    )
    save(pipeline, path)
    loaded = load(path)
    np.testing.assert_array_equal(loaded.predict_proba(pages), pipeline.predict_proba(pages))
    assert [name for name, _ in loaded.steps] == [name for name, _ in pipeline.steps]
    assert str(loaded[0].get_params()) == str(pipeline[0].get_params())
    assert (loaded[0].input_shape_, loaded[0].n_features_in_) == ((32, 32), 1024)
    alone = inference.load(path)
    assert alone.transformer_ == {"image_shape": [16, 16], "margin": 0.1, "dtype": "uint8"}
    ink = pipeline[0].transform(pages)
    np.testing.assert_allclose(alone.predict_proba(ink), pipeline.predict_proba(pages), atol=1e-5)


def test_ink_found_in_fit_is_stored(path):
    drawn = make_shaky_spirals(60, image_shape=(64, 64), random_state=0)
    forms = 255 - np.stack([drawn.images, drawn.images, 0 * drawn.images], -1)  # blue on white
    forms[:, ::16] = 0
    pipeline = make_pipeline(CurveImageTransformer((16, 16), ink="auto"), quick()).fit(forms, drawn.target)
    save(pipeline, path)
    loaded = load(path)
    assert loaded[0].ink_ == pipeline[0].ink_ == "pen"
    np.testing.assert_array_equal(loaded.predict_proba(forms), pipeline.predict_proba(forms))


def test_searches_are_stored_as_their_best_estimator(path, sparse):
    search = SparseCurveCNNClassifierCV(quick(batch_size=8), sparsities=[0, 0.5], cv=2).fit(X, Y)
    loaded = saved_and_loaded(search, path)
    assert type(loaded) is SparseCurveCNNClassifier
    assert loaded.target_sparsity == search.best_estimator_.target_sparsity
    grid = GridSearchCV(quick(max_iter=2, batch_size=8), {"penalized": ["fc", "all"]}, cv=2).fit(X, Y)
    assert_same_params(saved_and_loaded(grid, path), grid.best_estimator_)


def test_votes_are_stored(path):
    members = [("one", quick(max_iter=2)), ("other", quick(max_iter=2, random_state=1))]
    vote = VotingClassifier(members, voting="soft", weights=[1, 2.5]).fit(FLAT, Y)
    loaded = saved_and_loaded(vote, path, FLAT)
    assert_same_params(vote, loaded)
    assert loaded.named_estimators_.keys() == vote.named_estimators_.keys()
    assert loaded.score(FLAT, Y) == vote.score(FLAT, Y)
    assert loaded.n_features_in_ == 256
    np.testing.assert_array_equal(clone(loaded).fit(FLAT, Y).predict_proba(FLAT), vote.predict_proba(FLAT))


def test_bags_and_lists_are_stored_as_votes(path):
    bag = BaggingClassifier(quick(max_iter=2), n_estimators=2, random_state=0).fit(FLAT, Y)
    save(bag, path)
    np.testing.assert_allclose(load(path).predict_proba(FLAT), bag.predict_proba(FLAT), rtol=1e-6)
    np.testing.assert_array_equal(load(path).predict(FLAT), bag.predict(FLAT))
    members = [quick(max_iter=2, random_state=seed).fit(X, Y) for seed in range(2)]
    members[1] = compress(members[1])
    save(members, path)
    mean = np.mean([member.predict_proba(X) for member in members], axis=0)
    for loaded in (load(path), inference.load(path), to_numpy(tuple(members))):
        np.testing.assert_allclose(loaded.predict_proba(FLAT), mean, atol=1e-5)
        assert loaded.predict(FLAT).dtype == Y.dtype


class Convolutions(nn.Module):
    """A network with branches, a buffer of truth values and one of integers."""

    def __init__(self, n_channels=4):
        super().__init__()
        self.conv = nn.Conv2d(1, n_channels, 3, padding=1)
        self.norm = nn.BatchNorm2d(n_channels)
        self.fc = nn.Linear(n_channels, 2)
        self.register_buffer("mask", torch.tensor([True, False]))
        self.register_buffer("places", torch.arange(3))
        self.register_buffer("scalar", torch.tensor(2.0))

    def forward(self, x):
        x = self.norm(self.conv(x))
        return self.fc((x + x.relu()).mean((2, 3))) * self.scalar


@pytest.mark.parametrize("module", [OwnNetwork, Convolutions])
def test_numbers_of_an_own_network_are_put_into_one_that_is_given(module, path):
    for given in (module, module()):
        classifier = quick(module=given, penalty=None).fit(X, Y)
        loaded = saved_and_loaded(classifier, path, module=given)
        assert_same_network(classifier.module_, loaded.module_)
        assert loaded.module is given
        loaded.partial_fit(X, Y)


class Tied(OwnNetwork):
    """A network of which two layers share one weight."""

    def __init__(self):
        super().__init__()
        self.again = nn.Linear(16, 2)
        self.again.weight = self.out.weight

    def forward(self, x):
        return super().forward(x) + self.again(self.hidden(x.flatten(1)))


def test_shared_weights_stay_shared(path):
    loaded = saved_and_loaded(quick(module=Tied).fit(X, Y), path, module=Tied)
    assert loaded.module_.again.weight is loaded.module_.out.weight
    curves = np.random.default_rng(0).normal(size=(60, 256))
    loaded = saved_and_loaded(
        quick(module=Tied, image_shape=(1, 256)).fit(curves, Y), path, curves, module=Tied
    )
    assert loaded.module_.again.weight is loaded.module_.out.weight
    assert loaded.module_.out.weight.dtype == torch.float64


def test_given_network_must_have_the_same_layers(path):
    save(quick(module=Convolutions, penalty=None).fit(X, Y), path)
    with pytest.raises(ValueError, match=r"Convolutions.*load\(path, module=Convolutions\(\)\)"):
        load(path)
    with pytest.raises(ValueError, match=r"has 'hidden.weight' of shape \(16, 256\), which the file lacks"):
        load(path, module=own_network())
    with pytest.raises(ValueError, match=r"'conv.weight' of shape \(5, 1, 3, 3\).*\(4, 1, 3, 3\)"):
        load(path, module=Convolutions(5))
    larger = Convolutions()
    del larger.places
    with pytest.raises(ValueError, match="lacks 'places'"):
        load(path, module=larger)
    with pytest.raises(ValueError, match=r"must be or return a torch.nn.Module"):
        load(path, module=dict)
    with pytest.raises(ValueError, match=r"a network of the class Convolutions.*compress"):
        inference.load(path)


def test_network_that_the_file_describes_is_not_given(path, sparse):
    save(sparse, path)
    with pytest.raises(ValueError, match="describes its network: load it without module"):
        load(path, module=own_network())


def test_own_chain_goes_to_numpy(path):
    classifier = quick(module=own_network()).fit(X, Y)
    np.testing.assert_allclose(to_numpy(classifier).predict_proba(X), classifier.predict_proba(X), atol=1e-5)
    with pytest.raises(ValueError, match="cannot be counted or removed"):
        to_numpy(quick(module=Convolutions, penalty=None).fit(X, Y))


def test_half_precision_rounds_weights_alone(sparse, path):
    save(sparse, path, dtype="float16")
    loaded = load(path)
    for name, value in sparse.module_.state_dict().items():
        expected = value.half().float() if value.ndim > 1 else value
        assert torch.equal(loaded.module_.state_dict()[name], expected), name
    full = len(to_bytes(sparse))
    assert len(path.read_bytes()) < full
    assert np.abs(loaded.predict_proba(X) - sparse.predict_proba(X)).max() < 0.01


def test_weights_of_8_bits_are_rounded_and_nothing_else(sparse, path):
    save(sparse, path, dtype="int8")
    loaded = load(path)
    for name, value in sparse.module_.state_dict().items():
        found = loaded.module_.state_dict()[name]
        if value.ndim > 1:
            steps = value.flatten(1).abs().amax(1) / 127
            assert ((found - value).flatten(1).abs() <= 0.501 * steps[:, None]).all(), name
        else:
            assert torch.equal(found, value), name
    assert len(path.read_bytes()) < len(to_bytes(sparse))
    assert np.abs(loaded.predict_proba(X) - sparse.predict_proba(X)).max() < 0.05
    np.testing.assert_allclose(inference.load(path).predict_proba(X), loaded.predict_proba(X), atol=1e-5)


def test_weights_too_large_for_half_precision_are_refused(path):
    classifier = quick(max_iter=1).fit(X, Y)
    with torch.no_grad():
        classifier.module_.fc.weight[0, 0] = 1e6
    with pytest.raises(ValueError, match="1e\\+06 has no place in dtype='float16'"):
        save(classifier, path, dtype="float16")
    assert not path.exists()
    saved_and_loaded(classifier, path)


def test_negative_zeros_and_weights_without_zeros_are_kept(path):
    classifier = quick(max_iter=1).fit(X, Y)
    with torch.no_grad():
        classifier.module_.fc.weight.view(-1)[::3] = -0.0
        classifier.module_.conv3.weight[:] = 0
        classifier.module_.conv2.weight[0] = 1
    assert_same_network(saved_and_loaded(classifier, path).module_, classifier.module_)


@pytest.mark.parametrize("seed", range(20))
def test_sequences_of_all_layers_are_stored(seed, path):
    network, image_shape, n_channels = random_network(seed)
    if n_channels > 1:
        return  # which no classifier takes
    pixels = np.random.default_rng(seed).random((20, *image_shape), np.float32)
    classifier = quick(
        module=network.float(), penalty=None, max_iter=1, batch_size=8, solver="sgd", learning_rate_init=1e-9
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        classifier.fit(pixels, np.arange(20) % 3)
    save(classifier, path)
    loaded = load(path)
    assert_same_network(classifier.module_, loaded.module_)
    np.testing.assert_array_equal(loaded.predict_proba(pixels), classifier.predict_proba(pixels))
    assert inference.load(path).predict_proba(pixels).shape == (20, 3)


class OwnPenalty(penalties.L1):
    pass


class OwnClassifier(SparseCurveCNNClassifier):
    pass


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"penalty": OwnPenalty()}, "penalty=OwnPenalty.*cannot be stored.*penalty=None"),
        ({"random_state": np.random.RandomState(0)}, "random_state=.*RandomState.*random_state=None"),
        ({"class_weight": {"down": float("inf")}}, "class_weight=inf"),
        ({"kernel_size": "x"}, "cannot be stored in a file: .*kernel_size"),
    ],
)
def test_parameters_that_cannot_be_stored_are_named(sparse, params, message, path):
    path.write_bytes(b"old")
    with pytest.raises(ValueError, match=message):
        save(load_copy(sparse).set_params(**params), path)
    assert path.read_bytes() == b"old"


def load_copy(classifier):
    copied = clone(classifier)
    vars(copied).update(vars(classifier))
    return copied


@pytest.mark.parametrize(
    "labels",
    [np.array([b"a", b"b"]), np.array(["2020", "2021"], "M8[Y]"), np.array([(1, 2), None], object)],
    ids=str,
)
def test_labels_that_cannot_be_stored_are_named(sparse, labels, path):
    copied = load_copy(sparse)
    copied.classes_ = labels
    with pytest.raises(ValueError, match=r"The classes array.* cannot be stored"):
        save(copied, path)


def test_networks_that_are_not_finite_are_refused(path):
    classifier = quick(max_iter=1).fit(X, Y)
    with torch.no_grad():
        classifier.module_.fc.bias[0] = float("nan")
    with pytest.raises(ValueError, match=r"'fc.bias' holds NaN"):
        save(classifier, path)


def test_other_estimators_are_refused_by_name(sparse, path):
    dummy = DummyClassifier().fit(FLAT, Y)
    transformer = CurveImageTransformer()
    for estimator, message in [
        (dummy, "DummyClassifier"),
        (SparseCurveCNNClassifier, "must be a SparseCurveCNNClassifier"),
        (None, "None"),
        (load_into(OwnClassifier(), sparse), "OwnClassifier"),
        (
            make_pipeline(transformer, FunctionTransformer(), sparse),
            "CurveImageTransformer, FunctionTransformer, Sparse",
        ),
        (make_pipeline(sparse), "CurveImageTransformer and a classifier or regressor, got Sparse"),
        ([sparse, dummy], "members of an ensemble must be .*DummyClassifier"),
    ]:
        with pytest.raises(TypeError, match=message):
            save(estimator, path)
    for estimator, message in [
        ([], "empty list"),
        ([sparse, quick(max_iter=1).fit(X, Y == "down")], "the same classes"),
        ([sparse, quick(max_iter=1).fit(X[:, :8, :8], Y)], "images of one size"),
        (VotingClassifier([("a", quick(max_iter=1))]).fit(FLAT, Y), "voting='soft'"),
        (
            BaggingClassifier(quick(max_iter=1), 1, max_features=64, random_state=0).fit(FLAT, Y),
            "max_features=1.0",
        ),
    ]:
        with pytest.raises(ValueError, match=message):
            save(estimator, path)
    for estimator in (
        quick(),
        make_pipeline(transformer, quick()),
        [sparse, quick()],
        VotingClassifier([("a", quick())]),
    ):
        with pytest.raises(NotFittedError):
            save(estimator, path)
    with pytest.raises(ValueError, match="dtype must be one of 'float32', 'float16', 'int8', got 'int4'"):
        save(sparse, path, dtype="int4")
    assert not path.exists()


def load_into(estimator, fitted):
    vars(estimator).update(vars(fitted))
    return estimator


def test_loading_draws_no_random_number(sparse, path):
    save(sparse, path)
    torch.manual_seed(0)
    state = torch.get_rng_state()
    load(path)
    assert torch.equal(torch.get_rng_state(), state)


def test_any_reader_of_safetensors_opens_the_file(sparse, path):
    save(sparse, path)
    with safetensors.safe_open(path, "numpy") as file:
        assert set(file.keys()) <= {"bits", "numbers"}
        assert file.metadata()["format"] == "sparsecnn"
        assert all(file.get_tensor(name).size for name in file.keys())  # noqa: SIM118
    assert description(path.read_bytes())["classes"] == ["across", "down"]
