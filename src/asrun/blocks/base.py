"""What all blocks share: a place in a file, and errors that are shown and noted."""

from __future__ import annotations

import xml.etree.ElementTree as etree
from typing import Any

from markdown.util import AtomicString
from pymdownx.blocks.block import Block

from asrun.elements import error_box
from asrun.errors import AsrunError
from asrun.positions import strip_marks, take_mark

__all__ = ["AsrunBlock"]


class AsrunBlock(Block):
    """What our blocks share: a place in a file, and errors that are shown and noted."""

    ARGUMENT = True

    def on_create(self, parent: etree.Element) -> etree.Element:
        self.page: Any = self.config["extension"].page
        self.text, self.line = take_mark(self.argument)
        self.page.headers.pop(self.line, None)
        self.cited = self.page.cite(self.NAME, strip_marks(self.text), self.line)
        self.page.unfinished.append(self.cited)
        self.broken = False
        made = etree.SubElement(parent, "div")
        try:
            self.begin(made)
        except AsrunError as error:
            self.fail(made, error)
        return made

    def on_end(self, block: etree.Element) -> None:
        self.page.unfinished.remove(self.cited)
        if self.broken:
            return
        try:
            self.finish(block)
        except AsrunError as error:
            self.fail(block, error)

    def fail(self, made: etree.Element, error: AsrunError) -> None:
        """Show an error where the block would have been, and note it."""
        self.broken = True
        for child in list(made):
            made.remove(child)
        made.text = None
        made.append(error_box(self.page.fail(self.cited, error)))

    def begin(self, made: etree.Element) -> None:
        """Make what does not need the block's content."""

    def finish(self, made: etree.Element) -> None:
        """Make the rest, with the content in place."""

    def require_argument(self, example: str) -> None:
        if not self.text:
            raise AsrunError(f"this {self.NAME} block does not say which", remedy=f"write /// {self.NAME} | {example}")

    def stash(self, html: str) -> str:
        """Set finished HTML aside, where nothing rewrites it."""
        return AtomicString(self.md.htmlStash.store(html))
