"""What RVSM and the penalties say to bad input: the argument, what was expected and what was given."""

import math

import pytest
import torch
from torch import nn

from sparsecnn import RVSM
from sparsecnn.penalties import (
    L0,
    MCP,
    SCAD,
    CappedL1,
    L1MinusL2,
    LogSum,
    TransformedL1,
    get_penalty,
    lam_for_sparsity,
)

NET = nn.Sequential(nn.Flatten(), nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 2))
WEIGHT = NET[1].weight
NO_NUMBERS = ["x", math.nan, math.inf, 1j, True, None, [0.1]]


def rvsm(base=None, params=(WEIGHT,), penalty="l0", **settings):
    base = torch.optim.Adam(NET.parameters()) if base is None else base
    return RVSM(base, params, penalty, **({"lam": 1e-4} | settings))


def changed(name, value):
    optimizer = rvsm()
    setattr(optimizer, name, value)


class Half:
    """A penalty of groups that says no more of them."""

    unit = "group"

    def value(self, w):
        return w.sum()

    def prox(self, w, step):
        return w


CASES = [
    (
        lambda: rvsm(params=NET),
        r"params must be an iterable of tensors.*net.parameters\(\), got a Sequential",
    ),
    (lambda: rvsm(params=WEIGHT), r"params must be an iterable of tensors.*a tensor of .* shape \(8, 6\)"),
    (lambda: rvsm(params=3), "params must be an iterable of tensors.*got 3"),
    (lambda: rvsm(params="fc"), "params must be an iterable of tensors.*got 'fc'"),
    (lambda: rvsm(params=dict(NET.named_parameters())), r"params\[0\] must be a tensor, got '1.weight'"),
    (lambda: rvsm(params=NET.named_parameters()), r"params\[0\] must be a tensor, got a tuple"),
    (lambda: rvsm(params=[WEIGHT, WEIGHT * 2]), r"params\[1\] must be a leaf.*got a computed tensor"),
    (
        lambda: rvsm(params=[torch.ones(3, dtype=torch.int64)]),
        r"params\[0\] must be of a real floating dtype",
    ),
    (
        lambda: rvsm(params=[torch.ones(3, dtype=torch.complex64)]),
        r"params\[0\].*got a tensor of torch.complex64",
    ),
    (lambda: rvsm(params=[torch.ones(0, 3)]), r"params\[0\].*at least one element, got .* shape \(0, 3\)"),
    (lambda: rvsm(params=[torch.ones(3)]), r"params\[0\] must be among the parameters of the base optimizer"),
    (lambda: rvsm(params=[WEIGHT, WEIGHT]), "params must hold different tensors, got the same tensor twice"),
    (lambda: rvsm(params=[]), "params must hold at least one tensor, got none with penalty='l0'"),
    (lambda: rvsm(base=NET.parameters()), r"base must be a torch.optim.Optimizer.*got a generator"),
    (lambda: rvsm(base=NET), "base must be a torch.optim.Optimizer.*got a Sequential"),
    (lambda: rvsm(penalty=None), "penalty must be one of .* got None"),
    (lambda: rvsm(penalty="l3"), "penalty must be one of .* got 'l3'"),
    (lambda: rvsm(sparsity_scope="all"), "sparsity_scope must be 'global' or 'layer', got 'all'"),
    *((lambda v=v: changed("lam", v), "lam must be .*got ") for v in [*NO_NUMBERS[:-1], -1.0, ["x"], [True]]),
    *((lambda v=v: rvsm(lam=v), "lam must be .*got ") for v in [*NO_NUMBERS[:-2], -1.0, {"a": 1}]),
    *((lambda v=v: rvsm(beta=v), "beta must be a finite number above 0, got ") for v in [*NO_NUMBERS, 0.0]),
    *(
        (lambda v=v: rvsm(lam=None, target_sparsity=v), "target_sparsity must be from 0 to below 1, got ")
        for v in ["x", math.nan, 1j, True, [1.0], 1.0, -0.1]
    ),
    *((lambda v=v: L0().prox(WEIGHT, v), r"step \(lam / beta\) must be .*got ") for v in [*NO_NUMBERS, -1.0]),
    *((lambda v=v: lam_for_sparsity(L0(), WEIGHT, 1.0, v), "sparsity must be .*got ") for v in NO_NUMBERS),
    *((lambda v=v: lam_for_sparsity(L0(), WEIGHT, v, 0.5), "beta must be .*got ") for v in NO_NUMBERS),
    *(
        (
            lambda p=p, v=v, name=name: rvsm(penalty=p(**{name: v})),
            f"{p.__name__} needs a finite .*got {name}=",
        )
        for p, name in [
            *((TransformedL1, "a"), (SCAD, "a"), (MCP, "gamma"), (LogSum, "epsilon"), (CappedL1, "theta")),
            (L1MinusL2, "alpha"),
        ]
        for v in NO_NUMBERS
    ),
    (lambda: get_penalty(Half()), r"penalty must have both unit and magnitudes\(w\), or neither"),
    (lambda: rvsm().load_state_dict(torch.optim.Adam([WEIGHT]).state_dict()), "missing keys .*'lam'"),
    (lambda: rvsm().load_state_dict(rvsm().state_dict() | {"momentum": 1}), r"foreign keys \['momentum'\]"),
    (lambda: rvsm().load_state_dict([1]), "state_dict must be a dict .*got a list"),
    (lambda: rvsm().load_state_dict(rvsm(params=[NET[3].weight]).state_dict()), "other weights split"),
]


@pytest.mark.parametrize(("call", "message"), CASES)
def test_bad_input_is_refused_by_name(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_refused_rvsm_leaves_the_base_optimizer_as_it_was():
    base = torch.optim.Adam(NET.parameters())
    groups = base.param_groups
    with pytest.raises(ValueError, match="beta"):
        rvsm(base, beta=-1.0)
    assert base.param_groups is groups
    assert len(groups[0]["params"]) == 4


def test_checkpoint_of_other_shapes_is_refused():
    other = nn.Linear(3, 8)
    state = RVSM(torch.optim.Adam(other.parameters()), [other.weight], "l0", lam=0.1).state_dict()
    net = nn.Linear(6, 8)
    with pytest.raises(ValueError, match=r"must be .*\(8, 6\).*, got .*\(8, 3\)"):
        RVSM(torch.optim.Adam(net.parameters()), [net.weight], "l0", lam=0.1).load_state_dict(state)


def test_repr_shows_penalty_lam_beta_base_and_split_tensors():
    assert repr(rvsm(beta=2.0)) == (
        "RVSM(penalty=L0(), lam=0.0001, beta=2.0, base=Adam, split_params=1 tensor)"
    )
    both = rvsm(params=[WEIGHT, NET[3].weight], penalty=SCAD(a=3.0), lam=None, target_sparsity=0.0)
    assert repr(both) == (
        "RVSM(penalty=SCAD(a=3.0), target_sparsity=0.0, lam=0.0, beta=1.0, base=Adam, split_params=2 tensors)"
    )


def test_rvsm_that_splits_nothing_is_the_base_optimizer():
    optimizer = rvsm(params=[], penalty=None)
    assert optimizer.unit_sparsity() == 0
    assert optimizer.distance() == 0
    assert optimizer.u == []
