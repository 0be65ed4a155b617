"""Pages and decks as tests: what they cite, where their links lead, the examples that say they run."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from asrun.checks import examples, links
from asrun.checks.reading import list_pages
from asrun.errors import AsrunError
from asrun.model import Where
from asrun.pages.blocks import vocabulary
from asrun.pages.citation import Citation
from asrun.pytest_items.state import CONTEXT, AsrunItem, read

__all__ = ["CitationItem", "ExamplesItem", "LinkItem", "PageFile"]

_ANCHORS = pytest.StashKey[links.Anchors]()


class PageFile(pytest.File):
    """A page or a deck."""

    def collect(self) -> Iterator[pytest.Item]:
        found = read(self.config, self.path)
        if found.error:
            yield CitationItem.from_parent(self, name="can be read", cited=None, error=found.error)
        names, stating = _Names(), vocabulary.names(lambda block: block.STATES)
        for cited in found.citations:
            name = cited.text if cited.kind in stating else f"line {cited.where.line}: {cited.kind} {cited.text}"
            yield CitationItem.from_parent(self, name=names(name), cited=cited, error=cited.error)
        # What cannot be decoded is a problem of the page, told above.
        text = self.path.read_text("utf-8-sig", errors="replace")
        for link in links.links_of(found.html):
            # What the page's author wrote; what asrun and the host add leads where they made it lead.
            if not link.leaves and link.target in text:
                line = text[: text.index(link.target)].count("\n") + 1
                yield LinkItem.from_parent(self, name=names(f"line {line}: link {link.target}"), link=link, line=line)
        if marked := examples.examples(text.split("\n")):
            yield ExamplesItem.from_parent(self, name="its Python examples run", line=marked[0][0])

    @property
    def is_deck(self) -> bool:
        return not self.path.is_relative_to(self.config.stash[CONTEXT].project.docs)

    def anchors(self) -> links.Anchors:
        """Return the places that links may lead to: reads every page, once for all tests."""
        if _ANCHORS not in self.config.stash:
            project = self.config.stash[CONTEXT].project
            pages = {
                path.relative_to(project.docs).as_posix(): read(self.config, path).html for path in list_pages(project)
            }
            self.config.stash[_ANCHORS] = links.Anchors(project, pages)
        return self.config.stash[_ANCHORS]


class _Names:
    """Tells tests apart that would have one name."""

    def __init__(self) -> None:
        self.seen: dict[str, int] = {}

    def __call__(self, name: str) -> str:
        self.seen[name] = self.seen.get(name, 0) + 1
        return name + (f" ({self.seen[name]})" if self.seen[name] > 1 else "")


class CitationItem(AsrunItem):
    """One value, claim, figure or citation: passes when it can be honoured."""

    def __init__(self, *, cited: Citation | None, error: AsrunError | None, **arguments: object):
        super().__init__(**arguments)  # type: ignore[arg-type]
        self.cited, self.error = cited, error
        self.where = cited.where if cited else None

    def runtest(self) -> None:
        if self.error:
            raise self.error


class LinkItem(AsrunItem):
    """One link: passes when it leads somewhere."""

    parent: PageFile

    def __init__(self, *, link: links.Link, line: int, **arguments: object):
        super().__init__(**arguments)  # type: ignore[arg-type]
        project = self.config.stash[CONTEXT].project
        self.link, self.where = link, Where(project.relative(self.path), line)

    def runtest(self) -> None:
        project, deck = self.config.stash[CONTEXT].project, self.parent.is_deck
        page = "" if deck else self.path.relative_to(project.docs).as_posix()
        if wrong := links.broken(self.link, page, self.parent.anchors(), deck=deck):
            raise AsrunError(wrong, where=self.where, remedy="mend the link, or the heading that it leads to")


class ExamplesItem(AsrunItem):
    """The fenced Python of a page that says it runs."""

    def __init__(self, *, line: int, **arguments: object):
        super().__init__(**arguments)  # type: ignore[arg-type]
        self.where = Where(self.config.stash[CONTEXT].project.relative(self.path), line)

    def runtest(self) -> None:
        assert self.where
        examples.run_examples(self.path, self.where.path)
