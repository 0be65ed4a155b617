"""The items of a question: what a list in its content offers, and what is said of each."""

from __future__ import annotations

import re
import xml.etree.ElementTree as etree
from collections.abc import Iterable
from dataclasses import dataclass, field

from asrun.errors import AsrunError
from asrun.text.marks import strip_marks

__all__ = ["Item", "read_items"]

_TASK = re.compile(r"\[(?P<mark>[ xX])\][ \t]+(?=\S)")


@dataclass
class Item:
    """One item of the list: what it offers, and what is indented under it."""

    text: str
    """As the author wrote it, without the box."""
    offer: etree.Element
    """A span with the text, for Markdown to read."""
    right: bool | None
    """What its box says; nothing where it has none."""
    feedback: list[etree.Element] = field(default_factory=list)

    @property
    def name(self) -> str:
        """What messages call it."""
        return strip_marks(self.text if len(self.text) < 60 else self.text[:57] + "…")


def read_items(content: Iterable[etree.Element]) -> list[Item]:
    """Read the list of a question.

    Raises:
        AsrunError: when fewer than two things are in it, or two are alike.
    """
    items = [_read(each) for each in content]
    if len(items) < 2:
        raise AsrunError("there is only one item to choose from", remedy="write two or more")
    seen: set[str] = set()
    for item in items:
        if not item.text:
            raise AsrunError("an item of this question is empty", remedy="write a text into it, or take it out")
        if item.text in seen:
            raise AsrunError(f"two items of this question are alike: {item.name}", remedy="make them differ")
        seen.add(item.text)
    return items


_SWALLOWED = re.compile(r"(?:^|\n)[ \t]*[-*+][ \t]+\[[ xX]\][ \t]")


def _read(item: etree.Element) -> Item:
    # A list with blank lines between its items holds paragraphs; one without holds text.
    children = list(item)
    head = item
    if not (item.text or "").strip() and children and children[0].tag == "p" and not len(children[0]):
        head = children.pop(0)
    text, under = _parted(head.text or "")
    task = _TASK.match(text)
    box = None if task is None else task["mark"] != " "
    text = text[task.end() :] if task else text
    offer = etree.Element("span", {"class": "asrun-offer"})
    offer.text = text
    feedback = []
    if under:
        feedback.append(etree.Element("p"))
        feedback[0].text = under
    for said in (each for child in [*feedback, *children] for each in child.itertext()):
        if lost := _SWALLOWED.search(said):
            raise AsrunError(
                f"a choice is lost in what is said of the one above: {said[lost.start() :].strip()[:40]}",
                remedy="leave a blank line between the two",
            )
    return Item(text, offer, box, [*feedback, *children])


def _parted(text: str) -> tuple[str, str]:
    """Split the text of an item at the first line that is indented by four spaces: what follows is said of it."""
    lines = text.strip("\n").split("\n")
    at = next((at for at, line in enumerate(lines) if at and line.startswith("    ")), len(lines))
    return "\n".join(lines[:at]).strip(), "\n".join(line.strip() for line in lines[at:]).strip()
