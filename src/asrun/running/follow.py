"""Reads what a process prints, for as long as anything holds its pipes: nothing that it prints to is ever full."""

from __future__ import annotations

import re
import signal
import subprocess
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from asrun.records.terminal import as_shown

__all__ = ["Follow", "Listener", "Telling", "forgiving"]

Listener = Callable[[str], None]
"""Is called with whatever the running snippet printed last."""

Telling = Callable[[str, str], None]
"""Is told what is happening: a name (`drop_rate (quick, cpu)`), and news of it; an empty text when it is over."""

KEPT_LINES = 20
"""How many of the last lines that a failed snippet printed are kept."""

_LONGEST = 65536
"""Bytes of a line that is not finished, after which what there is of it is news."""


def forgiving(listener: Listener) -> Listener:
    """Return a listener that is not called again once it has raised: who hears of a run does not decide about it."""
    listening = True

    def hear(text: str) -> None:
        nonlocal listening
        if listening:
            try:
                listener(text)
            except (Exception, SystemExit):
                # A terminal that was closed, say.
                listening = False

    return hear


class Follow:
    """Reads what a process prints while it runs: lines for the record, and the latest text for whoever watches.

    Arguments:
        process: With pipes for what it prints.
        listener: Hears the latest text.
    """

    def __init__(self, process: subprocess.Popen[bytes], listener: Listener):
        self.process, self._listener = process, forgiving(listener)
        self.tail: deque[str] = deque(maxlen=KEPT_LINES)
        self._out: list[bytes] = []
        self._stack: list[str] = []
        self._dumping = False
        self._threads = [
            threading.Thread(target=self._read, args=(stream, keep), daemon=True)
            for stream, keep in ((process.stdout, True), (process.stderr, False))
        ]
        for thread in self._threads:
            thread.start()

    def _read(self, stream: Any, keep: bool) -> None:
        pending = b""
        while chunk := stream.read1(65536):
            if keep:
                self._out.append(chunk)
            # A progress bar rewrites its line with carriage returns: each rewrite is news, the last one stays.
            *parts, pending = re.split(rb"(?<=[\r\n])", pending + chunk)
            if len(pending) > _LONGEST:
                parts, pending = [*parts, pending], b""
            for part in parts:
                text = as_shown(part.decode("utf-8", "replace").strip("\r\n"))
                if self._dumping and not keep:
                    self._stack.append(text)
                elif text.strip():
                    if part.endswith(b"\n"):
                        self.tail.append(text)
                    self._listener(text)
        if pending.strip():
            self.tail.append(as_shown(pending.decode("utf-8", "replace")).strip())

    def printed(self) -> str:
        """Return what it printed, as a terminal shows it in the end."""
        return as_shown(b"".join(self._out).decode("utf-8", "replace")).strip("\n")

    def join(self, patience: float) -> None:
        """Wait until everything that was printed is read, but not for ever."""
        until = time.monotonic() + patience
        for thread in self._threads:
            thread.join(timeout=max(0.0, until - time.monotonic()))

    def dump_stack(self) -> None:
        """Ask the process where it is: faulthandler answers on standard error."""
        self._dumping = True
        if hasattr(signal, "SIGUSR1"):
            self.process.send_signal(signal.SIGUSR1)
            time.sleep(0.5)

    def hung_at(self, folders: Sequence[Path], relative: Callable[[str], str]) -> str:
        """Name the innermost frame of the project's own code, from the stack that was dumped."""
        for line in self._stack:
            match = re.match(r'\s*File "(.+)", line (\d+) in (.+)', line)
            if match and any(Path(match[1]).is_relative_to(folder) for folder in folders):
                return f"; it was at {relative(match[1])}:{match[2]}, in {match[3]}"
        return ""

    def last_lines(self) -> str:
        lines = [line for line in self.tail if line.strip()]
        if not lines:
            return "\n    It printed nothing."
        return "\n    The last it printed:\n" + "\n".join(f"    | {line[:160]}" for line in lines[-8:])
