"""What pyproject.toml asks for is what the package imports and what the tests have run with."""

import ast
import sys
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).parent.parent
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
PROJECT = PYPROJECT["project"]
EXTRAS = PROJECT["optional-dependencies"]
OF_USERS = ("plot", "onnx", "scale", "service")
DISTRIBUTIONS = {"PIL": "pillow", "sklearn": "scikit-learn"}


def requirements(*lines):
    """Return what is required by name; extras of the package itself are left out."""
    found = [Requirement(line) for part in lines for line in part]
    return {one.name: str(one.specifier) for one in found if one.name != "sparsecnn"}


def constraints(name):
    lines = (ROOT / name).read_text(encoding="utf-8").splitlines()
    return dict(line.split("==") for line in lines if not line.startswith("#"))


def module_imports(path):
    """Return the packages that a module imports as soon as it is imported."""
    nodes = ast.parse(path.read_text(encoding="utf-8")).body
    names = [alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names]
    names += [node.module for node in nodes if isinstance(node, ast.ImportFrom)]
    return {name.split(".")[0] for name in names}


def within(bound, version):
    return Requirement("x" + bound).specifier.contains(version)


def test_package_imports_what_it_depends_on_and_nothing_else():
    imported = set().union(*(module_imports(path) for path in (ROOT / "sparsecnn").rglob("*.py")))
    third = {DISTRIBUTIONS.get(name, name) for name in imported - sys.stdlib_module_names - {"sparsecnn"}}
    assert third == set(requirements(PROJECT["dependencies"]))


def test_lower_bounds_are_the_versions_of_test_oldest():
    wanted = requirements(
        PYPROJECT["build-system"]["requires"],
        PROJECT["dependencies"],
        *(EXTRAS[name] for name in (*OF_USERS, "test")),
    )
    oldest = constraints("constraints-oldest.txt")
    # The one that is there for another's sake, as the file says.
    assert set(oldest) == set(wanted) | {"pyparsing"}
    differing = [name for name in wanted if not within(wanted[name].replace(">=", "=="), oldest[name])]
    assert differing == []


def test_versions_of_the_tests_are_within_the_bounds():
    wanted = requirements(PROJECT["dependencies"], *EXTRAS.values())
    pinned = constraints("constraints.txt")
    tools = {name for name, bound in wanted.items() if bound.startswith("==")}
    assert set(wanted) - tools <= set(pinned)
    assert [name for name in wanted.keys() - tools if not within(wanted[name], pinned[name])] == []


@pytest.mark.parametrize("part", ["dependencies", *OF_USERS])
def test_users_are_given_no_upper_bounds(part):
    bounds = requirements(PROJECT["dependencies"] if part == "dependencies" else EXTRAS[part])
    assert all(bound.startswith(">=") and "," not in bound for bound in bounds.values()), bounds
