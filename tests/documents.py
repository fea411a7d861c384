"""Pages of documentation, and the code on them, which the tests run."""

import contextlib
import io
import re
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from PIL import Image

from sparsecnn.datasets import make_shaky_spirals

ROOT = Path(__file__).parent.parent
BUILT = ("_build", "auto_examples", "generated", "notebooks")  # notebooks are run by the build
BLOCK = re.compile(r"^```(python|sh|\{code-cell\} python)\n(.*?)^```", flags=re.DOTALL | re.MULTILINE)


def list_pages():
    """Return the README and the pages of the documentation that have code, by their path below the root."""
    found = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
    names = [path.relative_to(ROOT) for path in found if not set(path.parts) & set(BUILT)]
    return [str(name) for name in names if BLOCK.search((ROOT / name).read_text(encoding="utf-8"))]


@dataclass
class Run:
    """What the code of a page leaves behind: its files, its names, and what each block printed."""

    folder: Path
    names: dict = field(default_factory=lambda: {"__name__": "__main__"})
    printed: list = field(default_factory=list)


def run_page(name, folder):
    """Run the blocks of a page one after the other, in `folder`, which is the present one."""
    run = Run(folder)
    for number, (kind, code) in enumerate(BLOCK.findall((ROOT / name).read_text(encoding="utf-8"))):
        if kind == "sh":
            run_commands(code)
            continue
        output = io.StringIO()
        with contextlib.redirect_stdout(output):
            exec(compile(code, f"<{name}, block {number}>", "exec"), run.names)
        run.printed.append(output.getvalue())
    return run


def run_commands(code):
    """Run the commands of this package; of other programs, check that what they are asked for is there."""
    for line in re.sub(r"\s+#.*", "", code).splitlines():
        program, *arguments = line.split()
        if program == "sparsecnn":
            command = line.replace(program, f"{sys.executable} -m sparsecnn", 1)
            subprocess.run(command, shell=True, check=True, capture_output=True)
        elif program == "make":
            targets = re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
            assert set(arguments) <= set(targets), line
        scripts = [argument for argument in arguments if argument.endswith(".py")]
        assert all(any((ROOT / below / name).exists() for below in ("", "benchmarks")) for name in scripts)


def write_drawings(folder):
    """Write what the pages take for the reader's own files: spirals by person, scans, letters."""
    spirals = make_shaky_spirals(24, persons=8, image_shape=(64, 64), random_state=0)
    for i, image in enumerate(spirals.images):
        label, person = spirals.target_names[spirals.target[i]], spirals.groups[i]
        save_page(image, folder / "spirals" / label / f"V{int(person):02}-{i}.png")
    for i, name in enumerate(["letters/1.jpg", "letters/2.png", "scans/1.png", "word.png", "drawing.png"]):
        save_page(spirals.images[i], folder / name)


def save_page(ink, path):
    """Save dark ink on white paper."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.uint8(255) - ink).save(path)
