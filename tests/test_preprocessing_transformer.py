import io
import os
import pickle
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from joblib import parallel_config
from joblib.externals.loky import get_reusable_executor
from numpy.testing import assert_array_equal
from pages import draw_mark, draw_spiral, encode, transform_one
from PIL import Image
from sklearn.base import clone
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.utils import estimator_checks
from sklearn.utils.estimator_checks import parametrize_with_checks

from sparsecnn._pixel_rows import PixelRows
from sparsecnn.preprocessing import CurveImageTransformer


@pytest.fixture(scope="module", autouse=True)
def own_processes():
    """End the processes of this module: one that first imports torch later would seem to leak memory."""
    yield
    get_reusable_executor().shutdown()


CHECKS_LEFT_OUT = (
    "check_param_validation",
    "check_dataframe_column_names_consistency",
    "check_set_output_transform",
    "check_set_output_transform_pandas",
    "check_global_output_transform_pandas",
    "check_transformer_get_feature_names_out",
    "check_transformer_get_feature_names_out_pandas",
)


@pytest.fixture(scope="module")
def spiral():
    return draw_spiral()


@pytest.fixture(scope="module")
def expected(spiral):
    return transform_one(spiral)


@parametrize_with_checks([CurveImageTransformer()], xfail_strict=True)
def test_transformer_passes_scikit_learn_check(estimator, check):
    check(estimator)


@pytest.mark.filterwarnings("ignore:X (has|does not have valid) feature names")  # provoked by the checks
@pytest.mark.parametrize("check", CHECKS_LEFT_OUT)
def test_transformer_passes_check_left_out_by_default(check):
    getattr(estimator_checks, check)("CurveImageTransformer", CurveImageTransformer())


def test_uint8_is_float_in_255_steps(spiral, expected):
    ink = transform_one(spiral, dtype="uint8")
    assert ink.dtype == np.uint8
    assert_array_equal(ink, np.rint(255 * expected))


def test_float_output_is_float32(expected):
    assert expected.dtype == np.float32


@pytest.mark.parametrize("n_jobs", [2, -1])
@pytest.mark.parametrize("backend", ["threading", "loky"])
def test_n_jobs_changes_nothing(n_jobs, backend, tmp_path):
    pages = [draw_spiral(size) for size in range(40, 80, 3)]
    pages[0].save(tmp_path / "page.png")
    images = [*pages, tmp_path / "page.png"]
    with parallel_config(backend=backend):
        drawn = CurveImageTransformer(n_jobs=n_jobs).transform(images)
    assert_array_equal(drawn, CurveImageTransformer().transform(images))


def test_no_images_are_refused():
    with pytest.raises(ValueError, match=r"at least one image, got shape \(0, 8, 8, 3\)"):
        CurveImageTransformer().transform(np.zeros((0, 8, 8, 3), np.uint8))


def test_feature_names_tell_row_and_column():
    names = CurveImageTransformer(image_shape=(2, 3)).get_feature_names_out()
    assert list(names) == ["pixel_0_0", "pixel_0_1", "pixel_0_2", "pixel_1_0", "pixel_1_1", "pixel_1_2"]


def test_set_output_pandas_names_the_pixels(spiral):
    transformer = CurveImageTransformer(image_shape=(4, 4)).set_output(transform="pandas")
    frame = transformer.fit_transform(pd.Series([encode(spiral)], index=["first"]))
    assert frame.columns[-1] == "pixel_3_3"
    assert list(frame.index) == ["first"]


def test_rows_and_stacks_give_the_same_as_images():
    pages = np.stack([np.asarray(draw_spiral(40, turns=turns)) for turns in (2, 3)])
    expected = CurveImageTransformer().transform(list(pages))
    for X in (
        pages,
        pages.reshape(2, -1),
        pd.DataFrame(pages.reshape(2, -1)),
        np.stack([pages] * 3, axis=-1),
    ):
        assert_array_equal(CurveImageTransformer().fit_transform(X), expected)


def test_input_shape_tells_the_shape_of_rows():
    page = np.asarray(draw_mark())
    transformer = CurveImageTransformer(input_shape=page.shape)
    assert_array_equal(transformer.fit_transform(page.reshape(1, -1))[0], transform_one(page).ravel())


def test_shape_seen_in_fit_is_used_in_transform():
    pages = np.asarray(draw_mark())[np.newaxis]
    transformer = CurveImageTransformer().fit(pages)
    assert transformer.input_shape_ == (160, 200)
    assert_array_equal(transformer.transform(pages.reshape(1, -1)), transformer.transform(pages))


def test_one_page_without_its_list_is_refused_after_a_list(spiral):
    page = np.asarray(spiral)
    for pages in ([spiral], np.stack([page] * 3, axis=-1)[np.newaxis]):
        transformer = CurveImageTransformer().fit(pages)
        expected = transformer.transform([page])
        for one in (page, page.tolist(), pd.DataFrame(page), page[:1]):
            with pytest.raises(ValueError, match=r"but fit saw a list of images.* wrap it: \[X\]"):
                transformer.transform(one)
        for stack in (page[np.newaxis], PixelRows.of(page[np.newaxis])):
            assert_array_equal(transformer.transform(stack), expected)
        transformer.set_params(input_shape=page.shape)
        assert_array_equal(transformer.transform(page.reshape(1, -1)), expected)
    rows = page.reshape(1, -1)
    assert_array_equal(CurveImageTransformer().fit([spiral]).fit(rows).transform(rows), expected)


def test_stacks_of_pages_may_have_another_shape_than_in_fit():
    small, large = (np.asarray(draw_spiral(side))[np.newaxis] for side in (64, 96))
    transformer = CurveImageTransformer().fit(small)
    assert_array_equal(transformer.transform(large), CurveImageTransformer().transform(list(large)))
    with pytest.raises(ValueError, match="9216 features, but CurveImageTransformer is expecting 4096"):
        transformer.transform(large.reshape(1, -1))
    with pytest.raises(ValueError, match=r"images of shape \(96, 96\), but input_shape=\(64, 64\)"):
        transformer.set_params(input_shape=(64, 64)).transform(large)
    with pytest.raises(ValueError, match="NaN"):
        transformer.set_params(input_shape=None).transform(np.full((1, 9, 9), np.nan))


def test_input_shape_must_hold_the_pixels():
    with pytest.raises(ValueError, match="12 features"):
        CurveImageTransformer(input_shape=(3, 5)).fit(np.ones((2, 12)))


def test_files_after_numbers_leave_no_trace_of_numbers(spiral):
    transformer = CurveImageTransformer().fit(np.ones((2, 16))).fit([spiral])
    assert not hasattr(transformer, "n_features_in_")
    assert not hasattr(transformer, "input_shape_")


@pytest.mark.parametrize("bad", [np.full((2, 16), np.nan), np.ones((2, 15)), "page.png", []])
def test_fit_that_fails_keeps_what_an_earlier_one_saw(bad):
    frame = pd.DataFrame(np.ones((2, 16)), columns=[f"p{i}" for i in range(16)])
    transformer = CurveImageTransformer(input_shape=(2, 8)).fit(frame)
    before = dict(vars(transformer))
    with pytest.raises(ValueError, match=r"NaN|15 features|page\.png|empty list"):
        transformer.fit(bad)
    assert vars(transformer) == before
    assert transformer.input_shape_ == (2, 8)


def test_table_of_pixels_gives_their_shape():
    pages = np.asarray(draw_mark())[np.newaxis]
    first = CurveImageTransformer((20, 30), crop=False).set_output(transform="pandas")
    table = first.fit_transform(pages)
    second = CurveImageTransformer().fit(table)
    assert second.input_shape_ == (20, 30)
    images = table.to_numpy().reshape(1, 20, 30)
    assert_array_equal(second.transform(table), CurveImageTransformer().transform(images))


@pytest.mark.parametrize("as_X", [lambda X: X, list, tuple])
def test_arrays_in_any_sequence_give_the_same(as_X):
    pages = np.stack([np.asarray(draw_spiral(40, turns=turns)) for turns in (2, 3)])
    expected = CurveImageTransformer().transform(pages)
    assert_array_equal(CurveImageTransformer().transform(as_X(pages)), expected)


def test_transposed_input_shape_is_refused():
    with pytest.raises(ValueError, match=r"images of shape \(48, 96\), but input_shape=\(96, 48\)"):
        CurveImageTransformer(input_shape=(96, 48)).fit(np.ones((2, 48, 96)))


@pytest.mark.parametrize("path", ["drawings", Path("drawings")])
@pytest.mark.parametrize("method", ["fit", "transform"])
def test_folder_instead_of_images_suggests_load_drawings(path, method):
    with pytest.raises(
        ValueError, match=r"X must be a list of images, got the path 'drawings'; .*load_drawings"
    ):
        getattr(CurveImageTransformer(), method)(path)


def bad_sources(folder):
    good = encode(draw_spiral(64))
    contents = {"empty.png": b"", "text.png": b"no image", "truncated.png": good[: len(good) // 2]}
    for name, content in contents.items():
        (folder / name).write_bytes(content)
    nan = np.full((8, 8), np.nan)
    return [*(folder / name for name in contents), folder / "missing.png", folder, good[:100], nan, None, 3]


def test_one_error_lists_every_bad_image(tmp_path):
    bad = bad_sources(tmp_path)
    images = [draw_spiral(64), *bad, draw_spiral(64)]
    with pytest.raises(ValueError, match=f"{len(bad)} of {len(images)} images cannot be read") as error:
        CurveImageTransformer(n_jobs=2).transform(images)
    lines = str(error.value).splitlines()[1:]
    assert [int(line.split("]")[0].strip(" [")) for line in lines] == list(range(1, len(bad) + 1))
    for name, line in zip(["empty", "text", "truncated", "missing"], lines, strict=False):
        assert str(tmp_path / f"{name}.png") in line
    assert all(line.split(": ", 1)[1] for line in lines)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_pixels_must_be_finite(value):
    page = np.ones((8, 8))
    page[3, 3] = value
    with pytest.raises(ValueError, match="NaN or inf"):
        CurveImageTransformer().transform([page])
    with pytest.raises(ValueError, match=r"NaN|infinity"):
        CurveImageTransformer().transform(page.reshape(1, -1))


@pytest.mark.parametrize("times", [1.5, 3])
def test_decompression_bomb_is_an_error(times, spiral, monkeypatch):
    monkeypatch.setattr("sparsecnn.preprocessing._cost.MAX_PIXELS", int(256 * 256 / times))
    with pytest.raises(ValueError, match=r"\[0\] bytes: .*pixels"):
        transform_one(encode(spiral))


@pytest.mark.parametrize("shape", [(0, 5), (5, 5, 2), (5, 5, 5), (2, 5, 5, 3)])
def test_arrays_of_other_shapes_are_refused(shape):
    with pytest.raises(ValueError, match="got \\("):
        CurveImageTransformer().transform([np.ones(shape)])


@pytest.mark.parametrize(
    "single",
    [
        *("page.png", Path("page.png"), b"bytes", memoryview(b"bytes"), io.BytesIO(), Image.new("L", (5, 5))),
        *(iter([]), np.zeros((20, 9, 3)), np.zeros((20, 30, 4), np.uint8)),
    ],
)
@pytest.mark.parametrize("method", ["fit", "transform"])
def test_single_image_must_be_wrapped(single, method):
    with pytest.raises(ValueError, match=r"must be a list|expected a list of images: wrap it"):
        getattr(CurveImageTransformer(), method)(single)


@pytest.mark.parametrize("image_shape", [(8,), (8, 0), (8, 8, 8), (8, 2.5)])
def test_image_shape_must_be_two_positive_integers(image_shape):
    with pytest.raises(ValueError, match="two positive integers"):
        CurveImageTransformer(image_shape=image_shape).fit([draw_spiral(32)])


@pytest.mark.parametrize("noise", [0, 4])
@pytest.mark.parametrize("brightness", [10, 128, 240])
def test_blank_page_is_a_warning_and_all_zeros(noise, brightness, spiral):
    blank = brightness + noise * np.random.default_rng(0).standard_normal((200, 200))
    blank = np.clip(blank, 0, 255).astype(np.uint8)
    with pytest.warns(UserWarning, match=r"1 of 3 pages: \[1\]"):
        X = CurveImageTransformer().transform([spiral, blank, spiral])
    assert not X[1].any()
    assert X[0].any()


def test_blank_pages_share_one_warning(tmp_path):
    path = tmp_path / "blank.png"
    Image.new("RGBA", (50, 50)).save(path)
    with pytest.warns(UserWarning, match=r"blank\.png, \[1\]") as warned:
        CurveImageTransformer().transform([path, Image.new("1", (50, 50), 1)])
    assert len(warned) == 1


def test_transform_needs_no_fit(spiral, expected):
    assert_array_equal(CurveImageTransformer().fit_transform([spiral]), [expected.ravel()])


def test_transformer_can_be_pickled_cloned_and_shown(spiral, expected):
    transformer = CurveImageTransformer(n_jobs=2)
    for copy in (pickle.loads(pickle.dumps(transformer)), clone(transformer)):
        assert_array_equal(copy.transform([spiral]), [expected.ravel()])
    assert "CurveImageTransformer" in transformer._repr_html_()


def test_transformer_works_in_a_pipeline(spiral):
    pipeline = make_pipeline(CurveImageTransformer(image_shape=(4, 4)), FunctionTransformer())
    assert pipeline.fit_transform([spiral]).shape == (1, 16)


def test_scanned_spirals_have_thin_ink_on_clean_paper():
    folder = os.environ.get("SPARSECNN_DATA")
    if folder is None:
        pytest.skip("set SPARSECNN_DATA to a folder that holds spirals/ to test on real scans")
    files = sorted(Path(folder, "spirals").glob("*/*/*.png"))
    X = CurveImageTransformer().transform(files)
    coverage = (X > 0.2).mean(axis=1)
    assert len(X) == len(files) > 0
    assert coverage.min() > 0.05
    assert coverage.max() < 0.3
    assert (np.mean(X == 0, axis=1) > 0.5).all()
