"""A network without its empty channels: the same scores and gradients, sooner."""

import itertools

import pytest
import torch
from chains import random_network
from torch import nn
from torch.nn.functional import cross_entropy

from sparsecnn._network import CurveCNN, make_chain, narrow_view, set_image_weight
from sparsecnn._network.narrow import NarrowView, empty_channels


@torch.no_grad()
def empty(chain, share, seed):
    """Make some channels between the stages of a chain empty, not all of any width."""
    generator = torch.Generator().manual_seed(seed)
    for stage, reader in itertools.pairwise(chain.stages):
        out = torch.rand(stage.n_written, generator=generator) < share
        out[0] = False
        for layer in (stage.layer, *(link.layer for link in stage.after)):
            for parameter in layer.parameters():
                parameter[out.repeat_interleave(len(parameter) // len(out))] = 0
        reader.layer.weight[:, out.repeat_interleave(reader.layer.weight.shape[1] // len(out))] = 0


def scores_and_gradients(network, module, x, y):
    module.zero_grad()
    scores = network(x)
    cross_entropy(scores, y).backward()
    return [scores.detach(), *(p.grad.clone() for p in module.parameters())]


def wide_network(**options):
    torch.manual_seed(0)
    module = CurveCNN((17, 24), 3, (6, 7, 8), **options).double()
    for parameter in module.parameters():
        nn.init.normal_(parameter, std=0.5)
    empty(make_chain(module, (17, 24)), 0.5, 0)
    return module.train()


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("batch_norm", [True, False])
def test_view_gives_scores_and_gradients_of_the_wide_network(batch_norm, weighted):
    module = wide_network(batch_norm=batch_norm)
    view = narrow_view(module, (17, 24)).train()
    assert isinstance(view, NarrowView)
    x, y = torch.randn(9, 1, 17, 24, dtype=torch.float64), torch.arange(9) % 3
    set_image_weight(view, torch.rand(9, dtype=torch.float64) if weighted else None)
    kept = [~out for out in empty_channels(make_chain(module, (17, 24)))]
    wide = scores_and_gradients(module, module, x, y)
    narrow = scores_and_gradients(view, module, x, y)
    torch.testing.assert_close(narrow[0], wide[0])
    for expected, got in zip(wide[1:], narrow[1:], strict=True):
        torch.testing.assert_close(got[got != 0], expected[got != 0])
    # Shifts of empty channels alone have gradients that the view lacks, and those of what reads them.
    n_weights = [sum(int((g != 0).sum()) for g in grads) for grads in (narrow[1:], wide[1:])]
    assert n_weights[0] <= n_weights[1]
    assert [len(layer.weight) for layer in view.narrow if isinstance(layer, nn.Conv2d)] == [
        int(which.sum()) for which in kept
    ]


@pytest.mark.parametrize("seed", range(40))
def test_view_of_any_chain_gives_its_scores(seed):
    module, shape, n_channels = random_network(seed)
    chain = make_chain(module, shape)
    empty(chain, 0.4, seed)
    view = narrow_view(module, shape).eval()
    x = torch.randn(5, n_channels, *shape, dtype=torch.float64)
    with torch.no_grad():
        torch.testing.assert_close(view(x.clone()), module.eval()(x.clone()))


def test_view_follows_its_wide_network():
    module = wide_network()
    view = narrow_view(module, (17, 24)).eval()
    x = torch.randn(4, 1, 17, 24, dtype=torch.float64)
    with torch.no_grad():
        module.eval().fc.bias += 1
        torch.testing.assert_close(view(x), module(x))


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_network_without_empty_or_without_other_channels_is_left(share):
    module = wide_network()
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.fill_(1 - share)
    assert narrow_view(module, (17, 24)) is module


class OtherInTraining(nn.Sequential):
    def forward(self, x):
        return super().forward(2 * x if self.training else x)


class Noisy(nn.Sequential):
    def forward(self, x):
        return super().forward(nn.functional.dropout(x, 0.5, self.training))


@pytest.mark.parametrize("kind", [OtherInTraining, Noisy])
def test_network_that_is_another_in_training_is_left(kind):
    module = kind(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(4 * 36, 2))
    empty(make_chain(module, (8, 8)), 0.9, 1)
    assert narrow_view(module, (8, 8)) is module
