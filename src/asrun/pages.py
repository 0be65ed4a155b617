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
from asrun.fences import front_matter_lines
from asrun.host import make_markdown
from asrun.model import Where
from asrun.prose import numbers_without_source

__all__ = ["Read", "read_all", "read_deck", "read_page", "read_prose"]


@dataclass(frozen=True)
class Read:
    """What one page or deck cites."""

    path: Path
    citations: list[Citation] = field(default_factory=list)
    error: AsrunError | None = None
    """Why it could not be read at all."""
    html: str = field(default="", repr=False)

    @property
    def problems(self) -> list[AsrunError]:
        cited = sorted(self.citations, key=lambda each: each.where.line or 0)
        return [each.error for each in cited if each.error] + ([self.error] if self.error else [])


def read_page(path: Path, context: Context) -> Read:
    """Convert a page, and return what it cites."""
    shown, text = context.project.relative(path), path.read_text("utf-8")
    skip = front_matter_lines(text)
    extension = AsrunExtension(context=context, page=shown, first_line=skip + 1, strict=False)
    try:
        html = make_markdown(context.project, extension).convert("\n".join(text.split("\n")[skip:]))
    except AsrunError as error:
        return Read(path, extension.page.citations, error)
    return Read(path, extension.page.citations, html=html)


def read_deck(path: Path, context: Context) -> Read:
    """Render a deck, and return what its slides cite."""
    try:
        rendered = decks.render(path, context, strict=False)
    except AsrunError as error:
        error.where = error.where or Where(context.project.relative(path))
        return Read(path, error=error)
    return Read(path, rendered.citations, html=rendered.html)


def read_prose(context: Context, *, without: Collection[Path] = ()) -> list[Read]:
    """Read the files that are neither pages nor decks, but whose numbers shall have sources: a README."""
    project = context.project
    files = [project.root / name for name in project.sourced_numbers if name.endswith(".md")]
    return [
        Read(path, numbers_without_source(context, project.relative(path), path.read_text("utf-8").split("\n"), 1, []))
        for path in files
        if path.is_file() and not path.is_relative_to(project.docs) and path.parent != project.slides
        if path not in without
    ]


def read_all(context: Context, *, without: Collection[Path] = ()) -> list[Read]:
    """Read every page, every deck and other prose, except for those `without` which they are wanted."""
    pages = [read_page(path, context) for path in sorted(context.project.docs.rglob("*.md")) if path not in without]
    pages += [read_deck(path, context) for path in context.project.decks if path not in without]
    return pages + read_prose(context, without=without)
