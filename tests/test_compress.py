"""Fitted estimators without dead channels."""

import copy
import pickle
import warnings

import numpy as np
import pytest
import torch
from chains import widths
from classifiers import OwnNetwork, quick, small
from conftest import make_stripes
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from torch import nn

from sparsecnn import SparseCurveCNNClassifier, SparseCurveCNNClassifierCV
from sparsecnn._network import CompressedNetwork, CurveCNN, make_chain
from sparsecnn.export import compress


@pytest.fixture(scope="module")
def fitted():
    """A classifier whose network has dead channels, and its training data."""
    X, y = make_stripes(120, random_state=0)
    classifier = quick(
        channels=(6, 12, 12), penalized="all", target_sparsity=0.95, max_iter=40, finetune_iter=20
    )
    return classifier.fit(X, y), X, y


def same_predictions(compressed, classifier, X):
    np.testing.assert_array_equal(compressed.predict(X), classifier.predict(X))
    np.testing.assert_allclose(compressed.predict_proba(X), classifier.predict_proba(X), atol=1e-5)


def test_compressed_classifier_predicts_the_same(fitted):
    classifier, X, y = fitted
    assert classifier.score(X, y) > 0.9
    compressed = compress(classifier)
    for images in (X, make_stripes(500, random_state=1)[0]):
        same_predictions(compressed, classifier, images)
    assert sum(compressed.channels) < 30


def test_budget_of_multiply_adds_is_met_by_the_compressed_network(stripes):
    X, y = stripes
    classifier = quick(
        penalty="group_l0", penalized="all", target_macs=0.3, channels=(8, 12, 12), max_iter=30
    )
    classifier.fit(X, y)
    compressed = compress(classifier)
    same_predictions(compressed, classifier, X)
    dense, left = (make_chain(fitted.module_, (16, 16)).macs() for fitted in (classifier, compressed))
    assert left <= 0.3 * dense
    assert compressed.sparsity_ < 0.5
    assert clone(compressed).set_params(max_iter=1).fit(X, y).channels == compressed.channels


def test_compress_leaves_its_argument_alone(fitted):
    classifier, _, _ = fitted
    before = pickle.dumps(classifier)
    compressed = compress(classifier)
    assert pickle.dumps(classifier) == before
    assert not {id(p) for p in compressed.module_.parameters()} & {
        id(p) for p in classifier.module_.parameters()
    }
    assert compressed.history_ is not classifier.history_


def test_fitted_attributes_speak_of_the_compressed_network(fitted):
    classifier, _, _ = fitted
    compressed = compress(classifier)
    sizes = {
        name: layer.weight for name, layer in compressed.module_.named_children() if hasattr(layer, "weight")
    }
    n_nonzero = sum(int(w.count_nonzero()) for w in sizes.values())
    assert isinstance(compressed.module_, CompressedNetwork)
    assert list(compressed.layer_sparsity_) == list(classifier.layer_sparsity_)
    assert compressed.n_nonzero_ == n_nonzero <= classifier.n_nonzero_
    assert compressed.sparsity_ == 1 - n_nonzero / sum(w.numel() for w in sizes.values())
    assert compressed.penalty is None
    assert compressed.channels == tuple(widths(compressed.module_, (16, 16)))
    for name in (
        "classes_",
        "image_shape_",
        "pixel_scale_",
        "history_",
        "lam_",
        "layer_lam_",
        "n_features_in_",
    ):
        assert str(getattr(compressed, name)) == str(getattr(classifier, name))


def test_clone_trains_a_dense_network_of_the_shape_left(fitted):
    classifier, X, y = fitted
    compressed = compress(classifier)
    again = clone(compressed)
    assert not hasattr(again, "module_")
    again.set_params(max_iter=2).fit(X, y)
    assert type(again.module_) is CurveCNN
    assert tuple(widths(again.module_, (16, 16))) == compressed.channels
    assert again.sparsity_ == 0


def test_training_continues_from_the_compressed_network(fitted):
    classifier, X, y = fitted
    compressed = compress(classifier)
    compressed.set_params(
        warm_start=True, penalty="l0", penalized="all", target_sparsity=0.9, sparsity_scope="layer"
    ).set_params(max_iter=10)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # so few weights may not be enough
        compressed.fit(X, y)
    assert isinstance(compressed.module_, CompressedNetwork)
    assert compressed.sparsity_ > 0.5
    assert compressed.score(X, y) > 0.6
    compressed.set_params(penalty=None).partial_fit(X, y)
    assert isinstance(compressed.module_, CompressedNetwork)


def test_partial_fit_continues_from_the_compressed_network_of_a_partial_fit(fitted):
    _, X, y = fitted
    classifier = small(penalized="all", lam=3e-3, channels=(6, 12, 12), max_iter=8)
    for _ in range(16):
        classifier.partial_fit(X, y)
    compressed = compress(classifier)
    assert not hasattr(compressed, "_trainer")
    before = compressed.score(X, y)
    compressed.set_params(learning_rate_init=1e-5).partial_fit(X, y)
    assert tuple(widths(compressed.module_, (16, 16))) == compressed.channels
    assert compressed.score(X, y) == pytest.approx(before, abs=0.05)


def test_compressed_classifier_trained_on_can_be_compressed_again(fitted):
    classifier, X, _ = fitted
    compressed = compress(classifier)
    with pytest.raises(ValueError, match="compressed already"):
        compress(compressed)
    with torch.no_grad():
        compressed.module_.conv1.weight[0] = 0
    again = compress(compressed)
    assert again.channels[0] <= compressed.channels[0]
    same_predictions(again, compressed, X)


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda fitted: pickle.loads(pickle.dumps(fitted))])
def test_compressed_classifier_can_be_copied(fitted, copied):
    classifier, X, _ = fitted
    same_predictions(copied(compress(classifier)), classifier, X)
    assert len(pickle.dumps(compress(classifier).module_)) < len(pickle.dumps(classifier.module_))


class OwnChain(nn.Module):
    """A network with functions in its forward pass."""

    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(nn.Conv2d(1, 8, 3, stride=2, padding=1), nn.BatchNorm2d(8))
        self.hidden = nn.Linear(8 * 16, 12)
        self.out = nn.Linear(12, 2)

    def forward(self, x):
        x = nn.functional.max_pool2d(self.features(x).relu(), 2)
        return self.out(self.hidden(x.flatten(1)).tanh())


def test_compressed_network_of_ones_own_is_the_module_of_clones(stripes):
    X, y = stripes
    classifier = small(module=OwnChain, penalized="all", lam=2e-3, max_iter=20).fit(X, y)
    compressed = compress(classifier)
    same_predictions(compressed, classifier, X)
    assert list(compressed.layer_sparsity_) == ["features_0", "hidden", "out"]
    assert list(compressed.layer_lam_) == ["features_0", "hidden", "out"]
    again = clone(compressed)
    assert isinstance(again.module, CompressedNetwork)
    assert again.module is not compressed.module
    assert clone(compressed).set_params(max_iter=1).fit(X, y).score(X, y) > 0.9
    compressed.set_params(warm_start=True, max_iter=1).fit(X, y)
    assert compressed.score(X, y) > 0.9


def test_curves_in_one_row_keep_double_precision():
    rng = np.random.default_rng(0)
    y = np.arange(60) % 2
    X = np.sin(np.linspace(0, 9, 40) * (1 + y[:, None])) + rng.normal(0, 0.1, (60, 40))
    classifier = small(penalized="all", lam=2e-3, max_iter=20).fit(X, y)
    compressed = compress(classifier)
    assert next(compressed.module_.parameters()).dtype == torch.float64
    np.testing.assert_allclose(compressed.decision_function(X), classifier.decision_function(X), rtol=1e-9)


def flatten(X):
    return X.reshape(len(X), -1)


def test_pipeline_keeps_its_other_steps(fitted):
    classifier, X, y = fitted
    pipeline = make_pipeline(FunctionTransformer(flatten), clone(classifier).set_params(image_shape=(16, 16)))
    pipeline.fit(X, y)
    compressed = compress(pipeline)
    same_predictions(compressed, pipeline, X)
    assert list(compressed.named_steps) == list(pipeline.named_steps)
    assert compressed[0] is not pipeline[0]
    assert isinstance(compressed[-1].module_, CompressedNetwork)
    assert type(pipeline[-1].module_) is CurveCNN


def test_search_gives_its_best_estimator(fitted):
    classifier, X, y = fitted
    pipeline = make_pipeline(FunctionTransformer(flatten), clone(classifier).set_params(image_shape=(16, 16)))
    grid = {"sparsecurvecnnclassifier__target_sparsity": [0.8]}
    search = GridSearchCV(pipeline, grid, cv=2).fit(X, y)
    compressed = compress(search)
    assert compressed.steps[-1][0] == "sparsecurvecnnclassifier"
    same_predictions(compressed, search, X)
    nested = compress(make_pipeline(search.best_estimator_))
    same_predictions(nested, search, X)


def test_cross_validated_classifier_gives_its_best_estimator(stripes):
    X, y = stripes
    estimator = quick(channels=(4, 6, 6), penalized="all", max_iter=4)
    search = SparseCurveCNNClassifierCV(estimator, sparsities=[0.5, 0.9], cv=2).fit(X, y)
    compressed = compress(search)
    assert type(compressed) is SparseCurveCNNClassifier
    same_predictions(compressed, search, X)


@pytest.mark.parametrize(
    ("estimator", "error", "message"),
    [
        (SparseCurveCNNClassifier(), NotFittedError, "SparseCurveCNNClassifier instance is not fitted"),
        (make_pipeline(SparseCurveCNNClassifier()), NotFittedError, "instance is not fitted"),
        (SparseCurveCNNClassifierCV(), NotFittedError, "SparseCurveCNNClassifierCV has no best_estimator_"),
        (GridSearchCV(LogisticRegression(), {}), NotFittedError, "GridSearchCV has no best_estimator_"),
        (LogisticRegression(), TypeError, "takes a SparseCurveCNNClassifier.*got LogisticRegression"),
        (make_pipeline(LogisticRegression()), TypeError, "got LogisticRegression"),
        (make_pipeline("passthrough"), TypeError, "got 'passthrough'"),
        (None, TypeError, "got None"),
    ],
)
def test_unusable_estimator_is_refused(estimator, error, message):
    with pytest.raises(error, match=message):
        compress(estimator)


class Branched(OwnNetwork):
    def forward(self, x):
        hidden = self.hidden(x.flatten(1)).relu()
        return self.out(hidden + hidden.sigmoid())


class Tied(OwnNetwork):
    def __init__(self):
        super().__init__()
        self.hidden = nn.Linear(256, 256)
        self.again = nn.Linear(256, 256)
        self.again.weight = self.hidden.weight
        self.out = nn.Linear(256, 2)

    def forward(self, x):
        return self.out(self.again(self.hidden(x.flatten(1)).relu()))


@pytest.mark.parametrize(
    ("module", "message"),
    [(Branched, "step 'add' uses more.*Torch-Pruning"), (Tied, "'hidden' and 'again' share one weight")],
)
def test_network_that_is_no_chain_is_refused_and_stays(stripes, module, message):
    classifier = small(module=module, penalized="all", max_iter=1).fit(*stripes)
    before = pickle.dumps(classifier.module_.state_dict())
    with pytest.raises(ValueError, match=message):
        compress(classifier)
    assert pickle.dumps(classifier.module_.state_dict()) == before
    assert classifier.predict(stripes[0]).shape == (120,)
