import json
import pickle
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_array_equal
from sklearn.pipeline import FeatureUnion
from sklearn.preprocessing import FunctionTransformer

from sparsecnn._image_shape import (
    check_image_shape,
    check_in_channels,
    flatten_channels,
    flatten_images,
    images_of_rows,
    infer_image_shape,
    layout_from_names,
    layout_of_rows,
    pixel_names,
    views_of_rows,
)
from sparsecnn._pixel_rows import PixelRows

sides = st.integers(1, 12)


def frame_of(shape, views=(None,)):
    return pd.DataFrame(np.zeros((2, len(views) * shape[0] * shape[1])), columns=pixel_names(shape, views))


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


@pytest.mark.parametrize("as_X", [np.asarray, list, tuple, lambda images: images.tolist()])
def test_channels_become_rows_in_order(as_X):
    images = np.arange(60).reshape(2, 2, 3, 5)
    flat = flatten_channels(as_X(images))
    assert_array_equal(flat.rows, images.reshape(2, 30))
    assert flat[1:] == ((3, 5), 2)
    assert_array_equal(images_of_rows(flat.rows, *flat[1:]), images)


@pytest.mark.parametrize("as_X", [np.asarray, list, tuple])
@pytest.mark.parametrize("n_channels", [1, 3, 4])
def test_channels_that_are_last_are_refused_with_the_way_to_move_them(as_X, n_channels):
    photographs = np.ones((2, 8, 9, n_channels))
    with pytest.raises(ValueError, match=rf"got \(2, 8, 9, {n_channels}\), .* np.moveaxis\(X, -1, 1\)"):
        flatten_channels(as_X(photographs))
    assert flatten_channels(np.moveaxis(photographs, -1, 1))[1:] == ((8, 9), n_channels)
    assert flatten_channels(as_X(photographs), in_channels=8)[1:] == ((9, n_channels), 8)


def test_five_axes_are_refused():
    with pytest.raises(ValueError, match=r"or \(n, channels, height, width\), got \(2, 3, 4, 5, 6\)"):
        flatten_channels(np.ones((2, 3, 4, 5, 6)))


@pytest.mark.parametrize("X", [np.zeros((2, 3, 4, 5)), frame_of((4, 5), "abc")])
def test_several_channels_are_refused_where_one_is_expected(X):
    with pytest.raises(ValueError, match="X holds images of 3 channels, expected one"):
        flatten_images(X)


@pytest.mark.parametrize("X", [np.zeros((2, 3, 4, 5)), frame_of((4, 5), "abc")])
def test_another_number_of_channels_is_refused(X):
    with pytest.raises(ValueError, match="X holds images of 3 channels, but in_channels=2"):
        flatten_channels(X, in_channels=2)
    assert flatten_channels(X, in_channels=3).in_channels == 3


@pytest.mark.parametrize("bad", [0, -1, 1.5, "3", True, (1,)])
def test_number_of_channels_must_be_a_positive_integer(bad):
    with pytest.raises(ValueError, match=r"^in_channels must be a positive integer, got"):
        check_in_channels(bad)


def test_shape_is_inferred_for_each_channel():
    assert infer_image_shape(3 * 64, in_channels=3) == (8, 8)
    assert infer_image_shape(3 * 63, in_channels=3) == (1, 63)
    assert infer_image_shape(3 * 63, (9, 7), in_channels=3) == (9, 7)
    with pytest.raises(ValueError, match="X has 64 features, which is no multiple of in_channels=3"):
        infer_image_shape(64, in_channels=3)
    with pytest.raises(ValueError, match=r"image_shape=\(8, 8\) with in_channels=3 needs 3 \* 8 \* 8 = 192"):
        infer_image_shape(64, (8, 8), in_channels=3)


def test_pixel_rows_keep_their_channels_in_parts_and_copies():
    images = np.arange(2 * 3 * 4 * 5).reshape(2, 3, 4, 5)
    rows = PixelRows.of(images)
    for same in (rows, rows[:1], rows.copy(), rows / 2, pickle.loads(pickle.dumps(rows))):
        assert layout_of_rows(same) == ((4, 5), 3)
    assert layout_of_rows(rows[:, :20]) == (None, None)
    assert layout_of_rows(rows[0]) == (None, None)


def test_pixel_rows_forget_their_channels_where_axes_are_moved():
    rows = PixelRows.of(np.arange(24).reshape(2, 3, 4))
    turned = rows.reshape(2, 3, 4).transpose(0, 2, 1).reshape(2, 12)
    assert layout_of_rows(turned) == (None, None)
    assert layout_of_rows(rows[[1, 0]] / 2) == ((3, 4), 1)


def test_pixel_rows_hand_processes_a_plain_array_that_joblib_can_share():
    rows = PixelRows.of(np.arange(24).reshape(2, 3, 4))
    _, (array, channels) = rows.__reduce__()
    assert type(array) is np.ndarray
    assert np.shares_memory(array, rows)
    assert channels == rows.channels


@pytest.mark.parametrize(
    ("layout", "expected"),
    [([(3, 4)], ((3, 4), 1)), ([(3, 4), 2], ((3, 4), 2)), ([None], (None, None)), ([None, 1], (None, None))],
)
def test_pixel_rows_of_earlier_versions_are_read(layout, expected):
    rows = PixelRows.of(np.zeros((2, *expected[1:], *expected[0])) if expected[0] else np.zeros((2, 3, 4)))
    build, arguments, state = np.ndarray.__reduce__(rows)
    old = build(*arguments)
    old.__setstate__((*state[:5], *layout))
    assert layout_of_rows(old) == expected


@pytest.mark.parametrize(
    "join",
    [np.vstack, np.concatenate, lambda parts: np.append(*parts, axis=0), lambda parts: np.r_[parts]],
    ids=["vstack", "concatenate", "append", "r_"],
)
def test_pixel_rows_one_below_the_other_keep_channels_that_agree(join):
    rows = PixelRows.of(np.arange(2 * 3 * 4 * 4).reshape(2, 3, 4, 4), ("a", "b", "c"))
    both = join((rows, rows[:1]))
    assert_array_equal(both, np.asarray(rows)[[0, 1, 0]])
    assert layout_of_rows(both) == ((4, 4), 3)
    assert views_of_rows(both) == ("a", "b", "c")
    wide, flipped = (
        PixelRows.of(np.zeros(shape), views)
        for shape, views in (((1, 3, 2, 8), "abc"), ((1, 3, 4, 4), "cba"))
    )
    for other in (wide, flipped, np.zeros((1, 48))):
        assert layout_of_rows(join((rows, other))) == (None, None)
        assert layout_of_rows(join((other, rows))) == (None, None)


def test_names_of_views_are_kept_side_by_side_and_in_pickles():
    images = np.zeros((2, 3, 4))
    rows = np.hstack([PixelRows.of(images, ["b"]), PixelRows.of(images, ["a"])])
    for same in (rows, rows[1:], rows.astype(int), pickle.loads(pickle.dumps(rows))):
        assert views_of_rows(same) == ("b", "a")
    assert views_of_rows(np.hstack([rows, PixelRows.of(images)])) is None
    assert views_of_rows(rows[:, :12]) is None
    assert views_of_rows(np.asarray(rows)) is None


@pytest.mark.parametrize(
    "reduce",
    [
        *(np.mean, np.max, np.sum, np.std, np.median, np.ptp, np.argmax, np.any, np.linalg.norm),
        *(lambda X: X.mean(), lambda X: X.min(), lambda X: np.percentile(X, 30), lambda X: X[0] @ X[0]),
        lambda X: X[0, 0],
    ],
)
def test_a_number_made_of_pixel_rows_is_a_plain_number(reduce):
    plain = np.arange(16.0).reshape(1, 16)
    number = reduce(PixelRows.of(plain.reshape(1, 4, 4)))
    assert type(number) is type(reduce(plain))
    assert number == reduce(plain)
    assert json.dumps(number.item()) == str(number.item()).lower()


def test_images_of_several_shapes_side_by_side_are_refused():
    rows = np.hstack([PixelRows.of(np.zeros((2, 4, 4))), PixelRows.of(np.zeros((2, 4, 12)))])
    assert layout_of_rows(rows) == (None, None)
    with pytest.raises(ValueError, match=r"X holds images of shapes \(4, 4\) and \(4, 12\) side by side"):
        flatten_channels(rows)
    assert flatten_channels(rows, (8, 8)).image_shape == (8, 8)
    assert flatten_channels(rows[:, :16])[1:] == (None, None)


def test_feature_union_of_pixel_rows_gives_channels():
    images = np.arange(2 * 3 * 4 * 5).reshape(2, 3, 4, 5)

    def union(*parts):
        steps = [(str(i), FunctionTransformer(lambda _, part=part: part)) for i, part in enumerate(parts)]
        return FeatureUnion(steps).fit_transform(np.zeros((2, 1)))

    first, others = PixelRows.of(images[:, 0]), PixelRows.of(images[:, 1:])
    joined = union(first, others)
    assert_array_equal(joined, images.reshape(2, -1))
    assert layout_of_rows(joined) == ((4, 5), 3)
    assert layout_of_rows(union(first, PixelRows.of(images[:, 0, 1:]))) == (None, None)
    assert layout_of_rows(union(first, np.zeros((2, 20)))) == (None, None)


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
    assert layout_from_names(frame_of((height, width))) == ((height, width), 1)


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
    assert layout_from_names(X) == (None, None)


def test_pixels_in_another_order_are_refused():
    with pytest.raises(ValueError, match=r"shape \(2, 3\), but not in the order"):
        layout_from_names(frame_of((2, 3)).iloc[:, ::-1])
    with pytest.raises(ValueError, match=r"shape \(2, 2, 3\), but not in the order .* channel by channel"):
        layout_from_names(frame_of((2, 3), "ab").iloc[:, ::-1])


@pytest.mark.parametrize("views", [("ink",), ("ink", "0.05"), ("a__ink", "b__ink", None), ("", "_")])
def test_names_of_views_give_channels(views):
    assert layout_from_names(frame_of((2, 3), views)) == ((2, 3), len(views))
    assert layout_from_names(frame_of((2, 3), views).iloc[:, 1:]) == (None, None)


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
