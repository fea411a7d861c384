"""Files are written whole or not at all, whatever happens meanwhile."""

import os
import signal
import subprocess
import sys
import threading
import time

import pytest
from classifiers import quick
from conftest import make_stripes

from sparsecnn import _files
from sparsecnn._files import write_whole
from sparsecnn.export import load, save

X, Y = make_stripes(60, random_state=0)


@pytest.fixture(scope="module")
def classifier():
    return quick(max_iter=1).fit(X, Y)


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "network.safetensors"
    path.write_bytes(b"old")
    return path


def only(path):
    """Return whether nothing but the file is in its folder."""
    return os.listdir(path.parent) == [path.name]


@pytest.mark.parametrize("function", ["fsync", "replace", "chmod", "open"])
@pytest.mark.parametrize("error", [OSError("disk"), KeyboardInterrupt()], ids=["error", "interrupt"])
def test_failure_at_any_stage_leaves_the_old_file(function, error, path, classifier, monkeypatch):
    target = "builtins.open" if function == "open" else f"os.{function}"
    original, own_thread = open if function == "open" else getattr(os, function), threading.get_ident()

    def fail(*args, **kwargs):
        if threading.get_ident() != own_thread:  # threads of other tests go on
            return original(*args, **kwargs)
        raise error

    with monkeypatch.context() as patched:
        patched.setattr(target, fail)
        with pytest.raises(type(error)):
            save(classifier, path)
    assert path.read_bytes() == b"old"
    assert only(path)
    save(classifier, path)
    assert load(path).classes_.tolist() == ["across", "down"]
    assert only(path)


# Without torch, which takes seconds to import.
IMPORT = f"""
import importlib.util
spec = importlib.util.spec_from_file_location("files", {_files.__file__!r})
files = importlib.util.module_from_spec(spec)
spec.loader.exec_module(files)
write_whole = files.write_whole
"""
FULL_DISK = f"""{IMPORT}
import resource, signal, sys

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, resource.RLIM_INFINITY))
try:
    write_whole(sys.argv[1], b"x" * 5000)
except OSError as error:
    print(error.errno)
finally:  # for what else is written when the process ends, such as its coverage
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
"""


def test_full_disk_leaves_the_old_file(path):
    done = subprocess.run([sys.executable, "-c", FULL_DISK, path], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "27"  # EFBIG
    assert path.read_bytes() == b"old"
    assert only(path)


WRITING = f"""{IMPORT}
import sys

size = 0
while True:
    size = (size + 1) % 7
    write_whole(sys.argv[1], bytes([size]) * 3_000_000)
    print("written", flush=True)
"""


def test_killed_process_leaves_a_whole_file(path):
    for delay in (0.0, 0.003, 0.01, 0.03, 0.05):
        process = subprocess.Popen([sys.executable, "-c", WRITING, path], stdout=subprocess.PIPE, text=True)
        process.stdout.readline()
        time.sleep(delay)
        process.send_signal(signal.SIGKILL)
        process.wait()
        process.stdout.close()
        data = path.read_bytes()
        assert len(data) == 3_000_000
        assert len(set(data)) == 1


def test_readers_see_whole_files_alone(path):
    wholes = [bytes([n]) * 100_000 for n in range(20)]
    write_whole(path, wholes[0])
    seen, done = set(), threading.Event()

    def read():
        while not done.is_set():
            seen.add(path.read_bytes())

    reader = threading.Thread(target=read)
    reader.start()
    for whole in wholes:
        write_whole(path, whole)
    done.set()
    reader.join()
    assert seen <= set(wholes)


def test_unusable_paths_are_refused_at_once(tmp_path, path):
    unfitted = quick()  # refused too, but later
    with pytest.raises(IsADirectoryError, match="is a folder"):
        save(unfitted, tmp_path)
    with pytest.raises(FileNotFoundError, match="in a folder that does not exist"):
        save(unfitted, tmp_path / "none" / "file")
    with pytest.raises(TypeError, match="path must be a str or path-like object, got 3"):
        save(unfitted, 3)
    with pytest.raises(OSError, match="regular file, which '/dev/null' is not"):
        save(unfitted, "/dev/null")
    assert path.read_bytes() == b"old"


def test_permissions_and_links_stay(path, tmp_path, classifier):
    path.chmod(0o640)
    link = tmp_path / "link"
    link.symlink_to(path)
    save(classifier, str(link))
    assert link.is_symlink()
    assert path.stat().st_mode & 0o777 == 0o640
    assert path.read_bytes() != b"old"
    new, plain = tmp_path / "new", tmp_path / "plain"
    write_whole(new, b"")
    plain.write_bytes(b"")
    assert new.stat().st_mode == plain.stat().st_mode
