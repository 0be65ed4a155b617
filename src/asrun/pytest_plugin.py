"""The pytest plugin: every value, claim and citation of every page and deck is a test.

Installed with asrun and active in any project whose mkdocs.yml has the asrun plugin. A test is called as it reads:

    docs/lessons/how-much-dropout.md::Dropping nothing is worse than dropping half.
    docs/lessons/how-much-dropout.md::line 41: drop_rate.test_error(drop=0.5)
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from asrun import decks
from asrun.citation import Citation
from asrun.context import Context
from asrun.errors import AsrunError
from asrun.pages import Read, read_page
from asrun.project import Project, find_project

__all__ = ["CitationItem", "PageFile"]

_CONTEXT = pytest.StashKey[Context]()


def _project(config: pytest.Config) -> Project | None:
    try:
        project = find_project(config.rootpath)
    except AsrunError:
        return None
    return project if project.root == config.rootpath and project.uses_asrun else None


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    """Collect the pages under docs/ and the decks under slides/."""
    if file_path.suffix != ".md":
        return None
    project = _project(parent.config)
    if project is None:
        return None
    is_deck = file_path.parent == project.slides and not file_path.name.startswith("_")
    if not (is_deck or file_path.is_relative_to(project.docs)):
        return None
    if _CONTEXT not in parent.config.stash:
        parent.config.stash[_CONTEXT] = Context(project)
    return PageFile.from_parent(parent, path=file_path)


class PageFile(pytest.File):
    """A page or a deck: a file of citations."""

    def collect(self) -> Iterator[pytest.Item]:
        context = self.config.stash[_CONTEXT]
        try:
            if self.path.is_relative_to(context.project.docs):
                read = read_page(self.path, context)
            else:
                read = Read(self.path, decks.render(self.path, context, strict=False).citations)
        except AsrunError as error:
            read = Read(self.path, error=error)
        if read.error:
            yield CitationItem.from_parent(self, name="can be read", cited=None, error=read.error)
        seen: dict[str, int] = {}
        for cited in read.citations:
            name = cited.text if cited.kind == "claim" else f"line {cited.where.line}: {cited.kind} {cited.text}"
            seen[name] = seen.get(name, 0) + 1
            name += f" ({seen[name]})" if seen[name] > 1 else ""
            yield CitationItem.from_parent(self, name=name, cited=cited, error=cited.error)


class CitationItem(pytest.Item):
    """One value, claim, figure or citation: passes when it can be honoured."""

    def __init__(self, *, cited: Citation | None, error: AsrunError | None, **arguments: object):
        super().__init__(**arguments)  # type: ignore[arg-type]
        self.cited, self.error = cited, error

    def runtest(self) -> None:
        if self.error:
            raise self.error

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: object = None) -> str:
        return str(excinfo.value)

    def reportinfo(self) -> tuple[Path, int | None, str]:
        line = self.cited.where.line if self.cited else None
        # The place and not the name: pytest would take the full stops of a sentence for those of a Python path.
        return self.path, line - 1 if line else None, str(self.cited.where if self.cited else self.path)
