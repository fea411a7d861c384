"""The benchmark that repeats an example with other values of its constants."""

import importlib.util

import matplotlib.pyplot as plt
import numpy as np
import pytest

EXAMPLE = """
NAME, SEED = "a", 0
table = {"sum": {"value": SEED + 1, "letters": len(NAME)}, "twice": {"value": 2 * SEED, "letters": 0}}
"""


@pytest.fixture
def related(benchmarks):
    spec = importlib.util.spec_from_file_location("related", benchmarks / "related.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_combination_of_values_is_run_once(related, tmp_path, capsys):
    file = tmp_path / "results.jsonl"
    names, choices = zip(*map(related.parse_values, ["NAME=bb,ccc", "SEED=1,2"]), strict=True)
    tables = related.collect(EXAMPLE, names, choices, file)
    assert [table["sum"] for table in tables] == [
        {"value": seed + 1, "letters": letters} for letters in (2, 3) for seed in (1, 2)
    ]
    capsys.readouterr()
    assert related.collect(EXAMPLE, names, choices, file) == tables
    assert not capsys.readouterr().out


def test_lines_are_averaged_over_runs(related):
    tables = related.collect(EXAMPLE, ["SEED"], [["0", "4"]], None)
    means, spreads = (related.summarise(tables, function) for function in (np.mean, np.std))
    assert means["twice"] == {"value": 4.0, "letters": 0.0}
    assert spreads["twice"] == {"value": 4.0, "letters": 0.0}


def test_picture_has_the_values_of_all_lines(related, tmp_path):
    tables = related.collect(EXAMPLE, ["SEED"], [["0", "4"]], None)
    related.draw(tables, tmp_path / "picture.png")
    assert (tmp_path / "picture.png").stat().st_size > 1000
    first, second = plt.gcf().axes
    assert [line.get_xdata()[0] for line in first.lines] == [3.0, 4.0]
    assert [line.get_xdata()[0] for line in second.lines] == [1.0, 0.0]
    plt.close("all")


def test_values_of_unknown_names_are_refused(related):
    with pytest.raises(SystemExit, match="NAME, SEED, not SPEED"):
        related.collect(EXAMPLE, ["SPEED"], [["1"]], None)
