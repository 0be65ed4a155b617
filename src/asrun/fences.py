"""Finds fenced code in Markdown, for all who must not look into it."""

from __future__ import annotations

import re
from collections.abc import Sequence

__all__ = ["LEAD", "end_of_fence"]

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
