"""Rows of several channels that do not tell them: X was a file, went through a scaler, or is a data frame."""

import warnings

import numpy as np
import pandas as pd
import pytest
from classifiers import small
from sklearn.datasets import load_digits
from sklearn.preprocessing import MinMaxScaler, StandardScaler

from sparsecnn import CurveImageTransformer
from sparsecnn._estimator.image_layout import shape_images
from sparsecnn.datasets import DRAWING_KINDS, make_shaky_drawings, make_shaky_spirals, make_shaky_words

VIEWS = ("ink", 1 / 38, 1 / 19, 1 / 9.5)
N = 24


def pages_of(kind, **params):
    return [255 - page for page in make_shaky_drawings(N, drawings=kind, random_state=0, **params).images]


@pytest.fixture(scope="module")
def drawn():
    return {
        kind: CurveImageTransformer((32, 32), unsteadiness=1.0, views=VIEWS).transform(pages_of(kind))
        for kind in DRAWING_KINDS
    }


def through_a_file(X, tmp_path):
    np.save(tmp_path / "X.npy", X)
    return np.load(tmp_path / "X.npy", mmap_mode="r")


@pytest.mark.parametrize(
    "lose",
    [
        through_a_file,
        lambda X, _: np.asfortranarray(X),
        lambda X, _: np.ascontiguousarray(X),
        lambda X, _: pd.DataFrame(X),
        lambda X, _: np.rint(255 * np.asarray(X)).astype(np.uint8),
        lambda X, _: StandardScaler().fit_transform(X),
        lambda X, _: MinMaxScaler().fit_transform(X),
    ],
    ids=[
        "file",
        "asfortranarray",
        "ascontiguousarray",
        "frame",
        "bytes",
        "standard scaler",
        "min-max scaler",
    ],
)
@pytest.mark.parametrize("n_views", [3, 4])
def test_what_loses_the_channels_is_warned_of(drawn, lose, n_views, tmp_path):
    for kind, X in drawn.items():
        rows = lose(X[:, : n_views * 1024], tmp_path)
        with pytest.warns(UserWarning, match=f"consist of {n_views} channels.* give in_channels={n_views}"):
            shape_images(rows, None, None, own_module=False)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            shape_images(rows, None, n_views, own_module=False)
            shape_images(rows, (32, 32 * n_views), None, own_module=False)
            assert shape_images(X, None, None, own_module=False)[1:] == ((32, 32), 4), kind


def test_images_of_one_channel_are_not_taken_for_several():
    n = np.arange(32)
    singles = [
        *(
            make(N, image_shape=(64, 64), random_state=0).images
            for make in (make_shaky_spirals, make_shaky_words)
        ),
        *(make_shaky_drawings(N, drawings=kind, random_state=0).images for kind in DRAWING_KINDS),
        make_shaky_drawings(N, paper="squared", guide="black", capture="phone", random_state=0).images,
        np.asarray(CurveImageTransformer((32, 32), unsteadiness=1.0).transform(pages_of("wave"))),
        np.asarray(CurveImageTransformer((64, 64)).transform(pages_of("word", image_shape=(64, 192)))),
        np.asarray(CurveImageTransformer((48, 48), crop=False).transform(pages_of("meander"))),
        load_digits().data,
        load_digits().images.repeat(4, axis=1).repeat(4, axis=2),
        np.broadcast_to(np.sin(n / 3), (8, 32, 32)),  # lines down
        np.broadcast_to((n % 8 < 2).astype(float)[:, np.newaxis], (8, 32, 32)),  # lines across
        np.zeros((4, 32, 32)),
        *(np.random.default_rng(seed).random((3, 1024)) for seed in range(20)),
    ]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for images in singles:
            shape_images(np.asarray(images).reshape(len(images), -1), None, None, own_module=False)


def test_periodic_curves_are_not_taken_for_channels():
    t = np.linspace(0, 4, 512, endpoint=False)
    curves = np.stack([np.sin(2 * np.pi * (t + shift)) ** 9 for shift in np.linspace(0, 1, 12)])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert shape_images(curves, None, None, own_module=False)[1:] == ((1, 512), 1)


@pytest.mark.parametrize("value", [np.nan, np.inf, 1e300])
def test_unusual_pixels_are_left_to_other_checks(value):
    X = np.ones((3, 1024))
    X[1, 1] = value
    assert shape_images(X, None, None, own_module=False)[1] == (32, 32)
    assert shape_images(X[:0], None, None, own_module=False)[1] == (32, 32)


def test_flat_rows_of_two_channels_that_are_no_square_are_warned_of():
    X = np.zeros((4, 3072), np.uint8)
    with pytest.warns(
        UserWarning, match=r"1536 pixels in flat rows for each of 2 channels.*shape \(2, 1, 1536\)"
    ):
        assert shape_images(X, None, 2, own_module=False)[1:] == ((1, 1536), 2)


def test_fit_warns_once(drawn):
    X, y = np.asarray(drawn["spiral"]), np.arange(N) % 2
    with pytest.warns(UserWarning, match="give in_channels=4") as caught:
        small(max_iter=1, batch_size=12).fit(X, y)
    assert len(caught) == 1
