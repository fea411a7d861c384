"""Pictures that are dropped, pasted or chosen are read as Python reads their files."""

import base64

import numpy as np
import pytest
from page.browser import draw, drop, opened, probabilities, running_browser, spiral, until
from page.networks import floats, scrambled
from page.pictures import file_of, files, shaded_photograph, turned
from pages import draw_spiral
from PIL import Image
from sklearn.pipeline import make_pipeline

from sparsecnn.export import to_html
from sparsecnn.preprocessing import CurveImageTransformer
from sparsecnn.preprocessing._pages import read_page

FILES = files()
# A level of 255 that a decoder gives differently changes a probability of this steep network by up to this.
LEVEL = 0.02
PAGE = "(({ h, w, d }) => [h, w, [...d].map((x) => d.BYTES_PER_ELEMENT === 1 ? x / 255 : x)])(picture().page)"


@pytest.fixture(scope="module")
def browser():
    with running_browser() as browser:
        yield browser


@pytest.fixture(scope="module")
def pipeline():
    return make_pipeline(CurveImageTransformer((32, 32)), floats(scrambled(seed=2)))


@pytest.fixture(scope="module")
def page(browser, pipeline, tmp_path_factory):
    path = tmp_path_factory.mktemp("page") / "page.html"
    to_html(pipeline, path)
    with opened(browser, path) as page:
        yield page


@pytest.mark.parametrize(("name", "data", "exact"), FILES, ids=[name for name, _, _ in FILES])
def test_dropped_file_is_answered_as_by_python(page, pipeline, tmp_path, name, data, exact):
    (tmp_path / name).write_bytes(data)
    drop(page, tmp_path / name)
    assert page.inner_text("#error") == ""
    expected = read_page(data, 16 * 32)
    if expected.dtype == np.uint8:
        expected = expected / 255
    height, width, pixels = page.evaluate(PAGE)
    difference = np.abs(np.reshape(pixels, (height, width)) - expected)
    assert expected.shape == (height, width)
    if name != "hole.png":  # where several pixels are the nearest one, any of them continues the page
        assert difference.max() < (1e-6 if exact else 2.01 / 255)
    assert difference.mean() < (1e-6 if exact else 0.5 / 255)
    answer = probabilities(page)
    np.testing.assert_allclose(answer, pipeline.predict_proba([data])[0], atol=1e-4 if exact else LEVEL)


@pytest.mark.slow
def test_large_photograph_is_read_at_a_quarter_of_its_size(page, pipeline, tmp_path):
    data = file_of(shaded_photograph((2600, 1950)), "JPEG", quality=90)
    (tmp_path / "large.jpg").write_bytes(data)
    drop(page, tmp_path / "large.jpg")
    height, width, pixels = page.evaluate(PAGE)
    expected = read_page(data, 16 * 32) / 255
    assert expected.shape == (height, width)
    assert np.abs(np.reshape(pixels, (height, width)) - expected).mean() < 1 / 255
    np.testing.assert_allclose(probabilities(page), pipeline.predict_proba([data])[0], atol=0.05)


def test_picture_of_transparent_large_page_is_reduced_as_by_python(page, tmp_path):
    picture = draw_spiral(1100, width=9).convert("RGBA")
    picture.putalpha(Image.linear_gradient("L").resize(picture.size))
    (tmp_path / "page.png").write_bytes(file_of(picture))
    drop(page, tmp_path / "page.png")
    height, width, pixels = page.evaluate(PAGE)
    expected = read_page(file_of(picture), 16 * 32)
    assert expected.shape == (height, width)
    assert np.abs(np.reshape(pixels, (height, width)) - expected).mean() < 1 / 255


def test_pasted_picture_is_answered(page, pipeline):
    data = file_of(draw_spiral(150))
    page.evaluate(
        """(data) => {
            find("status").textContent = "";
            const clipboardData = new DataTransfer();
            clipboardData.items.add(new File([bytesOf(data)], "image.png", { type: "image/png" }));
            document.dispatchEvent(new ClipboardEvent("paste", { clipboardData, bubbles: true }));
        }""",
        base64.b64encode(data).decode(),
    )
    until(page, "find('status').textContent")
    np.testing.assert_allclose(probabilities(page), pipeline.predict_proba([data])[0], atol=1e-4)


def test_chosen_file_is_answered_also_twice_and_gives_way_to_a_stroke(page, pipeline, tmp_path):
    data = turned(6, "PNG")
    (tmp_path / "page.png").write_bytes(data)
    expected = pipeline.predict_proba([data])[0]
    for _ in range(2):
        page.evaluate("find('status').textContent = ''")
        page.set_input_files("#file", tmp_path / "page.png")
        until(page, "find('status').textContent")
        np.testing.assert_allclose(probabilities(page), expected, atol=1e-4)
    draw(page, spiral())
    assert page.evaluate("[!!picture(), strokes().length]") == [False, 1]
    assert np.abs(probabilities(page) - expected).max() > 1e-3
    page.click("#undo")
    page.click("#undo")
    np.testing.assert_allclose(probabilities(page), expected, atol=1e-4)


def test_file_that_is_no_picture_is_named_and_leaves_the_answer(page, tmp_path):
    page.click("#clear") if page.is_enabled("#clear") else None
    draw(page, spiral())
    before = probabilities(page)
    (tmp_path / "letter <b>.txt").write_text("Dear reader")
    drop(page, tmp_path / "letter <b>.txt")
    assert page.inner_text("#error") == "This browser cannot read letter <b>.txt as a picture."
    assert page.get_attribute("#error", "role") == "alert"
    np.testing.assert_array_equal(probabilities(page), before)
    draw(page, spiral(turns=1))
    assert page.inner_text("#error") == ""


def test_picture_without_ink_says_so(page, tmp_path):
    (tmp_path / "blank.png").write_bytes(file_of(Image.new("L", (90, 90), 255)))
    drop(page, tmp_path / "blank.png")
    assert page.inner_text("#answer") == page.inner_text("#status") == "No ink found"
    assert probabilities(page) is None
