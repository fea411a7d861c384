"""When the state of a run is written, and what the end of the process does to it."""

from __future__ import annotations

import contextlib
import signal
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

from sparsecnn._compute import gathered, process_rank
from sparsecnn._warn import warn_user


class Saver:
    """Writes the state of a run from time to time, in all processes of a fit at the same moments.

    Parameters
    ----------
    write : callable
        Writes the present state; where several processes fit together, all of them call it.
    every : tuple of two floats
        Epochs, and seconds, after which it is due.
    what : str
        Name of the file, for messages.

    Attributes
    ----------
    terminated : bool
        Whether SIGTERM has come, to any process, which is then to act as it would have.
    """

    def __init__(self, write: Callable[[], None], every: tuple[float, float], what: str):
        self._write = write
        self._epochs, self._seconds = every
        self._what = what
        self._n_epochs = 0.0  # done, of which the last is not if it has been begun
        self._saved_epochs = 0.0
        self._saved_time = time.monotonic()
        self.terminated = False
        self._warned = False

    def offer(self, share: float) -> None:
        """Write the state if it is due, which it can be at any moment when it is complete.

        The first process tells whether it is.

        Parameters
        ----------
        share : float
            Of the present epoch that is done; 1 at its end.

        Raises
        ------
        KeyboardInterrupt
            After SIGTERM, once the state is written.
        """
        epochs = self._n_epochs + share
        if share == 1:
            self._n_epochs = epochs
        due = epochs >= self._saved_epochs + self._epochs - 1e-9
        due = due or time.monotonic() >= self._saved_time + self._seconds
        told = gathered((due, self.terminated))
        terminated = any(terminated for _, terminated in told)
        if terminated or told[0][0]:
            self.write()
            self._saved_epochs = epochs
        if terminated:
            self.terminated = True
            raise KeyboardInterrupt

    def finish(self, changed: bool = False) -> None:
        """Write the state of a run that is over, from which the next one has its result at once.

        Parameters
        ----------
        changed : bool, default=False
            Whether the state has changed since the last epoch.
        """
        if changed or self._saved_epochs < self._n_epochs:
            self.write()

    def write(self) -> None:
        """Write the state; if that fails, warn once, and the last whole file stays."""
        try:
            self._write()
        except OSError as error:
            if process_rank() == 0 and not self._warned:
                self._warned = True
                warn_user(
                    f"checkpoint {self._what!r} cannot be written ({error.strerror or error}): training goes "
                    "on, and the last one that is whole stays."
                )
        self._saved_time = time.monotonic()

    @contextlib.contextmanager
    def ending_on_sigterm(self) -> Iterator[None]:
        """Have SIGTERM end the block like Ctrl-C, once the state is written.

        Only in the main thread; elsewhere, and where the signal is ignored, nothing changes.
        """
        before: Any = signal.getsignal(signal.SIGTERM)
        main = threading.current_thread() is threading.main_thread()
        if not main or before in (None, signal.SIG_IGN):
            yield
            return

        def note(number: int, frame: Any) -> None:
            self.terminated = True

        signal.signal(signal.SIGTERM, note)
        try:
            yield
        finally:
            signal.signal(signal.SIGTERM, before)
