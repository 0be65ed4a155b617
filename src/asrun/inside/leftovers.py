"""Ends a process and all that it started, also what made a session of its own, or whose parent is gone.

Whatever a run starts inherits an environment variable that names the run: it is found wherever it has gone. What was
given another environment is found among the children of the run, as long as its parents are there.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterable
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import psutil

__all__ = ["KILL", "MARK", "Started", "end", "end_group", "end_marked"]

if sys.platform == "win32":
    KILL = signal.SIGTERM
else:
    KILL = signal.SIGKILL
"""What ends a process whatever it does: on Windows, there is only one such."""

MARK = "ASRUN_RUN"
"""The environment variable that says to which run a process belongs."""


class Started:
    """What a run has started, and is still there.

    Arguments:
        process: The run's own process.
        mark: What `MARK` is in its environment.
    """

    def __init__(self, process: subprocess.Popen[bytes], mark: str):
        self.process, self._mark = process, mark
        self._known: set[psutil.Process] = set()

    def note(self, processes: Iterable[tuple[int, float]] = ()) -> None:
        """Remember the children that there are, and others by their number and the time at which they began."""
        # Imported here: a build that runs nothing has no need of it.
        import psutil

        # Once it has ended, somebody else may have its number.
        if self.process.poll() is None:
            with suppress(psutil.Error):
                self._known |= set(psutil.Process(self.process.pid).children(recursive=True))
        for pid, began in processes:
            with suppress(psutil.Error):
                if (each := psutil.Process(pid)).create_time() == began:
                    self._known.add(each)

    def left(self) -> list[psutil.Process]:
        """List what is there besides the run's own process."""
        import psutil

        found = {each for each in psutil.process_iter() if self._is_of_the_run(each)} | self._known
        return [each for each in found if each.pid != self.process.pid and _goes_on(each)]

    def _is_of_the_run(self, process: psutil.Process) -> bool:
        try:
            if sys.platform != "win32" and os.getpgid(process.pid) == self.process.pid:
                return True
        except OSError:
            return False
        return _has(process, self._mark)


def end_group(leader: int, sign: signal.Signals) -> None:
    """Send a signal to all processes of a session; Windows has none, and there they are found by their mark alone."""
    if sys.platform != "win32":
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(leader, sign)


def end_marked(mark: str) -> None:
    """End at once whatever has this mark, but for this process."""
    import psutil

    until = time.monotonic() + 5.0
    # Looked for anew each time: what is about to end may just have started something else. Nothing is collected here,
    # but by whoever started it.
    while left := [
        each for each in psutil.process_iter() if each.pid != os.getpid() and _has(each, mark) and _goes_on(each)
    ]:
        for each in left:
            with suppress(psutil.Error, OSError):
                each.kill()
        if time.monotonic() > until:
            return
        time.sleep(0.02)


def _has(process: psutil.Process, mark: str) -> bool:
    import psutil

    try:
        return process.environ().get(MARK) == mark
    except (psutil.Error, OSError):
        # What belongs to other people, who do not let us look, is none of ours.
        return False


def _goes_on(process: psutil.Process) -> bool:
    import psutil

    with suppress(psutil.Error):
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    return False


def end(started: Started) -> None:
    """End a process and everything that it started: politely, then not."""
    import psutil

    process = started.process
    started.note()
    for sign, patience in ((signal.SIGTERM, 2.0), (KILL, 5.0)):
        if sys.platform != "win32":
            end_group(process.pid, sign)
        elif process.poll() is None:
            process.send_signal(sign)
        for each in started.left():
            with suppress(psutil.Error, OSError):
                each.send_signal(sign)
        until = time.monotonic() + patience
        # Looked for anew each time: what is asked to end may start something else before it does.
        while (goes_on := process.poll() is None or bool(started.left())) and time.monotonic() < until:
            time.sleep(0.05)
        if not goes_on:
            break
    process.wait()
