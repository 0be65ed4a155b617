"""The decks of a project, made with the same Markdown as its pages."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from asrun.citation import Citation
from asrun.context import Context
from asrun.deck import Deck, parse_deck
from asrun.elements import Links
from asrun.errors import AsrunError
from asrun.extension import AsrunExtension
from asrun.host import make_markdown
from asrun.slides import render_deck, write_deck

__all__ = ["Rendered", "list_decks", "render", "write"]


@dataclass(frozen=True)
class Rendered:
    """A deck as HTML, and what it cites."""

    deck: Deck
    html: str
    citations: list[Citation]


def list_decks(context: Context) -> list[Path]:
    """List the deck files of a project."""
    return sorted(context.project.slides.glob("[!_]*.md"))


def render(path: Path, context: Context, *, strict: bool = True, directory_urls: bool = True) -> Rendered:
    """Render one deck.

    Arguments:
        path: The deck's file.
        context: What its slides may cite.
        strict: Raise what is wrong on a slide; otherwise it is shown there, and noted.
        directory_urls: How the site names its pages; see `asrun.elements.Links`.

    Raises:
        AsrunError: when it is strict, and something on a slide is wrong.
    """
    shown = context.project.relative(path)
    deck = parse_deck(path.read_text("utf-8"), shown)
    lesson = deck.meta.get("lesson")
    links = Links("", "../../", directory_urls)
    convert = _Converter(context, shown, links, strict=strict)
    if lesson and not (context.project.docs / f"{lesson}.md").is_file():
        raise AsrunError(
            f"{shown} belongs to the lesson {lesson}, which does not exist",
            remedy=f"its front matter names a page under {context.project.relative(context.project.docs)}, without .md",
        )
    html = render_deck(
        deck,
        convert,
        assets="../assets",
        site_root=links.to("index.md"),
        lesson=links.to(f"{lesson}.md") if lesson else None,
    )
    return Rendered(deck, html, convert.citations)


def write(rendered: Rendered, folder: Path, context: Context) -> None:
    """Write a rendered deck into its folder under `slides/` of a site."""
    write_deck(rendered.deck, rendered.html, folder, source=context.project.slides, alone=False)


class _Converter:
    """Converts the Markdown of one slide after another, and keeps what they cite."""

    def __init__(self, context: Context, path: str, links: Links, *, strict: bool):
        self.citations: list[Citation] = []
        self.extension = AsrunExtension(
            context=context,
            page=path,
            site_root=links.site_root,
            directory_urls=links.directory_urls,
            strict=strict,
        )
        self.markdown = make_markdown(context.project, self.extension)

    def __call__(self, text: str, line: int) -> str:
        self.extension.setConfig("first_line", line)
        html = self.markdown.reset().convert(text)
        self.citations += self.extension.page.citations
        return html
