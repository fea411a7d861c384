"""Proximal maps of all penalties, in every dtype, over NaN, infinity, nothing, and numbers of any size."""

from pathlib import Path

import torch
from hypothesis import strategies as st

from fuzz.drawn import for_each_drawn
from fuzz.tally import Tally
from sparsecnn.penalties import PENALTIES

FLOATS = (torch.float16, torch.bfloat16, torch.float32, torch.float64)
OTHERS = (torch.int64, torch.bool, torch.complex64, torch.uint8, torch.float8_e4m3fn)
SHAPES = ((), (0,), (1,), (7,), (3, 4), (0, 3), (3, 0), (2, 3, 1, 2), (2, 1, 3, 3))
NUMBERS = st.one_of(
    st.floats(-10, 10),
    st.floats(),
    st.sampled_from([0.0, -0.0, float("nan"), float("inf"), -float("inf"), 5e-324, 65504.0, 3.4e38, 1.7e308]),
)
STEPS = st.one_of(
    st.floats(0, 10),
    st.floats(),
    st.sampled_from([0, 1, -1, True, None, "1", float("nan"), float("inf"), 1e-320, 1e300, 10**400]),
)
# P(x) of a vector, of which the objective is least at the map.
SEPARABLE = {name for name in PENALTIES if PENALTIES[name]().unit == "weight"}
# Whose maps let weights grow.
GROWING = {"hoyer", "nuclear"}


@st.composite
def cases(draw):
    """Draw a penalty, weights and a step."""
    shape = draw(st.sampled_from(SHAPES))
    n = torch.Size(shape).numel()
    w = torch.tensor(draw(st.lists(NUMBERS, min_size=n, max_size=n)), dtype=torch.float64).reshape(shape)
    dtype = draw(st.sampled_from(FLOATS + FLOATS + OTHERS))
    if dtype in OTHERS:
        w = w.nan_to_num(0, 100, -100).clamp(-100, 100)
    return draw(st.sampled_from(sorted(PENALTIES))), w.to(dtype), draw(STEPS)


def check_map(found: torch.Tensor, name: str, w: torch.Tensor, step) -> None:
    """Raise AssertionError unless it is no larger, of the same signs, and no worse than 0 and w."""
    assert found.shape == w.shape
    assert found.dtype == w.dtype
    if not w.isfinite().all():
        return  # the numbers beside it may be of its group
    assert found.isfinite().all(), "not finite"
    assert (found.abs() <= w.abs()).all() or name in GROWING, "larger than before"
    assert (found * w >= 0).all() or name == "nuclear", "of another sign"
    assert not (torch.signbit(found) & (found == 0)).any() or step == 0, "negative zero"
    if name in SEPARABLE and w.dtype == torch.float64 and step and 1e-6 < step < 1e6:
        check_minimum(found, PENALTIES[name](), w, float(step))


def check_minimum(found: torch.Tensor, penalty, w: torch.Tensor, step: float) -> None:
    """Raise AssertionError if 0 or w itself is better than the map of any weight."""
    for one, mapped in zip(w.flatten(), found.flatten(), strict=True):
        if 1e-3 < abs(float(one)) < 1e3:
            least, others = objective(penalty, one, mapped, step), (torch.zeros_like(one), one)
            assert all(least <= objective(penalty, one, other, step) * (1 + 1e-9) + 1e-12 for other in others)


def objective(penalty, w: torch.Tensor, x: torch.Tensor, step: float) -> float:
    """Return ``(x - w)² / 2 + step * P(x)`` of one number."""
    extra = (step,) if penalty.depends_on_step else ()
    return float((x - w).square() / 2 + step * penalty.value(x.reshape(1), *extra))


def run(tally: Tally, folder: Path, n_cases: int, seed: int) -> Tally:
    """Judge proximal maps."""

    def judge(case):
        name, w, step = case
        tally.judge(
            f"{name}.prox({w.tolist()} of {w.dtype}, {step!r})",
            lambda: PENALTIES[name]().prox(w, step),
            lambda found: check_map(found, name, w, step),
            names=[r"\bw\b", r"\bstep\b"],
        )

    for_each_drawn(cases(), judge, n_cases, seed)
    return tally.end()
