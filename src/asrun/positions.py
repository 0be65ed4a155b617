"""Marks in Markdown text that remember the line they came from, until an error needs it.

Python-Markdown forgets line numbers before blocks and inlines are parsed. So, before anything else sees the text, each
`{{`, each `[@` and each header of one of our blocks gets its line number in characters of Unicode's private use area.
Whoever understands the text takes the mark off; what is left in code is stripped at the very end.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from functools import partial

from asrun.fences import LEAD, end_of_fence

__all__ = ["BAR", "MARK", "mark_lines", "strip_marks", "take_mark"]

_OPEN, _CLOSE = "\ue000", "\ue001"
_ADDED = "\ue003"
"""Follows a bar that a header without an argument was given, so that its mark is an argument."""
BAR = "\ue002"
"""Stands for `|` inside `{{ … }}`, where a table would take it for the end of a cell."""
MARK = rf"{_OPEN}(\d+)(?::(\d+))?{_CLOSE}"
"""A line, and the column where that says more than the line does: two groups of a match."""

_INLINE = re.compile(r"\{\{(?:(?P<value>.*?)(?P<end>\}\}))?|\[@")
_ANY = re.compile(MARK)
_HEADER = re.compile(rf"{LEAD}/{{3,}}[ \t]*(?P<name>[a-zA-Z][\w-]*)[ \t]*(?:\|.*)?$")


def mark_lines(lines: Sequence[str], first_line: int, foreign: Collection[str]) -> tuple[list[str], dict[int, str]]:
    """Mark what may be cited from.

    Arguments:
        lines: The page.
        first_line: Number of the first of them in its file.
        foreign: Names of blocks that are not ours, whose headers are not marked.

    Returns:
        The lines with marks, and the name of the block that starts at each line.
    """
    marked: list[str] = []
    headers: dict[int, str] = {}
    skip_to = -1
    for at, line in enumerate(lines):
        if at <= skip_to:
            marked.append(line)
            continue
        skip_to = max(skip_to, end_of_fence(lines, at))
        if skip_to > at:
            marked.append(line)
            continue
        number = f"{_OPEN}{first_line + at}{_CLOSE}"
        found = _HEADER.match(line)
        line = _INLINE.sub(partial(_mark_inline, first_line + at), line)
        if found and found["name"].lower() not in foreign:
            headers[first_line + at] = found["name"]
            line = line.rstrip() + ("" if "|" in found[0] else f" | {_ADDED}") + number
        marked.append(line)
    return marked, headers


def _mark_inline(line: int, match: re.Match[str]) -> str:
    mark = f"{_OPEN}{line}:{match.start() + 1}{_CLOSE}"
    if not match["end"]:
        return match[0] + mark
    # A citation within a value is none.
    return "{{" + mark + match["value"].replace("|", BAR) + "}}"


def take_mark(text: str) -> tuple[str, int | None]:
    """Take the mark off the end of a block's header, and return the rest and the line; marks of values in it stay."""
    found = re.search(rf"{MARK}\s*$", text)
    return (text[: found.start()].replace(_ADDED, "").strip(), int(found[1])) if found else (text.strip(), None)


def strip_marks(text: str) -> str:
    """Take all marks off a text."""
    return _ANY.sub("", text.replace(f" | {_ADDED}", "").replace(_ADDED, "")).replace(BAR, "|")
