"""The examples of CONTRIBUTING.md run as they stand."""

import re
from pathlib import Path

import pytest
from PIL import Image

pytestmark = pytest.mark.slow

TEXT = (Path(__file__).parent.parent / "CONTRIBUTING.md").read_text(encoding="utf-8")
PENALTY, GENERATOR, DISPLAY = re.findall(r"```python\n(.*?)```", TEXT, flags=re.DOTALL)


def test_a_penalty_of_ones_own_reaches_its_target(capsys):
    exec(PENALTY, {"__name__": __name__})
    assert abs(float(capsys.readouterr().out) - 0.8) < 0.01


def test_groups_of_a_generator_stay_apart(capsys):
    exec(GENERATOR, {})
    assert capsys.readouterr().out.split("\n")[:2] == ["set()", "set()"]


def test_display_of_a_path_is_drawn(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    exec(DISPLAY, {})
    with Image.open(tmp_path / "path.png") as picture:
        low, high = picture.convert("L").getextrema()
    assert low < high
