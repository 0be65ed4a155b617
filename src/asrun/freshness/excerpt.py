"""Cuts out of a snippet what a reader is to see of it: the whole file, a marked section, a function."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass

from asrun.errors import AsrunError, did_you_mean
from asrun.freshness.syntax import parse
from asrun.model import Snippet, Where
from asrun.project import Project

__all__ = ["Excerpt", "excerpt", "section", "whole"]

_SECTION = re.compile(r"^(?P<indent>[ \t]*)#\s*section:\s*(?P<name>[\w-]+)\s*$")
_SECTION_END = re.compile(r"^[ \t]*#\s*end section\s*$")


@dataclass(frozen=True)
class Excerpt:
    """What a reader sees of a snippet."""

    file: str
    """The name of its file."""
    path: str
    """Where that is in the project."""
    code: str
    line: int
    """The number of the first line in the file."""


def excerpt(snippet: Snippet, part: str, project: Project) -> Excerpt:
    """Cut a section out of a snippet; all of it where none is named.

    Raises:
        AsrunError: when it has no such section.
    """
    shown = project.relative(snippet.path)
    code, line = section(snippet, part, shown) if part else (whole(snippet), 1)
    return Excerpt(snippet.path.name, shown, code, line)


def section(snippet: Snippet, name: str, shown: str, where: Where | None = None) -> tuple[str, int]:
    """Cut a part out of a snippet: a marked section, or a top-level function or class by its name.

    A section starts at a line `# section: name` and ends at `# end section`, the next section or the end of the file.

    Returns:
        The lines, with common indentation and section marks removed, and the number of the first in the file.
    """
    lines = snippet.source.split("\n")
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
            for node in parse(snippet.source.encode()).body
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef))
        }
        if name not in definitions:
            known = [*marks, *definitions]
            raise AsrunError(
                f"{shown} has no section or function called {name}",
                where=where,
                remedy=did_you_mean(name, known, otherwise=f"it has: {', '.join(known)}"),
            )
        node = definitions[name]
        start = min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)]) - 1
        end = node.end_lineno or len(lines)
    kept = [line for line in lines[start:end] if not (_SECTION.match(line) or _SECTION_END.match(line))]
    indent = min((len(line) - len(line.lstrip()) for line in kept if line.strip()), default=0)
    return "\n".join(line[indent:] for line in kept).strip("\n"), start + 1


def whole(snippet: Snippet) -> str:
    """Return the whole file as a reader should see it: without section marks."""
    lines = snippet.source.rstrip("\n").split("\n")
    return "\n".join(line for line in lines if not (_SECTION.match(line) or _SECTION_END.match(line)))
