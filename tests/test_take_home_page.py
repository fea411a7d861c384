"""The examples of the page on files, ONNX and browsers run as they stand, one after the other."""

import re
from pathlib import Path

import pytest

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
]

PAGE = Path(__file__).parent.parent / "docs" / "user_guide" / "take_home.md"
BLOCKS = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), flags=re.DOTALL)


def test_examples_of_the_page_run_and_agree(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    printed = []
    names = {"print": printed.append}
    for code in BLOCKS:
        exec(code, names)
    same_file, difference, same_onnx = printed
    assert same_file
    assert difference < 1e-5
    assert same_onnx
    sizes = {path.name: path.stat().st_size for path in tmp_path.iterdir()}
    assert sorted(sizes) == ["spirals-int8.onnx", "spirals.html", "spirals.onnx", "spirals.safetensors"]
    assert sizes["spirals.safetensors"] < sizes["spirals-int8.onnx"] < sizes["spirals.onnx"]
    assert b"not a diagnosis" in (tmp_path / "spirals.html").read_bytes()
