"""Starts a snippet in a child process and follows it to its end; what it prints last tells why it failed or hung.

Everything that the child started is ended with it.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from asrun.errors import AsrunError
from asrun.key import folders
from asrun.model import RunName, Snippet, Where
from asrun.project import Project

__all__ = [
    "KEPT_LINES", "Follow", "Limits", "Listener", "end", "end_all", "environment", "failed", "group_alive", "start",
]  # fmt: skip

Listener = Callable[[str], None]
"""Is called with whatever the running snippet printed last."""

ASSETS = Path(__file__).parent / "assets"

KEPT_LINES = 20
"""How many of the last lines that a failed snippet printed are shown."""


@dataclass(frozen=True)
class Limits:
    """What a run may take."""

    seconds: float
    memory: float
    """Bytes, of the run and all that it starts."""
    threads: int | None = None
    """How many threads numerical libraries use; None leaves it to them, who take a thread for each core."""


_THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMEXPR_NUM_THREADS")


def environment(device: str, threads: int | None = None, hash_seed: int = 0) -> dict[str, str]:
    """Return the environment of the child process: the same drawing and hashing everywhere, and GPUs only on cuda."""
    environment = os.environ | {
        "MATPLOTLIBRC": str(ASSETS / "matplotlibrc"),
        "MPLBACKEND": "agg",
        "PYTHONHASHSEED": str(hash_seed),
        "PYTHONUNBUFFERED": "1",
        "PYTHONIOENCODING": "utf-8",
    }
    if device == "cpu":
        environment["CUDA_VISIBLE_DEVICES"] = ""
    if threads:
        environment |= dict.fromkeys(_THREADS, str(threads))
    return environment


def start(
    project: Project,
    snippet: Snippet,
    run: RunName,
    out: Path,
    listener: Listener,
    request: dict[str, Any],
    limits: Limits,
    hash_seed: int = 0,
) -> tuple[str, dict[str, Any]]:
    """Start the child process, follow it to its end, and return what it printed and its report."""
    request |= {
        "snippet": str(snippet.path),
        "root": str(project.root),
        "folders": [str(folder) for folder in folders(project)],
        "data": [os.path.abspath(os.environ[name]) for name in project.data_variables if os.environ.get(name)],
        "out": str(out),
    }
    (out / "request.json").write_text(json.dumps(request), "utf-8")
    process = subprocess.Popen(
        # Safe path: the project's folder is no place to import from, as it is none for `python snippets/NAME.py`.
        [sys.executable, "-P", "-m", "asrun.child", str(out / "request.json")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=project.root,
        env=environment(run.device, limits.threads, hash_seed),
        start_new_session=True,
    )
    follow = Follow(process, listener)
    _running.add(process)
    try:
        _wait(process, follow, limits, run, project, Where(project.relative(snippet.path)))
    except BaseException:
        end(process)
        raise
    finally:
        _running.discard(process)
    follow.join(1.0)
    # A process that the snippet left behind may still hold the pipe open; it is ended first, and the rest read then.
    end(process)
    follow.join(30.0)
    if report := _told(out / "report.json"):
        # What asrun itself handed over is no data, nor is what the run has deleted since.
        own = os.path.abspath(out)
        for kind, still in (("opened", os.path.isfile), ("listed", os.path.isdir), ("absent", os.path.abspath)):
            report[kind] = [path for path in report[kind] if still(path) and not Path(path).is_relative_to(own)]
        return follow.printed(), report
    raise failed(project, snippet, run, process.returncode, out, follow)


_running: set[subprocess.Popen[bytes]] = set()
"""Processes that were started and not yet seen to end."""


def end_all() -> None:
    """End whatever runs: for whoever started runs in several threads, and is interrupted."""
    for process in list(_running):
        end(process)


def _wait(
    process: subprocess.Popen[bytes], follow: Follow, limits: Limits, run: RunName, project: Project, where: Where
) -> None:
    """Wait until a process ends, and no longer than it may take."""
    until = time.monotonic() + limits.seconds
    while True:
        with suppress(subprocess.TimeoutExpired):
            process.wait(timeout=min(1.0, max(0.01, until - time.monotonic())))
            return
        if time.monotonic() >= until:
            follow.dump_stack()
            raise AsrunError(
                f"{run} did not end within {limits.seconds / 60:g} minutes, and was stopped{follow.hung_at(project)}"
                f"{follow.last_lines()}",
                where=where,
                remedy="make it faster, or allow more: "
                f'NEEDS = {{"minutes": {{"{run.scale}": {2 * limits.seconds / 60:g}}}}}',
            )
        used = _memory(process.pid)
        if used > limits.memory:
            follow.dump_stack()
            raise AsrunError(
                f"{run} took {used / 1e9:.3g} GB of memory, and was stopped at {limits.memory / 1e9:.3g} GB"
                f"{follow.hung_at(project)}{follow.last_lines()}",
                where=where,
                remedy="make it smaller, or allow more where there is more: "
                f'NEEDS = {{"memory": {{"{run.scale}": {2 * limits.memory / 1e9:.2g}}}}} (in GB)',
            )


def _memory(pid: int) -> int:
    """Return the bytes that a process and all that it started hold in memory."""
    # Imported here: a build that runs nothing has no need of it.
    import psutil

    total = 0
    with suppress(psutil.Error):
        process = psutil.Process(pid)
        for each in (process, *process.children(recursive=True)):
            with suppress(psutil.Error):
                total += each.memory_info().rss
    return total


def _told(file: Path) -> dict[str, Any] | None:
    """Read what the process wrote; None when it wrote nothing, or only a part: there was no room, or it was killed."""
    try:
        return json.loads(file.read_text("utf-8"))
    except (FileNotFoundError, ValueError):
        return None


def failed(project: Project, snippet: Snippet, run: RunName, code: int, out: Path, follow: Follow) -> AsrunError:
    """Say why a snippet's process ended without a report, and keep its traceback."""
    where, error = Where(project.relative(snippet.path)), _told(out / "error.json")
    if not error:
        killed = f"was killed by {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}"
        return AsrunError(
            f"{run} {killed} before it could report{follow.last_lines()}",
            where=where,
            remedy="it may have needed more memory than there is: try a smaller scale"
            if code == -signal.SIGKILL
            else f"see it happen: python {project.relative(snippet.path)}",
        )
    # Half of a surrogate pair can be raised, but neither printed nor written.
    error["what"] = error["what"].encode("utf-8", "backslashreplace").decode()
    log = project.cache / "logs" / f"{run.snippet}-{run.scale}-{run.device}.txt"
    remedy = f"the whole traceback is in {project.relative(log)}"
    try:
        log.parent.mkdir(parents=True, exist_ok=True)
        log.write_text(error["traceback"] + "\n" + "\n".join(follow.tail), "utf-8", "backslashreplace")
    except OSError as reason:
        remedy = f"the traceback could not be kept ({reason.strerror}); see it happen: python {where.path}"
    if error["place"]:
        where = Where(project.relative(error["place"]["file"]), error["place"]["line"])
    return AsrunError(
        f"{run} {'failed' if error['told'] else 'raised'}: {error['what']}{follow.last_lines()}",
        where=where,
        remedy=error["remedy"] or remedy,
    )


def end(process: subprocess.Popen[bytes]) -> None:
    """End a process and everything it started: politely, then not."""
    if not hasattr(os, "killpg"):
        process.kill()
        process.wait()
        return
    for sign, patience in ((signal.SIGTERM, 2.0), (signal.SIGKILL, 5.0)):
        try:
            os.killpg(process.pid, sign)
        except (ProcessLookupError, PermissionError):
            break
        until = time.monotonic() + patience
        while time.monotonic() < until and group_alive(process):
            time.sleep(0.02)
        if not group_alive(process):
            break
    process.wait()


def group_alive(process: subprocess.Popen[bytes]) -> bool:
    """Is anything of the process and what it started still there?"""
    process.poll()
    try:
        os.killpg(process.pid, 0)
    except (ProcessLookupError, PermissionError):
        return False
    return True


class Follow:
    """Reads what a process prints while it runs: lines for the record, and the latest text for whoever watches."""

    def __init__(self, process: subprocess.Popen[bytes], listener: Listener):
        self.process, self.listener = process, listener
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
            for part in parts:
                text = part.decode("utf-8", "replace").strip("\r\n")
                if self._dumping and not keep:
                    self._stack.append(text)
                elif text.strip():
                    if part.endswith(b"\n"):
                        self.tail.append(text)
                    self.listener(text)
        if pending.strip():
            self.tail.append(pending.decode("utf-8", "replace").strip())

    def printed(self) -> str:
        return b"".join(self._out).decode("utf-8", "replace").replace("\r\n", "\n").strip("\n")

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

    def hung_at(self, project: Project) -> str:
        """Name the innermost frame of the project's own code, from the stack that was dumped."""
        for line in self._stack:
            match = re.match(r'\s*File "(.+)", line (\d+) in (.+)', line)
            if match and any(Path(match[1]).is_relative_to(folder) for folder in folders(project)):
                return f"; it was at {project.relative(match[1])}:{match[2]}, in {match[3]}"
        return ""

    def last_lines(self) -> str:
        lines = [line for line in self.tail if line.strip()]
        if not lines:
            return "\n    It printed nothing."
        return "\n    The last it printed:\n" + "\n".join(f"    | {line[:160]}" for line in lines[-8:])
