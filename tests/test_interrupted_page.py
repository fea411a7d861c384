"""The examples of the page on long runs as they stand, one after the other, and killed in between."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

PAGE = Path(__file__).parent.parent / "docs" / "user_guide" / "interrupted.md"
BLOCKS = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), flags=re.DOTALL)


def test_examples_of_the_page_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    printed = []
    names = {"print": lambda *values: printed.append(values)}
    for code in BLOCKS:
        exec(code, names)
    assert printed[0][0] == pytest.approx(0.9, abs=0.01)
    assert printed[1][0].keys() == {"target_sparsity"}
    assert printed[2][1] == 5
    assert printed[3][0] == "sparsecnn-checkpoint"
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        *("spirals-cv", "spirals-fit.safetensors", "spirals-grid")
    ]


def test_first_example_goes_on_after_a_kill(tmp_path):
    def start():
        return subprocess.Popen(
            [sys.executable, "-c", BLOCKS[0]], cwd=tmp_path, stdout=subprocess.PIPE, text=True, bufsize=1
        )

    first = start()
    for _ in range(3):
        first.stdout.readline()
    first.kill()
    first.communicate()
    lines = start().communicate()[0].splitlines()
    assert lines[0].startswith(("Epoch 3/", "Epoch 4/", "Epoch 5/"))
    assert lines[-1] == start().communicate()[0].strip()  # a finished one trains nothing
