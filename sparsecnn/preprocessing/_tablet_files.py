"""Signals of a pen from files, arrays and tables: named columns of numbers."""

from __future__ import annotations

import os
import stat
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from sparsecnn.preprocessing._recording import MAX_SAMPLES, SIGNALS

MAX_BYTES = 128 * MAX_SAMPLES  # of a file; lines of numbers are half as long
SVC_COLUMNS = ("x", "y", "time", "pen", "azimuth", "altitude", "pressure")
# Of arrays without names, by their number.
COLUMNS = {
    4: ("x", "y", "time", "pressure"),
    5: ("x", "y", "time", "pen", "pressure"),
    7: SVC_COLUMNS,
}
OTHER_NAMES = {"timestamp": "time", "pen_status": "pen", "button_status": "pen"}
DELIMITERS = ",;\t"


def check_columns(columns: Any) -> tuple[str, ...] | None:
    """Return the names of columns as a tuple, or None.

    Raises
    ------
    ValueError
        If they are no names, name a signal twice, or lack "x" or "y".
    """
    if columns is None:
        return None
    if not all(isinstance(name, str) for name in columns):
        raise ValueError(f"columns must be names of columns, got {columns!r}.")
    found = [_plain(name) for name in columns]
    for name in SIGNALS:
        least = 1 if name in ("x", "y") else 0
        if not least <= found.count(name) <= 1:
            raise ValueError(
                f"columns must have {name!r} {'once' if least else 'at most once'}: {columns!r}."
            )
    return tuple(found)


def read_signals(source: Any, columns: tuple[str, ...] | None) -> dict[str, np.ndarray]:
    """Return the signals of one recording by the names of SIGNALS.

    Parameters
    ----------
    source : path, data frame, structured array or array-like of shape (n_samples, n_columns)
    columns : tuple of str or None
        As `check_columns` returns them; they replace the names that the source has.

    Raises
    ------
    ValueError
        If it cannot be read; the message says what was expected and what was got.
    OSError
        If a file cannot be opened.
    """
    if isinstance(source, (str, os.PathLike)):
        return _read_file(Path(source), columns)
    if hasattr(source, "columns"):
        names = [str(name) for name in source.columns]
        table = [source.iloc[:, i] for i in range(len(names))]
    elif _field_names(source):
        names = list(_field_names(source))
        table = [source[name] for name in names]
    else:
        return _by_name(_as_numbers(source).T, columns)
    return _by_name(table, columns or names)


def is_table(source: Any) -> bool:
    """Return whether a source is a data frame or a structured array."""
    return hasattr(source, "columns") or bool(_field_names(source))


def _field_names(source: Any) -> tuple[str, ...]:
    return getattr(getattr(source, "dtype", None), "names", None) or ()


def _plain(name: str) -> str:
    """Return a name in lower case without blanks and quotes, by which the package knows the signal."""
    plain = name.strip().strip("\"'").strip().lower()
    return OTHER_NAMES.get(plain, plain)


def _as_numbers(values: Any, n_dim: int = 2) -> np.ndarray:
    """Return an array of floats of so many axes."""
    if np.ma.is_masked(values):
        raise ValueError("expected a number for every sample, but some are masked")
    array = np.asarray(values)
    if array.ndim != n_dim:
        shape = "(n_samples,)" if n_dim == 1 else "(n_samples, 4 or 5)"
        raise ValueError(f"expected a path or an array of shape {shape}, got shape {array.shape}")
    if array.dtype.kind not in "biufO":
        raise ValueError(f"expected numbers, got {array.dtype}")
    try:
        return array.astype(np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError(f"expected numbers, got: {error}") from None


def _by_name(table: Sequence[Any] | np.ndarray, names: Sequence[str] | None) -> dict[str, np.ndarray]:
    """Return the columns that are signals, as numbers; `table` has the samples of each column."""
    n_columns = len(table)
    if names is None:
        if n_columns not in COLUMNS:
            known = "; ".join(", ".join(known) for known in COLUMNS.values())
            raise ValueError(f"expected 4, 5 or 7 columns ({known}), got {n_columns}; others need columns=")
        names = COLUMNS[n_columns]
    if len(names) != n_columns:
        raise ValueError(f"expected {len(names)} columns ({', '.join(names)}), got {n_columns}")
    found = [_plain(name) for name in names]
    for name in SIGNALS:
        if found.count(name) > 1:
            raise ValueError(f"expected one column {name!r}, got {found.count(name)} in: {', '.join(names)}")
    return {name: _as_numbers(table[i], n_dim=1) for i, name in enumerate(found) if name in SIGNALS}


def _read_file(path: Path, columns: tuple[str, ...] | None) -> dict[str, np.ndarray]:
    kind = path.suffix.lower()
    if kind not in (".svc", ".csv"):
        raise ValueError(f"expected a file named .svc or .csv, got {path.suffix or 'no extension'}")
    lines = _read_lines(path)
    return _read_svc(lines, columns) if kind == ".svc" else _read_csv(lines, columns)


def _read_lines(path: Path) -> list[str]:
    """Return the lines of a text file without blank ones at its end."""
    status = os.stat(path)
    if not stat.S_ISREG(status.st_mode):
        raise ValueError("not a regular file")  # a pipe or a device may block for ever
    if status.st_size > MAX_BYTES:
        raise ValueError(f"expected at most {MAX_BYTES:,} bytes, got {status.st_size:,}")
    try:
        lines = path.read_bytes().decode("utf-8-sig").splitlines()
    except UnicodeDecodeError:
        raise ValueError("expected lines of text, got bytes that are none") from None
    while lines and not lines[-1].strip():
        lines.pop()
    if not lines:
        raise ValueError("expected lines of text, got an empty file")
    return lines


def _read_svc(lines: list[str], columns: tuple[str, ...] | None) -> dict[str, np.ndarray]:
    """Return the signals of a file whose first line is the number of samples."""
    first = lines[0].strip()
    if not (first.isascii() and first.isdigit()):
        raise ValueError(f"expected the number of samples in line 1, got {_short(first)}")
    if int(first[:12]) != len(lines) - 1:
        raise ValueError(f"expected as many samples as line 1 says, {first[:12]}, got {len(lines) - 1}")
    return _by_name(_parse(lines[1:], None, 2).T, columns or SVC_COLUMNS)


def _read_csv(lines: list[str], columns: tuple[str, ...] | None) -> dict[str, np.ndarray]:
    """Return the signals of a file whose first line names the columns, unless `columns` does."""
    delimiter = max(DELIMITERS, key=lines[0].count)
    names = lines[0].split(delimiter)
    named = not all(map(_is_number, names))
    if not named and columns is None:
        raise ValueError(
            f"expected names of columns in line 1 ({', '.join(SIGNALS)}), got {_short(lines[0])}; files "
            "without them need columns="
        )
    return _by_name(_parse(lines[named:], delimiter, 1 + named).T, columns or names)


def _parse(lines: list[str], delimiter: str | None, first: int) -> np.ndarray:
    """Return lines of numbers as an array; the first of them is line `first` of the file."""
    if not lines:
        raise ValueError("expected lines of numbers, got none")
    if len(lines) > MAX_SAMPLES:
        raise ValueError(f"expected 2 to {MAX_SAMPLES:,} samples, got {len(lines):,}")
    n_columns = len(lines[0].split(delimiter))
    try:
        numbers = np.loadtxt(lines, delimiter=delimiter, comments=None, quotechar='"', ndmin=2)
    except ValueError as error:
        raise ValueError(_find_fault(lines, delimiter, first) or str(error)) from None
    if numbers.shape != (len(lines), n_columns):
        raise ValueError(_find_fault(lines, delimiter, first) or "expected lines of as many numbers each")
    return numbers


def _find_fault(lines: list[str], delimiter: str | None, first: int) -> str | None:
    """Return what is wrong with the first faulty line."""
    n_columns = len(lines[0].split(delimiter))
    for number, line in enumerate(lines, start=first):
        fields = line.split(delimiter)
        if len(fields) != n_columns or not all(map(_is_number, fields)):
            return f"expected {n_columns} numbers in line {number}, got {_short(line)}"
    return None


def _is_number(field: str) -> bool:
    try:
        float(field.strip().strip('"'))
    except ValueError:
        return False
    return True


def _short(line: str) -> str:
    return repr(line if len(line) <= 60 else line[:60] + "...")
