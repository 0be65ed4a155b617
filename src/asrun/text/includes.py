"""Numbers the lines of a page before lines of other files are put between them, and reads the numbers afterwards.

`--8<-- "file.md"` (pymdownx.snippets) puts the text of a file in the place of a line. What is wrong in it is told at
that line.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

__all__ = ["number_lines", "read_numbers"]

_OPEN, _CLOSE = "\U000fa400", "\U000fa401"
_NUMBER = re.compile(rf"{_OPEN}(\d+){_CLOSE}")
_MARKER = re.compile(r"[ \t]*-+8<-+[ \t]*$")


def number_lines(lines: Sequence[str], first_line: int) -> list[str]:
    """Number the lines of a page, except for those that put in a file: these must stay what they are."""
    numbered: list[str] = []
    within = False
    for number, line in enumerate(lines, first_line):
        marker = bool(_MARKER.match(line))
        within ^= marker
        numbered.append(line if within or marker or "8<-" in line else f"{line}{_OPEN}{number}{_CLOSE}")
    return numbered


def read_numbers(lines: Sequence[str], first_line: int) -> tuple[list[str], list[int]]:
    """Take the numbers off, and return them; a line of another file has that of the line which put it in."""
    plain: list[str] = []
    numbers: list[int] = []
    last, own = first_line - 1, True
    for line in lines:
        found = _NUMBER.search(line)
        last = int(found[1]) if found else last + own
        own = bool(found)
        numbers.append(max(last, first_line))
        text = _NUMBER.sub("", line)
        plain.append(text if text.strip() else "")
    return plain, numbers
