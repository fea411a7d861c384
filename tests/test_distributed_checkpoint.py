"""Checkpoints of fits over several processes, of which some are killed, terminated, or have other data."""

import contextlib
import os
import re
import signal

import pytest
import torch
from conftest import make_stripes
from interruptions import Killed
from test_distributed import pytestmark, quick, start  # noqa: F401

from sparsecnn._checkpoint.lock import locked

SECONDS = 110  # for the processes that a test starts
BEGIN = """
from interruptions import Killed, assert_same_fit, assert_same_path
from sparsecnn import SparseCurveCNNClassifierCV
from sparsecnn._checkpoint import run as run_module
from sparsecnn.model_selection import sparsity_path
from test_distributed_checkpoint import acting_at, crossed, error_of, go_on_after_kills
os.chdir(folder)
"""
THREE = """
saved = {"checkpoint_every": ["0.001s", "1h", 99][rank]}  # the first clock counts
def fit(checkpoint):
    return crossed(checkpoint=checkpoint, **saved).fit(X, y)
def path(checkpoint):
    return sparsity_path(X, y, estimator=crossed(), sparsities=[0.5], checkpoint=checkpoint, **saved)
def search(checkpoint):
    return SparseCurveCNNClassifierCV(crossed(), sparsities=[0.5], cv=2, checkpoint=checkpoint).fit(X, y)
def same_search(one, other):
    assert_same_fit(one.best_estimator_, other.best_estimator_)
    assert one.best_score_ == other.best_score_
go_on_after_kills(fit, [30, 50], assert_same_fit)
go_on_after_kills(path, [40], assert_same_path)
go_on_after_kills(search, [30], same_search)
print(error_of(lambda: SparseCurveCNNClassifierCV(crossed(), n_jobs=2, checkpoint="jobs").fit(X, y)))
"""
ERRORS = """
def fit(X=X, **params):
    return quick(**{"checkpoint": "fit", "max_iter": 2} | params).fit(X, y)
first, changed = fit(), X.copy()
changed[0] += rank
if rank == 0:
    with open("fit", "rb") as whole, open("damaged", "wb") as damaged:
        damaged.write(whole.read()[:-9])
for act in [
    lambda: fit(X=changed),
    lambda: fit(max_iter=3),
    lambda: fit(batch_size=16 + rank),
    lambda: fit(checkpoint="fit" if rank == 0 else None),
    lambda: fit(checkpoint="alone", max_iter=1),
    lambda: fit(checkpoint="novel", resume=False),
    lambda: fit(checkpoint="damaged"),
    lambda: fit(checkpoint="none", resume=True),
    lambda: fit(checkpoint="none/fit"),
    lambda: fit(checkpoint="/proc/fit"),
    lambda: fit(checkpoint="used"),
    lambda: SparseCurveCNNClassifierCV(quick(), checkpoint="fit").fit(X, y),
    lambda: SparseCurveCNNClassifierCV(quick(), checkpoint="folder", resume=True).fit(X, y),
]:
    print(error_of(act))
assert_same_fit(fit(resume=True), first)
"""
UNSEEDED = """
def unseeded(path):
    return path and crossed(random_state=None, max_iter=1, checkpoint=path).fit(X, y)
go_on_after_kills(unseeded, [9], lambda fitted, _: assert_same_fit(unseeded("unseeded9"), fitted))
"""
FULL_DISK = """
write, n_written = run_module.write_whole, []
def write_twice(path, data):
    n_written.append(path)
    if len(n_written) > 2:
        raise OSError(28, "No space left on device")
    write(path, data)
run_module.write_whole = write_twice
with warnings.catch_warnings(record=True) as told:
    warnings.simplefilter("always")
    full = quick(checkpoint="full").fit(X, y)
run_module.write_whole = write
print(len(n_written), [str(one.message) for one in told])
undisturbed = quick().fit(X, y)
assert_same_fit(full, undisturbed)
assert_same_fit(quick(checkpoint="full", resume=True).fit(X, y), undisturbed)
"""
SIGTERM = """
class Ended(Exception):
    pass
def end(number, frame):
    raise Ended
def terminate():
    os.kill(os.getpid(), signal.SIGTERM)
def fit(checkpoint, moment=None):
    with acting_at(moment, terminate):
        return crossed(checkpoint=checkpoint, checkpoint_every="1h").fit(X, y)
undisturbed = fit(None)
for ranks in ([0, 1], [0], [1]):
    before = signal.signal(signal.SIGTERM, end)
    try:
        fit(f"ended{ranks}", 40 if rank in ranks else None)
    except Ended:
        print("ended", flush=True)
    assert signal.signal(signal.SIGTERM, before) is end
    with acting_at(40, lambda: print("trained again")):
        assert_same_fit(fit(f"ended{ranks}"), undisturbed)
fit("terminated", 40 if rank == 1 else None)
"""
KILLED = """
def die():
    os.kill(os.getpid(), signal.SIGKILL)
with acting_at(40, die if rank == 1 or os.path.exists("again") else lambda: None):
    killed = crossed(checkpoint="fit").fit(X, y)
assert_same_fit(killed, crossed().fit(X, y))
"""


class Crossed(torch.nn.Module):
    """Layers that are declared in another order than they are used in, so that gradients come in another."""

    n_trained, moment, act = 0, None, None

    def __init__(self):
        super().__init__()
        self.norm = torch.nn.BatchNorm2d(7)
        self.fc = torch.nn.Linear(7 * 16 * 16, 2)
        self.last = torch.nn.Linear(2, 2)
        self.drop = torch.nn.Dropout(0.2)
        self.conv = torch.nn.Conv2d(1, 7, 3, padding=1)
        self.first = torch.nn.Conv2d(1, 1, 3, padding=1)

    def forward(self, x):
        if self.training and torch.is_grad_enabled():
            Crossed.n_trained += 1
            if Crossed.n_trained == Crossed.moment:
                Crossed.act()
        x = self.drop(self.norm(self.conv(self.first(x))).relu())
        return self.last(self.fc(x.flatten(1)))


def crossed(**params):
    start = {"module": Crossed, "penalized": "all", "target_sparsity": 0.5, "batch_size": 4}
    return quick(**start | {"max_iter": 2, "solver": "adam"} | params)


@contextlib.contextmanager
def acting_at(moment, act):
    """Call something within the block once `Crossed` is about to train on its batch of that number."""
    Crossed.n_trained, Crossed.moment, Crossed.act = 0, moment, staticmethod(act)
    try:
        yield
    finally:
        Crossed.moment = None


def go_on_after_kills(train, moments, same):
    """Kill a run before the batch of each number, in all processes, and check where it ends if it goes on."""

    def kill():
        raise Killed

    undisturbed = train(None)
    for moment in moments:
        path = f"{train.__name__}{moment}"
        with pytest.raises(Killed), acting_at(moment, kill):
            train(path)
        same(train(path), undisturbed)


def error_of(act):
    """Return the error that something raises, as a text."""
    with pytest.raises((OSError, ValueError)) as caught:
        act()
    return f"{caught.type.__name__}: {caught.value}"


@contextlib.contextmanager
def killing(processes):
    """Kill, at the end of the block, processes that are not over."""
    try:
        yield
    finally:
        for process in processes:
            process.kill()
            process.communicate()


def finish(processes, code=0):
    """Return what each process prints until its end."""
    with killing(processes):
        printed = [process.communicate(timeout=SECONDS) for process in processes]
    assert {process.returncode for process in processes} == {code}, printed
    return [out for out, _ in printed]


def test_runs_of_three_processes_go_on_bit_for_bit(tmp_path):
    for printed in finish(start(BEGIN + THREE, tmp_path, 3)):
        assert printed.startswith("ValueError: A search over 3 processes has a checkpoint only if its folds")
    assert not (tmp_path / "jobs").exists()
    names = [f"{name}.safetensors" for name in ("fold0", "fold1", "path")]
    assert sorted(os.listdir(tmp_path / "search30")) == names


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Where two processes have run one part after another, until SIGTERM has ended both."""
    folder = tmp_path_factory.mktemp("two")
    quick(checkpoint=folder / "alone", max_iter=1).fit(*make_stripes(40, random_state=0))
    (folder / "novel").write_bytes(b"the only copy")
    (folder / "folder").mkdir()
    parts = [ERRORS, UNSEEDED, FULL_DISK, SIGTERM]
    with locked(folder / "used"):
        printed = finish(start(BEGIN + "print('PART', flush=True)".join(parts), folder), -signal.SIGTERM)
    for rank, out in enumerate(printed):
        (folder / f"printed{rank}").write_text(out)
    return folder


def printed_in(folder, part):
    """Return what each of the two processes has printed in one part."""
    return [(folder / f"printed{rank}").read_text().split("PART\n")[part] for rank in (0, 1)]


def test_errors_are_raised_in_all_processes(folder):
    first, second = printed_in(folder, 0)
    assert first == second
    reasons = [
        "ValueError: checkpoint '.*fit' is of another run: X of process 1 differs",
        "ValueError: .* max_iter was 2, is 3",
        "ValueError: .* batch_size of process 1 was None, is 17",
        r"ValueError: checkpoint must be set in all 2 processes .* is set in \[0\] only",
        "ValueError: .* it is 'fit', not 'fit of 2 processes'",
        "FileFormatError: .* no checkpoint of sparsecnn",
        "FileFormatError: .* cut off",
        "ValueError: resume=True, but there is no checkpoint",
        "FileNotFoundError: .* in a folder that does not exist",
        "FileNotFoundError: .*/proc/fit' cannot be written",
        f"BlockingIOError: .* in use: process {os.getpid()} trains with it",
        "FileExistsError: .* must be a folder",
        "ValueError: resume=True, but .* holds no checkpoint",
    ]
    for error, reason in zip(first.splitlines(), reasons, strict=True):
        assert re.match(reason, error), error
    assert (folder / "novel").read_bytes() == b"the only copy"
    assert not (folder / "used").exists()


def test_full_disk_of_the_first_process_warns_there_and_training_goes_on(folder):
    first, second = printed_in(folder, 2)
    # It writes before the first of 5 epochs, and after each.
    assert re.match(
        "6 ..checkpoint '.*full' cannot be written .No space left on device.: training goes", first
    )
    assert first.count("cannot be written") == 1
    assert second == "0 []\n"


def test_sigterm_to_one_process_or_all_ends_all_with_their_state_on_disk(folder):
    assert printed_in(folder, 3) == ["ended\n" * 3] * 2
    left = [name for name in os.listdir(folder) if name.startswith((".terminated", "terminated"))]
    assert left == ["terminated"]  # no lock, and nothing half written


def test_killed_process_ends_the_others_and_all_go_on_when_started_again(tmp_path):
    survivor, killed = start(BEGIN + KILLED, tmp_path)
    with killing([survivor, killed]):
        assert "Another of the 2 processes of this fit ended" in survivor.communicate(timeout=SECONDS)[1]
        assert (survivor.wait(), killed.wait()) == (1, -signal.SIGKILL)
    (tmp_path / "meeting").unlink()
    (tmp_path / "again").touch()
    finish(start(BEGIN + KILLED, tmp_path))
