"""Units: penalties of rows and of whole tensors, their counts and their targets."""

import math

import pytest
import torch
from torch import nn

from sparsecnn import RVSM
from sparsecnn.penalties import L0, L1, L1MinusL2, Penalty, TransformedL1, lam_for_sparsity, unit_magnitudes


class RowPenalty(Penalty):
    """``Σ n φ(r)`` over rows with n weights and RMS norm r, φ another penalty: the map scales each row."""

    unit = "group"

    def __init__(self, base):
        self.base = base

    def value(self, w):
        return w[0].numel() * self.base.value(self.magnitudes(w))

    def prox(self, w, step):
        norm = self.magnitudes(w)
        scale = self.base.prox(norm, step) / norm.clamp(min=torch.finfo(w.dtype).tiny)
        return w * scale.reshape(-1, *[1] * (w.dim() - 1)) + 0.0

    def magnitudes(self, w):
        rows = w.flatten(1)
        return rows.norm(dim=1) / math.sqrt(rows.shape[1])

    def critical_step(self, magnitude):
        return self.base.critical_step(magnitude)


class RowsWithoutClosedForm:
    """A user's penalty of rows, which does not say which step zeroes a row."""

    unit = "group"

    def value(self, w):
        return w.norm(dim=1).sum()

    def prox(self, w, step):
        norm = w.norm(dim=1, keepdim=True)
        return w * (1 - step / norm.clamp(min=step + 1e-30)).add(0.0)

    def magnitudes(self, w):
        return w.norm(dim=1)


BASES = [L0(), L1(), TransformedL1(a=1.0)]


def layers(seed=0):
    torch.manual_seed(seed)
    return nn.Sequential(nn.Conv2d(2, 10, 3), nn.Flatten(), nn.Linear(160, 20))


@pytest.mark.parametrize("base", BASES, ids=str)
def test_row_prox_minimises_over_all_scalings_and_beats_random_points(base):
    generator = torch.Generator().manual_seed(0)
    penalty = RowPenalty(base)
    for step in (0.05, 0.3, 1.0):
        w = torch.randn(1, 5, generator=generator, dtype=torch.float64)
        x = penalty.prox(w, step)
        scalings = torch.linspace(0, 1.2, 601, dtype=torch.float64).reshape(-1, 1, 1) * w
        near = x + 0.1 * torch.randn(2000, 1, 5, generator=generator, dtype=torch.float64)
        points = torch.cat([scalings, near])
        objective = [((p - w).square().sum() / 2 + step * penalty.value(p)).item() for p in points]
        assert (x - w).square().sum() / 2 + step * penalty.value(x) <= min(objective) + 1e-12


@pytest.mark.parametrize("base", BASES, ids=str)
def test_rows_of_one_weight_equal_single_weights(base):
    w = torch.linspace(-2, 2, 41, dtype=torch.float64).reshape(-1, 1)
    torch.testing.assert_close(RowPenalty(base).prox(w, 0.3), base.prox(w, 0.3))
    assert lam_for_sparsity(RowPenalty(base), w, 1.0, 0.5) == pytest.approx(
        lam_for_sparsity(base, w, 1.0, 0.5)
    )


@pytest.mark.parametrize("base", BASES, ids=str)
@pytest.mark.parametrize("scope", ["global", "layer"])
@pytest.mark.parametrize("target", [0.0, 0.3, 0.5, 0.9])
def test_rvsm_reaches_its_target_in_rows_after_training(base, scope, target):
    net = layers()
    split = [net[0].weight, net[2].weight]
    adam = torch.optim.Adam(net.parameters(), lr=0.01)
    optimizer = RVSM(adam, split, RowPenalty(base), target_sparsity=target, sparsity_scope=scope)
    for _ in range(20):
        x = torch.randn(8, 2, 6, 6)
        optimizer.zero_grad()
        net(x).square().mean().backward()
        optimizer.step()
    optimizer.finalize()
    zero_rows = [int((w.flatten(1) == 0).all(1).sum()) for w in split]
    if scope == "global":
        assert sum(zero_rows) == round(30 * target)
    else:
        assert zero_rows == [round(10 * target), round(20 * target)]
    assert optimizer.unit_sparsity() == sum(zero_rows) / 30
    assert all(bool(w.flatten(1)[(w.flatten(1) != 0).any(1)].all()) for w in split)  # no zero within a row


def test_unit_sparsity_of_single_weights_counts_weights():
    net = layers()
    split = [net[0].weight, net[2].weight]
    optimizer = RVSM(torch.optim.SGD(net.parameters(), lr=0.1), split, "l0", target_sparsity=0.7)
    n_zeros = sum(int((u == 0).sum()) for u in optimizer.u)
    assert optimizer.unit_sparsity() == n_zeros / sum(w.numel() for w in split)
    assert n_zeros == round(0.7 * sum(w.numel() for w in split))


def test_unit_magnitudes_of_a_plain_object_are_those_of_weights():
    w = torch.tensor([[1.0, -2.0]], requires_grad=True)
    magnitudes = unit_magnitudes(object(), w)
    assert magnitudes.tolist() == [1.0, 2.0]
    assert not magnitudes.requires_grad
    assert unit_magnitudes(RowPenalty(L0()), w).tolist() == pytest.approx([2.5**0.5])


@pytest.mark.parametrize("alpha", [0.0, 0.3, 0.9, 1.0])
@pytest.mark.parametrize("sparsity", [0.1, 0.5, 0.9, 0.98, 0.99])
def test_l1_minus_l2_reaches_a_target_over_several_tensors(alpha, sparsity):
    penalty = L1MinusL2(alpha)
    generator = torch.Generator().manual_seed(0)
    weights = [scale * torch.randn(50, generator=generator) for scale in (0.01, 0.1, 1.0, 1.0)]
    if alpha == 1 and sparsity == 0.99:  # one weight of each of the four tensors survives any step
        with pytest.raises(ValueError, match="does not set 198 of 200 units to zero"):
            lam_for_sparsity(penalty, weights, 2.0, sparsity)
        return
    lam = lam_for_sparsity(penalty, weights, 2.0, sparsity)
    assert sum(int((penalty.prox(w, lam / 2) == 0).sum()) for w in weights) == round(200 * sparsity)


def test_l1_minus_l2_magnitude_is_the_step_that_zeroes_the_weight():
    w = torch.tensor([0.3, -0.8, 0.5, 0.8], dtype=torch.float64)
    penalty = L1MinusL2(alpha=0.5)
    assert penalty.magnitudes(w).tolist() == [0.3, 1.6, 0.5, 0.8]
    for i, magnitude in enumerate(penalty.magnitudes(w).tolist()):
        step = penalty.critical_step(magnitude)
        assert penalty.prox(w, step * (1 + 1e-9))[i] == 0
        assert penalty.prox(w, step * (1 - 1e-9))[i] != 0
    assert L1MinusL2().magnitudes(torch.zeros(3)).tolist() == [0.0, 0.0, 0.0]


def test_target_of_groups_without_critical_step_is_refused():
    with pytest.raises(ValueError, match=r"'group' needs to see whole layers.*critical_step\(magnitude\)"):
        lam_for_sparsity(RowsWithoutClosedForm(), torch.ones(3, 4), 1.0, 0.5)


def test_lam_of_several_tensors_is_that_of_all_their_weights():
    weights = [torch.randn(3, 4), torch.randn(7)]
    together = torch.cat([w.flatten() for w in weights])
    for penalty in BASES:
        assert lam_for_sparsity(penalty, weights, 1.0, 0.5) == lam_for_sparsity(penalty, together, 1.0, 0.5)
