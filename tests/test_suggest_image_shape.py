import numpy as np
import pytest
from pages import draw_spiral, transform_one
from PIL import ExifTags, Image

from sparsecnn.preprocessing import suggest_image_shape


@pytest.fixture(scope="module")
def spiral():
    return draw_spiral()


@pytest.fixture(scope="module")
def expected(spiral):
    return transform_one(spiral)


@pytest.mark.parametrize(
    ("size", "expected"), [((256, 256), (64, 64)), ((170, 512), (112, 40)), ((5000, 10), (24, 184))]
)
def test_suggest_image_shape_keeps_aspect_and_area(tmp_path, size, expected):
    for name, shape in (("a", size), ("b", size), ("odd", (300, 20))):
        Image.new("L", shape).save(tmp_path / f"{name}.png")
    shape = suggest_image_shape(sorted(tmp_path.glob("*.png")), 64)
    assert sorted(shape) == sorted(expected)
    assert (shape[1] > shape[0]) == (size[0] > size[1])


def test_suggest_image_shape_turns_photographs_upright(tmp_path):
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    Image.new("L", (512, 170)).save(tmp_path / "photo.jpg", exif=exif)
    assert suggest_image_shape([tmp_path / "photo.jpg"], 64) == (112, 40)


@pytest.mark.parametrize(
    ("files", "options", "message"),
    [
        ([], {"side": 64}, "files is empty"),
        (["text.png"], {"side": 64}, r"'.*text.png' cannot be read: not an image"),
        ("page.png", {"side": 64}, r"files must be a list of paths, got 'page.png'"),
        ([], {"side": True}, "side must be a positive integer, got True"),
        ([], {"side": 0}, "side must be a positive integer, got 0"),
        ([], {"side": 64, "multiple": 2.5}, "multiple must be a positive integer, got 2.5"),
    ],
)
def test_suggest_image_shape_refuses_what_it_cannot_use(tmp_path, files, options, message):
    (tmp_path / "text.png").write_text("no image")
    with pytest.raises(ValueError, match=message):
        suggest_image_shape(
            files if isinstance(files, str) else [tmp_path / name for name in files], **options
        )


def test_suggest_image_shape_refuses_a_single_thing():
    with pytest.raises(TypeError, match=r"files must be a list of paths, got array\(3\)"):
        suggest_image_shape(np.array(3), 64)


def test_missing_page_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"missing\.png"):
        suggest_image_shape([tmp_path / "missing.png"], 64)
