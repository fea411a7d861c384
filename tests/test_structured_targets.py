"""Targets for channels: their number, and the multiply-adds that they cost."""

import copy
from functools import partial

import numpy as np
import pytest
import torch
from classifiers import OwnNetwork, quick, small
from sklearn.model_selection import GridSearchCV
from torch import nn

from sparsecnn import RVSM, SparseCurveCNNClassifierCV
from sparsecnn._network import CurveCNN, make_chain
from sparsecnn._training import trainer
from sparsecnn._training.split import make_split
from sparsecnn._training.structure import counts_for_macs, make_structure
from sparsecnn.exceptions import DeadLayerWarning
from sparsecnn.model_selection import sparsity_path
from sparsecnn.penalties import GroupPenalty, SparseGroupPenalty

# Few steps are enough for sparsity, but not for accuracy.
pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def structured(**params):
    return quick(**{"penalty": "group_l0", "penalized": "all", "channels": (4, 8, 8)} | params)


def living(classifier):
    """Return the channels that carry something, and the fraction of the multiply-adds that they cost."""
    chain = make_chain(classifier.module_, classifier.image_shape_)
    widths = [int(alive.sum()) for alive in chain.living()]
    return widths, chain.macs(widths) / chain.macs()


def random_cnn(channels, seed=0, **options):
    torch.manual_seed(seed)
    module = CurveCNN((16, 16), 3, channels, **options)
    for parameter in module.parameters():
        nn.init.normal_(parameter)
    return module


@pytest.mark.parametrize("batch_norm", [True, False])
@pytest.mark.parametrize("penalty", ["group_l0", "group_l1", "group_tl1", "group_mcp", "sparse_group_l0"])
def test_target_macs_is_kept_with_every_penalty(stripes, penalty, batch_norm):
    classifier = structured(penalty=penalty, target_macs=0.3, batch_norm=batch_norm).fit(*stripes)
    widths, macs = living(classifier)
    assert 0.15 < macs <= 0.3
    assert min(widths) >= 1


@pytest.mark.parametrize("target", [0.25, 0.5, 0.75, 0.99])
def test_target_sparsity_of_groups_counts_channels_of_each_layer(stripes, target):
    classifier = structured(target_sparsity=target).fit(*stripes)
    expected = [max(1, n - round(target * n)) for n in (4, 8, 8)]
    assert living(classifier)[0] == expected


def test_whatever_belongs_to_a_dead_channel_is_zero(stripes):
    module = structured(target_macs=0.3).fit(*stripes).module_
    for i in (1, 2, 3):
        norm, conv = getattr(module, f"norm{i}"), getattr(module, f"conv{i}")
        dead = norm.weight == 0
        reader = getattr(module, f"conv{i + 1}").weight if i < 3 else module.fc.weight.unflatten(1, (8, 4))
        assert 0 < dead.sum() < len(dead)
        assert not norm.bias[dead].any()
        assert not conv.weight[dead].any()
        assert not reader[:, dead].any()
        assert conv.weight[~dead].flatten(1).any(1).all()


def test_weights_and_channels_have_a_target_each(stripes):
    params = {"penalty": "sparse_group_l0", "target_macs": 0.4, "target_sparsity": 0.8}
    classifier = structured(**params).fit(*stripes)
    assert classifier.sparsity_ == pytest.approx(0.8, abs=2e-3)
    assert living(classifier)[1] <= 0.4
    # Zeros are not only where channels died.
    assert (classifier.module_.conv3.weight.flatten(1).count_nonzero(1)).unique().numel() > 2


@pytest.mark.parametrize("target", [0.02, 0.1, 0.3, 0.55, 0.9, 1.0])
def test_counts_for_macs_use_the_budget_and_leave_none_out(target):
    structure = make_structure(CurveCNN((32, 32), 2), (32, 32), GroupPenalty())
    counts = counts_for_macs(structure, target)
    chain = structure.chain
    assert chain.macs(counts) <= target * chain.macs()
    assert all(1 <= n <= cut.n_channels for n, cut in zip(counts, structure.cuts, strict=True))
    more = [
        chain.macs([n + 1 for n in counts]),
        *(chain.macs(counts[:i] + (n + 1,) + counts[i + 1 :]) for i, n in enumerate(counts)),
    ]
    assert target == 1.0 or max(more) > target * chain.macs()
    assert counts_for_macs(structure, 1.0) == (32, 32, 64)


def test_channels_are_ranked_by_scales_filters_or_readers():
    with_norm = make_structure(random_cnn((4, 5, 6)), (16, 16), GroupPenalty())
    without = make_structure(random_cnn((4, 5, 6), batch_norm=False), (16, 16), GroupPenalty())
    own = make_structure(OwnNetwork(), (16, 16), GroupPenalty())
    assert [cut.name for cut in with_norm.cuts] == ["norm1", "norm2", "norm3"]
    assert [cut.name for cut in without.cuts] == ["conv1", "conv2", "conv3"]
    assert [(cut.name, cut.n_channels) for cut in own.cuts] == [("out", 16)]


@pytest.mark.parametrize("batch_norm", [True, False])
def test_largest_channels_are_kept_by_brute_force(batch_norm):
    module = random_cnn((4, 5, 6), batch_norm=batch_norm)
    structure = make_structure(module, (16, 16), GroupPenalty())
    structure.kept = [2, 3, 4]
    read = torch.ones(1, dtype=torch.bool)
    for i, alive in enumerate(structure.largest(), start=1):
        weight = getattr(module, f"conv{i}").weight[:, read]
        size = getattr(module, f"norm{i}").weight.abs() if batch_norm else weight.flatten(1).norm(dim=1)
        expected = size >= size.sort().values[-structure.kept[i - 1]]
        assert torch.equal(alive, expected)
        read = alive


def test_masks_leave_a_network_without_the_dead_channels():
    module = random_cnn((4, 5, 6))
    structure = make_structure(module, (16, 16), SparseGroupPenalty())
    structure.kept = [2, 3, 4]
    with torch.no_grad():
        for tensor, mask in zip(structure.tensors, structure(), strict=True):
            tensor *= mask
    assert [int(alive.sum()) for alive in structure.chain.living()] == [2, 3, 4]
    assert structure.weights_kept([2, 3, 4]) == pytest.approx(
        (2 * 9 + 6 * 9 + 12 * 9 + 4 * 4 * 3) / (4 * 9 + 20 * 9 + 30 * 9 + 6 * 4 * 3)
    )


def test_lam_by_hand_removes_channels_too(stripes):
    classifier = structured(lam=0.3, max_iter=12).fit(*stripes)
    scales = [classifier.module_.get_submodule(f"norm{i}").weight for i in (1, 2, 3)]
    assert set(classifier.layer_lam_) == {"norm1", "norm2", "norm3"}
    assert all(scale.any() for scale in scales)
    assert not all(scale.all() for scale in scales)
    with pytest.warns(DeadLayerWarning, match="All groups of layer 'norm1' are zero .* try lam="):
        structured(lam=50.0).fit(*stripes)


def test_groups_of_the_fully_connected_layer_are_all_pixels_of_a_channel(stripes):
    classifier = structured(penalized="fc", target_sparsity=0.5).fit(*stripes)
    blocks = classifier.module_.fc.weight.unflatten(1, (8, 4)).ne(0)
    assert blocks.any(2).any(0).sum() == 4
    assert living(classifier)[0][2] == 4


def test_own_network_loses_hidden_neurons(stripes):
    classifier = structured(module=OwnNetwork, target_sparsity=0.75).fit(*stripes)
    assert living(classifier)[0] == [4]
    assert classifier.sparsity_ == 0.75


def test_path_and_search_walk_structured_targets(stripes):
    start = structured(max_iter=4, finetune_iter=1)
    macs = [1.0, 0.5, 0.2]
    path = sparsity_path(*stripes, estimator=start, macs=macs)
    reached = [living(fitted)[1] for fitted in path]
    assert all(0.4 * wanted <= got <= wanted for got, wanted in zip(reached, macs, strict=True))
    assert [fitted.target_macs for fitted in path] == macs
    halved = sparsity_path(*stripes, estimator=start, sparsities=[0, 0.5])[1]
    assert living(halved)[0] == [2, 4, 4]
    search = SparseCurveCNNClassifierCV(start, macs=macs, cv=2).fit(*stripes)
    assert search.cv_results_["param_target_macs"].tolist() == macs
    assert living(search.best_estimator_)[1] <= search.best_params_["target_macs"]


def test_grid_search_over_penalties_of_weights_and_of_groups(stripes):
    grid = {"penalty": ["l0", "group_l0", "group_tl1"], "target_sparsity": [0.5, 0.75]}
    search = GridSearchCV(structured(max_iter=4, finetune_iter=1), grid, cv=2).fit(*stripes)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()
    shaped = GridSearchCV(
        structured(penalty=GroupPenalty("tl1"), target_macs=0.5), {"penalty__pixels": [1]}, cv=2
    )
    assert shaped.fit(*stripes).best_score_ > 0.4


def test_warm_start_begins_with_the_channels_that_are_left(stripes):
    classifier = structured(target_sparsity=0.5, warm_start=True).fit(*stripes)
    dead = [classifier.module_.get_submodule(f"norm{i}").weight == 0 for i in (1, 2, 3)]
    classifier.set_params(max_iter=1, finetune_iter=0).fit(*stripes)
    again = [classifier.module_.get_submodule(f"norm{i}").weight == 0 for i in (1, 2, 3)]
    assert all(torch.equal(before, after) for before, after in zip(dead, again, strict=True))


def test_partial_fit_follows_a_structured_target(stripes):
    classifier = structured(target_macs=0.3, max_iter=4)
    for _ in range(3):
        classifier.partial_fit(*stripes)
    assert living(classifier)[1] <= 0.3


@pytest.mark.parametrize(
    ("params", "message"),
    [
        (
            {"penalty": "l0", "target_macs": 0.5},
            "target_macs=0.5 needs a penalty of groups, .* got penalty='l0'",
        ),
        ({"penalized": "fc", "target_macs": 0.5}, "target_macs=0.5 needs penalized='all'"),
        ({"lam": 0.1, "target_macs": 0.5}, "target_macs=0.5 needs lam='auto'"),
        (
            {"target_macs": 0.001},
            r"target_macs=0.001 is less than one channel in every layer needs: .* 0\.0\d+",
        ),
        ({"penalty": "sparse_group_l0"}, "penalty='sparse_group_l0' .* needs target_macs"),
        ({"target_macs": 0.0}, "target_macs"),
        ({"target_macs": 1.5}, "target_macs"),
    ],
)
def test_bad_structured_targets_are_refused_by_name(stripes, params, message):
    classifier = structured(**params)
    before = dict(vars(classifier))
    with pytest.raises(ValueError, match=message):
        classifier.fit(*stripes)
    assert vars(classifier) == before


def test_network_of_one_layer_has_no_channels_to_remove(stripes):
    with pytest.raises(
        ValueError, match="Sequential has no channels to remove: it has one layer of weights, '1'"
    ):
        structured(module=nn.Sequential(nn.Flatten(), nn.Linear(256, 2)), target_sparsity=0.5).fit(*stripes)


def test_normalised_pixels_are_left_alone(stripes):
    layers = [nn.BatchNorm2d(1), nn.Conv2d(1, 8, 3), nn.ReLU(), nn.Flatten(), nn.Linear(8 * 196, 2)]
    classifier = structured(module=nn.Sequential(*layers), target_sparsity=0.5).fit(*stripes)
    assert living(classifier)[0] == [4]
    assert classifier.module_[0].weight.all()


class Branched(nn.Module):
    """Adds its input to the output of its first layer."""

    def __init__(self):
        super().__init__()
        self.conv, self.fc = nn.Conv2d(1, 1, 3, padding=1), nn.Linear(256, 2)

    def forward(self, x):
        return self.fc((self.conv(x) + x).flatten(1))


class Tied(nn.Module):
    """Two layers with one weight."""

    def __init__(self):
        super().__init__()
        self.first, self.second, self.out = nn.Linear(256, 256), nn.Linear(256, 256), nn.Linear(256, 2)
        self.second.weight = self.first.weight

    def forward(self, x):
        return self.out(self.second(self.first(x.flatten(1)).relu()))


@pytest.mark.parametrize(("module", "message"), [(Branched, "Branched.*Torch-Pruning"), (Tied, "Tied.*")])
def test_networks_that_are_no_chain_are_refused_by_name(stripes, module, message):
    with pytest.raises(ValueError, match=message):
        structured(module=module, target_sparsity=0.5).fit(*stripes)


def test_points_of_a_path_are_refused_by_name(stripes):
    with pytest.raises(ValueError, match="Give only one of sparsities, lams and macs"):
        sparsity_path(*stripes, estimator=structured(), macs=[0.5], lams=[0.1])
    for macs in ([0.5, 0.7], [0.0], [1.2]):
        with pytest.raises(ValueError, match="macs"):
            sparsity_path(*stripes, estimator=structured(), macs=macs)
    with pytest.raises(ValueError, match=r"target_macs=.* needs a penalty of groups"):
        sparsity_path(*stripes, estimator=quick(penalized="all"), macs=[0.5])


def test_rvsm_takes_a_penalty_and_a_target_for_each_tensor():
    torch.manual_seed(0)
    net = nn.Sequential(nn.Conv2d(1, 8, 3), nn.Flatten(), nn.Linear(8 * 36, 10))
    split, base = [net[0].weight, net[2].weight, net[2].bias], torch.optim.SGD(net.parameters(), lr=0.1)
    optimizer = RVSM(base, split, ["group_l0", "l1", None], target_sparsity=[0.25, 0.5, 0.0])
    zero_filters = (optimizer.u[0].flatten(1) == 0).all(1)
    assert zero_filters.sum() == 2
    assert (optimizer.u[1] == 0).double().mean() == 0.5
    assert torch.equal(optimizer.u[2], net[2].bias)
    assert optimizer.lam[2] == 0.0
    assert optimizer.unit_sparsity() == (2 + 1440) / (8 + 2880)


def test_rvsm_restriction_holds_whatever_lam_is():
    weight = nn.Parameter(torch.tensor([3.0, -2.0, 1.0, 0.5]))
    optimizer = RVSM(torch.optim.SGD([weight], lr=0.1), [weight], "l0", target_sparsity=0.5)
    assert optimizer.u[0].tolist() == [3.0, -2.0, 0.0, 0.0]
    optimizer.restriction = lambda: [torch.tensor([0.0, 1.0, 1.0, 1.0])]
    optimizer.update_u()
    assert optimizer.u[0].tolist() == [0.0, -2.0, 1.0, 0.0]
    weight.grad = torch.zeros(4)
    optimizer.step()
    assert weight.detach().tolist() == pytest.approx([2.7, -2.0, 1.0, 0.45])


@pytest.mark.parametrize(
    ("penalty", "target", "message"),
    [
        (["l0"], 0.5, "penalty must be one, or a list of one for each of the 2 tensors"),
        ([None, None], 0.5, "not all None"),
        ("l0", [0.5], "target_sparsity must be one number, or one for each of the 2 tensors"),
        ("l0", [0.5, 1.0], "target_sparsity must be from 0 to below 1"),
    ],
)
def test_rvsm_refuses_lists_of_other_lengths(penalty, target, message):
    net = nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 2))
    split = [net[0].weight, net[1].weight]
    with pytest.raises(ValueError, match=message):
        RVSM(torch.optim.SGD(net.parameters(), lr=0.1), split, penalty, target_sparsity=target)


def test_lam_of_one_penalty_by_group_is_refused(stripes):
    with pytest.raises(ValueError, match="lam"):
        small(penalty="group_l0", penalized="all", lam=[0.1] * 20).fit(*stripes)


@pytest.mark.parametrize("penalty", ["group_l0", "sparse_group_l0"])
def test_fine_tuning_without_the_removed_channels_is_that_of_the_whole_network(stripes, penalty, monkeypatch):
    params = {"penalty": penalty, "target_macs": 0.3, "finetune_iter": 3, "max_iter": 4}
    narrow = structured(**params).fit(*stripes)
    monkeypatch.setattr(trainer, "narrow_view", lambda module, image_shape: module)
    whole = structured(**params).fit(*stripes)
    for name, expected in whole.module_.state_dict().items():
        torch.testing.assert_close(narrow.module_.state_dict()[name], expected, rtol=1e-3, atol=1e-4)
    assert narrow.history_["loss"] == pytest.approx(whole.history_["loss"], rel=1e-4)


def test_history_counts_the_zeros_of_weights(stripes):
    classifier = structured(penalty="sparse_group_l0", target_macs=0.3, target_sparsity=0.9).fit(*stripes)
    assert classifier.history_["sparsity"][-1] == classifier.sparsity_


def test_sparse_groups_by_lam_leave_groups_before_batch_normalisation_alone(stripes):
    module = random_cnn((4, 5, 6))
    split = make_split(structured(penalty="sparse_group_l0", lam=0.1), module, (16, 16))
    of_groups = {name: hasattr(penalty, "gains") for name, _, penalty in split.penalized()}
    expected = dict.fromkeys(("conv1", "conv2", "conv3"), False) | dict.fromkeys(
        ("norm1", "norm2", "norm3", "fc"), True
    )
    assert of_groups == expected


def test_rvsm_restriction_holds_at_once_in_a_copy():
    w = nn.Parameter(torch.arange(1.0, 9.0))
    optimizer = RVSM(torch.optim.SGD([w], lr=0.1), [w], "l0", lam=0.0)
    optimizer.restriction = partial(list, [torch.tensor([1.0, 0.0] * 4)])
    optimizer.update_u()
    for _ in range(3):
        w.grad = torch.ones_like(w)
        optimizer.step()
    copied = copy.deepcopy(optimizer)
    (w,) = copied.split_params
    w.grad = torch.ones_like(w)
    copied.step()
    assert (copied.u[0][1::2] == 0).all()
    assert copied.u[0][::2].all()
