"""Rooms use only those below them, and only what these offer in their ``__init__.py``."""

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "sparsecnn"
# From the bottom up.
ROOMS = (
    *(
        "exceptions",
        "_files",
        "_warn",
        "_naming",
        "_html_table",
        "_pixels",
        "inference",
        "_pixel_rows",
        "_image_shape",
        "datasets",
        "_compute",
        "_network",
        "_checkpoint",
    ),
    *(
        "penalties",
        "preprocessing",
        "_rvsm_checks",
        "_rvsm_lam",
        "_rvsm_wrapper",
        "_rvsm_weights",
        "rvsm",
        "_training",
        "_estimator",
        "callbacks",
        "model_selection",
        "_ensemble",
        "pretraining",
        "binarization",
        "inspection",
        "export",
        "pretrained",
        "_command_line",
        "__main__",
    ),
)
BENCHMARKS = sorted(PACKAGE.parent.glob("benchmarks/*.py"))
MODULES = sorted(path for path in PACKAGE.rglob("*.py") if path != PACKAGE / "__init__.py")


def room(path):
    return path.relative_to(PACKAGE).with_suffix("").parts[0]


def imports(path):
    """Return the dotted names below the package from which a module imports."""
    nodes = ast.walk(ast.parse(path.read_text(encoding="utf-8")))
    names = [node.module or "" for node in nodes if isinstance(node, ast.ImportFrom)]
    return [name.removeprefix("sparsecnn.") for name in names if name.startswith("sparsecnn.")]


def test_every_module_is_in_a_known_room():
    assert {room(path) for path in MODULES} == set(ROOMS)


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_module_imports_from_lower_rooms_and_only_what_they_offer(path):
    own = room(path)
    for name in imports(path):
        other, *rest = name.split(".")
        if other != own:
            assert ROOMS.index(other) < ROOMS.index(own), f"{own} imports upwards from {name}"
            assert not rest, f"{own} imports from the inside of another room: {name}"


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_module_is_not_too_long(path):
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 400


def test_files_and_drawings_need_no_torch():
    for path in MODULES:
        if room(path) in ("datasets", "preprocessing", "_image_shape", "_pixel_rows"):
            nodes = ast.walk(ast.parse(path.read_text(encoding="utf-8")))
            names = [alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names]
            assert "torch" not in names, path


def defined(path):
    """Return the names that a script defines or imports at its top level."""
    found = set()
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            found.add(node.name)
        elif isinstance(node, (ast.Import, ast.ImportFrom)):
            found |= {alias.asname or alias.name for alias in node.names}
        elif isinstance(node, ast.Assign):
            stored = (name for target in node.targets for name in ast.walk(target))
            found |= {name.id for name in stored if isinstance(name, ast.Name)}
    return found


@pytest.mark.parametrize("path", BENCHMARKS, ids=lambda path: path.name)
def test_benchmarks_import_what_other_benchmarks_define(path):
    others = {other.stem: other for other in BENCHMARKS}
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.ImportFrom) and node.module in others:
            missing = {alias.name for alias in node.names} - defined(others[node.module])
            assert not missing, f"{node.module} does not define {missing}"
