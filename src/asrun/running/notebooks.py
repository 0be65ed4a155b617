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

import ast
import contextlib
import hashlib
import html
import io
import json
import os
import tempfile
import tokenize
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from asrun.errors import AsrunError
from asrun.freshness import conditions as freshness
from asrun.freshness.definitions import tree_digest
from asrun.freshness.key import changed_variables, data_digests, unreached, variable_digests
from asrun.freshness.reach import Observed, PassedBy, Reading, compare, merge, reach
from asrun.model import Condition, Digests, State, Where
from asrun.project import Project
from asrun.records.store import alone_in, write_whole
from asrun.running import ipynb, notebook_client, snippets
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
    # Digests are taken before the run: an edit while it runs must leave the record stale, not wrong.
    cells = _cells(name, document)
    with _joined(path, name, document) as entry:
        reading = Reading(entry, _ALL, folders=project.sources, root=project.root)
    tried = _attempted(project, cells | _named(reading.reached()))
    given = [os.environ.get(variable) for variable in project.data_variables]
    data = [Path(os.path.abspath(folder)) for folder in given if folder]
    try:
        report = notebook_client.run(document, name, folders=project.sources, root=project.root, data=data,
                                      minutes=project.minutes, listener=listener,
                                      log=project.cache / "logs" / f"{path.stem}.txt")  # fmt: skip
    except AsrunError as error:
        note = {"what": error.what.split("\n")[0]} | tried
        # Where not even that can be written, the failure itself is still what is told.
        with contextlib.suppress(OSError):
            _write(_note(project, path), json.dumps(note).encode())
        raise
    document["metadata"] = _METADATA | {
        "asrun": {
            "key": _key(project, cells, reading, report),
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
    _note(project, path).unlink(missing_ok=True)
    return _record(project, path)


def _key(project: Project, cells: dict[str, Digests], reading: Reading, report: dict[str, Any]) -> dict[str, Any]:
    """Return what decides a record: what its code can reach, and what the run was seen to read and to pass by."""
    reached, passed_by = reading.reached(), PassedBy()
    if report["calls"]:
        reached, passed_by = reading.observed(_observed(report))
    return {
        "code": cells | merge(_named(reached), unreached(project, reading.entered(), report["modules"])),
        "files": data_digests(project, report),
        "environment": variable_digests(project, report["variables"], _DEVICE),
        "passed_by": passed_by.functions,
        "not_imported": passed_by.modules,
        "reached_otherwise": passed_by.reached_otherwise,
    }


def _observed(report: dict[str, Any]) -> Observed:
    watched, called = (
        {Path(file): set(labels) for file, labels in report["calls"][kind].items()} for kind in ("watched", "called")
    )
    return Observed(watched, called, set(map(Path, report["modules"])))


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
    condition = _record_condition(project, path)
    if condition.state in (State.MISSING, State.STALE) and (what := _noted_failure(project, path)):
        return Condition(State.FAILED, f"the last run failed: {what}")
    return condition


def _record_condition(project: Project, path: Path) -> Condition:
    record = _read_record(project, path)
    if record is None:
        return Condition(State.MISSING, "never run")
    told = record["metadata"]["asrun"]
    if told["seal"] != ipynb.seal(record):
        return Condition(State.FAILED, "cells or outputs changed by hand: not what the run wrote")
    key = told["key"]
    reasons = compare(key["code"], _code_now(project, path, key))
    reasons += freshness.changed_files(project, key["files"])
    reasons += changed_variables(project, key.get("environment", {}), _DEVICE)
    return Condition(State.STALE, "; ".join(reasons)) if reasons else Condition(State.FRESH)


def _code_now(project: Project, path: Path, key: dict[str, Any]) -> dict[str, Digests]:
    """Return what cells reach now, and the modules that the recorded run imported without being led there by name."""
    before = key["code"]
    # Records of before runs were watched passed nothing by.
    without = PassedBy(
        dict(key.get("passed_by", {})), list(key.get("not_imported", [])), dict(key.get("reached_otherwise", {}))
    )
    now = _code(project, path, without)
    also = [project.root / file for file in before if file not in now and (project.root / file).is_file()]
    if not also:
        return now
    whole = reach(project.root, [], folders=project.sources, root=project.root, also=also)
    if all(before.get(file, {}).get(label) == digests[label] for file, digests in now.items() for label in digests):
        # What names lead to is as it was: these modules were seen to be imported without that, and count whole.
        return merge(now, whole)
    # A module whose every definition is as it was counts as before, whether or not a name still leads to it.
    return merge(now, {file: digests for file, digests in whole.items() if before.get(file) == digests})


def _note(project: Project, path: Path) -> Path:
    # In a folder of its own: a notebook may be called like a run of a snippet.
    return project.cache / "failed" / "labs" / f"{path.stem}.json"


def _noted_failure(project: Project, path: Path) -> str:
    """Return what was told when the last run failed; an empty text when an author has changed something since."""
    if not _note(project, path).is_file():
        return ""
    note = json.loads(_note(project, path).read_text("utf-8"))
    same = all(note.get(part) == value for part, value in _attempted(project, _code(project, path)).items())
    return str(note["what"]) if same else ""


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
    recorded = list(zip(_digests(name, record), ipynb.code_cells(record), strict=True))
    for digest, cell in zip(_digests(name, document), ipynb.code_cells(document), strict=True):
        at = next((at for at, (before, _) in enumerate(recorded) if before == digest), None)
        if at is not None:
            cell["execution_count"] = recorded[at][1]["execution_count"]
            cell["outputs"] = [_with_alt(output) for output in recorded[at][1]["outputs"]]
            recorded = recorded[at + 1 :]
    if now.state != State.FRESH:
        _notice(document, f"**These outputs are {now.state}.** {now.reason}")
    told = record["metadata"]["asrun"]["provenance"]
    document["metadata"] = _METADATA | {"asrun": {"provenance": told}}
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


def _read_record(project: Project, path: Path) -> Document | None:
    record = _record(project, path)
    if not record.is_file():
        return None
    name = project.relative(record)
    document = ipynb.read(record, name, outputs=True)
    told = document["metadata"].get("asrun", {})
    if not {"key", "provenance", "seal"} <= set(told) or not {"code", "files"} <= set(told["key"]):
        raise AsrunError("this record cannot be read: it has no key", where=Where(name), remedy=REMEDY)
    return document


def _code(project: Project, path: Path, without: PassedBy | None = None) -> dict[str, Digests]:
    """Return the digests of a notebook's code cells and of the project's definitions that they reach."""
    name = project.relative(path)
    document = ipynb.read(path, name)
    with _joined(path, name, document) as entry:
        reached = reach(entry, [_ALL], folders=project.sources, root=project.root, without=without)
    return _cells(name, document) | _named(reached)


_ALL = "_all_cells"
"""A function that reaches everything that the cells define and do."""
_JOINED = ".joined.py"
"""Ends the name of the file in which all cells are: no module is called so."""


@contextlib.contextmanager
def _joined(path: Path, name: str, document: Document) -> Iterator[Path]:
    """Write the cells of a notebook into one module, in a folder that is deleted afterwards."""
    cells = [_python(cell["source"], name, number) for number, cell in enumerate(ipynb.code_cells(document), start=1)]
    with tempfile.TemporaryDirectory(prefix="asrun-") as folder:
        entry = Path(folder).resolve() / f"{path.stem}{_JOINED}"
        everything = f"def {_ALL}():\n    return globals()"
        entry.write_text("\n".join([*map(_as_main, cells), everything]), "utf-8")
        yield entry


def _as_main(python: str) -> str:
    """Return a cell in which `if __name__ == "__main__":` does not look like a guard: in a notebook it holds."""
    tree = ast.parse(python)
    conditions = [statement for statement in tree.body if isinstance(statement, ast.If)]
    for condition in conditions:
        condition.test = ast.Tuple([condition.test], ast.Load())
    return ast.unparse(tree) if conditions else python


def _named(reached: dict[str, Digests]) -> dict[str, Digests]:
    """Return what was reached without the joined cells, which have digests of their own."""
    return {file: digests for file, digests in reached.items() if not file.endswith(_JOINED)}


def _cells(name: str, document: Document) -> dict[str, Digests]:
    return {name: {f"code cell {number}": digest for number, digest in enumerate(_digests(name, document), start=1)}}


def _digests(name: str, document: Document) -> list[str]:
    cells = enumerate(ipynb.code_cells(document), start=1)
    return [_digest(_python(cell["source"], name, number)) for number, cell in cells]


def _python(source: str, name: str, number: int) -> str:
    """Return a cell as plain Python: IPython's magics become calls."""
    try:
        ast.parse(source)
        return source
    except SyntaxError:
        from IPython.core.inputtransformer2 import TransformerManager

        transform = TransformerManager()  # type: ignore[no-untyped-call]
        python = transform.transform_cell(source)
    try:
        ast.parse(python)
    except SyntaxError as error:
        raise AsrunError(
            f"code cell {number} is not valid Python: {error.msg} in {(error.text or '').strip()!r}",
            where=Where(name),
            remedy=f"mend it: jupyter lab {name}",
        ) from error
    return python


def _digest(python: str) -> str:
    tree = ast.parse(python)
    parts = [tree_digest(tree)]
    # Two things that are nothing in a module and something in a notebook: a cell that ends with a string shows it,
    # and one that ends with a semicolon shows nothing.
    if tree.body and isinstance(last := tree.body[-1], ast.Expr) and isinstance(last.value, ast.Constant):
        parts.append(repr(last.value.value))
    ignored = (tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.ENDMARKER)
    tokens = [token for token in tokenize.generate_tokens(io.StringIO(python).readline) if token.type not in ignored]
    if tokens and tokens[-1].string == ";":
        parts.append(";")
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]
