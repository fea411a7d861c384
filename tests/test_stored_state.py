"""Classifiers in pickle, joblib and skops: the same bits, and training that goes on."""

import copy
import io
import pickle
import pickletools

import joblib
import numpy as np
import pytest
import skops.io
import torch
from classifiers import OwnNetwork, own_network, quick
from conftest import make_stripes
from saved import assert_same_network, assert_same_params
from sklearn.base import clone
from sklearn.pipeline import make_pipeline

from sparsecnn import BinaryActivation, CurveAugmentation, SparseCurveCNNClassifierCV, penalties
from sparsecnn.binarization import binarize
from sparsecnn.export import compress

X, Y = make_stripes(60, random_state=0)


def pickled(estimator):
    return pickle.loads(pickle.dumps(estimator))


def through_joblib(estimator):
    buffer = io.BytesIO()
    joblib.dump(estimator, buffer)
    buffer.seek(0)
    return joblib.load(buffer)


def through_skops(estimator):
    data = skops.io.dumps(estimator)
    types = skops.io.get_untrusted_types(data=data)
    assert not any(name.startswith(("torch", "builtins")) for name in types)
    return skops.io.loads(data, trusted=types)


WAYS = {"pickle": pickled, "joblib": through_joblib, "skops": through_skops}
GROUPS = {"penalized": "all", "channels": (8, 16, 16), "finetune_iter": 0}
PARAMS = {
    "sparse": {"penalized": "all"},
    "dense": {"penalty": None, "random_state": None},
    "lam": {"penalty": "l1", "lam": 1e-4, "solver": "sgd"},
    "object": {"penalty": penalties.TransformedL1(a=0.5), "augment": CurveAugmentation(flip=True)},
    "binary": {
        "penalty": penalties.Binary(),
        "penalized": "hidden",
        "activation": BinaryActivation("hard_tanh"),
    },
    "groups": {"penalty": "group_l0", "target_macs": 0.4, **GROUPS},
    "both": {"penalty": "sparse_group_l0", "target_macs": 0.5, "target_sparsity": 0.5, **GROUPS},
}


def assert_same(one, other):
    assert_same_network(one.module_, other.module_)
    assert_same_params(one, other)
    np.testing.assert_array_equal(one.predict_proba(X), other.predict_proba(X))
    assert repr(one.history_) == repr(other.history_)


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
@pytest.mark.parametrize("params", PARAMS.values(), ids=PARAMS)
def test_stored_classifier_is_the_same_and_trains_on(params, way):
    classifier = quick(**params)
    classifier.partial_fit(X, Y).partial_fit(X[:40], Y[:40])
    stored = way(classifier)
    assert_same(classifier, stored)
    goes_on = copy.deepcopy(classifier)
    for _ in range(2):
        goes_on.partial_fit(X, Y)
        stored.partial_fit(X, Y)
        assert_same(goes_on, stored)
    assert_same(stored, way(stored))  # which was never unpacked in between
    again = way(way(classifier)).partial_fit(X, Y)
    assert_same(copy.deepcopy(classifier).partial_fit(X, Y), again)


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
def test_fitted_compressed_and_binarized_classifiers_are_stored(way):
    fitted = quick(penalty="group_l0", target_macs=0.4, **GROUPS).fit(X, Y)
    binary = binarize(fitted, X, Y)
    for classifier in (fitted, compress(fitted), binary, compress(binary)):
        stored = way(classifier)
        assert_same(classifier, stored)
        assert (stored.module is stored.module_) == (classifier.module is classifier.module_)
        if classifier is not binary:
            stored.partial_fit(X, Y)
        clone(stored).fit(X, Y)


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
def test_unfitted_classifiers_and_those_within_others_are_stored(way):
    assert_same_params(quick(), way(quick()))
    search = SparseCurveCNNClassifierCV(quick(max_iter=2, batch_size=8), sparsities=[0, 0.5], cv=2).fit(X, Y)
    pipeline = make_pipeline("passthrough", quick(max_iter=1)).fit(X.reshape(60, -1), Y)
    for estimator in (search, pipeline):
        images = X.reshape(60, -1)
        np.testing.assert_array_equal(way(estimator).predict_proba(images), estimator.predict_proba(images))


def test_changed_parameters_start_another_optimizer_as_without_a_file():
    classifier = quick().partial_fit(X, Y)
    for params in ({"beta": 0.5}, {"penalty": "l1"}, {"solver": "sgd"}):
        stored, kept = (
            pickled(classifier).set_params(**params),
            copy.deepcopy(classifier).set_params(**params),
        )
        assert_same(stored.partial_fit(X, Y), kept.partial_fit(X, Y))
        assert stored.n_iter_ == 2


@pytest.mark.parametrize("module", [OwnNetwork, own_network()], ids=["class", "network"])
def test_networks_of_ones_own_are_pickled(module):
    for classifier in (quick(module=module).fit(X, Y), quick(module=module).partial_fit(X, Y)):
        stored = pickled(classifier)
        np.testing.assert_array_equal(stored.predict_proba(X), classifier.predict_proba(X))
        stored.partial_fit(X, Y)
        assert_same_network(stored.module_, copy.deepcopy(classifier).partial_fit(X, Y).module_)


def test_no_tensor_of_torch_is_stored():
    classifier = quick(penalized="all").partial_fit(X, Y)
    names = [str(value) for _, value, _ in pickletools.genops(pickle.dumps(classifier)) if value is not None]
    assert not any(name.startswith("torch") for name in names)


def test_copies_share_no_numbers():
    classifier = quick().partial_fit(X, Y)
    before = classifier.predict_proba(X)
    shallow, deep, stored = copy.copy(classifier), copy.deepcopy(classifier), pickled(classifier)
    assert shallow.module_ is classifier.module_
    assert deep.module_ is not classifier.module_
    for other in (deep, stored):
        with torch.no_grad():
            other.module_.fc.weight.zero_()
    np.testing.assert_array_equal(classifier.predict_proba(X), before)


def test_storing_leaves_the_classifier_as_it_is():
    classifier = quick().partial_fit(X, Y)
    twin, names = copy.deepcopy(classifier), set(vars(classifier))
    pickled(classifier)
    assert set(vars(classifier)) == names
    assert_same(classifier.partial_fit(X, Y), twin.partial_fit(X, Y))


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_classifier_trained_on_a_gpu_is_stored_without_it():
    classifier = quick(device="cuda").partial_fit(X, Y)
    stored = pickled(classifier)
    assert_same_network(classifier.module_, stored.module_)
    on_cpu = stored.set_params(device="cpu")
    on_cpu.partial_fit(X, Y)
    pickled(classifier).partial_fit(X, Y)
