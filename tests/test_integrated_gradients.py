"""Integrated gradients: completeness, exact cases, modes of torch, classes and errors."""

import copy
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from classifiers import own_network, small
from conftest import make_stripes
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from torch import nn

from sparsecnn import SparseCurveCNNClassifier
from sparsecnn.datasets import make_shaky_spirals
from sparsecnn.inspection import integrated_gradients


@pytest.fixture(scope="module")
def dots():
    """Images with a bright square in the left half (class 0) or the right half, and a classifier of them."""
    rng = np.random.default_rng(0)
    y = np.arange(80) % 2
    images = np.zeros((80, 16, 32), dtype=np.uint8)
    for image, right in zip(images, y, strict=True):
        row, column = rng.integers(0, 12), rng.integers(0, 12) + 16 * right
        image[row : row + 4, column : column + 4] = 255
    classifier = SparseCurveCNNClassifier(channels=(4, 8, 8), augment=False, max_iter=20, random_state=0)
    return classifier.fit(images, y), images, y


@pytest.fixture(scope="module")
def three_classes(dots):
    _, images, _ = dots
    classifier = SparseCurveCNNClassifier(channels=(4, 4, 4), max_iter=4, random_state=0)
    return classifier.fit(images, np.array(["one", "two", "three"])[np.arange(80) % 3])


def score_gain(classifier, images):
    """Return the decision function over that of a blank image."""
    scores = classifier.decision_function(np.concatenate([images, np.zeros_like(images[:1])]))
    return scores[:-1] - scores[-1]


class Staircase(nn.Module):
    """A score with steep ramps: it rises by 4 within 0.002 of the mean pixel, and falls and rises later."""

    def __init__(self):
        super().__init__()
        starts = np.array([0.05, 0.052, 0.111, 0.1115, 0.173, 0.1745, 0.31, 0.3115])
        self.ramps = nn.Linear(256, 8)
        self.out = nn.Linear(8, 2)
        with torch.no_grad():
            self.ramps.weight.fill_(2000 / 256)
            self.ramps.bias.copy_(torch.from_numpy(-2000 * starts))
            self.out.weight.copy_(torch.tensor([[0.0] * 8, [1.0, -1, -1, 1, 1, -1, -1, 1]]))
            self.out.bias.zero_()

    def forward(self, x):
        return self.out(self.ramps(x.flatten(1)).relu())


@pytest.fixture(scope="module")
def staircase():
    """A classifier whose network is a `Staircase`, and images."""
    X, y = make_stripes(20, random_state=0)
    return small(module=Staircase, penalized="all", lam=0.0, learning_rate_init=1e-9, batch_size=20).fit(
        X, y
    ), X


@pytest.fixture(scope="module")
def spirals():
    """A classifier of spirals, and images."""
    X, y = make_shaky_spirals(80, image_shape=(32, 32), return_X_y=True, random_state=0)
    return SparseCurveCNNClassifier(channels=(4, 4, 4), max_iter=10, random_state=0).fit(X, y), X[:20]


def test_attributions_lie_on_the_ink_and_speak_for_the_class(dots):
    classifier, images, y = dots
    attributions = integrated_gradients(classifier, images)
    assert attributions.shape == images.shape
    assert not attributions[images == 0].any()
    assert np.mean((attributions.sum((1, 2)) > 0) == y) > 0.9


@pytest.mark.parametrize("name", ["staircase", "spirals"])
def test_attributions_sum_to_the_score_gain_within_one_percent(name, request):
    classifier, images = request.getfixturevalue(name)
    expected = score_gain(classifier, images)
    missed = np.abs(integrated_gradients(classifier, images).sum((1, 2)) - expected)
    equal_steps = np.abs(integrated_gradients(classifier, images, tol=np.inf).sum((1, 2)) - expected)
    assert (missed < 0.0101 * np.abs(expected)).all()
    assert (equal_steps > 0.05 * np.abs(expected)).any()


def test_attributions_of_a_function_of_the_mean_pixel_are_shares_of_the_ink(staircase):
    classifier, images = staircase
    shares = images / images.sum((1, 2), keepdims=True)
    expected = shares * score_gain(classifier, images)[:, np.newaxis, np.newaxis]
    np.testing.assert_allclose(integrated_gradients(classifier, images), expected, rtol=0.0101)


def test_attributions_are_those_of_many_equal_steps(spirals):
    classifier, images = spirals
    x = torch.from_numpy(images[:1].reshape(1, 1, 32, 32) / 255).float()
    total = torch.zeros_like(x)
    for place in (torch.arange(4000).view(-1, 1, 1, 1) + 0.5).split(400):
        points = (place / 4000 * x).requires_grad_()
        scores = classifier.module_(points)
        total += torch.autograd.grad((scores[:, 1] - scores[:, 0]).sum(), points)[0].sum(0) / 4000
    expected = (total * x)[0].detach().numpy()
    found = integrated_gradients(classifier, images[:1], tol=1e-3)
    np.testing.assert_allclose(found, expected, atol=0.02 * np.abs(expected).max())


def test_attributions_of_a_linear_network_are_pixels_times_weights(stripes):
    X, y = stripes
    linear = small(module=nn.Sequential(nn.Flatten(), nn.Linear(256, 2)), penalized="all").fit(X, y)
    weight = linear.module_[1].weight.detach().numpy()
    expected = X / 255 * (weight[1] - weight[0]).reshape(16, 16)
    np.testing.assert_allclose(integrated_gradients(linear, X, n_steps=1), expected, rtol=1e-4, atol=1e-6)


def test_attributions_of_a_network_of_ones_own_in_training_mode(stripes):
    X, y = stripes
    own = small(module=own_network(), penalized="all").fit(X, y)
    expected = integrated_gradients(own, X[:3])
    own.module_.train()
    np.testing.assert_array_equal(integrated_gradients(own, X[:3]), expected)
    assert own.module_.training
    np.testing.assert_allclose(expected.sum((1, 2)), score_gain(own, X[:3]), rtol=0.0101)


def test_attributions_of_curves_in_float64():
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(40, 60)), np.arange(40) % 2
    X[y == 1, :30] += 2
    curves = SparseCurveCNNClassifier(channels=(4, 4, 4), image_shape=(1, 60), max_iter=5, random_state=0)
    curves.fit(X, y)
    attributions = integrated_gradients(curves, X)
    assert attributions.shape == (40, 1, 60)
    assert attributions.dtype == np.float64
    np.testing.assert_allclose(attributions.sum((1, 2)), score_gain(curves, X), rtol=0.0101, atol=0.01)


def test_attributions_of_a_blank_image_are_zero(dots):
    classifier, images, _ = dots
    assert not integrated_gradients(classifier, np.zeros_like(images[:2])).any()


def test_each_image_has_the_attributions_it_has_alone(dots):
    classifier, images, _ = dots
    together = integrated_gradients(classifier, images[:3])
    alone = np.concatenate([integrated_gradients(classifier, images[i : i + 1]) for i in range(3)])
    np.testing.assert_array_equal(together, alone)


def test_too_few_steps_warn_of_the_remaining_gap(staircase):
    classifier, images = staircase
    expected = score_gain(classifier, images)
    with pytest.warns(ConvergenceWarning, match="increase max_steps") as given:
        attributions = integrated_gradients(classifier, images, max_steps=33)
    gaps = np.abs(attributions.sum((1, 2)) - expected) / np.abs(expected)
    assert f"of 20 images miss f(x) - f(0) by up to {gaps.max():.1%}" in str(given[0].message)
    assert given[0].filename == __file__


@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode])
def test_attributions_do_not_depend_on_the_gradient_mode(dots, mode):
    classifier, images, _ = dots
    expected = integrated_gradients(classifier, images[:2])
    with mode():
        np.testing.assert_array_equal(integrated_gradients(classifier, images[:2]), expected)


def test_attributions_in_threads_are_those_of_one(dots):
    classifier, images, _ = dots
    expected = integrated_gradients(classifier, images[:4])
    with ThreadPoolExecutor(4) as pool:
        for found in pool.map(lambda _: integrated_gradients(classifier, images[:4]), range(8)):
            np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-6)


def test_attributions_leave_the_network_as_it_was(dots):
    classifier, images, _ = dots
    before = classifier.decision_function(images)
    integrated_gradients(classifier, images[:2])
    np.testing.assert_array_equal(classifier.decision_function(images), before)
    assert all(parameter.requires_grad for parameter in classifier.module_.parameters())


def test_attributions_of_a_search_are_those_of_its_best_network(dots):
    classifier, images, y = dots
    search = GridSearchCV(classifier, {"max_iter": [1]}, cv=2).fit(images, y)
    np.testing.assert_array_equal(
        integrated_gradients(search, images[:2]), integrated_gradients(search.best_estimator_, images[:2])
    )


def test_attributions_of_a_frozen_classifier_are_its_own(dots):
    classifier, images, _ = dots
    np.testing.assert_array_equal(
        integrated_gradients(FrozenEstimator(classifier), images[:2]),
        integrated_gradients(classifier, images[:2]),
    )


def test_attributions_of_one_class_of_several_sum_to_its_score_over_the_others(dots, three_classes):
    _, images, _ = dots
    gain = score_gain(three_classes, images[:6])
    for i, label in enumerate(three_classes.classes_):
        expected = gain[:, i] - np.delete(gain, i, axis=1).mean(1)
        total = integrated_gradients(three_classes, images[:6], target=label).sum((1, 2))
        np.testing.assert_allclose(total, expected, rtol=0.0101, atol=1e-3)


def test_target_of_two_classes_is_the_second_by_default(dots):
    classifier, images, _ = dots
    second = integrated_gradients(classifier, images[:2])
    np.testing.assert_array_equal(integrated_gradients(classifier, images[:2], target=1), second)
    np.testing.assert_allclose(integrated_gradients(classifier, images[:2], target=0), -second, rtol=1e-5)


@pytest.mark.parametrize(
    ("argument", "value", "error", "message"),
    [
        ("target", 2, ValueError, r"target must be one of the 2 classes \[0, 1\], got 2"),
        ("target", [1], ValueError, r"target must be one of the 2 classes \[0, 1\], got \[1\]"),
        ("n_steps", 0, ValueError, "n_steps == 0, must be >= 1"),
        ("n_steps", 1.5, TypeError, "n_steps must be an instance of int, not float"),
        ("max_steps", 31, ValueError, "max_steps == 31, must be >= 32"),
        ("max_steps", None, TypeError, "max_steps must be an instance of int"),
        ("tol", 0, ValueError, "tol must be positive, got 0"),
        ("tol", np.nan, ValueError, "tol must be positive, got nan"),
        ("tol", "1%", TypeError, "tol must be a number, got '1%'"),
        ("X", np.zeros((2, 8, 8)), ValueError, r"X holds images of shape \(8, 8\)"),
    ],
)
def test_bad_argument_of_integrated_gradients_is_named(dots, argument, value, error, message):
    classifier, images, _ = dots
    with pytest.raises(error, match=message):
        integrated_gradients(classifier, **{"X": images[:2], argument: value})


def test_target_is_needed_for_more_than_two_classes(dots, three_classes):
    with pytest.raises(ValueError, match=r"target must be one of the 3 classes \['one'.*got None"):
        integrated_gradients(three_classes, dots[1])


def test_estimator_must_be_a_fitted_classifier(dots):
    classifier, images, _ = dots
    with pytest.raises(ValueError, match=r"got a Pipeline: .*pipeline\[-1\], .*\[:-1\]\.transform\(X\)"):
        integrated_gradients(make_pipeline(classifier), images)
    with pytest.raises(NotFittedError):
        integrated_gradients(SparseCurveCNNClassifier(), images)


def test_infinite_scores_are_refused(dots):
    classifier, images, _ = dots
    broken = copy.deepcopy(classifier)
    with torch.no_grad():
        broken.module_.fc.weight.fill_(np.inf)
    with pytest.raises(ValueError, match="scores are NaN or infinite between a blank image and image 0 of X"):
        integrated_gradients(broken, images)
