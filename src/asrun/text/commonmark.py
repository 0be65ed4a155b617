"""Reads slides as reveal.js does: a block begins where CommonMark begins one, which Python-Markdown sees less often.

In decks a list, a table or raw HTML follows a line of text without a blank line, a heading is `# ` and not `#`, and
HTML ends at the next blank line and Markdown goes on: `<div class="left">`, a list and `</div>` are a list in a column.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any
from xml.etree.ElementTree import Element

from markdown import Markdown
from markdown.blockprocessors import BlockProcessor, BlockQuoteProcessor, HashHeaderProcessor, SetextHeaderProcessor
from markdown.extensions import Extension
from markdown.extensions.md_in_html import MarkdownInHTMLPostprocessor
from markdown.extensions.sane_lists import SaneOListProcessor, SaneUListProcessor
from markdown.inlinepatterns import SubstituteTagInlineProcessor
from markdown.preprocessors import Preprocessor

from asrun.text.nesting import nest_lists

__all__ = ["DialectExtension", "makeExtension"]

_BLOCKS = (
    "address|article|aside|blockquote|body|center|col|colgroup|dd|details|dialog|dir|div|dl|dt|fieldset|figcaption|figure"
    "|footer|form|frame|frameset|h[1-6]|head|header|hr|html|iframe|legend|li|link|main|menu|menuitem|nav|ol|optgroup"
    "|option|p|param|section|source|summary|table|tbody|td|tfoot|th|thead|title|tr|track|ul"
)
_VERBATIM = re.compile(r"<(script|pre|style|textarea)(?=[\s>]|$)", re.IGNORECASE)
_BLOCK = re.compile(rf"</?(?:{_BLOCKS})(?=[\s/>]|$)", re.IGNORECASE)
_ATTRIBUTE = r"""\s+[^\s"'=<>`]+(?:\s*=\s*(?:[^\s"'=<>`]+|'[^']*'|"[^"]*"))?"""
_ALONE = re.compile(rf"(?:<[a-zA-Z][\w-]*(?:{_ATTRIBUTE})*\s*/?>|</[a-zA-Z][\w-]*\s*>)\s*$")
_PICTURES = re.compile(r"(?:\s*(?:<(?:img|br)\b[^>]*>|<!--.*?-->))+\s*", re.IGNORECASE | re.DOTALL)
_MARKED = re.compile(r"<([a-zA-Z][\w-]*)\b[^>]*\smarkdown(?=[\s=>/])")
_ITEM = re.compile(r" *(?:[-*+]|\d{1,9}[.)]) ")
_BULLET = re.compile(r" {0,3}(?:[-*+]|1[.)]) +\S")
_RULE = re.compile(r" {0,3}\|? *:?-+:? *(?:\| *:?-+:? *)*\|? *$")


class DialectExtension(Extension):
    """What slides understand of CommonMark beside what Python-Markdown does."""

    def extendMarkdown(self, md: Markdown) -> None:
        parser = md.parser
        md.preprocessors.register(_Nested(md), "asrun-lists", 29.5)
        md.preprocessors.register(_Html(md), "asrun-html", 22)
        parser.blockprocessors.register(_Heading(parser), "hashheader", 70)
        parser.blockprocessors.register(_Underlined(parser), "setextheader", 60)
        parser.blockprocessors.register(_Numbered(parser), "olist", 40)
        parser.blockprocessors.register(_Bulleted(parser), "ulist", 30)
        parser.blockprocessors.register(_Quote(parser), "quote", 20)
        parser.blockprocessors.register(_Interrupted(parser), "asrun-interrupted", 11)
        md.inlinePatterns.register(SubstituteTagInlineProcessor(r"\\\n", "br"), "asrun-break", 181)
        md.postprocessors.register(_Stashed(md), "raw_html", 30)


def makeExtension(**options: Any) -> DialectExtension:
    """Make the extension; Python-Markdown looks for this name."""
    return DialectExtension(**options)


class _Nested(Preprocessor):
    """Indents nested lists by four."""

    def run(self, lines: list[str]) -> list[str]:
        return nest_lists(lines)


class _Heading(HashHeaderProcessor):
    """`# A` is a heading, also behind up to three spaces; `#a` is a word."""

    RE = re.compile(r"(?:^|\n) {0,3}(?P<level>#{1,6})(?=\s|$)(?P<header>[^\n]*?)(?:[ \t]+#+)?[ \t]*(?:\n|$)")


class _Underlined(SetextHeaderProcessor):
    """A line that is an item is no heading, whatever is under it."""

    def test(self, parent: Element, block: str) -> bool:
        return not _ITEM.match(block) and bool(super().test(parent, block))


class _Numbered(SaneOListProcessor):
    """`1)` opens a list as `1.` does, and a list begins at the number that was written."""

    def __init__(self, parser: Any) -> None:
        super().__init__(parser)
        self.RE = re.compile(r"^[ ]{0,3}\d{1,9}[.)][ ]+(.*)")
        self.CHILD_RE = re.compile(r"^[ ]{0,3}((\d{1,9}[.)]))(?:[ ]+|$)(.*)")


class _Bulleted(SaneUListProcessor):
    """An item may be empty."""

    def __init__(self, parser: Any) -> None:
        super().__init__(parser)
        self.CHILD_RE = re.compile(r"^[ ]{0,3}(([*+-]))(?:[ ]+|$)(.*)")


class _Quote(BlockQuoteProcessor):
    """A blank line ends a quotation."""

    def lastChild(self, parent: Element) -> Element | None:
        # Python-Markdown asks for the quotation before, to go on with it.
        return None


class _Interrupted(BlockProcessor):
    """Ends a paragraph before the list or the table that comes right under it."""

    def test(self, parent: Element, block: str) -> bool:
        return self._at(block) > 0

    def run(self, parent: Element, blocks: list[str]) -> None:
        block = blocks.pop(0)
        lines, at = block.split("\n"), self._at(block)
        self.parser.parseBlocks(parent, ["\n".join(lines[:at])])
        blocks.insert(0, "\n".join(lines[at:]))

    @staticmethod
    def _at(block: str) -> int:
        """The line that begins another block, 0 if none does."""
        lines = block.split("\n")
        return next((at for at in range(1, len(lines)) if _BULLET.match(lines[at]) or _is_table(lines, at)), 0)


def _is_table(lines: list[str], at: int) -> bool:
    """Whether a line heads a table: the one below rules as many columns."""
    if "|" not in lines[at] or at + 1 == len(lines) or not _RULE.match(lines[at + 1]):
        return False
    return "|" in lines[at + 1] and _columns(lines[at]) == _columns(lines[at + 1])


def _columns(row: str) -> int:
    return len(re.findall(r"(?<!\\)\|", row.strip().strip("|"))) + 1


class _Raw(str):
    """HTML that stands where it was written, and in no paragraph."""


class _Stashed(MarkdownInHTMLPostprocessor):
    """Puts HTML back, without a paragraph around what is half of an element."""

    def stash_to_string(self, text: str | Element) -> str:
        return text if isinstance(text, _Raw) else super().stash_to_string(text)

    def isblocklevel(self, html: str) -> bool:
        return isinstance(html, _Raw) or super().isblocklevel(html)


class _Html(Preprocessor):
    """Takes raw HTML out, as far as CommonMark takes it for such: to a blank line, mostly, and not to the end tag."""

    def run(self, lines: list[str]) -> list[str]:
        kept: list[str] = []
        at, listed = 0, False
        while at < len(lines):
            line = lines[at]
            indent = len(line) - len(line.lstrip(" "))
            blank = not kept or not kept[-1].strip()
            if _ITEM.match(line):
                listed = True
            elif line.strip() and blank and not indent:
                listed = False
            end = self._end(lines, at, blank) if indent < 4 or (listed and blank) else at
            if end > at and not _MARKED.match(line.lstrip()):
                kept += ["", " " * indent * (indent >= 4) + self._stash("\n".join(lines[at:end])), ""]
            else:
                end = max(end, at + 1)
                kept += lines[at:end]
            at = end
        return kept

    def _stash(self, html: str) -> str:
        return self.md.htmlStash.store(html if _PICTURES.fullmatch(html) else _Raw(html))

    @staticmethod
    def _end(lines: list[str], at: int, blank: bool) -> int:
        """The line after the HTML that line `at` begins, or `at` where it begins none."""
        line = lines[at].lstrip(" ")
        if not line.startswith("<"):
            return at
        if marked := _MARKED.match(line):
            return _closed(lines, at, marked[1])
        if verbatim := _VERBATIM.match(line):
            return _after(lines, at, rf"</{verbatim[1]}\s*>")
        if line.startswith("<!--"):
            return _after(lines, at, "-->")
        if _BLOCK.match(line) or (blank and _ALONE.match(line)):
            return next((n for n in range(at, len(lines)) if not lines[n].strip()), len(lines))
        return at


def _after(lines: list[str], at: int, ending: str) -> int:
    """The line after the first that has `ending`; the end, if none has."""
    found = re.compile(ending, re.IGNORECASE)
    return next((n + 1 for n in range(at, len(lines)) if found.search(lines[n])), len(lines))


def _closed(lines: list[str], at: int, name: str) -> int:
    """The line after the one that closes the element which line `at` opens."""
    depth = 0
    for number, tag in _tags(lines[at:], name):
        depth += -1 if tag.startswith("</") else 1
        if depth == 0:
            return at + number + 1
    return len(lines)


def _tags(lines: list[str], name: str) -> Iterator[tuple[int, str]]:
    for number, line in enumerate(lines):
        for tag in re.findall(rf"</?{name}\b", line, re.IGNORECASE):
            yield number, tag
