"""Fitted classifiers whose networks have random weights, so that their scores depend on all of them."""

import numpy as np
import torch
from classifiers import quick

from sparsecnn import SparseCurveEnsemble


def scrambled(shape=(32, 32), n_classes=2, *, n_channels=1, zeros=0.9, seed=0, names=None, **params):
    """Return a classifier whose weights, biases and statistics are random, most weights zero.

    Its scores are centred, and differ much between images of strokes.
    """
    rng = np.random.default_rng(seed)
    X = _strokes(rng, 16 * n_classes, shape)
    if n_channels > 1:
        X = np.stack([X, *(_strokes(rng, len(X), shape) for _ in range(n_channels - 1))], axis=1)
    labels = np.tile(np.arange(n_classes) if names is None else np.array(names), 16)
    params = {"channels": (8, 16, 16), "batch_size": 16} | params
    classifier = quick(max_iter=1, finetune_iter=0, lam=0, **params).fit(X, labels)
    generator = torch.Generator().manual_seed(seed)
    scores = torch.zeros(1, 1)
    while scores.std(0, correction=0).min() < 1e-3:  # no path from the image to a score
        _randomize(classifier.module_, zeros, generator)
        scores = torch.from_numpy(classifier._scores(X))
    scale = 2 / scores.std(0).mean()
    last = classifier.module_.fc
    with torch.no_grad():
        last.bias.copy_(scale * (last.bias - scores.mean(0)))
        last.weight.mul_(scale)
    return classifier


def scrambled_ensemble(views, n_channels, shape=(32, 32), n_classes=2, **params):
    """Return an ensemble of scrambled classifiers that see these views of images of so many channels."""
    members = [scrambled(shape, n_classes, seed=seed, **params) for seed in range(len(views))]
    ensemble = SparseCurveEnsemble(n_members=len(views))
    vars(ensemble).update(
        members_=members,
        views_=np.array(views),
        view_losses_=None,
        classes_=members[0].classes_,
        in_channels_=n_channels,
        image_shape_=shape,
        n_features_in_=n_channels * shape[0] * shape[1],
    )
    return ensemble


def floats(classifier):
    """Return a classifier, or an ensemble, as if fitted on pixels from 0 to 1."""
    for network in getattr(classifier, "members_", [classifier]):
        network.pixel_scale_ = network._largest_pixel = 1.0
    return classifier


def _randomize(module, zeros, generator):
    for name, tensor in module.state_dict().items():
        if name.endswith("running_var"):
            tensor.uniform_(0.5, 2, generator=generator)
        elif tensor.is_floating_point():
            tensor.normal_(generator=generator)
        if tensor.ndim > 1:
            tensor *= torch.rand(tensor.shape, generator=generator) > zeros
            tensor *= 2 * (tensor[0].numel() * max(1 - zeros, 0.01)) ** -0.5
        elif name.endswith(("bias", "running_mean")):
            tensor *= 0.5


def _strokes(rng, n_images, shape):
    """Return images of random walks in bytes, bright on black."""
    X = np.zeros((n_images, *shape), np.uint8)
    for image in X:
        for _ in range(3):
            steps = rng.integers(-1, 2, (sum(shape), 2)).cumsum(0)
            rows, columns = (rng.integers(0, shape) + steps).T % np.array(shape)[:, np.newaxis]
            image[rows, columns] = 255
    return X
