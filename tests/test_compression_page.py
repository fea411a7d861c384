"""The examples of the page on compression run as they stand, one after the other."""

import re
from pathlib import Path

import pytest
from PIL import Image

from sparsecnn.inspection import NetworkReport

pytestmark = pytest.mark.slow

PAGE = Path(__file__).parent.parent / "docs" / "user_guide" / "compression.md"
BLOCKS = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), flags=re.DOTALL)


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    """What every example prints, and the names and the folder that they leave behind."""
    folder, names, printed = tmp_path_factory.mktemp("page"), {}, []
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        names["print"] = lambda *values: printed.append(" ".join(map(str, values)))
        for code in BLOCKS:
            exec(code, names)
    return names, printed, folder


def test_page_has_every_example():
    assert len(BLOCKS) == 8


def test_report_of_the_page_is_printed_and_drawn(page):
    names, printed, folder = page
    assert "Removing dead channels" in printed[0]
    assert names["report"].totals.sparsity == pytest.approx(0.9, abs=1e-4)
    with Image.open(folder / "report.png") as picture:
        assert picture.width > 100


def test_latency_of_the_page_is_measured(page):
    names, printed, _ = page
    assert list(names["report"].latency_) == [1, 64]
    assert "median of 20 runs" in printed[1]


def test_network_of_ones_own_is_counted(page):
    assert page[1][2] == str(8 * 25 * 24 * 24 + 8 * 12 * 12 * 10)


def test_channels_of_the_page_are_removed_to_a_tenth_of_the_multiply_adds(page):
    names, printed, _ = page
    totals = NetworkReport.from_estimator(names["narrow"]).totals
    assert totals.living_macs <= 0.1 * totals.macs
    assert names["narrow"].score(names["X"], names["y"]) > 0.9
    assert "times fewer" in printed[3]


def test_both_targets_of_the_page_are_met(page):
    totals = NetworkReport.from_estimator(page[0]["both"]).totals
    assert totals.living_macs <= 0.2 * totals.macs
    assert totals.sparsity == pytest.approx(0.97, abs=1e-3)
    assert page[0]["both"].score(page[0]["X"], page[0]["y"]) > 0.9


def test_compressed_network_of_the_page_predicts_as_before(page):
    names, printed, _ = page
    dense = NetworkReport.from_estimator(names["compressed"]).totals
    assert dense.macs == NetworkReport.from_estimator(names["narrow"]).totals.living_macs
    assert float(printed[6]) < 1e-5


def test_search_of_the_page_covers_penalties_of_weights_and_of_groups(page):
    names, printed, _ = page
    assert len(names["search"].cv_results_["params"]) == 7
    assert "'penalty'" in printed[7]
    assert type(names["smallest"].module_).__name__ == "CompressedNetwork"


def test_compressed_network_of_the_page_trains_on(page):
    names, printed, _ = page
    assert 0.5 <= float(printed[8]) < 0.55
    assert names["sparser"].score(names["X"], names["y"]) > 0.9
