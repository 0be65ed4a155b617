"""Reads what the slides of a rendered deck say, for whoever searches or lists them."""

from __future__ import annotations

from dataclasses import dataclass

from asrun.text.markup import Node, attribute, read_page

__all__ = ["SlideText", "slide_texts"]

HEADINGS = frozenset({"h1", "h2", "h3", "h4", "h5", "h6"})
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
    first = read_page(page).css_first("section")
    found = []
    for across, top in enumerate(_sections(first and first.parent)):
        is_stack = "stack" in attribute(top, "class").split()
        for down, slide in enumerate(_sections(top) if is_stack else [top]):
            found.append(SlideText(f"/{across}" + (f"/{down}" if down else ""), *_read(slide)))
    return found


def _sections(node: Node | None) -> list[Node]:
    return [each for each in node.iter() if each.tag == "section"] if node else []


def _read(slide: Node) -> tuple[str, str]:
    """The first heading of a slide, and what else it says."""
    heading: list[str] = []
    text: list[str] = []
    into = text
    # Not by recursion, which would end where elements stand too deep in one another.
    waiting = [(slide, False)]
    while waiting:
        node, is_left = waiting.pop()
        if node.is_text_node:
            into.append(node.text_content or "")
        elif is_left and node.tag in HEADINGS:
            into = text
        elif is_left:
            into.append(" ")
        elif node.is_element_node and not _is_unread(node):
            if node.tag in HEADINGS:
                into = text if any(heading) else heading
            else:
                into.append(" ")
            waiting.append((node, True))
            waiting += [(child, False) for child in reversed(list(node.iter(include_text=True)))]
    return " ".join("".join(heading).split()), " ".join("".join(text).split())


def _is_unread(element: Node) -> bool:
    classes = attribute(element, "class").split()
    is_aside = attribute(element, "aria-hidden") == "true" or not UNREAD_CLASSES.isdisjoint(classes)
    return element.tag in UNREAD or is_aside
