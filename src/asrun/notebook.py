"""Notebooks for readers to take away: executed when they are stale, and published with the outputs of that execution.

    docs/labs/turn-the-knob.ipynb                  what an author edits: no outputs
    snippets/records/labs/turn-the-knob.ipynb      what it last produced, its key and its provenance
    .asrun/labs/turn-the-knob.ipynb                what a page shows and a reader downloads: the prose of the first,
                                                   the outputs of the second

A notebook is fresh by the rules of snippets: while its code cells, the project's definitions that they reach and the
data files that they opened are the same. Prose, comments and formatting may change freely.
"""

from __future__ import annotations

import ast
import hashlib
import html
import io
import tempfile
import tokenize
from collections.abc import Callable, Sequence
from pathlib import Path

from asrun import freshness, ipynb, notebook_process, runner
from asrun.definitions import tree_digest
from asrun.errors import AsrunError
from asrun.fingerprint import compare, merge, reach
from asrun.ipynb import Document
from asrun.key import data_digests, unreached
from asrun.model import Condition, Digests, State, Where
from asrun.project import Project
from asrun.store import write_whole

__all__ = ["condition", "execute", "executed", "list_notebooks", "run_downloaded"]

REMEDY = "run it: asrun run --labs"
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
        AsrunError: when a cell raises, or it does not end in time.
        KeyboardInterrupt: after everything it started has been ended.
    """
    name = project.relative(path)
    document = ipynb.read(path, name)
    # Digests are taken before the run: an edit while it runs must leave the record stale, not wrong.
    before = _code(project, path, document)
    report = notebook_process.run(document, name, folders=project.sources, root=project.root, listener=listener,
                                  minutes=project.minutes, log=project.cache / "logs" / f"{path.stem}.txt")  # fmt: skip
    document["metadata"] = _METADATA | {
        "asrun": {
            "key": {
                "code": before | unreached(project, {project.root / file for file in before}, report["modules"]),
                "files": data_digests(project, {"opened": report["opened"]}),
            },
            # Nothing that differs from one execution to the next: a record that says the same is the same file.
            "provenance": {
                "device": report["device"],
                "versions": report["versions"],
                "commit": runner.commit(project.root),
                "command": "asrun run --labs",
            },
            "seal": ipynb.seal(document),
        }
    }
    write_whole(_record(project, path), ipynb.dumps(document))
    return _record(project, path)


_METADATA = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"file_extension": ".py", "mimetype": "text/x-python", "name": "python",
                      "pygments_lexer": "ipython3"},
}  # fmt: skip


def condition(project: Project, path: Path) -> Condition:
    """Compare a notebook's record with its code, the project's code and the data as they are now."""
    record = _read_record(project, path)
    if record is None:
        return Condition(State.MISSING, "never run")
    told = record["metadata"]["asrun"]
    if told["seal"] != ipynb.seal(record):
        return Condition(State.FAILED, "cells or outputs changed by hand: not what the run wrote")
    before, now = told["key"]["code"], _code(project, path, ipynb.read(path, project.relative(path)))
    # Modules that no name leads to were seen to be imported, and count whole.
    also = [project.root / file for file in before if file not in now and (project.root / file).is_file()]
    whole = reach(project.root, [], folders=project.sources, root=project.root, also=also) if also else {}
    reasons = compare(before, merge(now, whole))
    reasons += freshness.changed_files(project, told["key"]["files"])
    return Condition(State.STALE, "; ".join(reasons)) if reasons else Condition(State.FRESH)


def executed(project: Project, *, allow_stale: bool = False) -> dict[Path, Path]:
    """Write what is to be published of every notebook: its prose as it is now, and its recorded outputs.

    Arguments:
        project: Whose notebooks.
        allow_stale: Publish a record that is not fresh, with a notice that says so; cells that changed have no output.

    Returns:
        The file to publish, by notebook.

    Raises:
        AsrunError: when a notebook was never executed, or its record is not fresh.
    """
    published = {}
    for path in list_notebooks(project):
        name, now = project.relative(path), condition(project, path)
        record = _read_record(project, path)
        if record is None or (now.state != State.FRESH and not allow_stale):
            raise AsrunError(f"its outputs are {now}", where=Where(name), remedy=REMEDY)
        document = ipynb.read(path, name)
        recorded = list(zip(_digests(name, record), ipynb.code_cells(record), strict=True))
        for digest, cell in zip(_digests(name, document), ipynb.code_cells(document), strict=True):
            at = next((at for at, (before, _) in enumerate(recorded) if before == digest), None)
            if at is not None:
                cell["execution_count"] = recorded[at][1]["execution_count"]
                cell["outputs"] = [_with_alt(output) for output in recorded[at][1]["outputs"]]
                recorded = recorded[at + 1 :]
        if now.state != State.FRESH:
            notice = f"> **These outputs are {now.state}.** {now.reason}"
            document["cells"].insert(1, {"cell_type": "markdown", "id": "asrun-notice", "metadata": {},
                                         "source": notice})  # fmt: skip
        told = record["metadata"]["asrun"]["provenance"]
        document["metadata"] = _METADATA | {"asrun": {"provenance": told}}
        published[path] = project.cache / "labs" / path.name
        write_whole(published[path], ipynb.dumps(document))
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
    notebook_process.run(document, path.name, folders=folders, root=path.parent, minutes=minutes)
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


def _code(project: Project, path: Path, document: Document) -> dict[str, Digests]:
    """Return the digests of a notebook's code cells and of the project's definitions that they reach."""
    name = project.relative(path)
    cells = [_python(cell["source"], name, number) for number, cell in enumerate(ipynb.code_cells(document), start=1)]
    with tempfile.TemporaryDirectory(prefix="asrun-") as folder:
        joined = Path(folder).resolve() / path.with_suffix(".py").name
        joined.write_text("\n".join(cells), "utf-8")
        reached = reach(joined, [], folders=project.sources, root=project.root, also=[joined])
    for shown in (joined.name, project.relative(joined)):
        reached.pop(shown, None)
    labels = {f"code cell {number}": digest for number, digest in enumerate(_digests(name, document), start=1)}
    return {name: labels} | reached


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

        python = TransformerManager().transform_cell(source)
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
