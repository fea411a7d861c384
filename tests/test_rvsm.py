"""RVSM: the mathematics of the method, and its manners as a torch optimizer."""

import copy
import io
import itertools
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
from torch import nn

from sparsecnn import RVSM
from sparsecnn.penalties import L0, L1, TransformedL1

PENALTIES = [L0(), L1(), TransformedL1(a=1.0)]
SCOPES = ["global", "layer"]


class LeastSquares:
    """f(w) = ‖Xw - y‖² / (2n), whose gradient has a known Lipschitz constant."""

    def __init__(self, n=60, d=12, seed=0):
        generator = torch.Generator().manual_seed(seed)
        self.X = torch.randn(n, d, generator=generator, dtype=torch.float64)
        teacher = torch.zeros(d, dtype=torch.float64)
        teacher[:4] = torch.tensor([2.0, -1.5, 1.0, -0.5], dtype=torch.float64)
        self.y = self.X @ teacher + 0.1 * torch.randn(n, generator=generator, dtype=torch.float64)
        self.w = nn.Parameter(torch.randn(d, generator=generator, dtype=torch.float64))
        self.lipschitz = float(torch.linalg.eigvalsh(self.X.T @ self.X / n).max())

    def loss(self):
        return (self.X @ self.w - self.y).square().mean() / 2

    def backward(self):
        self.w.grad = None
        loss = self.loss()
        loss.backward()
        return loss


def gradient_descent(problem, penalty, lam, beta, rate=1.9):
    """RVSM on plain gradient descent with a step of `rate` / (β + L), where theory asks for less than 2."""
    sgd = torch.optim.SGD([problem.w], lr=rate / (beta + problem.lipschitz))
    return RVSM(sgd, [problem.w], penalty, lam, beta)


@pytest.mark.parametrize("penalty", PENALTIES, ids=str)
@pytest.mark.parametrize("beta", [0.1, 1.0, 10.0])
def test_lagrangian_decreases_at_every_step(penalty, beta):
    problem = LeastSquares()
    optimizer = gradient_descent(problem, penalty, lam=0.05, beta=beta)
    lagrangian = optimizer.lagrangian(problem.loss())
    for _ in range(300):
        problem.backward()
        optimizer.step()
        previous, lagrangian = lagrangian, optimizer.lagrangian(problem.loss())
        assert lagrangian <= previous + 1e-14


def test_lagrangian_can_increase_beyond_the_step_limit():
    problem = LeastSquares()
    optimizer = gradient_descent(problem, L0(), lam=0.05, beta=1.0, rate=2.5)
    values = []
    for _ in range(50):
        problem.backward()
        optimizer.step()
        values.append(optimizer.lagrangian(problem.loss()))
    assert any(later > earlier for earlier, later in itertools.pairwise(values))


def solve(problem, optimizer, n_steps=4000):
    for _ in range(n_steps):
        problem.backward()
        optimizer.step()
    optimizer.update_u()
    problem.backward()
    return problem.w.grad, optimizer.u[0]


@pytest.mark.parametrize(
    ("penalty", "survivor_gradient"),
    [
        (L0(), lambda u, lam: torch.zeros_like(u)),
        (L1(), lambda u, lam: torch.full_like(u, lam)),
        (TransformedL1(a=1.0), lambda u, lam: 2 * lam / (1 + u.abs()) ** 2),
    ],
    ids=["l0", "l1", "tl1"],
)
def test_fixed_point_satisfies_the_optimality_conditions(penalty, survivor_gradient):
    lam, beta = 0.05, 1.0
    problem = LeastSquares()
    gradient, u = solve(problem, gradient_descent(problem, penalty, lam, beta))
    survives = u != 0
    assert 0 < survives.sum() < len(u)
    torch.testing.assert_close(
        gradient[survives].abs(), survivor_gradient(u[survives], lam), atol=1e-9, rtol=1e-7
    )
    # Where u is zero, the loss pulls w no further than the threshold.
    torch.testing.assert_close(
        gradient[~survives], -beta * problem.w.detach()[~survives], atol=1e-9, rtol=1e-7
    )
    assert not penalty.prox(problem.w.detach()[~survives], lam / beta).any()


def test_l0_fixed_point_recovers_the_teacher_support():
    problem = LeastSquares()
    _, u = solve(problem, gradient_descent(problem, L0(), lam=0.05, beta=1.0))
    assert torch.nonzero(u).flatten().tolist() == [0, 1, 2, 3]


@pytest.mark.parametrize("penalty", PENALTIES, ids=str)
def test_lam_zero_gives_u_equal_to_w(penalty):
    problem = LeastSquares()
    optimizer = gradient_descent(problem, penalty, lam=0.0, beta=1.0)
    plain = copy.deepcopy(problem)
    sgd = torch.optim.SGD([plain.w], lr=optimizer.param_groups[0]["lr"])
    for _ in range(20):
        problem.backward()
        optimizer.step()
        plain.backward()
        sgd.step()
    optimizer.update_u()
    assert torch.equal(optimizer.u[0], problem.w)
    torch.testing.assert_close(problem.w, plain.w)


@pytest.mark.parametrize("penalty", PENALTIES, ids=str)
def test_no_overlap_relu_network_recovers_its_teacher(penalty):
    """The one-hidden-layer network of arXiv:1812.05719: one filter slid over patches that do not overlap."""
    torch.manual_seed(0)
    n_patches, d, lam, beta = 4, 10, 2e-3, 0.1
    teacher = torch.zeros(d)
    teacher[:3] = torch.tensor([0.6, -0.64, 0.48])  # of norm 1

    def network(patches, w):
        return (patches @ w).relu().mean(1)

    w = nn.Parameter(torch.randn(d) / d**0.5)
    optimizer = RVSM(torch.optim.SGD([w], lr=0.2), [w], penalty, lam, beta)
    for _ in range(1500):
        patches = torch.randn(512, n_patches, d)  # Gaussian input, as the theorem has it
        optimizer.zero_grad()
        (network(patches, w) - network(patches, teacher)).square().mean().backward()
        optimizer.step()
    optimizer.finalize()
    assert torch.equal(w != 0, teacher != 0)
    assert (w - teacher).abs().max() < 2 * (2 * lam / beta) ** 0.5


def small_network(seed=0):
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 2))


def train(net, optimizer, n_steps=10, seed=1):
    generator = torch.Generator().manual_seed(seed)
    for _ in range(n_steps):
        x = torch.randn(16, 6, generator=generator)
        optimizer.zero_grad()
        nn.functional.mse_loss(net(x), x[:, :2]).backward()
        optimizer.step()


def adam_rvsm(net, lam=0.01):
    return RVSM(torch.optim.Adam(net.parameters(), lr=0.01), [net[0].weight], L0(), lam)


def test_rvsm_splits_only_the_given_weights():
    net = small_network()
    optimizer = adam_rvsm(net)
    train(net, optimizer)
    optimizer.finalize()
    assert (net[0].weight == 0).any()
    assert not (net[2].weight == 0).any()


def test_finalize_writes_exact_zeros_of_the_present_weights():
    net = small_network()
    optimizer = adam_rvsm(net)
    train(net, optimizer)
    expected = L0().prox(net[0].weight.detach(), 0.01)
    optimizer.finalize()
    assert torch.equal(net[0].weight, expected)


def test_fix_support_holds_zeros_and_trains_survivors():
    net = small_network()
    optimizer = adam_rvsm(net)
    train(net, optimizer)
    optimizer.finalize()
    optimizer.fix_support()
    before = net[0].weight.detach().clone()
    train(net, optimizer)
    after = net[0].weight.detach()
    assert torch.equal(after == 0, before == 0)
    assert not torch.equal(after, before)


def test_sparse_weights_are_put_back_even_after_an_error():
    net = small_network()
    optimizer = adam_rvsm(net)
    dense = net[0].weight.detach().clone()
    with optimizer.sparse_weights():
        assert (net[0].weight == 0).any()
    assert torch.equal(net[0].weight, dense)
    with pytest.raises(TypeError), optimizer.sparse_weights():
        net("no tensor")
    assert torch.equal(net[0].weight, dense)


def test_state_dict_resumes_where_it_stopped():
    net = small_network()
    optimizer = adam_rvsm(net)
    train(net, optimizer)
    checkpoint = io.BytesIO()
    torch.save({"net": net.state_dict(), "optimizer": optimizer.state_dict()}, checkpoint)
    train(net, optimizer, seed=2)

    checkpoint.seek(0)
    saved = torch.load(checkpoint)
    other = small_network(seed=5)
    resumed = adam_rvsm(other, lam=0.5)
    other.load_state_dict(saved["net"])
    resumed.load_state_dict(saved["optimizer"])
    assert resumed.lam == 0.01
    train(other, resumed, seed=2)
    assert torch.equal(other[0].weight, net[0].weight)
    assert torch.equal(resumed.u[0], optimizer.u[0])


def test_deepcopy_trains_on_its_own():
    net = small_network()
    optimizer = adam_rvsm(net)
    train(net, optimizer)
    net2, optimizer2 = copy.deepcopy((net, optimizer))
    train(net, optimizer, seed=3)
    train(net2, optimizer2, seed=3)
    assert torch.equal(net[0].weight, net2[0].weight)
    assert net[0].weight is not net2[0].weight


def test_learning_rate_scheduler_acts_on_the_base_optimizer():
    net = small_network()
    optimizer = adam_rvsm(net)
    scheduler = torch.optim.lr_scheduler.StepLR(optimizer, step_size=1, gamma=0.5)
    train(net, optimizer, n_steps=1)
    scheduler.step()
    assert optimizer.base.param_groups[0]["lr"] == 0.005


def test_lam_may_change_between_steps():
    net = small_network()
    optimizer = adam_rvsm(net, lam=0.0)
    optimizer.lam = 100.0
    optimizer.update_u()
    assert not optimizer.u[0].any()


def test_closure_optimizers_minimise_the_lagrangian():
    problem = LeastSquares()
    optimizer = RVSM(
        torch.optim.LBFGS([problem.w], line_search_fn="strong_wolfe"), [problem.w], L0(), 0.05, 1.0
    )
    for _ in range(30):
        optimizer.step(problem.backward)
    optimizer.finalize()
    assert torch.nonzero(problem.w).flatten().tolist() == [0, 1, 2, 3]


def test_weight_without_gradient_is_left_alone():
    net = small_network()
    optimizer = adam_rvsm(net)
    before = net[0].weight.detach().clone()
    optimizer.step()
    assert torch.equal(net[0].weight, before)


def test_u_follows_the_network_to_another_dtype():
    net = small_network()
    optimizer = adam_rvsm(net)
    net.double()
    optimizer.update_u()
    assert optimizer.u[0].dtype == torch.float64


@pytest.mark.parametrize(
    ("lam", "beta", "message"),
    [(-1.0, 1.0, "lam must be"), (float("nan"), 1.0, "lam must be"), (0.1, 0.0, "beta must be")],
)
def test_rvsm_refuses_bad_lam_and_beta(lam, beta, message):
    net = small_network()
    with pytest.raises(ValueError, match=message):
        RVSM(torch.optim.SGD(net.parameters(), lr=0.1), [net[0].weight], L0(), lam, beta)


def test_rvsm_refuses_a_weight_that_the_base_does_not_optimize():
    net = small_network()
    with pytest.raises(ValueError, match=r"params\[0\] must be among .* shape \(8, 6\)"):
        RVSM(torch.optim.SGD(net[2].parameters(), lr=0.1), [net[0].weight], L0(), 0.1)


def test_rvsm_refuses_the_same_weight_twice():
    net = small_network()
    with pytest.raises(ValueError, match="the same tensor twice"):
        RVSM(torch.optim.SGD(net.parameters(), lr=0.1), [net[0].weight, net[0].weight], L0(), 0.1)


def test_param_groups_are_those_of_the_base_even_after_loading():
    net = small_network()
    optimizer = adam_rvsm(net)
    optimizer.base.load_state_dict(optimizer.base.state_dict())
    assert optimizer.param_groups is optimizer.base.param_groups
    extra = nn.Parameter(torch.ones(2))
    optimizer.add_param_group({"params": [extra]})
    extra.sum().backward()
    train(net, optimizer, n_steps=1)
    assert optimizer.base.param_groups[-1]["params"][0] is extra


def test_checkpoint_of_another_split_is_refused():
    net = small_network()
    optimizer = adam_rvsm(net)
    other = RVSM(torch.optim.Adam(net.parameters()), [net[2].weight], L0(), 0.1)
    with pytest.raises(ValueError, match="other weights split"):
        other.load_state_dict(optimizer.state_dict())


def test_zeros_of_a_fixed_support_are_positive():
    net = torch.nn.Sequential(torch.nn.Linear(6, 8))
    optimizer = adam_rvsm(net, lam=0.01)
    optimizer.finalize()
    optimizer.fix_support()
    net(torch.ones(4, 6)).sum().backward()
    optimizer.step()
    zeros = net[0].weight[net[0].weight == 0]
    assert len(zeros) > 0
    assert not torch.signbit(zeros).any()


BASES = [
    lambda params: torch.optim.Adam(params, lr=0.01),
    lambda params: torch.optim.SGD(params, lr=0.05, momentum=0.9),
]


@pytest.mark.parametrize("base", BASES, ids=["adam", "sgd"])
@pytest.mark.parametrize("fixed", [False, True])
@pytest.mark.parametrize(
    "settings",
    [{"lam": 0.01}, {"lam": [0.01, 0.02]}, *({"target_sparsity": 0.6, "sparsity_scope": s} for s in SCOPES)],
    ids=str,
)
def test_resumed_run_equals_the_uninterrupted_one_bit_for_bit(base, fixed, settings):
    net = small_network()
    optimizer = RVSM(base(net.parameters()), [net[0].weight, net[2].weight], L0(), beta=2.0, **settings)
    train(net, optimizer, n_steps=21)
    if fixed:
        optimizer.finalize()
        optimizer.fix_support()
        train(net, optimizer, n_steps=3)
    checkpoint = io.BytesIO()
    torch.save({"net": net.state_dict(), "optimizer": optimizer.state_dict()}, checkpoint)
    checkpoint.seek(0)
    saved = torch.load(checkpoint, weights_only=True)

    other = small_network(seed=5)
    resumed = RVSM(base(other.parameters()), [other[0].weight, other[2].weight], L0(), lam=0.5)
    other.load_state_dict(saved["net"])
    resumed.load_state_dict(saved["optimizer"])
    for each, its in ((net, optimizer), (other, resumed)):
        train(each, its, n_steps=20, seed=2)
    assert repr(resumed) == repr(optimizer)
    assert resumed.support_fixed == fixed
    assert resumed._n_steps == optimizer._n_steps
    assert all(torch.equal(u, v) for u, v in zip(resumed.u, optimizer.u, strict=True))
    assert all(torch.equal(p, q) for p, q in zip(other.parameters(), net.parameters(), strict=True))


def test_closure_leaves_gradients_without_a_graph():
    problem = LeastSquares()
    optimizer = RVSM(torch.optim.LBFGS([problem.w]), [problem.w], L0(), 0.05, 1.0)
    optimizer.step(problem.backward)
    assert not problem.w.grad.requires_grad


@pytest.mark.parametrize("base", [torch.optim.LBFGS, torch.optim.SGD], ids=["lbfgs", "sgd"])
@pytest.mark.parametrize("settings", [{"lam": 0.01}, {"target_sparsity": 0.5}], ids=str)
def test_default_dtype_changes_no_step(base, settings):
    def run():
        net = small_network()
        optimizer = RVSM(base(net.parameters(), lr=0.1), [net[0].weight], TransformedL1(a=0.5), **settings)
        x = torch.linspace(-1, 1, 96, dtype=torch.float32).reshape(16, 6)

        def closure():
            optimizer.zero_grad()
            loss = nn.functional.mse_loss(net(x), x[:, :2])
            loss.backward()
            return loss

        return net, optimizer, closure

    (net, optimizer, closure), (other, same, its_closure) = run(), run()
    for _ in range(3):
        optimizer.step(closure)
    torch.set_default_dtype(torch.float64)
    try:
        for _ in range(3):
            same.step(its_closure)
    finally:
        torch.set_default_dtype(torch.float32)
    assert torch.equal(other[0].weight, net[0].weight)
    assert same.u[0].dtype == torch.float32


def test_threads_do_not_disturb_each_other():
    def run(seed):
        net = small_network(0)
        optimizer = adam_rvsm(net)
        train(net, optimizer, n_steps=60, seed=seed)
        return net[0].weight.detach()

    alone = [run(seed) for seed in range(4)]
    nets = [small_network(0) for _ in range(4)]
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda i: train(nets[i], adam_rvsm(nets[i]), n_steps=60, seed=i), range(4)))
    assert all(torch.equal(net[0].weight, weight) for net, weight in zip(nets, alone, strict=True))
    assert torch.is_grad_enabled()
