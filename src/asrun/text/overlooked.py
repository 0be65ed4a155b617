"""What was marked on a page and nobody understood: where it is, and what its author can do about it."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping

from asrun.errors import AsrunError, did_you_mean
from asrun.text.marks import Place, places

__all__ = ["CODE", "explain", "in_scripts", "left_over", "not_understood"]

CODE = re.compile(r"<(code|pre)\b.*?</\1\s*>", re.DOTALL | re.IGNORECASE)
_COMMENT = re.compile(r"<!--(?!-?>).*?--!?>", re.DOTALL)
_TICKED = re.compile(r"(?<!`)(`+)(?!`)[^`\n]*(?<!`)\1(?!`)")
"""What was meant as code, and is shown with its backticks since raw HTML is not read as Markdown."""
_SCRIPT = re.compile(r"<(script|style)\b.*?</\1\s*>", re.DOTALL | re.IGNORECASE)
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


def left_over(text: str, marked: Mapping[Place, str]) -> Iterator[Place]:
    """Find the places in the HTML of a page whose mark nobody took off, though it is shown, and not as code."""
    shown = _TICKED.sub("", _COMMENT.sub("", CODE.sub("", text)))
    for place in places(shown):
        if place in marked:
            yield place


def in_scripts(text: str) -> set[Place]:
    """Find the places within scripts and styles, where braces mean something else."""
    return {place for found in _SCRIPT.finditer(text) for place in places(found[0])}


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
