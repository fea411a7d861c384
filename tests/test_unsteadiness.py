import numpy as np
import pytest
from PIL import Image, ImageDraw

from sparsecnn.preprocessing import CurveImageTransformer


def _drawn_line(amplitude, shape=(256, 256)):
    """Bright waves on black: an evenly bent line, with a wiggle of so many pixels."""
    height, width = shape
    x = np.linspace(0.08 * width, 0.92 * width, 4000)
    y = height / 2 + 0.25 * height * np.sin(2 * np.pi * x / width) + amplitude * np.sin(2 * np.pi * x / 24)
    page = Image.new("L", (width, height))
    ImageDraw.Draw(page).line(list(zip(x, y, strict=True)), fill=255, width=3)
    return page


@pytest.mark.parametrize("image_shape", [(64, 64), (32, 96)])
def test_unsteadiness_shows_a_wiggle_and_hides_an_even_bend(image_shape):
    transformer = CurveImageTransformer(image_shape, unsteadiness=1.0)
    shape = tuple(4 * side for side in image_shape)
    steady, shaky = transformer.fit_transform([_drawn_line(0, shape), _drawn_line(4, shape)])
    assert shaky.mean() > 3 * steady.mean()


def test_unsteadiness_of_a_part_keeps_the_shape_visible():
    page = _drawn_line(0)
    whole, part = (
        CurveImageTransformer(unsteadiness=share).fit_transform([page])[0] for share in (1e-9, 0.8)
    )
    assert part.mean() > 0.15 * whole.mean()
    assert (part <= whole + 1e-6).all()


def test_unsteadiness_does_not_depend_on_how_the_page_lies():
    page = np.asarray(_drawn_line(4))
    transformer = CurveImageTransformer(unsteadiness=1.0)
    images = transformer.fit_transform([page, page[::-1].copy(), page.T.copy()]).reshape(3, 64, 64)
    np.testing.assert_allclose(images[1][::-1], images[0], atol=0.05)
    np.testing.assert_allclose(images[2].T, images[0], atol=0.05)


def test_unsteadiness_of_a_blank_page_is_none():
    with pytest.warns(UserWarning, match="No ink found on 1 of 1 pages"):
        assert not CurveImageTransformer(unsteadiness=1.0).fit_transform([np.zeros((64, 64))]).any()


@pytest.mark.parametrize("share", [-0.1, 1.1, None])
def test_unsteadiness_must_be_a_share(share):
    with pytest.raises(ValueError, match="unsteadiness"):
        CurveImageTransformer(unsteadiness=share).fit([np.zeros((8, 8))])


def test_unsteadiness_scale_finds_the_tremor_of_its_own_wavelength():
    x = np.linspace(20, 236, 4000)
    lines = [128 + amplitude * np.sin(2 * np.pi * x / wave) for amplitude, wave in ((1.5, 10), (8, 60))]
    pages = [Image.new("L", (256, 256)) for _ in lines]
    for page, y in zip(pages, lines, strict=True):
        ImageDraw.Draw(page).line(list(zip(x, y, strict=True)), fill=255, width=2)
        ImageDraw.Draw(page).rectangle((20, 20, 236, 236), outline=255)
    fine, coarse = (
        CurveImageTransformer(crop=False, unsteadiness=1.0, unsteadiness_scale=scale).fit_transform(pages)
        for scale in (1 / 76, 1 / 9.5)
    )
    assert fine[0].sum() / fine[1].sum() > 1.5 * coarse[0].sum() / coarse[1].sum()


@pytest.mark.parametrize("scale", [0, 0.6, "auto"])
def test_unsteadiness_scale_must_be_a_part_of_the_side(scale):
    with pytest.raises(ValueError, match=r"'unsteadiness_scale' .* must be .* in the range \(0.0, 0.5\]"):
        CurveImageTransformer(unsteadiness=0.8, unsteadiness_scale=scale).fit([np.zeros((8, 8))])
