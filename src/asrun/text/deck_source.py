"""Reads a deck: one Markdown file, cut into slides that remember their line.

The dialect is that of reveal.js, reveal-md and mkslides, so existing decks build unchanged. Where these differ or are
silent, the choices are:

- A line of exactly `---` always separates slides and `--` or `----` vertical ones, as in reveal-md, with or without
  blank lines around it. So it is never the underline of a heading: write `## Heading`, or underline with `===` or five
  dashes. A table's `---|---` row is not exactly `---`, so it stays a table row; `***` draws a rule.
- A separator inside a closed fence (of any length, indent or quote depth) is code. So is one inside an HTML comment
  that starts a line, which takes a slide out of the deck. A fence that its slide forgets to close ends with the slide.
- The first `Note:` or `Notes:` at the start of a line begins the notes; a later one is a word of theirs.
- Blank slides between separators are kept (a pause is a slide too); blank ones at the ends of the file are not slides.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from asrun.errors import AsrunError, quoted
from asrun.model import Where
from asrun.text.fences import end_of_fence
from asrun.text.front_matter import part_deck
from asrun.text.patterns import Pattern

__all__ = ["Deck", "Slide", "Stack", "parse_attributes", "parse_deck"]


@dataclass(frozen=True)
class Slide:
    """One slide: Markdown for the audience, Markdown for the speaker, and where they are in the file."""

    source: str
    line: int
    notes: str = ""
    notes_line: int = 0
    """Line of the first word of the notes; 0 where there are none."""
    attributes: dict[str, str] = field(default_factory=dict)
    """What `<!-- .slide: … -->` asks for on the section."""

    @property
    def blank(self) -> bool:
        """Whether nothing was written on it."""
        return not (self.source or self.notes or self.attributes)


Stack = tuple[Slide, ...]
"""Slides one under the other: one step to the right in the deck."""


@dataclass(frozen=True)
class Deck:
    """A parsed deck."""

    path: str
    meta: dict[str, Any]
    """The front matter."""
    slides: tuple[Stack, ...]
    first_line: int = 1
    """Number of the first line after the front matter."""
    problems: tuple[AsrunError, ...] = ()
    """What is wrong with the front matter, though it can be read."""

    def __str__(self) -> str:
        return self.path

    @property
    def count(self) -> int:
        """How many slides it has."""
        return sum(map(len, self.slides))

    def setting(self, *names: str) -> Any:
        """The first of these front matter keys that is set, also under mkslides' `slides:`."""
        nested = self.meta.get("slides")
        for scope in (self.meta, nested if isinstance(nested, dict) else {}):
            for name in names:
                if scope.get(name) is not None:
                    return scope[name]
        return None


SEPARATOR = r"^---[ \t]*$\n?"
VERTICAL = r"^(?:--|----)[ \t]*$\n?"
NOTES = r"^[ \t]*notes?:"

_COMMENT = re.compile(r" {0,3}<!--(?!\s*\.(?:slide|element)\b)")
_CUT = re.compile(r"-{2,4}[ \t]*$")
_SLIDE = re.compile(r"<!--\s*\.slide:\s*(.*?)\s*-->", re.DOTALL)
_ATTRIBUTE = re.compile(r"""([^\s"'=<>/]+)(?:\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s"'>]+)))?""")


def parse_deck(text: str, path: str) -> Deck:
    """Cut the text of a deck into slides.

    Arguments:
        text: The whole file.
        path: What errors call it.
    """
    text = text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
    parted = part_deck(text, path)
    start = len(text) - len(parted.text)
    deck = Deck(path, parted.meta, ())
    bare = _without_code(text, start)
    horizontal = _pattern(deck, SEPARATOR, "separator")
    vertical = _pattern(deck, VERTICAL, "verticalSeparator", "separator_vertical")
    notes = _pattern(deck, NOTES, "notesSeparator", "separator_notes", flags=re.IGNORECASE)

    stacks: list[list[Slide]] = [[]]
    for begin, end, opens_stack in _cuts(bare, start, horizontal, vertical):
        if opens_stack:
            stacks.append([])
        stacks[-1].append(_slide(text, bare, begin, end, notes))
    slides = _trimmed(stacks)
    if not slides:
        raise AsrunError("This deck has no slides.", where=Where(path, 1), remedy="Write one, or remove the file.")
    return Deck(path, parted.meta, slides, parted.first_line, tuple(parted.problems))


def parse_attributes(text: str) -> dict[str, str]:
    """Read `key="value" flag` as HTML does; an attribute without a value gets an empty one."""
    return {match[1]: match[2] or match[3] or match[4] or "" for match in _ATTRIBUTE.finditer(text)}


def _without_code(text: str, start: int) -> str:
    """The text with closed fences and long comments overwritten, so that offsets stay and nothing in them matches."""
    lines, pieces, at = text[start:].split("\n"), [], 0
    while at < len(lines):
        last = _end_of_block(lines, at)
        block = "\n".join(lines[at : last + 1])
        pieces.append("\0" * len(block) if last > at else block)
        at = last + 1
    return text[:start] + "\n".join(pieces)


def _end_of_block(lines: list[str], at: int) -> int:
    """The last line of the fence or comment that line `at` opens, or `at` where it opens none or never closes."""
    if _COMMENT.match(lines[at]):
        return next((n for n in range(at, len(lines)) if "-->" in lines[n]), at)
    end = end_of_fence(lines, at)
    return at if end > at and _is_forgotten(lines[at : end + 1]) else end


def _is_forgotten(block: list[str]) -> bool:
    """Whether a fence was closed by that of a later slide: between the two a slide ends, and another fence opens."""
    cut = next((at for at, line in enumerate(block) if _CUT.match(line)), len(block))
    marks = re.findall(r"`{3,}|~{3,}", block[0])
    return any(re.match(rf" {{0,3}}{marks[0]}[`~]*[ \t]*\w", line) for line in block[cut:])


def _pattern(deck: Deck, default: str, *names: str, flags: int = 0) -> Pattern:
    wanted = deck.setting(*names)
    if wanted is not None and not isinstance(wanted, (str, int, float)):
        raise AsrunError(
            f"`{names[0]}` is a regular expression, and not {quoted(wanted)}",
            where=Where(deck.path, 1),
            remedy=f"write it in quotes, or leave it out: {default!r} is used then",
        )
    return Pattern(
        default if wanted is None else str(wanted),
        f"`{names[0]}`",
        Where(deck.path, 1),
        otherwise=f"; or leave it out of the front matter: {default!r} is used then",
        flags=re.MULTILINE | flags,
    )


def _cuts(bare: str, start: int, horizontal: Pattern, vertical: Pattern) -> Iterator[tuple[int, int, bool]]:
    """Begin and end of each slide, and whether it opens a stack."""
    found = [(m.start(), m.end(), True) for m in horizontal.find(bare, start) if m.end() > m.start()]
    found += [(m.start(), m.end(), False) for m in vertical.find(bare, start) if m.end() > m.start()]
    begin, opens_stack = start, True
    for at, end, across in sorted(found, key=lambda cut: (cut[0], -cut[1])):
        if at < begin:  # overlaps the one before: the two patterns share characters
            continue
        yield begin, at, opens_stack
        begin, opens_stack = end, across
    yield begin, len(bare), opens_stack


def _slide(text: str, bare: str, begin: int, end: int, notes: Pattern) -> Slide:
    mark = notes.search(bare, begin, end)
    attributes: dict[str, str] = {}
    shown = text[begin : mark.start() if mark else end]
    # From the last comment to the first, so that offsets before it stay right.
    for comment in reversed(list(_SLIDE.finditer(bare, begin, begin + len(shown)))):
        attributes = parse_attributes(comment[1]) | attributes
        at, stop = comment.start() - begin, comment.end() - begin
        shown = shown[:at] + "\n" * comment[0].count("\n") + shown[stop:]
    source, line = _stripped(shown, text.count("\n", 0, begin) + 1)
    if not mark:
        return Slide(source, line, attributes=attributes)
    said, notes_line = _stripped(text[mark.end() : end].lstrip(" \t"), text.count("\n", 0, mark.end()) + 1)
    return Slide(source, line, said, notes_line if said else 0, attributes)


def _stripped(text: str, line: int) -> tuple[str, int]:
    """Text without the blank lines around it, and the line it then begins at. An indent is kept: it may be code."""
    lines = text.split("\n")
    first = next((n for n, content in enumerate(lines) if content.strip()), None)
    return ("", line) if first is None else ("\n".join(lines[first:]).rstrip(), line + first)


def _trimmed(stacks: list[list[Slide]]) -> tuple[Stack, ...]:
    """The stacks without the blank slides before the first and after the last written one."""
    for end in (0, -1):
        while stacks and (not stacks[end] or stacks[end][end].blank):
            if stacks[end]:
                stacks[end].pop(end)
            if not stacks[end]:
                stacks.pop(end)
    return tuple(tuple(stack) for stack in stacks)
