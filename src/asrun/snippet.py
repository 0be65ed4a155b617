"""Read a snippet without running it: its question, its scales, its sections."""

from __future__ import annotations

import ast
import difflib
import re
from pathlib import Path
from typing import Any

from asrun.errors import AsrunError
from asrun.model import Snippet, Where
from asrun.project import Project

__all__ = ["find_snippet", "list_snippets", "section"]

_SECTION = re.compile(r"^(?P<indent>[ \t]*)#\s*section:\s*(?P<name>[\w-]+)\s*$")
_SECTION_END = re.compile(r"^[ \t]*#\s*end section\s*$")


def list_snippets(project: Project) -> list[Snippet]:
    """Read every snippet of the project, by name. Files whose name starts with `_` are not snippets."""
    return [read_snippet(path, project) for path in sorted(project.snippets.glob("[!_]*.py"))]


def find_snippet(name: str, project: Project, where: Where | None = None) -> Snippet:
    """Read the snippet called `name`.

    Raises:
        AsrunError: when there is none; it names the nearest one there is.
    """
    path = project.snippets / f"{name}.py"
    if path.is_file() and not name.startswith("_"):
        return read_snippet(path, project)
    known = sorted(path.stem for path in project.snippets.glob("[!_]*.py"))
    near = difflib.get_close_matches(name, known, n=1)
    raise AsrunError(
        f"there is no snippet called {name}",
        where=where,
        remedy=f"did you mean {near[0]}?" if near else f"snippets are: {', '.join(known) or 'none yet'}",
    )


def read_snippet(path: Path, project: Project) -> Snippet:
    """Read one snippet file.

    Raises:
        AsrunError: when it does not keep the contract: a docstring that asks, literal SCALES, a function `run`.
    """
    shown = project.relative(path)
    source = path.read_text("utf-8")
    try:
        tree = ast.parse(source)
    except SyntaxError as error:
        raise AsrunError(f"not valid Python: {error.msg}", where=Where(shown, error.lineno)) from error
    question = (ast.get_docstring(tree) or "").strip().split("\n")[0]
    if not question:
        raise AsrunError(
            "a snippet starts with the question that it answers",
            where=Where(shown, 1),
            remedy='make its first line a docstring: """Does this help?"""',
        )
    functions = {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef)}
    if "run" not in functions:
        raise AsrunError(
            "a snippet needs a function `run` that returns a dict of what it measured",
            where=Where(shown, 1),
            remedy="write `def run(*, seeds): ...`, with one keyword for each parameter in SCALES",
        )
    scales = _literal(tree, "SCALES", shown)
    if not isinstance(scales, dict) or not scales or not all(isinstance(value, dict) for value in scales.values()):
        raise AsrunError(
            "SCALES must name at least one scale and its parameters",
            where=Where(shown, 1),
            remedy='write SCALES = {"quick": dict(seeds=5)}',
        )
    return Snippet(
        name=path.stem,
        path=path,
        question=question,
        scales=scales,
        needs=_literal(tree, "NEEDS", shown) or {},
        source=source,
        plots="plot" in functions,
    )


def _literal(tree: ast.Module, name: str, shown: str) -> Any:
    for node in tree.body:
        if isinstance(node, ast.Assign) and any(isinstance(t, ast.Name) and t.id == name for t in node.targets):
            try:
                return _evaluate(node.value)
            except ValueError as error:
                raise AsrunError(
                    f"{name} must be made of literals: asrun reads it without running the file",
                    where=Where(shown, node.lineno),
                    remedy=f'write numbers, strings, lists, dicts or dict(key=value), as in {name} = {{"quick": ...}}',
                ) from error
    return None


def _evaluate(node: ast.expr) -> Any:
    """Evaluate a literal in which `dict(key=value)` counts as one."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "dict" and not node.args:
        if any(keyword.arg is None for keyword in node.keywords):
            raise ValueError("dict(**other) is not a literal")
        return {str(keyword.arg): _evaluate(keyword.value) for keyword in node.keywords}
    if isinstance(node, ast.Dict):
        if None in node.keys:
            raise ValueError("{**other} is not a literal")
        return {ast.literal_eval(k): _evaluate(v) for k, v in zip(node.keys, node.values, strict=True) if k}
    return ast.literal_eval(node)


def section(snippet: Snippet, name: str, shown: str, where: Where | None = None) -> tuple[str, int]:
    """Cut a part out of a snippet: a marked section, or a top-level function or class by its name.

    A section starts at a line `# section: name` and ends at `# end section`, the next section or the end of the file.

    Returns:
        The lines, with common indentation and section marks removed, and the number of the first in the file.
    """
    lines = snippet.source.splitlines()
    marks = {match["name"]: at for at, line in enumerate(lines) if (match := _SECTION.match(line))}
    if name in marks:
        start = marks[name] + 1
        end = next(
            (at for at in range(start, len(lines)) if _SECTION_END.match(lines[at]) or _SECTION.match(lines[at])),
            len(lines),
        )
    else:
        definitions = {
            node.name: node
            for node in ast.parse(snippet.source).body
            if isinstance(node, (ast.FunctionDef, ast.ClassDef))
        }
        if name not in definitions:
            near = difflib.get_close_matches(name, [*marks, *definitions], n=1)
            raise AsrunError(
                f"{shown} has no section or function called {name}",
                where=where,
                remedy=f"did you mean {near[0]}?" if near else f"it has: {', '.join([*marks, *definitions])}",
            )
        node = definitions[name]
        start = min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)]) - 1
        end = node.end_lineno or len(lines)
    kept = [line for line in lines[start:end] if not (_SECTION.match(line) or _SECTION_END.match(line))]
    indent = min((len(line) - len(line.lstrip()) for line in kept if line.strip()), default=0)
    return "\n".join(line[indent:] for line in kept).strip("\n"), start + 1


def whole(snippet: Snippet) -> str:
    """Return the whole file as a reader should see it: without section marks."""
    lines = snippet.source.splitlines()
    return "\n".join(line for line in lines if not (_SECTION.match(line) or _SECTION_END.match(line)))
