"""Notebooks for readers to take away: executed when they are stale, and published with the outputs of that execution.

    docs/labs/turn-the-knob.ipynb                  what an author edits: no outputs
    snippets/records/labs/turn-the-knob.ipynb      what it last produced, its key and its provenance
    .asrun/labs/turn-the-knob.ipynb                what a page shows and a reader downloads: the prose of the first,
                                                   the outputs of the second

A notebook is fresh by the rules of snippets: while its code cells, the project's definitions that they reach and were
not seen to pass by, the data that they were seen to read and the environment variables that they asked for are the
same. Prose, comments and formatting may change freely. A run that failed is remembered until its code changes.
"""

from __future__ import annotations

import html
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from asrun.errors import AsrunError
from asrun.freshness import conditions, failures
from asrun.freshness.key import key_of_run, possible_code
from asrun.freshness.sources import Sources
from asrun.model import Condition, Digests, Key, State, Where
from asrun.project import Project
from asrun.records.schema import read_key
from asrun.records.store import alone_in, write_whole
from asrun.running import cells, ipynb, notebook_client, snippets
from asrun.running.ipynb import Document

__all__ = ["condition", "execute", "list_notebooks", "publish", "publish_without_outputs", "run_downloaded"]

REMEDY = "run it: asrun run --labs"
MEND = "mend it, then: asrun run --labs"
_DEVICE = "cpu"
"""Where notebooks are executed: for readers, who may have no GPU."""
CHECK = "check"
"""The tag of cells whose printed output must be the same for every reader."""


def list_notebooks(project: Project) -> list[Path]:
    """List the notebooks of a project's pages.

    Raises:
        AsrunError: when two have one name, since records go by it.
    """
    found: dict[str, Path] = {}
    for path in sorted(project.docs.rglob("*.ipynb")):
        if ".ipynb_checkpoints" in path.parts:
            continue
        if path.stem in found:
            raise AsrunError(f"{project.relative(found[path.stem])} has the same name",
                             where=Where(project.relative(path)), remedy="rename one of them")  # fmt: skip
        found[path.stem] = path
    return list(found.values())


def execute(project: Project, path: Path, listener: Callable[[str], None]) -> Path:
    """Execute a notebook in a kernel of its own, as a reader would: in an empty folder; and write its record.

    Returns:
        The record.

    Raises:
        AsrunError: when a cell raises, or it does not end in time; remembered until its code changes.
        KeyboardInterrupt: after everything it started has been ended.
    """
    notebook_client.require()
    name = project.relative(path)
    document = ipynb.read(path, name)
    tried = _attempted(project, _code(project, path))
    given = [os.environ.get(variable) for variable in project.data_variables]
    data = [Path(os.path.abspath(folder)) for folder in given if folder]
    try:
        report = notebook_client.run(document, name, folders=project.sources, root=project.root, data=data,
                                      minutes=project.minutes, listener=listener,
                                      log=project.cache / "logs" / f"{path.stem}.txt")  # fmt: skip
        if report["device_class"] != _DEVICE:
            raise AsrunError(
                f"it used the {report['device_class']}, and readers may have none",
                where=Where(name),
                remedy='take torch.device("cpu")',
            )
    except AsrunError as error:
        failures.note(project, path, error, tried)
        raise
    with cells.joined(path, name, document) as entry:
        key = key_of_run(project, entry, _sources(project), report, _DEVICE)
    document["metadata"] = _METADATA | {
        "asrun": {
            "key": key.parts(),
            # Nothing that differs from one execution to the next: a record that says the same is the same file.
            "provenance": {
                "device": report["device"],
                "versions": report["versions"],
                "commit": snippets.commit(project.root),
                "command": "asrun run --labs",
            },
            "seal": ipynb.seal(document),
        }
    }
    _write(_record(project, path), ipynb.dumps(document))
    failures.forget(project, path)
    return _record(project, path)


def _write(path: Path, data: bytes) -> None:
    """Write a file whole, and sweep away what processes left behind that were killed while they wrote."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with alone_in(path.parent) as alone:
        # While nobody else can be writing, these are of processes that are gone.
        for left in list(path.parent.glob(".*.part")) if alone else ():
            left.unlink(missing_ok=True)
        write_whole(path, data)


_METADATA = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"file_extension": ".py", "mimetype": "text/x-python", "name": "python",
                      "pygments_lexer": "ipython3"},
}  # fmt: skip


def condition(project: Project, path: Path) -> Condition:
    """Compare a notebook's record with its code, the project's code and the data as they are now."""
    return failures.considered(
        project, path, _record_condition(project, path), lambda: _attempted(project, _code(project, path))
    )


def _record_condition(project: Project, path: Path) -> Condition:
    record = _read_record(project, path)
    if record is None:
        return Condition(State.MISSING, "never run")
    if record.seal != ipynb.seal(record.document):
        return Condition(State.FAILED, "cells or outputs changed by hand: not what the run wrote")
    name = project.relative(path)
    with cells.joined(path, name, ipynb.read(path, name)) as entry:
        return conditions.judged(conditions.differences(project, record.key, entry, _sources(project), _DEVICE))


def _attempted(project: Project, code: dict[str, Digests]) -> dict[str, Any]:
    """Return what an author changes to mend a run that failed."""
    return {"code": code, "minutes": project.minutes}


def publish(project: Project, path: Path, *, allow_stale: bool = False) -> Path:
    """Write what is to be published of a notebook: its prose as it is now, and its recorded outputs.

    Arguments:
        project: The project.
        path: The notebook.
        allow_stale: Publish a record that is not fresh, with a notice that says so; cells that changed have no output.

    Returns:
        The file to publish.

    Raises:
        AsrunError: when it was never executed, or its record is not fresh.
    """
    name = project.relative(path)
    document, now, record = ipynb.read(path, name), condition(project, path), _read_record(project, path)
    if record is None or (now.state != State.FRESH and not allow_stale):
        raise AsrunError(
            f"its outputs are {now}", where=Where(name), remedy=MEND if now.state == State.FAILED else REMEDY
        )
    recorded = list(zip(cells.digests(name, record.document), ipynb.code_cells(record.document), strict=True))
    for digest, cell in zip(cells.digests(name, document), ipynb.code_cells(document), strict=True):
        at = next((at for at, (before, _) in enumerate(recorded) if before == digest), None)
        if at is not None:
            cell["execution_count"] = recorded[at][1]["execution_count"]
            cell["outputs"] = [_with_alt(output) for output in recorded[at][1]["outputs"]]
            recorded = recorded[at + 1 :]
    if now.state != State.FRESH:
        _notice(document, f"**These outputs are {now.state}.** {now.reason}")
    document["metadata"] = _METADATA | {"asrun": {"provenance": record.provenance}}
    return _published(project, path, document)


def publish_without_outputs(project: Project, path: Path, error: AsrunError) -> Path:
    """Write what a preview shows of a notebook that cannot be published: its prose if it can be read, and why not."""
    try:
        document = ipynb.read(path, project.relative(path))
    except AsrunError:
        title = {"cell_type": "markdown", "id": "asrun-title", "metadata": {}, "source": f"# {path.stem}"}
        document = {"cells": [title], "nbformat": 4, "nbformat_minor": 5}
    _notice(document, str(error).replace("\n", " "))
    document["metadata"] = dict(_METADATA)
    return _published(project, path, document)


def _notice(document: Document, text: str) -> None:
    document["cells"].insert(1, {"cell_type": "markdown", "id": "asrun-notice", "metadata": {}, "source": f"> {text}"})


def _published(project: Project, path: Path, document: Document) -> Path:
    published = project.cache / "labs" / path.name
    _write(published, ipynb.dumps(document))
    return published


def _with_alt(output: Document) -> Document:
    """Return an image as HTML with its alt text, if it has one: converters of notebooks leave that out."""
    alt = output.get("metadata", {}).get("image/png", {}).get("alt")
    if not alt or "image/png" not in output.get("data", {}):
        return output
    data = {kind: value for kind, value in output["data"].items() if kind != "image/png"}
    source = output["data"]["image/png"].replace("\n", "")
    image = f'<img alt="{html.escape(alt)}" src="data:image/png;base64,{source}">'
    return output | {"data": {"text/html": image} | data, "metadata": {}}


def run_downloaded(path: Path, *, folders: Sequence[Path] = (), minutes: float = 20) -> None:
    """Run a notebook file as a reader does who has downloaded it: in an empty folder, with nothing else around it.

    Arguments:
        path: The notebook; with its outputs, those of cells tagged `check` must come out the same.
        folders: Where packages are that the reader has installed, and this Python has not.
        minutes: How long it may take.

    Raises:
        AsrunError: when a cell raises, or a checked cell prints something else.
    """
    given, document = ipynb.read(path, path.name, outputs=True), ipynb.read(path, path.name)
    notebook_client.run(document, path.name, folders=folders, root=path.parent, minutes=minutes)
    pairs = zip(ipynb.code_cells(given), ipynb.code_cells(document), strict=True)
    for number, (before, now) in enumerate(pairs, start=1):
        said, says = ipynb.printed(before), ipynb.printed(now)
        if CHECK in now["metadata"].get("tags", ()) and before["outputs"] and said != says:
            raise AsrunError(
                f"code cell {number} printed {says!r}, and its record says {said!r}",
                where=Where(path.name),
                remedy=f"print what is the same on every machine, or take its tag {CHECK} away",
            )


def _record(project: Project, path: Path) -> Path:
    return project.records / "labs" / path.name


@dataclass(frozen=True)
class _Executed:
    """A notebook as it was last executed, and what decided its outputs."""

    document: Document
    key: Key
    provenance: dict[str, Any]
    seal: str


def _read_record(project: Project, path: Path) -> _Executed | None:
    record = _record(project, path)
    if not record.is_file():
        return None
    name = project.relative(record)
    document = ipynb.read(record, name, outputs=True)
    told = document["metadata"].get("asrun", {})
    try:
        if missing := {"key", "provenance", "seal"} - set(told):
            raise ValueError(f"it has no {min(missing)}")
        return _Executed(document, read_key(told["key"]), told["provenance"], told["seal"])
    except ValueError as error:
        raise AsrunError(f"this record cannot be read: {error}", where=Where(name), remedy=REMEDY) from error


def _sources(project: Project) -> Sources:
    """Return the project's own modules as a notebook finds them: snippets are none of its modules."""
    return Sources(project.sources, project.root)


def _code(project: Project, path: Path) -> dict[str, Digests]:
    """Return the digests of a notebook's code cells and of all that they may import."""
    with cells.joined(path, project.relative(path), ipynb.read(path, project.relative(path))) as entry:
        return possible_code(entry, _sources(project))[0]
