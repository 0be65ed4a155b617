"""Edits rendered HTML at its tags and leaves every other character alone, which a parse and a rewrite would not."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from dataclasses import dataclass

from asrun.text.deck_source import parse_attributes

__all__ = [
    "Tag",
    "balanced",
    "edited",
    "element_comments",
    "insides",
    "own_ids",
    "read_tags",
    "unlinked",
    "with_attributes",
]

_TAG = re.compile(
    r"<!--(?P<comment>.*?)-->"
    r"|<(?P<raw>script|style)\b.*?</(?P=raw)\s*>"
    r"|<(?P<close>/?)(?P<name>[a-zA-Z][^\s/>]*)(?P<rest>(?:\"[^\"]*\"|'[^']*'|[^'\">])*)>",
    re.DOTALL | re.IGNORECASE,
)
_VOID = frozenset(
    ["area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"]
)
_IMPLIED = frozenset(
    ["p", "li", "dt", "dd", "tr", "td", "th", "thead", "tbody", "tfoot", "colgroup", "option", "optgroup"]
)
"""What ends where the element around it does, if it is not ended."""
_ELEMENT = re.compile(r"\s*\.element\s*:?\s*(.*?)\s*\Z", re.DOTALL)
_ID = re.compile(r"""\s(?:id|name)=["']([^"']+)["']""")


@dataclass(frozen=True)
class Tag:
    """A start tag, an end tag or a comment, and where it stands."""

    kind: str
    """`start`, `end` or `comment`."""
    name: str
    """Name of the element, or text of the comment."""
    start: int
    end: int
    text: str


def read_tags(markup: str) -> Iterator[Tag]:
    """The tags and comments of well-formed HTML, in order. Scripts and style sheets are passed over."""
    for match in _TAG.finditer(markup):
        if match["raw"]:
            continue
        if match["comment"] is not None:
            yield Tag("comment", match["comment"], *match.span(), match[0])
            continue
        name = match["name"].lower()
        yield Tag("end" if match["close"] else "start", name, *match.span(), match[0])
        if not match["close"] and (name in _VOID or match["rest"].endswith("/")):
            yield Tag("end", name, match.end(), match.end(), "")


def with_attributes(tag: str, attributes: dict[str, str]) -> str:
    """A start tag with attributes set; classes are added to those it has."""
    has = parse_attributes(tag[1:-1].rstrip("/").partition(" ")[2])
    has = {key: html.unescape(value) for key, value in has.items()}
    if "class" in has and "class" in attributes:
        attributes = attributes | {"class": f"{has['class']} {attributes['class']}"}
    name = re.split(r"[\s/>]", tag[1:], maxsplit=1)[0]
    merged = has | attributes
    written = "".join(f' {key}="{html.escape(value)}"' if value else f" {key}" for key, value in merged.items())
    return f"<{name}{written}{' /' if tag.endswith('/>') else ''}>"


def edited(markup: str, edits: dict[tuple[int, int], str]) -> str:
    """The text with some stretches replaced."""
    pieces, at = [], 0
    for (start, end), text in sorted(edits.items()):
        pieces += [markup[at:start], text]
        at = end
    return "".join([*pieces, markup[at:]])


def element_comments(markup: str) -> str:
    """Obey `<!-- .element: key="value" -->`, for the element before it or, where it comes first, the one around it."""
    wanted: dict[Tag, dict[str, str]] = {}
    edits: dict[tuple[int, int], str] = {}
    around: list[Tag | None] = [None]
    before: list[Tag | None] = [None]
    for tag in read_tags(markup):
        if tag.kind == "start":
            around.append(tag)
            before.append(None)
        elif tag.kind == "end":
            depths = range(len(around) - 1, 0, -1)
            depth = next((n for n in depths if (opened := around[n]) and opened.name == tag.name), 0)
            if depth:  # an end tag that nothing opened is the browser's business
                closed = around[depth]
                del around[depth:], before[depth:]
                if tag.name != "br":
                    before[-1] = closed
        elif asked := _ELEMENT.match(tag.name):
            target = before[-1] or around[-1]
            if target:
                wanted.setdefault(target, {}).update(parse_attributes(asked[1]))
                edits[tag.start, tag.end] = ""
    edits |= {(tag.start, tag.end): with_attributes(tag.text, attributes) for tag, attributes in wanted.items()}
    return edited(markup, edits)


def balanced(markup: str) -> str:
    """End what a slide leaves open, and leave out the ends of what it did not open: the next slide is not inside it."""
    opened: list[str] = []
    edits: dict[tuple[int, int], str] = {}
    at = 0
    for tag in read_tags(markup):
        at = tag.end
        if tag.kind == "start":
            opened.append(tag.name)
        elif tag.kind == "end" and tag.name in opened:
            while opened.pop() != tag.name:
                pass
        elif tag.kind == "end" and tag.text and tag.name not in ("p", "br"):  # by themselves these two show something
            edits[tag.start, tag.end] = ""
    comment = "-->" if "<!--" in markup[at:] else ""
    return edited(markup, edits) + comment + "".join(f"</{name}>" for name in reversed(opened) if name not in _IMPLIED)


def own_ids(markup: str, taken: set[str], suffix: str) -> str:
    """Rename ids and names that an earlier slide uses, with all that points at them: a deck is one page.

    Tabs and footnotes are numbered afresh on every slide; without this the tabs of one slide would switch another's.
    """
    tags = [tag for tag in read_tags(markup) if tag.kind == "start"]
    mine = {name for tag in tags for name in _ID.findall(tag.text)}
    clashes = mine & taken
    taken |= mine | {name + suffix for name in clashes}
    if not clashes:
        return markup
    names = "|".join(re.escape(name) for name in sorted(clashes, key=len, reverse=True))
    reference = re.compile(
        rf"""(\s(?:id|name|for|aria-(?:labelledby|describedby|controls))=["']|href=["']\#|url\(["']?\#)({names})(?=["')])"""
    )
    return edited(markup, {(tag.start, tag.end): reference.sub(rf"\1\2{suffix}", tag.text) for tag in tags})


def unlinked(markup: str, start: str) -> str:
    """Make links whose address begins with `start` plain text."""
    edits: dict[tuple[int, int], str] = {}
    for tag in read_tags(markup):
        if tag.kind == "start" and tag.name == "a" and re.search(rf"""\shref=["']{re.escape(start)}""", tag.text):
            end = insides(markup, tag)[1]
            edits[tag.start, tag.end] = re.sub(r"""^<a|\shref=(?:"[^"]*"|'[^']*')""", _plain_tag, tag.text)
            edits[end, end + len("</a>")] = "</span>"
    return edited(markup, edits)


def _plain_tag(found: re.Match[str]) -> str:
    return "<span" if found[0] == "<a" else ""


def insides(markup: str, tag: Tag) -> tuple[int, int]:
    """Where the content of an element begins and ends."""
    depth = 1
    for other in read_tags(markup[tag.end :]):
        if other.name == tag.name and other.kind != "comment":
            depth += 1 if other.kind == "start" else -1
        if depth == 0:
            return tag.end, tag.end + other.start
    return tag.end, len(markup)
