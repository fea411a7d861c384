"""The examples of the README run as they stand, on smaller data."""

import re
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from sparsecnn.datasets import make_shaky_spirals
from sparsecnn.inspection import NetworkReport

pytestmark = pytest.mark.slow

README = Path(__file__).parent.parent / "README.md"
BLOCKS = re.findall(r"```python\n(.*?)```", README.read_text(encoding="utf-8"), flags=re.DOTALL)


def block(name):
    """Return the one example that contains `name`."""
    (found,) = [code for code in BLOCKS if name in code]
    return found


@pytest.fixture
def drawings(tmp_path, monkeypatch):
    """A folder of drawn spirals, two people a class, in the present directory."""
    monkeypatch.chdir(tmp_path)
    spirals = make_shaky_spirals(16, persons=4, random_state=0)
    for i, (image, label, person) in enumerate(
        zip(spirals.images, spirals.target, spirals.groups, strict=True)
    ):
        folder = tmp_path / "spirals" / spirals.target_names[label]
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(255 - image).save(folder / f"V{int(person):02}-{i}.png")
    return sorted(tmp_path.glob("spirals/*/*.png"))


def test_readme_has_every_example():
    assert len(BLOCKS) == 8


def test_readme_quick_start_is_right_on_new_persons():
    names = {}
    exec(block("next(folds.split"), names)
    X, y, test = names["X"], names["y"], names["test"]
    assert names["classifier"].score(X[test], y[test]) > 0.9
    assert not set(names["persons"][names["train"]]) & set(names["persons"][test])


def test_readme_pipeline_reads_files(drawings):
    names = {"paths": drawings, "labels": [path.parent.name for path in drawings]}
    exec(block("reader.fit(paths, labels)"), names)
    assert 0 < names["reader"][-1].sparsity_ < 1


def test_readme_grid_search_finds_a_sparse_network(capsys):
    code = block("import GridSearchCV").replace("max_iter=16, finetune_iter=4", "max_iter=2, finetune_iter=1")
    exec(code.replace("[1e-4, 1e-3]", "[1e-5, 1e-4]"), {})  # fewer steps, smaller weights
    assert "'penalty'" in capsys.readouterr().out


def test_readme_search_along_the_path_is_drawn(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    exec(block("SparsityPathDisplay").replace("max_iter=12", "max_iter=2"), {})
    assert "'target_sparsity'" in capsys.readouterr().out
    with Image.open(tmp_path / "path.png") as picture:
        assert picture.width > 100


def test_readme_network_loses_its_dead_channels_and_goes_home(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    names = {}
    exec(block("import compress").replace("target_macs=0.1)", "target_macs=0.1, max_iter=4)"), names)
    assert "conv3" in capsys.readouterr().out
    macs = [NetworkReport.from_estimator(names[name]).totals.macs for name in ("narrow", "small")]
    assert macs[1] <= 0.1 * macs[0]
    assert (names["small"].predict(names["X"]) == names["narrow"].predict(names["X"])).all()
    exec(block("to_onnx(small"), names)
    again = names["load"]("reader.safetensors")
    assert (again.predict_proba(names["X"]) == names["small"].predict_proba(names["X"])).all()
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        *("reader.html", "reader.onnx", "reader.safetensors")
    ]


def test_readme_real_drawings_are_judged_by_person(drawings, capsys):
    exec(block("LeaveOneGroupOut"), {})
    assert "of 4 people are right" in capsys.readouterr().out


def test_readme_torch_network_becomes_sparse():
    generator = torch.Generator().manual_seed(0)
    batches = [
        (torch.rand(32, 28, 28, generator=generator), torch.randint(10, (32,), generator=generator))
        for _ in range(20)
    ]
    names = {"batches": batches}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        exec(block("fix_support"), names)
    weight = names["net"][1].weight.detach().numpy()
    assert 0.2 < np.mean(weight == 0) < 1
