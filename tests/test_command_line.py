"""The command line, as people run it: real files, folders and faults."""

import json
import os
import pydoc
import subprocess
import sys
import tomllib
from pathlib import Path

import numpy as np
import pytest
from pages import draw_spiral
from PIL import Image, ImageDraw

import sparsecnn
from sparsecnn._command_line import main
from sparsecnn.datasets import make_shaky_words
from sparsecnn.inference import load as load_without_torch
from sparsecnn.pretrained import list_readers, load_reader

COMMAND = [sys.executable, "-m", "sparsecnn"]
READERS = Path(sparsecnn.__file__).parent / "pretrained"


def run(*arguments, cwd=None, **options):
    done = subprocess.run([*COMMAND, *arguments], cwd=cwd, capture_output=True, timeout=300, **options)
    assert b"Traceback" not in done.stderr, done.stderr.decode()
    return done


def save_words(folder, n=6, **params):
    """Save generated words, dark ink on bright paper, in several formats, and return names and answers."""
    made = make_shaky_words(n, image_shape=(96, 96), random_state=0, **params)
    names = [f"word-{i}{('.png', '.jpg', '.webp', '.tiff', '.bmp', '.gif')[i % 6]}" for i in range(n)]
    for name, image in zip(names, made.images, strict=True):
        Image.fromarray(255 - image).resize((300, 300)).save(folder / name)
    return names, made.target_names[made.target]


@pytest.fixture
def words(tmp_path):
    folder = tmp_path / "words"
    folder.mkdir()
    return folder, *save_words(folder)


def read_json(capsys, *arguments, status=0):
    """Run the command in this process and return its lines of JSON, and its error output."""
    assert main(["read", "--json", *map(str, arguments)]) == status
    out, err = capsys.readouterr()
    return [json.loads(line) for line in out.splitlines()], err


def test_command_reads_all_formats_and_reports_each_fault(words):
    folder, names, _ = words
    Image.new("L", (200, 200), 240).save(folder / "blank.png")
    (folder / "text.png").write_text("not an image")
    (folder / "cut.jpg").write_bytes((folder / names[1]).read_bytes()[:700])
    done = run("read", *names, "missing.png", "blank.png", "text.png", "cut.jpg", cwd=folder)
    assert done.returncode == 1
    heading, *rows = done.stdout.decode().splitlines()
    assert heading.split() == ["file", "answer", "probability"]
    assert [row.split()[0] for row in rows] == names
    assert all(row.split()[1] in ("regular", "shaky") and row.endswith(" %") for row in rows)
    assert len({len(row) for row in rows}) == 1  # columns are aligned
    errors = done.stderr.decode().splitlines()
    assert [line.split(": ")[:2] for line in errors] == [
        ["sparsecnn", name] for name in ("missing.png", "blank.png", "text.png", "cut.jpg")
    ]
    assert "No such file" in errors[0]
    assert "no ink" in errors[1]
    assert "not an image of a format that is read" in errors[2]


def test_json_has_the_probabilities_of_the_reader(words, capsys):
    folder, names, _ = words
    lines, err = read_json(capsys, *(folder / name for name in names))
    assert err == ""
    reader = load_reader("words")
    expected = reader.predict_proba([folder / name for name in names])
    assert [line["file"] for line in lines] == [str(folder / name) for name in names]
    assert [line["answer"] for line in lines] == reader.classes_[expected.argmax(1)].tolist()
    found = [[line["probabilities"][name] for name in reader.classes_] for line in lines]
    np.testing.assert_allclose(found, expected, atol=1e-5)
    assert [line["probability"] for line in lines] == [max(row) for row in found]


def test_folders_stand_for_the_images_below_them(words, capsys):
    folder, names, _ = words
    (folder / "below").mkdir()
    (folder / "below" / "deep.PNG").write_bytes((folder / names[0]).read_bytes())
    (folder / ".hidden.png").write_bytes(b"")
    (folder / "notes.txt").write_text("")
    (folder / "empty").mkdir()
    lines, err = read_json(capsys, folder, folder / "empty", status=1)
    assert [line["file"] for line in lines] == [
        *(str(folder / name) for name in sorted(names)),
        str(folder / "below" / "deep.PNG"),
    ]
    assert err == f"sparsecnn: {folder / 'empty'}: no image in this folder\n"


def test_many_files_are_read_in_order(words, capsys):
    folder, names, _ = words
    files = [folder / name for name in names * 25]
    lines, _ = read_json(capsys, *files)
    assert [line["file"] for line in lines] == [str(file) for file in files]
    assert len({(line["file"], line["probability"]) for line in lines}) == len(names)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no such names")
def test_odd_names_print_on_one_line(words):
    folder, names, _ = words
    image = (folder / names[0]).read_bytes()
    odd = [
        b"line\nend.png",
        b"no\xff text.png",
        b"\x1b[31mred.png",
        "字 é.png".encode(),
        b"-v.png",
        b"%s.png",
    ]
    for name in odd:
        Path(os.fsdecode(os.path.join(os.fsencode(folder), name))).write_bytes(image)
    for encoding in ("utf-8", "ascii"):
        done = run("read", "--", *odd, cwd=folder, env=os.environ | {"PYTHONIOENCODING": encoding})
        assert done.returncode == 0, done.stderr
        lines = done.stdout.decode(encoding).splitlines()
        assert len(lines) == 1 + len(odd)
        assert lines[1].startswith("line\\nend.png ")
        assert lines[2].startswith("no\\xff text.png ")
        assert lines[3].startswith("\\x1b[31mred.png ")
        assert lines[5].startswith("-v.png ")
    done = run("read", "--json", "--", *odd, cwd=folder)
    found = [os.fsencode(json.loads(line)["file"]) for line in done.stdout.splitlines()]
    assert found == odd


@pytest.mark.parametrize("arguments", [[], ["read"], ["write"], ["read", "--reader", "letters", "a.png"]])
def test_wrong_usage_has_status_2(arguments, capsys):
    with pytest.raises(SystemExit) as exit:
        main(arguments)
    assert exit.value.code == 2
    assert "usage: sparsecnn" in capsys.readouterr().err


def test_reader_and_model_exclude_each_other(capsys):
    with pytest.raises(SystemExit) as exit:
        main(["read", "--reader", "words", "--model", "m.safetensors", "a.png"])
    assert exit.value.code == 2
    assert "not allowed with" in capsys.readouterr().err


def test_model_that_cannot_be_loaded_has_status_2(words, capsys):
    folder, names, _ = words
    bad = folder / "bad.safetensors"
    data = bytearray((READERS / "words.safetensors").read_bytes())
    data[-1] ^= 1
    bad.write_bytes(data)
    for model in (bad, folder / "missing.safetensors", folder, folder / names[0]):
        assert main(["read", "--model", str(model), str(folder / names[0])]) == 2
        out, err = capsys.readouterr()
        assert out == ""
        assert str(model) in err


def test_model_of_ones_own_reads_like_the_reader_it_is(words, capsys):
    folder, names, _ = words
    model = folder / "mine.safetensors"
    model.write_bytes((READERS / "words.safetensors").read_bytes())
    files = [folder / name for name in names]
    assert read_json(capsys, "--model", model, *files) == read_json(capsys, *files)


def test_model_without_a_transformer_is_refused(words, capsys):
    folder, names, _ = words
    sparsecnn.export.save(load_reader("words")[-1], folder / "bare.safetensors")
    assert main(["read", "--model", str(folder / "bare.safetensors"), str(folder / names[0])]) == 2
    assert "Save a pipeline" in capsys.readouterr().err


def test_drawings_are_read_by_their_reader(tmp_path, capsys):
    draw_spiral(400).save(tmp_path / "steady.png")
    lines, _ = read_json(capsys, "--reader", "drawings", tmp_path)
    assert lines[0]["answer"] == "regular"


def test_html_writes_a_page_and_files_are_read_besides(words, capsys):
    folder, names, _ = words
    page = folder / "page.html"
    assert main(["read", "--html", str(page)]) == 0
    assert capsys.readouterr().out == ""
    text = page.read_text(encoding="utf-8")
    assert "not a diagnosis" in text
    assert "regular" in text
    lines, _ = read_json(capsys, "--html", page, folder / names[0])
    assert len(lines) == 1


def test_page_that_cannot_be_written_has_status_2(words, capsys):
    folder, names, _ = words
    assert main(["read", "--html", str(folder / "none" / "page.html"), str(folder / names[0])]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert "none" in err


def test_version_and_help_are_fast_and_plain():
    done = subprocess.run(
        [*COMMAND[:1], "-X", "importtime", *COMMAND[1:], "--version"], capture_output=True, check=True
    )
    assert done.stdout.decode() == f"sparsecnn {sparsecnn.__version__}\n"
    assert not {b"numpy", b"torch", b"sklearn", b"PIL"} & set(done.stderr.split())
    text = run("read", "--help").stdout.decode()
    assert all(name in text for name in list_readers())
    assert "not a diagnosis" in text


def test_reading_needs_no_torch(words):
    folder, names, _ = words
    code = (
        "import sys; from sparsecnn._command_line import main; "
        f"status = main(['read', {str(folder / names[0])!r}]); "
        "sys.exit(status or 10 * ('torch' in sys.modules))"
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)


@pytest.mark.skipif(sys.platform == "win32", reason="other systems have no such pipes")
def test_reader_of_the_output_may_leave_early(words):
    folder, names, _ = words
    many = " ".join([names[0]] * 2000)
    done = subprocess.run(
        f"{sys.executable} -m sparsecnn read {names[0]} missing {names[1]} {many} | head -n 1",
        shell=True,
        cwd=folder,
        capture_output=True,
        timeout=300,
    )
    assert done.stdout.count(b"\n") == 1
    assert b"Traceback" not in done.stderr
    assert b"BrokenPipe" not in done.stderr


def test_page_of_any_shade_gets_the_answer_of_the_same_word(tmp_path, capsys):
    page = Image.new("L", (420, 260), 255)
    ImageDraw.Draw(page).text((60, 60), "lines", fill=0, font_size=110)
    page.save(tmp_path / "dark ink.png")
    Image.eval(page, lambda level: 255 - level).save(tmp_path / "light ink.png")
    lines, _ = read_json(capsys, tmp_path)
    assert {line["answer"] for line in lines} == {"regular"}
    assert abs(lines[0]["probability"] - lines[1]["probability"]) < 0.02


def test_classes_print_as_they_are():
    classes = load_without_torch(READERS / "words.safetensors").classes_
    assert classes.tolist() == ["regular", "shaky"]


def test_installed_command_is_the_same():
    project = tomllib.loads((Path(__file__).parent.parent / "pyproject.toml").read_text(encoding="utf-8"))
    module, name = project["project"]["scripts"]["sparsecnn"].split(":")
    assert pydoc.locate(f"{module}.{name}") is main


def test_folder_that_cannot_be_listed_is_named(words, capsys, monkeypatch):
    folder, names, _ = words
    (folder / "gone").mkdir()
    listed = os.scandir

    def scandir(path):
        if os.fspath(path) == str(folder / "gone"):
            raise PermissionError(13, "Permission denied", os.fspath(path))
        return listed(path)

    monkeypatch.setattr(os, "scandir", scandir)  # a superuser may list every folder
    lines, err = read_json(capsys, folder, status=1)
    assert len(lines) == len(names)
    assert err == f"sparsecnn: {folder / 'gone'}: Permission denied\n"
