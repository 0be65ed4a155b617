"""Keeps what a run came to where its record cannot be written: what took hours is not thrown away."""

from __future__ import annotations

import shlex
import shutil
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from asrun.errors import AsrunError
from asrun.model import Record
from asrun.project import Project
from asrun.records.store import Store, write_whole

__all__ = ["put"]


def put(project: Project, store: Store, record: Record) -> None:
    """Store the record of a run that has just ended; where that cannot be, keep it elsewhere, and say where.

    Raises:
        AsrunError: when it cannot be stored.
    """
    try:
        store.put(record)
    except AsrunError as error:
        if folder := _keep(project, store, record):
            copy = shlex.join(["cp", "-r", str(folder), project.relative(project.records)])
            error.remedy = f"{error.remedy}; nothing is lost: or, when it can be written, {copy}"
        raise
    shutil.rmtree(_kept(project, record), ignore_errors=True)


def _keep(project: Project, store: Store, record: Record) -> Path | None:
    """Write a record's files into the first folder that takes them."""
    places: tuple[Callable[[], Path], ...] = (
        lambda: _kept(project, record),
        lambda: Path(tempfile.mkdtemp(prefix="asrun-kept-")),
    )
    for choose in places:
        with suppress(OSError):
            folder = choose() / record.run.snippet
            folder.mkdir(parents=True, exist_ok=True)
            for name, data in store.files(record).items():
                write_whole(folder / name, data)
            return folder
    return None


def _kept(project: Project, record: Record) -> Path:
    run = record.run
    return project.cache / "kept" / f"{run.snippet}-{run.scale}-{run.device}"
