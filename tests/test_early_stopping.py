"""Early stopping and its inner split."""

import numpy as np
import pytest
from classifiers import OwnNetwork, rows_of, small

from sparsecnn._training import train_validation_split


def test_early_stopping_restores_the_best_sparse_network(stripes):
    classifier = small(
        early_stopping=True, validation_fraction=0.3, max_iter=40, n_iter_no_change=3, lam=1e-3
    )
    classifier.fit(*stripes)
    assert classifier.n_iter_ < 42
    assert classifier.sparsity_ > 0.1
    scores, sparsity = classifier.history_["validation_score"], classifier.history_["sparsity"]
    candidates = [i for i in range(len(scores)) if classifier.history_["lam"][i] == 1e-3]
    best = max(candidates, key=lambda i: (scores[i], i))
    assert classifier.sparsity_ == sparsity[best]


def test_early_stopping_never_keeps_a_network_of_a_smaller_lam(stripes):
    classifier = small(early_stopping=True, max_iter=2, finetune_iter=0, lam=5e-3).fit(*stripes)
    assert classifier.sparsity_ > 0.3
    assert classifier.lam_ == 5e-3


def test_early_stopping_keeps_groups_together(stripes):
    X, y = stripes
    groups = np.arange(len(y)) // 4
    validated = set()

    class Watching(OwnNetwork):
        def forward(self, x):
            if not self.training and x.shape[0] > 2:  # two images check the network
                validated.update(rows_of((x * 255).round().byte().numpy()))
            return super().forward(x)

    small(early_stopping=True, max_iter=1, finetune_iter=0, module=Watching).fit(X, y, groups=groups)
    held_back = np.array([row in validated for row in rows_of(X)])
    assert 0.05 < held_back.mean() < 0.2
    assert set(groups[held_back]).isdisjoint(groups[~held_back])


@pytest.mark.parametrize("fraction", [0.1, 0.35, 0.5, 0.8])
def test_validation_fraction_holds_with_groups_too(fraction):
    y, groups = np.arange(400) // 4 % 2, np.arange(400) // 4
    train, validation = train_validation_split(y, groups, fraction, np.random.RandomState(0))
    assert len(validation) / 400 == pytest.approx(fraction, abs=0.03)
    assert set(groups[train]).isdisjoint(groups[validation])


def test_validation_scores_are_those_of_the_history(stripes):
    classifier = small(early_stopping=True, max_iter=4).fit(*stripes)
    assert classifier.validation_scores_ == classifier.history_["validation_score"]
    settled = classifier.validation_scores_[1:]
    assert classifier.best_validation_score_ == max(settled)


def test_images_held_back_do_not_set_the_pixel_scale(stripes):
    X, y = stripes[0].astype(np.float32), stripes[1]
    scales = []
    for seed in range(4):
        classifier = small(early_stopping=True, max_iter=1, validation_fraction=0.5, random_state=seed)
        scales.append(classifier.fit(np.where(np.arange(120)[:, None, None] == 7, X * 9, X), y).pixel_scale_)
    assert set(scales) == {float(X.max()), float(X[7].max() * 9)}
