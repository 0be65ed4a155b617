"""Finds fenced code in Markdown, for all who must not look into them."""

from __future__ import annotations

import re
from collections.abc import Sequence

__all__ = ["LEAD", "closed_fences", "end_of_fence", "opened_fence"]

LEAD = r"(?:[ \t>]|[-*+][ \t]|\d+[.)][ \t])*"
"""What may stand before a fence: an indent, quote marks, a list mark."""

_FENCE = re.compile(rf"{LEAD}(?P<fence>`{{3,}}(?!.*`)|~{{3,}})")


def end_of_fence(lines: Sequence[str], at: int) -> int:
    """The last line of the fence that line `at` opens; `at` where it opens none, or one that never closes."""
    opened = _FENCE.match(lines[at])
    if not opened:
        return at
    mark = opened["fence"]
    closing = re.compile(rf"[ \t>]*{mark[0]}{{{len(mark)},}}[ \t]*$")
    return next((number for number in range(at + 1, len(lines)) if closing.match(lines[number])), at)


def closed_fences(text: str) -> str:
    """The text with a fence that never closes closed at its end, as CommonMark does."""
    lines, at = text.split("\n"), 0
    while at < len(lines):
        last = end_of_fence(lines, at)
        if last == at and (opened := _FENCE.match(lines[at])):
            indent = re.match(r"[ \t>]*", lines[at])
            return f"{text}\n{indent[0] if indent else ''}{opened['fence']}"
        at = last + 1
    return text


def opened_fence(line: str) -> str:
    """The marks of the fence that a line opens or closes; none where it does neither."""
    opened = _FENCE.match(line)
    return opened["fence"] if opened else ""
