"""What an interruption (Ctrl-C) ends: runs that go on. A run that has reported is recorded before asrun ends."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from asrun.inside.leftovers import Started, end

__all__ = ["check", "ending_all", "finished_runs_first", "going_on"]

_running: dict[Started, Path] = {}
"""What was started and not yet seen to end, and where it reports."""

_ending = False
"""Whether an interruption is ending the runs of all threads."""

_reported = False
"""Whether the run that the main thread waits for has reported."""


@contextmanager
def going_on(started: Started, report: Path) -> Iterator[None]:
    """Let an interruption find a run.

    Arguments:
        started: The run's process.
        report: The file that is there once it has reported.

    Raises:
        KeyboardInterrupt: when it was interrupted, also in another thread, before it reported.
    """
    global _reported
    _running[started] = report
    try:
        check()
        yield
    finally:
        _reported = report.exists()
        del _running[started]
    if not _reported:
        check()


def check() -> None:
    """Start nothing any more, and wait for nothing, once runs of several threads are interrupted.

    Raises:
        KeyboardInterrupt: when they are.
    """
    if _ending:
        raise KeyboardInterrupt


@contextmanager
def ending_all() -> Iterator[None]:
    """End what goes on in other threads and has not reported, and start nothing any more until they have come back."""
    global _ending
    _ending = True
    for started, report in list(_running.items()):
        if not report.exists():
            end(started)
    yield
    # Not when this is interrupted, too: there may still be threads that would start something.
    _ending = False


@contextmanager
def finished_runs_first() -> Iterator[None]:
    """Within this, an interruption waits that comes when a run has reported: its record is about to be stored."""
    global _reported
    usual = signal.getsignal(signal.SIGINT)
    if threading.current_thread() is not threading.main_thread() or not callable(usual):
        # Other threads are never interrupted.
        yield
        return
    waits = False

    def interrupted(number: int, frame: FrameType | None) -> None:
        nonlocal waits
        if _reported or any(report.exists() for report in list(_running.values())):
            waits = True
        else:
            usual(number, frame)

    _reported = False
    signal.signal(signal.SIGINT, interrupted)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, usual)
    if waits:
        raise KeyboardInterrupt
