"""What was marked on a page and nobody understood: where it is, and what its author can do about it."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping

from asrun.errors import AsrunError, did_you_mean
from asrun.text.marks import Place, places
from asrun.text.markup import Node, read_fragment, select, written

__all__ = ["explain", "in_code", "in_scripts", "left_over", "not_understood"]

_TICKED = re.compile(r"(?<!`)(`+)(?!`)[^`\n]*(?<!`)\1(?!`)")
"""What was meant as code, and is shown with its backticks since raw HTML is not read as Markdown."""
_VALUE = "value"
_WORK = "citation"
_BRACES = "write {{ snippet.value }}, on one line and with two braces on each side"
_CODE = "; as code, it stands in a fence or between backticks"

_ELSEWHERE: Mapping[str, str] = {
    **dict.fromkeys(["note", "attention", "caution", "danger", "error", "tip", "hint", "warning"], "admonition"),
    "admonition": "admonition",
    **dict.fromkeys(["caption", "figure-caption", "table-caption"], "caption"),
    "define": "definition",
    "details": "details",
    "html": "html",
    "tab": "tab",
}
"""Blocks of pymdownx, and which of its extensions they are of."""

_EXPLAINED: Mapping[str, tuple[str, str, str]] = {
    "value": (
        _VALUE,
        "this {{ was not replaced",
        "close it with }} on the same line; in raw HTML, add markdown=1 to the element",
    ),
    "closing": (_VALUE, "this }} closes nothing", _BRACES + _CODE),
    "apart": (_VALUE, "these two braces do not stand side by side", _BRACES + _CODE),
    "work": (_WORK, "this [@ … ] was not understood", "write [@key], [@key, p. 3] or [@one; @two]"),
    "far": (_WORK, "this is no citation: something stands between [ and @", "write [@key]" + _CODE),
    "word": (_WORK, "this work is not cited: its key does not stand between [@ and ]", "write [@key]" + _CODE),
    "block": ("block", "a block cannot stand here", "write /// name | … on a line of its own, with three slashes"),
    "end": ("block", "this /// ends no block", "a block begins with /// name | … and has as many slashes at its end"),
    "comment": (
        "comment",
        "this is in no comment, though it looks like it",
        "let the comment begin a line, or leave no empty line in it",
    ),
}


def explain(kind: str) -> tuple[str, AsrunError]:
    """Say what is wrong with something that was marked and left: the kind of citation that it is, and the error."""
    cited, what, remedy = _EXPLAINED[kind]
    return cited, AsrunError(what, remedy=remedy)


def left_over(page: Node, marked: Mapping[Place, str]) -> Iterator[Place]:
    """Find the places on a page whose mark nobody took off, though it is shown, and not as code."""
    shown = read_fragment(written(page))
    for unread in [*select(shown, "code, pre"), *(node for node in shown.traverse() if node.is_comment_node)]:
        unread.remove()
    for place in places(_TICKED.sub("", written(shown))):
        if place in marked:
            yield place


def in_code(page: Node) -> set[Place]:
    """Find the places within what is shown as code."""
    return {place for code in select(page, "code, pre") for place in places(code.html or "")}


def in_scripts(page: Node) -> set[Place]:
    """Find the places within scripts and styles, where braces mean something else."""
    return {place for script in select(page, "script, style") for place in places(script.html or "")}


def not_understood(name: str, known: Collection[str], ours: Collection[str]) -> AsrunError:
    """Say that the header of a block was not understood."""
    if name.lower() in ours:
        return AsrunError(
            f"this {name} block was not understood",
            remedy=f"write /// {name.lower()} | … on a line of its own, not indented, or by as much as what it stands "
            "in, and end it with ///; in raw HTML, add markdown=1 to the element",
        )
    if extension := _ELSEWHERE.get(name.lower()):
        remedy = f"add pymdownx.blocks.{extension} to markdown_extensions in mkdocs.yml: {name} is a block of it"
    else:
        remedy = did_you_mean(name.lower(), known, otherwise=f"blocks are: {', '.join(sorted(known))}" + _CODE)
    return AsrunError(f"there is no block called {name}", remedy=remedy)
