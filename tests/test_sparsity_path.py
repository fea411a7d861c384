"""The path from a dense network to a sparse one."""

import pickle

import numpy as np
import pytest
import torch
from classifiers import interrupted_after, quick, wide
from conftest import make_stripes
from torch import nn

from sparsecnn import CurveAugmentation
from sparsecnn.exceptions import DeadLayerWarning, TrainingInterruptedWarning
from sparsecnn.model_selection import sparsity_path


def test_path_has_the_wanted_sparsities(stripes):
    wanted = [0.0, 0.5, 0.9, 0.99]
    path = sparsity_path(*stripes, estimator=wide(), sparsities=wanted)
    assert path.sparsities == pytest.approx(wanted, abs=1e-3)
    assert path.n_nonzeros.tolist() == [1024, 512, 102, 10]
    assert path.lams[0] == 0
    assert (path.lams[1:] > 0).all()
    assert len(path) == len(path[1:]) + 1
    assert path.score(*make_stripes(200, random_state=1)).min() > 0.9


def test_path_points_are_classifiers_of_their_own(stripes):
    path = sparsity_path(*stripes, estimator=wide(), sparsities=[0.5, 0.9])
    assert [fitted.target_sparsity for fitted in path] == [0.5, 0.9]
    assert path[0].module_ is not path[1].module_
    assert path[1].sparsity_ == pytest.approx(float((path[1].module_.fc.weight == 0).double().mean()))
    assert pickle.loads(pickle.dumps(path)).n_nonzeros.tolist() == path.n_nonzeros.tolist()
    frozen = path[0].module_.fc.weight == 0
    assert (path[0].fit(*stripes).module_.fc.weight == 0).sum() == frozen.sum()


def test_path_along_lam(stripes):
    path = sparsity_path(*stripes, estimator=wide(), lams=[0.0, 1e-4, 1e-3])
    assert path.lams.tolist() == [0.0, 1e-4, 1e-3]
    assert path.sparsities[0] == 0
    assert (np.diff(path.sparsities) > 0).all()


def test_path_is_as_accurate_as_separate_fits():
    train, test = make_stripes(300, random_state=0), make_stripes(500, random_state=1)
    wanted = [0.5, 0.9, 0.98]
    path = sparsity_path(*train, estimator=wide(), sparsities=wanted)
    separate = [wide(target_sparsity=target).fit(*train).score(*test) for target in wanted]
    assert (path.score(*test) > np.array(separate) - 0.02).all()


def n_epochs(capsys):
    return capsys.readouterr().out.count("Epoch ")


def test_path_of_twenty_points_costs_three_fits_at_most(stripes, capsys):
    estimator = quick(max_iter=24, finetune_iter=8, batch_size="auto", verbose=2)
    sparsity_path(stripes[0][:8], stripes[1][:8], estimator=estimator)
    assert n_epochs(capsys) <= 3 * 32


def test_path_default_points_run_from_dense_to_a_few_weights(stripes):
    path = sparsity_path(*stripes, estimator=wide(max_iter=2, finetune_iter=1), sparsities=5)
    assert path.n_nonzeros.tolist() == [1024, 512, 128, 32, 8]
    few = quick(module=lambda: nn.Sequential(nn.Flatten(), nn.AdaptiveAvgPool1d(3), nn.Linear(3, 2)))
    assert sparsity_path(*stripes, estimator=few, sparsities=5).n_nonzeros.tolist() == [6, 3]


@pytest.mark.parametrize("finetune_iter", [0, 2])
def test_path_finetunes_as_its_estimator_does(stripes, finetune_iter, capsys):
    estimator = quick(finetune_iter=finetune_iter, verbose=2)
    sparsity_path(*stripes, estimator=estimator, sparsities=[0.5, 0.9])
    assert n_epochs(capsys) == 4 + 2 * (1 + finetune_iter)


def test_path_leaves_its_estimator_and_the_global_generator_alone(stripes):
    estimator = quick(lam=0.1, module=lambda: nn.Sequential(nn.Flatten(), nn.Linear(256, 2)))
    before, state = estimator.get_params(), torch.get_rng_state()
    sparsity_path(*stripes, estimator=estimator, sparsities=[0.5])
    assert estimator.get_params() == before
    assert not hasattr(estimator, "classes_")
    assert torch.equal(torch.get_rng_state(), state)


def test_path_is_the_same_for_the_same_seed(stripes):
    first, second = (sparsity_path(*stripes, estimator=quick(), sparsities=[0.5, 0.9]) for _ in range(2))
    assert torch.equal(first[1].module_.fc.weight, second[1].module_.fc.weight)


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"sparsities": [0.9, 0.5]}, r"sparsities must be ascending, each only once, got \[0.9, 0.5\]"),
        ({"sparsities": [0.5, 0.5]}, "ascending, each only once"),
        ({"sparsities": [0.5, 1.0]}, "below 1, got 1.0"),
        ({"sparsities": [50, 90]}, "below 1, got 90.0"),
        ({"sparsities": [-0.1, 0.5]}, "at least 0"),
        ({"sparsities": []}, "at least 0"),
        ({"sparsities": 1}, "at least 2 points"),
        ({"sparsities": [0.5, 0.999]}, "sparsities: a target of 0.999 leaves fewer than 2 of the 64 weights"),
        ({"lams": [0.1, 0.01]}, "lams must be ascending"),
        ({"lams": [0.1], "sparsities": [0.5]}, "only one of sparsities, lams and macs"),
        ({"lams": [float("nan")]}, "finite"),
    ],
    ids=str,
)
def test_path_refuses_bad_points(stripes, params, message):
    with pytest.raises(ValueError, match=message):
        sparsity_path(*stripes, estimator=quick(), **params)


def test_path_refuses_an_estimator_without_penalty(stripes):
    with pytest.raises(ValueError, match="penalty=None"):
        sparsity_path(*stripes, estimator=quick(penalty=None))


def test_interrupted_path_keeps_the_points_reached(stripes):
    estimator = quick(finetune_iter=1, module=interrupted_after(4 * 9))  # four batches an epoch
    with pytest.warns(TrainingInterruptedWarning, match=r"ends after 2 of 4 points, at 50\.0% zeros"):
        path = sparsity_path(*stripes, estimator=estimator, sparsities=[0.25, 0.5, 0.75, 0.875])
    assert len(path) == 2
    with pytest.raises(KeyboardInterrupt):
        sparsity_path(*stripes, estimator=quick(module=interrupted_after(3)), sparsities=[0.5])


def test_path_leaves_out_images_of_weight_zero(stripes):
    X, y = stripes
    weight = (np.arange(120) < 80).astype(float)
    weighted = sparsity_path(X, y, estimator=quick(max_iter=2), sparsities=[0.5], sample_weight=weight)
    fewer = sparsity_path(X[:80], y[:80], estimator=quick(max_iter=2), sparsities=[0.5])
    np.testing.assert_allclose(weighted[0].predict_proba(X), fewer[0].predict_proba(X), atol=1e-5)


def test_path_warns_once_of_all_dead_layers(stripes):
    with pytest.warns(DeadLayerWarning, match=r"1 more such") as record:
        sparsity_path(*stripes, estimator=quick(max_iter=2), lams=[1e-5, 10.0, 20.0])
    assert len(record) == 1
    assert record[0].filename == __file__


def test_path_refuses_a_bad_augmentation_before_training(stripes):
    estimator = quick(augment=CurveAugmentation(2.0), module=interrupted_after(0))
    with pytest.raises(ValueError, match=r"augment: strength must be a number from 0 to 1, got 2\.0"):
        sparsity_path(*stripes, estimator=estimator, sparsities=[0.5])
