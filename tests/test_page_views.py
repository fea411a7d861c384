"""Pages of networks that see several views, and of ensembles, in a real browser."""

import json

import numpy as np
import pytest
from classifiers import quick, small
from page.browser import draw, drop, opened, paper_of, probabilities, running_browser, spiral, until
from page.networks import floats, scrambled, scrambled_ensemble
from page.pictures import files
from PIL import Image
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from torch import nn

from sparsecnn import SparseCurveEnsemble
from sparsecnn.export import compress, load, save, to_html
from sparsecnn.preprocessing import CurveImageTransformer

RECIPE = ("ink", 1 / 76, 1 / 38, 1 / 19, 1 / 9.5)
FILES = [
    file for file in files() if file[0] in ("gray.png", "colour.png", "dark.png", "white_on_nothing.png")
]
PHOTOGRAPH = [file for file in files() if file[0] == "photograph.jpg"]
DURATIONS = """Array.from({ length: 20 }, () => {
    const start = performance.now();
    show();
    return performance.now() - start;
})"""


def transformer(views=RECIPE, **params):
    return CurveImageTransformer(**{"image_shape": (32, 32), "unsteadiness": 0.8, "views": views} | params)


def unlike_ranges():
    """Return an ensemble whose members were fitted on pixels up to different numbers."""
    ensemble = floats(scrambled_ensemble([1, 0], 2))
    ensemble.members_[0].pixel_scale_ = 0.6
    return ensemble


def one_network():
    return make_pipeline(transformer(RECIPE[1:4]), floats(scrambled(n_channels=3, n_classes=3)))


def wide_images():
    network = scrambled((24, 56), n_channels=2)
    return make_pipeline(transformer(("ink", 0.1), image_shape=(24, 56), crop=False), floats(network))


def ensemble_of_views():
    return make_pipeline(transformer(), floats(scrambled_ensemble([2, 0, 4, 2], 5)))


def members_of_unlike_ranges():
    reader = make_pipeline(transformer(("ink", 0.05)), floats(scrambled_ensemble([1, 0], 2)))
    reader[-1].members_[0].pixel_scale_ = 0.6
    return reader


def compressed():
    return compress(make_pipeline(transformer(RECIPE[:2]), floats(scrambled_ensemble([1, 0], 2))))


def members_that_see_one_view():
    return make_pipeline(transformer(), floats(scrambled_ensemble([3, 3], 5)))


def without_views():
    return make_pipeline(CurveImageTransformer((32, 32)), floats(scrambled_ensemble([0, 0], 1)))


# What to make a page of, and how many views are seen in it.
READERS = [
    (one_network, 3),
    (ensemble_of_views, 3),
    (compressed, 2),
    pytest.param(wide_images, 2, marks=pytest.mark.slow),
    pytest.param(members_of_unlike_ranges, 2, marks=pytest.mark.slow),
    pytest.param(members_that_see_one_view, 1, marks=pytest.mark.slow),
    pytest.param(without_views, 1, marks=pytest.mark.slow),
]


@pytest.fixture(scope="module")
def browser():
    with running_browser() as browser:
        yield browser


@pytest.fixture(scope="module")
def recipe():
    """The recipe for real drawings, with eight members of random weights."""
    members = {"channels": (16, 32, 32), "names": ["steady", "shaky"]}
    return make_pipeline(
        transformer(dtype="uint8"), scrambled_ensemble([0, 2, 2, 1, 3, 4, 2, 3], 5, **members)
    )


@pytest.fixture(scope="module")
def path(recipe, tmp_path_factory):
    path = tmp_path_factory.mktemp("page") / "page.html"
    to_html(recipe, path)
    return path


def draw_at_random(page, rng):
    """Draw one or two spirals."""
    strokes = [
        spiral(
            turns=rng.uniform(1, 4),
            radius=rng.uniform(0.12, 0.2),
            tremor=rng.uniform(0, 0.01),
            center=(rng.uniform(0.2, 0.6), rng.uniform(0.2, 0.25)),
        )
        for _ in range(rng.integers(1, 3))
    ]
    page.evaluate(f"steps = {json.dumps(strokes)}; redraw()")


@pytest.mark.parametrize(("make", "n_views"), READERS)
def test_drawings_and_pictures_are_answered_as_by_python(browser, tmp_path, make, n_views):
    reader = make()
    to_html(reader, tmp_path / "page.html")
    rng = np.random.default_rng(1)
    with opened(browser, tmp_path / "page.html") as page:
        assert page.locator("canvas.seen").count() == n_views
        draw(page, spiral(n_points=20, radius=0.15, center=(0.3, 0.2)))
        for number in range(8):
            if number:
                draw_at_random(page, rng)
            expected = reader.predict_proba([paper_of(page)])[0]
            np.testing.assert_allclose(probabilities(page), expected, atol=1e-4)
        page.check("#dense")
        np.testing.assert_allclose(probabilities(page), expected, atol=1e-4)
        for file, data, _ in FILES:
            (tmp_path / file).write_bytes(data)
            drop(page, tmp_path / file)
            expected = reader.predict_proba([data])[0]
            np.testing.assert_allclose(probabilities(page), expected, atol=1e-4, err_msg=file)


def test_recipe_of_bytes_is_answered_as_by_python(browser, path, recipe, tmp_path):
    rng = np.random.default_rng(2)
    with opened(browser, path) as page:
        for _ in range(8):
            draw_at_random(page, rng)
            drawn = paper_of(page)
            pixels = np.array(page.evaluate("[...latest.pixels]"))
            difference = np.abs(pixels - recipe[0].transform([drawn])[0])
            # Rounding to bytes turns the rounding of sums into a level.
            assert difference.max() <= 1
            assert (difference > 0).sum() <= 2
            np.testing.assert_allclose(probabilities(page), recipe.predict_proba([drawn])[0], atol=2e-3)
        for file, data, exact in FILES + PHOTOGRAPH:
            (tmp_path / file).write_bytes(data)
            drop(page, tmp_path / file)
            expected = recipe.predict_proba([data])[0]
            np.testing.assert_allclose(
                probabilities(page), expected, atol=2e-3 if exact else 0.02, err_msg=file
            )


def test_page_of_a_saved_ensemble_is_that_of_the_ensemble(recipe, path, tmp_path):
    save(recipe, tmp_path / "reader.safetensors")
    to_html(load(tmp_path / "reader.safetensors"), tmp_path / "page.html")
    assert (tmp_path / "page.html").read_bytes() == path.read_bytes()


def test_ensemble_alone_and_in_a_search_is_taken_as_in_a_pipeline(tmp_path, stripes):
    ensemble = scrambled_ensemble([0, 0], 1)
    to_html(ensemble, tmp_path / "a.html")
    to_html(make_pipeline(CurveImageTransformer((32, 32), dtype="uint8"), ensemble), tmp_path / "b.html")
    assert (tmp_path / "a.html").read_bytes() == (tmp_path / "b.html").read_bytes()
    quickest = SparseCurveEnsemble(quick(max_iter=1, finetune_iter=0), n_members=2, random_state=0)
    search = GridSearchCV(quickest, {"n_members": [2]}, cv=2).fit(*stripes)
    to_html(search, tmp_path / "c.html")
    to_html(search.best_estimator_, tmp_path / "d.html")
    assert (tmp_path / "c.html").read_bytes() == (tmp_path / "d.html").read_bytes()


def test_views_are_shown_with_their_names(browser, path, recipe):
    with opened(browser, path) as page:
        draw(page, spiral(n_points=20, tremor=0.01))
        assert page.locator(".tiles figcaption").all_inner_texts() == [
            "ink\n1 of 8",
            "1/76\n1 of 8",
            "1/38\n3 of 8",
            "1/19\n2 of 8",
            "1/9.5\n1 of 8",
        ]
        caption = page.locator(".views > figure > figcaption").first.inner_text()
        assert caption == (
            "What the networks see, and how many of them: ink, and unsteadiness at 1/76, 1/38, 1/19, 1/9.5 "
            "of the drawing’s side"
        )
        assert page.get_by_role("img", name="Unsteadiness at 1/38 of the drawing’s side").count() == 1
        shown = page.evaluate(
            """[...document.querySelectorAll(".seen")].map((canvas) =>
                [...canvas.getContext("2d").getImageData(0, 0, 32, 32).data].filter((_, i) => i % 4 === 3))"""
        )
        expected = recipe[0].transform([paper_of(page)]).reshape(5, -1)
        assert np.abs(np.array(shown) - expected).max() <= 1


@pytest.mark.parametrize(
    ("views", "seeing", "caption"),
    [
        (("ink",), [0], "What the network sees"),
        (("ink",), [0, 0], "What the networks see"),
        ((0.3,), [0, 0], "What the networks see: unsteadiness at 1/3.3 of the drawing’s side"),
        (("ink", 0.5), [0], "What the network sees: ink, and unsteadiness at 1/2 of the drawing’s side"),
    ],
)
def test_caption_says_what_is_seen(tmp_path, views, seeing, caption):
    n = len(views)
    network = scrambled_ensemble(seeing, n) if len(seeing) > 1 else scrambled(n_channels=n)
    to_html(make_pipeline(transformer(views, dtype="uint8"), network), tmp_path / "page.html")
    assert f"<figcaption>{caption}</figcaption>" in (tmp_path / "page.html").read_text(encoding="utf-8")


def test_counts_of_weights_and_times_are_those_of_all_members(browser, path, recipe):
    tensors = [
        tensor
        for member in compress(recipe)[-1].members_
        for tensor in member.module_.state_dict().values()
        if tensor.ndim > 1
    ]
    total = sum(
        tensor.numel()
        for member in recipe[-1].members_
        for tensor in member.module_.state_dict().values()
        if tensor.ndim > 1
    )
    nonzero = sum(int(tensor.count_nonzero()) for tensor in tensors)
    with opened(browser, path) as page:
        draw(page, spiral(n_points=20))
        text = page.inner_text("#weights")
        assert text.startswith(f"{nonzero:,} of {total:,} weights of 8 networks are not zero: ")
        size = -(-path.stat().st_size // 1000)
        assert text.endswith(f" kB of a page of {size} kB.")
        page.check("#dense")
        assert "networks without zeros" in page.inner_text("#time")
        assert page.evaluate("mean(times.true) > mean(times.false)")


@pytest.mark.parametrize("make", [one_network, ensemble_of_views])
def test_reasons_are_the_mean_effects_of_erasing_patches_from_all_views(browser, tmp_path, make):
    reader = make()
    to_html(reader, tmp_path / "page.html")
    with opened(browser, tmp_path / "page.html") as page:
        draw(page, spiral(n_points=20))
        until(page, "latest.reasons")
        pixels, reasons = (np.array(page.evaluate(f"[...latest.{name}]")) for name in ("pixels", "reasons"))
        best = int(probabilities(page).argmax())
    image = pixels.astype(np.float32).reshape(1, -1, 32, 32)
    networks, views = [reader[-1]], [slice(None)]
    if make == ensemble_of_views:
        networks = reader[-1].members_
        views = np.unique(reader[-1].views_, return_inverse=True)[1]  # those that nobody sees are left out

    def lead(images):
        leads = []
        for network, view in zip(networks, views, strict=True):
            scores = network._scores(images[:, view].reshape(len(images), -1))
            leads.append(scores[:, best] - np.delete(scores, best, axis=1).mean(1))
        return np.mean(leads, axis=0)

    patches = [
        (slice(max(top, 0), top + 4), slice(max(left, 0), left + 4))
        for top in range(-2, 32, 2)
        for left in range(-2, 32, 2)
    ]
    erased = image.repeat(len(patches), axis=0)
    for one, patch in zip(erased, patches, strict=True):
        one[:, *patch] = 0
    sums, counts = np.zeros((32, 32)), np.zeros((32, 32))
    for patch, fall in zip(patches, lead(image) - lead(erased), strict=True):
        sums[patch] += fall
        counts[patch] += 1
    expected = (sums / counts).ravel()
    assert np.abs(expected).max() > 1e-3
    np.testing.assert_allclose(reasons, expected, atol=1e-4 * np.abs(expected).max() + 1e-6)


def test_blank_picture_has_no_ink_and_no_answer(browser, path, tmp_path):
    Image.new("L", (90, 90), 255).save(tmp_path / "blank.png")
    with opened(browser, path) as page:
        drop(page, tmp_path / "blank.png")
        assert page.inner_text("#answer") == "No ink found"
        assert probabilities(page) is None


@pytest.mark.parametrize("width", [360, 1400])
def test_views_fit_their_width(browser, path, width):
    with opened(browser, path, viewport={"width": width, "height": 800}) as page:
        draw(page, spiral(n_points=20))
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        tops = page.locator("canvas.seen").evaluate_all(
            "(all) => all.map((e) => e.getBoundingClientRect().top)"
        )
        assert len(set(tops)) == 1


@pytest.mark.slow
def test_answers_of_the_recipe_are_live(browser, path):
    with opened(browser, path) as page:
        draw(page, spiral(n_points=20))
        durations = page.evaluate(DURATIONS)
    assert np.quantile(durations, 0.1) < 200


def unsupported():
    """Return an ensemble one of whose members has a layer that no page computes."""
    ensemble = scrambled_ensemble([0, 1], 2)
    X = np.random.default_rng(0).integers(0, 2, (20, 32, 32), dtype=np.uint8) * np.uint8(255)
    X[:, :17] = 0
    module = nn.Sequential(nn.Flatten(), nn.Linear(1024, 9), nn.GELU(), nn.Linear(9, 2))
    ensemble.members_[1] = small(module=module, max_iter=1, batch_size=20).fit(X, np.arange(20) % 2)
    return ensemble


def filled_with(number):
    """Return an ensemble one of whose members has this number in the place of its last weights."""
    ensemble = scrambled_ensemble([0, 1], 2)
    ensemble.members_[1].module_.fc.weight.data[:] = number
    return ensemble


@pytest.mark.parametrize(
    ("make", "error", "match"),
    [
        (lambda: SparseCurveEnsemble(), NotFittedError, "not fitted"),
        (lambda: scrambled_ensemble([1, 0], 2), ValueError, "of 2 channels, which a page can draw only with"),
        (lambda: scrambled(n_channels=2), ValueError, "of 2 channels, which a page can draw only with"),
        (
            lambda: make_pipeline(transformer(("ink", 0.1)), scrambled(n_channels=3)),
            ValueError,
            "of 3 channels, but the transformer draws 2: ink, 0.1",
        ),
        (
            lambda: make_pipeline(CurveImageTransformer((32, 32)), scrambled_ensemble([1, 0], 2)),
            ValueError,
            "of 2 channels, but the transformer draws 1: ink",
        ),
        (
            lambda: make_pipeline(transformer(("ink", 0.1), unsteadiness=0), scrambled(n_channels=2)),
            ValueError,
            "set unsteadiness",
        ),
        (
            lambda: make_pipeline(transformer(("ink", 0.1), image_shape=(32, 31)), scrambled(n_channels=2)),
            ValueError,
            r"image_shape is \(32, 31\)",
        ),
        (
            lambda: make_pipeline(transformer(("ink", 0.1), ink="red"), scrambled_ensemble([1, 0], 2)),
            ValueError,
            "ink='red'",
        ),
        (
            lambda: make_pipeline(transformer(("ink", 0.1), ink="auto"), scrambled_ensemble([1, 0], 2)),
            NotFittedError,
            "not fitted",
        ),
        (
            lambda: make_pipeline(transformer(("ink", 0.1)), unsupported()),
            ValueError,
            r"members_\[1\]: .*'gelu'",
        ),
        (lambda: make_pipeline(transformer(("ink", 0.1)), filled_with(np.nan)), ValueError, r"(?i)nan"),
        (
            lambda: make_pipeline(transformer(("ink", 0.1)), filled_with(0)),
            ValueError,
            r"members_\[1\]: The network is constant",
        ),
    ],
)
def test_what_no_page_can_draw_is_named_and_leaves_no_file(tmp_path, make, error, match):
    with pytest.raises(error, match=match):
        to_html(make(), tmp_path / "page.html")
    assert not list(tmp_path.iterdir())


def test_ink_set_after_the_fit_is_refused(tmp_path):
    reader = make_pipeline(transformer(("ink", 0.1), ink="auto"), scrambled(n_channels=2))
    reader[0].ink_ = "all"
    to_html(reader, tmp_path / "page.html")
    reader[0].set_params(ink="blue")
    with pytest.raises(ValueError, match="ink='blue'"):
        to_html(reader, tmp_path / "page.html")


def test_bright_background_of_an_ensemble_alone_is_refused(tmp_path):
    ensemble = scrambled_ensemble([0, 0], 1)
    ensemble.members_[0]._background = 0.9
    with pytest.raises(ValueError, match="bright background"):
        to_html(ensemble, tmp_path / "page.html")
