"""Penalties of groups, alone and together with penalties of single weights: maps against brute force."""

import math

import pytest
import torch
from sklearn.base import clone

from sparsecnn import SparseCurveCNNClassifier
from sparsecnn.penalties import (
    L0,
    L1,
    MCP,
    PENALTIES,
    SCAD,
    CappedL1,
    GroupPenalty,
    L1MinusL2,
    LHalf,
    LogSum,
    SparseGroupPenalty,
    TransformedL1,
    get_penalty,
    group_rows,
    lam_for_sparsity,
    unit_magnitudes,
)

BASES = [
    *(L0(), L1(), LHalf(), TransformedL1(a=1.0), TransformedL1(a=0.01), SCAD(), MCP(gamma=1.2)),
    *(LogSum(epsilon=0.5), CappedL1(theta=0.5)),
]
ELEMENTS = [L0(), L1(), LHalf(), TransformedL1(a=1.0), TransformedL1(a=0.05), L1MinusL2(), L1MinusL2(0.4)]
EXACT = [SparseGroupPenalty(element, group, axis=0) for element in ELEMENTS for group in ("l0", "l1")]
MORE_ELEMENTS = [SparseGroupPenalty(base, axis=0) for base in (SCAD(), MCP(), LogSum(0.5), CappedL1(0.5))]
GROUPED = sorted(name for name in PENALTIES if "group" in name)
SHAPES = [((12, 3, 5, 5), (12, 75)), ((8, 12), (12, 8)), ((7,), (7, 1)), ((6, 2, 4), (6, 8)), ((), (1, 1))]


def normal(*shape, seed=0, dtype=torch.float64):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def value_of(penalty, x, step):
    return penalty.value(x, step) if penalty.depends_on_step else penalty.value(x)


def objective(penalty, x, w, step):
    """Return the objective of the proximal map at each row of `x`, for one row `w`."""
    values = torch.func.vmap(lambda row: value_of(penalty, row.unsqueeze(0), step))(x)
    return (x - w).square().sum(1) / 2 + step * values


def least(penalty, w, step, generator):
    """Return the least objective found by brute force: on a grid from 0 to `w`, then by random descent."""
    n = w.shape[1]
    line = torch.linspace(0, 1, {1: 4001, 2: 101, 3: 25, 4: 11}[n], dtype=w.dtype)
    points = torch.cartesian_prod(*[line * wi for wi in w[0]]).reshape(-1, n)
    width, best = 1 / (len(line) - 1), math.inf
    for _ in range(50):
        values = objective(penalty, points, w, step)
        if values.min() < best:
            best, point = float(values.min()), points[values.argmin()]
        else:
            width *= 0.6
        moves = width * (2 * torch.rand(300, n, generator=generator, dtype=w.dtype) - 1) * w
        points = point + torch.where((point == 0) & (torch.arange(300) % 4 > 0).unsqueeze(1), 0.0, moves)
    return best


def random_cases(n_cases, largest):
    generator = torch.Generator().manual_seed(1)
    for _ in range(n_cases):
        n = int(torch.randint(1, largest + 1, (1,), generator=generator))
        scale, step = (
            0.1 * 50 ** torch.rand(1, generator=generator),
            0.01 * 300 ** torch.rand(1, generator=generator),
        )
        w = float(scale) * torch.randn(1, n, generator=generator, dtype=torch.float64)
        yield w, float(step), generator


@pytest.mark.parametrize(("shape", "rows"), SHAPES)
def test_groups_are_filters_neurons_or_scales(shape, rows):
    w = normal(*shape)
    assert group_rows(w).shape == rows
    for penalty in (GroupPenalty(), SparseGroupPenalty()):
        assert penalty.prox(w, 0.3).shape == shape
    assert GroupPenalty().magnitudes(w).shape == rows[:1]


@pytest.mark.parametrize("axis", [0, 1, 2, 3, -1, -3])
def test_axis_numbers_the_groups(axis):
    w = normal(4, 6, 3, 5)
    slices = w.movedim(axis, 0).flatten(1)
    assert torch.equal(group_rows(w, axis), slices)
    magnitudes = GroupPenalty(axis=axis).magnitudes(w)
    torch.testing.assert_close(magnitudes, slices.square().mean(1).sqrt())
    step = float(magnitudes.median()) ** 2 / 2 * (1 + 1e-9)
    kept = (magnitudes > magnitudes.median()).reshape([-1 if i == axis % 4 else 1 for i in range(4)])
    assert torch.equal(GroupPenalty(axis=axis).prox(w, step), w * kept)


def test_pixels_of_a_channel_form_one_group():
    images = normal(10, 6, 4)  # 10 neurons read 6 channels of 4 pixels
    flat, by_channel = images.reshape(10, 24), images.movedim(1, 0).flatten(1)
    assert torch.equal(group_rows(flat, pixels=4), by_channel)
    for penalty in (GroupPenalty("tl1"), SparseGroupPenalty("l1", group="l1")):
        alone = clone(penalty).set_params(axis=0).prox(by_channel, 0.3)
        together = clone(penalty).set_params(pixels=4).prox(flat, 0.3)
        torch.testing.assert_close(group_rows(together, pixels=4), alone)


@pytest.mark.parametrize("penalty", [GroupPenalty(), SparseGroupPenalty()], ids=str)
@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"axis": 2}, r"axis must be None or an integer from -2 to 1 for weights of shape \(4, 6\), got 2"),
        ({"axis": -3}, r"axis must be None or an integer from -2 to 1 .* got -3"),
        ({"axis": 0.0}, "axis must be None or an integer .* got 0.0"),
        ({"axis": True}, "axis must be None or an integer .* got True"),
        ({"pixels": 4}, r"pixels .* divides the length of axis 1 of weights of shape \(4, 6\), 6, got 4"),
        ({"pixels": 0}, "pixels must be a positive integer .* got 0"),
        ({"pixels": 1.5}, "pixels must be a positive integer .* got 1.5"),
    ],
)
def test_axis_and_pixels_that_the_tensor_lacks_are_refused(penalty, params, message):
    penalty = clone(penalty).set_params(**params)
    for method in (penalty.value, lambda w: penalty.prox(w, 0.1)):
        with pytest.raises(ValueError, match=message):
            method(torch.ones(4, 6))


@pytest.mark.parametrize(
    ("penalty", "message"),
    [
        (GroupPenalty("tl-1"), r"base must be one of .* Did you mean 'tl1'"),
        (GroupPenalty("group_l0"), "base must be one of"),
        (GroupPenalty(GroupPenalty()), "base must be a penalty of single weights, got GroupPenalty"),
        (GroupPenalty(L0), "the class L0: call it"),
        (GroupPenalty(3), r"base must be .* or an object with value\(w\) and prox\(w, step\), got 3"),
        (SparseGroupPenalty("l2"), "element must be one of"),
        (SparseGroupPenalty(GroupPenalty()), "element must be a penalty of single weights"),
        (SparseGroupPenalty("scad", group="l1"), "element must be one of .*'tl1'.* no exact proximal map"),
        (SparseGroupPenalty(group="l2"), "group must be 'l0' or 'l1', got 'l2'"),
        (SparseGroupPenalty(group_ratio=1.5), "0 <= group_ratio <= 1, got group_ratio=1.5"),
        (SparseGroupPenalty(group_ratio=True), "group_ratio=True"),
        (SparseGroupPenalty(TransformedL1(a=-1.0)), "a > 0, got a=-1.0"),
        (SparseGroupPenalty(L1MinusL2(alpha=2.0)), "alpha=2.0"),
        (SparseGroupPenalty(L1MinusL2(alpha=2.0), group="l1"), "alpha=2.0"),
    ],
    ids=str,
)
def test_parameters_out_of_range_are_refused(penalty, message):
    with pytest.raises(ValueError, match=message):
        lam_for_sparsity(penalty, normal(4, 6), 1.0, 0.5)
    with pytest.raises(ValueError, match=message):
        penalty.prox(normal(4, 6), 0.1)


def test_target_by_a_base_that_needs_whole_layers_is_refused():
    with pytest.raises(ValueError, match="of unit 'tensor' needs to see whole layers"):
        lam_for_sparsity(GroupPenalty(SparseGroupPenalty()), normal(4, 6), 1.0, 0.5)


@pytest.mark.parametrize("step", [-0.1, math.nan, math.inf])
@pytest.mark.parametrize("name", GROUPED)
def test_steps_and_weights_of_no_use_are_refused(name, step):
    with pytest.raises(ValueError, match="step"):
        get_penalty(name).prox(torch.ones(4, 6), step)
    with pytest.raises(ValueError, match="floating dtype"):
        get_penalty(name).prox(torch.ones(4, 6, dtype=torch.int64), 0.1)
    with pytest.raises(ValueError, match="floating dtype"):
        SparseGroupPenalty().gains([1.0], 0.1)


@pytest.mark.parametrize("base", BASES, ids=str)
def test_group_prox_beats_brute_force(base):
    penalty = GroupPenalty(base, axis=0)
    for w, step, generator in random_cases(25, largest=3):
        x = penalty.prox(w, step)
        assert objective(penalty, x, w, step) <= least(penalty, w, step, generator) + 1e-12


@pytest.mark.parametrize("alpha", [0.4, 1.0])
def test_group_prox_over_the_vector_of_norms_beats_brute_force(alpha):
    penalty = GroupPenalty(L1MinusL2(alpha), axis=0)
    scales = torch.cartesian_prod(*[torch.linspace(0, 1.3, 131, dtype=torch.float64)] * 2)
    for seed in range(25):
        w, step = normal(2, 3, seed=seed), 0.02 * 1.3**seed
        x = penalty.prox(w, step)
        points = torch.cat([x.unsqueeze(0), scales.unsqueeze(2) * w])
        values = torch.func.vmap(penalty.value)(points)
        objectives = (points - w).square().sum((1, 2)) / 2 + step * values
        assert objectives[0] <= objectives[1:].min() + 1e-12


@pytest.mark.parametrize("penalty", [*EXACT, *MORE_ELEMENTS], ids=str)
def test_sparse_group_prox_beats_brute_force(penalty):
    penalty, alive = clone(penalty), 0
    for w, step, generator in random_cases(25, largest=3):
        penalty.set_params(group_ratio=float(torch.rand(1, generator=generator)))
        x = penalty.prox(w, step)
        alive += bool(x.any())
        assert objective(penalty, x, w, step) <= least(penalty, w, step, generator) + 1e-12 * (1 + step)
    assert 5 <= alive < 25


@pytest.mark.parametrize("penalty", EXACT, ids=str)
def test_sparse_group_prox_of_larger_groups_beats_random_points(penalty):
    for seed in range(20):
        w, step = normal(1, 12, seed=seed), 0.01 * 1.25**seed
        x = penalty.prox(w, step)
        generator = torch.Generator().manual_seed(seed)
        near = x * (1 + 0.1 * torch.randn(500, 12, generator=generator, dtype=w.dtype))
        some = w * (torch.rand(500, 12, generator=generator, dtype=w.dtype) < torch.rand(500, 1))
        largest = torch.stack([w[0] * (w[0].abs() >= bar) for bar in w[0].abs()])
        lines = (torch.linspace(0, 1, 101, dtype=w.dtype).reshape(-1, 1, 1) * largest).flatten(0, 1)
        points = torch.cat([near, some, lines])
        assert objective(penalty, x, w, step) <= objective(penalty, points, w, step).min() + 1e-12


@pytest.mark.parametrize("penalty", EXACT, ids=str)
def test_sparse_group_prox_of_many_groups_is_that_of_each(penalty):
    w = torch.cat([scale * normal(6, 9, seed=1) for scale in (0.1, 1.0, 5.0)])
    together = penalty.prox(w, 0.2)
    assert 0 < together.any(1).sum() < 18
    for row, expected in zip(w.split(1), together.split(1), strict=True):
        torch.testing.assert_close(penalty.prox(row, 0.2), expected, atol=1e-9, rtol=1e-9)


@pytest.mark.parametrize("n", [1, 4, 9])
def test_group_lasso_is_block_soft_thresholding(n):
    w = normal(30, n)
    norm, step = w.norm(dim=1, keepdim=True), 0.4
    expected = w * (1 - step * math.sqrt(n) / norm).clamp(min=0)
    for penalty in (GroupPenalty("l1", axis=0), *(SparseGroupPenalty(e, "l1", 1.0, 0) for e in ELEMENTS)):
        torch.testing.assert_close(penalty.prox(w, step), expected)
        assert float(penalty.value(w)) == pytest.approx(math.sqrt(n) * float(norm.sum()))


def test_group_l0_counts_the_weights_of_living_groups():
    w = torch.cat([torch.zeros(3, 5), normal(4, 5, dtype=torch.float32)])
    w[4, 1:] = 0
    assert GroupPenalty(axis=0).value(w) == 20
    for element in ELEMENTS:
        penalty = SparseGroupPenalty(element, group_ratio=1.0, axis=0)
        assert penalty.value(w) == 20
        assert torch.equal(penalty.prox(w, 0.3), GroupPenalty(axis=0).prox(w, 0.3))


@pytest.mark.parametrize("base", BASES, ids=str)
def test_groups_of_one_weight_equal_single_weights(base):
    w = normal(60)
    penalty = GroupPenalty(base)
    torch.testing.assert_close(penalty.prox(w, 0.3), base.prox(w, 0.3))
    torch.testing.assert_close(value_of(penalty, w, 0.3), value_of(base, w, 0.3))
    assert lam_for_sparsity(penalty, w, 2.0, 0.5) == pytest.approx(lam_for_sparsity(base, w, 2.0, 0.5))


@pytest.mark.parametrize("group", ["l0", "l1"])
@pytest.mark.parametrize("element", ELEMENTS, ids=str)
def test_group_ratio_of_zero_leaves_the_element(element, group):
    w = normal(1, 40)
    penalty = SparseGroupPenalty(element, group, group_ratio=0.0, axis=0)
    torch.testing.assert_close(penalty.prox(w, 0.3), element.prox(w, 0.3))
    torch.testing.assert_close(penalty.value(w), element.value(w))


@pytest.mark.parametrize("element", [L0(), LHalf(), TransformedL1(a=1.0)], ids=str)
def test_element_map_then_block_soft_thresholding_is_worse(element):
    penalty, gaps = SparseGroupPenalty(element, "l1", axis=0), []
    for w, step, _ in random_cases(40, largest=5):
        z = element.prox(w, step / 2)
        norm = z.norm().clamp(min=1e-12)
        composed = z * (1 - step / 2 * math.sqrt(w.shape[1]) / norm).clamp(min=0)
        gaps.append(
            float(objective(penalty, composed, w, step) - objective(penalty, penalty.prox(w, step), w, step))
        )
    assert min(gaps) > -1e-12
    assert max(gaps) > 1e-3


def test_block_soft_then_soft_thresholding_is_worse():
    penalty, gaps = SparseGroupPenalty("l1", "l1", axis=0), []
    for w, step, _ in random_cases(40, largest=5):
        block = w * (1 - step / 2 * math.sqrt(w.shape[1]) / w.norm()).clamp(min=0)
        wrong = L1().prox(block, step / 2)
        x = penalty.prox(w, step)
        gaps.append(float(objective(penalty, wrong, w, step) - objective(penalty, x, w, step)))
    assert min(gaps) > -1e-12
    assert max(gaps) > 1e-3


@pytest.mark.parametrize("element", [*ELEMENTS, SCAD(), MCP()], ids=str)
def test_gains_are_what_keeping_a_group_is_worth(element):
    penalty = SparseGroupPenalty(element, group_ratio=0.3, axis=0)
    w, step = torch.cat([torch.zeros(1, 6), normal(11, 6)]).double(), 0.2
    gains = penalty.gains(w, step)
    for row, gain in zip(w, gains, strict=True):
        z = element.prox(row, 0.7 * step)
        value = value_of(element, z, 0.7 * step)
        expected = row.square().sum() / 2 - (z - row).square().sum() / 2 - 0.7 * step * value
        torch.testing.assert_close(gain, expected)
    assert gains[0] == 0
    kept = penalty.prox(w, step).any(1)
    assert torch.equal(kept, gains > 0.3 * step * 6)


@pytest.mark.parametrize("base", BASES, ids=str)
def test_critical_step_of_groups_is_where_a_group_vanishes(base):
    w = normal(5, 4)
    penalty = GroupPenalty(base, axis=0)
    for i, magnitude in enumerate(penalty.magnitudes(w).tolist()):
        step = penalty.critical_step(magnitude)
        assert not penalty.prox(w, step * (1 + 1e-9))[i].any()
        assert penalty.prox(w, step * (1 - 1e-6))[i].all()


@pytest.mark.parametrize("sparsity", [0.0, 0.1, 0.5, 0.9, 0.95])
@pytest.mark.parametrize("name", GROUPED)
def test_lam_for_sparsity_reaches_its_target_in_units(name, sparsity):
    penalty = get_penalty(name)
    weights = [0.1 * normal(20, 3, 5, 5, dtype=torch.float32), normal(10, 40, seed=1, dtype=torch.float32)]
    lam = lam_for_sparsity(penalty, weights, 2.0, sparsity)
    zero = torch.cat([unit_magnitudes(penalty, penalty.prox(w, lam / 2.0)) == 0 for w in weights])
    wanted = round(sparsity * len(zero))
    if penalty.unit == "group":
        assert zero.sum() == wanted
    else:
        assert len(zero) == sum(w.numel() for w in weights)
        assert wanted <= zero.sum() < wanted + 75  # weights of one group may become zero together


def test_lam_for_sparsity_of_sparse_groups_that_never_die_is_refused():
    penalty = SparseGroupPenalty("l1_minus_l2", "l1", group_ratio=0.0)
    with pytest.raises(ValueError, match="does not set 40 of 40 units to zero"):
        lam_for_sparsity(penalty, normal(4, 10), 1.0, 1.0)


def test_lam_for_sparsity_of_weights_that_are_zero_is_zero():
    w = torch.zeros(5, 4)
    w[0] = 1.0
    assert lam_for_sparsity(SparseGroupPenalty(axis=0), w, 1.0, 0.8) == 0
    assert lam_for_sparsity(GroupPenalty(axis=0), w, 1.0, 0.8) == 0
    assert lam_for_sparsity(SparseGroupPenalty(axis=0), 1e-150 * normal(5, 4), 1.0, 0.5) > 0


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.float16, torch.bfloat16], ids=str)
@pytest.mark.parametrize("penalty", [*(get_penalty(name) for name in GROUPED), *EXACT], ids=str)
def test_prox_of_every_dtype_is_that_of_double_precision(penalty, dtype):
    w = torch.cat([normal(6, 8), 0.05 * normal(2, 8, seed=1), torch.zeros(1, 8)]).to(dtype)
    w[0, 0], w[1, 0] = -0.0, 0.0
    before = w.clone()
    for step in (1e-6, 0.01, 0.3, 3.0, 1e9):
        prox = penalty.prox(w, step)
        exact = penalty.prox(w.double(), step)
        assert (prox.dtype, prox.shape) == (dtype, w.shape)
        assert (prox.abs() <= w.abs()).all()
        tolerance = 4 * torch.finfo(dtype).eps * w.abs().double() + torch.finfo(dtype).smallest_normal
        assert ((prox.double() - exact).abs() <= tolerance).all()
        assert not torch.signbit(prox[prox == 0]).any()
        assert torch.equal(penalty.prox(-w, step), -prox + 0.0)
        assert (prox * w >= 0).all()
    assert torch.equal(penalty.prox(w, 0.0), w)
    assert torch.equal(w, before)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16], ids=str)
@pytest.mark.parametrize("penalty", [*(get_penalty(name) for name in GROUPED), *EXACT], ids=str)
def test_prox_of_huge_and_tiny_weights_is_finite(penalty, dtype):
    info = torch.finfo(dtype)
    subnormal = info.smallest_normal * info.eps
    rows = [[info.max, -info.max / 2], [info.smallest_normal, subnormal], [subnormal, 0.0], [0.0, 0.0]]
    w = torch.tensor([*rows, [info.max, subnormal], [1.0, -1e-30]], dtype=dtype)
    for step in (0.0, 5e-324, 1e-60, 1e-12, 0.5, 1e12, 3.5e38, 1e60, 1.7e308):
        for x in (penalty.prox(w, step), penalty.prox(w.t().contiguous(), step).t()):
            assert x.isfinite().all()
            assert (x.abs() <= w.abs()).all()
    if penalty.unit == "group":
        assert torch.equal(clone(penalty).set_params(axis=0).magnitudes(w) == 0, ~w.any(1))


@pytest.mark.parametrize("scale", [1e-150, 1e-60, 1e60, 1e150])
def test_maps_of_groups_follow_the_scale(scale):
    w = normal(8, 5)
    for penalty in (GroupPenalty("l1", 0), SparseGroupPenalty("l1", "l1", axis=0)):
        torch.testing.assert_close(penalty.prox(scale * w, scale * 0.3) / scale, penalty.prox(w, 0.3))
    for penalty in (GroupPenalty("l0", 0), SparseGroupPenalty("l0", axis=0)):
        torch.testing.assert_close(penalty.prox(scale * w, scale * 0.3 * scale) / scale, penalty.prox(w, 0.3))


@pytest.mark.parametrize("shape", [(0, 3), (3, 0), (0,), (0, 2, 3, 3)])
@pytest.mark.parametrize("name", GROUPED)
def test_tensors_without_weights_pass(name, shape):
    penalty, w = get_penalty(name), torch.zeros(shape)
    assert penalty.prox(w, 0.3).shape == shape
    assert penalty.value(w) == 0
    assert not unit_magnitudes(penalty, w).any()
    assert len(SparseGroupPenalty().gains(w, 0.3)) == len(group_rows(w))


@pytest.mark.parametrize("name", GROUPED)
def test_names_of_groups_have_scalar_names(name):
    penalty = get_penalty(name)
    inner = penalty.base if name.startswith("group") else penalty.element
    assert inner == name.removeprefix("sparse_").removeprefix("group_")
    assert penalty.unit == ("group" if name.startswith("group") else "tensor")
    assert penalty.depends_on_step == get_penalty(inner).depends_on_step


def test_parameters_of_the_inner_penalty_are_reached():
    penalty = GroupPenalty(TransformedL1(a=1.0), pixels=2)
    copy = clone(penalty).set_params(base__a=3.0, pixels=4)
    assert (penalty.base.a, copy.base.a, penalty.pixels, copy.pixels) == (1.0, 3.0, 2, 4)
    assert penalty.get_params() == {"axis": None, "base": penalty.base, "base__a": 1.0, "pixels": 2}
    assert clone(GroupPenalty("tl1")).get_params() == {"axis": None, "base": "tl1", "pixels": 1}
    assert clone(SparseGroupPenalty(TransformedL1())).set_params(element__a=2.0).element.a == 2.0
    classifier = SparseCurveCNNClassifier(GroupPenalty(TransformedL1()))
    assert clone(classifier).set_params(penalty__base__a=0.5).penalty.base.a == 0.5


def test_memory_format_and_gradient_flags_do_not_matter():
    w = normal(6, 4, 3, 3)
    for penalty in (GroupPenalty("tl1"), SparseGroupPenalty("tl1")):
        expected = penalty.prox(w, 0.3)
        assert torch.equal(penalty.prox(w.to(memory_format=torch.channels_last), 0.3), expected)
        assert torch.equal(penalty.prox(w.clone().requires_grad_(), 0.3).detach(), expected)


@pytest.mark.slow
@pytest.mark.parametrize("penalty", [GroupPenalty("l0", 0), GroupPenalty("tl1", 0), *EXACT], ids=str)
def test_lagrangian_descends_with_exact_maps(penalty):
    for seed in range(2):
        a, b = normal(15, 12, seed=seed), normal(15, seed=seed + 100)
        beta, lam = 1.0, 0.3
        rate = 1.95 / (beta + float(torch.linalg.matrix_norm(a, 2)) ** 2)
        w, last = 0.5 * normal(4, 3, seed=seed + 200), math.inf
        for _ in range(40):
            u = penalty.prox(w, lam / beta)
            residual = a @ w.flatten() - b
            fit = residual.square().sum() / 2 + beta / 2 * (w - u).square().sum()
            lagrangian = float(fit + lam * penalty.value(u))
            assert lagrangian <= last + 1e-11
            last = lagrangian
            w = w - rate * ((a.t() @ residual).reshape(w.shape) + beta * (w - u))


@pytest.mark.slow
@pytest.mark.parametrize(
    "element", [LHalf(), TransformedL1(), TransformedL1(a=1.0), TransformedL1(a=1e6)], ids=str
)
def test_search_over_the_norm_is_as_good_as_a_dense_scan(element):
    penalty, alive = SparseGroupPenalty(element, "l1", axis=0), 0
    for seed in range(12):
        w = normal(1, 30, seed=seed)
        ratio, step = (0.02, 0.05, 0.2, 0.5)[seed % 4], (0.3, 0.7, 1.5)[seed % 3]
        x = penalty.set_params(group_ratio=ratio).prox(w, step)
        scanned = [torch.zeros_like(w)]
        for norm in w.norm() * torch.logspace(-4, 0, 400, dtype=w.dtype):
            shrink = float(1 / (1 + step * ratio * math.sqrt(30) / norm))
            scanned.append(element.prox(w * shrink, step * (1 - ratio) * shrink))
        assert objective(penalty, x, w, step) <= objective(penalty, torch.cat(scanned), w, step).min() + 1e-12
        alive += bool(x.any())
    assert alive >= 3
