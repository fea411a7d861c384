"""matplotlib, which only the displays need."""

from typing import Any


def import_pyplot() -> Any:
    """Return ``matplotlib.pyplot``, or raise ImportError, which names the extra to install."""
    try:
        import matplotlib.pyplot as plt
    except ImportError as error:
        raise ImportError("Displays need matplotlib: pip install sparsecnn[plot].") from error
    return plt
