"""The bytes of a saved file: safetensors, of which every size is checked before it is believed."""

from __future__ import annotations

import hashlib
import json
import math
import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, BinaryIO

import numpy as np

from sparsecnn.exceptions import FileFormatError

NO_DIGEST = "0" * 64
# JSON within JSON escapes each of its quotation marks, unless they are others.
SWAPPED = str.maketrans("\"'", "'\"")
METADATA = ("format", "version", "package", "sha256")
# Of the tensors, by name, what each may hold; in the order in which they are written, the widest first.
DTYPES: Mapping[str, tuple[str, ...]] = {
    "numbers": ("F64", "F32"),
    "halves": ("F16",),
    "bytes": ("I8",),
    "bits": ("U8",),
    "other": ("U8",),
}
NUMPY = {
    **{"F64": "<f8", "I64": "<i8", "U64": "<u8", "F32": "<f4", "I32": "<i4", "U32": "<u4"},
    **{"F16": "<f2", "I16": "<i2", "U16": "<u2", "I8": "|i1", "U8": "|u1", "BOOL": "|b1"},
}


@dataclass(frozen=True)
class Form:
    """A kind of file.

    Attributes
    ----------
    format : str
        Its name in the metadata.
    version : int
        The newest that is known. Of estimators: 1; 2 with weights of 8 bits; 3 with screenings.
    content : str
        Name of what JSON says, in the metadata.
    dtypes : mapping of str to tuple of str
        As `DTYPES`.
    largest_header : int
        In bytes.
    unknown, foreign : str
        What is wrong with a file of another kind, and with one that is safetensors at least.
    """

    format: str
    version: int
    content: str
    dtypes: Mapping[str, tuple[str, ...]]
    largest_header: int
    unknown: str
    foreign: str


ESTIMATOR = Form(
    format="sparsecnn",
    version=3,
    content="estimator",
    dtypes=DTYPES,
    largest_header=2**20,
    unknown="it is no file that sparsecnn.export.save has written",
    foreign="it is a safetensors file that sparsecnn.export.save has not written",
)


@dataclass(frozen=True)
class Content:
    """What a file holds.

    Attributes
    ----------
    name : str
        Of the file, for messages.
    entry : object
        From JSON.
    tensors : dict of str to ndarray
        Of one axis, read-only; those that the file lacks are empty.
    n_bytes : int
        Size of the file.
    """

    name: str
    entry: Any
    tensors: dict[str, np.ndarray]
    n_bytes: int


def pack(
    entry: Any,
    tensors: Mapping[str, np.ndarray],
    package: str,
    form: Form = ESTIMATOR,
    version: int | None = None,
) -> bytes:
    """Return the bytes of a file.

    Parameters
    ----------
    entry : object
        For JSON.
    tensors : mapping of str to ndarray
        Of one axis, under the names of ``form.dtypes``.
    package : str
        Version of the package that writes.
    form : Form, default=ESTIMATOR
    version : int, default=None
        The oldest of `form` that has all of it; None is the newest.

    Raises
    ------
    ValueError
        If `entry` holds NaN or infinity, or is too large for a header.
    """
    metadata = {
        "format": form.format,
        "version": str(version or form.version),
        "package": package,
        "sha256": NO_DIGEST,
        form.content: _dumps(entry).translate(SWAPPED),
    }
    header: dict[str, Any] = {"__metadata__": metadata}
    parts, end = [], 0
    for name in form.dtypes:
        if tensors[name].size:
            parts.append(tensors[name].tobytes())
            start, end = end, end + len(parts[-1])
            dtype = next(key for key, value in NUMPY.items() if value == tensors[name].dtype.str)
            header[name] = {"dtype": dtype, "shape": [tensors[name].size], "data_offsets": [start, end]}
    text = _dumps(header).encode()
    text += b" " * (-len(text) % 8)
    if len(text) > form.largest_header:
        raise ValueError(
            f"The parameters, classes and names of the estimator take {len(text):,} bytes, more than the "
            f"{form.largest_header:,} that a file can hold."
        )
    data = b"".join(parts)
    digest = _digest(text, data)
    return len(text).to_bytes(8, "little") + text.replace(NO_DIGEST.encode(), digest.encode(), 1) + data


def _dumps(value: Any) -> str:
    return json.dumps(value, allow_nan=False, separators=(",", ":"))


def _digest(header: bytes, data: bytes) -> str:
    """Return the SHA-256 of a file whose header has zeros in its place."""
    digest = hashlib.sha256(len(header).to_bytes(8, "little"))
    digest.update(header)
    digest.update(data)
    return digest.hexdigest()


def read(path: str | os.PathLike[str], form: Form = ESTIMATOR) -> Content:
    """Return what a file holds.

    Raises
    ------
    FileFormatError
        If it is no file of this format, damaged, or newer.
    OSError
        If it cannot be read.
    """
    if not isinstance(path, (str, os.PathLike)):
        raise TypeError(f"path must be a str or path-like object, got {path!r}.")
    name = os.fspath(path)
    if os.path.isdir(name):
        raise IsADirectoryError(f"path must name a file, but {name!r} is a folder.")
    if not stat.S_ISREG(os.stat(name).st_mode):
        raise FileFormatError(f"{name}: it is no regular file.")
    with open(name, "rb") as file:
        try:
            return unpack(file, os.fstat(file.fileno()).st_size, str(name), form)
        except FileFormatError as error:
            raise FileFormatError(f"{name}: {error}.") from None


def unpack(file: BinaryIO, n_bytes: int, name: str, form: Form = ESTIMATOR) -> Content:
    """Return what an open file of `n_bytes` holds, or raise FileFormatError."""
    length = int.from_bytes(file.read(8), "little")
    if n_bytes < 8 or not 2 <= length <= form.largest_header:
        raise FileFormatError(form.unknown)
    if 8 + length > n_bytes:
        raise FileFormatError(f"its {n_bytes} bytes end within its header: it is cut off")
    text = file.read(length)
    header = _parse(text, "its header")
    if not isinstance(header, dict) or not isinstance(header.get("__metadata__"), dict):
        raise FileFormatError(form.unknown)
    metadata = header.pop("__metadata__")
    _check_version(metadata, form)
    places = _places(header, n_bytes - 8 - length, form.dtypes)
    data = file.read(n_bytes - 8 - length)
    _check_digest(metadata, text, data)
    tensors = {key: np.zeros(0, NUMPY[dtypes[-1]]) for key, dtypes in form.dtypes.items()}
    for key, (dtype, start, end) in places.items():
        tensors[key] = np.frombuffer(memoryview(data)[start:end], dtype)
    entry = _parse(metadata[form.content].translate(SWAPPED), "its description")
    return Content(name, entry, tensors, n_bytes)


def _check_version(metadata: dict[str, Any], form: Form) -> None:
    """Raise FileFormatError unless metadata are of this form, and of a version that is known."""
    if metadata.get("format") != form.format:
        raise FileFormatError(form.foreign)
    version = metadata.get("version")
    if not isinstance(version, str) or not version.isdecimal() or len(version) > 9 or int(version) < 1:
        raise FileFormatError(f"its format has the version {version!r}, which is no number")
    if int(version) > form.version:
        raise FileFormatError(
            f"its format has the version {version}, but this sparsecnn reads up to {form.version}: it was "
            f"written by sparsecnn {str(metadata.get('package'))[:20]}, or newer"
        )
    names = (*METADATA, form.content)
    if tuple(metadata) != names or not all(isinstance(value, str) for value in metadata.values()):
        raise FileFormatError(f"its metadata must be texts named {', '.join(names)}")


def _check_digest(metadata: dict[str, str], text: bytes, data: bytes) -> None:
    found = metadata["sha256"].encode()
    # The first in the header: texts of the user's own come later.
    blank = text.replace(found, NO_DIGEST.encode(), 1) if len(found) == len(NO_DIGEST) else text
    if _digest(blank, data) != metadata["sha256"]:
        raise FileFormatError("its SHA-256 is not that of its bytes: it was damaged or changed")


def _places(
    header: dict[str, Any], n_bytes: int, dtypes: Mapping[str, tuple[str, ...]]
) -> dict[str, tuple[str, int, int]]:
    """Return dtype, first and last offset of every tensor, or raise FileFormatError."""
    if list(header) != [name for name in dtypes if name in header]:
        raise FileFormatError(f"its tensors must be {', '.join(dtypes)}, in this order")
    places, reached = {}, 0
    for name, entry in header.items():
        dtype = entry.get("dtype") if isinstance(entry, dict) else None
        if dtype not in dtypes[name]:
            raise FileFormatError(f"its tensor {name!r} must be one of {', '.join(dtypes[name])}")
        shape = entry.get("shape")
        if not isinstance(shape, list) or len(shape) != 1 or not is_count(shape[0]):
            raise FileFormatError(f"its tensor {name!r} must have one axis")
        start, reached = reached, reached + shape[0] * np.dtype(NUMPY[dtype]).itemsize
        if entry != {"dtype": dtype, "shape": shape, "data_offsets": [start, reached]}:
            raise FileFormatError(f"its tensor {name!r} must lie from byte {start} to byte {reached}")
        places[name] = NUMPY[dtype], start, reached
    if reached != n_bytes:
        what = "it is cut off" if reached > n_bytes else "bytes follow them"
        raise FileFormatError(f"its tensors take {reached} bytes, but there are {n_bytes}: {what}")
    return places


def is_count(value: Any) -> bool:
    """Return whether a value from JSON is an integer of 0 or more."""
    return type(value) is int and 0 <= value < 2**63


def _parse(text: str | bytes, what: str) -> Any:
    """Return what JSON describes, or raise FileFormatError."""
    try:
        return json.loads(
            text, object_pairs_hook=_without_repetition, parse_constant=_refuse, parse_float=_finite
        )
    except (ValueError, RecursionError) as error:
        raise FileFormatError(f"{what} is no proper JSON ({str(error)[:200]})") from None


def _without_repetition(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len(dict(pairs)) < len(pairs):
        raise ValueError("a key is there twice")
    return dict(pairs)


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is no number")


def _finite(text: str) -> float:
    if not math.isfinite(float(text)):
        raise ValueError(f"{text[:20]} is too large")
    return float(text)
