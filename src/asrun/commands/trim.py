"""`asrun trim`: delete what no snippet and no notebook needs any more."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import click

from asrun.commands.console import out
from asrun.errors import AsrunError
from asrun.freshness import conditions
from asrun.freshness.snippet import survey
from asrun.model import RunName, State, Where
from asrun.options import DEVICE_CLASSES
from asrun.project import Project, find_project
from asrun.records import apart
from asrun.records.store import Store, read_file
from asrun.values.formats import describe, plural

__all__ = ["trim"]

_DEVICES = "|".join(DEVICE_CLASSES)
_BESIDE = re.compile(rf"(?P<record>[\w-]+-({_DEVICES}))\.[\w-]+\.[0-9a-f]{{8}}\.(?P<kind>svg|npy\.gz)")
"""How the store names a figure, or an array."""
_RUN = re.compile(rf"(?P<snippet>\w+)-(?P<scale>[\w-]+)-(?P<device>{_DEVICES})")
"""How the cache names a run: the name of a snippet has no dash."""


@click.command()
@click.option("--dry-run", is_flag=True, help="Only tell what would be deleted.")
def trim(dry_run: bool) -> None:
    """Delete records whose snippet, scale or notebook is gone, and what else nobody needs.

    With a record go its figures and arrays, and its folder when nothing is left in it; then those that no record names,
    and in .asrun/ the logs and notes of failed runs whose snippet, scale or notebook is gone. Every file is listed with
    its size. What asrun does not know in the records folder is left alone, and named.

    `asrun status` shows these records as unused. Those whose snippet cannot be read are left alone.
    """
    project = find_project()
    plan = _plan(project)
    sizes = {path: path.stat().st_size for path in plan.deleted}
    if not dry_run:
        _delete(project, plan)
    for path, reason in plan.deleted.items():
        told = f"{project.relative(path)}  {_bytes(sizes[path])}  ({reason})"
        out.print(f"{'would delete' if dry_run else 'deleted'}  {told}", markup=False)
    for path in plan.unknown:
        out.print(f"left alone  {project.relative(path)}  (asrun does not know what it is)", markup=False)
    if plan.deleted or plan.folders:
        folders = f" and {plural(len(plan.folders), 'empty folder')}" if plan.folders else ""
        done = f"{plural(len(sizes), 'file')} ({_bytes(sum(sizes.values()))}){folders}"
        out.print(f"{'Would delete' if dry_run else 'Deleted'} {done}.", markup=False)
    else:
        out.print("Nothing to delete: every record is of a snippet, and every figure of a record.")


def _bytes(size: int) -> str:
    return f"{describe(size)} bytes" if size != 1 else "1 byte"


@dataclass
class _Plan:
    """What is to be done: found out whole before anything is deleted."""

    deleted: dict[Path, str] = field(default_factory=dict)
    """Files, with the reason."""
    folders: list[Path] = field(default_factory=list)
    """Folders in which nothing is left then."""
    unknown: list[Path] = field(default_factory=list)


def _plan(project: Project) -> _Plan:
    from asrun.running import notebooks

    store, plan = Store(project), _Plan()
    unused = {store.path(run): condition.reason for run, condition in conditions.judge_records(project, store).items()
              if condition.state is State.UNUSED}  # fmt: skip
    # Without a folder of pages there is no telling which notebooks are gone.
    labs = {path.name for path in notebooks.list_notebooks(project)} if project.docs.is_dir() else None
    for folder in _entries(project.records):
        if folder.is_symlink() or not folder.is_dir():
            plan.unknown.append(folder)
            continue
        files = _entries(folder)
        for file in files:
            known, reason = _judge(file, project, unused, labs)
            if reason:
                plan.deleted[file] = reason
            elif not known:
                plan.unknown.append(file)
        if all(file in plan.deleted for file in files):
            plan.folders.append(folder)
    plan.deleted.update(_cached(project, labs))
    return plan


def _entries(folder: Path) -> list[Path]:
    return sorted(folder.iterdir()) if folder.is_dir() else []


def _judge(file: Path, project: Project, unused: dict[Path, str], labs: set[str] | None) -> tuple[bool, str]:
    """Tell whether a file in a record's folder is asrun's, and why it is to be deleted, if it is."""
    if file.is_symlink() or not file.is_file():
        return False, ""
    if file.parent == project.records / "labs" and file.suffix == ".ipynb":
        metadata = _read(file).get("metadata")
        known = isinstance(metadata, dict) and "asrun" in metadata
        gone = labs is not None and file.name not in labs
        return known, f"there is no notebook {file.stem} any more" if known and gone else ""
    if file.suffix == ".json":
        known = _is_record(file)
        return known, unused.get(file, "") if known else ""
    if named := _BESIDE.fullmatch(file.name):
        record = file.with_name(f"{named['record']}.json")
        if record.is_file() and not _is_record(record):
            # Whether it names this file cannot be told.
            return False, ""
        if file.name not in _beside(record):
            return True, f"no record names this {'figure' if named['kind'] == 'svg' else 'array'}"
        return True, unused.get(record, "")
    return False, ""


def _beside(record: Path) -> set[str]:
    """Name the files of a record's figures and arrays."""
    document = _read(record) if record.is_file() else {}
    figures = {Path(entry["file"]).name for entry in document.get("figures", {}).values()}
    arrays = {at: told for at, told in document.get("arrays", {}).items() if apart.is_apart(told)}
    return figures | {apart.file_name(record.stem, at, told) for at, told in arrays.items()}


def _is_record(file: Path) -> bool:
    document = _read(file)
    figures = document.get("figures")
    return (
        {"schema", "values", "provenance"} <= set(document)
        and isinstance(figures, dict)
        and isinstance(document.get("arrays", {}), dict)
        and all(isinstance(entry, dict) and isinstance(entry.get("file"), str) for entry in figures.values())
    )


def _read(file: Path) -> dict[str, Any]:
    """Return what a JSON file holds by name; nothing when it is something else."""
    try:
        document = json.loads(read_file(file))
    except (OSError, ValueError, RecursionError):
        return {}
    return document if isinstance(document, dict) else {}


def _cached(project: Project, labs: set[str] | None) -> Iterator[tuple[Path, str]]:
    """Find logs and notes of failed runs, and notebooks made ready to be published, that are of nothing there is."""
    surveyed = survey(project)

    def gone(run: RunName) -> str:
        snippet = surveyed.found.get(run.snippet)
        if snippet and run.scale in snippet.scales:
            return ""
        condition = conditions.without_snippet(run, surveyed)
        return condition.reason if condition.state is State.UNUSED else ""

    for name, suffix in (("logs", ".txt"), ("failed", ".json"), ("labs", ".ipynb")):
        for file in _entries(project.cache / name):
            if file.suffix != suffix or file.is_symlink() or not file.is_file():
                continue
            run = _RUN.fullmatch(file.stem) if name != "labs" else None
            if name != "failed" and labs is not None and f"{file.stem}.ipynb" in labs:
                # A notebook may be called like a run.
                continue
            if run and (reason := gone(RunName(**run.groupdict()))):
                yield file, reason
            elif not run and name != "failed" and labs is not None:
                yield file, f"there is no notebook {file.stem} any more"


def _delete(project: Project, plan: _Plan) -> None:
    path = project.records
    try:
        for path in plan.deleted:
            path.unlink(missing_ok=True)
        for path in plan.folders:
            path.rmdir()
    except OSError as error:
        raise AsrunError(
            f"this cannot be deleted ({error.strerror or error})",
            where=Where(project.relative(path)),
            remedy="give leave to write there, then trim again",
        ) from error
