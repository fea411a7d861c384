"""The display of the weights of a layer."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from classifiers import own_network, quick
from conftest import make_stripes
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from torch import nn
from torch.nn.functional import max_pool2d

from sparsecnn.export import compress
from sparsecnn.inspection import WeightsDisplay
from sparsecnn.inspection._signed_image import ZERO, in_a_square, side_by_side, signed_colours


@pytest.fixture(scope="module")
def classifier():
    X, y = make_stripes(60, random_state=0)
    params = {"penalized": "all", "target_sparsity": 0.6, "max_iter": 2, "finetune_iter": 1, "batch_size": 20}
    return quick(**params).fit(X, y)


def tiles(picture, height, width):
    """Return the images of a picture, row by row, without those that are empty."""
    rows = range(0, picture.shape[0], height + 1)
    columns = range(0, picture.shape[1], width + 1)
    found = [picture[i : i + height, j : j + width] for i in rows for j in columns]
    return [tile for tile in found if not np.isnan(tile).any()]


def picture_of(image):
    """Return what an image and the zeros below it show: NaN between images."""
    shown = image.get_array()
    zeros = image.axes.images[0].get_array()
    picture = np.full(shown.shape, np.nan)
    picture[~np.ma.getmaskarray(zeros)] = 0.0
    picture[~np.ma.getmaskarray(shown)] = shown.compressed()
    return picture


def test_filters_are_those_of_the_network(classifier):
    display = WeightsDisplay.from_estimator(classifier, layer="conv1")
    filters = classifier.module_.conv1.weight.detach().numpy()
    np.testing.assert_array_equal(display.weights, filters)
    np.testing.assert_array_equal(tiles(picture_of(display.images_[0]), 3, 3), filters[:, 0])
    assert display.layer == "conv1"


def test_filters_of_many_channels_are_a_table_of_read_and_written(classifier):
    display = WeightsDisplay.from_estimator(classifier, layer="conv3")
    w = classifier.module_.conv3.weight.detach().numpy()
    expected = w.swapaxes(0, 1).reshape(-1, 3, 3)
    np.testing.assert_array_equal(tiles(picture_of(display.images_[0]), 3, 3), expected)
    assert display.axes_[0].get_xlabel() == "8 channels written"
    assert display.axes_[0].get_ylabel() == "4 channels read"


def test_table_of_more_channels_read_than_written_is_turned():
    net = nn.Sequential(nn.Conv2d(1, 6, 1), nn.Conv2d(6, 2, 3))
    display = WeightsDisplay.from_module(net, (8, 8))
    expected = net[1].weight.detach().numpy().reshape(-1, 3, 3)
    np.testing.assert_array_equal(tiles(picture_of(display.images_[0]), 3, 3), expected)
    assert display.axes_[0].get_xlabel() == "6 channels read"


def test_fully_connected_weights_are_maps_of_each_channel_for_each_class(classifier):
    display = WeightsDisplay.from_estimator(classifier)
    w = classifier.module_.fc.weight.detach().numpy().reshape(2, 8, 2, 2)
    assert len(display.axes_) == 2
    for image, maps, label in zip(display.images_, w, classifier.classes_, strict=True):
        np.testing.assert_array_equal(tiles(picture_of(image), 2, 2), maps)
        title = image.axes.get_title()
        assert title == f"fc: {label}\n{(maps == 0).sum()} of 32 weights zero"


def test_zeros_are_grey_and_no_weight_is(classifier):
    display = WeightsDisplay.from_estimator(classifier, layer="conv2")
    image = display.images_[0]
    zeros = image.axes.images[0]
    n_zeros = int((display.weights == 0).sum())
    assert 0 < n_zeros < display.weights.size
    assert zeros.get_array().count() == n_zeros
    assert image.get_array().count() == display.weights.size - n_zeros
    assert plt.matplotlib.colors.to_hex(zeros.cmap(0)) == ZERO
    low, high = image.get_clim()
    assert low == -high == -np.abs(display.weights).max()


def luminance(colours):
    linear = np.where(colours <= 0.04045, colours / 12.92, ((colours + 0.055) / 1.055) ** 2.4)
    return linear @ [0.2126, 0.7152, 0.0722]


def test_colours_tell_signs_sizes_and_zeros_apart_in_grey_too():
    colours = luminance(signed_colours(through_grey=False)(np.arange(256))[:, :3])
    assert (np.diff(colours) > 0).all()
    zero = luminance(np.array(plt.matplotlib.colors.to_rgb(ZERO)))
    assert colours[127] < 0.75 * zero
    assert colours[128] > 1.2 * zero


def test_network_whose_weights_are_all_zero_is_drawn():
    net = nn.Linear(4, 2)
    with torch.no_grad():
        net.weight.zero_()
    display = WeightsDisplay.from_module(nn.Sequential(nn.Flatten(), net), (2, 2))
    assert display.images_[0].get_array().count() == 0
    display.figure_.canvas.draw()


class Functional(nn.Module):
    """A network with branches, whose pooling is no layer."""

    def __init__(self):
        super().__init__()
        self.first = nn.Conv2d(1, 3, 3, padding=1)
        self.hidden = nn.Linear(3 * 4 * 6, 5)
        self.out = nn.Linear(5, 4)

    def forward(self, x):
        x = self.first(x)
        x = max_pool2d(x.relu() + x, 2)
        return self.out(self.hidden(x.flatten(1).tanh()).relu())


def test_maps_are_found_in_networks_that_are_no_chain():
    net = Functional()
    hidden = WeightsDisplay.from_module(net, (8, 12), layer="hidden").weights
    np.testing.assert_array_equal(hidden, net.hidden.weight.detach().numpy().reshape(5, 3, 4, 6))
    out = WeightsDisplay.from_module(net, (8, 12), classes=list("abcd"))
    assert out.weights.shape == (4, 5, 1, 1)
    assert out.classes is None  # single numbers make no image for each class
    np.testing.assert_array_equal(picture_of(out.images_[0]), net.out.weight.detach().numpy())


def test_layer_that_reads_the_image_is_drawn_in_its_shape(stripes):
    own = quick(max_iter=1, finetune_iter=1, penalized="all", module=own_network()).fit(*stripes)
    display = WeightsDisplay.from_estimator(own, layer="hidden")
    w = own.module_.hidden.weight.detach().numpy().reshape(16, 16, 16)
    np.testing.assert_array_equal(tiles(picture_of(display.images_[0]), 16, 16), w)
    with pytest.raises(ValueError, match=r"layer must be one of \['hidden', 'out'\] of OwnNetwork, got 'fc'"):
        WeightsDisplay.from_estimator(own, layer="fc")


@pytest.mark.parametrize("module", [nn.Conv1d(2, 3, 5), nn.ConvTranspose2d(1, 3, 2), nn.Conv3d(1, 2, 2)])
def test_other_convolutions_are_drawn(module):
    net = Unused(module)
    display = WeightsDisplay.from_module(net, (4, 4), layer="other")
    w = module.weight.detach().numpy()
    assert display.weights.size == w.size
    assert display.weights.shape[:2] == (module.out_channels, module.in_channels)
    np.testing.assert_array_equal(display.weights[0, 0].ravel(), w[0, 0].ravel())


class Unused(nn.Module):
    def __init__(self, other):
        super().__init__()
        self.out = nn.Linear(16, 2)
        self.other = other

    def forward(self, x):
        return self.out(x.flatten(1))


def test_compressed_network_pipeline_and_search_are_drawn(stripes):
    params = {"max_iter": 2, "finetune_iter": 1, "penalty": "group_l0", "penalized": "all"}
    pipeline = make_pipeline(FunctionTransformer(), quick(**params, target_sparsity=0.5))
    search = GridSearchCV(pipeline, {}, cv=2).fit(*stripes)
    best = search.best_estimator_[-1]
    for estimator in (search, search.best_estimator_):
        display = WeightsDisplay.from_estimator(estimator)
        np.testing.assert_array_equal(display.weights.ravel(), best.module_.fc.weight.detach().ravel())
    display = WeightsDisplay.from_estimator(compress(search))
    assert display.weights.shape == (2, 4, 2, 2)
    assert len(display.axes_) == 2


def test_curves_in_one_row_are_drawn():
    X = np.random.default_rng(0).normal(size=(40, 1, 64))
    fitted = quick(max_iter=1, finetune_iter=1, batch_size=20).fit(X, [0, 1] * 20)
    assert WeightsDisplay.from_estimator(fitted).weights.shape == (2, 8, 1, 8)
    assert WeightsDisplay.from_estimator(fitted, layer="conv1").weights.shape == (4, 1, 1, 3)


def test_network_and_its_mode_are_left_alone():
    net = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.Flatten(), nn.Linear(72, 2)).train()
    before = {name: value.clone() for name, value in net.state_dict().items()}
    WeightsDisplay.from_module(net, (8, 8))
    assert all(layer.training for layer in net.modules())
    assert not net[3]._forward_pre_hooks
    assert all(torch.equal(value, before[name]) for name, value in net.state_dict().items())


def test_display_draws_into_given_axes_and_passes_options(classifier):
    figure, axes = plt.subplots(1, 2)
    display = WeightsDisplay.from_estimator(classifier, ax=axes, vmax=9.0)
    assert list(display.axes_) == list(axes)
    assert display.figure_ is figure
    assert display.images_[0].get_clim()[1] == 9
    single = plt.subplots()[1]
    assert WeightsDisplay.from_estimator(classifier, layer="conv1", ax=single).axes_[0] is single


@pytest.mark.parametrize(("n", "shape"), [(1, (1, 1)), (4, (2, 2)), (7, (3, 3)), (16, (4, 4))])
def test_images_in_a_square_are_side_by_side(n, shape):
    images = np.arange(1.0, 1 + n * 6).reshape(n, 2, 3)
    square = in_a_square(images)
    assert square[..., 0, 0].size < n + shape[0] + 1
    np.testing.assert_array_equal(tiles(side_by_side(square), 2, 3), images)


def test_other_arguments_are_refused(classifier):
    with pytest.raises(
        ValueError, match=r"layer must be one of \['conv1', 'conv2', 'conv3', 'fc'\].*got 'fd'"
    ):
        WeightsDisplay.from_estimator(classifier, layer="fd")
    with pytest.raises(NotFittedError, match="not fitted yet"):
        WeightsDisplay.from_estimator(quick())
    with pytest.raises(TypeError, match=r"Linear is a torch network: use WeightsDisplay.from_module"):
        WeightsDisplay.from_estimator(nn.Linear(2, 2))
    with pytest.raises(TypeError, match=r"module must be a torch.nn.Module, got a SparseCurveCNNClassifier"):
        WeightsDisplay.from_module(classifier, (16, 16))
    with pytest.raises(ValueError, match="ReLU has no convolution or fully connected layer to draw"):
        WeightsDisplay.from_module(nn.ReLU(), (16, 16))
    with pytest.raises(ValueError, match=r"CurveCNN cannot be applied to images of shape \(1, 40, 40\)"):
        WeightsDisplay.from_module(classifier.module_, (40, 40))
