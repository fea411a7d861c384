"""Every public class, function, method and property has a complete numpydoc docstring."""

import doctest
import importlib
import inspect
import pkgutil
from pathlib import Path

import pytest
from numpydoc.docscrape import get_doc_object
from numpydoc.validate import Validator, validate

import sparsecnn

API_PAGE = Path(__file__).parent.parent / "docs" / "api.rst"


def public_modules():
    """Return the package and its modules without a leading underscore."""
    names = [found.name for found in pkgutil.walk_packages(sparsecnn.__path__, "sparsecnn.")]
    return [sparsecnn, *(importlib.import_module(name) for name in names if "._" not in name)]


def public_names():
    """Return the dotted names of what the public modules export and of the members of its classes."""
    names = {}
    for module in public_modules():
        for name in module.__all__:
            thing = getattr(module, name)
            if inspect.isclass(thing) or inspect.isfunction(thing):
                names.setdefault(thing, f"{module.__name__}.{name}")
    for thing, name in list(names.items()):
        for member in own_members(thing) if inspect.isclass(thing) else ():
            names.setdefault(getattr(thing, member), f"{name}.{member}")
    return sorted(names.values())


def own_members(cls):
    """Return the names of the public methods and properties of a class that the package defines.

    A method without a docstring that overrides a documented one with the same parameters is left out: Python
    shows the docstring of the other.
    """
    members = []
    for name in dir(cls):
        raw = inspect.getattr_static(cls, name)
        function = getattr(raw, "fget", None) or getattr(raw, "__func__", raw)
        ours = inspect.isfunction(function) and function.__module__.startswith("sparsecnn")
        if ours and not name.startswith("_") and not inherits_docstring(cls, name):
            members.append(name)
    return members


def inherits_docstring(cls, name):
    """Return whether a method has the docstring and the parameters of the one that it overrides."""
    method = getattr(cls, name)
    if method.__doc__ is not None or not callable(method):
        return False
    overridden = next(
        (base.__dict__[name] for base in cls.__mro__ if getattr(base.__dict__.get(name), "__doc__", None)),
        None,
    )
    return overridden is not None and parameters(overridden) == parameters(method)


def parameters(function):
    """Return the default of each parameter by name."""
    return {name: found.default for name, found in inspect.signature(function).parameters.items()}


def faults(name):
    """Return what numpydoc finds wrong in the docstring of `name`, as lines that start with a code."""
    return [f"{code} {text}" for code, text in validate(name)["errors"]]


def wrong_defaults(name):
    """Return the parameters whose documented default is missing or is not that of the signature."""
    documented = get_doc_object(Validator._load_obj(name))["Parameters"]
    types = {key.strip(): entry.type for entry in documented for key in entry.name.split(",")}
    wrong = []
    for key, default in parameters(Validator._load_obj(name)).items():
        text = types.get(key, "").partition("default=")[2]
        if default is not inspect.Parameter.empty and key in types and not is_default(text, default):
            wrong.append(f"{key}: documented {text or 'no default'}, is {default!r}")
    return wrong


def is_default(text, default):
    """Return whether `text`, such as 1/19, has the value `default`, or names it where it is an object."""
    try:
        return eval(text, {"__builtins__": {}}) == default
    except (SyntaxError, NameError):
        return bool(text) and not isinstance(default, (bool, int, float, str, tuple, type(None)))


PUBLIC = public_names()
LOADED = {name: Validator._load_obj(name) for name in PUBLIC}
CALLABLE = [
    name for name, thing in LOADED.items() if callable(thing) and not name.endswith(("Error", "Warning"))
]


@pytest.mark.parametrize("name", PUBLIC)
def test_docstring_is_complete(name):
    assert faults(name) == []


def test_examples_of_the_api_page_are_right():
    tried = doctest.testfile(str(API_PAGE), module_relative=False)
    assert tried.attempted > 0 == tried.failed


@pytest.mark.parametrize("name", CALLABLE)
def test_docstring_has_the_defaults_of_the_signature(name):
    assert wrong_defaults(name) == []


def test_public_names_are_those_of_all_modules_and_members():
    expected = {
        "sparsecnn.SparseCurveCNNClassifier",
        "sparsecnn.SparseCurveCNNClassifier.fit",
        "sparsecnn.SparseCurveCNNClassifier.predict_proba",
        "sparsecnn.SparseCurveCNNClassifier.sparsity_",
        "sparsecnn.RVSM.step",
        "sparsecnn.inspection.SparsityPathDisplay.from_estimator",
        "sparsecnn.inspection.integrated_gradients",
        "sparsecnn.penalties.L1",
        "sparsecnn.pretraining.pretrain_on_drawings",
    }
    assert expected <= set(PUBLIC)
    assert len(PUBLIC) == len(set(PUBLIC))
    assert not any("._" in name for name in PUBLIC)


def well_documented(first, second=2):
    """Add two numbers.

    It is here to be spoilt.

    Parameters
    ----------
    first : int
        One number.
    second : int, default=2
        Another number.

    Returns
    -------
    int
        The sum.

    See Also
    --------
    faults : Finds what is wrong.

    Examples
    --------
    >>> well_documented(1)
    3
    """
    return first + second


def with_docstring(text):
    """Return `well_documented` with another docstring, and its name for numpydoc."""

    def changed(first, second=2):
        return well_documented(first, second)

    changed.__doc__ = text
    return changed


GOOD = well_documented.__doc__
FIRST, SECOND = (
    "    first : int\n        One number.\n",
    "    second : int, default=2\n        Another number.\n",
)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (None, "GL08"),
        (GOOD.replace(SECOND, ""), "PR01"),
        (GOOD.replace("second", "secnd"), "PR02"),
        (GOOD.replace(FIRST + SECOND, SECOND + FIRST), "PR03"),
        (GOOD.replace("first : int", "first"), "PR04"),
        (GOOD.replace("        One number.\n", ""), "PR07"),
        (GOOD[: GOOD.index("    Returns")], "RT01"),
        (GOOD.replace("Add two", "Adds two"), "SS05"),
        (GOOD.replace("    It is here to be spoilt.\n\n", ""), "ES01"),
        (GOOD[: GOOD.index("    Examples")], "EX01"),
        (GOOD.replace("One number", "one number"), "PR08"),
        (GOOD.replace("    int\n", "    total : int\n"), "RT02"),
        (GOOD.replace("    See Also\n    --------\n    faults : Finds what is wrong.\n", ""), "SA01"),
    ],
)
def test_bad_docstring_is_found(monkeypatch, text, code):
    name = f"{__name__}.well_documented"
    assert faults(name) == []
    monkeypatch.setitem(globals(), "well_documented", with_docstring(text))
    assert code in {fault.split()[0] for fault in faults(name)}


@pytest.mark.parametrize("text", [GOOD.replace("default=2", "default=3"), GOOD.replace(", default=2", "")])
def test_bad_default_is_found(monkeypatch, text):
    name = f"{__name__}.well_documented"
    assert wrong_defaults(name) == []
    monkeypatch.setitem(globals(), "well_documented", with_docstring(text))
    assert len(wrong_defaults(name)) == 1
