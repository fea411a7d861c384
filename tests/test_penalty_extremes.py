"""Penalties over the whole range of every dtype: properties, zero sets and brute force at every scale."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from sparsecnn.penalties import (
    L0,
    L1,
    MCP,
    PENALTIES,
    SCAD,
    CappedL1,
    CombinedExclusive,
    Exclusive,
    GroupPenalty,
    L1Infinity,
    L1MinusL2,
    LHalf,
    LogSum,
    Lp,
    SparseGroupPenalty,
    TransformedL1,
)

DTYPES = [torch.float16, torch.bfloat16, torch.float32, torch.float64]
SCALES = [1e-300, 1e-30, 1e-5, 0.002, 1.0, 1e5, 1e30, 1e300]
WHOLE = ("hoyer", "nuclear")  # whose maps do not go by thresholds of single weights
EXTREME = [
    *(PENALTIES[name]() for name in PENALTIES if "group" not in name and name not in WHOLE),
    *(pytest.param(PENALTIES[name](), marks=pytest.mark.slow) for name in PENALTIES if "group" in name),
    *(TransformedL1(a=a) for a in SCALES),
    *(LogSum(epsilon=epsilon) for epsilon in SCALES),
    *(CappedL1(theta=theta) for theta in SCALES),
    *(SCAD(a=2 + 1e-9), SCAD(a=1e300), MCP(gamma=1 + 1e-9), MCP(gamma=1e300), L1MinusL2(alpha=0.3)),
    *(Lp(p=p) for p in (1e-300, 1e-9, 0.1, 0.9, 1 - 1e-12)),
]
# On vectors, groups are single weights.
SEPARABLE_NAMES = [name for name in PENALTIES if not name.endswith("l1_minus_l2") and name not in WHOLE]
SEPARABLE = [PENALTIES[name]() for name in SEPARABLE_NAMES]
STEPS = st.one_of(
    st.floats(-320, 308).map(lambda exponent: 10.0**exponent),
    st.sampled_from([0.0, 5e-324, 1e-60, 1e-12, 0.5, 1e12, 3.5e38, 1e60, 1.7e308]),
)


def magnitudes(dtype):
    """Return zero, subnormal numbers and numbers of all scales up to the largest of `dtype`, in order."""
    info = torch.finfo(dtype)
    subnormal = [info.smallest_normal * info.eps, info.smallest_normal / 2, info.smallest_normal]
    lowest, highest = max(-30.0, math.log10(info.smallest_normal)), math.log10(info.max) - 0.01
    scales = 10 ** torch.linspace(lowest, highest, 300, dtype=torch.float64)
    numbers = torch.tensor([0.0, *subnormal, 1.0, info.max / 2, info.max, *scales], dtype=torch.float64)
    return numbers.to(dtype).sort().values


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("penalty", EXTREME, ids=str)
@settings(max_examples=25, deadline=None)
@given(step=STEPS)
def test_prox_is_finite_odd_and_shrinks_every_finite_number(penalty, dtype, step):
    w = magnitudes(dtype)
    prox = penalty.prox(w, step)
    assert prox.dtype == dtype
    assert prox.isfinite().all()
    assert (prox >= 0).all()
    assert (prox <= w).all()
    assert torch.equal(penalty.prox(-w, step), -prox)
    if "minus" not in repr(penalty).lower():
        zeros = prox == 0
        assert torch.equal(zeros, zeros.sort(descending=True).values)  # up to a threshold
        slack = 4 * torch.finfo(dtype).eps * prox[1:].double()
        assert (prox.double().diff() >= -slack).all()


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize(
    "penalty",
    [L0(), L1(), LHalf(), Lp(), Lp(p=0.05), *(TransformedL1(a=a) for a in [1e-30, 0.002, 1.0, 1e30])],
    ids=str,
)
def test_zero_set_is_that_of_the_critical_step(penalty, dtype):
    w = magnitudes(dtype)
    w = w[(w >= 1e-30) & (w <= 1e100)]
    for wi in w[:: max(1, len(w) // 60)].reshape(-1, 1):
        step = penalty.critical_step(float(wi))
        assert penalty.prox(wi, step * (1 + 1e-12)) == 0
        if wi >= 1e8 * torch.finfo(dtype).smallest_normal:  # its shrunken survivor is not rounded to zero
            assert penalty.prox(wi, step * 0.99) > 0


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@settings(max_examples=200, deadline=None)
@given(exponent=st.floats(-30, 30), data=st.data())
def test_l0_zeroes_exactly_the_weights_up_to_its_threshold(dtype, exponent, data):
    info = torch.finfo(dtype)
    threshold = min(max(10.0**exponent, 1e3 * info.smallest_normal), info.max / 2)
    step = threshold**2 / 2 * (1 + data.draw(st.floats(-1e-3, 1e-3)))
    near = torch.linspace(0.99, 1.01, 401).double() * threshold
    w = near.to(dtype)
    assert torch.equal(L0().prox(w, step) == 0, w.double() <= math.sqrt(2 * step))


@pytest.mark.parametrize("penalty", SEPARABLE, ids=str)
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_prox_in_each_dtype_is_that_of_double_precision_rounded(penalty, dtype):
    w = torch.linspace(-3, 3, 301).to(dtype)
    for step in (1e-6, 1e-3, 0.1, 1.0):
        exact = penalty.prox(w.double(), step)
        tolerance = 4 * torch.finfo(dtype).eps * w.abs().double() + torch.finfo(dtype).smallest_normal
        assert ((penalty.prox(w, step).double() - exact).abs() <= tolerance).all()


def at_scale(name, scale):
    """Return a penalty whose parameter is `scale`, and its step of that scale, for each of `name`."""
    if name.startswith("group_"):
        base, step = at_scale(name.removeprefix("group_"), scale)
        return GroupPenalty(base), step
    if name.startswith("sparse_group_"):
        element, step = at_scale(name.removeprefix("sparse_group_"), scale)
        return SparseGroupPenalty(element), step
    return {
        "l0": (L0(), scale**2 / 2),
        "l1": (L1(), scale),
        "l_half": (LHalf(), (2 / 3 * scale) ** 1.5),
        "tl1": (TransformedL1(a=scale), scale**2 / (1 + scale)),
        "scad": (SCAD(), scale),
        "mcp": (MCP(), scale),
        "log_sum": (LogSum(epsilon=scale), 2 * scale**2),
        "capped_l1": (CappedL1(theta=scale), scale),
        "lp": (Lp(), scale ** (4 / 3)),
        "l1_inf": (L1Infinity(), scale),
        "exclusive": (Exclusive(), 0.7),
        "combined_exclusive": (CombinedExclusive(group_ratio=1 / (1 + scale)), scale),
    }[name]


@pytest.mark.parametrize("scale", [1e-25, 1e-12, 1e-3, 1.0, 1e6, 1e25])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
@pytest.mark.parametrize("name", SEPARABLE_NAMES)
def test_prox_minimises_the_objective_against_a_grid_at_every_scale(name, dtype, scale):
    penalty, step = at_scale(name, scale)
    generator = torch.Generator().manual_seed(0)
    grid = torch.linspace(0, 8, 161, dtype=torch.float64) * scale
    for factor in torch.rand(16, generator=generator).mul(6).tolist():
        w = torch.tensor([factor * scale], dtype=dtype)
        points = torch.cat([penalty.prox(w, step).double(), grid, w.double()])
        extra = (step,) if penalty.depends_on_step else ()
        values = torch.stack([penalty.value(x, *extra) for x in points.reshape(-1, 1)])
        # Divided by the squared scale, which would underflow or overflow in single precision only.
        objective = ((points - w.double()) / scale).square() / 2 + step / scale * values / scale
        assert objective[0] <= objective[1:].min() + 1e-6 * objective.min() + 1e-6 * factor


@pytest.mark.parametrize(
    "penalty", [*(p() for p in PENALTIES.values()), *(TransformedL1(a=a) for a in SCALES[1:-1])], ids=str
)
def test_value_of_large_weights_is_no_nan(penalty):
    for dtype in (torch.float32, torch.float64):
        w = torch.tensor([0.0, 1e-30, 1.0, torch.finfo(dtype).max / 4], dtype=dtype)
        assert not penalty.value(w).isnan()


@pytest.mark.parametrize(
    ("penalty", "w"), [(TransformedL1(), 1e37), (LogSum(), 1e37), (LogSum(), 1e20)], ids=str
)
def test_large_weights_survive(penalty, w):
    w = torch.tensor([w, -w])
    assert torch.equal(penalty.prox(w, 1e-4), w)


@pytest.mark.parametrize("penalty", [*(p() for p in PENALTIES.values()), L1MinusL2(alpha=0.3)], ids=str)
def test_steps_beyond_single_precision_zero_all_that_can_be(penalty):
    prox = penalty.prox(torch.tensor([1e-3, 2.0, -1e4]), 1e300)
    keeps_largest = str(penalty) in ("L1MinusL2()", "GroupPenalty(base='l1_minus_l2')", "Hoyer()")
    assert prox.count_nonzero() == keeps_largest


def test_prox_refuses_what_is_no_floating_tensor():
    for penalty in PENALTIES.values():
        for w in (torch.ones(2, dtype=torch.int64), torch.ones(2, dtype=torch.complex64), [1.0]):
            with pytest.raises(ValueError, match="w must be a tensor of a real floating dtype, got"):
                penalty().prox(w, 0.1)
