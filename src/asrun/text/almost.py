"""Finds what an author meant for us and Markdown reads as something else: options that are none, fences that run on."""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Iterator, Mapping, Sequence

from asrun.errors import AsrunError
from asrun.model import Where
from asrun.text.comments import find_comments
from asrun.text.fences import end_of_fence, opened_fence
from asrun.text.marks import is_ours

__all__ = ["doubtful_comments", "doubtful_fences", "lost_options"]

_OPTION = re.compile(r"(?P<indent>\W*)(?P<name>[A-Za-z_]+)[ \t]*[:=\uff1a](?:\s|$)")


def lost_options(
    path: str,
    lines: Sequence[str],
    numbers: Sequence[int],
    headers: Mapping[int, str],
    known: Mapping[str, Collection[str]],
) -> Iterator[AsrunError]:
    """Find lines under headers that look like options, and stand where Markdown reads them as content.

    Arguments:
        path: What messages call the page.
        lines: The page.
        numbers: The number of each of them in its file.
        headers: The name of the block that starts at a line.
        known: The options of each kind of block.
    """
    for at, number in enumerate(numbers):
        options = known.get(headers.get(number, "").lower(), ())
        if not options:
            continue
        margin = re.match(r"[^/]*", lines[at])
        lead = margin.end() if margin else 0
        below, direct = at + 1, True
        while below < len(lines) and re.match(r"[ >]{4}\s*\S", lines[below][lead:]):
            below += 1
        while below < len(lines) and not lines[below].strip(" >"):
            below, direct = below + 1, False
        if below == len(lines) or end_of_fence(lines, below) > below:
            continue
        if (found := _OPTION.match(lines[below][lead:])) and (name := _meant(found, options, direct)):
            yield AsrunError(
                f"this line is no option of the {headers[number]} block above, though it looks like {name}:",
                where=Where(path, numbers[below]),
                remedy="options stand right under the header, without an empty line, indented by four spaces",
            )


def _meant(found: re.Match[str], options: Collection[str], direct: bool) -> str:
    """The option that a line looks like; an empty name where it looks like none."""
    written = found["name"]
    if written in options or (direct and written.lower() in options):
        return written.lower()
    # A mistyped name is one only where it is indented, or else a caption could not begin with a word and a colon.
    near = difflib.get_close_matches(written, options, n=1, cutoff=0.75) if found["indent"] else []
    return near[0] if near else ""


def doubtful_comments(path: str, lines: Sequence[str], numbers: Sequence[int]) -> Iterator[AsrunError]:
    """Find comments that hide something of ours and run on to the end of another."""
    for each in find_comments(lines):
        inside = [*lines[each.line : each.last], lines[each.last][: each.end]]
        inside[0] = inside[0][each.column + len("<!--") :]
        if any(map(is_ours, inside)) and "<!--" in "\n".join(inside):
            yield AsrunError(
                "this comment is open still where another begins, and hides what is between",
                where=Where(path, numbers[each.line]),
                remedy="close it with -->",
            )


def doubtful_fences(path: str, lines: Sequence[str], numbers: Sequence[int]) -> Iterator[AsrunError]:
    """Find fences that hide something of ours and may not end where their author believes."""
    hides, open_at, at = False, [], 0
    while at < len(lines):
        last = end_of_fence(lines, at)
        if last == at:
            if opened_fence(lines[at]):
                open_at.append(at)
        elif any(map(is_ours, lines[at + 1 : last])):
            hides = True
            fence = opened_fence(lines[at])
            inner = next((n for n in range(at + 1, last) if opened_fence(lines[n]).startswith(fence)), None)
            if inner is not None:
                yield AsrunError(
                    f"this fence is open still where another begins (line {numbers[inner]}), and hides what is between",
                    where=Where(path, numbers[at]),
                    remedy=f"close it with {fence}; one that shall show other fences is longer than they are",
                )
        at = last + 1
    for at in open_at if hides or any(is_ours(line) for n in open_at for line in lines[n:]) else ():
        yield AsrunError(
            "this fence does not end", where=Where(path, numbers[at]), remedy="close it with as many marks as it begins"
        )
