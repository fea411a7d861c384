"""Ensembles whose members each see one view of the image."""

import pickle
from itertools import product

import numpy as np
import pytest
from classifiers import interrupted_after, quick
from conftest import make_stripes
from joblib import parallel_config
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.metrics import log_loss
from sklearn.model_selection import (
    GridSearchCV,
    GroupKFold,
    KFold,
    StratifiedGroupKFold,
    StratifiedKFold,
    StratifiedShuffleSplit,
    cross_val_predict,
)

from sparsecnn import SparseCurveCNNClassifier, SparseCurveEnsemble
from sparsecnn._ensemble import choose_views
from sparsecnn.exceptions import GroupLeakWarning
from sparsecnn.penalties import TransformedL1

STRIPES, Y = make_stripes(60, random_state=0)
NOISE = np.random.default_rng(0).integers(256, size=STRIPES.shape, dtype=np.uint8)
X = np.stack([NOISE, STRIPES], axis=1)
GROUPS = np.arange(60) // 3


def tiny(**params):
    """Return an ensemble of two members that trains in a part of a second."""
    network = quick(max_iter=4, finetune_iter=2, random_state=None)
    return SparseCurveEnsemble(**{"estimator": network, "n_members": 2, "cv": 2, "random_state": 0} | params)


@pytest.fixture(scope="module")
def ensemble():
    return tiny().fit(X, Y, groups=GROUPS)


def greedy(proba, y, weight, n_members):
    """Return the views that ensemble selection by scikit-learn's log loss chooses."""
    chosen, total = [], 0
    for n in range(1, n_members + 1):
        losses = [log_loss(y, (total + p) / n, sample_weight=weight) for p in proba]
        chosen.append(int(np.argmin(losses)))
        total = total + proba[chosen[-1]]
    return chosen


@pytest.mark.parametrize("n_classes", [2, 5])
@pytest.mark.parametrize("weighted", [False, True])
def test_views_are_chosen_by_the_log_loss_of_the_mean(n_classes, weighted):
    rng = np.random.default_rng(n_classes)
    y = np.arange(40) % n_classes
    proba = rng.dirichlet(np.ones(n_classes), (4, 40))
    weight = rng.integers(1, 4, 40).astype(float) if weighted else None
    chosen = choose_views(proba[:, np.arange(40), y], 6, weight)
    assert chosen.tolist() == greedy(proba, y, weight, 6)
    assert len(set(chosen)) > 1


def test_views_chosen_one_by_one_are_the_best_of_all():
    likelihood = np.array([[0.9, 0.6, 0.6, 0.9], [0.6, 0.8, 0.7, 0.7], [0.1, 0.1, 0.1, 0.1]])
    best = min(product(range(3), repeat=3), key=lambda views: -np.log(likelihood[list(views)].mean(0)).mean())
    chosen = choose_views(likelihood, 3).tolist()
    assert sorted(chosen) == sorted(best)
    assert 2 not in chosen


def test_a_probability_of_zero_is_no_infinite_loss():
    assert choose_views(np.array([[0.0, 1.0], [0.0, 0.5]]), 2).tolist() == [0, 0]


@pytest.mark.parametrize("telling", [0, 1])
def test_ensemble_chooses_the_view_that_tells_the_classes_apart(telling):
    both = X if telling else X[:, ::-1]
    fitted = tiny().fit(both, Y, groups=GROUPS)
    assert fitted.views_.tolist() == [telling, telling]
    assert fitted.view_losses_.argmin() == telling
    assert fitted.score(both, Y) > 0.9
    assert len({member.random_state for member in fitted.members_}) == 2


def test_view_losses_are_those_of_a_cross_validation(ensemble):
    seed = np.random.RandomState(0).randint(2**31 - 1)
    network = quick(max_iter=2, finetune_iter=1, batch_size=30, random_state=seed)
    folds = StratifiedGroupKFold(2)
    for view, loss in enumerate(ensemble.view_losses_):
        p = cross_val_predict(network, X[:, view], Y, groups=GROUPS, cv=folds, method="predict_proba")
        p = p.astype(float) / p.sum(axis=1, keepdims=True, dtype=float)
        assert loss == pytest.approx(log_loss(Y, p), rel=1e-6)


def test_probabilities_are_the_mean_over_members_on_their_views(ensemble):
    each = [
        member.predict_proba(X[:, view])
        for member, view in zip(ensemble.members_, ensemble.views_, strict=True)
    ]
    np.testing.assert_allclose(ensemble.predict_proba(X), np.mean(each, axis=0), rtol=1e-6)
    np.testing.assert_allclose(ensemble.predict_log_proba(X), np.log(ensemble.predict_proba(X)), atol=1e-5)
    np.testing.assert_array_equal(ensemble.predict(X), ensemble.classes_[ensemble.predict_proba(X).argmax(1)])
    assert ensemble.members_and_images(X)[0][1].shape == (60, 256)


def test_members_are_trained_on_all_images(ensemble):
    member = ensemble.members_[0]
    alone = clone(member).fit(X[:, ensemble.views_[0]], Y)
    np.testing.assert_array_equal(alone.predict_proba(X[:, 1]), member.predict_proba(X[:, 1]))


def test_sparsity_is_that_of_all_members(ensemble):
    assert ensemble.sparsity_ == pytest.approx(np.mean([member.sparsity_ for member in ensemble.members_]))
    assert ensemble.n_nonzero_ == sum(member.n_nonzero_ for member in ensemble.members_)


def test_rows_of_pixels_are_images(ensemble):
    rows = X.reshape(60, -1)
    given = tiny(in_channels=2, image_shape=(16, 16)).fit(rows, Y, groups=GROUPS)
    square = tiny(in_channels=2).fit(rows, Y, groups=GROUPS)
    for fitted in (given, square):
        np.testing.assert_array_equal(fitted.predict_proba(X), ensemble.predict_proba(rows))
        assert fitted.image_shape_ == (16, 16)
        assert fitted.in_channels_ == 2
        assert fitted.n_features_in_ == 512


def test_one_channel_leaves_nothing_to_choose():
    module = interrupted_after(10**9)
    network = quick(max_iter=2, finetune_iter=0, batch_size=60, module=module)
    one = SparseCurveEnsemble(network, n_members=3, cv=59, random_state=0).fit(STRIPES, Y)
    assert module.n_trained == 3 * 2  # each member, in two epochs of one batch
    assert one.views_.tolist() == [0, 0, 0]
    assert one.view_losses_ is None
    np.testing.assert_array_equal(
        one.predict_proba(STRIPES[:, np.newaxis]), one.predict_proba(STRIPES.reshape(60, -1))
    )


def test_choice_trains_as_long_as_asked():
    module = interrupted_after(10**9)
    network = quick(max_iter=3, finetune_iter=3, batch_size=60, module=module)
    for choice_iter, epochs in [("auto", 2 + 2), (5, 5 + 5)]:
        before = module.n_trained
        tiny(estimator=network, choice_iter=choice_iter, n_members=1).fit(X, Y)
        assert module.n_trained - before == 2 * 2 * epochs + 6  # two views on two folds, and one member


def test_images_of_weight_zero_are_absent():
    rng = np.random.default_rng(0)
    absent = rng.integers(256, size=(12, 2, 16, 16), dtype=np.uint8)
    more, labels = np.concatenate([absent, X]), np.concatenate([["other"] * 12, Y])
    weight, groups = np.repeat([0, 2], [12, 60]), np.concatenate([[99] * 12, GROUPS])
    with_them = tiny().fit(more, labels, sample_weight=weight, groups=groups)
    without = tiny().fit(X, Y, groups=GROUPS)
    assert with_them.classes_.tolist() == ["across", "down"]
    np.testing.assert_array_equal(with_them.view_losses_, without.view_losses_)
    np.testing.assert_array_equal(with_them.predict_proba(X), without.predict_proba(X))


def test_weights_count_in_the_choice():
    half = np.arange(60) % 2 == 0
    views = np.stack(
        [np.where(half[:, None, None], STRIPES, NOISE), np.where(half[:, None, None], NOISE, STRIPES)], 1
    )
    for heavy, view in [(half, 0), (~half, 1)]:
        fitted = tiny().fit(views, Y, sample_weight=np.where(heavy, 100.0, 1.0))
        assert fitted.views_[0] == view


def test_several_classes_are_told_apart():
    halves = np.where(np.arange(60) % 2 == 0, "dim", "bright")
    labels = np.char.add(halves, Y)
    images = X.copy()
    images[halves == "dim", 1] //= 4
    fitted = tiny(estimator=quick(max_iter=8)).fit(images, labels)
    assert fitted.predict_proba(images).shape == (60, 4)
    assert fitted.views_.tolist() == [1, 1]
    assert fitted.score(images, labels) > 0.7


def test_threads_and_processes_give_the_same(ensemble):
    with parallel_config(backend="threading", n_jobs=2):
        parallel = tiny().fit(X, Y, groups=GROUPS)
    np.testing.assert_array_equal(parallel.predict_proba(X), ensemble.predict_proba(X))


def test_pickle_and_clone_keep_everything(ensemble):
    copied = pickle.loads(pickle.dumps(ensemble))
    np.testing.assert_array_equal(copied.predict_proba(X), ensemble.predict_proba(X))
    assert copied.views_.tolist() == ensemble.views_.tolist()
    assert clone(ensemble).get_params()["estimator__max_iter"] == 4


def test_grid_reaches_the_members_also_of_the_default_ensemble():
    grid = {
        "estimator__max_iter": [1],
        "estimator__finetune_iter": [0],
        "estimator__penalty": ["l0", TransformedL1()],
        "estimator__lam": [1e-4],
        "estimator__beta": [0.5, 1.0],
    }
    default = SparseCurveEnsemble(n_members=1, cv=2, random_state=0)
    search = GridSearchCV(default, grid, cv=2).fit(X[::2], Y[::2])
    assert len(search.cv_results_["params"]) == 4
    member = search.best_estimator_.members_[0]
    assert member.beta == search.best_params_["estimator__beta"]
    assert member.solver == "adam"
    assert default.estimator is None
    deeper = tiny(estimator=quick(penalty=TransformedL1())).set_params(estimator__penalty__a=3.0)
    assert deeper.estimator.penalty.a == 3.0


def test_calibration_and_cross_validation_work(ensemble):
    calibrated = CalibratedClassifierCV(FrozenEstimator(ensemble), cv=2).fit(X, Y)
    assert calibrated.score(X, Y) > 0.9
    held_back = cross_val_predict(
        tiny(), X, Y, groups=GROUPS, cv=GroupKFold(2), method="predict_proba", params={"groups": GROUPS}
    )
    np.testing.assert_allclose(held_back.sum(axis=1), 1, rtol=1e-5)


@pytest.mark.parametrize(
    "cv",
    [
        KFold(3),
        StratifiedShuffleSplit(3, test_size=0.3, random_state=0),
        [(np.arange(30), np.arange(30, 60)), (np.arange(30, 60), np.arange(30))],
    ],
    ids=["folds", "shuffled", "splits"],
)
def test_splitters_make_the_folds(cv):
    assert tiny(cv=cv).fit(X, Y).views_.tolist() == [1, 1]


@pytest.mark.filterwarnings("ignore:The groups parameter is ignored")
def test_groups_on_both_sides_are_warned_of():
    with pytest.warns(GroupLeakWarning, match="same group"):
        tiny(cv=StratifiedKFold(2)).fit(X, Y, groups=GROUPS)


@pytest.mark.parametrize(
    ("params", "given", "message"),
    [
        (
            {"cv": 4},
            {"groups": np.where(Y == "down", np.arange(60), 60 + GROUPS // 7)},
            "cv=4.*groups.*across has 3",
        ),
        ({"cv": 40}, {}, "cv=40.*images of each class, but class"),
        ({"cv": GroupKFold(2)}, {}, "makes no folds.*groups"),
        ({"cv": [(np.arange(59), [60])]}, {}, "other folds than of the 60 images"),
        ({"cv": [(np.arange(59), [59])]}, {"sample_weight": np.arange(60)}, "splits that are given"),
        ({"cv": "three"}, {}, "makes no folds"),
        ({"cv": 1}, {}, "'cv' parameter"),
        ({"n_members": 0}, {}, "'n_members' parameter"),
        ({"choice_iter": 0}, {}, "'choice_iter' parameter"),
        ({"estimator": tiny()}, {}, "'estimator' parameter"),
        ({"estimator": quick(solver="foo")}, {}, "'solver' parameter of SparseCurveCNNClassifier"),
        ({"estimator": quick(max_iter=0)}, {}, "'max_iter' parameter of SparseCurveCNNClassifier"),
        ({"in_channels": 3}, {}, "in_channels=3"),
        ({"image_shape": (8, 32)}, {}, "image_shape"),
        ({}, {"groups": GROUPS[1:]}, "groups must have one label per image, shape .60,."),
        ({}, {"sample_weight": np.zeros(60)}, "sample_weight"),
        ({}, {"y": ["same"] * 60}, "two classes"),
        ({}, {"X": X.astype(float) * np.nan}, "NaN"),
        ({}, {"X": np.moveaxis(X, 1, 3)}, "X"),
    ],
    ids=str,
)
def test_bad_input_is_refused_by_name_and_changes_nothing(ensemble, params, given, message):
    other = clone(ensemble).set_params(**params)
    other.members_ = ensemble.members_
    with pytest.raises(ValueError, match=message):
        other.fit(**{"X": X, "y": Y} | given)
    assert other.members_ is ensemble.members_
    assert not hasattr(other, "classes_")


def test_a_class_left_out_of_a_training_set_is_named():
    with pytest.raises(ValueError, match=r"leaves the classes \['across'\] out"):
        tiny(cv=KFold(2)).fit(X, np.sort(Y)[::-1])


def test_interrupted_fit_stops_and_leaves_nothing():
    module = interrupted_after(3)
    fitted = tiny(estimator=quick(module=module))
    with pytest.raises(KeyboardInterrupt):
        fitted.fit(X, Y)
    assert module.n_trained == 4
    assert not hasattr(fitted, "members_")


@pytest.mark.parametrize(
    "wrong", [X[:, :1], X[:, :, :8], X.reshape(60, -1)[:, 1:]], ids=lambda x: str(x.shape)
)
def test_other_images_are_refused_at_predict(ensemble, wrong):
    with pytest.raises(ValueError, match="SparseCurveEnsemble"):
        ensemble.predict(wrong)


def test_unfitted_ensemble_says_so():
    for name in ("predict", "predict_proba", "predict_log_proba"):
        with pytest.raises(NotFittedError):
            getattr(tiny(), name)(X)
    with pytest.raises(NotFittedError):
        _ = tiny().sparsity_


def test_default_network_is_one_of_few_filters():
    one = SparseCurveEnsemble().set_params(estimator__random_state=3).estimator
    assert isinstance(one, SparseCurveCNNClassifier)
    assert one.channels == (16, 32, 32)
    with pytest.raises(ValueError, match="Invalid parameter"):
        SparseCurveEnsemble().set_params(estimator__nonsense=3)
