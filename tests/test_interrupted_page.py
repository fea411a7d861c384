"""The first example of the page on long runs, killed and started again."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

PAGE = Path(__file__).parent.parent / "docs" / "user_guide" / "interrupted.md"
EXAMPLE = re.search(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), flags=re.DOTALL)[1]


def test_first_example_goes_on_after_a_kill(tmp_path):
    def start():
        return subprocess.Popen(
            [sys.executable, "-c", EXAMPLE], cwd=tmp_path, stdout=subprocess.PIPE, text=True, bufsize=1
        )

    first = start()
    for _ in range(3):
        first.stdout.readline()
    first.kill()
    first.communicate()
    lines = start().communicate()[0].splitlines()
    assert lines[0].startswith(("Epoch 3/", "Epoch 4/", "Epoch 5/"))
    assert lines[-1] == start().communicate()[0].strip()  # a finished one trains nothing
