"""Run a snippet in a process of its own, and make its record."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from asrun import codec
from asrun.errors import AsrunError
from asrun.fingerprint import file_digest, merge, reach
from asrun.model import Digests, Figure, Provenance, Record, RunName, Snippet, Where
from asrun.project import Project

__all__ = ["choose_device", "has_gpu", "locate", "redraw", "run_snippet"]

Listener = Callable[[str], None]
"""Is called with whatever the running snippet printed last."""

ASSETS = Path(__file__).parent / "assets"
ELSEWHERE = "…/"
"""Starts the name of a data file outside of every folder that has a name on all machines: it is taken on trust."""

KEPT_LINES = 20
"""How many of the last lines that a failed snippet printed are shown."""


def has_gpu() -> bool:
    """Is there an NVIDIA GPU that its driver can see?"""
    if not shutil.which("nvidia-smi"):
        return False
    return subprocess.run(["nvidia-smi", "-L"], capture_output=True, check=False).returncode == 0


def choose_device(snippet: Snippet, wanted: str | None) -> str:
    """Return the device class to run on: what was asked for, or a GPU if the snippet can use one and there is one."""
    needs = snippet.needs.get("gpu")
    device = wanted or ("cuda" if needs and has_gpu() else "cpu")
    if device == "cuda" and not has_gpu():
        raise AsrunError(
            f"{snippet.name} cannot run on cuda: this machine has no NVIDIA GPU that its driver can see",
            remedy="leave --device out, or run it where there is one",
        )
    if device == "cpu" and needs == "required":
        raise AsrunError(
            f"{snippet.name} needs a GPU, and this is a run on the CPU",
            remedy="run it on a machine with an NVIDIA GPU; its NEEDS say gpu: required",
        )
    return device


def limit_minutes(snippet: Snippet, scale: str, project: Project) -> float:
    """Return how long a run may take: the snippet's NEEDS, or the project's default."""
    minutes = snippet.needs.get("minutes", project.minutes)
    return float(minutes.get(scale, project.minutes) if isinstance(minutes, dict) else minutes)


def run_snippet(project: Project, snippet: Snippet, scale: str, device: str, listener: Listener) -> Record:
    """Run a snippet at one scale, and return its record: not stored yet, and without figures (see `redraw`).

    Raises:
        AsrunError: when it raises, does not end, or returns what cannot be recorded.
        KeyboardInterrupt: after everything it started has been ended.
    """
    run = RunName(snippet.name, scale, device)
    # Digests are taken before the run: an edit while it trains must leave the record stale, not wrong.
    before = code(project, snippet.path, "run")
    with tempfile.TemporaryDirectory(prefix="asrun-") as folder:
        request = {"do": "run", "parameters": snippet.scales[scale]}
        limit = limit_minutes(snippet, scale, project) * 60
        printed, report = _start(project, snippet, run, Path(folder), listener, request, limit)
        values = codec.decode(*json.loads(Path(folder, "values.json").read_text("utf-8")))
    if report["device_class"] != device:
        raise AsrunError(
            f"{run} used the {report['device_class']} instead",
            where=Where(project.relative(snippet.path)),
            remedy='take torch.device("cuda") when torch.cuda.is_available(), and NEEDS = {"gpu": "preferred"}',
        )
    return Record(
        run=run,
        question=snippet.question,
        parameters=snippet.scales[scale],
        values=values,
        output=printed,
        figures={},
        code=merge(before, unreached(project, before, report["modules"])),
        files=file_digests(project, report["opened"]),
        plot_code={},
        plot_files={},
        provenance=Provenance(
            when=datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            seconds=round(report["seconds"], 2),
            peak_memory_mb=report["peak_memory_mb"],
            device=report["device"],
            versions=report["versions"],
            commit=commit(project.root),
            command=f"asrun run {snippet.name} --scale {scale}",
        ),
    )


def redraw(project: Project, snippet: Snippet, record: Record, listener: Listener) -> Record:
    """Return a record with its figures drawn anew from its values: nothing is trained."""
    before = plot_code(project, snippet)
    with tempfile.TemporaryDirectory(prefix="asrun-") as folder:
        out = Path(folder)
        (out / "values.json").write_text(json.dumps(codec.encode(record.values)), "utf-8")
        _, report = _start(project, snippet, record.run, out, listener, {"do": "plot"}, project.minutes * 60)
        drawn = json.loads((out / "figures.json").read_text("utf-8"))
    where = Where(project.relative(snippet.path))
    if not drawn:
        raise AsrunError("plot drew nothing", where=where, remedy="return a Matplotlib figure, or a dict of them")
    for name in drawn:
        if not re.fullmatch(r"\w[\w-]*", name):
            raise AsrunError(
                f"a figure cannot be called {name!r}",
                where=where,
                remedy="its name is part of a file's name and of links: use letters, digits, _ and -",
            )
    return replace(
        record,
        figures={name: Figure(name, entry["svg"], entry["alt"]) for name, entry in drawn.items()},
        plot_code=before,
        plot_files=file_digests(project, report["opened"]),
    )


def code(project: Project, path: Path, function: str) -> dict[str, Digests]:
    """Return the digests of what one function of a snippet can reach."""
    return reach(path, [function], folders=_folders(project), root=project.root)


def plot_code(project: Project, snippet: Snippet) -> dict[str, Digests]:
    """Return the digests of what decides how a record is drawn, the house style included."""
    from asrun.figure import style_digest

    return code(project, snippet.path, "plot") | {"asrun": {"figure style": style_digest()}} if snippet.plots else {}


def _folders(project: Project) -> list[Path]:
    return [project.snippets, *project.sources]


def unreached(project: Project, reached: dict[str, Digests], modules: list[str]) -> dict[str, Digests]:
    """Return digests of whole modules that were imported though no name leads there: by importlib, or for effect."""
    loaded = [Path(file) for file in modules]
    # A package is entered with each of its modules; by itself it counts when nothing else of it was imported.
    within = {folder for path in loaded if path.name != "__init__.py" for folder in path.parents}
    also = [
        path
        for path in loaded
        if project.relative(path) not in reached and not (path.name == "__init__.py" and path.parent in within)
    ]
    found = reach(project.root, [], folders=_folders(project), root=project.root, also=also) if also else {}
    return {file: digests | reached.get(file, {}) for file, digests in found.items()}


def locate(name: str, project: Project) -> Path:
    """Return where a data file that a record names is on this machine."""
    if name.startswith("$"):
        variable, _, rest = name[1:].partition("/")
        return Path(os.environ.get(variable, "/nowhere")) / rest
    if name.startswith(ELSEWHERE):
        return Path("/nowhere") / name
    return Path(name).expanduser() if name.startswith("~") else project.root / name


def file_digests(project: Project, opened: list[str]) -> Digests:
    """Name files so that the name means the same on every machine, and take their digests."""
    digests = {}
    for path in map(Path, opened):
        if path.is_relative_to(project.root):
            if path.is_relative_to(project.cache) or path.is_relative_to(project.records):
                continue
            name = project.relative(path)
            name = name if "/" in name else f"./{name}"
        else:
            roots = {f"${variable}": os.environ.get(variable) for variable in project.data_variables}
            roots["~"] = os.path.expanduser("~")
            name = next(
                (
                    f"{short}/{path.relative_to(os.path.abspath(folder)).as_posix()}"
                    for short, folder in roots.items()
                    if folder and path.is_relative_to(os.path.abspath(folder))
                ),
                ELSEWHERE + path.name,
            )
        digests[name] = file_digest(path)
    return dict(sorted(digests.items()))


def commit(root: Path) -> str:
    """Return the short name of the commit that is checked out, with a + when the tree differs from it."""

    def git(*arguments: str) -> str:
        done = subprocess.run(["git", "-C", str(root), *arguments], capture_output=True, text=True, check=False)
        return done.stdout.strip() if done.returncode == 0 else ""

    try:
        commit = git("rev-parse", "--short=12", "HEAD")
        return commit + ("+" if commit and git("status", "--porcelain", "--untracked-files=no") else "")
    except OSError:
        return ""


def _environment(device: str) -> dict[str, str]:
    environment = os.environ | {
        "MATPLOTLIBRC": str(ASSETS / "matplotlibrc"),
        "MPLBACKEND": "agg",
        "PYTHONHASHSEED": "0",
        "PYTHONUNBUFFERED": "1",
        "PYTHONIOENCODING": "utf-8",
    }
    if device == "cpu":
        environment["CUDA_VISIBLE_DEVICES"] = ""
    return environment


def _start(
    project: Project,
    snippet: Snippet,
    run: RunName,
    out: Path,
    listener: Listener,
    request: dict[str, Any],
    seconds: float,
) -> tuple[str, dict[str, Any]]:
    """Start the child process, follow it to its end, and return what it printed and its report."""
    request |= {
        "snippet": str(snippet.path),
        "root": str(project.root),
        "folders": [str(folder) for folder in _folders(project)],
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
        env=_environment(run.device),
        start_new_session=True,
    )
    follow = _Follow(process, listener)
    try:
        process.wait(timeout=seconds)
    except subprocess.TimeoutExpired:
        follow.dump_stack()
        _end(process)
        raise AsrunError(
            f"{run} did not end within {seconds / 60:g} minutes, and was stopped{follow.hung_at(project)}"
            f"{follow.last_lines()}",
            where=Where(project.relative(snippet.path)),
            remedy=f'make it faster, or allow more: NEEDS = {{"minutes": {{"{run.scale}": {2 * seconds / 60:g}}}}}',
        ) from None
    except BaseException:
        _end(process)
        raise
    follow.join(1.0)
    # A process that the snippet left behind may still hold the pipe open; it is ended first, and the rest read then.
    _end(process)
    follow.join(30.0)
    if (out / "report.json").is_file():
        report = json.loads((out / "report.json").read_text("utf-8"))
        # What asrun itself handed over is no data, nor is what the run has deleted since.
        own = os.path.abspath(out)
        report["opened"] = [
            file for file in report["opened"] if os.path.isfile(file) and not Path(file).is_relative_to(own)
        ]
        return follow.printed(), report
    raise _failed(project, snippet, run, process.returncode, out, follow)


def _failed(project: Project, snippet: Snippet, run: RunName, code: int, out: Path, follow: _Follow) -> AsrunError:
    """Say why a snippet's process ended without a report, and keep its traceback."""
    where, error_file = Where(project.relative(snippet.path)), out / "error.json"
    if not error_file.is_file():
        killed = f"was killed by {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}"
        return AsrunError(
            f"{run} {killed} before it could report{follow.last_lines()}",
            where=where,
            remedy="it may have needed more memory than there is: try a smaller scale"
            if code == -signal.SIGKILL
            else f"see it happen: python {project.relative(snippet.path)}",
        )
    error = json.loads(error_file.read_text("utf-8"))
    # Half of a surrogate pair can be raised, but neither printed nor written.
    error["what"] = error["what"].encode("utf-8", "backslashreplace").decode()
    log = project.cache / "logs" / f"{run.snippet}-{run.scale}-{run.device}.txt"
    log.parent.mkdir(parents=True, exist_ok=True)
    log.write_text(error["traceback"] + "\n" + "\n".join(follow.tail), "utf-8", "backslashreplace")
    if error["place"]:
        where = Where(project.relative(error["place"]["file"]), error["place"]["line"])
    return AsrunError(
        f"{run} {'failed' if error['told'] else 'raised'}: {error['what']}{follow.last_lines()}",
        where=where,
        remedy=error["remedy"] or f"the whole traceback is in {project.relative(log)}",
    )


def _end(process: subprocess.Popen[bytes]) -> None:
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
        while time.monotonic() < until and _group_alive(process):
            time.sleep(0.02)
        if not _group_alive(process):
            break
    process.wait()


def _group_alive(process: subprocess.Popen[bytes]) -> bool:
    process.poll()
    try:
        os.killpg(process.pid, 0)
    except (ProcessLookupError, PermissionError):
        return False
    return True


class _Follow:
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
            if match and any(Path(match[1]).is_relative_to(folder) for folder in _folders(project)):
                return f"; it was at {project.relative(match[1])}:{match[2]}, in {match[3]}"
        return ""

    def last_lines(self) -> str:
        lines = [line for line in self.tail if line.strip()]
        if not lines:
            return "\n    It printed nothing."
        return "\n    The last it printed:\n" + "\n".join(f"    | {line[:160]}" for line in lines[-8:])
