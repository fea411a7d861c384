"""What becomes of each case, and the row of the table that sums them up."""

import faulthandler
import os
import re
import time
import warnings
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from sklearn.exceptions import DataConversionWarning, UndefinedMetricWarning

SECONDS = 5.0  # for one case
MEGABYTES = 100  # beside ten times what a file decodes to
PATIENCE = 60  # seconds after which a case is taken to hang
REFUSALS = (ValueError, TypeError, OSError)
LIBRARIES = os.path.dirname(os.path.dirname(warnings.__file__)), "site-packages", "dist-packages"


@dataclass
class Tally:
    """The cases of one subject: how many were tried, refused and answered, and what was at fault.

    Parameters
    ----------
    subject : str
    watch : path, default=None
        File that names the present case, for when the process crashes or hangs; one that hangs is ended.
    """

    subject: str
    watch: str | None = None
    tried: int = 0
    refused: int = 0
    answered: int = 0
    slowest: float = 0.0
    largest: int = 0
    faults: list[str] = field(default_factory=list)

    def judge(
        self,
        case: str,
        run: Callable[[], object],
        check: Callable[[object], object] = lambda answer: None,
        *,
        names: Iterable[str] = (),
        decoded: int = 0,
        seconds: float = SECONDS,
        errors: tuple[type[BaseException], ...] = REFUSALS,
    ) -> None:
        """Run one case: it must be answered rightly or refused by name, within its time and memory.

        Parameters
        ----------
        case : str
            What it is, for the list of faults.
        run : callable
        check : callable
            Raises AssertionError if the answer is wrong.
        names : iterable of str
            A refusal has one of them in its message; none means that any case must be answered.
        decoded : int, default=0
            Bytes that it decodes to.
        seconds : float, default=5.0
            Of processor time, which other work on the machine does not change.
        errors : tuple of exception classes
            That are refusals.
        """
        self.tried += 1
        self._announce(case)
        before = _reset_peak()
        begun = time.process_time()
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            answer, error = _outcome(run)
        took, grown = time.process_time() - begun, _peak() - before
        self.slowest, self.largest = max(self.slowest, took), max(self.largest, grown)
        faults = _beyond_bounds(took, grown, seconds, decoded)
        if error is None:
            self.answered += 1
            faults += [*_wrong(check, answer), *_escaped(caught)]
        else:
            self.refused += 1
            faults += _unnamed(error, tuple(names), errors)
        self.faults += [f"{self.subject}: {case}: {fault}" for fault in faults]

    def end(self) -> "Tally":
        """Return itself, with nothing more to watch."""
        if self.watch:
            faulthandler.cancel_dump_traceback_later()
        return self

    def _announce(self, case: str) -> None:
        if self.watch:
            Path(self.watch).write_text(case)
            faulthandler.dump_traceback_later(PATIENCE, exit=True)


def _outcome(run: Callable[[], object]) -> tuple[object, BaseException | None]:
    try:
        return run(), None
    except BaseException as error:
        if isinstance(error, KeyboardInterrupt):
            raise
        return None, error


def _escaped(caught: list[warnings.WarningMessage]) -> list[str]:
    """Return a line for each warning of a library, but of damaged metadata, labels in a column and undefined
    scores, which only the library can tell the user about.
    """
    return [
        f"{warning.category.__name__} escapes: {warning.message}"
        for warning in caught
        if any(place in warning.filename for place in LIBRARIES)
        and warning.category not in (UserWarning, DataConversionWarning, UndefinedMetricWarning)
    ]


def _beyond_bounds(took: float, grown: int, seconds: float, decoded: int) -> list[str]:
    faults = [] if took <= seconds else [f"took {took:.1f} s"]
    if grown > 10 * decoded + MEGABYTES * 1e6:
        faults.append(f"took {grown / 1e6:.0f} MB for {decoded / 1e6:.1f} MB of pixels")
    return faults


def _wrong(check: Callable[[object], object], answer: object) -> list[str]:
    try:
        check(answer)
    except AssertionError as error:
        return [f"wrong answer: {str(error).strip()[:300]}"]
    return []


def _unnamed(
    error: BaseException, names: tuple[str, ...], errors: tuple[type[BaseException], ...]
) -> list[str]:
    text = f"{type(error).__name__}: {str(error)[:300]}"
    if not isinstance(error, errors):
        return [f"crashes with {text}"]
    if not any(re.search(name, str(error)) for name in names):
        return [f"names none of {list(names)}: {text}"]
    return []


def _reset_peak() -> int:
    """Have the kernel measure the peak of memory anew; return what is in use, in bytes."""
    Path("/proc/self/clear_refs").write_text("5")
    return _status("VmRSS")


def _peak() -> int:
    return _status("VmHWM")


def _status(name: str) -> int:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(name):
            return 1024 * int(line.split()[1])
    raise OSError(f"/proc/self/status has no {name}")
