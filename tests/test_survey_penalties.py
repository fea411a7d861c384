"""Penalties of whole tensors and of competing weights: maps against brute force, limits and training."""

import math

import pytest
import torch
from classifiers import quick, small, wide
from torch import nn

from sparsecnn import RVSM
from sparsecnn.penalties import (
    PENALTIES,
    CombinedExclusive,
    Exclusive,
    GroupPenalty,
    Hoyer,
    L1Infinity,
    NuclearNorm,
    get_penalty,
    lam_for_sparsity,
)

# Few steps are enough for sparsity, but not for accuracy.
pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

ROWS = [
    *(Exclusive(axis=0), L1Infinity(axis=0)),
    *(CombinedExclusive(ratio, axis=0) for ratio in (0.0, 0.2, 0.5, 0.9, 1.0)),
]
NEW = ("lp", "exclusive", "combined_exclusive", "hoyer", "l1_inf", "nuclear")


def normal(*shape, seed=0, dtype=torch.float64):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def random_cases(n_cases, largest):
    """Return rows, some with ties and zeros, and steps of all sizes."""
    for seed in range(n_cases):
        w = normal(1, 1 + seed % largest, seed=seed)
        if seed % 5 == 1:
            w[:] = w[0, 0]
        if seed % 5 == 2:
            w[0, -1] = 0
        yield w, 0.01 * 300 ** (seed / n_cases)


def objective(penalty, x, w, step):
    """Return the objective of the map at each of several tensors `x`."""
    values = torch.stack([penalty.value(one) for one in x])
    return (x - w).square().flatten(1).sum(1) / 2 + step * values


def grid(w):
    """Return rows on a grid of a dimension of at most three, to somewhat beyond the largest weight."""
    n = w.shape[1]
    line = torch.linspace(0, 1.3, {1: 301, 2: 27, 3: 10}[n], dtype=w.dtype) * w.abs().max()
    return (torch.cartesian_prod(*[line] * n).reshape(-1, n) * w.sign()).unsqueeze(1)


def perturbed(x, w, n_points=1000):
    """Return points near `x`: each weight scaled, and some moved, a quarter of the points by very little."""
    generator = torch.Generator().manual_seed(0)
    noise = torch.randn((n_points, *x.shape), generator=generator, dtype=x.dtype)
    moved = torch.rand((n_points, *x.shape), generator=generator, dtype=x.dtype) < 0.3
    size = torch.tensor([0.3, 0.1, 0.01, 1e-4], dtype=x.dtype).repeat(n_points // 4)
    size = size.reshape(-1, *[1] * x.dim())
    return x + size * noise * (x + moved * w.abs().max())


@pytest.mark.parametrize("penalty", [*ROWS, Hoyer(), NuclearNorm()], ids=str)
def test_map_beats_brute_force(penalty):
    for w, step in random_cases(24, largest=3):
        x = penalty.prox(w, step)
        points = torch.cat([x.unsqueeze(0), grid(w), perturbed(x, w, 100), torch.zeros(1, *w.shape)])
        objectives = objective(penalty, points, w, step)
        assert objectives[0] <= objectives[1:].min() + 1e-12 * (1 + step)


@pytest.mark.parametrize("penalty", [*ROWS, Hoyer(), NuclearNorm()], ids=str)
def test_map_beats_a_thousand_perturbations_of_itself(penalty):
    for seed, step in enumerate((0.02, 0.3, 1.0)):
        w = normal(4, 6, seed=seed)
        x = penalty.prox(w, step)
        points = torch.cat([x.unsqueeze(0), perturbed(x, w), w.unsqueeze(0)])
        objectives = objective(penalty, points, w, step)
        assert objectives[0] <= objectives[1:].min() + 1e-12


@pytest.mark.parametrize("n", [10, 50, 300])
def test_hoyer_map_is_as_good_as_a_dense_scan_over_norms(n):
    for seed in range(12):
        w, step = normal(n, seed=seed), 0.02 * 2 ** (seed / 1.5)
        w = w.round(decimals=1) if seed % 3 == 0 else w  # with ties
        norms = torch.linspace(1e-3, 1.01, 2000, dtype=w.dtype).unsqueeze(1) * w.norm()
        v = (w.abs() - step / norms).clamp(min=0)
        scanned = norms * v / v.norm(dim=1, keepdim=True).clamp(min=1e-300) * w.sign()
        ratios = scanned.abs().sum(1) / scanned.norm(dim=1).clamp(min=1e-300)
        objectives = (scanned - w).square().sum(1) / 2 + step * ratios.clamp(min=1)
        x = Hoyer().prox(w, step)
        assert (x - w).square().sum() / 2 + step * Hoyer().value(x) <= objectives.min() + 1e-12


@pytest.mark.parametrize("step", [1e-300, 1e-30, 1e-20, 1e-16, 1e-13, 1e-10])
def test_hoyer_with_a_tiny_step_changes_little(step):
    for seed in range(5):
        w = normal(100, seed=seed)
        torch.testing.assert_close(Hoyer().prox(w, step), w, atol=20 * step, rtol=1e-13)
        equal = torch.ones(1 + seed)
        torch.testing.assert_close(Hoyer().prox(equal, step), equal)


def test_hoyer_leaves_one_of_equal_weights_alone():
    w = torch.full((2, 2), -0.5)
    assert torch.equal(Hoyer().prox(w, 0.01), w)
    assert Hoyer().prox(w, 10.0).tolist() == [[-0.5, 0.0], [0.0, 0.0]]
    assert not Hoyer().prox(torch.zeros(3), 1.0).any()


@pytest.mark.parametrize("scale", [1e-150, 1e-12, 1e12, 1e150])
def test_maps_follow_the_scale_of_weights(scale):
    w = normal(4, 6)
    for penalty, power in [(Hoyer(), 2), (NuclearNorm(), 1), (L1Infinity(0), 1), (Exclusive(0), 0)]:
        scaled = penalty.prox(scale * w, 0.3 * scale ** (power / 2) * scale ** (power / 2))
        torch.testing.assert_close(scaled / scale, penalty.prox(w, 0.3))


@pytest.mark.parametrize("step", [0.01, 0.3, 2.0])
def test_combined_exclusive_is_each_part_at_its_ends(step):
    w = torch.cat([normal(6, 5), torch.zeros(1, 5), torch.ones(1, 5)]).double()
    alone, groups = CombinedExclusive(0.0, axis=0), CombinedExclusive(1.0, axis=0)
    torch.testing.assert_close(alone.prox(w, step), Exclusive(axis=0).prox(w, step))
    torch.testing.assert_close(groups.prox(w, step), GroupPenalty("l1", axis=0).prox(w, step))
    torch.testing.assert_close(alone.value(w), Exclusive(axis=0).value(w))
    torch.testing.assert_close(groups.value(w), GroupPenalty("l1", axis=0).value(w))


def test_one_map_after_the_other_is_worse_than_that_of_combined_exclusive():
    penalty, gaps = CombinedExclusive(0.5, axis=0), []
    for seed in range(10):
        w, step = normal(1, 5, seed=seed), 0.3
        composed = GroupPenalty("l1", axis=0).prox(Exclusive(axis=0).prox(w, step / 2), step / 2)
        objectives = objective(penalty, torch.stack([composed, penalty.prox(w, step)]), w, step)
        gaps.append(float(objectives[0] - objectives[1]))
    assert min(gaps) >= -1e-12
    assert max(gaps) > 1e-3


def test_groups_of_one_weight():
    w = normal(60)
    torch.testing.assert_close(Exclusive().prox(w, 0.5), w / 1.5)
    torch.testing.assert_close(L1Infinity().prox(w, 0.5), get_penalty("l1").prox(w, 0.5))
    assert lam_for_sparsity(L1Infinity(), w, 2.0, 0.5) == lam_for_sparsity(get_penalty("l1"), w, 2.0, 0.5)
    torch.testing.assert_close(NuclearNorm().prox(w, 0.5), w * (1 - 0.5 / w.norm()))


def test_exclusive_keeps_the_largest_weight_of_each_group():
    x = Exclusive(axis=0).prox(normal(20, 8), 1e6)
    assert ((x != 0).sum(1) == 1).all()
    x = CombinedExclusive(axis=0).prox(normal(20, 8), 1.8)
    assert 0 < x.any(1).sum() < 20  # some groups die
    assert (x[x.any(1)] == 0).any()


@pytest.mark.parametrize("penalty", [Exclusive(axis=0), L1Infinity(axis=0)], ids=str)
def test_critical_steps_are_where_units_vanish(penalty):
    w = normal(5, 4)
    magnitudes = penalty.magnitudes(w)
    for i, step in enumerate(magnitudes.tolist()):
        unit = (i,) if penalty.unit == "group" else divmod(i, 4)
        if step == math.inf:
            assert penalty.prox(w, 1e9)[unit].any()
        else:
            assert not penalty.prox(w, step * (1 + 1e-9))[unit].any()
            assert penalty.prox(w, step * (1 - 1e-9))[unit].any()


@pytest.mark.parametrize("sparsity", [0.0, 0.2, 0.5, 0.8])
@pytest.mark.parametrize("penalty", [Exclusive(0), L1Infinity(0), CombinedExclusive(0.5, 0)], ids=str)
def test_lam_for_sparsity_reaches_its_target(penalty, sparsity):
    weights = [normal(10, 12, dtype=torch.float32), 0.3 * normal(10, 2, 3, 2, seed=1, dtype=torch.float32)]
    lam = lam_for_sparsity(penalty, weights, 2.0, sparsity)
    maps = [penalty.prox(w, lam / 2.0).reshape(10, -1) for w in weights]
    if penalty.unit == "group":
        assert sum(int((~x.any(1)).sum()) for x in maps) == round(20 * sparsity)
    else:
        n_zeros = sum(int((x == 0).sum()) for x in maps)
        spare = 12 * isinstance(penalty, CombinedExclusive)  # whole groups may die
        assert 0 <= n_zeros - round(240 * sparsity) <= spare


def test_targets_that_no_lam_reaches_are_refused_by_name(stripes):
    w = normal(10, 12, dtype=torch.float32)
    with pytest.raises(ValueError, match=r"Exclusive\(axis=0\) does not set 114 of 120 units to zero"):
        lam_for_sparsity(Exclusive(axis=0), w, 1.0, 0.95)
    for name, reason in [("nuclear", "lowers the rank"), ("hoyer", "zeros of its map jump")]:
        penalty, message = get_penalty(name), f"has no λ for a target sparsity, since .*{reason}.*: give lam"
        with pytest.raises(ValueError, match=message):
            lam_for_sparsity(penalty, w, 1.0, 0.5)
        weight = nn.Parameter(w)
        with pytest.raises(ValueError, match=message):
            RVSM(torch.optim.SGD([weight], lr=0.1), [weight], name, target_sparsity=0.5)
        classifier = quick(penalty=name, target_sparsity=0.5)
        with pytest.raises(ValueError, match=message):
            classifier.fit(*stripes)
        assert not hasattr(classifier, "module_")
        assert lam_for_sparsity(penalty, w, 1.0, 0.0) == 0


def test_target_beyond_what_competition_leaves_is_refused_before_training(stripes):
    classifier = wide(penalty="exclusive")  # of target_sparsity=0.9
    message = r"fewer than 512 of the 1024 weights .*, which no lam zeroes: it can be at most 0\.5\."
    with pytest.raises(ValueError, match=message):
        classifier.fit(*stripes)
    assert not hasattr(classifier, "module_")


def test_nuclear_norm_shrinks_singular_values_and_reports_the_rank():
    w = normal(6, 2, 3, 3)
    penalty = NuclearNorm()
    before = torch.linalg.svdvals(w.flatten(1))
    step = float(before[2] + before[3]) / 2
    x = penalty.prox(w, step)
    torch.testing.assert_close(torch.linalg.svdvals(x.flatten(1)), (before - step).clamp(min=0))
    assert (penalty.rank(w), penalty.rank(x), penalty.rank(x.float())) == (6, 3, 3)
    assert (x != 0).all()
    torch.testing.assert_close(penalty.value(w), before.sum())
    assert not penalty.prox(w, float(before[0]) * 1.01).any()
    assert penalty.rank(torch.zeros(3, 4)) == penalty.rank(torch.zeros(0, 4)) == 0


@pytest.mark.parametrize("name", NEW)
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64], ids=str)
def test_map_of_every_dtype_is_that_of_double_precision(name, dtype):
    penalty, info = get_penalty(name), torch.finfo(dtype)
    w = normal(5, 7).to(dtype)
    w[0], w[1, 0] = 0, -0.0
    before = w.clone()
    for step in (0.0, 1e-6, 0.05, 0.5):
        x, exact = penalty.prox(w, step), penalty.prox(w.double(), step)
        assert (x.dtype, x.shape) == (dtype, w.shape)
        assert ((x.double() - exact).abs() <= 4 * info.eps * float(w.abs().max())).all()
        assert step == 0 or not torch.signbit(x[x == 0]).any()
        torch.testing.assert_close(penalty.prox(w.t().contiguous().t(), step), x)
    assert torch.equal(w, before)


@pytest.mark.parametrize("name", NEW)
@pytest.mark.parametrize("dtype", [torch.float16, torch.float32, torch.float64], ids=str)
def test_map_of_huge_and_tiny_weights_is_finite(name, dtype):
    penalty, info = get_penalty(name), torch.finfo(dtype)
    row = torch.tensor([0.0, info.smallest_normal * info.eps, -1.0, info.max / 2, -info.max], dtype=dtype)
    for w in (row, row[:3], row.reshape(1, 5), torch.stack([row, row[[1, 0, 0, 1, 2]], 0 * row])):
        for step in (0.0, 5e-324, 1e-60, 0.5, 1e12, 1e60, 1.7e308):
            x = penalty.prox(w, step)
            assert x.isfinite().all()
            if name not in ("hoyer", "nuclear"):  # which let weights grow
                assert (x.abs() <= w.abs()).all()
        assert not penalty.value(w).isnan()
        assert not penalty.magnitudes(w).isnan().any()


@pytest.mark.parametrize("name", NEW)
def test_weights_that_are_not_finite_are_not_hidden(name):
    for bad in (math.nan, math.inf):
        x = get_penalty(name).prox(torch.tensor([[1.0, bad], [1.0, bad]]), 0.5)
        assert not x.isfinite().all()


@pytest.mark.parametrize("name", NEW)
def test_bad_steps_weights_and_axes_are_refused(name):
    penalty = get_penalty(name)
    for step in (-0.1, math.nan, math.inf, "1"):
        with pytest.raises(ValueError, match="step"):
            penalty.prox(torch.ones(2, 3), step)
    with pytest.raises(ValueError, match="floating dtype"):
        penalty.prox(torch.ones(2, 3, dtype=torch.int64), 0.1)
    if hasattr(penalty, "axis"):
        with pytest.raises(ValueError, match=r"axis must be None or an integer from -2 to 1"):
            penalty.set_params(axis=2).prox(torch.ones(2, 3), 0.1)


@pytest.mark.parametrize("shape", [(0, 3), (3, 0), (0,), ()])
@pytest.mark.parametrize("name", NEW)
def test_tensors_without_weights_or_of_one_pass(name, shape):
    penalty, w = get_penalty(name), torch.ones(shape)
    assert penalty.prox(w, 0.3).shape == shape
    assert penalty.value(w).shape == ()


@pytest.mark.parametrize("name", NEW)
def test_classifier_trains_with_it(stripes, name):
    lam = {"exclusive": 1.0, "combined_exclusive": 0.1, "l1_inf": 0.065, "lp": 0.01}.get(name, 0.05)
    classifier = small(penalty=name, lam=lam, max_iter=4).fit(*stripes)
    weight = classifier.module_.fc.weight
    assert classifier.sparsity_ == float((weight == 0).double().mean())
    assert (classifier.sparsity_ == 0) == (name == "nuclear")
    assert classifier.score(*stripes) > 0.5
    if name == "nuclear":
        assert NuclearNorm().rank(weight) <= 2


@pytest.mark.parametrize(("name", "target"), [("exclusive", 0.4), ("combined_exclusive", 0.7)])
def test_classifier_reaches_a_target_by_competition(stripes, name, target):
    classifier = wide(penalty=name, target_sparsity=target).fit(*stripes)
    assert target - 1e-3 <= classifier.sparsity_ < target + 0.02


def test_l1_infinity_removes_channels_for_a_target_of_multiply_adds(stripes):
    classifier = quick(penalty="l1_inf", penalized="all", target_macs=0.5, channels=(4, 8, 8)).fit(*stripes)
    assert 0 < sum(size == 1 for size in classifier.layer_sparsity_.values()) + classifier.sparsity_ < 1


@pytest.mark.parametrize("name", NEW)
def test_lagrangian_descends(name):
    penalty, beta, lam = PENALTIES[name](), 1.0, 0.2
    a, b = normal(15, 12), normal(15, seed=1)
    rate = 1.95 / (beta + float(torch.linalg.matrix_norm(a, 2)) ** 2)
    w, last = 0.5 * normal(4, 3, seed=2), math.inf
    for _ in range(60):
        u = penalty.prox(w, lam / beta)
        residual = a @ w.flatten() - b
        fit = residual.square().sum() / 2 + beta / 2 * (w - u).square().sum()
        lagrangian = float(fit + lam * penalty.value(u))
        assert lagrangian <= last + 1e-11
        last = lagrangian
        w = w - rate * ((a.t() @ residual).reshape(w.shape) + beta * (w - u))
