"""Every public function and method documents each parameter, and what it returns."""

import importlib
import inspect
import pkgutil

import pytest

import sparsecnn


def public_callables():
    """Return, by dotted name, what the public modules export, and the public methods of its classes."""
    modules = [sparsecnn]
    for found in pkgutil.iter_modules(sparsecnn.__path__, "sparsecnn."):
        if not found.name.split(".")[1].startswith("_"):
            modules.append(importlib.import_module(found.name))
    exported = {
        f"{module.__name__}.{name}": getattr(module, name)
        for module in modules
        for name in getattr(module, "__all__", ())
    }
    methods = {
        f"{name}.{key}": value
        for name, thing in exported.items()
        if inspect.isclass(thing)
        for key, value in inspect.getmembers(thing)
        if not key.startswith("_") and (getattr(value, "__module__", None) or "").startswith("sparsecnn")
    }
    named = (exported | methods).items()
    return {name: thing for name, thing in named if callable(thing) and not _is_warning(thing)}


def _is_warning(thing):
    return inspect.isclass(thing) and issubclass(thing, Warning)


PUBLIC = public_callables()


@pytest.mark.parametrize("name", PUBLIC)
def test_docstring_has_parameters_and_returns(name):
    thing = PUBLIC[name]
    text = inspect.getdoc(thing)
    signature = inspect.signature(thing)
    names = [key for key in signature.parameters if key != "self"]
    undocumented = [key for key in names if key not in text.split("Parameters\n---", 1)[-1]]
    assert not names or "Parameters\n---" in text
    assert not undocumented
    returned = signature.return_annotation
    returns = not inspect.isclass(thing) and str(returned) != "None" and "Iterator" not in str(returned)
    assert not returns or "Returns\n---" in text
