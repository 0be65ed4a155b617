"""Read every page and deck of a project, and find what is wrong before anything is published."""

from __future__ import annotations

import os
from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from asrun.decks import of_project
from asrun.errors import AsrunError
from asrun.model import Where
from asrun.pages.asked import Question
from asrun.pages.blocks import vocabulary
from asrun.pages.citation import Citation, note_front_matter
from asrun.pages.context import Context
from asrun.pages.extension import AsrunExtension
from asrun.pages.markdown import make_markdown
from asrun.pages.prose import numbers_without_source
from asrun.project import Project
from asrun.running import ipynb
from asrun.running.notebooks import list_notebooks
from asrun.text.comments import without_long_comments
from asrun.text.front_matter import part_page, read_text
from asrun.text.marks import is_ours

__all__ = ["SUFFIXES", "Read", "list_pages", "read_all", "read_deck", "read_notebook", "read_page", "read_prose"]


@dataclass(frozen=True)
class Read:
    """What one page or deck cites."""

    path: Path
    citations: list[Citation] = field(default_factory=list)
    error: AsrunError | None = None
    """Why it could not be read at all."""
    html: str = field(default="", repr=False)
    asked: tuple[Question, ...] = field(default=(), repr=False)
    """What it asked of the project."""

    @property
    def problems(self) -> list[AsrunError]:
        cited = sorted(self.citations, key=lambda each: each.where.line or 0)
        return [each.error for each in cited if each.error] + ([self.error] if self.error else [])


SUFFIXES = frozenset([".md", ".markdown", ".mdown", ".mkdn", ".mkd"])
"""What MkDocs takes for a page."""


def list_pages(project: Project) -> list[Path]:
    """List the pages of a project, also those in folders that links lead to, as MkDocs does."""
    found: list[Path] = []
    for folder, folders, files in os.walk(project.docs, followlinks=True):
        here = Path(folder)
        # A link that leads up would go round in circles.
        folders[:] = [
            name for name in folders if (here / name).resolve() not in (here.resolve(), *here.resolve().parents)
        ]
        found += [here / name for name in files if Path(name).suffix in SUFFIXES]
    return sorted(found)


def read_page(path: Path, context: Context) -> Read:
    """Convert a page, and return what it cites."""
    shown = context.project.relative(path)
    try:
        parted = part_page(read_text(path, shown), shown)
    except AsrunError as error:
        return Read(path, error=error)
    noted = note_front_matter(parted.problems)
    extension = AsrunExtension(context=context, page=shown, first_line=parted.first_line, strict=False)
    try:
        markdown = make_markdown(context.project, extension)
    except AsrunError as error:
        return Read(path, noted, error)
    try:
        html = markdown.convert(parted.text)
    except AsrunError as error:
        return Read(path, extension.page.citations + noted, error)
    return Read(path, extension.page.citations + noted, html=html, asked=tuple(extension.page.context.asked))


def read_deck(path: Path, context: Context) -> Read:
    """Render a deck, and return what its slides cite."""
    try:
        rendered = of_project.render(path, context, strict=False)
    except AsrunError as error:
        error.where = error.where or Where(context.project.relative(path))
        return Read(path, error=error)
    return Read(path, rendered.citations, html=rendered.html, asked=rendered.asked)


def read_notebook(path: Path, context: Context) -> Read:
    """Find what looks like ours in the texts of a notebook, which Jupyter shows as they are typed."""
    shown = context.project.relative(path)
    try:
        cells = ipynb.read(path, shown)["cells"]
    except AsrunError:
        # That it is none is told by whoever publishes it.
        return Read(path)
    found: list[Citation] = []
    for number, cell in enumerate(cells, 1):
        if cell["cell_type"] != "markdown" or not is_ours(cell["source"]):
            continue
        extension = AsrunExtension(context=context, page=shown, strict=False, numbers=False)
        with suppress(AsrunError):
            make_markdown(context.project, extension).convert(cell["source"])
        for cited in extension.page.citations:
            if cited.kind in ("value", "citation", *vocabulary.names()):
                error = AsrunError(
                    f"cell {number}, line {cited.where.line}: a {cited.kind} is shown as it is typed in a notebook",
                    where=Where(shown),
                    remedy="write it on a page, and link to that; what is code stands between backticks",
                )
                found.append(Citation(cited.kind, cited.text, Where(shown), error))
    return Read(path, found)


def read_prose(context: Context, *, without: Collection[Path] = ()) -> list[Read]:
    """Read the files that are neither pages nor decks, but whose numbers shall have sources: a README."""
    project = context.project
    files = [project.root / name for name in project.sourced_numbers if name.endswith(".md")]
    return [
        _read_prose(path, context)
        for path in files
        if path.is_file() and not path.is_relative_to(project.docs) and path.parent != project.slides
        if path not in without
    ]


def _read_prose(path: Path, context: Context) -> Read:
    shown = context.project.relative(path)
    try:
        lines = read_text(path, shown).split("\n")
    except AsrunError as error:
        return Read(path, error=error)
    page = context.for_page()
    cited = numbers_without_source(page, shown, without_long_comments(lines), 1, [])
    return Read(path, cited, asked=tuple(page.asked))


def read_all(context: Context, *, without: Collection[Path] = ()) -> list[Read]:
    """Read every page, every deck and other prose, except for those `without` which they are wanted."""
    # What is wrong with the extensions that mkdocs.yml names is told once.
    make_markdown(context.project, None)
    pages = [read_page(path, context) for path in list_pages(context.project) if path not in without]
    pages += [read_deck(path, context) for path in context.project.decks if path not in without]
    pages += [read_notebook(path, context) for path in list_notebooks(context.project) if path not in without]
    return pages + read_prose(context, without=without)
