"""The code cells of a notebook as plain Python: what they are told as, and one module that holds all of them."""

from __future__ import annotations

import ast
import contextlib
import hashlib
import io
import tempfile
import tokenize
from collections.abc import Iterator
from pathlib import Path

from asrun.errors import AsrunError
from asrun.freshness.executed import Entry
from asrun.freshness.syntax import parse, tree_digest
from asrun.model import Where
from asrun.running import ipynb
from asrun.running.ipynb import Document

__all__ = ["digests", "joined"]


def digests(name: str, document: Document) -> list[str]:
    """Return the digest of each code cell: comments and formatting do not count.

    Arguments:
        name: What messages call the notebook.
        document: The notebook.

    Raises:
        AsrunError: when a cell is not valid Python.
    """
    return list(map(_digest, _pythons(name, document)))


@contextlib.contextmanager
def joined(path: Path, name: str, document: Document) -> Iterator[Entry]:
    """Write the cells of a notebook into one module, in a folder that is deleted afterwards, to be followed.

    Arguments:
        path: The notebook.
        name: What messages and records call it.
        document: What is in it.
    """
    cells = _pythons(name, document)
    told = {f"code cell {number}": digest for number, digest in enumerate(map(_digest, cells), start=1)}
    with tempfile.TemporaryDirectory(prefix="asrun-") as folder:
        # No module is called so.
        module = Path(folder).resolve() / f"{path.stem}.joined.py"
        module.write_text("\n".join(map(_as_main, cells)), "utf-8")
        yield Entry(module, "", {name: told})


def _pythons(name: str, document: Document) -> list[str]:
    return [_python(cell["source"], name, number) for number, cell in enumerate(ipynb.code_cells(document), start=1)]


def _as_main(python: str) -> str:
    """Return a cell in which `if __name__ == "__main__":` does not look like a guard: in a notebook it holds."""
    if not any(isinstance(statement, ast.If) for statement in parse(python).body):
        return python
    tree = ast.parse(python)  # one of its own, for it is changed
    for statement in tree.body:
        if isinstance(statement, ast.If):
            statement.test = ast.Tuple([statement.test], ast.Load())
    return ast.unparse(tree)


def _python(source: str, name: str, number: int) -> str:
    """Return a cell as plain Python: IPython's magics become calls."""
    try:
        parse(source)
        return source
    except SyntaxError:
        from IPython.core.inputtransformer2 import TransformerManager

        transform = TransformerManager()  # type: ignore[no-untyped-call]
        python = transform.transform_cell(source)
    try:
        parse(python)
    except SyntaxError as error:
        raise AsrunError(
            f"code cell {number} is not valid Python: {error.msg} in {(error.text or '').strip()!r}",
            where=Where(name),
            remedy=f"mend it: jupyter lab {name}",
        ) from error
    return python


def _digest(python: str) -> str:
    tree = parse(python)
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
