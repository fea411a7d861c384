"""Arrays of any type, shape and range."""

import warnings

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.testing import assert_allclose
from pages import draw_spiral, similarity, transform_one

from sparsecnn.preprocessing import CurveImageTransformer
from sparsecnn.preprocessing._percentile import percentile

dtypes = st.one_of(
    *(hnp.boolean_dtypes(), hnp.integer_dtypes(), hnp.unsigned_integer_dtypes(), hnp.floating_dtypes())
)
shapes = st.one_of(
    hnp.array_shapes(min_dims=1, max_dims=4, max_side=24),
    st.tuples(st.integers(1, 150), st.integers(1, 150)),
    st.tuples(st.integers(1, 40), st.integers(1, 40), st.sampled_from([1, 3, 4])),
)


@settings(max_examples=300, deadline=None)
@given(
    dtypes.flatmap(lambda dtype: hnp.arrays(dtype, shapes)),
    st.sampled_from(["float32", "uint8"]),
    st.booleans(),
)
def test_any_array_gives_ink_or_an_error_that_names_it(array, dtype, crop):
    transformer = CurveImageTransformer((12, 16), dtype=dtype, crop=crop)
    X, message = None, ""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "No ink found")
        try:
            X = transformer.transform([array, draw_spiral(16)])
        except ValueError as error:
            message = str(error)
    if X is None:
        assert message.startswith("1 of 2 images cannot be read:\n  [0] ndarray: ")
        return
    assert X.shape == (2, 192)
    assert X.dtype == dtype
    assert np.isfinite(X).all()
    assert X.min() >= 0
    assert X.max() <= (1 if dtype == "float32" else 255)


@pytest.mark.slow
@settings(max_examples=100, deadline=None)
@given(st.floats(-1e30, 1e30), st.floats(1e-3, 1e30), st.sampled_from([np.float32, np.float64]))
def test_range_of_numbers_does_not_matter_where_it_is_stretched(low, span, dtype):
    page = np.asarray(draw_spiral(64), dtype=np.float64) / 255
    scaled = (low + span * page).astype(dtype)
    # Numbers from 0 to near one of these are brightnesses with that white, whatever their contrast.
    assume(scaled.min() < 0 or not any(white / 16 < scaled.max() <= white for white in (1, 255, 65535)))
    if len(np.unique(scaled)) < len(np.unique(page)) / 2:
        return  # too close for the type to tell apart
    assert similarity(transform_one(scaled), transform_one(page)) > 0.95


@pytest.mark.slow
@settings(max_examples=50, deadline=None)
@given(st.floats(1 / 8, 1), st.sampled_from([255, 65535]))
def test_numbers_near_a_white_are_as_their_fractions_of_it(brightest, white):
    page = np.asarray(draw_spiral(64), dtype=np.float64) / 255 * brightest
    assert_allclose(transform_one(page * white), transform_one(page), atol=1e-3)


@pytest.mark.parametrize("value", [1e39, -1e200])
def test_numbers_beyond_float32_are_refused(value):
    page = np.ones((8, 8))
    page[2, 3] = value
    with pytest.raises(ValueError, match=r"\[0\] ndarray: expected pixels in the range of float32"):
        CurveImageTransformer().transform([page])


@pytest.mark.parametrize("dtype", ["complex64", "datetime64[s]", "O", "U3"])
def test_pixels_must_be_numbers(dtype):
    with pytest.raises(ValueError, match=r"\[0\] ndarray: expected numbers as pixels"):
        CurveImageTransformer().transform([np.ones((8, 8)).astype(dtype)])


@given(
    hnp.arrays(np.float32, hnp.array_shapes(min_dims=2, max_dims=2), elements=st.floats(0, 1, width=32)),
    st.integers(0, 100),
    st.sampled_from([None, 0, 1]),
)
def test_percentile_is_that_of_numpy(values, percent, axis):
    expected = np.percentile(values, percent, axis=axis, method="lower")
    size = values.size if axis is None else values.shape[axis]
    if abs(percent * (size - 1) / 100 % 1 - 0.5) < 0.499:  # else numpy's rounding decides
        assert_allclose(percentile(values, percent, axis), expected)
