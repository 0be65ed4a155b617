"""Reads what the slides of a rendered deck say, for whoever searches or lists them."""

from __future__ import annotations

from dataclasses import dataclass
from html.parser import HTMLParser

__all__ = ["SlideText", "slide_texts"]

HEADINGS = frozenset({"h1", "h2", "h3", "h4", "h5", "h6"})
VOID = frozenset({"br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"})
UNREAD = frozenset({"svg", "script", "style", "annotation", "aside", "button"})
UNREAD_CLASSES = frozenset({"asrun-evidence", "asrun-provenance"})
"""What is not the slide's own text: a figure's labels, the speaker's notes, how a record was made."""


@dataclass
class SlideText:
    """What one slide says, and where it is in the deck: `/2/1` is one below the third."""

    place: str
    heading: str = ""
    text: str = ""


def slide_texts(page: str) -> list[SlideText]:
    """Return the slides of a page of `asrun.decks.render.render_deck`, in order."""
    reader = _Reader()
    reader.feed(page)
    reader.close()
    for slide in reader.slides:
        slide.heading, slide.text = (" ".join(text.split()) for text in (slide.heading, slide.text))
    return reader.slides


def _is_aside(attributes: dict[str, str | None]) -> bool:
    classes = (attributes.get("class") or "").split()
    return attributes.get("aria-hidden") == "true" or not UNREAD_CLASSES.isdisjoint(classes)


class _Reader(HTMLParser):
    """Sorts the text of a deck's page into slides."""

    def __init__(self) -> None:
        super().__init__()
        self.slides: list[SlideText] = []
        self.across, self.down = -1, -1
        self.stacks: list[bool] = []
        """For each section that is open, whether it holds slides."""
        self.unread = ("", 0)
        """An element that is passed over, and how many of its name are open."""
        self.in_heading = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        name, depth = self.unread
        if name:
            self.unread = (name, depth + (tag == name))
        elif tag == "section" and not any(self.stacks[-1:]) and self.stacks:
            self.stacks.append(False)  # a section within a slide is part of it
        elif tag == "section":
            self._section(dict(attrs).get("class") or "")
        elif tag in UNREAD or _is_aside(dict(attrs)):
            # An element without an end would hide all the rest.
            self.unread = (tag, 1) if tag not in VOID else self.unread
        elif tag in HEADINGS:
            self.in_heading = bool(self.slides) and not self.slides[-1].heading
        else:
            self.handle_data(" ")

    def _section(self, classes: str) -> None:
        is_stack = "stack" in classes.split()
        if not self.stacks:
            self.across, self.down = self.across + 1, 0
        else:
            self.down += 1
        self.stacks.append(is_stack)
        if is_stack:
            self.down = -1
        else:
            self.slides.append(SlideText(f"/{self.across}" + (f"/{self.down}" if self.down else "")))

    def handle_endtag(self, tag: str) -> None:
        name, depth = self.unread
        if name:
            depth -= tag == name
            self.unread = (name, depth) if depth else ("", 0)
        elif tag == "section" and self.stacks:
            self.stacks.pop()
        elif tag in HEADINGS:
            self.in_heading = False
        else:
            self.handle_data(" ")

    def handle_data(self, data: str) -> None:
        if self.unread[0] or not self.stacks or self.stacks[-1]:
            return
        if self.in_heading:
            self.slides[-1].heading += data
        else:
            self.slides[-1].text += data
