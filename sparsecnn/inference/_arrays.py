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

# What the code of a sparse weight ends in.
WAYS: dict[str, list[int]] = {"sparse": [], "signs": [1], "bytes": [2]}
LARGEST_BYTE = 127

Shape = tuple[int, ...]


class ArrayWriter:
    """Collects arrays into the tensors of a file.

    Parameters
    ----------
    dtype : {"float32", "float16", "int8"}, default="float32"
        How weights are rounded: not at all, to half precision, or to 8-bit multiples of one step a filter.

    Notes
    -----
    A weight is written in the shortest of four ways, which its code tells: [], all its values; [k, b], the
    positions of its k nonzero values with Rice parameter b, and these values; [k, b, 1], for weights of one
    magnitude in each filter, their positions and signs, and the magnitudes; [k, b, 2], for 8-bit weights,
    their positions and bytes, and the step of each filter. The k positions of a weight without zeros are left
    out.
    """

    def __init__(self, dtype: str = "float32"):
        self.dtype = dtype
        self._parts: dict[str, list[np.ndarray]] = {name: [] for name in DTYPES}
        self._n_numbers = 0

    def add_dense(self, array: np.ndarray) -> None:
        """Add an array as it is."""
        self._put("numbers", array)

    def add_other(self, array: np.ndarray) -> None:
        """Add an array of integers or bools."""
        little = array.astype(array.dtype.newbyteorder("<"), copy=False)
        self._parts["other"].append(np.frombuffer(little.tobytes(), np.uint8))

    def add_exact(self, array: np.ndarray) -> list[int]:
        """Add an array of any numbers, whatever `dtype` is, and return its code.

        It is [], all its values, or [k, b], the positions of k nonzero ones and these, where that is shorter.
        """
        values = array.ravel()
        places = np.flatnonzero((values != 0) | np.signbit(values))
        b, gaps = encode_positions(places)
        n_bytes = len(places) * values.itemsize + len(gaps)
        # As the reader wants it: what becomes a large array is no small file.
        if n_bytes >= values.nbytes or values.nbytes > max(SMALL // 2, EXPANSION * n_bytes):
            self.add_other(values)
            return []
        self.add_other(values[places])
        self._parts["bits"].append(np.frombuffer(gaps, np.uint8))
        return [len(places), b]

    def add_weight(self, weight: np.ndarray) -> list[int]:
        """Add the weights of a layer, and return their code."""
        ways = list(self._ways(weight))
        code, parts = min(ways, key=lambda way: sum(part.nbytes for part in way[1].values()))
        for name, part in parts.items():
            self._put(name, part)
        return code

    def _ways(self, weight: np.ndarray) -> Iterator[tuple[list[int], dict[str, np.ndarray]]]:
        """Yield each code that weights may have, with the parts of tensors that belong to it."""
        half = self.dtype == "float16"
        with np.errstate(over="ignore", invalid="ignore"):
            weight, steps, multiples = _in_bytes(weight) if self.dtype == "int8" else (weight, None, None)
            values = weight.ravel().astype(np.float16 if half else weight.dtype)
        if not np.isfinite(values).all():
            largest = np.abs(weight).max()
            raise ValueError(f"A weight of {largest:.3g} has no place in dtype={str(values.dtype)!r}.")
        tensor = "halves" if half else "numbers"
        yield [], {tensor: values}
        places = np.flatnonzero((values != 0) | np.signbit(values))
        n, k = len(values), len(places)
        b, code = encode_positions(places) if k < n else (0, b"")
        gaps = np.frombuffer(code, np.uint8)
        if k < n:
            yield [k, b, *WAYS["sparse"]], {tensor: values[places], "bits": gaps}
        magnitudes = _magnitudes(values.astype(weight.dtype).reshape(weight.shape))
        if magnitudes is not None:
            signs = np.packbits(np.signbit(values[places]))
            yield [k, b, *WAYS["signs"]], {"numbers": magnitudes, "bits": np.concatenate([signs, gaps])}
        if steps is not None and multiples is not None:
            yield [k, b, *WAYS["bytes"]], {"numbers": steps, "bytes": multiples[places], "bits": gaps}
            yield [n, 0, *WAYS["bytes"]], {"numbers": steps, "bytes": multiples}

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


def _in_bytes(weight: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return weights rounded to multiples of one step a filter, the steps, and all multiples in one row."""
    rows = weight.reshape(len(weight), -1)
    steps = np.abs(rows).max(1, initial=0) / LARGEST_BYTE
    divisors = np.where(steps > 0, steps, 1)[:, np.newaxis]
    multiples = np.where(steps[:, np.newaxis] > 0, np.rint(rows / divisors), 0)
    rounded = multiples * steps[:, np.newaxis]
    return rounded.reshape(weight.shape), steps, multiples.ravel().astype(np.int8)


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
        return self._take_other(self._claim(shape, dtype), dtype).reshape(shape)

    def take_exact(self, shape: Shape, code: Any, dtype: Any) -> np.ndarray:
        """Return the next array of any numbers."""
        n = self._claim(shape, dtype)
        if code == []:
            return self._finite(self._take_other(n, dtype), shape, dtype)
        k, b, way = _parse_code(code, n)
        if way != "sparse":
            raise FileFormatError(f"{str(code)[:60]} is no code of {n} numbers")
        values, array, done = self._take_other(k, dtype), np.zeros(n, dtype), 0
        for places in self._positions(k, b, n):
            array[places] = values[done : done + len(places)]
            done += len(places)
        return self._finite(array, shape, dtype)

    def take_weight(self, shape: Shape, code: Any, dtype: Any) -> np.ndarray:
        """Return the next weights of a layer."""
        n = self._claim(shape, dtype)
        if code == []:
            return self._finite(self._take(self._values, n), shape, dtype)
        k, b, way = _parse_code(code, n)
        steps = None if way == "sparse" else self._take("numbers", shape[0])
        if way == "signs":
            negative = self._take("bits", -(-k // 8))
        else:
            values = self._take("bytes" if way == "bytes" else self._values, k)
        weight = np.zeros(n, dtype)
        done = 0
        for places in self._positions(k, b, n):
            n_more = len(places)
            if way == "signs":
                weight[places] = 1.0 - 2.0 * read_numbers(negative, done, n_more, 1)
            else:
                weight[places] = values[done : done + n_more]
            done += n_more
        if steps is not None:
            rows = weight.reshape(shape[0], -1)
            rows *= steps[:, np.newaxis]
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

    def _take_other(self, n: int, dtype: Any) -> np.ndarray:
        taken = self._take("other", n * np.dtype(dtype).itemsize)
        if dtype == "bool" and (taken > 1).any():
            raise FileFormatError("a truth value is neither 0 nor 1")
        return np.frombuffer(taken.tobytes(), np.dtype(dtype).newbyteorder("<")).astype(dtype)

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


def _parse_code(code: Any, n: int) -> tuple[int, int, str]:
    proper = isinstance(code, list) and len(code) in (2, 3) and all(is_count(number) for number in code)
    ways = [way for way, end in WAYS.items() if proper and code[2:] == end]
    if not ways or code[0] > n or code[1] > LARGEST_PARAMETER:
        raise FileFormatError(f"{str(code)[:60]} is no code of {n} weights")
    return code[0], code[1], ways[0]
