"""Positions of nonzero numbers as Golomb–Rice coded gaps."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from sparsecnn.exceptions import FileFormatError

# Bytes of the unary part that are decoded at a time: memory stays small whatever a file says.
BLOCK = 2**13
LARGEST_PARAMETER = 31


def encode_positions(positions: np.ndarray) -> tuple[int, bytes]:
    """Return the Rice parameter b and the code of ascending positions.

    Parameters
    ----------
    positions : ndarray of int64 of shape (k,)

    Notes
    -----
    A gap, the number of zeros before a position, is split into ``gap % 2**b``, of b bits, and ``gap // 2**b``
    zeros before a one. The former of all gaps come first, then the latter; each part fills whole bytes, the
    highest bit first. With b = 0 the code is a mask of bits.
    """
    gaps = np.diff(positions, prepend=-1) - 1
    lengths = [len(gaps) * (1 + b) + int((gaps >> b).sum()) for b in range(LARGEST_PARAMETER + 1)]
    b = int(np.argmin(lengths))
    low = (gaps[:, np.newaxis] >> np.arange(b - 1, -1, -1)) & 1
    ones = np.cumsum((gaps >> b) + 1) - 1
    unary = np.zeros(ones[-1] + 1 if len(ones) else 0, np.uint8)
    unary[ones] = 1
    return b, np.packbits(low.astype(np.uint8).ravel()).tobytes() + np.packbits(unary).tobytes()


def decode_positions(code: np.ndarray, k: int, b: int, n: int) -> Iterator[tuple[np.ndarray, int]]:
    """Yield k positions in blocks, each with the number of bytes of `code` that are read by then.

    Parameters
    ----------
    code : ndarray of uint8
        May go on behind the k positions.
    k, b, n : int
        Positions, Rice parameter, and what every position is below.

    Raises
    ------
    FileFormatError
        If `code` ends too soon, a position is n or more, or an unused bit is set.
    """
    start = -(-k * b // 8)
    low, done, high = code[:start], 0, 0
    if len(low) < start:
        raise FileFormatError("the positions of its nonzero weights are cut off")
    _check_unused(low, k * b)
    last = -1
    while done < k:
        block = code[start : start + BLOCK]
        if not len(block):
            raise FileFormatError("the positions of its nonzero weights are cut off")
        ones = np.flatnonzero(np.unpackbits(block))[: k - done]
        start += len(block)
        if done + len(ones) == k:
            used = int(ones[-1]) + 1
            start += -(-used // 8) - len(block)
            _check_unused(block[: -(-used // 8)], used)
        quotients = np.diff(ones, prepend=-1) - 1
        if len(ones):
            quotients[0] += high
        high = len(block) * 8 - int(ones[-1]) - 1 if len(ones) else high + len(block) * 8
        gaps = (quotients << b) | read_numbers(low, done, len(ones), b)
        positions = last + np.cumsum(gaps + 1)
        last = int(positions[-1]) if len(positions) else last
        done += len(ones)
        if last >= n or (done < k and high << b > n):
            raise FileFormatError("the position of a nonzero weight is outside of its layer")
        yield positions, start


def read_numbers(code: np.ndarray, first: int, count: int, b: int) -> np.ndarray:
    """Return `count` numbers of b bits each, from number `first` of a code."""
    begin, end = first * b, (first + count) * b
    bits = np.unpackbits(code[begin // 8 : -(-end // 8)])[begin % 8 :][: count * b].reshape(count, b)
    numbers = np.zeros(count, np.int64)
    for bit in bits.T:
        numbers = numbers << 1 | bit
    return numbers


def _check_unused(code: np.ndarray, n_bits: int) -> None:
    """Raise FileFormatError unless the bits of the last byte behind `n_bits` are zero."""
    if n_bits % 8 and code[-1] & (0xFF >> n_bits % 8):
        raise FileFormatError("bits behind the positions of its nonzero weights are set")
