"""The optimizer whose steps of filters are orthogonal matrices."""

import copy

import pytest
import torch
from torch import nn

from sparsecnn import RVSM
from sparsecnn._training.muon import DECAY, STEP, Muon, orthogonalised


def make_network():
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(1, 4, 3), nn.Conv2d(4, 6, 3), nn.Flatten(), nn.Linear(6 * 4, 3))


def make_muon(network, lr=0.01):
    filters = network[1].weight
    others = [p for p in network.parameters() if p is not filters]
    return Muon([{"params": others}, {"params": [filters], "orthogonal": True}], lr=lr)


def loss_of(network):
    x = torch.randn(5, 1, 6, 6, generator=torch.Generator().manual_seed(1))
    return nn.functional.cross_entropy(network(x), torch.tensor([0, 1, 2, 0, 1]))


def train(network, optimizer, n_steps):
    for _ in range(n_steps):
        optimizer.zero_grad()
        loss_of(network).backward()
        optimizer.step()


@pytest.mark.parametrize("shape", [(4, 9), (9, 4), (16, 144), (7, 7)])
def test_orthogonalised_keeps_the_singular_vectors(shape):
    matrix = torch.randn(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    u, _, v = torch.linalg.svd(matrix, full_matrices=False)
    found = u.T @ orthogonalised(matrix) @ v.T
    values = found.diagonal()
    assert (found - values.diag()).abs().max() < 1e-10
    assert 0.65 < values.min() <= values.max() < 1.25


def test_orthogonalised_of_zeros_is_zero():
    assert not orthogonalised(torch.zeros(3, 5)).any()


@pytest.mark.parametrize("shape", [(6, 4, 3, 3), (40, 1, 3, 3)])
def test_filters_step_as_with_the_muon_of_torch(shape):
    torch.manual_seed(0)
    ours = nn.Parameter(torch.randn(shape))
    theirs = nn.Parameter(ours.detach().flatten(1).clone())
    muon = Muon([{"params": [ours], "orthogonal": True}], lr=0.01)
    reference = torch.optim.Muon([theirs], lr=0.01 * STEP, weight_decay=DECAY / STEP)  # in bfloat16
    before = ours.detach().clone()
    for _ in range(3):
        ours.grad = torch.randn(ours.shape)
        theirs.grad = ours.grad.flatten(1).clone()
        muon.step()
        reference.step()
    moved, expected = (ours.detach() - before).flatten(1), theirs.detach() - before.flatten(1)
    assert (moved - expected).norm() < 0.03 * expected.norm()


def test_all_other_weights_step_as_with_adam():
    network, other = make_network(), make_network()
    muon = make_muon(network)
    adam = torch.optim.Adam(other.parameters(), lr=0.01, fused=True)
    train(network, muon, 1)
    train(other, adam, 1)
    assert torch.equal(network[0].weight, other[0].weight)
    assert torch.equal(network[3].bias, other[3].bias)
    assert not torch.equal(network[1].weight, other[1].weight)


def test_steps_of_filters_do_not_depend_on_the_size_of_gradients():
    steps = []
    for factor in (1, 1000):
        w = nn.Parameter(torch.zeros(3, 2, 3, 3))
        w.grad = factor * torch.randn(w.shape, generator=torch.Generator().manual_seed(0))
        Muon([{"params": [w], "orthogonal": True}], lr=0.01).step()
        steps.append(w.detach())
    torch.testing.assert_close(*steps)


def test_gradients_are_left_after_a_step():
    network = make_network()
    train(network, make_muon(network), 1)
    assert all(p.grad is not None for p in network.parameters())


def test_closure_is_called_once_and_its_loss_returned():
    network, other = make_network(), make_network()
    muon, calls = make_muon(network), []

    def closure():
        calls.append(1)
        muon.zero_grad()
        loss = loss_of(network)
        loss.backward()
        return loss

    assert muon.step(closure).item() == loss_of(other).item()
    train(other, make_muon(other), 1)
    assert len(calls) == 1
    assert all(torch.equal(p, q) for p, q in zip(network.parameters(), other.parameters(), strict=True))


def test_state_dict_goes_on_bit_for_bit():
    network = make_network()
    muon = make_muon(network)
    train(network, muon, 3)
    resumed = copy.deepcopy(network)
    again = make_muon(resumed, lr=0.5)
    again.load_state_dict(copy.deepcopy(muon.state_dict()))
    train(network, muon, 3)
    train(resumed, again, 3)
    assert all(torch.equal(p, q) for p, q in zip(network.parameters(), resumed.parameters(), strict=True))


@pytest.mark.parametrize("with_closure", [False, True])
def test_dead_filters_do_not_turn_the_living_on_a_fixed_support(with_closure):
    """The gradient of a dead filter, whatever it is, leaves the living ones as they are."""
    found = []
    for dead_gradient in (0.0, 5.0):
        w = nn.Parameter(torch.ones(4, 2, 3, 3))
        with torch.no_grad():
            w[2:] = 0
        optimizer = RVSM(Muon([{"params": [w], "orthogonal": True}], lr=0.1), [w], "l0", lam=0.0)
        optimizer.fix_support()
        gradient = torch.randn(w.shape, generator=torch.Generator().manual_seed(0))
        gradient[2:] = dead_gradient

        def closure(w=w, gradient=gradient):
            w.grad = gradient.clone()
            return torch.zeros(())

        optimizer.step(closure) if with_closure else (closure(), optimizer.step())
        assert not w[2:].any()
        found.append(w.detach().clone())
    assert torch.equal(*found)
