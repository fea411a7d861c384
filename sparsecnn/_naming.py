"""Errors of libraries that say which argument they are about."""

import contextlib
import re
from collections.abc import Iterator


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
