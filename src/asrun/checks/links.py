"""Find links of pages and decks that lead nowhere."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

from markdown.extensions.toc import slugify, unique

from asrun.errors import did_you_mean
from asrun.project import Project
from asrun.text.markup import attribute, read_page, select

__all__ = ["Anchors", "Link", "broken", "links_of"]

_BUILT = ("index.html",)


@dataclass(frozen=True)
class Link:
    """A link as it stands in the HTML of a page."""

    target: str

    @property
    def leaves(self) -> bool:
        """Whether it leads to another host, which no test should depend on."""
        parts = urlsplit(self.target)
        return bool(parts.scheme or parts.netloc)


def links_of(html: str) -> list[Link]:
    """List the links of a page, each once, in the order of the page."""
    targets = (attribute(link, "href") for link in select(read_page(html), "a[href]"))
    return [Link(target) for target in dict.fromkeys(targets) if target]


def _names(html: str) -> set[str]:
    """The names on a page that links may lead to."""
    page = read_page(html)
    names = {attribute(each, "id") for each in select(page, "[id]")} - {""}
    for heading in select(page, "h1, h2, h3, h4, h5, h6"):
        # Headings get their names from the host: as Python-Markdown's toc gives them.
        if not attribute(heading, "id"):
            names.add(unique(slugify(heading.text(), "-"), set(names)))
    return names


class Anchors:
    """The places of a project's pages that links may lead to.

    Arguments:
        project: The project.
        pages: The HTML of its pages, by their path in the documentation folder.
    """

    def __init__(self, project: Project, pages: dict[str, str]):
        self.project, self.pages = project, pages
        self._ids: dict[str, set[str]] = {}

    def of(self, page: str) -> set[str]:
        """Return the names on a page."""
        if page not in self._ids:
            self._ids[page] = _names(self.pages[page])
        return self._ids[page]


def broken(link: Link, page: str, anchors: Anchors, *, deck: bool = False) -> str:
    """Say what is wrong with a link; nothing where it leads somewhere.

    Arguments:
        link: The link.
        page: The page that it stands on, by its path in the documentation folder.
        anchors: Where links may lead.
        deck: Whether it stands on a slide: decks are two folders below the site's root.
    """
    parts = urlsplit(link.target)
    path, fragment = unquote(parts.path), unquote(parts.fragment)
    if link.leaves or not (path or fragment):
        return ""
    if not path:
        # A slide's own places belong to the deck's script.
        return "" if deck else _missing(fragment, page, anchors)
    start = "slides/deck" if deck else posixpath.dirname(page)
    target = posixpath.normpath(posixpath.join(start, path))
    if target.startswith("../"):
        return f"{link.target} leaves the site"
    found = next((each for each in _sources(target) if each in anchors.pages), None)
    if found:
        return _missing(fragment, found, anchors) if fragment else ""
    if any(_exists(anchors.project, each) for each in _sources(target)):
        return ""
    known = [*anchors.pages]
    near = did_you_mean(target, known, otherwise="no page or file is there")
    return f"{link.target} leads nowhere: there is no {target} ({near})"


def _missing(fragment: str, page: str, anchors: Anchors) -> str:
    known = anchors.of(page)
    if fragment in known:
        return ""
    return (
        f"{page} has no #{fragment} ({did_you_mean(fragment, known, otherwise='it has no such heading', within='#')})"
    )


def _sources(target: str) -> Iterator[str]:
    """Name the files that an address may be made from: itself, or the page that MkDocs renders there."""
    yield target
    stem = target.removesuffix("/index.html").removesuffix(".html")
    for suffix in (".md", ".ipynb", "/index.md"):
        yield (stem + suffix).removeprefix("./")
    if target in (".", "index.html"):
        yield "index.md"


def _exists(project: Project, target: str) -> bool:
    """Tell whether a file is there, in the documentation, or among what a build adds to it."""
    if (project.docs / target).is_file():
        return True
    if target.startswith("slides/"):
        name = target.split("/")[1]
        return (project.slides / f"{Path(name).name}.md").is_file()
    snippets = project.relative(project.snippets)
    if target.startswith("snippets/"):
        return (project.root / snippets / target.removeprefix("snippets/")).is_file()
    return target.startswith("assets/asrun/")
