"""From arguments to an exit status."""

from __future__ import annotations

import argparse
import contextlib
import os
import signal
import sys
from collections.abc import Sequence
from io import TextIOWrapper

from sparsecnn._command_line._arguments import DEFAULT_READER, make_parser
from sparsecnn._command_line._output import complain
from sparsecnn._command_line._read import read_files, write_page

SOME_FAILED, CANNOT_RUN = 1, 2
INTERRUPTED = 128 + signal.SIGINT


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit status.

    Parameters
    ----------
    argv : sequence of str, default=None
        Arguments; None takes those of the process.
    """
    for stream in (sys.stdout, sys.stderr):  # a terminal may lack letters of class names
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    parser = make_parser()
    arguments = parser.parse_args(argv)
    if not arguments.files and arguments.html is None:
        parser.error("read needs the names of images or folders, or --html PAGE")
    if not arguments.files and arguments.group_pattern is not None:
        parser.error("--group-pattern needs the names of images or folders")
    try:
        return _read(arguments, arguments.reader or DEFAULT_READER)
    except BrokenPipeError:
        return _leave_broken_pipe()
    except KeyboardInterrupt:
        return INTERRUPTED
    except (OSError, ValueError, TypeError, ImportError) as error:
        if isinstance(error, OSError) and error.strerror and error.filename:
            complain(error.strerror, os.fspath(error.filename))
        else:
            complain(str(error))
        return CANNOT_RUN


def _read(arguments: argparse.Namespace, reader: str) -> int:
    if arguments.html is not None:
        write_page(arguments.html, reader, arguments.model)
    if not arguments.files:
        return 0
    n_failed = read_files(arguments.files, reader, arguments.model, arguments.json, arguments.group_pattern)
    return SOME_FAILED if n_failed else 0


def _leave_broken_pipe() -> int:
    """Leave without a word when nobody reads on, as behind ``| head``."""
    with contextlib.suppress(OSError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return SOME_FAILED
