from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from sparsecnn._image_shape import check_image_shape, flatten_images, pixel_names, shape_from_names

sides = st.integers(1, 12)


def frame_of(shape):
    return pd.DataFrame(np.zeros((2, shape[0] * shape[1])), columns=pixel_names(shape))


@pytest.mark.parametrize("as_X", [np.asarray, list, tuple, lambda images: images.tolist()])
def test_images_become_rows(as_X):
    images = np.arange(24).reshape(2, 3, 4)
    X, shape = flatten_images(as_X(images))
    assert_array_equal(X, images.reshape(2, 12))
    assert shape == (3, 4)


@pytest.mark.parametrize("kind", [list, tuple])
def test_first_image_of_another_shape_is_named(kind):
    images = kind([np.ones((8, 8)), np.ones((8, 8)), np.ones((8, 9)), np.ones((7, 8))])
    with pytest.raises(ValueError, match=r"X\[2\] is of shape \(8, 9\) and X\[0\] of shape \(8, 8\)"):
        flatten_images(images)


@pytest.mark.parametrize("as_X", [np.asarray, list, tuple])
def test_images_with_channels_are_refused(as_X):
    with pytest.raises(ValueError, match=r"got \(2, 8, 8, 3\)"):
        flatten_images(as_X(np.ones((2, 8, 8, 3))))


@pytest.mark.parametrize("rows", [[[1, 2], [3, 4]], np.eye(2), pd.DataFrame(np.eye(2))])
def test_rows_are_returned_as_they_are(rows):
    assert flatten_images(rows)[0] is rows
    assert flatten_images(rows)[1] is None
    assert flatten_images(rows, [1, 2])[1] == (1, 2)


@pytest.mark.parametrize("path", ["folder", Path("folder")])
def test_path_instead_of_pixels_suggests_load_drawings(path):
    with pytest.raises(ValueError, match=r"X must hold pixels, got the path 'folder'; .*load_drawings"):
        flatten_images(path)


@pytest.mark.parametrize("X", [["a.png"], ("a.png",), np.array(["a.png"]), pd.Series(["a.png"]), [b"file"]])
def test_files_instead_of_pixels_suggest_the_transformer(X):
    with pytest.raises(ValueError, match=r"X must hold pixels, .* CurveImageTransformer reads files"):
        flatten_images(X)


@pytest.mark.parametrize("X", [np.zeros((2, 48, 96)), [np.zeros((48, 96))] * 2, frame_of((48, 96))])
def test_transposed_shape_is_refused_where_the_true_one_is_known(X):
    with pytest.raises(ValueError, match=r"images of shape \(48, 96\), but input_shape=\(96, 48\)"):
        flatten_images(X, (96, 48), "input_shape")
    assert flatten_images(X, (48, 96))[1] == (48, 96)
    assert flatten_images(X)[1] == (48, 96)


@given(sides, sides)
def test_names_of_pixels_give_their_shape(height, width):
    assert shape_from_names(frame_of((height, width))) == (height, width)


@pytest.mark.parametrize(
    "X",
    [
        np.zeros((2, 4)),
        [[1, 2]],
        pd.DataFrame(np.zeros((2, 4))),
        pd.DataFrame(np.zeros((2, 2)), columns=["pixel_0_0", "age"]),
        frame_of((2, 3)).drop(columns="pixel_0_1"),
        pd.DataFrame(),
    ],
)
def test_other_columns_give_no_shape(X):
    assert shape_from_names(X) is None


def test_pixels_in_another_order_are_refused():
    with pytest.raises(ValueError, match=r"shape \(2, 3\), but not in the order"):
        shape_from_names(frame_of((2, 3)).iloc[:, ::-1])


@pytest.mark.parametrize("given_shape", [(3, 4), [3, 4], np.array([3, 4])])
def test_image_shape_is_returned_as_ints(given_shape):
    shape = check_image_shape(given_shape)
    assert shape == (3, 4)
    assert [type(side) for side in shape] == [int, int]


@pytest.mark.parametrize(
    "bad", [None, 8, "88", (8,), (8, 8, 8), (8, 2.5), (8, 0), (-1, 8), (True, 8), {8, 9}, [[8], [8, 9]]]
)
def test_image_shape_must_be_two_positive_integers(bad):
    with pytest.raises(
        ValueError, match=r"^input_shape must be two positive integers \(height, width\), got"
    ):
        check_image_shape(bad, "input_shape")


def test_image_shape_may_have_a_least_side():
    assert check_image_shape((32, 40), smallest=32) == (32, 40)
    with pytest.raises(ValueError, match=r"size must be at least \(32, 32\), got \(40, 31\)"):
        check_image_shape((40, 31), "size", smallest=32)
