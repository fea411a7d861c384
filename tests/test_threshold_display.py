"""The display of proximal maps."""

import numpy as np
import pytest
import torch

from sparsecnn.inspection import ThresholdDisplay
from sparsecnn.penalties import L0, L1, PENALTIES, GroupPenalty, TransformedL1, get_penalty

GROUPS = [name for name in PENALTIES if name.startswith("group")]
# In groups of one weight, none of exclusive sparsity becomes zero.
WITHOUT_THRESHOLD = ("exclusive", "hoyer", "nuclear")
WITH_THRESHOLD = [name for name in PENALTIES if name not in WITHOUT_THRESHOLD]
SINGLE = [name for name in WITH_THRESHOLD if PENALTIES[name]().unit != "group"]


def drawn(display, name):
    return display.lines_[name].get_xdata(), display.lines_[name].get_ydata()


def dashes(line):
    """Return the lengths of dashes and gaps, in widths of the line."""
    pattern = line._unscaled_dash_pattern[1]
    return None if pattern is None else tuple(pattern)


@pytest.mark.parametrize("name", SINGLE)
def test_map_is_that_of_the_penalty(name):
    display = ThresholdDisplay.from_penalty(name, threshold=0.02)
    w, mapped = drawn(display, name)
    expected = get_penalty(name).prox(torch.from_numpy(w), display.steps[name])
    np.testing.assert_array_equal(mapped, expected)
    assert (w[0], w[-1]) == (-0.1, 0.1)


@pytest.mark.parametrize("name", WITHOUT_THRESHOLD)
def test_penalty_without_a_threshold_is_drawn_by_its_lam(name):
    display = ThresholdDisplay.from_penalty(name, lam=2e-4)
    w, mapped = drawn(display, name)
    np.testing.assert_array_equal(mapped, get_penalty(name).prox(torch.from_numpy(w), 2e-4))
    with pytest.raises(ValueError, match=r"has no λ for a target sparsity, since|does not set 1 of 2 units"):
        ThresholdDisplay.from_penalty(name, threshold=0.02)


@pytest.mark.parametrize("name", WITH_THRESHOLD)
def test_weights_and_norms_up_to_the_threshold_become_zero(name):
    w, mapped = drawn(ThresholdDisplay.from_penalty(name, threshold=0.02), name)
    zero = (w >= 0) & (w < 0.02 * (1 - 1e-9))
    assert (mapped[zero] == 0).all()
    assert (mapped[w > 0.0201] != 0).all()


@pytest.mark.parametrize("name", GROUPS)
def test_norms_of_groups_are_those_after_the_map(name):
    display = ThresholdDisplay.from_penalty(name, lam=4e-4, beta=2.0)
    norms, mapped = drawn(display, name)
    assert norms[0] == 0
    generator = torch.Generator().manual_seed(0)
    filters = torch.randn((len(norms), 2, 3, 3), generator=generator, dtype=torch.float64)
    filters *= torch.from_numpy(norms)[:, None, None, None] / rms(filters)[:, None, None, None]
    after = rms(get_penalty(name).prox(filters, 2e-4))
    # Where the map jumps, rounding decides.
    assert np.isclose(mapped, after, atol=1e-12).mean() > 0.998


def rms(filters):
    return filters.square().mean((1, 2, 3)).sqrt()


@pytest.mark.parametrize("penalty", [GroupPenalty("l1", axis=1), GroupPenalty("l1", pixels=16)])
def test_layout_of_groups_does_not_matter(penalty):
    plain = ThresholdDisplay.from_penalty("group_l1").mapped["group_l1"]
    np.testing.assert_array_equal(ThresholdDisplay.from_penalty({"here": penalty}).mapped["here"], plain)


def test_several_penalties_share_axes_and_differ_without_colours():
    display = ThresholdDisplay.from_penalty(["l0", TransformedL1(a=0.01), "group_l1"], threshold=1.0, w_max=2)
    assert list(display.lines_) == ["l0", "TransformedL1(a=0.01)", "group_l1"]
    assert {line.axes for line in display.lines_.values()} == {display.ax_}
    assert len({line.get_linestyle() for line in display.lines_.values()}) == 3
    assert len({line.get_color() for line in display.lines_.values()}) == 3
    assert display.ax_.get_xlabel() == "weight w, or norm of a group"
    w, mapped = drawn(display, "group_l1")
    assert (w[0], w[-1]) == (-2, 2)
    assert np.isnan(mapped[w < 0]).all()


def test_no_two_of_all_penalties_look_the_same():
    lines = ThresholdDisplay.from_penalty(list(PENALTIES), lam=2e-4).lines_.values()
    assert len({(line.get_color(), dashes(line)) for line in lines}) == len(PENALTIES)


def test_eight_penalties_differ_without_colours():
    lines = ThresholdDisplay.from_penalty(SINGLE[:8]).lines_.values()
    assert len({dashes(line) for line in lines}) == 8


def test_lam_over_beta_is_the_step():
    display = ThresholdDisplay.from_penalty({"hard": L0(), "soft": L1()}, lam=0.5, beta=2.0)
    assert display.steps == {"hard": 0.25, "soft": 0.25}
    assert drawn(display, "hard")[0][-1] == pytest.approx(5 * np.sqrt(0.5))
    assert ThresholdDisplay.from_penalty("l0", lam=0).weights[-1] == 5


def test_penalty_of_ones_own():
    class Own:
        def value(self, w):
            return w.abs().sum()

        def prox(self, w, step):
            return torch.where(w.abs() <= step, 0.0, w)

    display = ThresholdDisplay.from_penalty({"own": Own()}, threshold=0.5)
    assert display.steps["own"] == pytest.approx(0.5)


def test_display_passes_options_to_matplotlib_and_uses_given_axes():
    first = ThresholdDisplay.from_penalty("l1")
    again = ThresholdDisplay.from_penalty("l0", ax=first.ax_, color="black", linestyle=":")
    assert again.ax_ is first.ax_
    assert again.figure_ is first.figure_
    assert (again.lines_["l0"].get_color(), again.lines_["l0"].get_linestyle()) == ("black", ":")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"penalty": "l3"}, "penalty must be one of .* got 'l3'"),
        ({"penalty": []}, "penalty must be one or several penalties, got none"),
        ({"penalty": "l0", "threshold": 0}, "threshold must be a finite number above 0, got 0"),
        ({"penalty": "l0", "beta": -1.0}, r"beta must be a finite number above 0, got -1\.0"),
        ({"penalty": "l0", "w_max": np.inf}, "w_max must be a finite number above 0, got inf"),
        ({"penalty": "l0", "lam": -1e-3}, "lam must be None or a finite number of at least 0, got -0.001"),
    ],
)
def test_display_refuses_bad_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        ThresholdDisplay.from_penalty(**arguments)
