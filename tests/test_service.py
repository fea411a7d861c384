"""The prediction service of the examples, by itself and under some load."""

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from classifiers import quick
from conftest import make_stripes
from PIL import Image

from sparsecnn.export import save
from sparsecnn.pretrained import reader_path

ROOT = Path(__file__).parent.parent
X, Y = make_stripes(60, random_state=0)


@pytest.fixture
def service(tmp_path, monkeypatch):
    """The module of the service, with a network that was saved without a transformer."""
    path = tmp_path / "stripes.safetensors"
    save(quick().fit(X, Y), path)
    monkeypatch.setenv("SPARSECNN_MODEL", str(path))
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", Image.MAX_IMAGE_PIXELS)  # which the service sets
    spec = importlib.util.spec_from_file_location("service", ROOT / "examples" / "service.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_service_answers_what_the_network_answers(service):
    answer = json.loads(service.predict(json.loads, json.dumps(X[:5].tolist())).body)
    assert answer["classes"] == ["across", "down"]
    assert answer["labels"] == service.classifier.predict(X[:5]).tolist()
    assert answer["probabilities"] == service.classifier.predict_proba(X[:5]).tolist()
    assert answer["warnings"] == []


def test_service_tells_what_the_package_warns_of(service):
    (warning,) = json.loads(service.predict(json.loads, json.dumps((X[:1] / 255).tolist())).body)["warnings"]
    assert "pixels" in warning


def test_service_refuses_files_if_the_network_has_no_transformer(service):
    with pytest.raises(ValueError, match="without a transformer"):
        service.predict(service.read_file, b"")


def test_service_needs_no_torch():
    code = "import service, sys; assert 'torch' not in sys.modules"
    environment = os.environ | {"SPARSECNN_MODEL": str(reader_path("words"))}
    subprocess.run([sys.executable, "-c", code], cwd=ROOT / "examples", env=environment, check=True)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc to see how the service grows")
def test_service_stands_a_load_and_refuses_what_is_hostile():
    command = [sys.executable, "benchmarks/service.py", "--requests", "60", "--hostile", "4"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "60 requests from 8 clients, 15 of them hostile" in done.stdout
    assert "a slow sender (1), a client that goes away (1)" in done.stdout
    assert "not as expected: 0" in done.stdout
