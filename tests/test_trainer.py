"""The trainer: its state, its schedules and its hooks."""

import copy
import io

import numpy as np
import pytest
import torch
from classifiers import quick, small
from conftest import make_stripes

from sparsecnn._compute import seeded_torch
from sparsecnn._estimator import check_training_data
from sparsecnn._training import FitTraining, checked_ramp, make_plan, make_trainer


def start(params, seed=0):
    """Return a trainer, its images and its plan, as `fit` makes them."""
    data = check_training_data(params, *make_stripes(120, random_state=0))
    rng = np.random.RandomState(seed)
    trainer = make_trainer(params, data.images, data.targets.objective, rng)
    ramp = checked_ramp(params, trainer)
    return trainer, data.images, make_plan(params, data.images, trainer.module, ramp)


@pytest.mark.parametrize("stop", [1, 3, 4, 5, 6])
@pytest.mark.parametrize("params", [{}, {"lam": 1e-3, "penalty": "tl1", "solver": "sgd"}], ids=str)
def test_trainer_resumes_bit_for_bit(params, stop):
    classifier = quick(augment=True, max_iter=4, finetune_iter=2, **params)
    saved = {}

    def save(end):
        if end.epoch == stop:
            buffer = io.BytesIO()
            torch.save(copy.deepcopy(trainer.state_dict()), buffer)
            saved["state"] = buffer.getvalue()

    with seeded_torch(7, torch.device("cpu")):
        trainer, images, plan = start(classifier)
        FitTraining(trainer, images, plan).train([save])
    with seeded_torch(8, torch.device("cpu")):
        resumed, images, plan = start(classifier, seed=1)
        resumed.load_state_dict(torch.load(io.BytesIO(saved["state"]), weights_only=False))
        FitTraining(resumed, images, plan).train()
    for ours, theirs in zip(
        resumed.module.state_dict().values(), trainer.module.state_dict().values(), strict=True
    ):
        assert torch.equal(ours, theirs)
    assert str(resumed.history) == str(trainer.history)  # NaN is not equal to itself


def test_trainer_that_takes_up_a_state_keeps_what_a_run_holds():
    with seeded_torch(7, torch.device("cpu")):
        trainer, images, plan = start(quick(max_iter=2, finetune_iter=1))
        FitTraining(trainer, images, plan).train()
        history, best, expected = trainer.history, trainer.best, str(trainer.history)
        trainer.load_state_dict(copy.deepcopy(trainer.state_dict()))
        assert trainer.history is history
        assert trainer.best is best
        assert str(history) == expected


def test_trainer_says_what_it_was_built_from():
    with seeded_torch(0, torch.device("cpu")):
        trainer, _, _ = start(small(beta=2.0))
    assert (trainer.spec.beta, trainer.spec.penalty) == (2.0, "l0")


def test_hooks_see_every_epoch():
    seen = []
    with seeded_torch(0, torch.device("cpu")):
        trainer, images, plan = start(small(max_iter=3, finetune_iter=1))
        FitTraining(trainer, images, plan).train([seen.append])
    assert [end.epoch for end in seen] == [1, 2, 3, 4]
    assert [end.settled for end in seen] == [True] * 4
    assert all((end.weights["fc.weight"] == 0).any() for end in seen[1:])


def test_plan_ramps_to_its_ends():
    with seeded_torch(0, torch.device("cpu")):
        _, _, plan = start(small(lam=0.02, max_iter=8))
        trainer, _, target = start(quick(target_sparsity=0.8, max_iter=8))
    optimizer = trainer.optimizer
    for epoch, expected in [(0, 0.0), (2, 0.005), (4, 0.02), (7, 0.02)]:
        plan.ramp.apply(optimizer, epoch)
        assert (optimizer.lam, optimizer.target_sparsity) == (pytest.approx(expected), None)
    for epoch, expected in [(0, 0.0), (2, 0.7), (4, 0.8), (7, 0.8)]:
        target.ramp.apply(optimizer, epoch)
        assert optimizer.target_sparsity == pytest.approx(expected)
