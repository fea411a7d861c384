"""Several views of one page, each a channel of its image."""

import copy
import io
import pickle

import numpy as np
import pytest
import torch
from classifiers import small, state
from numpy.testing import assert_allclose, assert_array_equal
from PIL import Image, ImageDraw
from sklearn.pipeline import make_pipeline, make_union

from sparsecnn import CurveImageTransformer, SparseCurveEnsemble, inference
from sparsecnn._image_shape import layout_of_rows
from sparsecnn.datasets import make_shaky_drawings
from sparsecnn.export import load, save, to_onnx
from sparsecnn.inspection import CurveImageDisplay

SHAPE = (16, 24)
VIEWS = ("ink", 1 / 38, 0.2, 1 / 19)


@pytest.fixture(scope="module")
def pages():
    return [255 - page for page in make_shaky_drawings(12, image_shape=(90, 120), random_state=0).images]


@pytest.fixture(scope="module")
def labels():
    return np.arange(12) % 2


def alone(view, **params):
    """Return the transformer that draws one view only."""
    own = {} if view == "ink" else {"unsteadiness": 0.8, "unsteadiness_scale": view}
    return CurveImageTransformer(SHAPE, **own, **params)


def together(views=VIEWS, **params):
    return CurveImageTransformer(SHAPE, unsteadiness=0.8, views=views, **params)


def coloured_form(colour):
    form = Image.new("RGB", (200, 160), "ivory")
    draw = ImageDraw.Draw(form)
    draw.ellipse((40, 40, 160, 120), outline="black", width=4)
    draw.arc((30, 30, 150, 130), 0, 300, fill=colour, width=4)
    return form


@pytest.mark.parametrize(
    "params",
    [{}, {"dtype": "uint8"}, {"crop": False}, {"margin": 0.2, "polarity": "dark"}, {"n_jobs": 2}],
    ids=str,
)
def test_every_channel_is_what_one_view_alone_gives(pages, params):
    several = together(**params).transform(pages)
    assert layout_of_rows(several) == (SHAPE, 4)
    for view, channel in zip(VIEWS, np.split(several, 4, axis=1), strict=True):
        expected = alone(view, **params).transform(pages)
        assert channel.dtype == expected.dtype
        assert_array_equal(channel, expected)


def test_every_view_shows_the_pen_of_a_form():
    forms = [coloured_form("royalblue"), coloured_form("crimson")]
    several = together(ink="auto").fit(forms)
    assert several.ink_ == "pen"
    for view, channel in zip(VIEWS, np.split(several.transform(forms), 4, axis=1), strict=True):
        assert_array_equal(channel, alone(view, ink="pen").transform(forms))


@pytest.mark.parametrize("view", ["ink", 0.1, np.float64(0.1)])
@pytest.mark.parametrize("kind", [tuple, list])
def test_one_view_is_as_without_views(pages, view, kind):
    one, expected = together(kind([view])), alone(view)
    assert_array_equal(one.transform(pages), expected.transform(pages))
    assert layout_of_rows(one.transform(pages)) == (SHAPE, 1)
    assert_array_equal(one.get_feature_names_out(), expected.get_feature_names_out())


def test_a_page_is_read_once_for_all_views(pages):
    class Counted(io.BytesIO):
        n_bytes = 0

        def read(self, *size):
            data = super().read(*size)
            type(self).n_bytes += len(data)
            return data

    file = io.BytesIO()
    Image.fromarray(pages[0]).save(file, "png")
    counts = []
    for transformer in (alone("ink"), together()):
        Counted.n_bytes = 0
        transformer.transform([Counted(file.getvalue())])
        counts.append(Counted.n_bytes)
    assert 0 < counts[0] == counts[1]


def test_blank_and_unreadable_pages_are_named_once(pages):
    blank = np.full((60, 60), 255, np.uint8)
    with pytest.warns(UserWarning, match=r"No ink found on 1 of 2 pages: \[1\] ") as caught:
        X = together().transform([pages[0], blank])
    assert len(caught) == 1
    assert X[0].any()
    assert not X[1].any()
    with pytest.raises(ValueError, match=r"\[1\] .*no_such_file"):
        together().transform([pages[0], "no_such_file.png"])


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"views": ()}, "views must hold at least one view"),
        ({"views": ("ink", "ink")}, r"views must differ from one another, got \('ink', 'ink'\)"),
        ({"views": (0.1, np.float32(0.5), 0.5)}, "views must differ"),
        ({"views": ("Ink",)}, "views must be 'ink' or numbers above 0, up to 0.5, got 'Ink'"),
        ({"views": (0.0,)}, r"up to 0\.5, got 0\.0"),
        ({"views": (0.51,)}, r"up to 0\.5, got 0\.51"),
        ({"views": (float("nan"),)}, "got nan"),
        ({"views": (True,)}, "got True"),
        ({"views": (None,)}, "got None"),
        ({"views": (("ink",),)}, r"got \('ink',\)"),
        ({"views": "ink"}, "'views' parameter"),
        ({"views": 0.1}, "'views' parameter"),
        (
            {"views": ("ink", 0.1), "unsteadiness": 0},
            r"views=\('ink', 0\.1\) has numbers, .*set unsteadiness",
        ),
    ],
)
def test_unusable_views_are_refused(pages, params, message):
    transformer = CurveImageTransformer(SHAPE, **{"unsteadiness": 0.8} | params)
    with pytest.raises(ValueError, match=message):
        transformer.fit(pages)
    if "parameter" not in message:  # which `fit` alone checks
        with pytest.raises(ValueError, match=message):
            transformer.transform(pages)
        with pytest.raises(ValueError, match=message):
            transformer.get_feature_names_out()


def test_images_of_several_channels_are_no_pages(pages):
    with pytest.raises(ValueError, match="X holds images of 4 channels, expected one"):
        CurveImageTransformer(SHAPE).fit(together().transform(pages))


def test_names_of_pixels_begin_with_the_view():
    names = together((0.05, "ink")).get_feature_names_out()
    assert names[[0, 1, 383, 384, -1]].tolist() == [
        *("0.05_pixel_0_0", "0.05_pixel_0_1", "0.05_pixel_15_23"),
        *("ink_pixel_0_0", "ink_pixel_15_23"),
    ]


def test_classifier_finds_the_channels_again(pages, labels):
    classifier = small(batch_size=8, max_iter=1)
    views = ("ink", 0.1)
    ways = [
        together(views),
        together(views).set_output(transform="pandas"),
        make_union(alone("ink"), alone(0.1)),
        make_union(alone("ink"), alone(0.1)).set_output(transform="pandas"),
        make_union(together(["ink"]), together([0.1])),
    ]
    fitted = [make_pipeline(way, classifier).fit(pages, labels)[-1] for way in ways]
    for one in fitted:
        assert (one.image_shape_, one.in_channels_) == (SHAPE, 2)
        assert torch.equal(state(one), state(fitted[0]))
    rows = np.asarray(together(views).transform(pages))
    told = small(batch_size=8, max_iter=1, in_channels=2, image_shape=SHAPE).fit(rows, labels)
    assert torch.equal(state(told), state(fitted[0]))


def test_pipeline_of_views_is_saved_and_loaded(pages, labels, tmp_path):
    path = tmp_path / "reader.safetensors"
    for views in (("ink", 0.1), ["ink", 0.1]):
        pipeline = make_pipeline(together(views), small(batch_size=8, max_iter=1)).fit(pages, labels)
        save(pipeline, path)
        loaded, without_torch = load(path), inference.load(path)
        assert loaded[0].views == views
        assert_array_equal(loaded.predict_proba(pages), pipeline.predict_proba(pages))
        images = CurveImageTransformer(**without_torch.transformer_).transform(pages)
        assert_array_equal(without_torch.predict(images), pipeline.predict(pages))


@pytest.mark.parametrize("views", [("ink", 0.1), ("ink",), (0.1,)])
def test_onnx_refuses_views_by_name(pages, labels, views, tmp_path):
    pipeline = make_pipeline(together(views), small(batch_size=8, max_iter=1)).fit(pages, labels)
    with pytest.raises(ValueError, match=r"CurveImageTransformer, .* cannot be written as ONNX"):
        to_onnx(pipeline, tmp_path / "reader.onnx")
    assert not list(tmp_path.iterdir())


def test_display_draws_every_channel_in_a_row(pages):
    display = CurveImageDisplay.from_transformer(together(), pages, n_images=2)
    assert display.axes_.shape == (5, 2)
    assert [ax.get_ylabel() for ax in display.axes_[:, 0]] == ["page", *(f"channel {i}" for i in range(4))]
    for view, ax in zip(VIEWS, display.axes_[1:, 1], strict=True):
        assert_array_equal(ax.images[0].get_array().ravel(), alone(view).transform(pages[1:2])[0])
    assert CurveImageDisplay.from_transformer(alone("ink"), pages, n_images=2).images.shape == (2, *SHAPE)


def test_other_views_than_in_fit_are_refused_where_names_are_known(pages, labels):
    drawn = together(("ink", 1 / 38)).transform(pages)
    single = SparseCurveEnsemble(small(max_iter=1, batch_size=6), n_members=1, cv=2, random_state=0)
    for estimator in (small(max_iter=1, batch_size=6), single):
        fitted = pickle.loads(pickle.dumps(estimator.fit(drawn, labels)))
        expected = fitted.predict_proba(drawn)
        assert_array_equal(fitted.predict_proba(np.asarray(drawn)), expected)
        assert_allclose(fitted.predict_proba(drawn[:1]), expected[:1], rtol=1e-5)
        for other in (together((1 / 38, "ink")), together(("ink", 1 / 19))):
            with pytest.raises(
                ValueError, match=r"show 'unst.*0\.8 at 0\.02632', 'ink', but|'unst.*0\.05263'"
            ):
                fitted.predict_proba(other.transform(pages))
        swapped = np.hstack(np.split(np.asarray(drawn), 2, axis=1)[::-1])
        fitted.set_params(in_channels=2, image_shape=SHAPE).fit(np.asarray(drawn), labels)
        fitted.predict(swapped)  # of unknown views


def test_parameters_of_a_fitted_transformer_that_change_the_views_are_refused(pages, labels):
    reader = make_pipeline(alone(1 / 38), small(max_iter=1, batch_size=6)).fit(pages, labels)
    reader.predict(pages)
    for params in ({"unsteadiness": 0}, {"unsteadiness": 0.4}, {"unsteadiness_scale": 0.2}):
        changed = copy.deepcopy(reader).set_params(
            **{f"curveimagetransformer__{name}": value for name, value in params.items()}
        )
        with pytest.raises(ValueError, match=r"was fitted on 'unsteadiness 0\.8 at 0\.02632': draw them"):
            changed.predict(pages)


def test_views_in_another_order_are_refused_where_training_goes_on(pages, labels):
    classifier = small(max_iter=1, batch_size=6).partial_fit(
        together(("ink", 0.1)).transform(pages), labels, classes=[0, 1]
    )
    with pytest.raises(ValueError, match=r"show 'unsteadiness 0\.8 at 0\.1', 'ink', but"):
        classifier.partial_fit(together((0.1, "ink")).transform(pages), labels)
