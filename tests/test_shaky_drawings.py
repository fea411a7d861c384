"""Generated drawings of several kinds."""

import numpy as np
import pytest

from sparsecnn.datasets import make_shaky_drawings

KINDS = ["spiral", "meander", "wave", "loops", "word"]


def test_drawings_come_as_documented():
    drawings = make_shaky_drawings(30, persons=6, random_state=0)
    assert drawings.images.shape == (30, 128, 128)
    assert drawings.images.dtype == np.uint8
    assert np.shares_memory(drawings.images, drawings.data)
    assert drawings.target.sum() == 15
    assert set(drawings.drawings) == set(KINDS)
    assert "6 persons" in drawings.DESCR


def test_drawings_repeat_themselves_for_a_seed():
    first, again, other = (make_shaky_drawings(6, random_state=seed).data for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("image_shape", [(64, 64), (56, 170), (170, 56)])
def test_every_kind_fits_every_page(kind, image_shape):
    images = make_shaky_drawings(6, drawings=kind, image_shape=image_shape, random_state=0).images
    assert images.shape == (6, *image_shape)
    ink = images > images.max(axis=(1, 2), keepdims=True) * 0.6
    assert ink.any(axis=(1, 2)).all()
    border = np.concatenate([ink[:, [0, -1]].reshape(6, -1), ink[:, :, [0, -1]].reshape(6, -1)], axis=1)
    assert border.mean() < 0.03


def test_only_the_tremor_tells_the_classes_apart():
    still = make_shaky_drawings(20, severity=0, random_state=0)
    shaking = make_shaky_drawings(20, severity=1, random_state=0)
    changed = (still.data != shaking.data).any(axis=1)
    np.testing.assert_array_equal(changed, still.target == 1)


def test_severity_is_a_habit_of_the_person():
    drawings = make_shaky_drawings(200, image_shape=(32, 32), persons=range(0, 30), random_state=0)
    shaky = drawings.target == 1
    assert (drawings.severity[~shaky] == 0).all()
    assert drawings.severity[shaky].min() >= 0.15
    persons = np.unique(drawings.groups[shaky])
    means = [drawings.severity[drawings.groups == person].mean() for person in persons]
    within = [drawings.severity[drawings.groups == person].std() for person in persons]
    assert np.mean(within) < 0.6 * np.std(means)


def test_greater_severity_moves_more_ink():
    still, mild, severe = (
        make_shaky_drawings(40, severity=s, random_state=0).data.astype(float) for s in (0, 0.2, 1)
    )
    assert 0 < np.abs(mild - still).mean() < np.abs(severe - still).mean()


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"n_samples": 0}, ValueError, "n_samples must be at least 1, got 0"),
        (
            {"drawings": "circle"},
            ValueError,
            r"drawings must be one or several of \['spiral', .*\], got 'circle'",
        ),
        ({"drawings": []}, ValueError, "drawings must be one or several of"),
        ({"severity": -1}, ValueError, "severity must be non-negative, got -1"),
        ({"image_shape": (20, 64)}, ValueError, "image_shape must be at least"),
        ({"return_X_y": None}, TypeError, "return_X_y must be True or False, got None"),
    ],
)
def test_drawings_reject_bad_arguments(options, error, message):
    with pytest.raises(error, match=message):
        make_shaky_drawings(**{"n_samples": 2, **options})
