"""Target sparsities of RVSM."""

import pickle

import pytest
import torch

from sparsecnn import RVSM
from sparsecnn.penalties import L0


def regression(target_sparsity=0.9, **params):
    """Return a linear regression of 3 among 40 features, trained to `target_sparsity`."""
    generator = torch.Generator().manual_seed(0)
    X = torch.randn(200, 40, generator=generator)
    w = torch.zeros(40, requires_grad=True)
    optimizer = RVSM(torch.optim.Adam([w], lr=0.05), [w], L0(), target_sparsity=target_sparsity, **params)
    for _ in range(200):
        optimizer.zero_grad()
        (X @ w - X[:, :3].sum(1)).square().mean().backward()
        optimizer.step()
    return w, optimizer


def test_rvsm_reaches_its_target_and_the_true_support():
    w, optimizer = regression(1 - 3 / 40)
    optimizer.finalize()
    assert w.nonzero().flatten().tolist() == [0, 1, 2]
    assert optimizer.lam > 0


def test_rvsm_target_may_change_between_steps():
    w, optimizer = regression(0.5)
    optimizer.target_sparsity = 0.9
    optimizer.finalize()
    assert int(w.count_nonzero()) == 4
    optimizer.target_sparsity = None
    optimizer.lam = 0.0
    optimizer.step()
    assert optimizer.lam == 0.0


def test_rvsm_layer_scope_has_one_lam_for_each_tensor():
    weights = [torch.linspace(0.1, 1, 10).requires_grad_(), torch.linspace(1, 10, 10).requires_grad_()]
    sgd = torch.optim.SGD(weights, lr=0.1)
    optimizer = RVSM(sgd, weights, L0(), target_sparsity=0.5, sparsity_scope="layer")
    assert [int(u.count_nonzero()) for u in optimizer.u] == [5, 5]
    assert optimizer.lam == pytest.approx((0.5**2 / 2, 5**2 / 2))
    expected = 1 + 5 * sum(optimizer.lam) + optimizer.distance() ** 2 / 2
    assert optimizer.lagrangian(1.0) == pytest.approx(expected, rel=1e-5)


def test_rvsm_checkpoint_and_pickle_keep_the_target():
    _, optimizer = regression(0.9)
    _, other = regression(0.5)
    optimizer.step()
    other.load_state_dict(optimizer.state_dict())
    assert other._n_steps == optimizer._n_steps == 201
    assert other.target_sparsity == pickle.loads(pickle.dumps(optimizer)).target_sparsity == 0.9


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({}, "either lam or target_sparsity"),
        ({"lam": 0.1, "target_sparsity": 0.5}, "either lam or target_sparsity"),
        ({"target_sparsity": 1.0}, "from 0 to below 1, got 1.0"),
        ({"target_sparsity": 90}, "from 0 to below 1, got 90"),
        ({"lam": [0.1, 0.2]}, "one for each of the 1 tensors"),
        ({"target_sparsity": 0.5, "sparsity_scope": "all"}, "'global' or 'layer', got 'all'"),
    ],
    ids=str,
)
def test_rvsm_refuses_bad_targets(params, message):
    w = torch.ones(3, requires_grad=True)
    with pytest.raises(ValueError, match=message):
        RVSM(torch.optim.SGD([w], lr=0.1), [w], L0(), **params)
