"""Arrays of numbers as the tensors of a file: whole, sparse, or as signs."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from sparsecnn.exceptions import FileFormatError
from sparsecnn.inference._container import DTYPES, NUMPY, is_count
from sparsecnn.inference._rice import (
    BLOCK,
    LARGEST_PARAMETER,
    decode_positions,
    encode_positions,
    read_numbers,
)

# A file may become arrays of so many bytes, or of so many for each of its own, whichever is more.
SMALL = 45_000_000
EXPANSION = 8

Shape = tuple[int, ...]


class ArrayWriter:
    """Collects arrays into the tensors of a file.

    Parameters
    ----------
    half : bool
        Whether weights are rounded to half precision.

    Notes
    -----
    A weight is written in the shortest of three ways, which its code tells: [], all its values; [k, b], the
    positions of its k nonzero values with Rice parameter b, and these values; [k, b, 1], for weights of one
    magnitude in each filter, their positions and signs, and the magnitudes. The k positions of a weight
    without zeros are left out.
    """

    def __init__(self, half: bool):
        self.half = half
        self._parts: dict[str, list[np.ndarray]] = {name: [] for name in DTYPES}
        self._n_numbers = 0

    def add_dense(self, array: np.ndarray) -> None:
        """Add an array as it is."""
        self._put("numbers", array)

    def add_other(self, array: np.ndarray) -> None:
        """Add an array of integers or bools."""
        self._parts["other"].append(np.frombuffer(array.tobytes(), np.uint8))

    def add_weight(self, weight: np.ndarray) -> list[int]:
        """Add the weights of a layer, and return their code."""
        with np.errstate(over="ignore"):
            values = weight.ravel().astype(np.float16 if self.half else weight.dtype)
        if not np.isfinite(values).all():
            largest = np.abs(weight).max()
            raise ValueError(f"A weight of {largest:.3g} has no place in dtype={str(values.dtype)!r}.")
        weight = values.astype(weight.dtype).reshape(weight.shape)
        places = np.flatnonzero((values != 0) | np.signbit(values))
        n, k = len(values), len(places)
        b, code = encode_positions(places) if k < n else (0, b"")
        magnitudes = _magnitudes(weight)
        sizes = {
            "full": values.nbytes,
            "sparse": len(code) + k * values.itemsize if k < n else math.inf,
            "signs": math.inf if magnitudes is None else len(code) + -(-k // 8) + magnitudes.nbytes,
        }
        way = min(sizes, key=lambda name: sizes[name])
        tensor = "halves" if self.half else "numbers"
        if way == "full":
            self._put(tensor, values)
            return []
        if way == "sparse":
            self._put(tensor, values[places])
        else:
            assert magnitudes is not None
            self._put("numbers", magnitudes)
            self._put("bits", np.packbits(np.signbit(values[places])))
        self._put("bits", np.frombuffer(code, np.uint8))
        return [k, b, 1] if way == "signs" else [k, b]

    def tensors(self) -> dict[str, np.ndarray]:
        """Return what the file is to hold."""
        return {
            name: np.concatenate(parts) if parts else np.zeros(0, NUMPY[DTYPES[name][-1]])
            for name, parts in self._parts.items()
        }

    def _put(self, name: str, array: np.ndarray) -> None:
        little = array.dtype.newbyteorder("<")
        self._parts[name].append(array.ravel().astype(little, copy=False))


def _magnitudes(weight: np.ndarray) -> np.ndarray | None:
    """Return the one magnitude of each filter, or None if one has several, besides zeros."""
    if not weight.size:
        return None
    magnitude = np.abs(weight).reshape(len(weight), -1)
    largest = magnitude.max(1)
    allowed = (magnitude == largest[:, np.newaxis]) | (magnitude == 0)
    negative_zeros = (weight == 0) & np.signbit(weight)
    return largest if allowed.all() and not negative_zeros.any() else None


class ArrayReader:
    """Takes arrays from the tensors of a file, one after another.

    Parameters
    ----------
    tensors : dict of str to ndarray
    n_bytes : int
        Size of the file.
    """

    def __init__(self, tensors: dict[str, np.ndarray], n_bytes: int):
        self._tensors = tensors
        self._taken = dict.fromkeys(tensors, 0)
        self._room = max(SMALL, EXPANSION * n_bytes)
        self._values = "halves" if len(tensors["halves"]) else "numbers"

    def take_dense(self, shape: Shape, dtype: Any) -> np.ndarray:
        """Return the next array that was added as it is."""
        return self._finite(self._take("numbers", self._claim(shape, dtype)), shape, dtype)

    def take_other(self, shape: Shape, dtype: Any) -> np.ndarray:
        """Return the next array of integers or bools."""
        n = self._claim(shape, dtype)
        taken = self._take("other", n * np.dtype(dtype).itemsize)
        if dtype == "bool" and (taken > 1).any():
            raise FileFormatError("a truth value is neither 0 nor 1")
        return np.frombuffer(taken.tobytes(), np.dtype(dtype).newbyteorder("<")).reshape(shape).astype(dtype)

    def take_weight(self, shape: Shape, code: Any, dtype: Any) -> np.ndarray:
        """Return the next weights of a layer."""
        n = self._claim(shape, dtype)
        if code == []:
            return self._finite(self._take(self._values, n), shape, dtype)
        k, b, signs = _parse_code(code, n)
        weight = np.zeros(n, dtype)
        if not signs:
            values = self._take(self._values, k)
            done = 0
            for places in self._positions(k, b, n):
                weight[places] = values[done : done + len(places)]
                done += len(places)
            return self._finite(weight, shape, dtype)
        magnitudes = self._take("numbers", shape[0])
        negative = self._take("bits", -(-k // 8))
        done = 0
        for places in self._positions(k, b, n):
            weight[places] = 1.0 - 2.0 * read_numbers(negative, done, len(places), 1)
            done += len(places)
        rows = weight.reshape(shape[0], -1)
        rows *= magnitudes[:, np.newaxis]
        return self._finite(weight, shape, dtype)

    def finish(self) -> None:
        """Raise FileFormatError if something is left."""
        for name, tensor in self._tensors.items():
            if self._taken[name] != len(tensor):
                n_left = len(tensor) - self._taken[name]
                raise FileFormatError(f"the last {n_left} numbers of its tensor {name!r} belong to no layer")

    def _claim(self, shape: Shape, dtype: Any) -> int:
        """Return how many numbers an array has, or raise FileFormatError if that is too many."""
        n = math.prod(shape)
        self._room -= n * np.dtype(dtype).itemsize
        if self._room < 0:
            raise FileFormatError(
                f"an array of shape {shape} is too large: the arrays of a file may take {SMALL:,} bytes, or "
                f"{EXPANSION} times as many as the file"
            )
        return n

    def _take(self, name: str, n: int) -> np.ndarray:
        start = self._taken[name]
        if start + n > len(self._tensors[name]):
            raise FileFormatError(f"its tensor {name!r} has {len(self._tensors[name])} numbers, too few")
        self._taken[name] += n
        return self._tensors[name][start : start + n]

    def _positions(self, k: int, b: int, n: int) -> Iterator[np.ndarray]:
        if k == n:
            yield from (np.arange(start, min(start + BLOCK, n)) for start in range(0, n, BLOCK))
            return
        start = self._taken["bits"]
        for places, n_read in decode_positions(self._tensors["bits"][start:], k, b, n):
            self._taken["bits"] = start + n_read
            yield places

    def _finite(self, array: np.ndarray, shape: Shape, dtype: Any) -> np.ndarray:
        if not np.isfinite(array).all():
            raise FileFormatError("a number is NaN or infinite")
        return array.astype(dtype, copy=array.base is not None).reshape(shape)


def _parse_code(code: Any, n: int) -> tuple[int, int, bool]:
    proper = isinstance(code, list) and len(code) in (2, 3) and all(is_count(number) for number in code)
    if not proper or code[0] > n or code[1] > LARGEST_PARAMETER or code[2:] not in ([], [1]):
        raise FileFormatError(f"{str(code)[:60]} is no code of {n} weights")
    return code[0], code[1], len(code) == 3
