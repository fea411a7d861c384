"""The sets of real drawings that benchmarks read, on folders of blank pages."""

import importlib

import numpy as np
import pytest
from PIL import Image


@pytest.fixture
def real_data(benchmarks):
    return importlib.import_module("real_data")


@pytest.fixture
def words(tmp_path, monkeypatch):
    """Blank words of three children of either class, three of each child, below SPARSECNN_DATA."""
    monkeypatch.setenv("SPARSECNN_DATA", str(tmp_path))
    for i in range(18):
        path = tmp_path / "dysgraphia/words" / ("dysgraphia", "typical")[i % 2] / f"U{i % 6:03}-{i // 6}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("L", (8, 8), 255).save(path)
    return path.parent.parent


def test_set_has_the_ill_as_class_1_whatever_their_name(real_data, words):
    drawings = real_data.read_set("dysgraphia")
    assert len(drawings.files) == 18
    np.testing.assert_array_equal(drawings.target == 1, ["/dysgraphia/U" in file for file in drawings.files])
    assert set(drawings.groups[drawings.target == 1]) == {f"dysgraphia/U{i:03}" for i in (0, 2, 4)}


def test_first_of_each_are_the_first_files_person_by_person(real_data, words):
    drawings = real_data.read_set("dysgraphia")
    few = real_data.take(drawings, real_data.first_of_each(drawings.groups, 2))
    assert sorted(few.groups) == list(few.groups)
    assert [file[-5] for file in few.files] == ["0", "1"] * 6
    np.testing.assert_array_equal(few.target, [drawings.target[drawings.groups == g][0] for g in few.groups])
    np.testing.assert_array_equal(real_data.first_of_each(np.array(["b", "a", "b"])), [1, 0, 2])


@pytest.mark.parametrize("folder", [None, ""])
def test_data_without_their_folder_end_the_script(real_data, monkeypatch, folder):
    monkeypatch.delenv("SPARSECNN_DATA", raising=False)
    if folder is not None:
        monkeypatch.setenv("SPARSECNN_DATA", folder)
    with pytest.raises(SystemExit, match="set SPARSECNN_DATA to the folder that holds dysgraphia/words"):
        real_data.read_set("dysgraphia")


def test_data_that_are_not_there_end_the_script(real_data, words):
    with pytest.raises(SystemExit, match=r"the folder that holds spirals, but there is no .*spirals"):
        real_data.read_set("spirals")


def test_set_without_the_class_that_is_sought_ends_the_script(real_data, words):
    (words / "dysgraphia").rename(words / "ill")
    with pytest.raises(SystemExit, match=r"must hold a class dysgraphia, but holds \['ill', 'typical'\]"):
        real_data.read_set("dysgraphia")
