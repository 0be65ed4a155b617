"""What changed in the records of a project since a commit: numbers against their spread over seeds, texts, figures.

When a record was made, from which commit and by which code is not compared: two runs that measured the same do not
differ.
"""

from __future__ import annotations

import json
import tempfile
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from asrun.errors import AsrunError
from asrun.model import Record, RunName
from asrun.project import Project
from asrun.records.git import check_out, find_commit
from asrun.records.store import PRINTED, Store
from asrun.records.value_changes import Entry, Kind, ValueChange, compare_values

__all__ = ["Difference", "FigureChange", "RecordChange", "since"]


@dataclass(frozen=True)
class FigureChange:
    """How one figure of a record differs: another drawing, whose file has another name, or another alt text."""

    name: str
    kind: Kind
    files: tuple[str, str]
    """Before and after; empty where there is none."""
    alts: tuple[str, str]


Pairs = dict[str, tuple[Any, Any]]
"""Before and after by name; None where there is nothing."""


@dataclass(frozen=True)
class RecordChange:
    """How one record differs."""

    run: RunName
    kind: Kind
    values: list[ValueChange] = field(default_factory=list)
    figures: list[FigureChange] = field(default_factory=list)
    parameters: Pairs = field(default_factory=dict)
    circumstances: Pairs = field(default_factory=dict)
    """What else was not the same: device, versions, seconds. Told, but no difference by itself."""
    damaged: list[str] = field(default_factory=list)
    """Names of values that were changed by hand since."""
    record: Record | None = field(default=None, repr=False)
    """What was added or removed."""


@dataclass(frozen=True)
class Difference:
    """What changed in a project's records since a commit. True when something did."""

    revision: str
    commit: str
    records: list[RecordChange]
    unchanged: int
    unreadable: dict[str, str]
    """Why a record could not be compared, by its path; `PATH at REVISION` for the one in the commit."""
    torn: bool = False
    """Whether a record that cannot be read is not the one in the commit."""

    def __bool__(self) -> bool:
        return bool(self.records) or self.torn


def since(project: Project, revision: str = "HEAD") -> Difference:
    """Compare the records in the working tree with those of a commit.

    Raises:
        AsrunError: when there is no git, no repository or no such commit.
    """
    commit = find_commit(project.root, revision)
    changes: list[RecordChange] = []
    unreadable: dict[str, str] = {}
    unchanged, torn = 0, False
    with tempfile.TemporaryDirectory(prefix="asrun-") as folder:
        then = Store(replace(project, root=Path(folder), snippets=Path(folder) / "snippets"))
        now = Store(project)
        check_out(project, commit, then.folder)
        for run in sorted({*then.list(), *now.list()}):
            sides = []
            for store, at in ((then, f" at {revision}"), (now, "")):
                try:
                    sides.append((store.get(run), _figures(store, run)))
                except AsrunError as error:
                    unreadable[project.relative(now.path(run)) + at] = error.what
            if len(sides) == 2:
                change = _compare(run, *sides)
                changes += [change] if change else []
                unchanged += not change
            else:
                torn |= _bytes(then, run) != _bytes(now, run)
    return Difference(revision, commit, changes, unchanged, unreadable, torn)


def _bytes(store: Store, run: RunName) -> bytes:
    path = store.path(run)
    return path.read_bytes() if path.is_file() else b""


Figures = dict[str, dict[str, str]]
"""File, digest and alt text of a record's figures."""


def _figures(store: Store, run: RunName) -> Figures:
    """Return what a record's file, which the store could read, says of its figures: Record keeps no digests."""
    data = _bytes(store, run)
    return json.loads(data)["figures"] if data else {}


def _compare(
    run: RunName, then: tuple[Record | None, Figures], now: tuple[Record | None, Figures]
) -> RecordChange | None:
    before, after = then[0], now[0]
    if before is None or after is None:
        return RecordChange(run, Kind.REMOVED if before else Kind.ADDED, record=before or after)
    values = compare_values(before.values, after.values)
    for name, was, told in (
        ("the question", before.question, after.question),
        (PRINTED, before.output, after.output),
    ):
        if was != told:
            values.append(ValueChange(name, Kind.CHANGED, [Entry(name, was, told)]))
    figures = _compare_figures(then[1], now[1])
    parameters = _pairs(before.parameters, after.parameters)
    # A figure that the commit lacks may be kept elsewhere, and is nobody's edit.
    damaged = sorted(after.damaged - before.damaged)
    if not (values or figures or parameters or damaged):
        return None
    made, making = before.provenance, after.provenance
    circumstances = _pairs({"device": made.device}, {"device": making.device})
    circumstances |= _pairs(made.versions, making.versions)
    circumstances |= _pairs({"seconds": made.seconds}, {"seconds": making.seconds})
    return RecordChange(run, Kind.CHANGED, values, figures, parameters, circumstances, damaged)


def _compare_figures(before: Figures, after: Figures) -> list[FigureChange]:
    changes = []
    for name in {**before, **after}:
        was, now = before.get(name, {}), after.get(name, {})
        if any(was.get(part) != now.get(part) for part in ("sha256", "alt")):
            kind = (Kind.CHANGED if now else Kind.REMOVED) if was else Kind.ADDED
            files = (Path(was.get("file", "")).name, Path(now.get("file", "")).name)
            changes.append(FigureChange(name, kind, files, (was.get("alt", ""), now.get("alt", ""))))
    return changes


def _pairs(before: dict[str, Any], after: dict[str, Any]) -> Pairs:
    pairs = {name: (before.get(name), after.get(name)) for name in {**before, **after}}
    return {name: (was, now) for name, (was, now) in pairs.items() if was != now}
