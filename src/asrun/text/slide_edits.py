"""What is changed on a slide, beside its code and what it shows from elsewhere: each edit changes its tree."""

from __future__ import annotations

import re
from collections.abc import Callable
from urllib.parse import unquote

from asrun.text.deck_source import parse_attributes
from asrun.text.markup import Node, attribute, rename, select, set_attributes

__all__ = ["element_comments", "own_ids", "unlinked", "without_empty_names"]

_ELEMENT = re.compile(r"\s*\.element\s*:?\s*(.*?)\s*\Z", re.DOTALL)
_POINTING = frozenset({
    "for", "form", "list", "headers", "itemref", "popovertarget", "commandfor", "aria-activedescendant",
    "aria-controls", "aria-describedby", "aria-details", "aria-errormessage", "aria-flowto", "aria-labelledby",
    "aria-owns",
})  # fmt: skip
"""Attributes that name elements by their ids, with spaces between."""
_LINKING = frozenset({"href", "xlink:href", "usemap"})
"""Attributes that name one as an address does, behind a `#`."""
_STYLED = re.compile(r"""(url\(\s*["']?#)([^"')]+)""")


def element_comments(slide: Node) -> None:
    """Obey `<!-- .element: key="value" -->`, for the element before it or, where it comes first, the one around it."""
    before: dict[int, Node] = {}
    asked: list[tuple[Node, Node, str]] = []
    for node in slide.traverse():
        around = node.parent
        if around is None or node.mem_id == slide.mem_id:
            continue
        if node.is_comment_node:
            if found := _ELEMENT.match(node.comment_content or ""):
                asked.append((node, before.get(around.mem_id) or around, found[1]))
        elif node.tag != "br":
            before[around.mem_id] = node
    for comment, target, attributes in asked:
        if target.mem_id != slide.mem_id:
            set_attributes(target, parse_attributes(attributes))
            comment.remove()


def without_empty_names(slide: Node) -> None:
    """Take away links and headings that say nothing.

    Lines of code can be linked to on a page; on a slide those links are without a name, and keys run into them. The
    corner of a table heads nothing.
    """
    for anchor in select(slide, 'a[id^="__codelineno"]'):
        if not anchor.first_child:
            anchor.remove()
    for head in select(slide, "th"):
        if not head.text().strip() and next(head.iter(), None) is None:
            rename(head, "td")


def own_ids(slide: Node, taken: set[str], suffix: str) -> None:
    """Rename ids and names that an earlier slide uses, with all that points at them: a deck is one page.

    Tabs and footnotes are numbered afresh on every slide; without this the tabs of one slide would switch another's.
    """
    named = [(each, name) for each in select(slide, "[id], [name]") for name in ("id", "name") if attribute(each, name)]
    mine = {attribute(each, name) for each, name in named}
    clashes = mine & taken
    taken |= mine | {name + suffix for name in clashes}
    if not clashes:
        return

    def own(name: str) -> str:
        return name + suffix if unquote(name) in clashes or name in clashes else name

    for element in select(slide, "*"):
        for name, value in element.attributes.items():
            if value and (renamed := _renamed(name, value, own)) != value:
                element.attrs[name] = renamed


def _renamed(name: str, value: str, own: Callable[[str], str]) -> str:
    """The value of an attribute, where ids that it has or points at have other names."""
    if name in ("id", "name"):
        return own(value)
    if name in _POINTING:
        return " ".join(map(own, value.split(" ")))
    if name in _LINKING and value.startswith("#"):
        return "#" + own(value[1:])
    return _STYLED.sub(lambda found: found[1] + own(found[2]), value) if "url(" in value else value


def unlinked(slide: Node, start: str) -> None:
    """Make links whose address begins with `start` plain text."""
    for link in select(slide, "a[href]"):
        if attribute(link, "href").startswith(start):
            del link.attrs["href"]
            rename(link, "span")
