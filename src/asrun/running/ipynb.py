"""Notebook files as plain values: texts in one piece, every cell with an id, and always written the same way."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from asrun.errors import AsrunError
from asrun.model import Where

__all__ = ["Document", "code_cells", "dumps", "plain_output", "printed", "read", "seal"]

Document = dict[str, Any]
"""A notebook as its JSON says it, but with texts joined."""


def read(path: Path, name: str, *, outputs: bool = False) -> Document:
    """Read a notebook.

    Arguments:
        path: Where it is.
        name: What messages call it.
        outputs: Whether its outputs are read, too.

    Raises:
        AsrunError: when it is not a notebook.
    """
    try:
        document = json.loads(path.read_text("utf-8"))
        if document["nbformat"] != 4:
            raise ValueError(f"nbformat {document['nbformat']}, and only 4 is understood")
        cells = [_cell(cell, number, outputs) for number, cell in enumerate(document["cells"], start=1)]
        return {"cells": cells, "metadata": document.get("metadata", {}), "nbformat": 4, "nbformat_minor": 5}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise AsrunError(
            f"this notebook cannot be read ({type(error).__name__}: {error})",
            where=Where(name),
            remedy="restore it from version control, or save it anew in Jupyter",
        ) from error


def _cell(cell: Document, number: int, outputs: bool) -> Document:
    # Older notebooks have no ids, and those that a library invents differ each time.
    read = {"cell_type": cell["cell_type"], "id": cell.get("id") or f"cell-{number}",
            "metadata": cell.get("metadata", {}), "source": _joined(cell["source"])}  # fmt: skip
    if "attachments" in cell:
        read["attachments"] = cell["attachments"]
    if cell["cell_type"] == "code":
        read["execution_count"] = cell["execution_count"] if outputs else None
        read["outputs"] = [plain_output(output) for output in cell["outputs"]] if outputs else []
    return read


def _joined(text: str | list[str]) -> str:
    return text if isinstance(text, str) else "".join(text)


def plain_output(output: Document) -> Document:
    """Return an output with its texts in one piece."""
    output = dict(output)
    if "text" in output:
        output["text"] = _joined(output["text"])
    if "data" in output:
        output["data"] = {
            kind: value if kind.endswith("json") else _joined(value) for kind, value in output["data"].items()
        }
    return output


def dumps(document: Document) -> bytes:
    """Write a notebook with each line of text on a line of its own, for diffs."""

    def split(text: Any) -> Any:
        return text.splitlines(keepends=True) if isinstance(text, str) else text

    def split_output(output: Document) -> Document:
        output = dict(output)
        if "text" in output:
            output["text"] = split(output["text"])
        if "data" in output:
            output["data"] = {
                kind: split(value) if kind.startswith("text/") or kind == "image/svg+xml" else value
                for kind, value in output["data"].items()
            }
        return output

    cells = []
    for cell in document["cells"]:
        cell = cell | {"source": split(cell["source"])}
        if "outputs" in cell:
            cell["outputs"] = [split_output(output) for output in cell["outputs"]]
        cells.append(cell)
    text = json.dumps(document | {"cells": cells}, indent=1, sort_keys=True, ensure_ascii=False)
    return (text + "\n").encode()


def seal(document: Document) -> str:
    """Return a digest of the cells and their outputs, to tell whether they were changed by hand."""
    text = json.dumps(document["cells"], sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def code_cells(document: Document) -> list[Document]:
    """List the cells that are executed."""
    return [cell for cell in document["cells"] if cell["cell_type"] == "code"]


def printed(cell: Document) -> str:
    """Return all that a cell printed, as text."""
    return "".join(output.get("text") or output.get("data", {}).get("text/plain", "") for output in cell["outputs"])
