"""The block that shows a snippet's code."""

from __future__ import annotations

import xml.etree.ElementTree as etree

from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import PythonLexer
from pymdownx.blocks.block import type_string

from asrun import snippet as snippets
from asrun.blocks.base import AsrunBlock
from asrun.elements import element

__all__ = ["SnippetBlock"]


class SnippetBlock(AsrunBlock):
    """`/// snippet | name`: its code, whole or one `section` (a marked one, or a function by its name)."""

    NAME = "snippet"
    OPTIONS = {"section": ["", type_string]}

    def begin(self, made: etree.Element) -> None:
        self.require_argument("name")
        project = self.page.context.project
        found = snippets.find_snippet(self.text, project)
        shown = project.relative(found.path)
        code, line = snippets.whole(found), 1
        if self.options["section"]:
            code, line = snippets.section(found, self.options["section"], shown)
        made.set("class", "asrun-snippet highlight")
        link = element("a", shown, href=self.page.links.to(f"snippets/{found.path.name}"))
        place = f", from line {line}" if self.options["section"] else ""
        made.append(element("p", link, place, classes="asrun-source"))
        html = highlight(code, PythonLexer(), HtmlFormatter(nowrap=True)).rstrip("\n")
        # A scrolling region must be reachable from the keyboard.
        body = etree.SubElement(made, "div")
        body.text = self.stash(f'<pre tabindex="0"><code>{html}</code></pre>')
