"""The block that lists the decks of a project."""

from __future__ import annotations

import contextlib
import re
import xml.etree.ElementTree as etree
from collections.abc import Iterator
from pathlib import Path

from asrun.errors import AsrunError
from asrun.pages.blocks.base import AsrunBlock
from asrun.pages.elements import element, pdf_names
from asrun.project import Project
from asrun.text.deck_source import Deck, Slide, parse_deck
from asrun.text.front_matter import part_page, read_text
from asrun.values.formats import plural

__all__ = ["DecksBlock"]

_HEADING = re.compile(r"^ {0,3}#{1,6}[ \t]+(.+?)[ \t#]*(?:\{[^{}]*\})?[ \t]*$", re.MULTILINE)
_PICTURE = re.compile(r"^/{3,}[ \t]*figure\b|!\[|<img\b|<svg\b", re.MULTILINE)
_LINK = re.compile(r"!?\[([^\]]*)\]\([^)]*\)")
_MARKS = re.compile(r"[*_`$\\]|<[^>]+>|<!--.*?-->")


class DecksBlock(AsrunBlock):
    """`/// decks`: every deck in the order of the site's lessons, with the look of a slide, its lesson and its PDF."""

    NAME = "decks"

    def begin(self, made: etree.Element) -> None:
        project: Project = self.page.context.project
        found = list(_readable(project))
        made.set("class", "asrun-decks")
        for deck in sorted(found, key=lambda deck: _order(deck, project)):
            made.append(self.card(deck, project))

    def card(self, deck: Deck, project: Project) -> etree.Element:
        """Show one deck."""
        name, links = Path(deck.path).stem, self.page.links
        address = links.to(f"slides/{name}/index.html")
        title = str(deck.setting("title") or _heading(deck.slides[0][0].source) or name)
        at, place = _shown(deck)
        preview = element(
            "div",
            classes="asrun-deck-preview",
            role="img",
            **{"aria-label": f"Slide {at + 1}: {_heading(_slides(deck)[at].source) or title}", "data-slide": place},
        )
        about: list[etree.Element | str] = [plural(deck.count, "slide")]
        if lesson := _lesson(deck, project):
            about += [", with the lesson ", element("a", lesson, href=links.to(f"{deck.meta['lesson']}.md"))]
        doing = [element("a", "Present", href=address, **{"aria-label": f"Present: {title}"})]
        if self.page.context.pdf:
            for words, file in zip(("PDF", "Handout with notes"), pdf_names(name), strict=True):
                href = links.to(f"slides/{name}/{file}")
                doing.append(element("a", words, href=href, **{"aria-label": f"{words}: {title}"}))
        return element(
            "section",
            element("h2", element("a", title, href=address), id=f"deck-{name}"),
            preview,
            element("p", *about),
            element("p", *doing, classes="asrun-deck-links"),
            classes="asrun-deck",
        )


def _readable(project: Project) -> Iterator[Deck]:
    """Read the decks; what is wrong with one is told where that one is read, and is no matter of this list."""
    for path in project.decks:
        shown = project.relative(path)
        with contextlib.suppress(AsrunError):
            yield parse_deck(read_text(path, shown), shown)


def _order(deck: Deck, project: Project) -> tuple[int, str]:
    """Put decks in the order in which the navigation names their lessons, and the others after them."""
    pages = project.pages
    page = f"{deck.meta.get('lesson')}.md"
    return (pages.index(page) if page in pages else len(pages), deck.path)


def _shown(deck: Deck) -> tuple[int, str]:
    """The slide to know a deck by, from 0, and its place: the first with a picture, or the one after the title."""
    places = [f"/{across}/{down}" for across, stack in enumerate(deck.slides) for down in range(len(stack))]
    pictured = (at for at, slide in enumerate(_slides(deck)) if at and _PICTURE.search(slide.source))
    at = next(pictured, min(1, len(places) - 1))
    return at, places[at]


def _slides(deck: Deck) -> list[Slide]:
    return [slide for stack in deck.slides for slide in stack]


def _heading(text: str) -> str:
    """The first heading of a text, without the marks of Markdown."""
    found = _HEADING.search(text)
    return " ".join(_MARKS.sub("", _LINK.sub(r"\1", found[1])).split()) if found else ""


def _lesson(deck: Deck, project: Project) -> str:
    """The title of the lesson that a deck goes with; nothing where it names none, or none that there is."""
    name = deck.meta.get("lesson")
    path = project.docs / f"{name}.md"
    if not name or not path.is_file():
        return ""
    try:
        text = read_text(path, str(name))
    except AsrunError:
        return str(name)
    return _heading(part_page(text, str(name)).text) or str(name)
