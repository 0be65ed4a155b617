"""The decks of a project, made with the same Markdown as its pages."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pymdownx.emoji import gemoji, to_alt

from asrun.decks.render import deck_title, render_deck, write_deck
from asrun.errors import AsrunError, Problems
from asrun.model import Where
from asrun.pages.asked import Question
from asrun.pages.citation import Citation, note_front_matter
from asrun.pages.context import Context
from asrun.pages.elements import Links
from asrun.pages.extension import AsrunExtension
from asrun.pages.markdown import make_markdown
from asrun.pages.prose import numbers_without_source
from asrun.text.almost import doubtful_fences
from asrun.text.comments import without_long_comments
from asrun.text.deck_source import Deck

__all__ = ["Converter", "Rendered", "dialect", "render", "write"]

DIALECT: dict[str, dict[str, Any]] = {
    "pymdownx.emoji": {"emoji_index": gemoji, "emoji_generator": to_alt},
    "pymdownx.magiclink": {},
    "pymdownx.tasklist": {},
    "pymdownx.tilde": {"subscript": False},
    "asrun.text.commonmark": {},
}
"""What slides understand beside what pages do."""


def dialect(deck: Deck) -> dict[str, dict[str, Any]]:
    """What the slides of a deck understand; `revealOptions: {markdown: …}` may ask for line breaks and quotes."""
    asked: dict[str, Any] = {}
    for key in ("revealjs", "revealOptions"):
        given = deck.meta.get(key)
        wanted = given.get("markdown") if isinstance(given, dict) else None
        asked |= wanted if isinstance(wanted, dict) else {}
    more = {"breaks": "nl2br", "smartypants": "smarty"}
    return DIALECT | {extension: {} for option, extension in more.items() if asked.get(option)}


@dataclass(frozen=True)
class Rendered:
    """A deck as HTML, and what it cites."""

    deck: Deck
    html: str
    citations: list[Citation]
    asked: tuple[Question, ...]
    """What its slides asked of the project."""

    @property
    def title(self) -> str:
        return deck_title(self.html)


def render(path: Path, context: Context, *, strict: bool = True, directory_urls: bool = True) -> Rendered:
    """Render one deck.

    Arguments:
        path: The deck's file.
        context: What its slides may cite.
        strict: Raise what is wrong on a slide; otherwise it is shown there, and noted.
        directory_urls: How the site names its pages; see `asrun.pages.elements.Links`.

    Raises:
        AsrunError: when it is strict, and something on a slide is wrong.
    """
    shown, context = context.project.relative(path), context.for_page()
    read = context.deck(shown)
    deck, lesson = read.deck, read.deck.meta.get("lesson")
    links = Links("", "../../", directory_urls)
    convert = Converter(context, deck, links, strict=strict)
    if lesson and not context.has_page(f"{lesson}.md"):
        raise AsrunError(
            f"this deck belongs to the lesson {lesson}, which does not exist",
            where=Where(shown, 1),
            remedy=f"its front matter names a page under {context.project.relative(context.project.docs)}, without .md",
        )
    html = render_deck(
        deck,
        convert,
        assets="../assets",
        site_root=links.to("index.md"),
        lesson=links.to(f"{lesson}.md") if lesson else None,
    )
    lines = without_long_comments(read.text.split("\n")[deck.first_line - 1 :])
    noted = numbers_without_source(context, shown, lines, deck.first_line, convert.citations)
    noted += note_front_matter(deck.problems)
    noted += [Citation("page", "", each.where, each) for each in _forgotten(deck) if each.where]
    if strict and noted:
        raise Problems(cited.error for cited in noted if cited.error)
    return Rendered(deck, html, convert.citations + noted, tuple(context.asked))


def _forgotten(deck: Deck) -> Iterator[AsrunError]:
    """Find fences that end with their slide, and take something of ours with them."""
    for slide in (slide for stack in deck.slides for slide in stack):
        for text, first_line in ((slide.source, slide.line), (slide.notes, slide.notes_line)):
            lines = without_long_comments(text.split("\n"))
            yield from doubtful_fences(deck.path, lines, range(first_line, first_line + len(lines)))


def write(rendered: Rendered, folder: Path, context: Context) -> None:
    """Write a rendered deck into its folder under `slides/` of a site."""
    write_deck(rendered.deck, rendered.html, folder, source=context.project.slides, alone=False)


class Converter:
    """Converts the Markdown of one slide after another, and keeps what they cite."""

    def __init__(self, context: Context, deck: Deck, links: Links, *, strict: bool):
        self.citations: list[Citation] = []
        self.taken: set[str] = set()
        self.extension = AsrunExtension(
            context=context,
            page=deck.path,
            site_root=links.site_root,
            directory_urls=links.directory_urls,
            strict=strict,
            numbers=False,
        )
        self.markdown = make_markdown(context.project, self.extension, dialect(deck))

    def __call__(self, text: str, line: int) -> str:
        self.extension.setConfig("first_line", line)
        self.markdown.reset()
        self.extension.page.taken = self.taken
        html = self.markdown.convert(text)
        self.citations += self.extension.page.citations
        return html
