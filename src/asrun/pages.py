"""Read every page and deck of a project, and find what is wrong before anything is published."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path

from asrun import decks
from asrun.citation import Citation
from asrun.context import Context
from asrun.errors import AsrunError
from asrun.extension import AsrunExtension
from asrun.host import make_markdown
from asrun.model import Where

__all__ = ["Read", "front_matter_lines", "read_all", "read_page"]


@dataclass(frozen=True)
class Read:
    """What one page or deck cites."""

    path: Path
    citations: list[Citation] = field(default_factory=list)
    error: AsrunError | None = None
    """Why it could not be read at all."""

    @property
    def problems(self) -> list[AsrunError]:
        cited = sorted(self.citations, key=lambda each: each.where.line or 0)
        return [each.error for each in cited if each.error] + ([self.error] if self.error else [])


def front_matter_lines(text: str) -> int:
    """Return how many lines the YAML at the start of a page takes, its fences included."""
    lines = text.split("\n")
    if lines[0].rstrip() != "---":
        return 0
    return next((at + 1 for at, line in enumerate(lines[1:], start=1) if line.rstrip() in ("---", "...")), 0)


def read_page(path: Path, context: Context) -> Read:
    """Convert a page, and return what it cites."""
    shown, text = context.project.relative(path), path.read_text("utf-8")
    skip = front_matter_lines(text)
    extension = AsrunExtension(context=context, page=shown, first_line=skip + 1, strict=False)
    try:
        make_markdown(context.project, extension).convert("\n".join(text.split("\n")[skip:]))
    except AsrunError as error:
        return Read(path, extension.page.citations, error)
    return Read(path, extension.page.citations)


def read_all(context: Context, *, without: Collection[Path] = ()) -> list[Read]:
    """Read every page and every deck, except for those `without` which they are wanted."""
    pages = [read_page(path, context) for path in sorted(context.project.docs.rglob("*.md")) if path not in without]
    for path in decks.list_decks(context):
        if path in without:
            continue
        try:
            pages.append(Read(path, decks.render(path, context, strict=False).citations))
        except AsrunError as error:
            error.where = error.where or Where(context.project.relative(path))
            pages.append(Read(path, error=error))
    return pages
