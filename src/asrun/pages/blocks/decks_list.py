"""The block that lists the decks of a project."""

from __future__ import annotations

import xml.etree.ElementTree as etree

from asrun.pages.blocks.base import AsrunBlock
from asrun.pages.elements import element, pdf_names
from asrun.pages.listed import ListedDeck
from asrun.values.formats import plural

__all__ = ["DecksBlock"]


class DecksBlock(AsrunBlock):
    """`/// decks`: every deck in the order of the site's lessons, with the look of a slide, its lesson and its PDF."""

    NAME = "decks"

    def begin(self, made: etree.Element) -> None:
        made.set("class", "asrun-decks")
        made.extend(map(self.card, self.page.context.decks()))

    def card(self, deck: ListedDeck) -> etree.Element:
        """Show one deck."""
        links = self.page.links
        address = links.to(f"slides/{deck.name}/index.html")
        preview = element(
            "div",
            classes="asrun-deck-preview",
            role="img",
            **{"aria-label": f"Slide {deck.shown + 1}: {deck.heading}", "data-slide": deck.place},
        )
        about: list[etree.Element | str] = [plural(deck.count, "slide")]
        if deck.lesson:
            about += [", with the lesson ", element("a", deck.lesson, href=links.to(deck.page))]
        doing = [element("a", "Present", href=address, **{"aria-label": f"Present: {deck.title}"})]
        if deck.has_pdf:
            for words, file in zip(("PDF", "Handout with notes"), pdf_names(deck.name), strict=True):
                href = links.to(f"slides/{deck.name}/{file}")
                doing.append(element("a", words, href=href, **{"aria-label": f"{words}: {deck.title}"}))
        return element(
            "section",
            element("h2", element("a", deck.title, href=address), id=f"deck-{deck.name}"),
            preview,
            element("p", *about),
            element("p", *doing, classes="asrun-deck-links"),
            classes="asrun-deck",
        )
