"""The page finds ink and computes as Python does."""

import base64
import json
import warnings

import numpy as np
import pytest
from classifiers import own_network
from page.browser import draw, opened, paper_of, probabilities, running_browser, spiral
from page.networks import scrambled
from PIL import Image, ImageDraw
from sklearn.pipeline import make_pipeline

from sparsecnn import SparseCurveCNNClassifier
from sparsecnn.export import compress, to_html
from sparsecnn.preprocessing import CurveImageTransformer

VIEWS = """({ h, w, d, options }) => {
    Object.assign(MODEL, options);
    const views = drawViews(image(h, w, bytesOf(d)));
    return views && views.flatMap(({ d }) => [...d]);
}"""
SCORES = "({ pixels, dense }) => [...networks(dense)[0](Float32Array.from(pixels))]"
PLAIN = """(pixels) => {
    const kept = WebAssembly.Module;
    WebAssembly.Module = null;
    const plain = [false, true].map((dense) => makeNetwork(MODEL.networks[0], dense));
    WebAssembly.Module = kept;
    return [plain.map(({ plain }) => plain), ...plain.map((run) => [...run(Float32Array.from(pixels))])];
}"""
SIZES = [(384, 384), (384, 300), (200, 384), (100, 90), (700, 500), (60, 400), (33, 20), (384, 40), (12, 384)]


@pytest.fixture(scope="module")
def browser():
    with running_browser() as browser:
        yield browser


@pytest.fixture(scope="module")
def ink_page(browser, tmp_path_factory):
    """A page whose functions find ink with any parameters."""
    path = tmp_path_factory.mktemp("page") / "ink.html"
    to_html(make_pipeline(CurveImageTransformer((32, 32), unsteadiness=0.5), scrambled()), path)
    with opened(browser, path) as page:
        yield page


def random_page(rng, size):
    """Return a page of some curves on paper of some brightness: noisy, shaded, light on dark or on a desk."""
    height, width = size
    image = Image.new("L", (width, height), int(rng.integers(180, 256)))
    for _ in range(rng.integers(1, 4)):
        points = np.array(spiral(turns=rng.uniform(0.5, 3), radius=rng.uniform(0.05, 0.45)))
        shifted = (points + rng.uniform(-0.3, 0.3, 2)) * (width, height)
        line = [tuple(point) for point in shifted]
        ImageDraw.Draw(image).line(line, fill=int(rng.integers(0, 120)), width=int(rng.integers(2, 6)))
    page = np.asarray(image).astype(float)
    kind = rng.integers(5)
    if kind == 1:
        page += np.linspace(-40, 10, width)
    if kind == 2:
        page += rng.normal(0, 4, size)
    if kind == 3:
        page = 255 - page
    if kind == 4:
        page[:, : width // 8] = 40 + rng.normal(0, 3, (height, width // 8))
    return np.clip(page, 0, 255).astype(np.uint8)


def inks(page, pages, transformer):
    """Return the ink of pages as Python and as the browser finds it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of blank pages
        expected = transformer.transform([Image.fromarray(pixels) for pixels in pages])
    options = {key: getattr(transformer, key) for key in ("polarity", "crop", "margin", "unsteadiness")}
    height, width = transformer.image_shape
    options |= {"shape": {"h": height, "w": width}, "views": list(transformer._views())}
    found = []
    for pixels in pages:
        given = {"h": pixels.shape[0], "w": pixels.shape[1], "d": base64.b64encode(pixels.tobytes()).decode()}
        found.append(page.evaluate(VIEWS, given | {"options": options}))
    return expected, np.array([np.zeros(expected.shape[1]) if views is None else views for views in found])


@pytest.mark.slow
@pytest.mark.parametrize(
    ("params", "tolerance"),
    [
        ({}, 2e-5),
        ({"crop": False}, 2e-5),
        ({"margin": 0.25, "image_shape": (30, 94)}, 2e-5),
        ({"polarity": "light"}, 2e-5),
        ({"polarity": "dark"}, 2e-5),
        # Where lines cross, directions cancel: what is left of them is rounding.
        ({"unsteadiness": 0.7}, 0.02),
        ({"unsteadiness": 1.0, "unsteadiness_scale": 0.2, "image_shape": (32, 48)}, 0.02),
        # Flat areas, of pages that have fewer pixels than their image, have no direction either.
        ({"unsteadiness": 0.8, "views": (1 / 76, "ink", 1 / 9.5, 1 / 38), "image_shape": (32, 32)}, 0.04),
    ],
)
def test_ink_of_a_page_equals_that_of_the_transformer(ink_page, params, tolerance):
    rng = np.random.default_rng(len(params))
    pages = [random_page(rng, size) for size in SIZES for _ in range(4)]
    framed = [np.pad(page, 1 + i % 3, constant_values=20) for i, page in enumerate(pages[::4])]
    expected, found = inks(ink_page, pages + framed, CurveImageTransformer(**params))
    assert expected[: len(pages)].any(axis=1).mean() > 0.7
    difference = np.abs(found - expected)
    assert np.quantile(difference, 0.998) < tolerance / 5
    assert difference.max() < tolerance


@pytest.mark.slow
def test_blank_noisy_and_tiny_pages_have_the_ink_that_the_transformer_finds(ink_page):
    rng = np.random.default_rng(5)
    pages = [np.full((50, 60), level, np.uint8) for level in (0, 127, 255)]
    pages += [
        rng.integers(0, 256, size, dtype=np.uint8) for size in ((1, 1), (1, 9), (3, 2), (8, 8), (90, 70))
    ]
    pages += [np.arange(200, dtype=np.uint8).repeat(2).reshape(20, 20), np.eye(64, dtype=np.uint8) * 255]
    expected, found = inks(ink_page, pages, CurveImageTransformer((16, 16)))
    np.testing.assert_allclose(found, expected, rtol=0, atol=2e-5)


NETWORKS = {
    "default": lambda: scrambled((64, 64), channels=(16, 64, 64)),
    "odd sides": lambda: scrambled((17, 43), channels=(3, 5, 4)),
    "without normalisation": lambda: scrambled(batch_norm=False),
    "large filters": lambda: scrambled((20, 36), kernel_size=7),
    "dense": lambda: scrambled(zeros=0.0),
    "binary": lambda: scrambled(activation="binary"),
    "many classes": lambda: scrambled((16, 16), 60),
    "compressed": lambda: compress(scrambled(zeros=0.97, channels=(8, 16, 16))),
    "tiny images": lambda: scrambled((8, 9)),
    "dead channels": lambda: scrambled(zeros=0.98, channels=(16, 32, 32), seed=3),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", NETWORKS)
def test_sparse_dense_and_plain_networks_give_the_scores_of_the_classifier(browser, tmp_path, name):
    classifier = NETWORKS[name]()
    to_html(classifier, tmp_path / "page.html")
    X = np.maximum(np.random.default_rng(1).uniform(-1.5, 1, (5, *classifier.image_shape_)), 0)
    X[0] = 0
    expected = classifier._scores(np.rint(255 * X).astype(np.uint8))
    tolerance = 1e-5 * np.abs(expected).max()
    with opened(browser, tmp_path / "page.html") as page:
        assert page.evaluate("networks(false)[0].plain") is False
        for image, scores in zip(X, expected, strict=True):
            pixels = np.rint(255 * image).ravel().tolist()
            for dense in (False, True):
                found = page.evaluate(SCORES, {"pixels": pixels, "dense": dense})
                np.testing.assert_allclose(found, scores, rtol=0, atol=tolerance)
            plain, *found = page.evaluate(PLAIN, pixels)
            assert plain == [True, True]
            np.testing.assert_allclose(found, [scores, scores], rtol=0, atol=tolerance)


def test_own_network_of_fully_connected_layers_gives_its_scores(browser, tmp_path):
    X = np.random.default_rng(0).integers(0, 2, (20, 16, 16), dtype=np.uint8) * np.uint8(99)
    X[:, 3:] = 0
    classifier = SparseCurveCNNClassifier(module=own_network(), lam=0, max_iter=1, finetune_iter=0)
    classifier.fit(X, np.arange(20) % 2)
    to_html(classifier, tmp_path / "page.html")
    with opened(browser, tmp_path / "page.html") as page:
        found = page.evaluate(SCORES, {"pixels": X[0].ravel().tolist(), "dense": False})
    np.testing.assert_allclose(found, classifier._scores(X[:1])[0], atol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize(
    "params",
    [
        {},
        {"dtype": "uint8"},
        {"image_shape": (24, 72), "crop": False},
        {"polarity": "light", "unsteadiness": 0.6},
    ],
)
def test_probabilities_of_drawings_are_those_of_python(browser, tmp_path, params):
    transformer = CurveImageTransformer(**{"image_shape": (32, 32)} | params)
    pipeline = make_pipeline(transformer, scrambled(transformer.image_shape, 3))
    scale = 255 if transformer.dtype == "uint8" else 1
    pipeline[-1].pixel_scale_ = scale
    pipeline[-1]._largest_pixel = scale
    to_html(pipeline, tmp_path / "page.html")
    rng = np.random.default_rng(7)
    worst = 0.0
    with opened(browser, tmp_path / "page.html") as page:
        for number in range(50):
            strokes = [
                spiral(
                    turns=rng.uniform(1, 4),
                    radius=rng.uniform(0.05, 0.4),
                    tremor=rng.uniform(0, 0.01),
                    center=rng.uniform(0.3, 0.7, 2) * (1, 1 if "crop" not in params else 1 / 3),
                )
                for _ in range(rng.integers(1, 3))
            ]
            if number < 10:
                page.click("#clear") if number else None
                for stroke in strokes:
                    draw(page, stroke)
            else:
                page.evaluate(f"steps = {json.dumps(strokes)}; redraw()")
            expected = pipeline.predict_proba([paper_of(page)])[0]
            worst = max(worst, np.abs(probabilities(page) - expected).max())
    assert worst < 1e-4


def test_counts_of_weights_are_those_computed_and_those_of_the_classifier(tmp_path):
    classifier = scrambled(zeros=0.98, channels=(16, 32, 32), seed=3)
    to_html(classifier, tmp_path / "page.html")
    text = (tmp_path / "page.html").read_text(encoding="utf-8")
    model = json.loads(text.partition("const MODEL = ")[2].partition(";\n")[0])
    weights = [tensor for tensor in classifier.module_.state_dict().values() if tensor.ndim > 1]
    assert model["total"] == sum(weight.numel() for weight in weights)
    left = [weight for weight in compress(classifier).module_.state_dict().values() if weight.ndim > 1]
    assert model["nonzero"] == sum(int(weight.count_nonzero()) for weight in left)
    assert model["nonzero"] < sum(int(weight.count_nonzero()) for weight in weights)
