"""Screenings on the command line, and answers for persons."""

import json
import shutil
import subprocess
import sys

import numpy as np
import pytest
from classifiers import quick
from PIL import Image
from sklearn.pipeline import make_pipeline

from sparsecnn import CurveImageTransformer, inference
from sparsecnn._command_line import main
from sparsecnn.datasets import make_shaky_drawings
from sparsecnn.export import save
from sparsecnn.model_selection import ScreeningClassifier, average_by_group
from sparsecnn.pretrained import load_reader

pytestmark = pytest.mark.filterwarnings("ignore:The .* persons held back are not told apart")


def draw(n_images, persons, seed, drawings="spiral"):
    return make_shaky_drawings(
        n_images, drawings=drawings, image_shape=(64, 64), persons=persons, random_state=seed
    )


def save_pages(drawn, folder):
    """Save drawings, with their persons in the names of the files, and return these and the persons."""
    folder.mkdir()
    persons = [f"V{number:02}" for number in drawn.groups]
    files = [folder / f"{person}-{i}.png" for i, person in enumerate(persons)]
    for image, file in zip(drawn.images, files, strict=True):
        Image.fromarray(255 - image).save(file)
    return [str(file) for file in files], persons


@pytest.fixture(scope="module")
def screened(tmp_path_factory):
    """A screening in a file, and pages of persons that it does not know."""
    folder = tmp_path_factory.mktemp("screened")
    train = draw(80, range(20), 0)
    reader = make_pipeline(
        CurveImageTransformer((24, 24), unsteadiness=0.8, dtype="uint8"),
        quick(max_iter=16, batch_size=8, channels=(8, 8, 16)),
    )
    screening = ScreeningClassifier(reader, cv=2, sensitivity=0.9, coverage=0.75)
    labels = train.target_names[train.target]
    screening.fit(train.images, labels, groups=train.groups)
    model = folder / "screening.safetensors"
    save(screening, model)
    return screening, model, *save_pages(draw(36, range(20, 32), 1), folder / "pages")


def read(capsys, *arguments, status=0):
    assert main(["read", *map(str, arguments)]) == status
    return capsys.readouterr()


def read_json(capsys, *arguments, status=0):
    out, err = read(capsys, "--json", *arguments, status=status)
    return [json.loads(line) for line in out.splitlines()], err


def check_lines(lines, people, screening):
    """Check lines of JSON against what the screening says."""
    for line, proba, label, row in zip(
        lines, people.proba, people.prediction, people.prediction_set, strict=True
    ):
        possible = screening.classes_[row].tolist()
        assert line["probability"] == pytest.approx(proba[1], abs=1e-4)
        assert line["probabilities"]["shaky"] == line["probability"]
        assert (line["sought"], line["threshold"]) == ("shaky", screening.threshold_)
        assert line["by_threshold"] == label
        assert line["possible"] == possible
        assert line["answer"] == (label if len(possible) == 1 else None)


def test_files_are_judged_by_calibration_threshold_and_limits(screened, capsys):
    screening, model, files, _ = screened
    lines, err = read_json(capsys, "--model", model, *files, files[0])
    assert err == ""
    assert [line["file"] for line in lines] == [*files, files[0]]
    screening.shift_level = None
    people = screening.predict_persons(files, np.arange(36))
    screening.shift_level = 0.01
    check_lines(lines[:-1], people, screening)
    assert lines[-1] == lines[0]
    assert {line["answer"] for line in lines} == {"shaky", "regular", None}
    assert "shift" not in lines[0]


def test_persons_get_one_answer_of_all_their_files(screened, capsys):
    screening, model, files, persons = screened
    lines, err = read_json(capsys, "--model", model, "--group-pattern", r"V\d+", *files, files[0])
    assert err == ""
    people = screening.predict_persons(files, persons)
    assert [line["person"] for line in lines] == people.groups.tolist()
    check_lines(lines, people, screening)
    assert [line["n_images"] for line in lines] == people.n_images.tolist() == [3] * 12
    assert lines[0]["shift"] == screening.check_shift(files, persons)


def test_person_with_files_in_several_folders_is_named(screened, capsys, tmp_path):
    _, model, files, _ = screened
    shutil.copy(files[0], tmp_path)
    lines, err = read_json(capsys, "--model", model, "--group-pattern", r"V\d+", *files[:2], tmp_path)
    assert f"{lines[0]['person']}: has files in 2 folders" in err


def test_table_says_cannot_tell(screened, capsys):
    screening, model, files, _ = screened
    lines, _ = read_json(capsys, "--model", model, *files)
    out, _ = read(capsys, "--model", model, *files)
    heading, *rows = out.splitlines()
    assert heading.split() == ["file", "answer", "probability", "of", "shaky", "threshold"]
    assert len({len(row) for row in [heading, *rows]}) == 1
    threshold = f"{100 * screening.threshold_:.1f} %"
    for line, row in zip(lines, rows, strict=True):
        answer = line["answer"] or "cannot tell"
        assert row.split(None, 1)[0] == line["file"]
        assert row.split(None, 1)[1].startswith(f"{answer} ")
        assert row.endswith(threshold)
        assert f"{100 * line['probability']:.1f} %" in row
    out, _ = read(capsys, "--model", model, "--group-pattern", r"V\d+", *files)
    heading, *rows = out.splitlines()
    assert heading.split() == ["person", "answer", "images", "probability", "of", "shaky", "threshold"]
    assert len({len(row) for row in [heading, *rows]}) == 1
    assert len(rows) == 12


def test_pages_of_another_kind_are_warned_of_by_person(screened, tmp_path, capsys):
    _, model, _, _ = screened
    files, persons = save_pages(draw(30, range(40, 50), 2, "wave"), tmp_path / "waves")
    lines, err = read_json(capsys, "--model", model, "--group-pattern", r"V\d+", *files)
    assert len(lines) == len(set(persons)) == 10
    assert err.startswith("sparsecnn: The images of these 10 persons do not look like those of fit (p = 0.00")
    assert err.count("\n") == 1
    assert lines[0]["shift"]["p_value"] < 0.01
    assert read_json(capsys, "--model", model, *files)[1] == ""


def test_files_without_a_person_are_named_and_left_out(screened, tmp_path, capsys):
    _, model, files, persons = screened
    shutil.copy(files[0], tmp_path / "nobody.png")
    (tmp_path / "V99.png").write_text("no image")
    given = [*files, tmp_path / "nobody.png", tmp_path / "V99.png"]
    lines, err = read_json(capsys, "--model", model, "--group-pattern", r"V(\d+)", *given, status=1)
    assert [line["person"] for line in lines] == sorted({person[1:] for person in persons})
    nobody, damaged = err.splitlines()
    assert nobody == (
        f"sparsecnn: {tmp_path / 'nobody.png'}: group_pattern 'V(\\\\d+)' finds no person in the file name "
        "'nobody.png'."
    )
    assert damaged.startswith(f"sparsecnn: {tmp_path / 'V99.png'}: ")
    lines, _ = read_json(capsys, "--model", model, "--group-pattern", "X", files[0], status=1)
    assert lines == []


def test_wrong_patterns_have_status_2(screened, capsys):
    _, model, files, _ = screened
    out, err = read(capsys, "--model", model, "--group-pattern", "(", files[0], status=2)
    assert out == ""
    assert "group_pattern must be a regular expression, got '('" in err
    with pytest.raises(SystemExit) as exit:
        main(["read", "--html", "page.html", "--group-pattern", "V"])
    assert exit.value.code == 2
    assert "--group-pattern needs the names" in capsys.readouterr().err


def test_ready_readers_answer_for_persons_by_the_mean_probability(screened, capsys):
    _, _, files, persons = screened
    lines, _ = read_json(capsys, "--reader", "drawings", "--group-pattern", r"V\d+", *files)
    reader = load_reader("drawings")
    expected = average_by_group(reader.predict_proba(files), persons)
    found = {line["person"]: [line["probabilities"][name] for name in reader.classes_] for line in lines}
    np.testing.assert_allclose([found[person] for person in expected.groups], expected.proba, atol=1e-5)
    for line in lines:
        assert line["probability"] == line["probabilities"][line["answer"]] >= 0.5
        assert "threshold" not in line
    out, _ = read(capsys, "--reader", "drawings", "--group-pattern", r"V\d+", *files)
    assert out.splitlines()[0].split() == ["person", "answer", "images", "probability"]


def test_screening_without_limits_always_answers(screened, tmp_path, capsys):
    screening, _, files, _ = screened
    model = tmp_path / "plain.safetensors"
    screening._rule, rule = screening._rule._replace(limits=None), screening._rule
    save(screening, model)
    screening._rule = rule
    lines, _ = read_json(capsys, "--model", model, *files[:3])
    assert all(line["answer"] == line["by_threshold"] and "possible" not in line for line in lines)
    assert inference.load(model).coverage_limits_ is None


def test_page_of_a_screening_is_refused_with_advice(screened, tmp_path, capsys):
    _, model, _, _ = screened
    _, err = read(capsys, "--model", model, "--html", tmp_path / "page.html", status=2)
    assert "pass its estimator_" in err
    assert not (tmp_path / "page.html").exists()


def test_screening_without_a_transformer_is_refused(screened, tmp_path, capsys):
    screening, _, files, _ = screened
    save(screening.estimator_[-1], tmp_path / "bare.safetensors")
    _, err = read(capsys, "--model", tmp_path / "bare.safetensors", files[0], status=2)
    assert "Save a pipeline" in err


def test_persons_are_read_without_torch(screened):
    _, model, files, _ = screened
    code = (
        "import sys; from sparsecnn._command_line import main; "
        "status = main(['read', '--model', *sys.argv[1:], '--group-pattern', 'V[0-9]+']); "
        "sys.exit(status or 10 * ('torch' in sys.modules))"
    )
    subprocess.run([sys.executable, "-c", code, model, *files[:4]], check=True, capture_output=True)
