"""The loader of drawings."""

import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sparsecnn.datasets import load_drawings


@pytest.fixture
def folder(tmp_path):
    for name in (
        "training/healthy/V01HE1.png",
        "training/healthy/V02HE1.PNG",
        "training/patients/V01PE1.png",
        "testing/healthy/V01HE2.png",
        "testing/patients/V03PE1.jpg",
    ):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("L", (4, 4)).save(path)
    (tmp_path / "training" / "healthy" / "notes.txt").write_text("not an image")
    (tmp_path / "testing" / "patients" / "report.pdf").write_bytes(b"%PDF-1.4")  # Pillow only writes these
    (tmp_path / "testing" / "patients" / "table.h5").write_bytes(b"\x89HDF")  # and these not at all
    (tmp_path / ".cache").mkdir()
    return tmp_path


def test_drawings_take_the_class_from_the_innermost_folder(folder):
    drawings = load_drawings(folder)
    assert drawings.target_names.tolist() == ["healthy", "patients"]
    assert drawings.target.tolist() == [0, 1, 0, 0, 1]
    assert drawings.groups is None
    assert "Skipped: 3 files" in drawings.DESCR


def test_drawings_are_sorted_files(folder):
    filenames = load_drawings(str(folder)).filenames
    relative = [Path(name).relative_to(folder).as_posix() for name in filenames]
    assert relative == sorted(relative)
    assert len(relative) == 5


@pytest.mark.parametrize("pattern", [r"V\d+", r"^(V\d+)[A-Z]+", re.compile("V..")])
def test_drawings_group_by_class_and_person(folder, pattern):
    groups = load_drawings(folder, group_pattern=pattern).groups
    assert groups.tolist() == ["healthy/V01", "patients/V03", "healthy/V01", "healthy/V02", "patients/V01"]


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        ("(V", r"group_pattern must be a regular expression, got '\(V'"),
        (5, "group_pattern must be a regular expression for str, got 5"),
        (re.compile(b"V"), "group_pattern must be a regular expression for str"),
        ("W", "group_pattern 'W' finds no person in the file name 'V01HE2.png'"),
        ("(V09)?", "finds no person in the file name"),
    ],
)
def test_drawings_reject_a_bad_pattern(folder, pattern, message):
    with pytest.raises(ValueError, match=message):
        load_drawings(folder, group_pattern=pattern)


def test_drawings_reject_a_missing_folder(tmp_path):
    with pytest.raises(FileNotFoundError, match="nowhere' does not exist"):
        load_drawings(tmp_path / "nowhere")


def test_drawings_reject_a_file(folder):
    with pytest.raises(NotADirectoryError, match="is a file"):
        load_drawings(folder / "training" / "healthy" / "notes.txt")


def test_drawings_reject_a_folder_without_images(tmp_path):
    with pytest.raises(ValueError, match="holds no images"):
        load_drawings(tmp_path)


def test_drawings_reject_an_empty_class_folder(folder):
    (folder / "training" / "others").mkdir()
    with pytest.raises(ValueError, match=r"the class folder 'training.others' holds no images"):
        load_drawings(folder)


def test_drawings_reject_a_single_class(tmp_path):
    (tmp_path / "healthy").mkdir()
    Image.new("L", (4, 4)).save(tmp_path / "healthy" / "V01.png")
    with pytest.raises(ValueError, match="one class only, 'healthy'; expected at least two"):
        load_drawings(tmp_path)


def test_drawings_reject_images_outside_class_folders(folder):
    Image.new("L", (4, 4)).save(folder / "stray.png")
    with pytest.raises(ValueError, match=r"'stray.png' lies directly in"):
        load_drawings(folder)


def test_link_to_nothing_is_skipped_where_its_name_is_not_that_of_an_image(folder):
    (folder / "training" / "healthy" / "protocol.txt").symlink_to(folder / "gone.txt")
    assert "Skipped: 4 files" in load_drawings(folder).DESCR


def test_drawings_reject_a_dangling_link(folder):
    link = folder / "training" / "healthy" / "V09HE1.png"
    link.symlink_to(folder / "gone.png")
    with pytest.raises(ValueError, match="cannot be read") as error:
        load_drawings(folder)
    assert repr(str(link)) in str(error.value)


def test_drawings_follow_a_link_to_an_image(folder):
    Image.new("L", (4, 4)).save(folder / ".cache" / "V09HE1.png")
    (folder / "training" / "healthy" / "V09HE1.png").symlink_to(folder / ".cache" / "V09HE1.png")
    assert len(load_drawings(folder).filenames) == 6


def test_drawings_reject_a_link_to_a_folder(folder):
    (folder / "others").symlink_to(folder / "training" / "healthy")
    with pytest.raises(ValueError, match=r"'others' holds no images \(links to folders are not followed\)"):
        load_drawings(folder)


def test_drawings_of_the_public_spirals(spirals_folder):
    drawings = load_drawings(spirals_folder, group_pattern=r"^V\d+")
    assert drawings.target_names.tolist() == ["healthy", "parkinson"]
    assert np.bincount(drawings.target).tolist() == [51, 51]
