"""Where the evidence lies."""

import numpy as np
import pytest
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline

from sparsecnn import SparseCurveCNNClassifier
from sparsecnn.inspection import integrated_gradients


@pytest.fixture(scope="module")
def dots():
    """Images with a bright square in the left half ("left") or the right half."""
    rng = np.random.default_rng(0)
    y = np.arange(80) % 2
    images = np.zeros((80, 16, 32), dtype=np.uint8)
    for image, right in zip(images, y, strict=True):
        row, column = rng.integers(0, 12), rng.integers(0, 12) + 16 * right
        image[row : row + 4, column : column + 4] = 255
    classifier = SparseCurveCNNClassifier(channels=(4, 8, 8), augment=False, max_iter=20, random_state=0)
    return classifier.fit(images, y), images, y


def test_evidence_lies_on_the_ink_and_speaks_for_the_class(dots):
    classifier, images, y = dots
    evidence = integrated_gradients(classifier, images)
    assert evidence.shape == images.shape
    assert not evidence[images == 0].any()
    assert np.mean((evidence.sum((1, 2)) > 0) == y) > 0.9


def test_evidence_adds_up_to_the_score_over_a_blank_image(dots):
    classifier, images, _ = dots
    blank = classifier.decision_function(np.zeros_like(images[:1]))
    expected = classifier.decision_function(images[:6]) - blank
    total = integrated_gradients(classifier, images[:6], n_steps=512).sum((1, 2))
    np.testing.assert_allclose(total, expected, rtol=0.05, atol=0.05)


def test_evidence_leaves_the_network_as_it_was(dots):
    classifier, images, _ = dots
    before = classifier.decision_function(images)
    integrated_gradients(classifier, images[:2])
    np.testing.assert_array_equal(classifier.decision_function(images), before)
    assert all(parameter.requires_grad for parameter in classifier.module_.parameters())


def test_evidence_of_a_search_is_that_of_its_best_network(dots):
    classifier, images, _ = dots
    search = GridSearchCV(classifier, {"max_iter": [1]}, cv=2).fit(images, np.arange(len(images)) % 2)
    np.testing.assert_array_equal(
        integrated_gradients(search, images[:2]), integrated_gradients(search.best_estimator_, images[:2])
    )


def test_evidence_of_a_frozen_classifier_is_its_own(dots):
    classifier, images, _ = dots
    np.testing.assert_array_equal(
        integrated_gradients(FrozenEstimator(classifier), images[:2]),
        integrated_gradients(classifier, images[:2]),
    )


def test_evidence_needs_a_classifier(dots):
    classifier, images, _ = dots
    with pytest.raises(ValueError, match="Of a pipeline, give the last step"):
        integrated_gradients(make_pipeline(classifier), images)


def test_evidence_needs_a_step(dots):
    classifier, images, _ = dots
    with pytest.raises(ValueError, match="n_steps must be at least 1, got 0"):
        integrated_gradients(classifier, images, n_steps=0)


def test_evidence_needs_two_classes(dots):
    _, images, _ = dots
    three = SparseCurveCNNClassifier(channels=(4, 4, 4), max_iter=1, random_state=0)
    three.fit(images, np.arange(80) % 3)
    with pytest.raises(ValueError, match="needs two classes, but there are 3"):
        integrated_gradients(three, images)
