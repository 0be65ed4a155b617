"""Nest lists as CommonMark does: by what is under the text of the item above, and not by four spaces.

Decks written for reveal.js indent by two; Python-Markdown would flatten them. This moves the lines of nested lists to
the columns that Python-Markdown counts in.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from asrun.text.fences import end_of_fence

__all__ = ["nest_lists"]

_ITEM = re.compile(r"(?P<indent> *)(?P<mark>[-*+]|\d{1,9}[.)])(?P<gap> +)(?=\S)")
_STEP = 4
_OPENERS = "/#<|>:`~"
"""What begins a block of its own, where a word would go on with the item above."""


def nest_lists(lines: Sequence[str]) -> list[str]:
    """Return the lines of a page with its nested lists indented by four spaces a level.

    What is not in a list stays as it is; so does a list that is indented by four already.
    """
    moved: list[str] = []
    open_items: list[int] = []
    """Columns at which the text of the open items begins, from the outermost in."""
    blank, at, shift = False, 0, 0
    while at < len(lines):
        line = lines[at]
        last = end_of_fence(lines, at)
        if not line.strip():
            moved.append(line)
            blank, at = True, at + 1
            continue
        indent = len(line) - len(line.lstrip(" "))
        item = _ITEM.match(line)
        if not item and open_items and indent < open_items[0] and (blank or line[indent] in _OPENERS):
            open_items = []
        if item and (open_items or indent < _STEP):
            while open_items and indent < open_items[-1]:
                open_items.pop()
            depth = len(open_items)
            open_items.append(len(item[0]) if len(item["gap"]) <= _STEP else indent + len(item["mark"]) + 1)
            moved.append(" " * (_STEP * depth) + line[indent:])
            shift = 0
        elif open_items and indent:
            while len(open_items) > 1 and indent < open_items[-1]:
                open_items.pop()
            # A word right under an item goes on with it, as does one right under a paragraph that was moved.
            if blank or line[indent] in _OPENERS:
                shift = _STEP * len(open_items) - open_items[-1] if indent >= open_items[-1] else 0
            block = lines[at : last + 1]
            moved += [_shifted(each, shift) for each in block]
            at = last
        else:
            moved += lines[at : last + 1]
            at = last
        blank, at = False, at + 1
    return moved


def _shifted(line: str, shift: int) -> str:
    """Move a line to the right, or to the left as far as it has spaces."""
    if not line.strip():
        return line
    if shift >= 0:
        return " " * shift + line
    return line[min(-shift, len(line) - len(line.lstrip(" "))) :]
