"""The wheel: the same bytes wherever and whenever it is built, all that is needed, and nothing else."""

import importlib.util
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

import sparsecnn

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parent.parent
SECONDS = 1_700_000_000
READ = """
import sys
from pathlib import Path
import sparsecnn
from sparsecnn import CurveImageTransformer, inference
from sparsecnn.datasets import make_shaky_words

folder = Path(sparsecnn.__file__).parent
assert folder.parent == Path(sys.argv[1]), folder
reader = inference.load(folder / "pretrained" / "words.safetensors")
words = make_shaky_words(20, random_state=0)
images = CurveImageTransformer(**reader.transformer_).transform(list(255 - words.images))
assert (reader.predict(images) == words.target_names[words.target]).mean() > 0.8
"""


def load_builder():
    spec = importlib.util.spec_from_file_location("build_wheel", ROOT / ".ci" / "build_wheel.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def wheels(tmp_path_factory):
    """Wheels of this checkout, and of a copy with other rights and times of files, in another folder."""
    builder, folder = load_builder(), tmp_path_factory.mktemp("wheels")
    copy = folder / "a copy"
    copy.mkdir()
    for name in builder.BUILT_FROM:
        copy_content = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        copy_content(ROOT / name, copy / name)
    for path in copy.rglob("*"):
        path.chmod(0o700)
        os.utime(path, (SECONDS, SECONDS))
    return [builder.build(source, folder / f"{i}", SECONDS) for i, source in enumerate([ROOT, copy])]


def test_wheel_has_the_same_bytes_from_other_folders_rights_and_times(wheels):
    here, there = wheels
    assert here.read_bytes() == there.read_bytes()


def test_wheel_holds_the_package_and_its_licences_and_nothing_else(wheels):
    with zipfile.ZipFile(wheels[0]) as wheel:
        names = set(wheel.namelist())
    package = {
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "sparsecnn").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    about = f"sparsecnn-{sparsecnn.__version__}.dist-info"
    licences = {f"{about}/licenses/{name}" for name in package if "/licences/" in name}
    own = ("METADATA", "RECORD", "WHEEL", "entry_points.txt", "top_level.txt", "licenses/LICENSE")
    metadata = {f"{about}/{name}" for name in own}
    assert names == package | licences | metadata
    assert "sparsecnn/py.typed" in names
    assert {Path(name).suffix for name in package} >= {".safetensors", ".wasm", ".woff", ".txt", ".js"}


def test_wheel_works_where_there_is_no_checkout(wheels, tmp_path):
    target = tmp_path / "installed"
    install = f"-m pip install --quiet --no-deps --no-index --target {target} {wheels[0]}"
    subprocess.run([sys.executable, *install.split()], check=True)
    environment = os.environ | {"PYTHONPATH": str(target)}
    subprocess.run([sys.executable, "-c", READ, target], cwd=tmp_path, env=environment, check=True)
