"""Penalties: every proximal map against brute force, and at its edges."""

import pytest
import torch

from sparsecnn.penalties import (
    L0,
    L1,
    MCP,
    PENALTIES,
    SCAD,
    CappedL1,
    CombinedExclusive,
    Exclusive,
    Hoyer,
    L1Infinity,
    L1MinusL2,
    LHalf,
    LogSum,
    Lp,
    NuclearNorm,
    TransformedL1,
    get_penalty,
    lam_for_sparsity,
)

CASES = [
    *(L0(), L1(), TransformedL1(a=1.0), TransformedL1(a=0.01), TransformedL1(a=100.0), LHalf()),
    *(
        SCAD(),
        SCAD(a=2.1),
        MCP(),
        MCP(gamma=1.2),
        LogSum(),
        LogSum(epsilon=1.0),
        CappedL1(),
        CappedL1(theta=1.0),
    ),
    *(L1MinusL2(), L1MinusL2(alpha=0.3)),
    *(Lp(), Lp(p=0.01), Lp(p=0.99)),
]
SEPARABLE = [penalty for penalty in CASES if not isinstance(penalty, L1MinusL2)]
# prox of [-2, 0.5, 1.5] with step 0.5, and the value of [-2, 0, 0.5].
EXPECTED = [
    (L0(), [-2.0, 0.0, 1.5], 2.0),
    (L1(), [-1.5, 0.0, 1.0], 2.5),
    (TransformedL1(a=1.0), [-1.879385, 0.0, 1.313099], 2.0),
    (LHalf(), [-1.814402, 0.0, 1.278937], 2.121320),
    (L1MinusL2(), [-1.916025, 0.0, 1.277350], 0.438447),
    (SCAD(), [-2.0, 0.0, 1.294118], 2.314815),
    (MCP(), [-2.0, 0.0, 1.5], 1.791667),
    (LogSum(epsilon=0.5), [-1.780776, 0.0, 1.207107], 2.302585),
    (CappedL1(theta=1.0), [-2.0, 0.0, 1.5], 1.5),
    (Lp(p=2 / 3), [-1.721894, 0.0, 1.185004], 2.217362),
    # The weights of a vector are groups by themselves, and its matrix is one column.
    (Exclusive(), [-1.333333, 0.333333, 1.0], 2.125),
    (CombinedExclusive(), [-1.4, 0.2, 1.0], 2.3125),
    (L1Infinity(), [-1.5, 0.0, 1.0], 2.5),
    (NuclearNorm(), [-1.607768, 0.401942, 1.205826], 2.061553),
    (Hoyer(), [-2.043131, 0.343806, 1.476689], 1.212678),
]
SCALAR_NAMES = [name for name in PENALTIES if "group" not in name]
W = torch.tensor([-2.0, 0.5, 1.5], dtype=torch.float64)


def value(penalty, x, step):
    return penalty.value(x, step) if penalty.depends_on_step else penalty.value(x)


def objective(penalty, x, w, step):
    values = torch.stack([value(penalty, xi, step) for xi in x.reshape(-1, 1)])
    return 0.5 * (x - w).square() + step * values.reshape(x.shape)


def test_penalties_all_have_expected_values():
    assert {type(penalty) for penalty, _, _ in EXPECTED} == set(map(PENALTIES.get, SCALAR_NAMES))


@pytest.mark.parametrize(("penalty", "prox", "value"), EXPECTED, ids=str)
def test_penalty_equals_hand_computed(penalty, prox, value):
    torch.testing.assert_close(penalty.prox(W, 0.5), torch.tensor(prox, dtype=W.dtype), atol=1e-6, rtol=0)
    assert float(penalty.value(torch.tensor([-2.0, 0.0, 0.5]))) == pytest.approx(value)


@pytest.mark.parametrize("penalty", SEPARABLE, ids=str)
def test_prox_beats_every_point_of_a_grid(penalty):
    generator = torch.Generator().manual_seed(0)
    grid = torch.cat([torch.linspace(-8, 8, 1601, dtype=torch.float64), torch.zeros(1, dtype=torch.float64)])
    for _ in range(60):
        w = 2 * torch.randn(1, generator=generator, dtype=torch.float64)
        step = 2 * float(torch.rand(1, generator=generator)) ** 3
        best = objective(penalty, penalty.prox(w, step), w, step)
        assert best <= objective(penalty, grid, w, step).min() + 1e-12


@pytest.mark.parametrize("penalty", [L1MinusL2(), L1MinusL2(alpha=0.3)], ids=str)
def test_prox_of_l1_minus_l2_beats_every_point_of_a_plane(penalty):
    generator = torch.Generator().manual_seed(0)
    axis = torch.linspace(-4, 4, 401, dtype=torch.float64)
    plane = torch.cartesian_prod(axis, axis)
    penalties = plane.abs().sum(1) - penalty.alpha * plane.norm(dim=1)
    for _ in range(60):
        w = torch.randn(2, generator=generator, dtype=torch.float64)
        step = 2 * float(torch.rand(1, generator=generator)) ** 2
        x = penalty.prox(w, step)
        best = (x - w).square().sum() / 2 + step * penalty.value(x)
        assert best <= ((plane - w).square().sum(1) / 2 + step * penalties).min() + 1e-12


def test_l1_minus_l2_keeps_the_largest_weight():
    w = torch.tensor([[0.3, -0.8], [0.5, 0.1]])
    assert L1MinusL2().prox(w, 2.0).tolist() == [[0.0, pytest.approx(-0.8)], [0.0, 0.0]]
    assert L1MinusL2(alpha=0.5).prox(w, 1.0).tolist() == [[0.0, pytest.approx(-0.3)], [0.0, 0.0]]
    assert not L1MinusL2(alpha=0.5).prox(w, 2.0).any()


@pytest.mark.parametrize("step", [1e-6, 0.01, 0.3, 2.0])
def test_lp_is_between_l0_and_l1_and_equals_l_half(step):
    w = torch.linspace(-3, 3, 1001, dtype=torch.float64)
    torch.testing.assert_close(Lp(p=0.5).prox(w, step), LHalf().prox(w, step), atol=1e-12, rtol=0)
    torch.testing.assert_close(Lp(p=1 - 1e-9).prox(w, step), L1().prox(w, step), atol=1e-7, rtol=0)
    torch.testing.assert_close(Lp(p=1e-9).prox(w, step), L0().prox(w, step), atol=1e-7, rtol=0)


@pytest.mark.parametrize("p", [1e-12, 0.01, 0.3, 0.5, 2 / 3, 0.9, 0.999, 1 - 1e-9])
def test_lp_survivors_are_stationary(p):
    penalty = Lp(p)
    w = penalty._jump_over_threshold() + torch.logspace(-9, 3, 200, dtype=torch.float64)
    step = penalty.critical_step(float(w[0]) / (1 + 1e-12))
    x = penalty.prox(w, step)
    assert (x > 0).all()
    torch.testing.assert_close(x + step * p * x ** (p - 1), w, rtol=1e-12, atol=0)


def test_penalty_subclass_cannot_replace_a_name():
    with pytest.raises(TypeError, match="keyword"):

        class Mine(L1, name="l0"):
            pass

    with pytest.raises(TypeError, match="item assignment"):
        PENALTIES["l0"] = L1
    assert type(get_penalty("l0")) is L0


@pytest.mark.parametrize("penalty", CASES, ids=str)
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.float16, torch.bfloat16], ids=str)
def test_prox_keeps_shape_and_dtype_without_nan(penalty, dtype):
    w = torch.tensor([[-3.0, -1e-3, 0.0], [1e-3, 0.7, 3.0]], dtype=dtype)
    for step in (0.0, 1e-8, 0.01, 0.25, 1.0, 10.0):
        prox = penalty.prox(w, step)
        assert prox.shape == w.shape
        assert prox.dtype == dtype
        assert torch.isfinite(prox).all()
        assert (prox.abs() <= w.abs()).all()
        assert torch.equal(penalty.prox(w.t(), step), prox.t())
    assert torch.isfinite(penalty.prox(w, 1e9)).all()


@pytest.mark.parametrize("penalty", CASES, ids=str)
def test_prox_with_step_zero_is_the_identity(penalty):
    small = torch.tensor([1e-30, -1e-10, 1e-5], dtype=torch.float32)
    for w in (W, small):
        assert torch.equal(penalty.prox(w, 0.0), w)


@pytest.mark.parametrize("penalty", CASES, ids=str)
def test_prox_is_odd(penalty):
    w = torch.linspace(-3, 3, 101)
    torch.testing.assert_close(penalty.prox(-w, 0.3), -penalty.prox(w, 0.3))


@pytest.mark.parametrize("penalty", CASES, ids=str)
def test_prox_does_not_change_its_argument(penalty):
    w = W.clone()
    penalty.prox(w, 0.5)
    assert torch.equal(w, W)


def test_l0_zeroes_a_weight_at_the_threshold():
    assert L0().prox(torch.tensor([1.0, -1.0]), 0.5).tolist() == [0.0, 0.0]


@pytest.mark.parametrize("step", [0.2, 1.0], ids=["sub-critical", "super-critical"])
def test_transformed_l1_is_zero_up_to_its_threshold(step):
    penalty = TransformedL1(a=1.0)
    threshold = penalty._threshold(step)
    at, above = penalty.prox(torch.tensor([threshold, threshold * 1.001], dtype=torch.float64), step)
    assert at == 0
    assert above > 0


def test_transformed_l1_with_large_a_is_soft_thresholding():
    w = torch.linspace(-3, 3, 301)
    torch.testing.assert_close(TransformedL1(a=1e8).prox(w, 0.4), L1().prox(w, 0.4), atol=1e-5, rtol=1e-5)


def test_transformed_l1_equals_the_published_formula():
    a, step = 1.5, 0.3
    w = torch.linspace(0.6, 4, 200, dtype=torch.float64)
    phi = torch.arccos((1 - 27 * step * a * (a + 1) / (2 * (a + w) ** 3)).clamp(-1, 1))
    expected = 2 / 3 * (a + w) * torch.cos(phi / 3) - 2 * a / 3 + w / 3
    torch.testing.assert_close(TransformedL1(a=a).prox(w, step), expected)


@pytest.mark.parametrize(
    ("penalty", "needs"),
    [
        *((TransformedL1(a=a), "a > 0, got a=") for a in (0.0, -1.0, float("nan"), float("inf"))),
        (SCAD(a=2.0), "a > 2, got a=2.0"),
        (MCP(gamma=1.0), "gamma > 1, got gamma=1.0"),
        (LogSum(epsilon=0), "epsilon > 0, got epsilon=0"),
        (CappedL1(theta=-1), "theta > 0, got theta=-1"),
        (L1MinusL2(alpha=1.5), "0 <= alpha <= 1, got alpha=1.5"),
        *((Lp(p=p), "finite 0 < p < 1, got p=") for p in (0, 1, 1.5, -0.5, float("nan"), True, "1")),
        (CombinedExclusive(group_ratio=-0.1), "0 <= group_ratio <= 1, got group_ratio=-0.1"),
    ],
    ids=str,
)
def test_penalty_refuses_bad_parameter(penalty, needs):
    with pytest.raises(ValueError, match=needs):
        penalty.prox(W, 0.1)
    with pytest.raises(ValueError, match=needs):
        penalty.value(W)


@pytest.mark.parametrize("penalty", CASES, ids=str)
@pytest.mark.parametrize("step", [-0.1, float("nan"), float("inf")])
def test_prox_refuses_bad_step(penalty, step):
    with pytest.raises(ValueError, match="step"):
        penalty.prox(W, step)


def test_get_penalty_suggests_the_near_name():
    with pytest.raises(ValueError, match=r"got 'tl-1'. Did you mean 'tl1'\?"):
        get_penalty("tl-1")


@pytest.mark.parametrize("penalty", [L0, 3, object()], ids=["class", "number", "object"])
def test_get_penalty_refuses_what_has_no_prox(penalty):
    with pytest.raises(ValueError, match=r"value\(w\) and prox\(w, step\)"):
        get_penalty(penalty)


@pytest.mark.parametrize("penalty", CASES, ids=str)
@pytest.mark.parametrize("sparsity", [0.0, 0.1, 0.5, 0.99, 1.0])
def test_lam_for_sparsity_zeroes_the_wanted_fraction(penalty, sparsity):
    w = torch.randn(200, generator=torch.Generator().manual_seed(0))
    if getattr(penalty, "alpha", 0) == sparsity == 1:
        with pytest.raises(ValueError, match="does not set"):  # its largest weight survives any step
            lam_for_sparsity(penalty, w, beta=2.0, sparsity=sparsity)
        return
    lam = lam_for_sparsity(penalty, w, beta=2.0, sparsity=sparsity)
    assert int((penalty.prox(w, lam / 2.0) == 0).sum()) == round(200 * sparsity)


@pytest.mark.parametrize(("sparsity", "beta"), [(1.5, 1.0), (-0.5, 1.0), (0.5, 0.0)])
def test_lam_for_sparsity_refuses_bad_arguments(sparsity, beta):
    with pytest.raises(ValueError, match=r"sparsity must be|beta must be"):
        lam_for_sparsity(L0(), W, beta, sparsity)


def test_lam_for_sparsity_refuses_a_penalty_without_zeros():
    class Ridge:
        def prox(self, w, step):
            return w / (1 + step)

    with pytest.raises(ValueError, match="does not set weights to zero"):
        lam_for_sparsity(Ridge(), W, 1.0, 0.5)


@pytest.mark.parametrize(
    "penalty", [penalty for penalty in CASES if hasattr(penalty, "critical_step")], ids=str
)
@pytest.mark.parametrize("magnitude", [1e-4, 0.004, 0.3, 2.0])
def test_critical_step_is_where_the_unit_vanishes(penalty, magnitude):
    for w in ([magnitude], [magnitude, 3.0]):
        w = torch.tensor(w, dtype=torch.float64)
        step = penalty.critical_step(float(penalty.magnitudes(w)[0]))
        if step < float("inf"):
            assert penalty.prox(w, step * (1 + 1e-9))[0] == 0
            assert penalty.prox(w, step * (1 - 1e-9))[0] > 0
        else:
            assert penalty.prox(w, 1e9)[0] > 0


def test_prox_leaves_no_zero_negative():
    w = torch.tensor([-2.0, -0.1, 0.0, 0.1])
    for penalty in CASES:
        prox = penalty.prox(w, 0.3)
        assert not torch.signbit(prox[prox == 0]).any()
