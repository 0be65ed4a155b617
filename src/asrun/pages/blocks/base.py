"""What all blocks share: a place in a file, and errors that are shown and noted."""

from __future__ import annotations

import xml.etree.ElementTree as etree
from typing import Any

from markdown.util import AtomicString
from pymdownx.blocks.block import Block

from asrun.errors import AsrunError, did_you_mean
from asrun.pages.elements import error_box
from asrun.pages.page import Page
from asrun.text.marks import strip_marks, take_mark

__all__ = ["ASKING", "DROPPED", "UNREADABLE", "AsrunBlock"]

UNREADABLE = "options that cannot be read"
"""Stands for options that are not YAML, or for one whose name is none."""

ASKING = "asrun-asking"
"""The class of what asks something of a reader: pages that have it load `quiz.css` and `quiz.js`."""

DROPPED = "data-dropped"
"""Marks elements that an error took the place of."""


class AsrunBlock(Block):  # type: ignore[misc]  # pymdownx has no types
    """What our blocks share: a place in a file, and errors that are shown and noted.

    What the rest of asrun must know of a kind of block, it reads here; `vocabulary` lists the kinds.
    """

    ARGUMENT = True
    PLURAL = ""
    """What several of them are called, where that is not the name and an s."""
    COUNTED = False
    """Whether the foot of a page says how many it has."""
    STATES = False
    """Whether its header is a sentence that a test decides, and is known by."""
    PROSE = True
    """Whether a number in it needs a source: one in a sentence that is decided, or in an expression, does not."""
    ASKS = False
    """Whether it asks something of a reader: its header is prose, it may have a solution, and it is styled as such."""
    refused: AsrunError | None = None
    """What is wrong with the header."""

    def _validate(self, parent: etree.Element, arg: Any, **options: Any) -> bool:
        # pymdownx would take the whole block for text, and say nothing of why.
        known = {*self.OPTIONS, "attrs"}
        right: dict[str, Any] = {}
        for name, value in options.items():
            if name not in known:
                self.refused = self.refused or self._unknown(name, value)
            else:
                right[name] = value
        text = strip_marks(take_mark(arg or "")[0])
        if self.ARGUMENT is False and text:
            self.refused = AsrunError(f"a {self.NAME} block takes no text", remedy=f"write /// {self.NAME}")
        for name, (_, read) in self.OPTIONS.items():
            try:
                read(right.get(name))
            except Exception:
                if name in right:
                    self.refused = self.refused or self._unfit(name, right.pop(name))
        self.arg_spec = None
        if super()._validate(parent, arg or "", **right):
            return True
        self.refused = self.refused or self._unfit("attrs", right.pop("attrs", None))
        return bool(super()._validate(parent, arg or "", **right))

    def _unknown(self, name: str, value: Any) -> AsrunError:
        if name == UNREADABLE and value is not None:
            name = str(value)
        elif name == UNREADABLE:
            return AsrunError(
                f"the options of this {self.NAME} block are not YAML",
                remedy="write name: value; texts with a colon, or that begin with a sign, need quotes",
            )
        if not self.OPTIONS:
            return AsrunError(f"a {self.NAME} has no option {name}", remedy="it has none; take the line out")
        return AsrunError(
            f"a {self.NAME} has no option {name}",
            remedy=did_you_mean(name, self.OPTIONS, otherwise=f"options are: {', '.join(self.OPTIONS)}"),
        )

    def _unfit(self, name: str, value: Any) -> AsrunError:
        return AsrunError(
            f"{value!r} is nothing that {name} of a {self.NAME} can be",
            remedy=f"see what is said of /// {self.NAME}; a text that YAML reads as something else needs quotes",
        )

    def on_create(self, parent: etree.Element) -> etree.Element:
        self.page: Page = self.config["extension"].page
        self.text, self.line = take_mark(self.argument)
        self.page.headers.pop(self.line, None)
        self.cited = self.page.cite(self.NAME, strip_marks(self.text), self.line)
        self.page.unfinished.append(self.cited)
        self.depth = len(self.page.unfinished)
        self.broken = self.ended = False
        made = etree.SubElement(parent, "div")
        try:
            if self.refused:
                raise self.refused
            self.begin(made)
        except AsrunError as error:
            self.fail(made, error)
        return made

    def on_end(self, block: etree.Element) -> None:
        if self.ended:
            # Where blocks in each other have as many slashes, pymdownx ends the outer one twice.
            return
        self.ended = True
        self.page.unfinished[:] = [each for each in self.page.unfinished if each is not self.cited]
        if self.broken:
            return
        try:
            if len(self.page.unfinished) >= self.depth:
                raise AsrunError(
                    f"this {self.NAME} block ends before what is in it",
                    remedy=f"give its header and its end a slash more than the block in it: //// {self.NAME} | … ////",
                )
            self.finish(block)
            if self.ASKS:
                block.set("class", f"{block.get('class', '')} {ASKING}".strip())
        except AsrunError as error:
            self.fail(block, error)

    def fail(self, made: etree.Element, error: AsrunError) -> None:
        """Show an error where the block would have been, and note it."""
        self.broken = True
        for child in list(made):
            for each in child.iter():
                # What is thrown away is never read to its end, and must not complain of that.
                each.set(DROPPED, "")
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
