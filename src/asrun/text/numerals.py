"""Find numbers in prose that look measured and have no source.

A number is sourced when it is a value (`{{ … }}`), stands in a claim, or is arithmetic in view (`400 × 0.5 = 200`, a
formula). It does not look measured when it is small and whole, a year, an ordinal, or names a thing (`Figure 9`,
`Python 3.11`). What is left is either a mistake, or stated by its author for a reason:

    <!-- stated 400, 0.75: chosen for this exercise -->

holds from its line to the next heading or slide. Kinds of numbers that need no reason anywhere in a project, such as
settings, are patterns in mkdocs.yml.
"""

from __future__ import annotations

import ast
import operator
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from asrun.text.fences import end_of_fence
from asrun.text.patterns import Pattern

__all__ = ["Unsourced", "find_unsourced"]

_COUNTED = 12
"""Whole numbers up to here are counted, not measured."""

_YEARS = range(1940, 2040)

_NUMBER = re.compile(
    r"(?<![\w.,#/×-])(?P<sign>[-−±~≈]?)(?P<digits>\d{1,3}(?:[\u202f\u00a0 ,]\d{3})+(?!\d)(?:\.\d+)?|\d+(?:\.\d+)?)"
    r"(?P<power>\s?×\s?10(?:\^[-−]?\d+|[⁻⁰¹²³⁴-⁹]+))?(?P<unit>\s?%|\s?percent\b)?(?![\w^]|[-/×]\w)"
)
_NAMED = re.compile(
    r"(?:figures?|tables?|sections?|chapters?|appendix|equations?|exercises?|questions?|steps?|lines?|pages?|p\.|pp\.|"
    r"items?|parts?|lessons?|slides?|decks?|version|python|pytorch|torch|keras|numpy|issue|pull request|arxiv|"
    r"seed|level|option|no\.|§)\s*$",
    re.IGNORECASE,
)
_STATED = re.compile(r"<!--\s*stated\s+(?P<numbers>[^:]*?)\s*:\s*(?P<reason>.*?)\s*-->")
_ORDINAL = re.compile(r"(?:^|(?<=\*\*)|(?<=__))[ \t>]*\d+[.)](?=\s|\*\*|__)")
_BLANKED = re.compile(
    r"<!--.*?-->"  # comments
    r"|(?P<tick>`+)(?!`).*?(?<!`)(?P=tick)(?!`)"  # code
    r"|\{\{.*?\}\}|\[@[^\]]*\]"  # values and citations
    r"|\]\([^)]*\)|\]\[[^\]]*\]|<https?:[^>]*>|https?://\S+"  # addresses
    r"|\{:?[ \t]*[.#][^}]*\}|<[a-zA-Z/][^<>]*>"  # attributes and tags
    r"|&#?\w+;"
)
_FORMULA = re.compile(r"(?P<mark>\$\$?)(?P<formula>[^$]+?)(?P=mark)(?!\d)")
_BARE = re.compile(r"[\s\d.,±%\\-]*")
_ARITHMETIC = re.compile(
    r"(?P<sum>[\d.(][\d.\s()\u202f]*+[+*/·×÷−–-][\d.\s()\u202f+*/·×÷−–-]*+[=≈]\s*[−-]?\d[\d.\u202f]*\s?%?)"
    # Where a run of numbers and signs is no sum, none of its ends is one: it is read once.
    r"|[\d.(][\d.\s()\u202f+*/·×÷−–-]*+"
)
_HEADING = re.compile(r"\s{0,3}(?:#{1,6}\s|---+\s*$|--+\s*$)")
_HEADER = re.compile(r"[ \t>]*/{3,}[ \t]*(?P<name>\w+)[ \t]*\|?")
_END = re.compile(r"[ \t>]*/{3,}[ \t]*$")
_OPTION = re.compile(r"[ \t>]{4,}\S")


@dataclass(frozen=True)
class Unsourced:
    """A number without a source, and where it is."""

    number: str
    line: int
    column: int
    around: str
    """A few words on each side."""
    wrong: str = ""
    """What is wrong with arithmetic in view, where that is it."""


def find_unsourced(
    lines: Sequence[str],
    first_line: int = 1,
    allowed: Sequence[Pattern | re.Pattern[str]] = (),
    *,
    sourced: Collection[str] = (),
    asking: Collection[str] = (),
) -> list[Unsourced]:
    """Find the numbers of a page that look measured and have no source.

    Arguments:
        lines: The page's Markdown, without front matter.
        first_line: Number of the first of them in its file.
        allowed: What needs no source: a number within a match is left alone.
        sourced: Names of blocks that are decided or computed, in which no number needs another source.
        asking: Names of blocks whose header readers read; that of any other is a name.
    """
    prose = _prose(lines, sourced, asking)
    return [found for _, each in _by_section(prose, first_line, allowed) for found in each]


def _by_section(
    prose: Iterable[tuple[int, str]], first_line: int, allowed: Sequence[Pattern | re.Pattern[str]]
) -> Iterator[tuple[int, list[Unsourced]]]:
    stated: set[str] = set()
    for at, line in prose:
        if _HEADING.match(line):
            stated = set()
        for note in _STATED.finditer(line):
            if note["reason"]:
                stated |= {_plain(number) for number in re.split(r"\s*(?:,|;)\s+|\s+and\s+", note["numbers"])}
        yield at, list(_in_line(line, first_line + at, stated, allowed))


def _prose(lines: Sequence[str], sourced: Collection[str], asking: Collection[str]) -> Iterator[tuple[int, str]]:
    """Go through the lines that readers read as prose."""
    at, block, options, display = 0, False, False, False
    while at < len(lines):
        line, last = lines[at], end_of_fence(lines, at)
        if last > at:
            at = last + 1
            continue
        header = _HEADER.match(line)
        if header and header["name"].lower() in sourced:
            block = True
        elif block:
            block = not _END.match(line)
        elif header:
            options = True
            if header["name"].lower() in asking:
                yield at, " " * header.end() + line[header.end() :]
        elif options and _OPTION.match(line):
            pass
        elif line.strip().startswith("$$") and line.count("$$") == 1:
            display, options = not display, False
        elif not display:
            options = False
            yield at, line
        at += 1


def _in_line(
    line: str, number: int, stated: set[str], allowed: Sequence[Pattern | re.Pattern[str]]
) -> Iterator[Unsourced]:
    text = _BLANKED.sub(_blank, line)
    text = _FORMULA.sub(lambda found: found[0] if _BARE.fullmatch(found["formula"]) else _blank(found), text)
    text = _ORDINAL.sub(_blank, text)
    for pattern in allowed:
        text = pattern.sub(_blank, text)
    for sum_ in _ARITHMETIC.finditer(text):
        if sum_["sum"] and (wrong := _is_wrong(sum_[0])):
            yield Unsourced(sum_[0].strip(), number, sum_.start() + 1, _around(line, sum_.span()), wrong)
    text = _ARITHMETIC.sub(lambda found: _blank(found) if found["sum"] else found[0], text)
    for found in _NUMBER.finditer(text):
        if _looks_measured(found, text) and _plain(found["digits"]) not in stated:
            yield Unsourced(found[0].strip(), number, found.start() + 1, _around(line, found.span()))


def _looks_measured(found: re.Match[str], text: str) -> bool:
    named = _NAMED.search(text[max(0, found.start() - 80) : found.start()])
    if found["unit"] or found["power"] or "." in found["digits"]:
        return not named
    digits = re.sub(r"\D", "", found["digits"]).lstrip("0")
    # A number of many digits is neither counted nor a year, and int would refuse thousands of them.
    value = int(digits[:9] or 0)
    return value > _COUNTED and value not in _YEARS and not named


def _blank(found: re.Match[str]) -> str:
    return " " * len(found[0])


def _plain(number: str) -> str:
    """Write a number without what sets its thousands apart, its sign and its unit."""
    return re.sub(r"[^\d.]", "", number).rstrip(".")


def _around(line: str, span: tuple[int, int]) -> str:
    start, end = max(0, span[0] - 25), span[1] + 25
    return ("…" if start else "") + line[start:end].strip() + ("…" if end < len(line) else "")


_SIGNS = str.maketrans({"×": "*", "·": "*", "÷": "/", "−": "-", "–": "-", "\u202f": None, " ": None})
_OPERATE: Mapping[type, Callable[[float, float], float]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
}


def _is_wrong(text: str) -> str:
    """Do the arithmetic that a page shows; return what is wrong with it, if anything is."""
    left, _, right = re.split(r"([=≈])", text, maxsplit=1)
    shown = right.translate(_SIGNS)
    try:
        result = _reckon(ast.parse(left.translate(_SIGNS).strip(), mode="eval").body)
        stated = float(shown.rstrip("%")) / (100 if shown.endswith("%") else 1)
    except (SyntaxError, ValueError, ZeroDivisionError, OverflowError, RecursionError, MemoryError):
        return ""
    decimals = len(shown.rstrip("%").partition(".")[2]) + (2 if shown.endswith("%") else 0)
    # What is shown may be rounded, to any of the digits it shows.
    if abs(result - stated) <= 0.5000001 * 10.0**-decimals or (
        "≈" in text and abs(result - stated) <= 0.05 * abs(result)
    ):
        return ""
    return f"it comes to {result:.6g}"


def _reckon(node: ast.expr) -> float:
    match node:
        case ast.Constant(value=int() | float() as value):
            return float(value)
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return -_reckon(operand)
        case ast.BinOp(left=left, op=op, right=right) if type(op) in _OPERATE:
            return _OPERATE[type(op)](_reckon(left), _reckon(right))
    raise ValueError("not arithmetic")
