"""The examples run from end to end, on smaller data, and save their pictures."""

import importlib.util
import re
from pathlib import Path

import pytest
from PIL import Image

pytestmark = pytest.mark.slow

EXAMPLES = Path(__file__).parent.parent / "examples"


@pytest.fixture
def load_example(tmp_path, monkeypatch):
    """Return a function that imports an example, to be run in an empty folder."""
    monkeypatch.chdir(tmp_path)

    def load(name):
        spec = importlib.util.spec_from_file_location(name, EXAMPLES / f"{name}.py")
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module

    return load


def is_picture(path):
    with Image.open(path) as image:
        low, high = image.convert("L").getextrema()
    return low < high


def test_quickstart_prints_its_accuracy_on_new_persons(load_example, capsys):
    load_example("quickstart").main()
    printed = capsys.readouterr().out
    assert float(re.search(r"seed 0: accuracy ([\d.]+) on 60 spirals", printed)[1]) > 0.9
    assert "90.0% of the fully connected weights are zero" in printed


def test_thresholds_of_all_penalties_are_drawn(load_example, capsys):
    example = load_example("plot_thresholds")
    example.main()
    assert capsys.readouterr().out.count("zero up to") == 9
    assert is_picture(example.PICTURE)


def test_drawings_are_judged_by_person_and_drawn(load_example, monkeypatch, capsys):
    example = load_example("plot_drawings")
    make_reader = example.make_reader
    quick = {f"sparsecurvecnnclassifier__{name}": 1 for name in ("max_iter", "finetune_iter")}
    monkeypatch.setattr(example, "make_reader", lambda: make_reader().set_params(**quick))
    example.main()
    assert "persons right: " in capsys.readouterr().out
    assert is_picture(example.PICTURE)


def test_demo_prints_its_tables_and_draws_them(load_example, monkeypatch, capsys):
    example = load_example("demo")
    make_shaky_words, classifier = example.make_shaky_words, example.classifier
    quick = {"channels": (4, 4, 8), "max_iter": 2, "finetune_iter": 1}
    monkeypatch.setattr(
        example, "make_shaky_words", lambda n, **options: make_shaky_words(n // 20, **options)
    )
    monkeypatch.setattr(example, "GRID", {"lam": [1e-6, 1e-5], "beta": [0.5, 1.0]})
    monkeypatch.setattr(example, "classifier", lambda **params: classifier(**params | quick))
    example.main()
    tables = capsys.readouterr().out
    assert "600 words to train on, 100 to test on" in tables
    assert all(
        tables.count(f"\n{name:>8} ") == count for name, count in (("dense", 2), ("l0", 5), ("tl1", 5))
    )
    assert is_picture(example.PICTURE)
