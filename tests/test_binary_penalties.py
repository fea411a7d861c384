"""Weights of two and of three values: maps against enumeration of all patterns."""

import itertools
import math

import pytest
import torch

from sparsecnn import RVSM
from sparsecnn.penalties import Binary, Ternary, lam_for_sparsity

BOTH = [Binary(), Ternary()]


def rows(n_rows, n, seed=0, scale=1.0):
    generator = torch.Generator().manual_seed(seed)
    return scale * torch.randn(n_rows, n, generator=generator, dtype=torch.float64)


def least(w, step, values):
    """Return the least objective of a filter over all patterns of `values`, each with its best scale."""
    patterns = torch.tensor(list(itertools.product(values, repeat=len(w))), dtype=w.dtype)
    counts = patterns.square().sum(1)
    alphas = (patterns @ w / counts.clamp(min=1)).clamp(min=0)
    fits = (alphas.unsqueeze(1) * patterns - w).square().sum(1) / 2
    return float((fits + step * counts).min())


def objective(x, w, step):
    return float((x - w).square().sum() / 2 + step * int(x.count_nonzero()))


@pytest.mark.parametrize("n", [1, 2, 5, 7])
def test_ternary_prox_is_the_best_of_all_patterns(n):
    for seed in range(25):
        w = rows(3, n, seed, scale=0.1 * 1.17**seed)
        for step in (0.0, 0.01, 0.1, 0.5, 3.0):
            for x, wi in zip(Ternary().prox(w, step), w, strict=True):
                assert objective(x, wi, step) <= least(wi, step, (-1, 0, 1)) + 1e-12
                assert len(x[x != 0].abs().unique()) <= 1


@pytest.mark.parametrize("n", [1, 2, 6])
def test_binary_prox_is_the_best_of_all_patterns(n):
    for seed in range(25):
        w = rows(3, n, seed, scale=0.1 * 1.17**seed)
        x = Binary().prox(w, 0.3)
        torch.testing.assert_close(x, w.sign() * w.abs().mean(1, keepdim=True))
        for xi, wi in zip(x, w, strict=True):
            assert float((xi - wi).square().sum() / 2) <= least(wi, 0.0, (-1, 1)) + 1e-12
            residue = wi.square().sum() - n * wi.abs().mean() ** 2
            torch.testing.assert_close((xi - wi).square().sum(), residue)


def test_binary_does_not_look_at_the_step():
    w = rows(3, 5)
    assert all(torch.equal(Binary().prox(w, step), Binary().prox(w, 0.0)) for step in (1e-9, 1.0, 1e9))


@pytest.mark.parametrize("zero", [0.0, -0.0])
def test_binary_sign_of_zero_is_plus(zero):
    assert Binary().prox(torch.tensor([[zero, -2.0], [zero, zero]]), 0.1).tolist() == [
        [1.0, -1.0],
        [0.0, 0.0],
    ]


@pytest.mark.parametrize("penalty", BOTH, ids=str)
def test_filters_are_slices_along_the_first_axis(penalty):
    w = rows(6, 18).reshape(6, 2, 3, 3)
    expected = penalty.prox(w.reshape(6, 18), 0.05).reshape(w.shape)
    assert torch.equal(penalty.prox(w, 0.05), expected)
    assert torch.equal(penalty.prox(w.to(memory_format=torch.channels_last), 0.05), expected)


def test_value_is_infinite_for_other_weights():
    assert Binary().value(torch.tensor([[1.0, -1.0], [2.0, 2.0]])) == 0
    assert Binary().value(torch.tensor([[1.0, -1.0], [2.0, 0.0]])) == math.inf
    assert Ternary().value(torch.tensor([[1.0, -1.0], [2.0, 0.0]])) == 3
    assert Ternary().value(torch.tensor([[1.0, -1.0], [2.0, 1.0]])) == math.inf


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.float16, torch.bfloat16], ids=str)
@pytest.mark.parametrize("penalty", BOTH, ids=str)
def test_prox_is_allowed_and_near_that_of_double_precision(penalty, dtype):
    w = torch.cat([rows(5, 9), torch.zeros(1, 9, dtype=torch.float64)]).to(dtype)
    w[0, 0], before = -0.0, w.clone()
    for step in (0.0, 0.01, 0.3, 1e9):
        x = penalty.prox(w, step)
        assert (x.dtype, x.shape) == (dtype, w.shape)
        assert penalty.value(x) < math.inf
        assert not torch.signbit(x[x == 0]).any()
        assert torch.equal(penalty.prox(x, 0.0), x)  # the nearest to what is allowed is itself
        exact = penalty.prox(w.double(), step)
        assert ((x.double() - exact).abs() <= torch.finfo(dtype).eps * (1 + exact.abs())).all()
    assert torch.equal(w[1:], before[1:])


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16], ids=str)
@pytest.mark.parametrize("penalty", BOTH, ids=str)
def test_prox_of_huge_and_tiny_weights_is_finite(penalty, dtype):
    info = torch.finfo(dtype)
    subnormal = info.smallest_normal * info.eps
    w = torch.tensor([[info.max, -info.max], [subnormal, -subnormal], [info.max, subnormal]], dtype=dtype)
    for step in (0.0, 5e-324, 1e-12, 0.5, 1e60, 1.7e308):
        x = penalty.prox(w, step)
        assert x.isfinite().all()
        assert (x.abs().amax(1) <= w.abs().amax(1)).all()
    assert torch.equal(penalty.prox(w, 0.0)[:2], w[:2])


@pytest.mark.parametrize("shape", [(), (0,), (0, 3), (3, 0), (4,)])
@pytest.mark.parametrize("penalty", BOTH, ids=str)
def test_small_shapes_pass(penalty, shape):
    w = torch.full(shape, -2.0)
    assert torch.equal(penalty.prox(w, 0.0), w)
    assert penalty.value(w) == (0 if isinstance(penalty, Binary) else w.numel())


@pytest.mark.parametrize("penalty", BOTH, ids=str)
def test_bad_arguments_are_refused(penalty):
    with pytest.raises(ValueError, match="step"):
        penalty.prox(torch.ones(2, 2), -1.0)
    with pytest.raises(ValueError, match="floating dtype"):
        penalty.prox(torch.ones(2, 2, dtype=torch.int64), 0.1)


@pytest.mark.parametrize("sparsity", [0.6, 0.9, 1.0])
def test_ternary_reaches_a_sparsity(sparsity):
    w = rows(10, 40)
    lam = lam_for_sparsity(Ternary(), w, 2.0, sparsity)
    n_zeros = int((Ternary().prox(w, lam / 2.0) == 0).sum())
    assert round(400 * sparsity) <= n_zeros < round(400 * sparsity) + 40
    assert lam_for_sparsity(Ternary(), w, 2.0, 0.05) == 0  # the nearest ternary weights have more zeros


def test_binary_has_no_lam_for_a_sparsity():
    with pytest.raises(ValueError, match="does not set 5 of 10 units to zero"):
        lam_for_sparsity(Binary(), rows(2, 5), 1.0, 0.5)


@pytest.mark.parametrize("penalty", BOTH, ids=str)
def test_training_ends_with_allowed_weights_and_a_lower_lagrangian(penalty):
    torch.manual_seed(0)
    net = torch.nn.Linear(12, 3)
    x = torch.randn(50, 12)
    y = x @ torch.randn(12, 3).sign()
    optimizer = RVSM(torch.optim.SGD(net.parameters(), lr=0.1), [net.weight], penalty, lam=0.01, beta=1.0)
    lagrangians = []
    for _ in range(100):
        optimizer.zero_grad()
        loss = (net(x) - y).square().mean() / 2
        loss.backward()
        lagrangians.append(optimizer.lagrangian(loss.detach()))
        optimizer.step()
    assert all(after <= before + 1e-5 for before, after in itertools.pairwise(lagrangians[1:]))
    optimizer.finalize()
    assert penalty.value(net.weight) < math.inf
    assert (net(x) - y).square().mean() < 0.5 * y.square().mean()
