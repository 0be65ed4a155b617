"""Run a snippet in a process of its own, and make its record."""

from __future__ import annotations

import json
import os
import platform
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from asrun import machine
from asrun.errors import AsrunError
from asrun.freshness import needs
from asrun.freshness.executed import Entry
from asrun.freshness.key import code_of_run, data_digests, key_of_run, sources, with_style
from asrun.model import Figure, Provenance, Record, RunName, Snippet, Where
from asrun.project import Project
from asrun.records import codec, locks
from asrun.records.printed import shortened
from asrun.records.raster import replaced
from asrun.records.secrecy import hidden, secrets
from asrun.running.follow import forgiving
from asrun.running.interruption import check
from asrun.running.process import Limits, Listener, no_room, start, write

__all__ = ["choose_device", "commit", "limits", "redraw", "run_snippet"]


def choose_device(snippet: Snippet, wanted: str | None, took: Mapping[str, float] | None = None) -> str:
    """Return the device class to run on: what was asked for, or a GPU if the snippet can use one and there is one.

    Arguments:
        snippet: What is to be run.
        wanted: What was asked for.
        took: Seconds that the last run took, by device class: of two, the faster is chosen.

    Raises:
        AsrunError: when the snippet and this machine do not fit.
    """
    return needs.choose_device(
        snippet,
        wanted,
        has_gpu=machine.has_gpu,
        lacking="this machine has no NVIDIA GPU that its driver can see",
        remedy="leave --device out, or run it where there is one",
        # PyTorch has let go of the GPUs of Intel's Macs.
        has_apple_gpu=sys.platform == "darwin" and platform.machine() == "arm64",
        took=took,
    )


def limits(snippet: Snippet, scale: str, project: Project, *, at_once: int = 1) -> Limits:
    """Return what a run may take.

    Time is what the snippet's NEEDS say in minutes, or the project's default; memory what they say in GB, or nine
    tenths of what is free. Cores are shared out when several runs go on at once; of its share a run takes as many as
    NEEDS say in cpus, or all.
    """
    minutes, memory, cpus = (needs.need(snippet, name, scale) for name in ("minutes", "memory", "cpus"))
    cores = machine.cores()
    threads = max(1, min(cores // at_once, int(cpus or cores))) if cpus or at_once > 1 else None
    # Imported here: a build that runs nothing has no need of it.
    import psutil

    free = psutil.virtual_memory().available
    return Limits(60 * (minutes or project.minutes), 1e9 * memory if memory else 0.9 * free, threads)


@contextmanager
def _own_gpu(device: str, listener: Listener) -> Iterator[None]:
    """Wait until no other run of asrun's is on the GPU: two would slow each other down, or not fit."""
    if device == "cpu":
        yield
        return
    try:
        lock = os.open(_gpu_lock(), os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0), 0o600)
    except OSError:
        # What stands there belongs to somebody else: to take turns is a courtesy, and no reason not to run.
        yield
        return
    try:
        if locks.take(lock) is False:
            listener("waits for the GPU, on which another run is going on")
            while locks.take(lock) is False:
                # This run may be interrupted, in whichever thread it is.
                check()
                time.sleep(0.2)
        yield
    finally:
        os.close(lock)


def _gpu_lock() -> Path:
    """Return the file that one user's runs lock in turn: nobody else can open what another user has made."""
    folder = Path(tempfile.gettempdir())
    if sys.platform == "win32":
        # Each user's temporary files have a folder of their own there.
        return folder / "asrun-gpu.lock"
    return folder / f"asrun-gpu-{os.getuid()}.lock"


@contextmanager
def _scratch(run: RunName) -> Iterator[Path]:
    """Make a folder in which a run and asrun tell each other what they have to."""
    try:
        # What a run left in it, and goes on writing there, is deleted as far as that can be done.
        folder = tempfile.TemporaryDirectory(prefix="asrun-", ignore_cleanup_errors=True)
    except OSError as error:
        raise no_room(run, error) from error
    with folder as path:
        yield Path(path)


def _answer(file: Path, run: RunName) -> Any:
    """Read what a run came to, which it wrote before it reported."""
    try:
        return json.loads(file.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise AsrunError(
            f"what {run} came to cannot be read any more ({type(error).__name__})",
            remedy="something deletes or changes temporary files: is it the snippet? Then run it again",
        ) from error


def run_snippet(
    project: Project,
    snippet: Snippet,
    scale: str,
    device: str,
    listener: Listener,
    *,
    at_once: int = 1,
    hash_seed: int = 0,
) -> Record:
    """Run a snippet at one scale, and return its record: not stored yet, and without figures (see `redraw`).

    Arguments:
        project: The snippet's.
        snippet: What to run.
        scale: At which of its SCALES.
        device: On which device class.
        listener: Hears what is printed.
        at_once: How many runs go on at the same time.
        hash_seed: What Python's hashes start from, and with them the order of sets: 0 for whatever is recorded.

    Raises:
        AsrunError: when it raises, does not end, or returns what cannot be recorded.
        KeyboardInterrupt: after everything it started has been ended.
    """
    run, listener = RunName(snippet.name, scale, device), forgiving(listener)
    with _scratch(run) as out, _own_gpu(device, listener):
        request = {"do": "run", "parameters": snippet.scales[scale]}
        allowed = limits(snippet, scale, project, at_once=at_once)
        printed, report = start(project, snippet, run, out, listener, request, allowed, hash_seed)
        answer = _answer(out / "values.json", run)
    if (used := report["device_class"]) != device:
        raise AsrunError(
            f"{run} used the {used} instead",
            where=Where(project.relative(snippet.path)),
            remedy=f"ask for it: asrun run {snippet.name} --scale {scale} --device mps; or take no tensor to it"
            if used == "mps"
            else 'take torch.device("mps") when torch.backends.mps.is_available()'
            if device == "mps"
            else 'take torch.device("cuda") when torch.cuda.is_available(), and NEEDS = {"gpu": "preferred"}',
        )
    came_to = [answer, printed, report["remarks"]]
    answer, printed, remarks = hidden(came_to, secrets())
    if [answer, printed, remarks] != came_to:
        remarks.append("the values of environment variables that look secret were left out: their names stand there")
    made = Record(
        run=run,
        question=snippet.question,
        parameters=snippet.scales[scale],
        values=codec.decode(*answer),
        output=printed,
        figures={},
        **key_of_run(project, Entry(snippet.path, "run"), sources(project), report, device).parts(),
        plot_code={},
        plot_files={},
        remarks=tuple(remarks),
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
    return shortened(made, project.output_lines)


def redraw(project: Project, snippet: Snippet, record: Record, listener: Listener) -> Record:
    """Return a record with its figures drawn anew from its values: nothing is trained."""
    with _scratch(record.run) as out:
        write(out / "values.json", json.dumps(codec.encode(record.values)), record.run)
        allowed = replace(limits(snippet, record.run.scale, project), seconds=project.minutes * 60)
        _, report = start(project, snippet, record.run, out, listener, {"do": "plot"}, allowed)
        drawn = hidden(_answer(out / "figures.json", record.run), secrets())
    read = sources(project)
    code, ran = code_of_run(Entry(snippet.path, "plot"), read, report)
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
        remarks=replaced(record.remarks, {name: entry["points_as_image"] for name, entry in drawn.items()}),
        plot_code=with_style(code, read),
        plot_ran=ran,
        plot_files=data_digests(project, report),
        # Which arrays are large is decided anew, too.
        apart=None,
    )


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
