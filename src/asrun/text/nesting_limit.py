"""Sets elements beside each other that would stand deeper in one another than browsers let them.

A parser of HTML looks through all that is open at each tag: thousands of elements in one another take it longer than
anybody waits, and more the stack of the process. Browsers stop at a depth, and so does what is read here.
"""

from __future__ import annotations

import re
from typing import NamedTuple

__all__ = ["DEEPEST", "flattened"]

DEEPEST = 512
"""As deep as Chromium lets elements stand in one another."""
_FEW = 5_000
"""So many tags are read in no time however they stand."""

_TAG = re.compile(
    r"<!--(?:-?>|.*?(?:--!?>|\Z))|<!\[CDATA\[.*?(?:\]\]>|\Z)|<(?:[!?]|/(?![a-zA-Z]))[^>]*"
    r"|<(?P<end>/?)(?P<name>[a-zA-Z][^\s/>]*)"
    r"(?:[^>=]++|=\s*+(?:\"[^\"]*+\"?|'[^']*+'?)?)*+>?",
    re.DOTALL,
)
_VOID = frozenset(
    ["area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"]
)
_IMPLIED = frozenset(
    ["p", "li", "dt", "dd", "tr", "td", "th", "thead", "tbody", "tfoot", "colgroup", "option", "optgroup"]
)
"""What ends where its like begins, or the element around it ends."""
_RAW = frozenset(["script", "style", "xmp", "iframe", "noembed", "noframes"])
"""What holds text and no tags, except in SVG and MathML."""
_FOREIGN = frozenset(["svg", "math"])
_HTML_AGAIN = frozenset(["foreignobject", "desc", "title", "annotation-xml", "mi", "mo", "mn", "ms", "mtext"])
"""Elements of SVG and MathML that hold HTML."""
_BREAK_OUT = frozenset({
    "b", "big", "blockquote", "body", "br", "center", "code", "dd", "div", "dl", "dt", "em", "embed", "h1", "h2",
    "h3", "h4", "h5", "h6", "head", "hr", "i", "img", "li", "listing", "menu", "meta", "nobr", "ol", "p", "pre",
    "ruby", "s", "small", "span", "strong", "strike", "sub", "sup", "table", "tt", "u", "ul", "var",
})  # fmt: skip
"""Elements of HTML that end the SVG or MathML that they stand in."""


class _Open(NamedTuple):
    name: str
    foreign: bool
    beside: bool
    """Whether it was ended where it began."""


def flattened(markup: str) -> str:
    """End at once what opens deeper than `DEEPEST`; where an end is in doubt, what it would end counts as open."""
    if markup.count("<") <= _FEW:
        return markup
    pieces: list[str] = []
    opened: list[_Open] = []
    at = kept = 0
    while tag := _TAG.search(markup, at):
        at = tag.end()
        name = (tag["name"] or "").lower()
        foreign = bool(opened) and opened[-1].foreign
        if foreign and name in _BREAK_OUT:
            opened[-1] = opened[-1]._replace(foreign=False)
            foreign = False
        if tag["end"]:
            if opened and opened[-1].name == name and opened.pop().beside:
                pieces.append(markup[kept : tag.start()])
                kept = at
        elif name in _RAW and not foreign:
            end = re.compile(rf"</{name}(?=[\s/>])", re.IGNORECASE).search(markup, at)
            at = end.end() if end else len(markup)
        elif name and name not in _VOID | _IMPLIED and not (foreign and tag[0].endswith("/>")):
            beside = len(opened) >= DEEPEST
            inside = name in _FOREIGN or (foreign and name not in _HTML_AGAIN)
            opened.append(_Open(name, inside, beside))
            if beside:
                pieces += [markup[kept:at], f"</{name}>"]
                kept = at
    return "".join([*pieces, markup[kept:]])
