"""The display of what the transformer makes of pages."""

import numpy as np
import pytest

from sparsecnn import CurveImageTransformer
from sparsecnn.datasets import make_shaky_drawings
from sparsecnn.inspection import CurveImageDisplay


@pytest.fixture
def pages():
    return [255 - page for page in make_shaky_drawings(6, random_state=0).images]


@pytest.mark.parametrize("dtype", ["uint8", "float32"])
def test_display_shows_pages_above_their_images(pages, dtype):
    transformer = CurveImageTransformer((32, 48), dtype=dtype)
    display = CurveImageDisplay.from_transformer(transformer, pages, n_images=3)
    assert display.axes_.shape == (2, 3)
    np.testing.assert_array_equal(display.axes_[0, 1].images[0].get_array(), pages[1])
    image = transformer.transform(pages[1:2]).reshape(32, 48)
    np.testing.assert_array_equal(display.axes_[1, 1].images[0].get_array(), image)
    display.figure_.canvas.draw()


def test_display_shows_all_pages_where_there_are_few(pages):
    assert CurveImageDisplay.from_transformer(CurveImageTransformer(), pages[:1]).axes_.shape == (2, 1)


@pytest.mark.parametrize(
    ("transformer", "options", "error", "message"),
    [
        (None, {}, TypeError, "transformer must be a CurveImageTransformer, got a NoneType"),
        (CurveImageTransformer(), {"n_images": 0}, ValueError, "n_images == 0"),
        (CurveImageTransformer(), {"n_images": "all"}, TypeError, "n_images"),
    ],
)
def test_display_refuses_bad_arguments(pages, transformer, options, error, message):
    with pytest.raises(error, match=message):
        CurveImageDisplay.from_transformer(transformer, pages, **options)
