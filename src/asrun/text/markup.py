"""Reads HTML into a tree as a browser does, and writes the tree again.

The parser is Lexbor's: HTML as its standard has it. What a text leaves open is ended, what it did not open it cannot
end, and SVG and MathML stay what they are. A tree is asked with CSS selectors and changed in place.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from html import escape

from selectolax.lexbor import LexborDocumentOptions, LexborHTMLParser, LexborNode

from asrun.text.nesting_limit import flattened

__all__ = [
    "Node",
    "attribute",
    "put_in_place",
    "read_fragment",
    "read_page",
    "rename",
    "select",
    "set_attributes",
    "start_tag",
    "written",
]

Node = LexborNode
"""An element, a text or a comment of a tree."""

# The page that is read is not shown: nothing is to happen in it.
_QUIET = LexborDocumentOptions.WO_EVENTS


def read_page(markup: str) -> Node:
    """The `html` element of a page, or of what a browser would make a page of."""
    root = LexborHTMLParser(flattened(markup), options=_QUIET).root
    assert root is not None  # every document has one
    return root


def read_fragment(markup: str, inside: str = "section") -> Node:
    """An element of this name, and in it what a browser makes of a text that stands there."""
    (element,) = LexborHTMLParser(f"<{inside}></{inside}>", options=_QUIET).css(inside)
    element.inner_html = flattened(markup)
    for verbatim in select(element, "pre, textarea, listing"):
        text = verbatim.first_child
        # A line end right after these tags is not part of them, and it is read once more.
        if text and text.is_text_node and (text.text_content or "").startswith("\n"):
            text.insert_before("\n")
    return element


def written(element: Node) -> str:
    """The HTML of what is in an element."""
    return element.inner_html or ""


def select(node: Node, selector: str) -> list[Node]:
    """The elements that a CSS selector names, a node itself or below it, in order; those in templates come last."""
    return [found for root in _roots(node) for found in root.css(selector)]


def _roots(node: Node) -> Iterator[Node]:
    """A node, and the content of each template below it, of which selectors do not know."""
    waiting = [node]
    while waiting:
        root = waiting.pop(0)
        yield root
        waiting += root.template_fragments()


def attribute(element: Node, name: str) -> str:
    """The value of an attribute; an empty one where there is none."""
    return element.attrs.sget(name)


def set_attributes(element: Node, attributes: Mapping[str, str]) -> None:
    """Set attributes of an element; classes are added to those it has."""
    for name, value in attributes.items():
        before = attribute(element, "class") if name == "class" else ""
        element.attrs[name] = f"{before} {value}" if before else value


def rename(element: Node, name: str) -> None:
    """Put an element of another name, with the same attributes and content, in the place of one."""
    new = element.parser.create_node(name)
    for key, value in element.attributes.items():
        new.attrs[key] = value
    while element.first_child:
        new.insert_child(element.first_child, move=True)
    element.replace_with(new, move=True)


def put_in_place(element: Node, markup: str) -> None:
    """Put what is read from HTML in the place of an element."""
    for new in list(read_fragment(markup).iter(include_text=True)):
        element.insert_before(new)
    element.remove()


def start_tag(name: str, attributes: Mapping[str, str]) -> str:
    """The start tag of an element."""
    return f"<{name}" + "".join(f' {key}="{escape(value)}"' for key, value in attributes.items()) + ">"
