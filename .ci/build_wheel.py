"""Build the wheel of the last commit into a folder, and build it again to see that the bytes are the same.

    python .ci/build_wheel.py dist

Other machines make the same bytes of the same commit with the same versions of setuptools and zlib.
"""

import hashlib
import io
import os
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

BUILT_FROM = ("LICENSE", "README.md", "pyproject.toml", "setup.cfg", "sparsecnn")
BACKEND = "import sys; from setuptools.build_meta import build_wheel; build_wheel(sys.argv[1])"


def build(source, out, seconds):
    """Build the wheel of a checkout, of which only names and bytes of files count, and return its path.

    Parameters
    ----------
    source, out : Path
        Folders of the checkout and of the wheel.
    seconds : int
        Since 1970, the time of all files in the wheel.
    """
    with tempfile.TemporaryDirectory() as copy:
        for path in (found for name in BUILT_FROM for found in [source / name, *(source / name).rglob("*")]):
            if path.is_file() and "__pycache__" not in path.parts:
                target = copy / path.relative_to(source)
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(path.read_bytes())
                target.chmod(0o644)
        command = [sys.executable, "-c", BACKEND, str(out.resolve())]
        environment = os.environ | {"SOURCE_DATE_EPOCH": str(seconds)}
        done = subprocess.run(command, cwd=copy, env=environment, umask=0o022, capture_output=True, text=True)
        if done.returncode:
            sys.exit(done.stdout + done.stderr)
    return max(out.glob("sparsecnn-*.whl"), key=os.path.getmtime)


def git(*arguments):
    return subprocess.run(["git", *arguments], check=True, capture_output=True).stdout


def main():
    out = Path(sys.argv[1])
    seconds = int(git("log", "-1", "--format=%ct"))
    with tempfile.TemporaryDirectory() as source, tempfile.TemporaryDirectory() as again:
        with tarfile.open(fileobj=io.BytesIO(git("archive", "HEAD"))) as commit:
            commit.extractall(source, filter="data")
        wheel = build(Path(source), out, seconds)
        if build(Path(source), Path(again), seconds).read_bytes() != wheel.read_bytes():
            sys.exit(f"{wheel} has other bytes when it is built again.")
    print(wheel, f"sha256 {hashlib.sha256(wheel.read_bytes()).hexdigest()}", sep="\n")


if __name__ == "__main__":
    main()
