"""Starts a snippet in a child process and follows it to its end; what it prints last tells why it failed or hung.

Everything that the child started is ended with it. Once it has reported, nothing takes its result away any more.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from asrun.errors import AsrunError
from asrun.freshness.key import folders, given_to_all
from asrun.inside.leftovers import KILL, MARK, Started, end
from asrun.machine import with_threads
from asrun.model import RunName, Snippet, Where
from asrun.project import Project
from asrun.records.house_style import STYLE
from asrun.records.terminal import as_line, as_shown
from asrun.running.follow import Follow, Listener
from asrun.running.interruption import going_on
from asrun.values.formats import plural

if TYPE_CHECKING:
    import psutil

__all__ = ["Limits", "Listener", "environment", "no_room", "start", "write"]

GRACE = 2.0
"""Seconds that threads and processes have to end after a run has reported: what they still do decides nothing."""

ENDING = 5.0
"""Seconds that Python itself has to end after that, with all that is registered to be done then."""


if sys.platform == "win32":
    _OWN_GROUP = subprocess.CREATE_NEW_PROCESS_GROUP
else:
    _OWN_GROUP = 0


@dataclass(frozen=True)
class Limits:
    """What a run may take."""

    seconds: float
    memory: float
    """Bytes, of the run and all that it starts."""
    threads: int | None = None
    """How many threads numerical libraries use; None leaves it to them, who take a thread for each core."""


def environment(device: str, style: Path, threads: int | None = None, hash_seed: int = 0) -> dict[str, str]:
    """Return the environment of the child process: the same drawing and hashing everywhere, and GPUs only on cuda."""
    given = os.environ | given_to_all(device, style) | {"PYTHONHASHSEED": str(hash_seed)}
    return given | with_threads(threads) if threads else given


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
    """Start the child process, follow it to its end, and return what it printed and its report.

    What the report says under "remarks" is what whoever reads the record should know.

    Raises:
        AsrunError: when it ends without a report, or takes more than it may.
    """
    request |= {
        "snippet": str(snippet.path),
        "root": str(project.root),
        "folders": [str(folder) for folder in folders(project)],
        "data": [os.path.abspath(os.environ[name]) for name in project.data_variables if os.environ.get(name)],
        "out": str(out),
    }
    write(out / "request.json", json.dumps(request), run)
    write(out / "matplotlibrc", STYLE, run)
    try:
        process = subprocess.Popen(
            # Safe path: the project's folder is no place to import from, as it is none for `python snippets/NAME.py`.
            [sys.executable, "-P", "-m", "asrun.inside.snippet_process", str(out / "request.json")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=project.root,
            env=environment(run.device, out / "matplotlibrc", limits.threads, hash_seed) | {MARK: out.name},
            # Ctrl-C is for asrun, who then ends what it has started.
            start_new_session=True,
            creationflags=_OWN_GROUP,
        )
    except OSError as error:
        raise AsrunError(
            f"{run} cannot be started: {error.strerror or error}",
            remedy="there may be too many processes, or too little memory: end some, then run it again",
        ) from error
    follow, started = Follow(process, listener), Started(process, out.name)
    told = (out / "report.json", out / "error.json")
    try:
        with going_on(started, told[0]):
            _wait(started, follow, limits, run, project, Where(project.relative(snippet.path)), told)
            report = _told(told[0])
            remarks = _settle(started, report, told=any(map(Path.exists, told)))
    except BaseException:
        end(started)
        raise
    # What held the pipes open has ended.
    follow.join(30.0)
    if not report:
        raise failed(project, snippet, run, process.returncode, out, follow)
    # What asrun itself handed over is no data, nor is what the run has deleted since.
    own = os.path.abspath(out)
    for kind, still in (("opened", os.path.isfile), ("listed", os.path.isdir), ("absent", os.path.abspath)):
        report[kind] = [path for path in report[kind] if still(path) and not Path(path).is_relative_to(own)]
    return follow.printed(), report | {"remarks": [*report.get("remarks", ()), *remarks]}


def write(file: Path, text: str, run: RunName) -> None:
    """Write what a run is given.

    Raises:
        AsrunError: when there is no room for it.
    """
    try:
        file.write_text(text, "utf-8")
    except OSError as error:
        raise no_room(run, error) from error


def no_room(run: RunName, error: OSError) -> AsrunError:
    """Say that a run has no folder for what it and asrun tell each other."""
    return AsrunError(
        f"{run} cannot be run: {error.strerror or error}",
        remedy="make room for temporary files, or name another folder for them: "
        + ("$env:TEMP='D:\\folder'; asrun …" if sys.platform == "win32" else "TMPDIR=/another/folder asrun …"),
    )


def _settle(started: Started, report: dict[str, Any] | None, *, told: bool) -> list[str]:
    """End what a run has left behind, after a while in which it may end by itself; say what that was.

    Arguments:
        started: The run's process, and what it started.
        report: What it reported.
        told: Whether it has come to its end, well or badly, and has only to be done with.
    """
    process, remarks, now = started.process, [], time.monotonic()
    threads = report["threads"] if report else 0
    if report:
        started.note((pid, began) for pid, began in report["processes"])
    while (goes_on := process.poll() is None) and told and time.monotonic() < now + (GRACE if threads else ENDING):
        time.sleep(0.05)
    while (left := started.left()) and not goes_on and told and time.monotonic() < now + GRACE:
        time.sleep(0.05)
    if goes_on and threads:
        remarks.append(f"it left {plural(threads, 'thread')} behind; that was ended")
    elif goes_on and not left:
        remarks.append("it left something behind that went on when Python ended; that was ended")
    elif not goes_on and process.returncode < 0:
        remarks.append(f"it was killed by {_signal(-process.returncode)} after it had returned what is recorded")
    if left:
        names = ", ".join(sorted({name for each in left if (name := as_line(_name(each)))}))
        remarks.append(f"it left {plural(len(left), 'process', 'processes')} behind ({names}); that was ended")
    if goes_on or left:
        end(started)
    return remarks


def _name(process: psutil.Process) -> str:
    try:
        return process.name()
    except Exception:
        return ""


def _signal(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def _wait(
    started: Started, follow: Follow, limits: Limits, run: RunName, project: Project, where: Where, told: Sequence[Path]
) -> None:
    """Wait until a process ends or has reported, and no longer than it may take."""
    until = time.monotonic() + limits.seconds
    process, looked = started.process, 0.0
    while not any(map(Path.exists, told)):
        with suppress(subprocess.TimeoutExpired):
            process.wait(timeout=min(0.2, max(0.01, until - time.monotonic())))
            return
        now = time.monotonic()
        if now >= until:
            follow.dump_stack()
            raise AsrunError(
                f"{run} did not end within {limits.seconds / 60:g} minutes, and was stopped"
                f"{_hung_at(follow, project)}{follow.last_lines()}",
                where=where,
                remedy="make it faster, or allow more: "
                f'NEEDS = {{"minutes": {{"{run.scale}": {2 * limits.seconds / 60:g}}}}}',
            )
        if now - looked < 1.0:
            continue
        looked = now
        used = _memory(process.pid)
        if used > limits.memory:
            follow.dump_stack()
            raise AsrunError(
                f"{run} took {used / 1e9:.3g} GB of memory, and was stopped at {limits.memory / 1e9:.3g} GB"
                f"{_hung_at(follow, project)}{follow.last_lines()}",
                where=where,
                remedy="make it smaller, or allow more where there is more: "
                f'NEEDS = {{"memory": {{"{run.scale}": {2 * limits.memory / 1e9:.2g}}}}} (in GB)',
            )


def _hung_at(follow: Follow, project: Project) -> str:
    return follow.hung_at(folders(project), project.relative)


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
        report: dict[str, Any] = json.loads(file.read_text("utf-8"))
    except (FileNotFoundError, ValueError):
        return None
    return report


def failed(project: Project, snippet: Snippet, run: RunName, code: int, out: Path, follow: Follow) -> AsrunError:
    """Say why a snippet's process ended without a report, and keep its traceback."""
    where, error = Where(project.relative(snippet.path)), _told(out / "error.json")
    if not error:
        killed = f"was killed by {_signal(-code)}" if code < 0 else f"ended with exit code {code}"
        return AsrunError(
            f"{run} {killed} before it could report{follow.last_lines()}",
            where=where,
            remedy="it may have needed more memory than there is: try a smaller scale"
            if code == -KILL
            else f"see it happen: {_by_hand(project, snippet)}",
        )
    # Half of a surrogate pair can be raised, but neither printed nor written.
    error["what"] = as_shown(error["what"].encode("utf-8", "backslashreplace").decode())
    log = project.cache / "logs" / f"{run.snippet}-{run.scale}-{run.device}.txt"
    remedy = f"the whole traceback is in {project.relative(log)}"
    try:
        log.parent.mkdir(parents=True, exist_ok=True)
        log.write_text(error["traceback"] + "\n" + "\n".join(follow.tail), "utf-8", "backslashreplace")
    except OSError as reason:
        remedy = f"the traceback could not be kept ({reason.strerror}); see it happen: {_by_hand(project, snippet)}"
    if error["place"]:
        where = Where(project.relative(error["place"]["file"]), error["place"]["line"])
    return AsrunError(
        f"{run} {'failed' if error['told'] else 'raised'}: {error['what']}{follow.last_lines()}",
        where=where,
        remedy=error["remedy"] or remedy,
    )


def _by_hand(project: Project, snippet: Snippet) -> str:
    """Return what to type to run a snippet with plain Python, which looks for modules next to it and no further."""
    sources = os.pathsep.join(project.relative(folder) for folder in project.sources if folder.is_dir())
    # As PowerShell takes it, or a shell.
    setting = f"$env:PYTHONPATH='{sources}'; " if sys.platform == "win32" else f"PYTHONPATH={sources} "
    return f"{setting if sources else ''}python {project.relative(snippet.path)}"
