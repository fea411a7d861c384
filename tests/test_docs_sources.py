"""The sources of the documentation, and what its build makes of them besides pages."""

import re
import sys

import pytest
from documents import ROOT

NOTEBOOKS = sorted((ROOT / "docs" / "notebooks").glob("[!i]*.md"))


@pytest.mark.parametrize("page", NOTEBOOKS, ids=lambda page: page.stem)
def test_code_of_a_notebook_is_no_wider_than_its_page(page):
    cells = re.findall(r"^```\{code-cell\}.*?\n(.*?)^```", page.read_text(encoding="utf-8"), re.M | re.S)
    assert cells
    assert [line for cell in cells for line in cell.splitlines() if len(line) > 80] == []


def test_only_what_is_left_of_lost_names_and_examples_is_stale(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "path", [str(ROOT / "docs" / "_ext"), *sys.path])
    from stale import stale_files

    docs, examples = tmp_path / "docs", tmp_path / "examples"
    example = "sparsity/plot_path"
    kept = [
        docs / f"auto_examples/{example}.{kind}" for kind in ("rst", "py", "py.md5", "ipynb", "codeobj.json")
    ]
    images = docs / "auto_examples" / "sparsity" / "images"
    kept += [images / "sphx_glr_plot_path_001.png", images / "thumb" / "sphx_glr_plot_path_thumb.png"]
    lost = [file.with_name(file.name.replace("plot_path", "plot_path_of_old")) for file in kept]
    lost += [docs / "auto_examples" / "gone" / name for name in ("plot_path.rst", "index.rst")]
    lost += [docs / "generated" / "sparsecnn.Old.rst"]
    kept += [docs / "auto_examples" / "sparsity" / "index.rst", docs / "generated" / "sparsecnn.RVSM.rst"]
    sources = [examples / f"{example}.py", examples / "sparsity" / "GALLERY_HEADER.rst"]
    for file in (*kept, *lost, *sources):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()
    (docs / "api.rst").write_text(".. currentmodule:: sparsecnn\n\n.. autosummary::\n\n   RVSM\n")
    assert sorted(stale_files(docs, examples)) == sorted(lost)
