"""What `python -m sparsecnn` and the command `sparsecnn` do."""

from sparsecnn._command_line._main import main

__all__ = ["main"]
