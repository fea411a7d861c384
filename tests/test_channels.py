"""Images of several channels: views of one drawing, or colours."""

import json
import pickle

import numpy as np
import onnxruntime
import pandas as pd
import pytest
import torch
from classifiers import small, state
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from torch import nn

from sparsecnn import SparseCurveCNNClassifier, SparseCurveCNNRegressor, inference
from sparsecnn._image_shape import pixel_names
from sparsecnn._pixel_rows import PixelRows
from sparsecnn._training.augment import CurveAugmentation, augment
from sparsecnn._training.first_filters import set_first_filters
from sparsecnn._training.images import Images
from sparsecnn.binarization import binarize
from sparsecnn.export import compress, load, save, to_html, to_numpy, to_onnx
from sparsecnn.inspection import AttributionDisplay, NetworkReport, WeightsDisplay, integrated_gradients
from sparsecnn.model_selection import SparseCurveCNNClassifierCV, sparsity_path

SHAPE = (16, 16)


@pytest.fixture(scope="module")
def views():
    """Return 60 images of three channels, and labels: in the last two, stripes across or down."""
    rng = np.random.default_rng(0)
    y = np.arange(60) % 2
    X = 0.2 * rng.random((60, 3, *SHAPE))
    for image, label in zip(X, y, strict=True):
        start = rng.integers(4)
        for channel in (1, 2):
            image[channel, start::4] += 0.8
            if label:
                image[channel] = image[channel].T
    return X.astype(np.float32), y


@pytest.fixture(scope="module")
def fitted(views):
    return small(channels=(18, 4, 8)).fit(*views)


def test_one_channel_is_what_it_was_without_an_axis(views):
    X, y = views
    without, axis = small().fit(X[:, 1], y), small().fit(X[:, 1:2], y)
    assert torch.equal(state(without), state(axis))
    assert axis.in_channels_ == without.in_channels_ == 1
    assert_array_equal(without.predict_proba(X[:, 1:2]), axis.predict_proba(X[:, 1]))


@pytest.mark.parametrize(
    ("as_X", "params"),
    [
        (list, {}),
        (lambda X: X.reshape(60, -1), {"in_channels": 3}),
        (lambda X: X.reshape(60, -1), {"in_channels": np.int64(3), "image_shape": SHAPE}),
        (PixelRows.of, {}),
        (lambda X: pd.DataFrame(X.reshape(60, -1), columns=pixel_names(SHAPE, "abc")), {}),
    ],
    ids=["list", "rows", "rows and shape", "PixelRows", "frame"],
)
def test_every_form_of_channels_gives_the_same_network(views, fitted, as_X, params):
    X, y = as_X(views[0]), views[1]
    same = clone(fitted).set_params(**params).fit(X, y)
    assert (same.image_shape_, same.in_channels_, same.n_features_in_) == (SHAPE, 3, 3 * 256)
    assert torch.equal(state(same), state(fitted))
    assert_array_equal(same.predict(X), fitted.predict(views[0]))


def test_bytes_are_scaled_as_floats_are(views, fitted):
    X = np.rint(200 * views[0] / views[0].max()).astype(np.uint8)
    as_bytes, as_floats = clone(fitted).fit(X, views[1]), clone(fitted).fit(X / np.float32(255), views[1])
    assert as_bytes.pixel_scale_ == 255
    # Floats are divided by the largest: the same network up to that scale, with batch normalisation.
    assert_array_equal(as_bytes.predict(X), as_floats.predict(X / np.float32(255)))


def test_channels_are_read_in_their_order(views, fitted):
    X, order = views[0], [2, 0, 1]
    permuted = pickle.loads(pickle.dumps(fitted))
    weight = permuted.module_.conv1.weight
    weight.data = weight.data[:, order]
    assert_allclose(permuted.predict_proba(X[:, order]), fitted.predict_proba(X), atol=1e-5)
    assert np.abs(permuted.predict_proba(X) - fitted.predict_proba(X)).max() > 0.01


def test_channel_of_zeros_changes_no_score(views, fitted):
    X = views[0]
    more = pickle.loads(pickle.dumps(fitted))
    weight = more.module_.conv1.weight
    weight.data = torch.cat([weight.data, torch.ones_like(weight.data[:, :1])], dim=1)
    more.in_channels_, more.n_features_in_ = 4, 4 * 256
    with_zeros = np.concatenate([X, np.zeros_like(X[:, :1])], axis=1)
    assert_allclose(more.predict_proba(with_zeros), fitted.predict_proba(X), atol=1e-6)


def test_two_equal_channels_are_one_with_the_sum_of_the_filters(views):
    X = views[0][:, :1]
    one = small().fit(X, views[1])
    two = pickle.loads(pickle.dumps(one))
    weight = two.module_.conv1.weight
    weight.data = torch.cat([0.25 * weight.data, 0.75 * weight.data], dim=1)
    two.in_channels_, two.n_features_in_ = 2, 2 * 256
    assert_allclose(two.predict_proba(X.repeat(2, axis=1)), one.predict_proba(X), atol=1e-5)


def test_a_network_learns_from_a_channel_that_alone_tells(views):
    X, y = views
    blind = X[:, [0, 0]]
    scores = [small(max_iter=20).fit(x[:40], y[:40]).score(x[40:], y[40:]) for x in (X, blind)]
    assert scores[0] > 0.9
    assert scores[1] < 0.8


def test_regressor_takes_channels(views):
    X, y = views
    regressor = SparseCurveCNNRegressor(channels=(4, 4, 8), max_iter=6, random_state=0).fit(X, y)
    assert (regressor.in_channels_, regressor.predict(X).shape) == (3, (60,))
    assert_array_equal(regressor.predict(X), regressor.predict(PixelRows.of(X)))
    assert integrated_gradients(regressor, X[:1]).shape == (1, 3, *SHAPE)


def test_curves_in_one_row_may_have_channels():
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(40, 2, 1, 30)), np.arange(40) % 2
    curves = small().fit(X, y)
    assert (curves.image_shape_, curves.in_channels_) == ((1, 30), 2)
    rows = small(in_channels=2).fit(X.reshape(40, -1), y)
    assert rows.image_shape_ == (1, 30)
    assert torch.equal(state(rows), state(curves))


@pytest.mark.parametrize("kernel", [1, 16])
def test_own_module_gets_as_many_channels_as_X_has(views, kernel):
    module = nn.Sequential(nn.Conv2d(3, 2, kernel), nn.Flatten(), nn.Linear(2 * (17 - kernel) ** 2, 2))
    own = small(module=module, max_iter=2).fit(*views)
    assert own.predict(views[0]).shape == (60,)
    with pytest.raises(ValueError, match=r"module cannot take images of shape \(2, 2, 16, 16\)"):
        small(module=module).fit(views[0][:, :2], views[1])


# Bad input.


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda X: X[:, :2],
            r"images of shape \(2, 16, 16\), but .* fitted on images of shape \(3, 16, 16\)",
        ),
        (lambda X: X[:, 0], r"images of shape \(16, 16\), but .* fitted on images of shape \(3, 16, 16\)"),
        (lambda X: X[..., :12], r"images of shape \(3, 16, 12\), but .* of shape \(3, 16, 16\)"),
        (lambda X: X[0], r"X is one image of shape \(3, 16, 16\), expected several"),
        (lambda X: np.moveaxis(X, 1, -1), r"got \(60, 16, 16, 3\), .*np.moveaxis\(X, -1, 1\)"),
        (lambda X: X.reshape(60, -1)[:, :256], "X has 256 features, but .* is expecting 768 features"),
    ],
    ids=["channels", "one channel", "size", "one image", "channels last", "rows"],
)
def test_other_images_are_refused_at_predict(views, fitted, change, message):
    for name in ("predict", "predict_proba", "decision_function"):
        with pytest.raises(ValueError, match=message):
            getattr(fitted, name)(change(views[0]))


def test_channels_are_refused_where_one_was_fitted(views):
    one = small(max_iter=1).fit(views[0][:, 0], views[1])
    with pytest.raises(ValueError, match=r"of shape \(3, 16, 16\), but .* on images of shape \(16, 16\)"):
        one.predict(views[0])
    with pytest.raises(ValueError, match=r"of shape \(2, 8, 16\), but .* on images of shape \(16, 16\)"):
        one.predict(PixelRows.of(views[0][:, 0].reshape(60, 2, 8, 16)))


@pytest.mark.parametrize(
    ("params", "as_X", "message"),
    [
        ({"in_channels": 2}, lambda X: X, "X holds images of 3 channels, but in_channels=2"),
        ({"in_channels": 3}, lambda X: X[:, 0], "X holds images of one channel, but in_channels=3"),
        (
            {"in_channels": 3},
            lambda X: X.reshape(60, -1)[:, 1:],
            "767 .* no multiple of in_channels=3",
        ),
        ({"in_channels": 3, "image_shape": (8, 8)}, lambda X: X.reshape(60, -1), r"needs 3 \* 8 \* 8 = 192"),
        ({"image_shape": (8, 32)}, lambda X: X, r"images of shape \(16, 16\), but image_shape=\(8, 32\)"),
        ({"in_channels": 0}, lambda X: X, "'in_channels' parameter"),
        ({"in_channels": "3"}, lambda X: X, "'in_channels' parameter"),
        ({}, lambda X: np.moveaxis(X, 1, -1), r"got \(60, 16, 16, 3\), .*np.moveaxis"),
        ({}, lambda X: X[:, :, :4], r"images of shape \(4, 16\) are too small"),
        ({}, lambda X: X[:, None], r"or \(n, channels, height, width\), got \(60, 1, 3, 16, 16\)"),
        ({}, lambda X: [*X[:-1], X[-1, :2]], r"X\[59\] is of shape \(2, 16, 16\)"),
        ({}, lambda X: np.where(X > 0.9, np.nan, X), "NaN"),
    ],
)
def test_unusable_channels_are_refused_at_fit(views, params, as_X, message):
    classifier = small(**params)
    with pytest.raises(ValueError, match=message):
        classifier.fit(as_X(views[0]), views[1])
    assert not hasattr(classifier, "module_")


@pytest.mark.parametrize("weights", [None, np.r_[np.zeros(30), np.ones(30)]])
def test_channels_of_another_range_are_warned_of(views, weights):
    X, y = views
    factors = np.array([1, 1, 0.01], dtype=np.float32)[:, None, None]
    with pytest.warns(UserWarning, match="channels of X differ in range: .* give them the same range"):
        small(batch_size="auto", max_iter=1).fit(X * factors, y, weights)
    small(batch_size="auto", max_iter=1).fit(
        X * (factors > 0.1), y, weights
    )  # without ink, nothing is to compare


# Training that goes on.


def test_training_goes_on_with_the_same_channels(views, tmp_path):
    X, y = views
    classifier = small(max_iter=1, warm_start=True).fit(X, y)
    before = state(classifier)
    with pytest.raises(ValueError, match=r"of shape \(2, 16, 16\), but .* of shape \(3, 16, 16\)"):
        classifier.fit(X[:, :2], y)
    with pytest.raises(ValueError, match=r"in_channels=2 is not that of the fitted network, 3"):
        clone(classifier).fit(X, y).set_params(in_channels=2).fit(X, y)
    assert torch.equal(state(classifier), before)
    assert not torch.equal(state(classifier.fit(X, y)), before)

    chunks = small().partial_fit(X[:30], y[:30]).partial_fit(X[30:].reshape(30, -1), y[30:])
    assert (chunks.in_channels_, chunks.n_iter_) == (3, 2)
    with pytest.raises(ValueError, match=r"of shape \(1, 16\)|of shape \(2, 16, 16\)"):
        chunks.partial_fit(X[:, :2], y)


def test_checkpoint_tells_rows_of_channels_from_other_rows(tmp_path):
    X, y = np.random.default_rng(0).random((40, 4, 8, 8)), np.arange(40) % 2
    params = {"checkpoint": tmp_path / "run.safetensors", "max_iter": 1}
    rows = PixelRows.of(X)
    first = small(**params).fit(rows, y)
    again = small(**params).fit(rows, y)
    assert torch.equal(state(first), state(again))
    with pytest.raises(ValueError, match="channels of X was 4, is None"):
        small(**params).fit(np.asarray(rows), y)


def test_searches_and_paths_take_channels(views):
    X, y = views
    quick = small(batch_size=16, max_iter=1, finetune_iter=1, lam="auto")
    search = SparseCurveCNNClassifierCV(quick, sparsities=[0, 0.5], cv=2).fit(X, y)
    assert search.best_estimator_.in_channels_ == 3
    assert search.predict(X).shape == (60,)
    path = sparsity_path(X, y, estimator=quick, sparsities=[0, 0.5])
    assert [point.in_channels_ for point in path] == [3, 3]
    early = small(early_stopping=True, max_iter=2, validation_fraction=0.3).fit(X, y)
    assert len(early.validation_scores_) == early.n_iter_


def test_stored_state_of_versions_without_channels_has_one(views):
    one = small(max_iter=1).fit(views[0][:, 0], views[1])
    old = one.__getstate__()
    del old["in_channels"], old["in_channels_"]
    revived = SparseCurveCNNClassifier.__new__(SparseCurveCNNClassifier)
    revived.__setstate__(old)
    assert (revived.in_channels, revived.in_channels_) == (None, 1)
    assert_array_equal(revived.predict(views[0][:, 0]), one.predict(views[0][:, 0]))


# Augmentation and first filters.


def test_augmentation_changes_all_channels_alike():
    x = torch.rand(32, 1, *SHAPE, generator=torch.Generator().manual_seed(0))

    def changed(images):
        torch.manual_seed(0)
        return augment(images, CurveAugmentation(flip=True))

    assert torch.equal(changed(x.repeat(1, 3, 1, 1)), changed(x).repeat(1, 3, 1, 1))


def images_of(X):
    return Images(X.reshape(len(X), -1), X.shape[-2:], 1.0, torch.device("cpu"), in_channels=X.shape[1])


def test_first_filters_are_components_over_all_channels():
    X = np.random.default_rng(0).random((20, 2, 9, 9)).astype(np.float32)
    X[:, 1] = X[:, 0]  # the largest components read both alike
    w = torch.rand(20, 2, 3, 3, generator=torch.Generator().manual_seed(0))
    set_first_filters(w, images_of(X))
    assert_allclose(w[:9, 0], w[:9, 1], atol=1e-4)
    assert_allclose(w[10:], -w[:10], atol=1e-6)

    patches = np.lib.stride_tricks.sliding_window_view(X, (3, 3), axis=(2, 3))
    patches = patches.transpose(1, 4, 5, 0, 2, 3).reshape(18, -1).astype(np.float64)
    largest = np.linalg.eigh(patches @ patches.T)[1][:, -1].reshape(2, 3, 3)
    found = (w[0] / w[0].norm()).numpy()
    assert abs((largest * found).sum()) == pytest.approx(1, abs=1e-4)


def test_filters_of_equal_channels_are_those_of_one():
    X = np.random.default_rng(0).random((20, 1, 9, 9)).astype(np.float32)
    one, two = torch.ones(20, 1, 3, 3), torch.ones(20, 2, 3, 3)
    set_first_filters(one, images_of(X))
    set_first_filters(two, images_of(X.repeat(2, axis=1)))
    products = torch.einsum("ochw,ochw->o", one[:9].repeat(1, 2, 1, 1), two[:9])
    sizes = one[:9].repeat(1, 2, 1, 1).flatten(1).norm(dim=1) * two[:9].flatten(1).norm(dim=1)
    assert_allclose((products / sizes).abs(), 1, atol=1e-3)


# To take home.


@pytest.mark.parametrize("dtype", ["float32", "int8"])
def test_file_keeps_channels(views, fitted, tmp_path, dtype):
    X, path = views[0], tmp_path / "views.safetensors"
    save(fitted, path, dtype=dtype)
    loaded, without_torch = load(path), inference.load(path)
    assert (loaded.image_shape_, loaded.in_channels_, loaded.n_features_in_) == (SHAPE, 3, 768)
    assert_allclose(loaded.predict_proba(X), without_torch.predict_proba(X), atol=1e-5)
    if dtype == "float32":
        assert_array_equal(loaded.predict_proba(X), fitted.predict_proba(X))
    for given in (X, X.reshape(60, -1)):
        assert_array_equal(without_torch.predict(given), loaded.predict(X))
    assert "images of shape (3, 16, 16)" in repr(without_torch)
    for wrong in (X[:, 0], X[:, :2], np.moveaxis(X, 1, -1), X.reshape(60, -1)[:, 1:]):
        with pytest.raises(ValueError, match=r"of shape \(n, 768\) or \(n, 3, 16, 16\)"):
            without_torch.predict(wrong)


def test_file_keeps_names_of_views_in_few_words(views, fitted, tmp_path):
    frame = pd.DataFrame(views[0].reshape(60, -1), columns=pixel_names(SHAPE, ("ink", "0.05", "a__b")))
    classifier, path = clone(fitted).fit(frame, views[1]), tmp_path / "views.safetensors"
    save(classifier, path)
    assert load(path).feature_names_in_.tolist() == list(frame.columns)
    assert inference.load(path).feature_names_in_.tolist() == list(frame.columns)
    size = path.stat().st_size
    renamed = frame.rename(columns={"ink_pixel_0_0": "first"})
    save(clone(fitted).set_params(in_channels=3).fit(renamed, views[1]), path)
    assert load(path).feature_names_in_.tolist() == list(renamed.columns)
    assert path.stat().st_size > 2 * size


@pytest.mark.parametrize("channels", [2, 4, 2**30])
def test_network_of_other_channels_is_not_saved(fitted, tmp_path, channels):
    lying = pickle.loads(pickle.dumps(fitted))
    lying.in_channels_ = channels
    with pytest.raises(ValueError, match="CurveCNN cannot be stored"):
        save(lying, tmp_path / "views.safetensors")
    assert not list(tmp_path.iterdir())


def test_onnx_file_gives_the_same_answers(views, fitted, tmp_path):
    X, path = views[0].reshape(60, -1), tmp_path / "views.onnx"
    to_onnx(fitted, path)
    session = onnxruntime.InferenceSession(path)
    labels, probabilities = session.run(["label", "probabilities"], {"X": X})
    assert_array_equal(labels, fitted.predict(X))
    assert_allclose(probabilities, fitted.predict_proba(X), atol=1e-5)
    facts = session.get_modelmeta().custom_metadata_map
    assert (json.loads(facts["image_shape"]), json.loads(facts["in_channels"])) == ([16, 16], 3)
    to_onnx(fitted, path, quantize="int8", calibration=views[0])
    labels, _ = onnxruntime.InferenceSession(path).run(None, {"X": X})
    assert (labels == fitted.predict(X)).mean() > 0.9


def test_compressed_network_gives_the_same_scores(views, tmp_path):
    wide = small(penalty="group_l0", penalized="all", lam="auto", target_sparsity=0.5).fit(*views)
    compressed = compress(wide)
    assert sum(compressed.channels) < sum(wide.channels)
    assert_allclose(compressed.predict_proba(views[0]), wide.predict_proba(views[0]), atol=1e-5)
    save(compressed, tmp_path / "small.safetensors")
    for same in (load(tmp_path / "small.safetensors"), to_numpy(wide)):
        assert_allclose(same.predict_proba(views[0]), wide.predict_proba(views[0]), atol=1e-5)


def test_network_of_flat_channels_is_compressed_and_counted(views):
    module = nn.Sequential(nn.Flatten(), nn.Linear(768, 8), nn.ReLU(), nn.Linear(8, 2))
    module[1].weight.data[2:] = 0
    classifier = small(module=module, penalty=None, max_iter=1, weight_decay=0.0).fit(*views)
    classifier.module_[1].weight.data[2:] = 0
    assert_allclose(
        compress(classifier).predict_proba(views[0]), classifier.predict_proba(views[0]), atol=1e-5
    )
    assert NetworkReport.from_estimator(classifier).totals.macs == 8 * 768 + 16


def test_binarized_network_keeps_channels(views):
    trained = small(penalized="hidden", channels=(4, 8, 8)).fit(*views)
    assert binarize(trained, *views).in_channels_ == 3


def test_page_refuses_channels_without_their_views(fitted, tmp_path):
    with pytest.raises(ValueError, match=r"of 3 channels, which a page can draw only with the Curve"):
        to_html(fitted, tmp_path / "page.html")
    assert not list(tmp_path.iterdir())


# To look into.


def test_attributions_of_all_channels_add_up_to_the_score(views, fitted):
    X = views[0][:3]
    attributions = integrated_gradients(fitted, X)
    assert attributions.shape == X.shape
    change = fitted.decision_function(X) - fitted.decision_function(np.zeros_like(X))
    assert_allclose(attributions.sum((1, 2, 3)), change, rtol=0.02, atol=0.02)
    display = AttributionDisplay.from_estimator(fitted, X, n_images=3)
    assert_allclose(np.abs(display.attributions), np.abs(attributions.sum(1)), atol=1e-6)
    assert_allclose(display.images, X.mean(1) / fitted.pixel_scale_, atol=1e-6)


def test_filters_are_drawn_for_each_channel(fitted):
    assert WeightsDisplay.from_estimator(fitted, layer="conv1").weights.shape == (18, 3, 3, 3)
    report = NetworkReport.from_estimator(fitted)
    assert report.layers[0].shape == (18, 3, 3, 3)
    assert report.layers[0].macs == 18 * 3 * 9 * 256
