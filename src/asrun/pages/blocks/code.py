"""The block that shows a snippet's code."""

from __future__ import annotations

import re
import xml.etree.ElementTree as etree
from typing import Any

from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import PythonLexer
from pymdownx.blocks.block import type_boolean, type_string

from asrun.errors import AsrunError
from asrun.pages.blocks.base import AsrunBlock
from asrun.pages.elements import element

__all__ = ["SnippetBlock"]


def type_line_numbers(value: Any) -> str:
    """Accept `3`, `3-5` and `1, 3-5`, which YAML reads as a number or as words."""
    if isinstance(value, bool) or not isinstance(value, (int, str)):
        raise ValueError("not line numbers")
    return str(value)


class SnippetBlock(AsrunBlock):
    """`/// snippet | name`: its code.

    Options:
        section: Only this part: a marked section, or a function by its name.
        highlight: Lines to point at, counted within what is shown: `2, 5-7`.
        collapsed: `yes` shows it folded, to be opened by a reader.
    """

    NAME = "snippet"
    OPTIONS = {"section": ["", type_string], "highlight": ["", type_line_numbers], "collapsed": [False, type_boolean]}

    def begin(self, made: etree.Element) -> None:
        self.require_argument("name")
        found = self.page.context.code(self.text, self.options["section"])
        lit = _lines(self.options["highlight"], found.code.count("\n") + 1, found.path)
        made.set("class", "asrun-snippet highlight")
        link = element("a", found.path, href=self.page.links.to(f"snippets/{found.file}"))
        place = f", from line {found.line}" if self.options["section"] else ""
        source = element("p", link, place, classes="asrun-source")
        html = highlight(found.code, PythonLexer(), HtmlFormatter(nowrap=True, hl_lines=lit)).rstrip("\n")
        # A scrolling region must be reachable from the keyboard.
        body = element("div")
        body.text = self.stash(f'<pre tabindex="0"><code>{html}</code></pre>')
        if self.options["collapsed"]:
            made.append(element("details", element("summary", "Show ", element("code", found.path)), source, body))
        else:
            made.extend([source, body])


def _lines(text: str, last: int, shown: str) -> list[int]:
    """Read `2, 5-7` as numbers.

    Raises:
        AsrunError: when it cannot be read, or names lines that are not there.
    """
    lit: list[int] = []
    for part in filter(None, (each.strip() for each in text.split(","))):
        asked = re.fullmatch(r"(\d{1,6})(?:\s*-\s*(\d{1,6}))?", part)
        lines = range(int(asked[1]), int(asked[2] or asked[1]) + 1) if asked else range(0)
        if not lines or lines[0] < 1 or lines[-1] > last:
            raise AsrunError(
                f"{part} does not name lines of what is shown of {shown}",
                remedy=f"it has lines 1 to {last}; write highlight: 2, 5-7",
            )
        lit += lines
    return lit
