"""Which run a checkpoint is of: its parameters as texts, its data as digests."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from numbers import Integral, Real
from typing import Any

import numpy as np
import torch
from sklearn.base import BaseEstimator
from torch import nn

from sparsecnn._image_shape import layout_of_rows
from sparsecnn._network import pack_tensors

# How a run is watched and kept is no part of what it computes.
LEFT_OUT = ("checkpoint", "checkpoint_every", "resume", "verbose", "n_jobs")
LONGEST = 80  # letters of a text; longer ones are cut, with a digest
LARGEST_LIST = 20  # numbers of an array that are spelled out
CHUNK = 2**24  # bytes to digest at a time, so that mapped files stay on disk


@dataclass(frozen=True)
class Identity:
    """What tells one run from another.

    Attributes
    ----------
    kind : str
        "fit", "path", "fold0" and so on.
    params : dict of str to str
    data : dict of str to str
        Digests.
    """

    kind: str
    params: dict[str, str]
    data: dict[str, str]

    def changes(self, other: Identity) -> list[str]:
        """Return in what this run differs from `other`, in words."""
        if self.kind != other.kind:
            return [f"it is {other.kind!r}, not {self.kind!r}"]
        names = {*self.params, *other.params}
        return [
            f"{name} was {other.params.get(name)}, is {self.params.get(name)}"
            for name in sorted(names)
            if self.params.get(name) != other.params.get(name)
        ] + [f"{name} differs" for name in self.data if self.data[name] != other.data.get(name)]

    def digest(self) -> str:
        """Return 16 letters that stand for this run."""
        return digest([self.kind, sorted(self.params.items()), sorted(self.data.items())])[:16]


def join(identities: Sequence[Identity]) -> Identity:
    """Return what tells the run of several processes from others, from what each of them is, by rank."""
    first, *others = identities
    if not others:
        return first
    params, data = dict(first.params), dict(first.data)
    for rank, other in enumerate(others, 1):
        own = {name: text for name, text in other.params.items() if text != first.params.get(name)}
        params |= {f"{name} of process {rank}": text for name, text in own.items()}
        data |= {f"{name} of process {rank}": found for name, found in other.data.items()}
    return Identity(f"{first.kind} of {len(identities)} processes", params, data)


def identify(kind: str, estimator: BaseEstimator, data: Mapping[str, Any], **further: Any) -> Identity:
    """Return what tells the run of an estimator on some data from others.

    Parameters
    ----------
    kind : str
    estimator : BaseEstimator
    data : mapping of str to array-like
    **further : dict
        More parameters.
    """
    params = {k: v for k, v in estimator.get_params(deep=False).items() if k not in LEFT_OUT} | further
    _, channels = layout_of_rows(data.get("X"))
    if channels is not None and channels > 1:  # which the numbers of rows do not tell
        params["channels of X"] = channels
    texts = {name: _shortened(describe(value)) for name, value in params.items()}
    return Identity(kind, texts, {name: digest(value) for name, value in data.items()})


def digest(value: Any) -> str:
    """Return the SHA-256 of an array, or of what describes another value."""
    found = hashlib.sha256()
    array = value if isinstance(value, np.ndarray) else _as_array(value)
    if array is None or array.dtype.kind == "O":
        text = describe(value) if array is None else repr(array.tolist())
        found.update(text.encode(errors="backslashreplace"))
        return found.hexdigest()
    found.update(f"{array.dtype.str} {array.shape} ".encode())
    n_rows = max(1, CHUNK // max(1, array[:1].nbytes)) if array.ndim else 1
    for start in range(0, len(array) if array.ndim else 1, n_rows):
        part = array[start : start + n_rows] if array.ndim else array
        found.update(np.ascontiguousarray(part).view(np.uint8).data if part.size else b"")
    return found.hexdigest()


def _as_array(value: Any) -> np.ndarray | None:
    """Return what stands for an array as one, or None if it stands for none."""
    if isinstance(value, str) or not hasattr(value, "__len__") or isinstance(value, (dict, nn.Module)):
        return None
    try:
        return np.asarray(value)
    except (ValueError, TypeError):
        return None


def describe(value: Any) -> str:
    """Return a text that is the same for equal values, in every process."""
    value = value.item() if isinstance(value, np.generic) else value
    if isinstance(value, (str, bool, type(None), torch.device)):
        return repr(value)
    if isinstance(value, Integral) or (isinstance(value, Real) and float(value).is_integer()):
        return str(int(value) if isinstance(value, Integral) else int(float(value)))
    if isinstance(value, Real):
        return repr(float(value))
    if isinstance(value, np.ndarray) and (value.ndim != 1 or value.size > LARGEST_LIST):
        return f"array {digest(value)}"
    if isinstance(value, (list, tuple, np.ndarray)):
        return f"[{', '.join(describe(item) for item in value)}]"
    if isinstance(value, dict):
        pairs = (f"{describe(key)}: {describe(item)}" for key, item in value.items())
        return f"{{{', '.join(pairs)}}}"
    return _describe_object(value)


def _describe_object(value: Any) -> str:
    if isinstance(value, type) or (callable(value) and hasattr(value, "__qualname__")):
        return f"{value.__module__}.{value.__qualname__}"
    name = type(value).__name__
    if isinstance(value, np.random.RandomState):
        return f"{name} {digest(describe(value.get_state(legacy=False)))[:8]}"
    if isinstance(value, torch.Tensor):
        return f"{name} {digest(describe(pack_tensors(value)))[:8]}"
    if isinstance(value, nn.Module):
        return f"{name} {digest(repr(value) + describe(value.state_dict()))[:8]}"
    if isinstance(value, functools.partial):
        return f"{name}({describe([value.func, value.args, value.keywords])})"
    parts = vars(value) if hasattr(value, "__dict__") else {}
    if isinstance(value, BaseEstimator):
        fitted = {key: item for key, item in parts.items() if key.endswith("module_")}
        parts = {k: v for k, v in value.get_params(deep=False).items() if k not in LEFT_OUT} | fitted
    return f"{name}({', '.join(f'{key}={describe(item)}' for key, item in parts.items())})"


def _shortened(text: str) -> str:
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 20]}... ({digest(text)[:8]})"
