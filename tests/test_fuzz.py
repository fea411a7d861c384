"""The short form of the campaign of `make fuzz`."""

import pytest
from fuzz import arguments, arrays, faults, files, maps, stored, tablets
from fuzz.tally import Tally

pytestmark = pytest.mark.filterwarnings("ignore")  # the tally looks at each

SHORT = {
    "mutated": (files.run_mutated, 250),
    "cut": (files.run_cut, 100),
    "tablets": (tablets.run, 150),
    "arrays": (arrays.run, 100),
    "estimators": (arguments.run_estimators, 100),
    "rest": (arguments.run_rest, 150),
    "maps": (maps.run, 200),
    "models": (stored.run_models, 20),
    "checkpoints": (stored.run_checkpoints, 20),
    "interrupts": (faults.run_interrupts, 12),
}


@pytest.mark.parametrize("subject", SHORT)
def test_hostile_cases_are_answered_rightly_or_refused_by_name(subject, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "files").mkdir()
    run, n_cases = SHORT[subject]
    tally = run(Tally(subject), tmp_path / "files", n_cases, seed=0)
    assert not tally.faults, "\n".join(tally.faults)
    assert tally.tried >= n_cases / 2  # of files, an equal number of each format


@pytest.mark.parametrize("subject", [*arguments.ESTIMATORS, *arguments.REST])
def test_subjects_answer_without_odd_arguments(subject, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run, check, _ = (arguments.ESTIMATORS | arguments.REST)[subject]
    check(run(**{"step": 0.1} if subject in ("Binary", "Ternary") else {}))


def test_tally_counts_what_is_wrong_unnamed_and_slow():
    def fail():
        raise ValueError("y is odd")

    def wrong(answer):
        raise AssertionError(f"{answer} is wrong")

    tally = Tally("tally")
    tally.judge("named", fail, names=["y"])
    tally.judge("unnamed", fail, names=["X"])
    tally.judge("wrong", lambda: 1, wrong)
    tally.judge("crash", lambda: 1 / 0, names=["division"])
    tally.judge("slow", lambda: sum(range(100_000)), seconds=0.0)
    tally.judge("large", lambda: bytearray(300_000_000).find(1))
    assert (tally.tried, tally.answered, tally.refused) == (6, 3, 3)
    found = [fault.split(": ")[1:3] for fault in tally.faults]
    assert [case for case, _ in found] == ["unnamed", "wrong", "crash", "slow", "large"]
    assert tally.largest > 290e6
