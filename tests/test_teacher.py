"""A network learns the scores of a fitted classifier instead of the labels."""

import re
import signal

import numpy as np
import pytest
import torch
from classifiers import interrupted_after, own_network, quick, small, state
from conftest import make_stripes
from sklearn.base import clone
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV

from sparsecnn import SparseCurveCNNClassifierCV
from sparsecnn._estimator import check_training_data, make_teacher
from sparsecnn._training.teacher import TEMPERATURE, distillation_losses
from sparsecnn.export import compress, load, save
from sparsecnn.model_selection import sparsity_path

X, labels = make_stripes(120, random_state=0)
y = (labels == "down").astype(int)


def teacher(**params):
    """Return an unfitted dense classifier."""
    return small(**{"penalty": None, "random_state": 5} | params)


def test_distillation_losses_are_the_formula():
    rng = np.random.default_rng(0)
    scores, wanted = rng.normal(size=(2, 7, 3)) * 5
    losses = distillation_losses(torch.tensor(scores), torch.tensor(wanted))
    for loss, z, t in zip(losses, scores, wanted, strict=True):
        p, q = (np.exp(a / TEMPERATURE) / np.exp(a / TEMPERATURE).sum() for a in (t, z))
        assert np.isclose(float(loss), TEMPERATURE**2 * np.sum(p * np.log(p / q)))


def test_distillation_losses_vanish_only_where_scores_differ_by_a_constant():
    scores = torch.tensor([[1.0, 2.0], [3.0, -1.0]])
    assert distillation_losses(scores, scores + 7).abs().max() < 1e-5
    assert distillation_losses(scores, scores.flip(1)).min() > 0.1


def test_unfitted_teacher_is_fitted_to_the_same_images():
    given = teacher()
    learnt = quick(teacher=given).fit(X, y)
    assert not hasattr(given, "module_")
    frozen = quick(teacher=FrozenEstimator(teacher().fit(X, y))).fit(X, y)
    assert torch.equal(state(learnt), state(frozen))
    assert not torch.equal(state(learnt), state(quick().fit(X, y)))


def test_student_learns_what_its_teacher_says_rather_than_the_labels():
    wrong = FrozenEstimator(teacher().fit(X, 1 - y))
    assert quick(teacher=wrong).fit(X, y).score(X, 1 - y) > 0.9


def test_teacher_sees_pixels_as_in_its_own_training():
    fitted = teacher().fit(X[:60] // 2, y[:60])
    data = check_training_data(quick(), X * np.float32(0.9), y)
    assert data.images.pixel_scale != fitted.pixel_scale_
    asked = make_teacher(FrozenEstimator(fitted), data, np.random.RandomState(0))
    scores = asked(data.images.pixels(np.arange(len(X)))).numpy()
    assert np.allclose(scores[:, 1] - scores[:, 0], fitted.decision_function(X * np.float32(0.9)), atol=1e-4)


def test_teacher_of_another_range_of_pixels_is_warned_of():
    frozen = FrozenEstimator(teacher().fit(X / 255, y))
    with pytest.warns(UserWarning, match="pixel"):
        quick(teacher=frozen).fit(X, y)


def test_loss_of_a_student_is_the_cross_entropy_with_its_labels():
    student = quick(teacher=teacher(), max_iter=1, finetune_iter=0, learning_rate_init=1e-12).fit(X, y)
    plain = quick(max_iter=1, finetune_iter=0, learning_rate_init=1e-12).fit(X, y)
    assert np.isclose(student.loss_curve_[0], plain.loss_curve_[0], rtol=1e-4)


def test_teacher_without_a_seed_has_that_of_its_student():
    one, two = (quick(teacher=teacher(random_state=None)).fit(X, y) for _ in range(2))
    assert torch.equal(state(one), state(two))


def test_images_held_back_are_not_shown_to_the_teacher():
    seen = []

    class Watched(type(teacher())):
        def fit(self, X, y, **params):
            seen.append(len(X))
            return super().fit(X, y, **params)

    quick(early_stopping=True, validation_fraction=0.25, teacher=Watched(**teacher().get_params())).fit(X, y)
    assert seen == [len(X) - len(X) // 4]


def test_weights_of_images_reach_the_teacher():
    weight = np.where(np.arange(len(X)) % 3, 1.0, 0.0)
    student = quick(teacher=teacher(), batch_size=16).fit(X, y, sample_weight=weight)
    some = weight > 0
    assert torch.equal(state(student), state(quick(teacher=teacher(), batch_size=16).fit(X[some], y[some])))


def test_student_of_groups_has_few_channels():
    params = {"penalty": "group_l0", "penalized": "all", "target_macs": 0.5, "finetune_iter": 12}
    student = quick(teacher=teacher(), **params).fit(X, y)
    assert student.score(X, y) > 0.9
    assert compress(student).channels < student.channels


def test_teacher_of_a_network_of_ones_own_is_left_as_it_was():
    fitted = teacher(module=own_network()).fit(X, y)
    before = state(fitted).clone()
    quick(teacher=FrozenEstimator(fitted)).fit(X, y)
    assert torch.equal(before, state(fitted))
    assert all(p.requires_grad for p in fitted.module_.parameters())


def test_search_over_teachers_runs_without_a_leak():
    search = GridSearchCV(quick(), {"teacher": [None, teacher()], "target_sparsity": [0.5, 0.9]}, cv=2)
    assert search.fit(X, y).best_score_ > 0.8
    assert clone(search.best_estimator_).fit(X, y).score(X, y) > 0.9


def test_path_and_its_cross_validation_have_teachers():
    path = sparsity_path(X, y, estimator=quick(teacher=teacher()), sparsities=[0, 0.5, 0.9])
    assert path.score(X, y).min() > 0.9
    assert not torch.equal(
        state(path[2]), state(sparsity_path(X, y, estimator=quick(), sparsities=[0, 0.5, 0.9])[2])
    )
    search = SparseCurveCNNClassifierCV(quick(teacher=teacher()), sparsities=[0, 0.9], cv=2).fit(X, y)
    assert search.score(X, y) > 0.9


def test_partial_fit_has_a_frozen_teacher_only():
    wrong = FrozenEstimator(teacher().fit(X, 1 - y))
    student = quick(teacher=wrong, max_iter=2)
    for _ in range(8):
        student.partial_fit(X, y)
    assert student.score(X, 1 - y) > 0.9
    with pytest.raises(ValueError, match="partial_fit cannot fit a teacher"):
        quick(teacher=teacher()).partial_fit(X, y)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (LogisticRegression(), "teacher must be a SparseCurveCNNClassifier, or a FrozenEstimator"),
        (FrozenEstimator(LogisticRegression()), "teacher must be a SparseCurveCNNClassifier, or"),
        (FrozenEstimator(teacher()), "which is not fitted"),
        (
            FrozenEstimator(teacher().fit(X, y + 1)),
            re.escape("teacher has the classes [1, 2], but y has [0, 1]"),
        ),
        (FrozenEstimator(teacher().fit(X[:, ::2], y)), "teacher takes images of shape"),
        ("dense", "The 'teacher' parameter"),
    ],
    ids=str,
)
def test_wrong_teacher_is_refused_and_the_fit_is_kept(given, message):
    student = quick().fit(X, y)
    before = state(student).clone()
    student.set_params(teacher=given)
    with pytest.raises(ValueError, match=message):
        student.fit(X, y)
    assert torch.equal(before, state(student))


def test_interrupt_of_the_teacher_ends_the_fit():
    student = quick(teacher=teacher(module=interrupted_after(6)))
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        student.fit(X, y)
    assert not hasattr(student, "module_")
    assert signal.getsignal(signal.SIGINT) == before


def test_file_of_a_student_has_no_teacher(tmp_path):
    student = quick(teacher=teacher()).fit(X, y)
    save(student, tmp_path / "student.safetensors")
    again = load(tmp_path / "student.safetensors")
    assert again.teacher is None
    assert np.array_equal(again.predict_proba(X), student.predict_proba(X))
