"""Finds HTML comments in Markdown: what Markdown and a browser take for one, and nothing that is shown."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from asrun.text.fences import end_of_fence

__all__ = ["Comment", "find_comments", "without_long_comments"]

_TOKEN = re.compile(r"\\[\\`<]|(?P<ticks>`+)|<!--(?!-?>)")
_BLANK = re.compile(r"\n[ \t]*\n")


@dataclass(frozen=True)
class Comment:
    """Where a comment begins, and where what is after it does: lines and columns from 0."""

    line: int
    column: int
    last: int
    end: int


def find_comments(lines: Sequence[str]) -> list[Comment]:
    """Find the comments of a page.

    One that begins at the start of a line may hold empty lines, one within a text may not. A comment that never ends is
    none: its text is shown.
    """
    text = "\n".join(lines)
    starts = [0]
    for line in lines:
        starts.append(starts[-1] + len(line) + 1)
    found: list[Comment] = []
    at, column = 0, 0
    while at < len(lines):
        if not column and (last := end_of_fence(lines, at)) > at:
            at = last + 1
            continue
        token = _TOKEN.search(lines[at], column)
        if not token:
            at, column = at + 1, 0
            continue
        begin = starts[at] + token.start()
        end = begin + len(token[0])
        if token["ticks"]:
            end = _end_of_code(text, end, token["ticks"])
        elif token[0] == "<!--":
            end = _end_of_comment(text, begin, at_start=lines[at][: token.start()] in ("", " ", "  ", "   ")) or end
        first, at = at, at + text.count("\n", starts[at], end)
        column = end - starts[at]
        if token[0] == "<!--" and end > begin + len("<!--"):
            found.append(Comment(first, token.start(), at, column))
    return found


def _end_of_code(text: str, at: int, ticks: str) -> int:
    """Where a code span ends that begins right before `at`; `at` where nothing closes it in its paragraph."""
    blank = _BLANK.search(text, at)
    closing = re.compile(rf"(?<!`){ticks}(?!`)").search(text, at, blank.start() if blank else len(text))
    return closing.end() if closing else at


def _end_of_comment(text: str, begin: int, *, at_start: bool) -> int:
    """Where a comment ends that begins at `begin`; 0 where it does not, or is not one."""
    end = text.find("-->", begin + 4)
    if end < 0:
        return 0
    inside = text[begin + 4 : end]
    if "--!>" in inside or (not at_start and ("<!--" in inside or _BLANK.search(inside))):
        return 0
    return end + 3


def without_long_comments(lines: Sequence[str]) -> list[str]:
    """The lines of a page without comments that take several lines; what is left keeps its line and column."""
    kept = list(lines)
    for each in find_comments(lines):
        if each.last > each.line:
            kept[each.line] = kept[each.line][: each.column]
            kept[each.line + 1 : each.last] = [""] * (each.last - each.line - 1)
            kept[each.last] = " " * each.end + kept[each.last][each.end :]
    return kept
