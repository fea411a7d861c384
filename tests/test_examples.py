"""The examples run from end to end, on smaller data, and draw their pictures."""

import ast
import importlib.util
import re
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pytest
from PIL import Image

EXAMPLES = Path(__file__).parent.parent / "examples"
GALLERY = sorted(EXAMPLES.rglob("plot_*.py"))
EPOCHS = r"((?:max|finetune)_iter=)(\d+)"
IMAGES = r"(make_shaky_\w+\(\s*)(\d{3,4})(?=,)"  # no fewer than 100: smaller sets are pictures to look at
SIZES = {"SCENES": 1, "CYSTS": 2, "SEEDS": 2, "STEPS": 9}
OF_EXTRA = r"^(?:import|from) (pennylane|torch_geometric)\b"  # gallery


def id_of(path):
    return path.relative_to(EXAMPLES).as_posix()


@pytest.fixture
def load_example(tmp_path, monkeypatch):
    """Return a function that imports an example, to be run in an empty folder."""
    monkeypatch.chdir(tmp_path)

    def load(name):
        spec = importlib.util.spec_from_file_location(name, EXAMPLES / f"{name}.py")
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module

    return load


@pytest.fixture
def figures():
    """Close the figures of a test."""
    plt.close("all")
    yield
    plt.close("all")


@pytest.fixture(scope="module")
def small_data(tmp_path_factory):
    """Return a folder of small random data, in the formats that examples read."""
    folder, rng = tmp_path_factory.mktemp("data"), np.random.default_rng(0)
    (folder / "family").mkdir()
    save_graph(folder / "family" / "cora.npz", rng)
    save_clips(folder / "family" / "spoken_digits.npz", rng)
    return folder


def save_graph(path, rng):
    """Save papers of three fields that mostly cite their own, and have words of their own."""
    labels = np.repeat(np.arange(3), 30)
    words = rng.random((90, 60)) < 0.05 + 0.3 * (np.arange(60) % 3 == labels[:, None])
    a, b = np.triu_indices(90, 1)
    cited = rng.random(len(a)) < np.where(labels[a] == labels[b], 0.1, 0.01)
    train, validation, test = np.split(rng.permutation(90), [30, 60])
    np.savez(
        path,
        indptr=np.append(0, words.sum(1).cumsum()),
        indices=words.nonzero()[1],
        edges=np.stack([a, b], 1)[cited],
        labels=labels,
        train=train,
        validation=validation,
        test=test,
        n_features=60,
    )


def save_clips(path, rng):
    """Save pictures of 40 clips of each of six speakers: a digit has a pattern, which each speaker varies."""
    y, speaker, take = (index.ravel() for index in np.indices((10, 6, 4)))
    patterns, voices = rng.integers(160, size=(10, 40, 32)), rng.integers(60, size=(6, 40, 1))
    X = patterns[y] + voices[speaker] + rng.integers(30, size=(240, 40, 32))
    names = np.array(["george", "jackson", "lucas", "nicolas", "theo", "yweweler"])
    np.savez(path, X=X.astype(np.uint8), y=y, speaker=names[speaker], take=take)


def is_picture(path):
    with Image.open(path) as image:
        low, high = image.convert("L").getextrema()
    return low < high


def shortened(source):
    """Return the source of an example with a third of its epochs and images, and its constants of `SIZES`."""
    for name, size in SIZES.items():
        source = re.sub(rf"^{name} = \d+", f"{name} = {size}", source, flags=re.M)
    source = re.sub(EPOCHS, lambda found: f"{found[1]}{max(2, int(found[2]) // 3)}", source)
    return re.sub(IMAGES, lambda found: f"{found[1]}{max(60, int(found[2]) // 3)}", source)


def test_gallery_has_examples_in_every_section():
    sections = {header.parent for header in EXAMPLES.glob("*/GALLERY_HEADER.rst")}
    assert {path.parent for path in GALLERY} == sections
    assert len(GALLERY) >= 18


@pytest.mark.parametrize("path", GALLERY, ids=id_of)
def test_gallery_example_has_a_title_and_sections_and_leaves_nothing_behind(path):
    source = path.read_text(encoding="utf-8")
    title, underline, empty, *text = ast.get_docstring(ast.parse(source)).splitlines()
    assert len(underline) >= len(title)
    assert set(underline) == {"="}
    assert not empty
    assert text
    assert source.count("\n# %%\n# ") >= 2  # code with sentences between
    assert not re.search(r"Agg|savefig|plt\.show|\bopen\(", source)


@pytest.mark.parametrize("path", GALLERY, ids=id_of)
def test_gallery_example_that_reads_data_has_a_picture_where_there_is_none(path):
    source = path.read_text(encoding="utf-8")
    pictures = re.findall(r"^# \.\. image:: /(.+)", source, re.MULTILINE)
    assert bool(pictures) == ("SPARSECNN_DATA" in source)
    assert all(is_picture(EXAMPLES.parent / "docs" / picture) for picture in pictures)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::sparsecnn.exceptions.DeadLayerWarning")  # after so few epochs
@pytest.mark.filterwarnings("ignore:.*no weights left")  # of candidates with dead layers
@pytest.mark.filterwarnings("ignore:`torch.jit.script`:DeprecationWarning")  # of torch_geometric
@pytest.mark.parametrize("path", GALLERY, ids=id_of)
def test_gallery_example_runs_and_draws(path, small_data, tmp_path, monkeypatch, figures, capsys):
    source = path.read_text(encoding="utf-8")
    for package in re.findall(OF_EXTRA, source, flags=re.M):
        pytest.importorskip(package)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SPARSECNN_DATA", str(small_data))
    code = compile(shortened(source), path, "exec")
    exec(code, {"__name__": "__main__"})
    drawn = [plt.figure(number) for number in plt.get_fignums()]
    assert drawn
    for figure in drawn:
        figure.canvas.draw()
        pixels = np.asarray(figure.canvas.buffer_rgba())
        assert pixels[..., :3].std() > 1
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_quickstart_prints_its_accuracy_on_new_persons(load_example, capsys):
    load_example("quickstart").main()
    printed = capsys.readouterr().out
    assert float(re.search(r"seed 0: accuracy ([\d.]+) on 60 spirals", printed)[1]) > 0.9
    assert "90.0% of the fully connected weights are zero" in printed


@pytest.mark.slow
def test_demo_prints_its_tables_and_draws_them(load_example, monkeypatch, capsys):
    example = load_example("demo")
    make_shaky_words, classifier = example.make_shaky_words, example.classifier
    quick = {"channels": (4, 4, 8), "max_iter": 2, "finetune_iter": 1}
    monkeypatch.setattr(
        example, "make_shaky_words", lambda n, **options: make_shaky_words(n // 20, **options)
    )
    monkeypatch.setattr(example, "GRID", {"lam": [1e-6, 1e-5], "beta": [0.5, 1.0]})
    monkeypatch.setattr(example, "classifier", lambda **params: classifier(**params | quick))
    example.main()
    tables = capsys.readouterr().out
    assert "600 words to train on, 100 to test on" in tables
    assert all(
        tables.count(f"\n{name:>8} ") == count for name, count in (("dense", 2), ("l0", 5), ("tl1", 5))
    )
    assert is_picture(example.PICTURE)
