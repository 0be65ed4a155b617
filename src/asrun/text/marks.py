"""Marks in Markdown text that remember the line they came from, until an error needs it.

Python-Markdown forgets line numbers before blocks and inlines are parsed. So, before anything else sees the text, each
`{{`, each `[@`, each line that begins with `///`, and whatever else looks as if it were meant for us gets its line
number in characters of Unicode's private use area. Whoever understands the text takes the mark off. What is left in
code is stripped at the very end; what is left anywhere else was not understood, and its author is told.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from functools import partial

from asrun.text.comments import find_comments
from asrun.text.fences import end_of_fence

__all__ = ["BAR", "END", "MARK", "Marked", "Place", "is_ours", "mark_lines", "places", "strip_marks", "take_mark"]

_OPEN, _CLOSE = "\ue000", "\ue001"
_ADDED = "\ue003"
"""Follows a bar that a header without an argument was given, so that its mark is an argument."""
BAR = "\ue002"
"""Stands for `|` inside `{{ … }}`, where a table would take it for the end of a cell."""
MARK = rf"{_OPEN}(\d+)(?::(\d+))?{_CLOSE}"
"""A line, and the column where that says more than the line does: two groups of a match."""
END = rf"(?m)(?:^|\n)[ ]{{0,3}}(/{{3,}})[ ]*(?:{MARK})?[ ]*(?:\n|$)"
"""The line that ends a block, which is marked too: what is left of it ended nothing."""

Place = tuple[int, int]
"""A line and a column; the column is 0 where a mark has none."""

_UNSEEN = "\u00a0\u00ad\u200b-\u200f\u2060\ufeff"
"""Characters that a reader does not see, or takes for a space."""
_GAP = rf"[\s{_UNSEEN}]"
_INLINE = re.compile(
    r"\{\{(?:(?P<value>.*?)(?P<end>\}\}))?"
    r"|(?P<work>\[@(?:[^\]`{\n]*\])?)"
    r"|(?P<closing>\}\})"
    r"|(?P<apart>(?<!\\)\{[^\w{\n]{1,3}\{)"
    r"|(?P<far>\[[^\w\[\](){}`@]{1,3}@(?=\w))"
    # A word with a bracket or an @ in it, which may be the key of a work.
    r"|(?P<word>(?<![\w:@\[.-])(?:(?!\[@)[\w:@\[\].-])*?(?:@|\[(?!@))(?:(?!\[@)[\w:@\[\].-])*)"
    rf"|(?P<block>(?<![\w:/])/{{2,}}{_GAP}*(?P<kind>[a-zA-Z]+){_GAP}*(?=[|¦│｜]|$))"
)
_ADDRESS = re.compile(r"\([^\s()]+(?:\s+[\"'][^)\n]*)?\)")
_TARGET = re.compile(r" {0,3}\[(?P<name>[^\]\n]+)\]:")
"""What stands behind the text of a link, and what says where one leads that is named."""
_PARTS = re.compile(r"[\[\]@]|[.:]+$")
_ANY = re.compile(MARK)
_LEAD = r"(?:[ \t>]|[-*+:][ \t]|\d+[.)][ \t]|\[\^[^\]\s]+\]:)*"
"""What may stand before a header: an indent, quote marks, the mark of a list, of a definition or of a footnote."""
_SLASHES = re.compile(rf"(?P<lead>{_LEAD})/{{3,}}{_GAP}*(?P<rest>.*)$")
_HEADER = re.compile(r"(?P<name>[a-zA-Z][\w-]*)[ \t]*(?:\|.*)?$")
_OURS = re.compile(rf"\{{\{{|\[@|^{_LEAD}/{{3,}}", re.MULTILINE)
_ENTITY = re.compile(r"\{\{|\[@|/{3,}")
_AWAY = 0xFA500
_HIDDEN = {ord(character): chr(_AWAY + ord(character)) for character in "/`~{}[]$<\\@&|!"}
"""What stands for characters in comments that Markdown would act on."""
_HIDDEN_ANY = re.compile(f"[{''.join(_HIDDEN.values())}]")


@dataclass
class Marked:
    """The lines of a page with marks, and what they mark."""

    lines: list[str] = field(default_factory=list)
    headers: dict[int, str] = field(default_factory=dict)
    """The name of the block that starts at a line."""
    places: dict[Place, str] = field(default_factory=dict)
    """What was marked where: `value`, `work`, `end`; and what only looks like something of ours."""
    hidden: dict[int, str] = field(default_factory=dict)
    """Lines of fences in which something would be of ours, were it no code."""


def mark_lines(
    lines: Sequence[str],
    numbers: Sequence[int],
    foreign: Collection[str],
    *,
    ours: Collection[str] = (),
    works: Collection[str] = (),
) -> Marked:
    """Mark what may be cited from.

    Arguments:
        lines: The page.
        numbers: The number of each of them in its file.
        foreign: Names of blocks that are not ours, whose headers are not marked.
        ours: Names of blocks that are.
        works: Keys of the works that can be cited.
    """
    marked = Marked()
    lines = _with_comments(lines, numbers, marked)
    targets = {found["name"].lower() for found in map(_TARGET.match, lines) if found and found["name"][0] != "^"}
    inline = partial(_mark_inline, marked, {name.lower() for name in ours}, works, targets)
    skip_to = -1
    for at, line in enumerate(lines):
        number = numbers[at]
        if at <= skip_to:
            if _OURS.search(line):
                marked.hidden[number] = line
            marked.lines.append(line)
            continue
        skip_to = max(skip_to, end_of_fence(lines, at))
        if skip_to > at:
            marked.lines.append(line)
            continue
        found = _SLASHES.match(line)
        if found and not found["rest"]:
            line = line.rstrip() + _mark(number, len(found["lead"]) + 1)
            marked.places[number, len(found["lead"]) + 1] = "end"
        elif found and (name := _name(found["rest"])).lower() not in foreign:
            marked.headers[number] = name
            bar = "" if "|" in line or not _HEADER.match(found["rest"]) else f" | {_ADDED}"
            line = _INLINE.sub(partial(inline, number, len(found[0]) - len(found["rest"])), line)
            line = line.rstrip() + bar + _mark(number)
        else:
            line = _INLINE.sub(partial(inline, number, -1), line)
        marked.lines.append(line)
    return marked


def _name(rest: str) -> str:
    """The name in a header, or what stands in its place."""
    found = re.match(r"[\w-]+", rest)
    return found[0] if found else rest.split()[0]


def _mark(line: int, column: int = 0) -> str:
    return f"{_OPEN}{line}:{column}{_CLOSE}" if column else f"{_OPEN}{line}{_CLOSE}"


def _mark_inline(
    marked: Marked,
    ours: Collection[str],
    works: Collection[str],
    targets: Collection[str],
    line: int,
    begin: int,
    match: re.Match[str],
) -> str:
    if match.start() < begin:
        # The header itself.
        return match[0]
    if match["word"] and (_leads(match) or not _is_almost(match["word"], works)):
        return match[0]
    if match["kind"] and match["kind"].lower() not in ours:
        return match[0]
    if match["work"] and _is_link(match, targets) and not _is_almost(match["work"], works):
        return match[0]
    place = line, match.start() + 1
    mark = _mark(*place)
    if match["work"]:
        marked.places[place] = "work"
        return "[@" + mark + match["work"][2:]
    kinds = ("closing", "apart", "far", "word", "block")
    if kind := next((kind for kind in kinds if match[kind]), ""):
        marked.places[place] = kind
        return match[0] + mark
    marked.places[place] = "value"
    if not match["end"]:
        return match[0] + mark
    # A citation within a value is none.
    return "{{" + mark + match["value"].replace("|", BAR) + "}}"


def _is_almost(word: str, works: Collection[str]) -> bool:
    """Whether a word is the key of a work with a bracket or an @ where none belongs."""
    parts = _PARTS.split(word)
    key = "".join(parts)
    if key in works or "@" not in word:
        return key in works
    return any(part in works for part in parts) or bool(difflib.get_close_matches(key, works, n=1, cutoff=0.85))


def _is_link(match: re.Match[str], targets: Collection[str]) -> bool:
    """Whether `[@name]` is a link to somebody, or says where such a link leads."""
    behind, name = match.string[match.end() :], match["work"][1:-1].lower()
    if named := re.match(r"\[([^\]\n]*)\]", behind):
        return (named[1].lower() or name) in targets
    return name in targets or bool(_ADDRESS.match(behind))


def _leads(match: re.Match[str]) -> bool:
    """Whether `[name]` is a link, or the target of links."""
    return match["word"].endswith("]:") or (match["word"][-1] == "]" and match.string[match.end() :][:1] in ("(", "["))


def _with_comments(lines: Sequence[str], numbers: Sequence[int], marked: Marked) -> list[str]:
    """Hide what is in comments from Markdown, with a mark for the case that it does not take them for such."""
    made = list(lines)
    for each in reversed(find_comments(lines)):
        for at in range(each.line, each.last + 1):
            begin = each.column + len("<!--") if at == each.line else 0
            end = each.end - len("-->") if at == each.last else len(lines[at])
            hide = partial(_hide, marked, numbers[at], begin)
            made[at] = made[at][:begin] + _ENTITY.sub(hide, lines[at][begin:end]).translate(_HIDDEN) + made[at][end:]
    return made


def _hide(marked: Marked, line: int, begin: int, match: re.Match[str]) -> str:
    place = line, begin + match.start() + 1
    marked.places[place] = "comment"
    return match[0] + _mark(*place)


def is_ours(text: str) -> bool:
    """Whether something in a text would be of ours, were it no code."""
    return bool(_OURS.search(text))


def take_mark(text: str) -> tuple[str, int | None]:
    """Take the mark off the end of a block's header, and return the rest and the line; marks of values in it stay."""
    found = re.search(rf"{MARK}\s*$", text)
    return (text[: found.start()].replace(_ADDED, "").strip(), int(found[1])) if found else (text.strip(), None)


def places(text: str) -> list[Place]:
    """List what is marked in a text."""
    return [(int(line), int(column or 0)) for line, column in _ANY.findall(text)]


def strip_marks(text: str) -> str:
    """Take all marks off a text."""
    plain = _ANY.sub("", text.replace(f" | {_ADDED}", "").replace(_ADDED, "")).replace(BAR, "|")
    return _HIDDEN_ANY.sub(lambda found: chr(ord(found[0]) - _AWAY), plain)
