"""Processes that are killed, terminated, or meet on one checkpoint."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from conftest import make_stripes
from interruptions import assert_same_fit

from sparsecnn import SparseCurveCNNClassifier

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parent.parent
LONG = {"channels": (2, 2, 2), "max_iter": 80, "finetune_iter": 5, "batch_size": 16, "target_sparsity": 0.5}
LONG |= {"augment": False, "random_state": 0}
FIT = """
import signal, sys
from test_checkpoint_killed import LONG, make_stripes
from sparsecnn import SparseCurveCNNClassifier
exec(sys.argv[2])
X, y = make_stripes(40, random_state=0)
SparseCurveCNNClassifier(**LONG, checkpoint=sys.argv[1]).fit(X, y)
print("done")
"""


def start(path, before=""):
    """Start a fit in a process of its own, and return it once it trains."""
    process = subprocess.Popen(
        [sys.executable, "-c", FIT, path, before], cwd=ROOT / "tests", stdout=subprocess.PIPE, text=True
    )
    while not path.exists():
        time.sleep(0.01)
        assert process.poll() is None
    return process


def fit(path, **params):
    return SparseCurveCNNClassifier(**LONG, checkpoint=path, **params).fit(*make_stripes(40, random_state=0))


@pytest.fixture
def path(tmp_path):
    return tmp_path / "fit.safetensors"


def test_runs_killed_at_random_moments_end_bit_for_bit_as_undisturbed_ones():
    command = [sys.executable, "benchmarks/kills.py", "--parts", "kills", "--threads", "1", "--kills", "1"]
    command += ["--jobs", "fit", "path", "CV"]  # ranks have tests of their own
    report = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert report.returncode == 0, report.stdout + report.stderr
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in report.stdout.splitlines()[2:]]
    assert [row[0] for row in rows] == ["fit", "path", "CV"]
    assert all(row[2] == "1" and row[3] == row[4] != "0" for row in rows), report.stdout


def test_sigterm_ends_a_fit_with_the_usual_code_and_its_state_on_disk(path):
    process = start(path)
    process.terminate()
    assert process.communicate(timeout=60)[0] == ""
    assert process.returncode == -signal.SIGTERM
    assert [file.name for file in path.parent.iterdir()] == [path.name]  # no lock, and nothing half written
    assert_same_fit(fit(path, resume=True), fit(None))


def test_sigterm_is_left_to_a_handler_of_the_user(path):
    process = start(path, "signal.signal(signal.SIGTERM, lambda *args: sys.exit(3))")
    process.terminate()
    process.communicate(timeout=60)
    assert process.returncode == 3
    assert_same_fit(fit(path, resume=True), fit(None))


def test_sigterm_handler_is_put_back(path):
    def handler(number, frame):
        raise AssertionError

    before = signal.signal(signal.SIGTERM, handler)
    try:
        fit(path)
        assert signal.getsignal(signal.SIGTERM) is handler
    finally:
        signal.signal(signal.SIGTERM, before)


def test_second_process_on_one_checkpoint_refuses_until_the_first_is_killed(path):
    process = start(path)
    try:
        with pytest.raises(BlockingIOError, match=f"in use: process {process.pid} trains with it"):
            fit(path)
    finally:
        process.kill()
        process.communicate()
    fit(path, resume=True)
    assert [file.name for file in path.parent.iterdir()] == [path.name]
