"""Errors of libraries that say which argument they are about."""

import contextlib
import re
from collections.abc import Iterable, Iterator
from typing import Any


@contextlib.contextmanager
def naming(*arguments: str) -> Iterator[None]:
    """Have each TypeError and ValueError of a block name one of its arguments, those that none names all.

    Parameters
    ----------
    *arguments : str
        Names of what is checked in the block.
    """
    try:
        yield
    except (TypeError, ValueError) as error:
        if any(re.search(rf"\b{name}\b", str(error)) for name in arguments):
            raise
        kind = TypeError if isinstance(error, TypeError) else ValueError
        raise kind(f"{' and '.join(arguments)}: {error}") from error


def name_some(names: Iterable[Any], most: int = 3) -> str:
    """Return the first of names in the order of their texts, and whether there are more.

    Parameters
    ----------
    names : iterable
    most : int, default=3
        Number of names.
    """
    ordered = sorted(map(str, names))
    return ", ".join(ordered[:most]) + (", ..." if len(ordered) > most else "")
