"""Forms of X, ranges of pixels, and weights of images."""

import numpy as np
import pandas as pd
import pytest
import torch
from classifiers import small, state
from conftest import make_stripes
from sklearn.pipeline import make_pipeline

from sparsecnn import CurveImageTransformer
from sparsecnn.datasets import make_shaky_spirals


def test_flat_and_three_dimensional_images_are_the_same(stripes):
    X, y = stripes
    flat = X.reshape(len(X), -1)
    assert torch.equal(state(small().fit(X, y)), state(small().fit(flat, y)))


def test_uint8_and_scaled_floats_are_the_same(stripes):
    X, y = stripes
    X[0, 0, 0] = 255
    scores = small().fit(X, y).decision_function(X)
    scaled = (X / 255).astype(np.float32)
    np.testing.assert_allclose(small().fit(scaled, y).decision_function(scaled), scores, rtol=1e-3, atol=1e-4)


def test_elongated_images_keep_their_shape():
    X, y = make_stripes(60, side=32, random_state=0)
    classifier = small(image_shape=(16, 32)).fit(X[:, :16].reshape(60, -1), y)
    assert classifier.image_shape_ == (16, 32)
    assert classifier.module_.fc.in_features == 8 * 2 * 4


def test_data_frame_columns_are_remembered(stripes):
    X, y = stripes
    frame = pd.DataFrame(X.reshape(len(X), -1)).rename(columns=str)
    classifier = small(max_iter=1).fit(frame, y)
    assert classifier.feature_names_in_[0] == "0"
    classifier.predict(frame)


def test_predictions_do_not_depend_on_the_batch(stripes):
    X, y = stripes
    classifier = small().fit(X, y)
    one_by_one = np.concatenate([classifier.predict_proba(X[i : i + 1]) for i in range(20)])
    np.testing.assert_allclose(classifier.predict_proba(X)[:20], one_by_one, atol=1e-5)


def test_memory_mapped_images_are_read_only_when_needed(stripes, tmp_path):
    X, y = stripes
    np.save(tmp_path / "X.npy", X)
    mapped = np.load(tmp_path / "X.npy", mmap_mode="r")
    assert torch.equal(state(small().fit(mapped, y)), state(small().fit(X, y)))


def test_sample_weight_equals_repetition(stripes):
    X, y = (part[:10] for part in stripes)
    weight = np.arange(10) % 3
    weighted = small(batch_size=6, max_iter=5).fit(X, y, sample_weight=weight)
    repeated = small(batch_size=9, max_iter=5).fit(np.repeat(X, weight, axis=0), np.repeat(y, weight))
    np.testing.assert_allclose(weighted.predict_proba(X), repeated.predict_proba(X), atol=1e-3)


def test_weights_too_small_for_float32_are_left_out(stripes):
    X, y = (part[:20] for part in stripes)
    weight = np.where(np.arange(20) < 10, 1.0, 1e-60)
    tiny, none = (small(batch_size=2, max_iter=2).fit(X, y, w) for w in (weight, weight * (weight == 1)))
    assert torch.equal(state(tiny), state(none))


def test_class_weight_moves_predictions(stripes):
    X, y = stripes
    noisy = np.where(np.random.default_rng(0).random(len(y)) < 0.4, "across", y)
    counts = [
        np.sum(small(class_weight=weight, max_iter=3).fit(X, noisy).predict(X) == "down")
        for weight in ({"across": 10.0}, None, {"down": 10.0})
    ]
    assert counts[0] < counts[2]


def test_image_of_weight_zero_changes_nothing(stripes):
    X, y = stripes[0].astype(np.float32), stripes[1]
    weight = np.ones(120)
    weight[:40] = 0
    changed = X.copy()
    changed[:40] *= 1000
    labels = np.where(np.arange(120) < 40, "down", y)
    first = small(class_weight="balanced").fit(X, y, sample_weight=weight)
    second = small(class_weight="balanced").fit(changed, labels, sample_weight=weight)
    assert first.pixel_scale_ == second.pixel_scale_ == X[40:].max()
    assert torch.equal(state(first), state(second))


@pytest.mark.parametrize(
    "surroundings", [torch.no_grad, torch.inference_mode, lambda: np.errstate(all="raise")]
)
def test_fit_and_predict_do_not_depend_on_the_surroundings(stripes, surroundings):
    plain = small(max_iter=2).fit(*stripes)
    with surroundings():
        inside = small(max_iter=2).fit(*stripes)
        probability = inside.predict_proba(stripes[0])
    assert torch.equal(state(inside), state(plain))
    assert np.array_equal(probability, plain.predict_proba(stripes[0]))


def test_fit_does_not_depend_on_the_default_dtype(stripes):
    plain = small(max_iter=2).fit(*stripes)
    torch.set_default_dtype(torch.float64)
    try:
        inside = small(max_iter=2).fit(*stripes)
        assert torch.get_default_dtype() == torch.float64
    finally:
        torch.set_default_dtype(torch.float32)
    assert torch.equal(state(inside), state(plain))


def test_images_of_a_pipeline_keep_their_shape():
    X, y = make_shaky_spirals(20, image_shape=(32, 96), return_X_y=True, random_state=0)
    pages = list(X.reshape(-1, 32, 96))
    for shape in ((16, 64), (16, 48)):
        reader = make_pipeline(CurveImageTransformer(shape, crop=False), small(batch_size="auto", max_iter=1))
        assert reader.fit(pages, y)[-1].image_shape_ == shape
        assert reader.set_output(transform="pandas").fit(pages, y)[-1].image_shape_ == shape
        with pytest.raises(ValueError, match="image_shape"):
            reader.set_params(sparsecurvecnnclassifier__image_shape=shape[::-1]).fit(pages, y)
