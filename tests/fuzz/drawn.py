"""Cases that hypothesis draws."""

from collections.abc import Callable

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import seed as seeded
from hypothesis import strategies as st


def for_each_drawn(
    cases: st.SearchStrategy, judge: Callable[[object], None], n_cases: int, seed: int
) -> None:
    """Call `judge` with each of so many cases; none is kept, made smaller or tried again."""

    @seeded(seed)
    @settings(
        max_examples=n_cases,
        phases=[Phase.generate],
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(case=cases)
    def judge_one(case):
        judge(case)

    judge_one()
