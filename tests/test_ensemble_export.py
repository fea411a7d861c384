"""Ensembles of views in files, without torch, compressed, and explained."""

import numpy as np
import pandas as pd
import pytest
from classifiers import OwnNetwork, own_network, quick
from conftest import make_stripes
from PIL import Image
from saved import assert_same_network, assert_same_params, description, with_description
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV, StratifiedKFold
from sklearn.pipeline import make_pipeline

from sparsecnn import CurveImageTransformer, SparseCurveEnsemble, inference
from sparsecnn.datasets import make_shaky_drawings
from sparsecnn.exceptions import FileFormatError
from sparsecnn.export import compress, load, save, to_numpy
from sparsecnn.export._save import from_bytes, to_bytes
from sparsecnn.inspection import integrated_gradients
from sparsecnn.model_selection import sparsest_within_one_se, sparsity_scorer

STRIPES, Y = make_stripes(60, random_state=0)
X = np.stack([STRIPES[::-1], STRIPES], axis=1)
ROWS = X.reshape(60, -1)


def tiny(**params):
    """Return an ensemble of three members that trains in a part of a second."""
    network = quick(max_iter=2, finetune_iter=1, penalized="all", random_state=None)
    return SparseCurveEnsemble(**{"estimator": network, "n_members": 3, "cv": 2, "random_state": 0} | params)


@pytest.fixture(scope="module")
def ensemble():
    """An ensemble of which a member sees each channel."""
    fitted = tiny().fit(X, Y)
    fitted.views_ = np.array([1, 0, 1])
    return fitted


@pytest.fixture
def path(tmp_path):
    return tmp_path / "ensemble.safetensors"


def test_file_of_an_ensemble_predicts_the_same(ensemble, path):
    save(ensemble, path)
    loaded = load(path)
    np.testing.assert_array_equal(loaded.predict_proba(X), ensemble.predict_proba(X))
    np.testing.assert_array_equal(loaded.predict_proba(ROWS), ensemble.predict_proba(X))
    assert_same_params(loaded, ensemble)
    for name in ("views_", "view_losses_", "classes_"):
        np.testing.assert_array_equal(getattr(loaded, name), getattr(ensemble, name))
    for name in ("in_channels_", "image_shape_", "n_features_in_", "sparsity_", "n_nonzero_"):
        assert getattr(loaded, name) == getattr(ensemble, name)
    np.testing.assert_array_equal(clone(loaded).fit(X, Y).view_losses_, ensemble.view_losses_)
    assert to_bytes(loaded) == path.read_bytes()


def test_ensemble_predicts_without_torch(ensemble, path):
    save(ensemble, path)
    for without_torch in (inference.load(path), to_numpy(ensemble)):
        for images in (X, ROWS):
            np.testing.assert_allclose(
                without_torch.predict_proba(images), ensemble.predict_proba(X), atol=1e-5
            )
        np.testing.assert_array_equal(without_torch.predict(X), ensemble.predict(X))
        assert repr(without_torch) == "NumpyClassifier(2 classes, images of shape (2, 16, 16), 3 members)"
        with pytest.raises(ValueError, match="X must be of shape"):
            without_torch.predict(STRIPES)


def test_names_of_columns_are_stored(path):
    frame = pd.DataFrame(
        ROWS, columns=[f"{view}_pixel_{i}_{j}" for view in "ab" for i in range(16) for j in range(16)]
    )
    fitted = tiny(n_members=1).fit(frame, Y)
    assert fitted.in_channels_ == 2
    save(fitted, path)
    assert load(path).feature_names_in_.tolist() == list(frame.columns)
    np.testing.assert_array_equal(load(path).predict_proba(frame), fitted.predict_proba(frame))
    with pytest.raises(ValueError, match="columns"):
        inference.load(path).predict(frame[frame.columns[::-1]])
    assert not hasattr(fitted.fit(X, Y), "feature_names_in_")


def test_one_channel_and_the_default_network_are_stored(path):
    small = {"max_iter": 1, "finetune_iter": 0, "channels": (4, 4, 4)}
    one = SparseCurveEnsemble(n_members=2, random_state=0).set_params(
        **{f"estimator__{name}": value for name, value in small.items()}
    )
    save(one.fit(STRIPES, Y), path)
    assert load(path).view_losses_ is None
    assert load(path).estimator.augment.flip
    np.testing.assert_array_equal(load(path).predict_proba(STRIPES), one.predict_proba(STRIPES))
    one.estimator = None
    save(one, path)
    assert load(path).estimator is None


def test_pipeline_with_views_is_stored(tmp_path, path):
    drawn = make_shaky_drawings(12, image_shape=(64, 64), persons=6, random_state=0)
    pages = [tmp_path / f"{i}.png" for i in range(12)]
    for image, page in zip(drawn.images, pages, strict=True):
        Image.fromarray(255 - image).save(page)
    transformer = CurveImageTransformer((16, 16), unsteadiness=0.8, views=("ink", 1 / 19), dtype="uint8")
    reader = make_pipeline(transformer, tiny(n_members=2))
    reader.fit(pages, drawn.target, sparsecurveensemble__groups=drawn.groups)
    assert reader[-1].in_channels_ == 2
    save(reader, path)
    np.testing.assert_array_equal(load(path).predict_proba(pages), reader.predict_proba(pages))
    images = reader[:-1].transform(pages)
    np.testing.assert_allclose(
        inference.load(path).predict_proba(images), reader.predict_proba(pages), atol=1e-5
    )


def test_own_networks_are_stored_by_their_numbers(path):
    fitted = tiny(estimator=quick(max_iter=2, module=own_network())).fit(X, Y)
    save(fitted, path)
    np.testing.assert_array_equal(load(path, module=OwnNetwork()).predict_proba(X), fitted.predict_proba(X))
    with pytest.raises(ValueError, match="OwnNetwork"):
        load(path)


def test_splitter_is_refused_by_name(path):
    fitted = tiny(cv=StratifiedKFold(2), n_members=1).fit(X, Y)
    with pytest.raises(ValueError, match=r"cv=StratifiedKFold.*set_params\(cv=3\)"):
        save(fitted, path)
    assert not path.exists()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"in_channels": 0}, "have 0 channels"),
        ({"in_channels": 2**40}, "channels"),
        ({"in_channels": 1}, "see the channels"),
        ({"of_members": [1, 0]}, "see the channels"),
        ({"of_members": [1, 0, -1]}, "see the channels"),
        ({"of_members": 1}, "where a list is expected"),
        ({"losses": [1.0]}, "log losses"),
        ({"estimator": {"nonsense": 1}}, "no parameter 'nonsense'"),
        ({"nonsense": 1}, "nonsense"),
    ],
    ids=str,
)
def test_impossible_views_in_a_file_are_refused(ensemble, path, change, message):
    entry = description(to_bytes(ensemble))
    entry["views"] |= change
    path.write_bytes(with_description(to_bytes(ensemble), entry))
    with pytest.raises(FileFormatError, match=message):
        load(path)


def test_compressed_members_predict_the_same(ensemble, path):
    small = compress(ensemble)
    assert [sum(member.channels) < 16 for member in small.members_] == [True] * 3
    assert ensemble.members_[0].channels == (4, 4, 8)
    np.testing.assert_allclose(small.predict_proba(X), ensemble.predict_proba(X), atol=1e-6)
    save(small, path)
    np.testing.assert_array_equal(load(path).predict_proba(X), small.predict_proba(X))


def test_member_that_cannot_be_compressed_is_named(ensemble):
    small = compress(ensemble)
    small.members_[0] = ensemble.members_[0]
    with pytest.raises(ValueError, match=r"members_\[1\]: The network is compressed already"):
        compress(small)


@pytest.mark.filterwarnings("ignore:The background of X is not that")  # of the blank image
def test_attributions_are_the_mean_over_members_on_their_views(ensemble):
    maps = integrated_gradients(ensemble, X[:3])
    assert maps.shape == (3, 2, 16, 16)
    gains = [
        member.decision_function(images) - member.decision_function(np.zeros_like(images))
        for member, images in ensemble.members_and_images(X[:3])
    ]
    np.testing.assert_allclose(maps.sum((1, 2, 3)), np.mean(gains, axis=0), rtol=0.02, atol=0.01)
    alone = integrated_gradients(ensemble.members_[1], X[:3, 0])
    np.testing.assert_allclose(maps[:, 0], alone / 3, rtol=1e-5, atol=1e-7)
    other = integrated_gradients(ensemble, X[:3], target=ensemble.classes_[0])
    np.testing.assert_allclose(other, -maps, atol=0.01)


def test_attributions_of_one_channel_have_no_axis_of_channels():
    one = tiny(n_members=2).fit(STRIPES, Y)
    assert integrated_gradients(one, STRIPES[:2]).shape == (2, 16, 16)


@pytest.mark.parametrize("dtype", ["float16", "int8"])
def test_file_of_rounded_weights_holds_each_member_as_a_file_of_its_own(ensemble, tmp_path, dtype):
    save(ensemble, tmp_path / "whole", dtype=dtype)
    loaded = load(tmp_path / "whole")
    for member, expected in zip(loaded.members_, ensemble.members_, strict=True):
        save(expected, tmp_path / "member", dtype=dtype)
        assert_same_network(member.module_, load(tmp_path / "member").module_)
    np.testing.assert_allclose(loaded.predict_proba(X), ensemble.predict_proba(X), atol=0.01)
    without_torch = inference.load(tmp_path / "whole")
    np.testing.assert_allclose(without_torch.predict_proba(X), loaded.predict_proba(X), atol=1e-5)


def test_search_scores_the_sparsity_of_ensembles():
    search = GridSearchCV(
        tiny(n_members=1),
        {"estimator__target_sparsity": [0.5, 0.8]},
        scoring={"accuracy": "accuracy", "sparsity": sparsity_scorer},
        refit=sparsest_within_one_se,
        cv=2,
    ).fit(STRIPES, Y)
    assert search.cv_results_["mean_test_sparsity"].round(1).tolist() == [0.5, 0.8]
    assert from_bytes(to_bytes(search)).views.in_channels == 1
